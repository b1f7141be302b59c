"""Webhooks: how a delivery is verified, and where it says what changed."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field, SecretStr, model_validator

from connectors.rest.options.base import Texts, Words

SIGNED = {"body", "timestamp", "method", "path"}
"""What a signature may be made over."""


class VerifyWords(Words):
    """Who may send: proven by a signature or a token."""

    by: Literal["hmac", "token", "none"] = Field(
        description="A signature, a token, or nothing: then anybody may send, and each id is only looked at."
    )
    secret: SecretStr | None = Field(default=None, description="The signing secret, or the token.")
    header: str | None = Field(default=None, description="The header with the signature or token.")
    query: str | None = Field(default=None, description="The query parameter with the token.")
    algorithm: Literal["sha1", "sha256", "sha384", "sha512"] = Field(
        default="sha256", description="The hash of the signature."
    )
    encoding: Literal["hex", "base64"] = Field(default="hex", description="How the signature is written.")
    prefix: str = Field(default="", description="What stands before it, such as sha256=.")
    over: str = Field(
        default="{body}",
        description="What is signed: {body}, {timestamp}, {method}, {path} and your own text.",
    )
    timestamp: str | None = Field(default=None, description="The header with the time of sending.")
    timestamp_form: str = Field(default="unix", description="How it is written: unix, ms, iso.")

    @model_validator(mode="after")
    def _complete(self) -> VerifyWords:
        if self.by != "none" and not (self.secret and self.secret.get_secret_value()):
            raise ValueError("needs a secret")
        if self.by == "hmac" and self.header is None:
            raise ValueError("needs the header of the signature")
        if self.by == "token" and (self.header is None) == (self.query is None):
            raise ValueError("needs the header or the query parameter of the token")
        if "{timestamp}" in self.over and self.timestamp is None:
            raise ValueError("signs a {timestamp}: name its header under timestamp")
        if self.by == "hmac":
            self._signs_enough()
        return self

    def _signs_enough(self) -> None:
        unknown = set(re.findall(r"{(\w+)}", self.over)) - SIGNED
        if unknown:
            raise ValueError(f"over: there is no {{{min(unknown)}}}; there are {', '.join(sorted(SIGNED))}")
        if "{body}" not in self.over:
            raise ValueError("over leaves the {body} out: another could be sent under the same signature")
        if self.timestamp is not None and "{timestamp}" not in self.over:
            raise ValueError("over leaves the {timestamp} out: an old delivery could be sent as a new one")


class HandshakeWords(Words):
    """What the vendor asks before it sends anything: a value that is to be sent back."""

    query: str | None = Field(
        default=None, description="The query parameter with it, such as hub.challenge …"
    )
    body: str | None = Field(
        default=None, description="… or where in the JSON body it is, such as challenge."
    )
    answer: Literal["text", "json"] = Field(
        default="text", description="Sent back as plain text, or as JSON under the same name."
    )
    token: SecretStr | None = Field(default=None, description="What must come with it, if anything.")
    token_at: str | None = Field(
        default=None, description="Where the token is: a query parameter, or a path in the body."
    )

    @model_validator(mode="after")
    def _complete(self) -> HandshakeWords:
        if (self.query is None) == (self.body is None):
            raise ValueError(
                "needs either the `query` parameter or the place in the `body` that is sent back"
            )
        if (self.token is None) != (self.token_at is None):
            raise ValueError("needs both `token` and `token_at`, or neither")
        return self


class WebhookWords(Words):
    """What a delivery says."""

    verify: VerifyWords = Field(description="How its sender is known.")
    handshake: HandshakeWords | None = Field(
        default=None, description="How the vendor asks whether the address is ours."
    )
    events: str = Field(default="", description="Where the events are: a list, or one.")
    object: str | None = Field(
        default=None, description="Where an event names the object; absent: the only one."
    )
    objects: dict[str, str] = Field(default={}, description="The API's names there, and the objects here.")
    id: str = Field(default="id", description="Where it names the record.")
    op: str | None = Field(default=None, description="Where it says what happened.")
    deletes: Texts = Field(default=[], description="What stands there for a delete.")
    version: str | None = Field(default=None, description="Where it has the record's version.")
    at: str | None = Field(default=None, description="Where it says when.")
    at_form: Any = Field(default="iso", description="How that is written; see `feed`.")
    tolerance: float = Field(default=300.0, gt=0, description="How old a signature may be, in seconds.")
