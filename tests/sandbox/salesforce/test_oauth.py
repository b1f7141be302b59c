"""Log-ins over OAuth: each grant, the page that asks a person, who one is, the end of a session."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.sandbox.salesforce.clients import Answer, Org, org

BACK = "http://localhost:1717/OauthRedirect"
TOKEN = "/services/oauth2/token"
VERIFIER = "a-verifier-of-forty-three-characters-or-more"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


@pytest.fixture
async def crm() -> AsyncIterator[Org]:
    async with org() as made:
        yield made


def told(crm: Org) -> dict[str, Any]:
    found: dict[str, Any] = crm.sandbox.ready()["auth"]
    return found


async def token(crm: Org, **form: str) -> Answer:
    """The token endpoint's answer; the client's name and secret go along."""
    auth = told(crm)
    known = {"client_id": auth["client_id"], "client_secret": auth["client_secret"]}
    return await crm.call("POST", TOKEN, urlencode({**known, **form}))


async def works(crm: Org, access_token: str) -> int:
    headers = {"Authorization": f"Bearer {access_token}"}
    return (await crm.call("GET", "limits", headers=headers)).status


async def test_what_a_token_answer_holds(crm: Org) -> None:
    got = await token(crm, grant_type="client_credentials")
    assert (got.status, got.headers["Cache-Control"]) == (200, "no-store")
    assert set(got.body) == {
        "access_token",
        "signature",
        "scope",
        "instance_url",
        "id",
        "token_type",
        "issued_at",
    }
    assert (got.body["instance_url"], got.body["token_type"]) == (crm.sandbox.url, "Bearer")
    assert got.body["issued_at"].isdigit()
    assert await works(crm, got.body["access_token"]) == 200
    org_id, user = got.body["id"].rsplit("/", 2)[1:]
    assert (org_id, user) == (crm.sandbox.world.org_id, crm.sandbox.world.users["api"])


@pytest.mark.parametrize(
    ("form", "error", "said"),
    [
        ({"grant_type": "magic"}, "unsupported_grant_type", "grant type not supported"),
        (
            {"grant_type": "client_credentials", "client_secret": "x"},
            "invalid_client",
            "invalid client credentials",
        ),
        (
            {"grant_type": "client_credentials", "client_id": "x"},
            "invalid_client_id",
            "client identifier invalid",
        ),
        (
            {"grant_type": "refresh_token", "refresh_token": "x"},
            "invalid_grant",
            "expired access/refresh token",
        ),
        ({"grant_type": "authorization_code", "code": "x"}, "invalid_grant", "invalid authorization code"),
        ({"grant_type": "password", "username": "x"}, "invalid_grant", "authentication failure"),
    ],
)
async def test_refused_log_ins(crm: Org, form: dict[str, str], error: str, said: str) -> None:
    got = await token(crm, **form)
    assert (got.status, got.body) == (400, {"error": error, "error_description": said})


async def test_client_credentials_are_not_for_the_log_in_hosts(crm: Org) -> None:
    form = {"grant_type": "client_credentials", **{n: told(crm)[n] for n in ("client_id", "client_secret")}}
    got = await crm.call("POST", TOKEN, urlencode(form), headers={"Host": "login.salesforce.com"})
    assert got.body["error_description"] == "request not supported on this domain"


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({}, None),
        ({"aud": "https://test.salesforce.com"}, None),
        ({"aud": "https://evil.example"}, "audience is invalid"),
        ({"exp": 1}, "invalid assertion"),
        ({"iss": "stranger"}, "client identifier invalid"),
        ({"sub": "lee@sandbox.example"}, "user hasn't approved this consumer"),
    ],
)
async def test_jwt_bearer(crm: Org, claims: dict[str, Any], said: str | None) -> None:
    auth = told(crm)
    soon = int(crm.sandbox.clock.now().timestamp()) + 180
    good = {
        "iss": auth["client_id"],
        "sub": auth["username"],
        "aud": "https://login.salesforce.com",
        "exp": soon,
    }
    assertion = jwt.encode({**good, **claims}, auth["private_key"], algorithm="RS256")
    got = await token(crm, grant_type="urn:ietf:params:oauth:grant-type:jwt-bearer", assertion=assertion)
    assert got.body.get("error_description") == said
    assert (got.status, "refresh_token" in got.body) == (400 if said else 200, False)


async def test_a_jwt_of_another_key_does_not_hold(crm: Org) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    claims = {"iss": told(crm)["client_id"], "sub": told(crm)["username"], "aud": crm.sandbox.url}
    soon = int(crm.sandbox.clock.now().timestamp()) + 180
    for assertion in (jwt.encode({**claims, "exp": soon}, key, algorithm="RS256"), "nonsense", "a.b.c"):
        got = await token(crm, grant_type="urn:ietf:params:oauth:grant-type:jwt-bearer", assertion=assertion)
        assert got.body == {"error": "invalid_grant", "error_description": "invalid assertion"}


async def ask(crm: Org, decide: str = "Allow", **more: str) -> Answer:
    """A person sees the page, and decides."""
    asked = {
        "response_type": "code",
        "client_id": told(crm)["client_id"],
        "redirect_uri": BACK,
        "scope": "api refresh_token",
        "state": "s1",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **more,
    }
    page = await crm.get("/services/oauth2/authorize", **asked)
    if page.status != 200:
        return page
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.body.split("<button")[0]))
    assert fields == asked
    return await crm.call("POST", "/services/oauth2/authorize", urlencode({**fields, "save": decide}))


def answered(got: Answer) -> dict[str, str]:
    """What the browser takes back to the client."""
    split = urlsplit(got.headers["Location"])
    assert (got.status, f"{split.scheme}://{split.netloc}{split.path}") == (302, BACK)
    return {name: values[0] for name, values in parse_qs(split.query).items()}


async def test_an_authorization_code_with_pkce(crm: Org) -> None:
    back = answered(await ask(crm))
    assert back["state"] == "s1"
    form = {"grant_type": "authorization_code", "code": back["code"], "redirect_uri": BACK}
    got = await token(crm, **form, code_verifier=VERIFIER)
    assert got.body["scope"] == "api refresh_token"
    again = await token(crm, grant_type="refresh_token", refresh_token=got.body["refresh_token"])
    assert [await works(crm, one.body["access_token"]) for one in (got, again)] == [200, 200]
    assert (await token(crm, **form, code_verifier=VERIFIER)).body["error"] == "invalid_grant", (
        "a code serves once"
    )


async def test_codes_that_are_not_taken(crm: Org) -> None:
    for form, late, said in (
        ({"code_verifier": "another"}, 0, "invalid code verifier"),
        ({"redirect_uri": "http://localhost:1/x"}, 0, "redirect_uri must match configuration"),
        ({}, 1000, "expired authorization code"),
    ):
        code = answered(await ask(crm))["code"]
        crm.sandbox.clock.advance(late)
        good = {"grant_type": "authorization_code", "redirect_uri": BACK, "code_verifier": VERIFIER}
        assert (await token(crm, **{**good, **form, "code": code})).body["error_description"] == said


async def test_what_the_page_refuses(crm: Org) -> None:
    assert answered(await ask(crm, "Deny"))["error"] == "access_denied"
    assert (await ask(crm, client_id="x")).status == 400
    assert "redirect_uri_mismatch" in (await ask(crm, redirect_uri="https://evil.example/")).body
    assert answered(await ask(crm, response_type="token"))["error"] == "unsupported_response_type"


async def test_who_one_is(crm: Org) -> None:
    user = crm.sandbox.world.users["api"]
    got = await crm.get("/services/oauth2/userinfo")
    assert (got.body["user_id"], got.body["organization_id"]) == (user, crm.sandbox.world.org_id)
    assert (await crm.call("GET", urlsplit(got.body["id"]).path)).body["username"] == told(crm)["username"]
    before = crm.sandbox.world.org_id
    await crm.control("auth", account="other")
    other = (await crm.get("/services/oauth2/userinfo")).body["organization_id"]
    assert other != before
    assert (await crm.rows("SELECT Id FROM Organization")) == [{"Id": other}]


async def test_a_session_lives_on_while_it_is_used(crm: Org) -> None:
    first = told(crm)["access_token"]
    for _ in range(3):
        crm.sandbox.clock.advance(7000)
        assert await works(crm, first) == 200
    crm.sandbox.clock.advance(7201)
    got = await crm.get("limits")
    assert (got.status, got.body) == (
        401,
        [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}],
    )


async def test_who_one_is_no_longer(crm: Org) -> None:
    id = (await crm.get("/services/oauth2/userinfo")).body["id"]
    crm.sandbox.auth.revoke()
    for path in ("/services/oauth2/userinfo", urlsplit(id).path):
        got = await crm.get(path)
        assert (got.status, got.body) == (403, "Bad_OAuth_Token")


async def test_revoking(crm: Org) -> None:
    refresh, access = told(crm)["refresh_token"], told(crm)["access_token"]
    assert (await crm.call("POST", "/services/oauth2/introspect", urlencode({"token": access}))).body[
        "active"
    ]
    for one in (access, refresh):
        assert (await crm.call("POST", "/services/oauth2/revoke", urlencode({"token": one}))).status == 200
    assert await works(crm, access) == 401
    got = await token(crm, grant_type="refresh_token", refresh_token=refresh)
    assert got.body["error_description"] == "expired access/refresh token"
    assert (await crm.call("POST", "/services/oauth2/revoke", urlencode({"token": "x"}))).status == 400


async def test_refresh_tokens_that_serve_once() -> None:
    async with org({"auth": {"rotate_refresh": True, "reuse_revokes": True}}) as crm:
        first = told(crm)["refresh_token"]
        got = await token(crm, grant_type="refresh_token", refresh_token=first)
        again = await token(crm, grant_type="refresh_token", refresh_token=got.body["refresh_token"])
        assert await works(crm, again.body["access_token"]) == 200
        assert (await token(crm, grant_type="refresh_token", refresh_token=first)).status == 400
        assert await works(crm, again.body["access_token"]) == 401, "all that came of the log-in is void"
        last = again.body["refresh_token"]
        assert (await token(crm, grant_type="refresh_token", refresh_token=last)).status == 400


async def test_a_lock_out() -> None:
    async with org({"quirks": {"lockout": {"after": 2, "seconds": 60}}}) as crm:
        for _ in range(2):
            await token(crm, grant_type="client_credentials", client_secret="x")
        got = await token(crm, grant_type="client_credentials")
        assert got.body == {"error": "invalid_grant", "error_description": "login rate exceeded"}
        crm.sandbox.clock.advance(61)
        assert (await token(crm, grant_type="client_credentials")).status == 200
