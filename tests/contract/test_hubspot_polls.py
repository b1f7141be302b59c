"""What polls of HubSpot leave out, and that nothing is lost by it."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from connectors.base import ObjectSpec
from connectors.http import Answer
from connectors.hubspot import HubSpotConnector
from connectors.hubspot.memory import MUCH, Memory
from connectors.hubspot.sandbox import HubSpotSandbox
from syncd.core.nouns import Accepted, Push, PushOp
from tests.contract.mirror import Mirror

FIELDS = ("firstname", "email", "phone")
FREE = {"limits": {"burst": 100_000, "search": None}}


class Both:
    """A connector that writes contacts and reads them, and a person beside it."""

    def __init__(self, sandbox: HubSpotSandbox, **words: Any) -> None:
        self.sandbox = sandbox
        told = {
            "url": sandbox.url,
            "auth": {"token": sandbox.auth.options.token},
            "searches": 10_000,
            **words,
        }
        self.connector = HubSpotConnector("hub", told, [ObjectSpec("contacts", FIELDS, "syncd_id")])
        self.connector.client.now = sandbox.clock.now
        self.mirror = Mirror(self.connector, "contacts")

    async def write(self, *pushes: Push) -> list[str]:
        results = await self.connector.write(pushes)
        return [result.remote_id for result in results if isinstance(result, Accepted)]

    async def make(self, count: int, *, whole: bool = True) -> list[str]:
        """New ones, of whom all is said that is asked for, or the name alone."""
        rest = [{"email": f"k{n}@x.example", "phone": "0"} if whole else {} for n in range(count)]
        fields = [{"firstname": "ours", **more} for more in rest]
        return await self.write(
            *[Push(n, "contacts", PushOp.CREATE, n, 1, fields[n], key=f"k{n}") for n in range(count)]
        )

    def edit(self, id: str, op: str = "update", **fields: Any) -> str:
        row = self.sandbox.people.edit("contacts", op, id=id, fields=fields)
        return row.id if row is not None else id

    async def told(self) -> set[str]:
        return {change.remote_id for change in await self.mirror.poll()}


@pytest.mark.parametrize("lag", [0.0, 2.0])
async def test_our_own_writes_cost_no_read_and_edits_of_them_are_told(lag: float) -> None:
    async with HubSpotSandbox({**FREE, "quirks": {"index_lag": lag}}).serving() as sandbox:
        both = Both(sandbox)
        try:
            await both.told()
            ids = await both.make(5)
            sandbox.clock.advance(3)
            sandbox.calls.clear()
            assert await both.told() == set()
            assert sandbox.calls == {"search.find contacts": 1}
            await both.write(Push(9, "contacts", PushOp.UPDATE, 9, 2, {"phone": "1"}, remote_id=ids[0]))
            both.edit(ids[1], firstname="theirs")
            sandbox.clock.advance(3)
            assert ids[1] in await both.told()
            both.edit(ids[0], phone="2")
            sandbox.clock.advance(3)
            assert await both.told() == {ids[0]}
        finally:
            await both.connector.aclose()


@pytest.mark.parametrize("by", ["id", "list"])
async def test_what_the_index_still_shows_of_our_write_is_not_told_over_a_newer_read(by: str) -> None:
    async with HubSpotSandbox({**FREE, "quirks": {"index_lag": 2.0}}).serving() as sandbox:
        both = Both(sandbox)
        try:
            await both.told()
            (id,) = await both.make(1, whole=False)
            sandbox.clock.advance(1)
            both.edit(id, firstname="theirs")
            if by == "id":
                (read,) = await both.connector.fetch("contacts", [id])
            else:
                (read,) = [c async for page in both.connector.scan("contacts") for c in page.changes]
            assert read.fields["firstname"] == "theirs"
            sandbox.clock.advance(1.5)
            changes = await both.mirror.poll()
            assert sandbox.fired.counts["index_lag"] > 0
            assert {change.fields["firstname"] for change in changes} == {"theirs"}
        finally:
            await both.connector.aclose()


async def test_an_edit_under_the_stamp_of_our_write_is_told() -> None:
    async with HubSpotSandbox({**FREE, "quirks": {"stamp_resolution": 10.0}}).serving() as sandbox:
        both = Both(sandbox)
        try:
            await both.told()
            ids = await both.make(3)
            assert await both.told() == set()
            both.edit(ids[1], firstname="theirs")
            rows = sandbox.people.rows("contacts")
            assert rows[ids[0]].stamp == rows[ids[1]].stamp
            assert await both.told() == {ids[1]}
        finally:
            await both.connector.aclose()


async def test_while_much_changes_late_ones_wait_for_a_poll_that_goes_back() -> None:
    async with HubSpotSandbox(FREE).serving() as sandbox:
        both, now = Both(sandbox), [1000.0]
        memory = both.connector._memories["contacts"]
        memory.clock = lambda: now[0]
        try:
            await both.told()
            for n in range(MUCH + 10):
                both.edit("", "create", lastname=str(n))
            late = sandbox.people.begin("contacts", fields={"lastname": "late"})
            sandbox.clock.advance(0.01)
            last = both.edit("", "create", lastname="last")
            assert len(await both.told()) == MUCH + 11
            sandbox.calls.clear()
            newer = both.edit("", "create", lastname="newer")
            assert await both.told() == {newer}
            assert sandbox.calls["search.find contacts"] == 1, "from the newest stamp on"
            sandbox.people.commit(late)
            now[0] += 59
            assert await both.told() == set()
            now[0] += 2
            assert len(await both.told()) == 1
            assert len(both.mirror.rows) == MUCH + 13
            assert {last, newer} < both.mirror.rows.keys()
        finally:
            await both.connector.aclose()


def test_how_far_polls_go_back() -> None:
    now = [0.0]
    memory = Memory(clock=lambda: now[0])
    assert memory.reach(100_000, 60_000) == 40_000
    memory.frontier = 99_000
    memory.went(40_000, 100_000, 60_000, MUCH)
    assert memory.reach(100_000, 60_000) == 40_000, "not much: all of it each time"
    memory.went(40_000, 100_000, 60_000, MUCH + 1)
    now[0] = 59.0
    assert memory.reach(110_000, 60_000) == 99_000
    memory.went(99_000, 110_000, 60_000, 5)
    now[0] = 61.0
    assert memory.reach(150_000, 60_000) == 30_000, "what came late since the last one is met"
    memory.went(30_000, 150_000, 60_000, 5)
    assert memory.reach(160_000, 60_000) == 100_000


async def test_what_a_create_left_empty_is_told_once_and_without_a_read() -> None:
    """The answer names what was sent; without this nothing would be known of the rest, nor written there."""
    async with HubSpotSandbox(FREE).serving() as sandbox:
        both = Both(sandbox)
        try:
            await both.told()
            (id,) = await both.make(1, whole=False)
            sandbox.calls.clear()
            (change,) = await both.mirror.poll()
            assert (change.remote_id, change.partial) == (id, True)
            assert change.fields == {"firstname": "ours", "email": None, "phone": None, "syncd_id": "k0"}
            assert await both.told() == set()
            assert sandbox.calls == {"search.find contacts": 2}
        finally:
            await both.connector.aclose()


async def test_a_quiet_while_does_not_move_polls_beyond_what_comes_then() -> None:
    async with HubSpotSandbox(FREE).serving() as sandbox:
        both = Both(sandbox, overlap=3)
        try:
            await both.told()
            sandbox.clock.advance(25)
            first = both.edit("", "create", firstname="first")
            assert await both.told() == {first}
            sandbox.clock.advance(5)
            second = both.edit("", "create", firstname="second")
            assert await both.told() == {second}
        finally:
            await both.connector.aclose()


@pytest.mark.parametrize("count", [10, 12, 25])
@pytest.mark.parametrize("page", [1, 5])
async def test_a_page_that_forgets_the_next_one_is_not_the_last(count: int, page: int) -> None:
    """F12: neither of the list nor of search."""
    async with HubSpotSandbox(FREE).serving() as sandbox:
        both = Both(sandbox, page=page)
        try:
            ids = {both.edit("", "create", firstname=str(n)) for n in range(count)}
            fault = sandbox.arm("lose_next", route="list", count=2)
            assert await both.told() == ids
            assert fault.fired
            assert await both.mirror.sweep() == ids
            sandbox.clock.advance(3600)
            await both.told()
            both.edit("", "bulk", firstname="new")
            sandbox.clock.advance(600)
            fault = sandbox.arm("lose_next", route="search.find", count=2)
            assert await both.told() == ids
            assert fault.fired
        finally:
            await both.connector.aclose()


async def test_an_empty_answer_after_a_long_while_is_asked_for_twice() -> None:
    """F12: the cursor would go on beyond all that happened meanwhile."""
    async with HubSpotSandbox(FREE).serving() as sandbox:
        both = Both(sandbox)
        try:
            id = both.edit("", "create", firstname="old")
            await both.told()
            sandbox.clock.advance(120)
            both.edit(id, firstname="new")
            sandbox.clock.advance(600)
            fault = sandbox.arm("empty_page", route="search.find")
            assert await both.told() == {id}
            assert fault.fired == 1
        finally:
            await both.connector.aclose()


async def test_what_a_long_walk_meets_at_its_end_does_not_move_polls_beyond_now() -> None:
    async with HubSpotSandbox(FREE).serving() as sandbox:
        both = Both(sandbox, overlap=3, page=1)
        try:
            await both.told()
            ids = {both.edit("", "create", firstname="first"), both.edit("", "create", firstname="second")}
            slow = sandbox.arm("hang", object="contacts", route="search.find", skip=1)
            walk = asyncio.create_task(both.told())
            await slow.reached.wait()
            sandbox.clock.advance(6)
            ids.add(both.edit("", "create", firstname="third"))
            slow.release()
            assert await walk == ids
            sandbox.clock.advance(3)
            assert await both.told() == set()
            fourth = both.edit("", "create", firstname="fourth")
            sandbox.clock.advance(31)
            assert await both.told() == {fourth}
            fifth = both.edit("", "create", firstname="fifth")
            assert await both.told() == {fifth}
        finally:
            await both.connector.aclose()


@pytest.mark.parametrize("first", [False, True])
async def test_one_answer_whose_date_is_ahead_hides_no_edit(
    first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = Answer.date

    def ahead(self: Answer) -> datetime | None:
        at = honest(self)
        return at + timedelta(days=1) if at is not None else None

    async with HubSpotSandbox(FREE).serving() as sandbox:
        both = Both(sandbox)
        try:
            id = both.edit("", "create", firstname="0")
            if not first:
                await both.told()
                sandbox.clock.advance(120)
            monkeypatch.setattr(Answer, "date", ahead)
            await both.told()
            monkeypatch.setattr(Answer, "date", honest)
            for n in range(1, 4):
                sandbox.clock.advance(65)
                both.edit(id, firstname=str(n))
                assert await both.told() == {id}
        finally:
            await both.connector.aclose()
