"""Every way to log in, against the sandbox that asks for it: let in, refused, and renewed once for all."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from connectors.rest import RestConnector
from connectors.rest.sandbox import RestSandbox
from syncd.core.errors import NeedsOperator, RetryLater
from tests.contract.rest_subject import OBJECTS, RestSubject

USER, PASSWORD, TOKEN = "sync@sandbox.example", "sandbox-password", "sandbox-token"
CLIENT = {"client_id": "sandbox-client", "client_secret": "sandbox-client-secret"}
CLAIMS = {"iss": "sandbox-client", "aud": "sandbox"}


def signed(secret: str) -> dict[str, Any]:
    """A JWT of our own."""
    return {"by": "jwt", "key": secret, "algorithm": "HS256", "claims": CLAIMS}


def oauth(secret: str, **more: Any) -> dict[str, Any]:
    """The token endpoint of the sandbox."""
    return {"by": "oauth2", "token_url": "{url}/oauth/token", **CLIENT, "client_secret": secret, **more}


def session(password: str, **take: Any) -> dict[str, Any]:
    """The log-in call of the sandbox."""
    login = {"path": "//auth/login", "body": {"user": "{user}", "password": "{password}"}}
    kept = {"login": login, "take": {"s": "session"}, "headers": {"X-Session": "{s}"}, **take}
    return {"by": "session", "user": USER, "password": password, **kept}


COOKIE = {"take": {"s": "cookie:session"}, "headers": {"Cookie": "session={s}"}}
MADE = {
    "login": {"method": "GET", "path": "//_sandbox/calls"},
    "take": {},
    "base64": {"both": "{user}:{password}"},
    "headers": {"Authorization": "Basic {both}"},
}
"""What a log-in gave and what we had before, made into one word."""
WAYS: Mapping[str, tuple[str, Any, str]] = {
    "bearer": ("bearer", lambda s: {"by": "bearer", "token": s}, TOKEN),
    "header": ("header", lambda s: {"by": "header", "name": "X-Api-Key", "value": s}, TOKEN),
    "query": ("query", lambda s: {"by": "query", "name": "api_key", "value": s}, TOKEN),
    "basic": ("basic", lambda s: {"by": "basic", "user": USER, "password": s}, PASSWORD),
    "session": ("session", session, PASSWORD),
    "cookie": ("session", lambda s: session(s, **COOKIE), PASSWORD),
    "base64": ("basic", lambda s: session(s, **MADE), PASSWORD),
    "jwt": ("jwt", signed, CLIENT["client_secret"]),
    "client credentials": ("oauth2", oauth, CLIENT["client_secret"]),
    "client in header": ("oauth2", lambda s: oauth(s, client_in="basic"), CLIENT["client_secret"]),
    "refresh token": (
        "oauth2",
        lambda s: oauth(s, grant="refresh_token", refresh_token="sandbox-refresh-token"),
        CLIENT["client_secret"],
    ),
    "signed grant": (
        "oauth2",
        lambda s: oauth("", grant="jwt_bearer", assertion=signed(s)),
        CLIENT["client_secret"],
    ),
}
RENEWED = ("session", "cookie", "client credentials", "refresh token", "signed grant")


def connector(subject: RestSubject, auth: dict[str, Any], **more: Any) -> RestConnector:
    """A connector under a log-in."""
    url = subject.sandbox.url
    told = {k: v.replace("{url}", url) if k == "token_url" else v for k, v in auth.items()}
    made = RestConnector("crm", {**subject.words, "url": f"{url}/api", "auth": told, **more}, subject.specs())
    subject.open.append(made)
    return made


@pytest.mark.parametrize("way", WAYS)
async def test_let_in_and_refused(way: str) -> None:
    kind, auth, secret = WAYS[way]
    async with RestSubject.running("plain", auth={"way": kind}) as subject:
        assert (await connector(subject, auth(secret)).describe()).objects
        wrong = f"{secret}-and-wrong"
        with pytest.raises(NeedsOperator) as caught:
            await connector(subject, auth(wrong)).describe()
        assert wrong not in str(caught.value)
        assert caught.value.todo


@pytest.mark.parametrize("way", RENEWED)
async def test_a_revoked_token_is_renewed_once_for_all_who_wait(way: str) -> None:
    kind, auth, secret = WAYS[way]
    async with RestSubject.running("plain", auth={"way": kind, "rotate_refresh": True}) as subject:
        ids = [await subject.create({"name": f"n{n}"}) for n in range(8)]
        made = connector(subject, auth(secret), concurrency=8)
        await made.fetch("people", ids)
        calls = subject.sandbox.calls
        before = calls["token"] + calls["login"]
        subject.sandbox.auth.revoke()
        lookup = [made.fetch("people", [one]) for one in ids]
        assert [len(found) for found in await asyncio.gather(*lookup)] == [1] * 8
        assert calls["token"] + calls["login"] == before + 1


async def test_a_token_is_renewed_before_it_ends() -> None:
    async with RestSubject.running("plain", auth={"way": "oauth2", "expires_in": 0.4}) as subject:
        made = connector(subject, oauth(CLIENT["client_secret"]))
        await made.describe()
        subject.sandbox.calls.clear()
        while subject.sandbox.calls["token"] < 2:  # each half of its life
            await made.fetch("people", ["p1"])
        assert 401 not in subject.sandbox.door.statuses


async def test_a_token_that_is_refused_again_is_for_a_person() -> None:
    async with RestSubject.running("plain", auth={"way": "oauth2"}) as subject:
        made = connector(subject, oauth(CLIENT["client_secret"]))
        await made.describe()
        fault = subject.sandbox.arm("forbidden", times=2, route="ids")
        with pytest.raises(NeedsOperator, match="403"):
            await made.fetch("people", ["p1"])
        assert fault.fired == 2, "one new log-in, then no more"


async def test_a_lock_out_passes_by_itself() -> None:
    lockout = {"lockout": {"after": 2, "seconds": 60}}
    async with RestSubject.running("plain", auth={"way": "session"}, quirks=lockout) as subject:
        for _ in range(2):
            with pytest.raises(NeedsOperator):
                await connector(subject, session("wrong")).describe()
        with pytest.raises(RetryLater) as caught:
            await connector(subject, session(PASSWORD)).describe()
        assert caught.value.after is not None
        assert 0 < caught.value.after <= 61


async def test_a_client_certificate_and_an_own_authority() -> None:
    words = {"extends": "plain", "objects": OBJECTS, "key_field": "syncd_key", "auth": {"way": "certificate"}}
    async with RestSandbox(words).serving(tls=True) as sandbox:
        assert isinstance(sandbox, RestSandbox)
        told = sandbox.ready()
        files = {k: told["auth"][k] for k in ("certificate", "key")}
        subject = RestSubject(sandbox)
        for tls, fits in (({"ca": told["ca"], **files}, True), ({"ca": told["ca"]}, False), (None, False)):
            url = f"{sandbox.url}/api"
            made = RestConnector("crm", {**subject.words, "url": url, "tls": tls}, subject.specs())
            try:
                if fits:
                    assert (await made.describe()).objects
                else:
                    with pytest.raises((NeedsOperator, RetryLater)):
                        await made.describe()
            finally:
                await made.aclose()
