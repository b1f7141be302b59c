"""The authorization code grant of the kit, judged by a client that was not written for it (Authlib)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client

from connectors.rest.sandbox import RestSandbox

BACK = "http://127.0.0.1:8688/callback"
VERIFIER = "a-verifier-of-at-least-forty-three-characters-0123456789"


@pytest.fixture
async def sandbox() -> AsyncIterator[RestSandbox]:
    auth = {"way": "oauth2", "rotate_refresh": True, "reuse_revokes": True, "answer": {"api_domain": "eu"}}
    async with RestSandbox({"auth": auth}).serving() as serving:
        assert isinstance(serving, RestSandbox)
        yield serving


def client(told: dict[str, Any], **more: Any) -> AsyncOAuth2Client:
    """Authlib's client, with all that the ready line tells it."""
    known = {"client_id": told["client_id"], "client_secret": told["client_secret"]}
    options = {"redirect_uri": BACK, "code_challenge_method": "S256", "scope": "read write", **more}
    return AsyncOAuth2Client(
        **known, token_endpoint=told["token_url"], revocation_endpoint=told["revoke_url"], **options
    )


async def decide(address: str, told: dict[str, Any], **answer: str) -> httpx.Response:
    """What a browser does: read the page, fill its form, send it."""
    async with httpx.AsyncClient() as browser:
        page = await browser.get(address)
        assert page.status_code == 200, page.text
        hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text))
        form = {**hidden, "user": told["user"], "password": told["password"], "answer": "allow", **answer}
        return await browser.post(str(httpx.URL(address).join("authorize")), data=form)


async def test_a_code_is_traded_for_tokens_that_rotate_and_can_be_revoked(sandbox: RestSandbox) -> None:
    told = sandbox.ready()["auth"]
    async with client(told) as oauth:
        address, state = oauth.create_authorization_url(told["authorize_url"], code_verifier=VERIFIER)
        back = await decide(address, told)
        assert back.status_code == 303
        assert parse_qs(urlsplit(back.headers["Location"]).query)["state"] == [state]
        token = await oauth.fetch_token(
            authorization_response=back.headers["Location"], state=state, code_verifier=VERIFIER
        )
        assert token["api_domain"] == "eu"
        assert token["scope"] == "read write"
        assert (await oauth.get(f"{sandbox.url}/api/_me")).status_code == 200
        newer = await oauth.refresh_token(told["token_url"], token["refresh_token"])
        assert newer["refresh_token"] != token["refresh_token"]
        with pytest.raises(OAuthError, match="invalid_grant"):
            await oauth.refresh_token(told["token_url"], token["refresh_token"])
        with pytest.raises(OAuthError, match="invalid_grant"):
            await oauth.refresh_token(told["token_url"], newer["refresh_token"])  # the reuse voided it all
        assert (await oauth.get(f"{sandbox.url}/api/_me")).status_code == 401


async def test_revoking_ends_the_whole_log_in(sandbox: RestSandbox) -> None:
    told = sandbox.ready()["auth"]
    async with client(told) as oauth:
        address, state = oauth.create_authorization_url(told["authorize_url"], code_verifier=VERIFIER)
        back = (await decide(address, told)).headers["Location"]
        token = await oauth.fetch_token(authorization_response=back, state=state, code_verifier=VERIFIER)
        done = await oauth.revoke_token(told["revoke_url"], token["refresh_token"], "refresh_token")
        assert done.status_code == 200
        assert (await oauth.get(f"{sandbox.url}/api/_me")).status_code == 401
        with pytest.raises(OAuthError, match="invalid_grant"):
            await oauth.refresh_token(told["token_url"], token["refresh_token"])


async def test_a_code_serves_once_and_only_its_verifier_and_redirect(sandbox: RestSandbox) -> None:
    told = sandbox.ready()["auth"]

    async def code() -> str:
        async with client(told) as oauth:
            address, _ = oauth.create_authorization_url(told["authorize_url"], code_verifier=VERIFIER)
            back = (await decide(address, told)).headers["Location"]
            return parse_qs(urlsplit(back).query)["code"][0]

    async def redeem(code: str, verifier: str = VERIFIER, redirect: str = BACK) -> Any:
        async with client(told, redirect_uri=redirect) as oauth:
            return await oauth.fetch_token(code=code, code_verifier=verifier, grant_type="authorization_code")

    for wrong in ({"verifier": VERIFIER[::-1]}, {"redirect": "http://127.0.0.1:1/callback"}):
        with pytest.raises(OAuthError, match="invalid_grant"):
            await redeem(await code(), **wrong)
    once = await code()
    token = await redeem(once)
    with pytest.raises(OAuthError, match="used before"):
        await redeem(once)
    assert token["refresh_token"] not in sandbox.auth.refresh, "a stolen code must not leave tokens behind"
    late = await code()
    sandbox.clock.advance(61)
    with pytest.raises(OAuthError, match="invalid_grant"):
        await redeem(late)


async def test_the_page_asks_again_says_no_and_sends_nobody_elsewhere(sandbox: RestSandbox) -> None:
    told = sandbox.ready()["auth"]
    async with client(told) as oauth, httpx.AsyncClient() as browser:
        address, _ = oauth.create_authorization_url(told["authorize_url"], code_verifier=VERIFIER)
        again = await decide(address, told, password="wrong")
        assert (again.status_code, "the log-in is not valid" in again.text) == (200, True)
        denied = await decide(address, told, answer="deny")
        assert "error=access_denied" in denied.headers["Location"]
        for wrong, status in (
            (address.replace("127.0.0.1%3A8688", "evil.example"), 400),
            (address.replace("sandbox-client", "nobody"), 400),
        ):
            assert (await browser.get(wrong)).status_code == status
        plain = address.replace("code_challenge_method=S256", "code_challenge_method=plain")
        assert "error=invalid_request" in (await browser.get(plain)).headers["Location"]
