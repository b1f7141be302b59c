"""Who may call, how often, and by which paths; OAuth; the account; the journal of webhooks."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from tests.sandbox.hubspot.portal import V3, Portal, portal

HEADERS = "X-HubSpot-RateLimit-"


async def form(made: Portal, path: str, **fields: Any) -> tuple[int, Any]:
    """A posted form, as the client that the ready line tells."""
    auth = made.sandbox.ready()["auth"]
    client = {"client_id": auth["client_id"], "client_secret": auth["client_secret"]}
    async with made.client.http.post(path, data={**client, **fields}) as got:
        return got.status, await got.json()


# limits ------------------------------------------------------------------------------------------------


async def test_a_burst_of_ten_seconds() -> None:
    async with portal({"limits": {"burst": 3}}) as made:
        made.sandbox.clock.stop()
        left = []
        for _ in range(3):
            got = await made.call("GET", f"{V3}/contacts")
            left.append(got.headers[f"{HEADERS}Remaining"])
        assert left == ["2", "1", "0"]
        assert got.headers[f"{HEADERS}Max"] == "3"
        assert got.headers[f"{HEADERS}Interval-Milliseconds"] == "10000"
        got = await made.call("GET", f"{V3}/contacts")
        assert got.status == 429
        assert got.body.items() >= {"status": "error", "errorType": "RATE_LIMIT"}.items()
        assert got.body["policyName"] == "TEN_SECONDLY_ROLLING"
        assert got.body["message"] == "You have reached your ten_secondly_rolling limit."
        assert "category" not in got.body
        assert "Retry-After" not in got.headers
        made.sandbox.clock.advance(10.1)
        assert (await made.call("GET", f"{V3}/contacts")).status == 200


async def test_searches_have_a_limit_of_their_own_and_no_headers() -> None:
    async with portal({"limits": {"burst": 1}}) as made:
        made.sandbox.clock.stop()
        for _ in range(5):
            got = await made.call("POST", f"{V3}/contacts/search", {})
            assert got.status == 200
            assert not any(name.startswith(HEADERS) for name in got.headers)
        got = await made.call("POST", f"{V3}/companies/search", {})
        assert (got.status, got.body["policyName"]) == (429, "SECONDLY")
        assert got.body["message"] == "You have reached your secondly limit."
        assert (await made.call("GET", f"{V3}/contacts")).status == 200


async def test_the_day_of_the_account() -> None:
    async with portal({"time_zone": "Europe/Berlin"}) as made:
        clock = made.sandbox.clock
        clock.stop()
        got = await made.call("GET", f"{V3}/contacts")
        assert got.headers[f"{HEADERS}Daily-Remaining"] == "624999"
        await made.client.control("limits", left=0)
        got = await made.call("GET", f"{V3}/contacts")
        assert (got.status, got.body["policyName"]) == (429, "DAILY")
        use = (await made.client.control("limits", quota=10, burst=5))["burst"]
        assert use == 5
        await made.client.control("limits", left=0)
        midnight = made.sandbox.limits.today().timestamp() + 86_400
        clock.advance(midnight - clock.now().timestamp() - 7200)
        if clock.now().timestamp() < midnight:
            assert (await made.call("GET", f"{V3}/contacts")).status == 429
        clock.advance(10_000)
        assert (await made.call("GET", f"{V3}/contacts")).status == 200


async def test_usage_is_told() -> None:
    async with portal() as made:
        await made.good("GET", f"{V3}/contacts")
        (use,) = (await made.good("GET", "/account-info/v3/api-usage/daily/private-apps"))["results"]
        assert (use["currentUsage"], use["usageLimit"]) == (2, 625_000)
        details = await made.good("GET", "/account-info/2026-09/details")
        assert (details["portalId"], details["timeZone"]) == (62515, "US/Eastern")


# log-ins -----------------------------------------------------------------------------------------------


async def test_a_token_that_ran_out() -> None:
    async with portal() as made:
        clock, auth = made.sandbox.clock, made.sandbox.ready()["auth"]
        clock.stop()
        status, told = await form(
            made, "/oauth/v3/token", grant_type="refresh_token", refresh_token=auth["refresh_token"]
        )
        assert (status, told["expires_in"], told["hub_id"]) == (200, 1800, 62515)
        bearer = {"Authorization": f"Bearer {told['access_token']}"}
        got = await made.client.call("GET", f"{V3}/contacts", headers=bearer)
        assert got.status == 200
        assert f"{HEADERS}Daily" not in got.headers, "OAuth is told nothing of the day"
        clock.advance(1875)
        got = await made.client.call("GET", f"{V3}/contacts", headers=bearer)
        assert (got.status, got.body["category"]) == (401, "EXPIRED_AUTHENTICATION")
        assert got.body["message"] == "The OAuth token used to make this call expired 75 second(s) ago."


async def test_no_token_and_a_revoked_one() -> None:
    async with portal() as made, aiohttp.ClientSession(made.sandbox.url) as http:
        async with http.get(f"{V3}/contacts") as got:
            assert (got.status, (await got.json())["category"]) == (401, "INVALID_AUTHENTICATION")
        made.sandbox.arm("unauthorized")
        assert (await made.call("GET", f"{V3}/contacts")).status == 401
        assert (await made.call("GET", f"{V3}/contacts")).status == 401
        await made.client.control("auth", grant=True)
        assert (await made.call("GET", f"{V3}/contacts")).status == 200


async def test_refresh_tokens() -> None:
    async with portal() as made:
        status, told = await form(made, "/oauth/v1/token", grant_type="refresh_token", refresh_token="no")
        assert status == 400
        text = "refresh token is invalid, expired or revoked"
        assert told == {
            "error": "invalid_grant",
            "error_description": text,
            "status": "BAD_REFRESH_TOKEN",
            "message": text,
        }
        status, told = await form(made, "/oauth/v3/token", grant_type="refresh_token", client_secret="no")
        assert (status, told["status"]) == (400, "BAD_CLIENT_SECRET")


async def test_a_person_connects_the_app() -> None:
    async with portal() as made:
        auth = made.sandbox.ready()["auth"]
        back = "http://127.0.0.1:9/back"
        asked = {"client_id": auth["client_id"], "redirect_uri": back, "state": "s"}
        asked["scope"] = "oauth crm.objects.contacts.read"
        async with made.client.http.get("/oauth/authorize", params=asked) as page:
            assert "Connect app" in await page.text()
        asked["decision"] = "allow"
        async with made.client.http.post("/oauth/authorize", data=asked, allow_redirects=False) as sent:
            query = parse_qs(urlsplit(sent.headers["Location"]).query)
        assert query["state"] == ["s"]
        words = {"grant_type": "authorization_code", "redirect_uri": back, "code": query["code"][0]}
        status, told = await form(made, "/oauth/v3/token", **words)
        assert (status, told["scopes"]) == (200, ["oauth", "crm.objects.contacts.read"])
        assert (await form(made, "/oauth/v3/token", **words))[1]["status"] == "BAD_AUTH_CODE"
        bearer = {"Authorization": f"Bearer {told['access_token']}"}
        assert (await made.client.call("GET", f"{V3}/contacts", headers=bearer)).status == 200
        got = await made.client.call("GET", f"{V3}/companies", headers=bearer)
        assert (got.status, got.body["category"]) == (403, "MISSING_SCOPES")
        context = got.body["errors"][0]["context"]
        assert context == {"requiredGranularScopes": ["crm.objects.companies.read"]}
        assert "scopes" in got.body["links"]


async def test_what_a_token_is() -> None:
    async with portal() as made:
        refresh = made.sandbox.ready()["auth"]["refresh_token"]
        _, told = await form(made, "/oauth/v3/token", grant_type="refresh_token", refresh_token=refresh)
        token = told["access_token"]
        _, info = await form(
            made, "/oauth/v3/token/introspect", token_type_hint="access_token", access_token=token
        )
        assert (info["active"], info["token_use"], info["hub_id"]) == (True, "access_token", 62515)
        _, info = await form(
            made, "/oauth/v3/token/introspect", token_type_hint="refresh_token", refresh_token=refresh
        )
        assert info["token_use"] == "refresh_token"
        assert (await made.call("DELETE", f"/oauth/v1/refresh-tokens/{refresh}")).status == 204
        status, _ = await form(made, "/oauth/v3/token", grant_type="refresh_token", refresh_token=refresh)
        assert status == 400


# paths -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/crm/v3/objects/contacts",
        "/crm/objects/2026-03/contacts",
        "/crm/objects/2026-09/0-1",
        "/crm/objects/2025-09/contact",
        "/crm/v3/properties/contacts",
        "/crm/properties/2026-09/contacts",
        "/crm/v3/owners",
        "/crm/v3/owners/",
        "/crm/owners/2026-09",
        "/crm/pipelines/2026-09/deals",
        "/crm/associations/2026-09/contacts/companies/labels",
        "/crm/v4/associations/contacts/companies/labels",
        "/crm-object-schemas/2026-09/schemas",
        "/crm/v3/schemas",
    ],
)
async def test_path_shapes(path: str) -> None:
    async with portal() as made:
        assert "results" in await made.good("GET", path)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/crm/objects/2024-03/contacts", 404),
        ("GET", "/crm/v9/objects/contacts", 404),
        ("GET", "/crm/v3/objectsx/contacts", 404),
        ("PUT", "/crm/v3/objects/contacts", 405),
        ("GET", "/crm/v3/objects/nothings", 400),
    ],
)
async def test_paths_that_are_none(method: str, path: str, status: int) -> None:
    async with portal() as made:
        got = await made.call(method, path)
        assert got.status == status
        assert got.body["correlationId"] == got.headers["X-HubSpot-Correlation-Id"]


async def test_another_account() -> None:
    async with portal() as made:
        await made.client.control("auth", account="other")
        assert (await made.good("GET", "/account-info/v3/details"))["portalId"] != 62515


# the journal -------------------------------------------------------------------------------------------

SUBSCRIPTIONS = "/webhooks-journal/subscriptions/2026-03"
JOURNAL = "/webhooks-journal/journal/2026-03"


async def bearer(made: Portal) -> dict[str, str]:
    """The app's own token."""
    _, told = await form(made, "/oauth/v3/token", grant_type="client_credentials")
    assert told["token_use"] == "client_credentials"
    return {"Authorization": f"Bearer {told['access_token']}"}


