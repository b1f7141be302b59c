"""Every way to log in, and TLS under a certificate made on the spot."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import ssl
from typing import Any

import aiohttp
import orjson
import pytest

from connectors.rest.sandbox import RestSandbox
from tests.sandbox.client import Client, session


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def signed_jwt(claims: dict[str, Any], secret: str) -> str:
    text = f"{b64(orjson.dumps({'alg': 'HS256'}))}.{b64(orjson.dumps(claims))}"
    return f"{text}.{b64(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())}"


async def credentials(way: str, auth: dict[str, Any], client: Client, now: float) -> dict[str, Any]:
    """What a client adds to each call, knowing the ready line only."""
    if way == "bearer":
        return {"headers": {"Authorization": f"Bearer {auth['token']}"}}
    if way == "header":
        return {"headers": {auth["name"]: auth["key"]}}
    if way == "query":
        return {"params": {auth["name"]: auth["key"]}}
    if way == "basic":
        return {"headers": {"Authorization": aiohttp.encode_basic_auth(auth["user"], auth["password"])}}
    if way == "session":
        user = {"user": auth["user"], "password": auth["password"]}
        got = await client.call("POST", auth["login_url"], user)
        client.http.cookie_jar.clear()
        return {"headers": {auth["header"]: got.body["session"]}}
    if way == "jwt":
        claims = {"iss": auth["client_id"], "aud": auth["audience"], "exp": now + 60}
        return {"headers": {"Authorization": f"Bearer {signed_jwt(claims, auth['secret'])}"}}
    return {}


@pytest.mark.parametrize("way", ["bearer", "header", "query", "basic", "session", "jwt", "none"])
async def test_a_way_to_log_in(way: str) -> None:
    sandbox = RestSandbox({"auth": {"way": way}})
    async with sandbox.serving(), session(sandbox.url) as client:
        without = await client.get("/api/contacts")
        assert without.status == (200 if way == "none" else 401)
        auth = sandbox.ready()["auth"]
        assert auth["way"] == way
        proof = await credentials(way, auth, client, sandbox.clock.now().timestamp())
        assert (await client.call("GET", "/api/contacts", **proof)).status == 200
        assert (await client.call("GET", "/api/contacts", **proof)).status == 200
        if way != "none":
            await client.control("auth", revoke=True)
            assert (await client.call("GET", "/api/contacts", **proof)).status == 401


async def grant(client: Client, auth: dict[str, Any], **form: str) -> Any:
    both = {"client_id": auth["client_id"], "client_secret": auth["client_secret"]}
    return await client.call("POST", auth["token_url"], data=aiohttp.FormData({**both, **form}))


async def test_oauth_tokens_run_out_and_are_refreshed() -> None:
    sandbox = RestSandbox({"auth": {"way": "oauth2", "rotate_refresh": True, "expires_in": 60}})
    async with sandbox.serving(), session(sandbox.url) as client:
        auth = sandbox.ready()["auth"]
        got = await grant(client, auth, grant_type="client_credentials")
        bearer = {"Authorization": f"Bearer {got.body['access_token']}"}
        assert (await client.call("GET", "/api/contacts", headers=bearer)).status == 200
        sandbox.clock.advance(61)
        assert (await client.call("GET", "/api/contacts", headers=bearer)).status == 401
        refresh = {"grant_type": "refresh_token", "refresh_token": auth["refresh_token"]}
        renewed = await grant(client, auth, **refresh)
        bearer = {"Authorization": f"Bearer {renewed.body['access_token']}"}
        assert (await client.call("GET", "/api/contacts", headers=bearer)).status == 200
        again = await grant(client, auth, **refresh)
        assert (again.status, again.body["error"]) == (400, "invalid_grant"), "two refreshes raced"
        assert "refresh_token" in renewed.body
        wrong = await grant(client, auth | {"client_secret": "x"}, grant_type="client_credentials")
        assert (wrong.status, wrong.body["error"]) == (401, "invalid_client")
        assertion = signed_jwt(
            {"iss": auth["client_id"], "aud": "sandbox", "exp": sandbox.clock.now().timestamp() + 60},
            auth["client_secret"],
        )
        kind = "urn:ietf:params:oauth:grant-type:jwt-bearer"
        assert (await grant(client, auth, grant_type=kind, assertion=assertion)).status == 200
        assert (await grant(client, auth, grant_type=kind, assertion=assertion[:-4])).status == 400


async def test_another_account_after_a_new_log_in() -> None:
    sandbox = RestSandbox({"auth": {"way": "none"}})
    async with sandbox.serving(), session(sandbox.url) as client:
        assert (await client.get("/api/_me")).body["account"] == "sandbox"
        await client.control("auth", account="another")
        assert (await client.get("/api/_me")).body["account"] == "another"


async def test_tls_under_the_certificate_of_the_ready_line() -> None:
    sandbox = RestSandbox({"auth": {"way": "none"}})
    async with sandbox.serving(tls=True):
        ready = sandbox.ready()
        assert ready["url"].startswith("https://127.0.0.1:")
        trusting = await context(ready["ca"])
        async with session(ready["url"], tls=trusting) as client:
            assert (await client.get("/api/contacts")).status == 200
        async with session(ready["url"].replace("127.0.0.1", "localhost"), tls=trusting) as client:
            assert (await client.get("/api/contacts")).status == 200
        async with session(ready["url"]) as client:
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await client.get("/api/contacts")


async def context(ca: str, *pair: str) -> ssl.SSLContext:
    made = await asyncio.to_thread(ssl.create_default_context, cafile=ca)
    if pair:
        await asyncio.to_thread(made.load_cert_chain, *pair)
    return made


async def test_a_client_certificate() -> None:
    sandbox = RestSandbox({"auth": {"way": "certificate"}})
    async with sandbox.serving(tls=True):
        ready = sandbox.ready()
        async with session(ready["url"], tls=await context(ready["ca"])) as client:
            assert (await client.get("/api/contacts")).status == 401
        shown = await context(ready["ca"], ready["auth"]["certificate"], ready["auth"]["key"])
        async with session(ready["url"], tls=shown) as client:
            assert (await client.get("/api/contacts")).status == 200


async def test_rates_and_a_quota_that_another_tool_eats() -> None:
    limits = {"per_second": 1, "burst": 2, "quota": 100}
    sandbox = RestSandbox({"auth": {"way": "none"}, "limits": limits})
    async with sandbox.serving(), session(sandbox.url) as client:
        sandbox.clock.stop()
        got = [await client.get("/api/contacts") for _ in range(3)]
        assert [g.status for g in got] == [200, 200, 429]
        assert got[1].headers["X-RateLimit-Remaining"] == "98"
        assert got[2].headers["Retry-After"] == "1"
        sandbox.clock.advance(1)
        await client.control("limits", left=1)
        assert (await client.get("/api/contacts")).status == 200
        sandbox.clock.advance(5)
        gone = await client.get("/api/contacts")
        assert (gone.status, gone.code, gone.headers["X-RateLimit-Remaining"]) == (429, "quota_exceeded", "0")
        sandbox.clock.advance(86_400)
        assert (await client.get("/api/contacts")).status == 200
