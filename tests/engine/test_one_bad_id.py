"""One id that a system cannot be asked for: the others are read, it is tried again, and then listed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.base import Looked
from syncd.core.clock import SystemClock
from syncd.core.errors import NeedsOperator, RetryLater, SyncdError
from syncd.core.nouns import Change
from syncd.engine import inbox as inbox_module
from syncd.engine.byid import TRIES, ById
from syncd.engine.gatekeeper import FAILURES_TO_OPEN
from syncd.engine.inbox import Inbox
from syncd.engine.reconcile import Reconciler
from syncd.engine.sweep import Sweeper
from tests.engine.crash import at_rest
from tests.engine.labs import MemoryLab
from tests.engine.test_hints import Case

REFUSED = NeedsOperator("the server answered 403", "Check what this account may do")


class Later(SystemClock):
    """The system's clock, moved on by hand."""

    ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


class Picky:
    """Passes reads by id on, and fails those that ask for an id of `bad`; all of them while it is `down`."""

    def __init__(self, inner: Any, bad: Sequence[str], error: Exception) -> None:
        self.inner, self.bad, self.error = inner, set(bad), error
        self.down = False
        self.asked: list[list[str]] = []

    async def fetch(self, object: str, ids: Sequence[str]) -> Sequence[Change]:
        self.asked.append(list(ids))
        if self.down or self.bad & set(ids):
            raise self.error
        found: Sequence[Change] = await self.inner.fetch(object, ids)
        return found


class Each(Picky):
    """The same where it says so per id."""

    late: frozenset[str] = frozenset()

    async def fetch_each(self, object: str, ids: Sequence[str]) -> Looked:
        good = [i for i in ids if i not in self.bad and i not in self.late]
        self.asked.append(list(ids))
        if self.down or not good:
            raise self.error
        failed = {i: str(self.error) for i in ids if i in self.bad}
        return Looked(await self.inner.fetch(object, good), failed, self.late & set(ids))


@pytest.fixture
async def case(store_url: str, tmp_path: Path) -> AsyncIterator[Case]:
    async with MemoryLab.opened(store_url, tmp_path, "upsert") as lab:
        lab.sides["crm"].create("people", {"email": "ann@x.org", "name": "Ann"})
        async with at_rest(lab) as rig:
            rig.world.clock = Later()
            yield Case(lab, rig)


def pick(case: Case, bad: Sequence[str], error: Exception = REFUSED, how: type[Picky] = Picky) -> Picky:
    stream = case.stream("crm")
    stream.fetcher = picky = how(stream.fetcher, bad, error)
    return picky


async def listed(case: Case) -> list[tuple[str, str, str]]:
    async with case.rig.world.store.read() as con:
        rows = await con.fetch("select remote_id, code, message from parked")
    return [(row["remote_id"], row["code"], row["message"]) for row in rows]


def later(case: Case, hours: float = 1.0) -> None:
    clock = case.rig.world.clock
    assert isinstance(clock, Later)
    clock.ahead += timedelta(hours=hours)


@pytest.mark.parametrize("how", [Picky, Each])
@pytest.mark.parametrize("error", [REFUSED, RetryLater("the server answered 500")])
async def test_the_others_are_read_and_it_is_listed_in_the_end(
    case: Case, error: SyncdError, how: type[Picky]
) -> None:
    ids = [case.crm.create("people", {"email": f"p{n}@x.org"}) for n in range(9)]
    picky, keeper = pick(case, ids[3:4], error, how), case.rig.keepers["crm"]
    await case.tell(case.crm, *ids)
    inbox = case.rig.inboxes[case.stream("crm").id]
    await inbox.work()
    assert await case.waiting() == [(ids[3], "fetch")]
    for _ in range(TRIES - 1):
        assert await listed(case) == []
        before = len(picky.asked)
        await inbox.work()
        assert len(picky.asked) == before, "not before its time"
        later(case)
        await inbox.work()
    ((remote_id, code, message),) = await listed(case)
    assert (remote_id, code) == (ids[3], "unreadable")
    assert str(error) in message
    assert await case.waiting() == []
    assert keeper.needs is None
    await keeper.ready()  # nobody waits for it

    picky.bad.clear()
    await case.tell(case.crm, ids[3])
    await inbox.work()
    async with case.rig.world.store.read() as con:
        assert await con.fetchval("select count(*) from links where remote_id = $1", ids[3]) >= 1