async def test_the_journal() -> None:
    async with portal() as made:
        ours = await bearer(made)

        async def ask(method: str, path: str, body: Any = None) -> Any:
            return await made.client.call(method, path, body, headers=ours)

        wanted = {"subscriptionType": "OBJECT", "objectTypeId": "0-1", "actions": [], "portalId": 62515}
        assert (await ask("POST", SUBSCRIPTIONS, wanted)).status == 200
        assert (await ask("GET", f"{JOURNAL}/earliest")).status == 204
        id = made.person(lastname="a", phone="1")
        made.person("companies", name="A")
        first = (await ask("GET", f"{JOURNAL}/earliest")).body
        file = (await made.client.call("GET", path_of(first["url"]), headers={})).body
        assert file["offset"] == first["currentOffset"]
        (event,) = file["journalEvents"]
        assert (event["action"], event["objectId"], event["objectTypeId"]) == ("CREATE", int(id), "0-1")
        assert event["propertyChanges"].items() >= {"lastname": "a", "phone": "1"}.items()
        after = f"{JOURNAL}/offset/{first['currentOffset']}/next"
        assert (await ask("GET", after)).status == 204
        made.sandbox.people.edit("contacts", id=id, fields={"phone": "2"})
        made.sandbox.people.edit("contacts", "delete", id=id)
        told = (await ask("GET", after)).body
        events = (await made.client.call("GET", path_of(told["url"]))).body["journalEvents"]
        assert [one["action"] for one in events] == ["UPDATE", "DELETE"]
        both = (await ask("GET", f"{JOURNAL}/batch/earliest/10")).body
        assert [one["currentOffset"] for one in both["results"]] == [
            first["currentOffset"],
            told["currentOffset"],
        ]
        made.sandbox.clock.advance(400)
        assert (await made.client.call("GET", path_of(told["url"]))).status == 403, "the link ran out"
        made.sandbox.clock.advance(3 * 86_400)
        ours.update(await bearer(made))
        assert (await ask("GET", after)).status == 404, "the window is past"


def path_of(url: str) -> str:
    """A link without its host."""
    split = urlsplit(url)
    return f"{split.path}?{split.query}"


async def test_a_snapshot_and_who_may_read_the_journal() -> None:
    async with portal() as made:
        got = await made.call("GET", f"{JOURNAL}/earliest")
        assert got.status == 403, "not with the token of an account"
        ours = await bearer(made)
        assert (await made.client.call("GET", f"{V3}/contacts", headers=ours)).status == 403
        one = {"objectId": int(made.person(lastname="a")), "objectTypeId": "0-1", "portalId": 62515}
        body = {"snapshotRequests": [{**one, "properties": ["lastname"]}]}
        got = await made.client.call("POST", "/webhooks-journal/snapshots/2026-03/crm", body, headers=ours)
        (told,) = got.body["snapshotResponses"]
        status = await made.client.call("GET", f"{JOURNAL}/status/{told['snapshotStatusId']}", headers=ours)
        assert status.body["status"] == "SUCCESS"
        latest = (await made.client.call("GET", f"{JOURNAL}/latest", headers=ours)).body
        file = (await made.client.call("GET", path_of(latest["url"]))).body
        assert file["journalEvents"][0]["propertyChanges"] == {"lastname": "a"}
