"""Who is typed in a system in the moment in which we make the same one there: two records, and listed."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.engine.reconcile import Reconciler
from syncd.engine.report import Reason, Report, What
from syncd.store.store import Store
from tests.engine.test_typed_twice import Twice, twice
from tests.support.rig import Rig

__all__ = ["twice"]
ANN = "ann@x.org"


async def in_the_moment(twice: Twice, system: str = "b") -> None:
    """Ann is typed in one system, and in the other while our create of her there is on its way."""
    other = "a" if system == "b" else "b"
    twice.type(other, ANN)
    await twice.step(f"read {other}")
    remote = twice.remotes[system]

    async def hook(point: str, _object: str, _id: str | None) -> None:
        if point == "write.start" and not twice.emails(system):
            remote.create("people", {"email": ANN, "name": "typed meanwhile"})

    remote.faults.hook = hook
    await twice.step(f"push {system}")
    remote.faults.hook = None
    assert twice.emails(system) == [ANN, ANN]


async def listed(twice: Twice) -> list[Any]:
    async with twice.rig.world.store.read() as con:
        return list(await con.fetch("select stream, remote_id, record_id, code, body from parked"))


async def compared(twice: Twice) -> Report:
    return await Reconciler(twice.rig.world, twice.rig.keepers).run()


@pytest.mark.parametrize("system", "ab")
@pytest.mark.parametrize("killed", [False, True])
async def test_who_is_typed_while_we_make_them_there_is_listed(
    twice: Twice, store: Store, system: str, killed: bool
) -> None:
    await in_the_moment(twice, system)
    if killed:
        twice.rig = await Rig.start(store, twice.rig.settings, twice.clock)
    await twice.rig.settle()
    for one in "abc":
        assert twice.emails(one) == [ANN, ANN]
    (item,) = await listed(twice)
    typed = next(i for i, r in twice.remotes[system].rows("people").items() if r["name"] == "typed meanwhile")
    assert (item["code"], item["remote_id"]) == ("duplicate", typed)
    assert item["stream"] == twice.rig.stream(system, "person").id

    report = await compared(twice)
    (found,) = report.differences
    assert (found.system, found.what, found.reason) == (system, What.DUPLICATE, Reason.LISTED)
    assert (found.remote_id, found.record_id) == (typed, item["record_id"])
    assert report.settled
    assert not report.in_sync
    assert all(pair.equal == pair.compared == 2 for pair in report.pairs)

    await twice.rig.sweep()
    await twice.rig.settle()
    assert await listed(twice) == [item], "once"


async def made(twice: Twice) -> str:
    """The id of the copy in b that we made."""
    return next(i for i, row in twice.remotes["b"].rows("people").items() if row["name"] == "a")


@pytest.mark.parametrize("how", ["ours", "theirs", "elsewhere"])
async def test_they_are_off_the_list_once_one_is_gone(twice: Twice, how: str) -> None:
    await in_the_moment(twice)
    await twice.rig.settle()
    (item,) = await listed(twice)
    if how == "elsewhere":
        gone = next(i for i, row in twice.remotes["a"].rows("people").items() if row["name"] == "a")
        twice.remotes["a"].delete("people", gone)
    else:
        twice.remotes["b"].delete("people", await made(twice) if how == "ours" else item["remote_id"])
    await twice.rig.settle()
    assert [twice.emails(system) for system in "abc"] == [[ANN]] * 3
    assert await listed(twice) == []
    assert (await compared(twice)).in_sync


async def test_they_are_off_the_list_once_they_differ_or_were_merged(twice: Twice) -> None:
    await in_the_moment(twice)
    await twice.rig.settle()
    twice.remotes["b"].update("people", await made(twice), {"name": "Ann"})
    await twice.rig.settle()
    assert len(await listed(twice)) == 1, "they match still"
    ours = next(i for i, row in twice.remotes["a"].rows("people").items() if row["name"] == "Ann")
    twice.remotes["a"].update("people", ours, {"email": "anna@x.org"})
    await twice.rig.settle()
    assert await listed(twice) == []

    twice.remotes["a"].update("people", ours, {"email": ANN})
    await twice.rig.settle()
    assert await listed(twice) == [], "what people make alike later is theirs"


async def test_a_merge_takes_them_off_the_list(twice: Twice) -> None:
    await in_the_moment(twice)
    await twice.rig.settle()
    (item,) = await listed(twice)
    twice.remotes["b"].merge("people", await made(twice), item["remote_id"])
    await twice.rig.settle()
    left = await listed(twice)
    assert twice.emails("b") == [ANN]
    assert item["stream"] not in [row["stream"] for row in left]


async def test_two_that_one_system_typed_alike_are_its_own(twice: Twice) -> None:
    twice.type("b", ANN)
    await twice.rig.settle()
    twice.type("b", ANN)
    await twice.rig.settle()
    assert twice.emails("a") == [ANN, ANN]
    assert await listed(twice) == []