async def test_a_system_that_is_down_lists_nothing(case: Case) -> None:
    ids = [case.crm.create("people", {"email": f"p{n}@x.org"}) for n in range(9)]
    picky = pick(case, [], RetryLater("the server answered 500"))
    picky.down = True
    await case.tell(case.crm, *ids)
    for _ in range(TRIES + 1):
        with pytest.raises(RetryLater):
            await case.rig.inboxes[case.stream("crm").id].work()
        later(case)
    assert await listed(case) == []
    assert len(await case.waiting()) == 9
    assert len(picky.asked) <= 2 * (TRIES + 1), "the whole, and one that was read before"
    picky.down = False
    await case.rig.world.clock.sleep(0)


async def test_what_there_was_no_time_for_is_asked_again_at_once(case: Case) -> None:
    ids = [case.crm.create("people", {"email": f"p{n}@x.org"}) for n in range(4)]
    each = pick(case, [], how=Each)
    assert isinstance(each, Each)
    each.late = frozenset(ids[2:])
    inbox = case.rig.inboxes[case.stream("crm").id]
    await case.tell(case.crm, *ids)
    rows = await inbox._ready()
    assert await inbox._read_again(rows) == 2
    assert [i for i, _ in await case.waiting()] == ids[2:]
    each.late = frozenset()
    await inbox.work()
    assert await case.waiting() == []
    assert case.rig.world.unread == {}


async def test_what_is_kept_for_a_listed_id_is_read_when_a_person_says_so(case: Case) -> None:
    (ann,) = case.crm.rows("people")
    bob = case.crm.create("people", {"email": "bob@x.org"})
    picky, stream = pick(case, [bob]), case.stream("crm")
    inbox, store = case.rig.inboxes[stream.id], case.rig.world.store
    async with store.write(numbers=10) as tx:
        sql = "insert into inbox (seq, stream, remote_id, reason, evidence) values ($1, $2, $3, 'repush', 0)"
        await tx.execute(sql, store.seq(), stream.id, bob)
    for _ in range(TRIES):
        await inbox.work()
        later(case)
    assert await case.waiting() == [(bob, "repush")]
    picky.bad.clear()
    before = len(picky.asked)
    await inbox.work()
    assert len(picky.asked) == before
    async with store.read() as con:
        number = await con.fetchval("select parked from parked")
    async with store.write(numbers=10) as tx:
        done, _ = await case.rig.commands._retry(tx, {"parked": number})
    assert done
    await inbox.work()
    assert await case.waiting() == []
    assert ann not in picky.bad


async def test_what_is_kept_for_a_listed_id_is_read_when_the_feed_shows_the_record(case: Case) -> None:
    bob = case.crm.create("people", {"email": "bob@x.org"})
    await case.rig.settle()
    picky, stream = pick(case, [bob]), case.stream("crm")
    inbox, store = case.rig.inboxes[stream.id], case.rig.world.store
    async with store.write(numbers=10) as tx:
        sql = "insert into inbox (seq, stream, remote_id, reason, evidence) values ($1, $2, $3, 'repush', 0)"
        await tx.execute(sql, store.seq(), stream.id, bob)
    for _ in range(TRIES):
        await inbox.work()
        later(case)
    assert await case.waiting() == [(bob, "repush")]
    assert [remote_id for remote_id, *_ in await listed(case)] == [bob]
    picky.bad.clear()
    case.crm.update("people", bob, {"name": "Bob"})
    await case.rig.intakes[stream.id].read()
    assert await listed(case) == []
    await inbox.work()
    assert await case.waiting() == []


