"""HubSpot's limits: what answers tell of them, what comes when they are gone, and whose portal it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.base import Meter, ObjectSpec
from connectors.http import Answer
from connectors.hubspot import HubSpotConnector
from connectors.hubspot.budgets import AGAIN, DAY, Budgets, zone_of
from connectors.hubspot.sandbox import HubSpotSandbox
from connectors.login import Account
from syncd.core.errors import NeedsOperator, RetryLater

TEN = {
    "X-HubSpot-RateLimit-Max": "190",
    "X-HubSpot-RateLimit-Remaining": "150",
    "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
}
DAILY = {"X-HubSpot-RateLimit-Daily": "625000", "X-HubSpot-RateLimit-Daily-Remaining": "600000"}
NOON = {"Date": "Sun, 01 Mar 2026 12:00:00 GMT"}


def heard(*headers: Mapping[str, str], zone: Mapping[str, Any] | None = None, status: int = 200) -> Meter:
    """What is told after one answer with these headers."""
    budgets = Budgets()
    budgets.zone = zone_of(zone) if zone is not None else None
    budgets.heard(Answer(status, {k: v for one in headers for k, v in one.items()}, b"{}"))
    return budgets.meter


@asynccontextmanager
async def connected(**profile: Any) -> AsyncIterator[tuple[HubSpotSandbox, HubSpotConnector]]:
    async with HubSpotSandbox(profile).serving() as sandbox:
        words = {"url": sandbox.url, "auth": {"token": sandbox.auth.options.token}, "searches": 1000}
        connector = HubSpotConnector("hub", words, [ObjectSpec("contacts", ("firstname",))])
        try:
            yield sandbox, connector
        finally:
            await connector.aclose()


def test_a_day_ends_at_the_accounts_midnight() -> None:
    told = heard(DAILY, NOON, zone={"timeZone": "Asia/Tokyo"})
    assert (told.remaining, told.limit, told.resets_in, told.window) == (600_000, 625_000, 3 * 3600, None)
    told = heard(DAILY, NOON, zone={"timeZone": "Mars/Olympus", "utcOffsetMilliseconds": -3_600_000})
    assert told.resets_in == 13 * 3600
    told = heard(DAILY, NOON)
    assert (told.resets_in, told.window) == (AGAIN, DAY), "nobody knows when: 24 hours are always enough"


@pytest.mark.parametrize(("left", "wait"), [(190, None), (20, None), (19, 10 / 190), (1, 10 / 190), (0, 1.0)])
def test_the_last_calls_of_ten_seconds_are_spread(left: int, wait: float | None) -> None:
    told = heard(TEN, {"X-HubSpot-RateLimit-Remaining": str(left)})
    assert told.wait == wait
    assert (told.remaining, told.limit) == (None, None), "an app of OAuth hears nothing of the day"


def test_the_limit_of_ten_seconds_is_told_by_answers() -> None:
    budgets = Budgets()
    assert budgets.meter.burst is None, "until then that of the smallest plan is kept"
    budgets.heard(Answer(200, TEN, b"{}"))
    budgets.heard(Answer(200, DAILY, b"{}"))
    budgets.sent()
    assert budgets.meter.burst == (190, 10.0)


def test_headers_that_say_nothing() -> None:
    assert heard({}).heard == 0
    for word in ("", "x", "-1", "1e3", "９", "1" * 13):
        assert heard({**TEN, "X-HubSpot-RateLimit-Remaining": word}).wait is None
        assert heard({**TEN, "X-HubSpot-RateLimit-Max": word, **DAILY}).remaining == 600_000
    assert heard(TEN, {"Retry-After": "7"}, status=429).wait == 7.0


async def test_ten_seconds_that_are_used_up() -> None:
    async with connected(limits={"burst": 10, "search": None}) as (sandbox, connector):
        waits: list[float | None] = []
        with pytest.raises(RetryLater) as caught:
            for _ in range(11):
                await connector.describe()
                waits.append(connector.meter().wait)
        assert (caught.value.after, caught.value.uncertain) == (10.0, False)
        assert waits == [None] * 8 + [1.0, 1.0], "told before it is too late: of ten, one is a tenth"
        sandbox.clock.advance(10.1)
        await connector.describe()


async def test_a_day_that_is_used_up() -> None:
    async with connected(limits={"quota": 4}) as (sandbox, connector):
        assert await connector.identify() == Account("62515", "portal 62515")
        for _ in range(3):
            await connector.describe()
        assert connector.meter().remaining == 0
        with pytest.raises(RetryLater) as caught:
            await connector.describe()
        left = timedelta(seconds=caught.value.after or 0)
        assert timedelta() < left <= timedelta(hours=1), "to midnight, or to ask again in an hour"
        day = connector.client.counted.until_midnight(datetime.now(UTC))
        assert day is not None
        sandbox.clock.advance(day + 5)
        await connector.describe()


async def test_searches_keep_to_a_limit_of_their_own() -> None:
    async with connected(limits={"search": 1}) as (sandbox, connector):
        sandbox.people.edit("contacts", "create", fields={"lastname": "x"})
        pages = [page async for page in connector.read_changes("contacts", None)]
        with pytest.raises(RetryLater) as caught:
            async for _ in connector.read_changes("contacts", pages[-1].cursor):
                pass
        assert caught.value.after == 1.0


async def test_searches_are_spread_over_the_second() -> None:
    async with HubSpotSandbox({}).serving() as sandbox:
        words = {"url": sandbox.url, "auth": {"token": sandbox.auth.options.token}}
        connector = HubSpotConnector("hub", words, [ObjectSpec("contacts", ("firstname",))])
        try:
            since = None
            for _ in range(8):
                async for page in connector.read_changes("contacts", since):
                    since = page.cursor
        finally:
            await connector.aclose()
        assert sandbox.door.calls["search.find contacts"] == 8
        assert sandbox.door.statuses[429] == 0, "five a second, and they come one after the other at once"


async def test_another_portal_is_another_account() -> None:
    async with connected() as (sandbox, connector):
        first = await connector.identify()
        sandbox.account = "another"
        assert await connector.identify() != first


async def test_a_scope_that_is_missing_is_no_matter_for_a_new_log_in() -> None:
    async with HubSpotSandbox({"auth": {"scopes": ("oauth",)}}).serving() as sandbox:
        told = sandbox.ready()["auth"]
        auth = {name: told[name] for name in ("client_id", "client_secret", "refresh_token")}
        specs = [ObjectSpec("contacts", ("firstname", "hubspot_owner_id.email"))]
        connector = HubSpotConnector("hub", {"url": sandbox.url, "auth": auth}, specs)
        try:
            for _ in range(2):
                with pytest.raises(NeedsOperator, match="crm") as caught:
                    await connector.describe()
                assert "Give the app one of the scopes" in str(caught.value)
            assert sandbox.calls["token"] == 1
            assert connector.login is not None
            assert connector.login.browser is not None
            assert connector.login.browser.scope.split()[-1] == "crm.objects.owners.read"
        finally:
            await connector.aclose()


@pytest.mark.parametrize(
    ("scope", "what"),
    [
        ("crm.objects.contacts.read", "read it"),
        ("crm.objects.contacts.write", "write it"),
        ("crm.objects.deals.read", None),
    ],
)
async def test_a_scope_that_will_be_missed_is_told_before(scope: str, what: str | None) -> None:
    scopes = [one for one in HubSpotSandbox({}).auth.options.scopes if one != scope]
    async with HubSpotSandbox({"auth": {"scopes": scopes}}).serving() as sandbox:
        words = {"url": sandbox.url, "auth": {"token": sandbox.auth.options.token}}
        specs = [ObjectSpec("contacts", ("firstname", "hubspot_owner_id.email"))]
        connector = HubSpotConnector("hub", words, specs)
        try:
            notes = (await connector.describe()).objects["contacts"].notes
        finally:
            await connector.aclose()
        wanted = [f"the app may not {what}: it lacks the scope {scope}"] if what is not None else []
        assert [note for note in notes if "scope" in note] == wanted
