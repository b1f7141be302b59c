"""Errors as the service tells them: a gRPC status, and in the trailers its own code and the call's id."""

from __future__ import annotations

import uuid
from typing import Any, NoReturn

import grpc

COMMON = "sfdc.platform.eventbus.grpc."
Status = grpc.StatusCode


class Refusal(Exception):
    """A refusal; `code` without the common beginning."""

    def __init__(self, status: Any, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def unauthenticated() -> Refusal:
    """The session is not valid."""
    text = "An authentication exception occurred. Provide valid authentication via metadata headers."
    return Refusal(Status.UNAUTHENTICATED, "service.auth.error", text)


def bad_headers() -> Refusal:
    """A header is missing or empty."""
    text = "Authentication header value is invalid or blank: accesstoken, instanceurl, tenantid are required."
    return Refusal(Status.UNAUTHENTICATED, "service.auth.headers.invalid", text)


def no_topic(name: str) -> Refusal:
    """There is no such channel."""
    return Refusal(Status.NOT_FOUND, "topic.not.found", f"The topic {name!r} does not exist.")


def bad_argument(code: str, message: str) -> Refusal:
    """The request makes no sense."""
    return Refusal(Status.INVALID_ARGUMENT, code, message)


def unavailable() -> Refusal:
    """It may work in a while."""
    return Refusal(Status.UNAVAILABLE, "service.unavailable", "The Pub/Sub API service is unavailable.")


async def abort(context: Any, refusal: Refusal) -> NoReturn:
    """End a call with a refusal."""
    rpc = str(uuid.uuid4())
    trailers = (("error-code", COMMON + refusal.code), ("rpc-id", rpc))
    await context.abort(refusal.status, f"{refusal.message} rpcId: {rpc}", trailers)
    raise AssertionError("abort raises")