async def test_what_cannot_be_read_before_a_write_holds_up_no_other_write(case: Case) -> None:
    """A guard read that fails for one id: the others are written, this one when it can be read again."""
    ids = [case.crm.create("people", {"email": f"p{n}@x.org", "name": "old"}) for n in range(5)]
    await case.rig.settle()
    stream = case.stream("crm")
    object.__setattr__(stream, "guard", "read")
    picky = pick(case, ids[2:3])
    for remote_id in case.erp.rows("people"):
        case.erp.update("people", remote_id, {"name": "new"})
    await case.rig.intakes[case.stream("erp").id].read()
    await case.rig.pushers[stream.id].push()
    names = {i: case.crm.rows("people")[i]["name"] for i in ids}
    assert names == {i: "old" if i in picky.bad else "new" for i in ids}
    assert await case.waiting() == [(ids[2], "repush")]
    assert case.rig.keepers["crm"].needs is None

    picky.bad.clear()
    await case.rig.settle()
    assert case.crm.rows("people")[ids[2]]["name"] == "new"
    assert await case.waiting() == []


async def test_a_connector_with_a_bug_is_no_fault_of_the_only_id(case: Case) -> None:
    """Nothing else of the stream can be read to compare with, and a bug says nothing of the system."""
    [only] = case.crm.rows("people")
    keeper, picky = case.rig.keepers["crm"], pick(case, [only], RuntimeError("a bug"))
    for _ in range(FAILURES_TO_OPEN):
        with pytest.raises(RuntimeError):
            await keeper.call(lambda: picky.fetch("people", [only]), about="people")
    with pytest.raises(RetryLater, match="crm failed"):
        await ById(case.rig.world, case.stream("crm"), keeper).look([only])


async def test_rows_that_wait_take_nobodys_turn(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox_module, "AT_ONCE", 2)
    ids = [case.crm.create("people", {"email": f"p{n}@x.org"}) for n in range(4)]
    await case.tell(case.crm, *ids)
    stream = case.stream("crm")
    flying = {(stream.id, i) for i in ids[:3]}
    case.rig.world.flying_ids |= flying
    await Inbox(case.rig.world, stream, case.rig.keepers["crm"]).work()
    assert [i for i, _ in await case.waiting()] == ids[:3]
    case.rig.world.flying_ids -= flying


async def test_a_sweep_asks_on_for_what_there_was_no_time_for(case: Case) -> None:
    each = pick(case, [], how=Each)
    assert isinstance(each, Each)
    each.late = frozenset({"2", "3"})

    async def in_time(object: str, ids: Sequence[str]) -> Looked:
        each.asked.append(list(ids))
        return Looked((), {}, each.late & set(ids[1:]))

    each.fetch_each = in_time  # type: ignore[method-assign]
    by_id = ById(case.rig.world, case.stream("crm"), case.rig.keepers["crm"], sweep=True)
    assert (await by_id.look_all(["1", "2", "3"])).changes == []
    assert each.asked == [["1", "2", "3"], ["2", "3"], ["3"]]


async def test_sweeps_and_comparisons_go_on_beside_it(case: Case) -> None:
    """One is not listed and cannot be read, another was deleted: the one stays, the other is found gone."""
    ids = [case.crm.create("people", {"email": f"p{n}@x.org"}) for n in range(5)]
    await case.rig.settle()
    stream, keeper = case.stream("crm"), case.rig.keepers["crm"]
    object.__setattr__(stream, "can", replace(stream.can, deletes_found_by_scan=True))
    pick(case, ids[2:3])
    case.crm.faults.hide(ids[2], reads=2)
    case.crm.delete("people", ids[4])

    report = await Reconciler(case.rig.world, case.rig.keepers).run()
    found = {(f.remote_id, str(f.what)): f.detail for f in report.differences if f.system == "crm"}
    assert set(found) == {(ids[2], "unreported"), (ids[4], "gone")}
    assert "403" in found[ids[2], "unreported"]

    object.__setattr__(case.rig.world.kind_of(stream).settings.brakes, "delete", None)
    await Sweeper(case.rig.world, stream, keeper).sweep()
    sql = "select remote_id, state from links where stream = $1 and remote_id = any($2)"
    async with case.rig.world.store.read() as con:
        rows = await con.fetch(sql, stream.id, [ids[2], ids[4]])
    assert {row["remote_id"]: row["state"] for row in rows} == {ids[2]: "live", ids[4]: "gone"}
    assert case.crm.faults.unfired() == []
