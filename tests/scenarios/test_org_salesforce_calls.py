"""How many of the org's calls the sync of its data takes: its share of the day's, few for many changes."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime, timedelta

import pytest

from connectors.salesforce.sandbox import SalesforceSandbox
from connectors.salesforce.sandbox.quota import Quota
from syncd.core.clock import SystemClock
from syncd.core.errors import RetryLater
from syncd.store.store import Store
from tests.scenarios.conftest import MakeSalesforceOrg
from tests.scenarios.edits import Edit, People
from tests.scenarios.salesforce_faults import SHOWN
from tests.scenarios.salesforce_org import SalesforceOrg
from tests.support.rig import Rig

DAY = 300
"""Calls that the org has in a day; 40 % of them are ours."""
OURS = 120
QUARTER, HOUR = 900.0, 3600.0
"""Seconds after which it is asked again whether a day's quota that is gone is back."""


async def test_never_above_the_share_and_the_reserve_serves_people(
    make_salesforce_org: MakeSalesforceOrg,
) -> None:
    org = await make_salesforce_org(
        way="poll", options=["quota: {share: 40%, reserve: 10%}"], limits={"quota": DAY}
    )
    async with org.running() as daemon:
        await org.until(org.at_rest)
        await daemon.said("calls are few and far between", within=180)
        await org.hands["erp"].execute("update persons set tel = 'waits'")
        await org.until(lambda: _waiting(org))
        told = (await org.syncd("status", "--json")).json()["daemon"]["says"]["quota"]["org"]
        assert (told["ours"], told["limit"]) == (OURS, DAY)
        assert (await daemon.stop())[0] == 0
    used = _used(org)
    assert OURS / 2 < used <= OURS, "counted at the org"
    done = await org.syncd("reconcile", "--json")
    assert {found["reason"] for found in done.json()["differences"]} == {"behind"}, done.out
    assert used < _used(org) < DAY


def _used(org: SalesforceOrg) -> int:
    assert isinstance(org.sandbox.limits, Quota)
    return org.sandbox.limits.used


async def _waiting(org: SalesforceOrg) -> bool:
    return (await org.left()).get("outbox", 0) > 1000


class Hurried(SystemClock):
    """The machine's clock, but sleep takes no time: this clock and the org's are put forward."""

    def __init__(self, sandbox: SalesforceSandbox) -> None:
        self.sandbox, self.ahead = sandbox, 0.0

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.ahead)

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead

    async def sleep(self, seconds: float) -> None:
        self.ahead += max(0.0, seconds)
        self.sandbox.clock.advance(max(0.0, seconds))
        await asyncio.sleep(0)


async def test_the_days_calls_are_gone_and_come_back(
    make_salesforce_org: MakeSalesforceOrg, store: Store
) -> None:
    org = await make_salesforce_org(way="poll")
    clock = Hurried(org.sandbox)
    rig = await Rig.make(store, org.folder / "syncd.yaml", clock)
    try:
        await rig.settle()
        assert await org.at_rest()
        await org.hands["erp"].execute("update persons set job = 'Waits' where mail like 'lead%'")
        for id in org.in_org("contact", "LastName", "Lead7"):
            org.edit(id, Phone="waits, too")
        org.sandbox.limits.left = 0
        for _ in range(3):
            with pytest.raises(RetryLater, match="no API calls left") as refused:
                await rig.settle()
            assert refused.value.after == QUARTER
            await clock.sleep(QUARTER)
        assert org.sandbox.door.statuses[403] == 3, "one call in a quarter of an hour"
        org.evidence.saw("F16", org.sandbox.door.statuses[403])
        org.sandbox.clock.advance(25 * HOUR)
        await rig.settle()
        assert await org.at_rest()
    finally:
        await rig.aclose()
    assert len(org.in_org("contact", "Title", "Waits")) == 40
    assert org.evidence.proven() == SHOWN["quota"]


TICKS, EACH = 5, 50
"""Ticks of two seconds, for which writes may linger, with so many edits on each side: 50 a second."""
POLLS = 4 / 500
"""Polls for a change: of four objects, each ten seconds."""


async def test_a_steady_stream_takes_one_call_for_twenty_changes(
    make_salesforce_org: MakeSalesforceOrg,
) -> None:
    """Calls but polls are counted, whose number hangs on the time that it takes here."""
    org = await make_salesforce_org(way="poll", options=["linger: 2s"])
    people = People(org, seed=11)
    people.elsewhere["org"] = org.change
    async with org.running() as daemon:
        await org.until(org.at_rest)
        before = Counter(org.sandbox.calls)
        for edits in await _of_contacts(people):
            for side, found in edits.items():
                await people.do(side, found, size=EACH)
            await org.until(org.at_rest)
        assert (await daemon.stop())[0] == 0
    calls = Counter(org.sandbox.calls) - before
    others = sum(n for call, n in calls.items() if call.split()[0] not in ("list", "token"))
    assert await people.lost() == []
    assert calls["batch Contact"] >= 1
    changes = 2 * TICKS * EACH
    print(f"{others} calls but polls for {changes} changes: {dict(calls)}")
    assert others / changes + POLLS <= 0.05


async def _of_contacts(people: People) -> list[dict[str, list[Edit]]]:
    """Of each side's edits of contacts so many for each tick."""
    made = await people.edits(alone=1500, together=0)
    links = await people.org.links(people.org.cons)
    mine = {
        side: [edit for edit in found if links[edit.record][1].startswith("003")]
        for side, found in made.items()
    }
    people.made = [edit for found in mine.values() for edit in found[: TICKS * EACH]]
    return [{side: found[n * EACH :][:EACH] for side, found in mine.items()} for n in range(TICKS)]
