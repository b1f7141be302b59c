"""Compare everything: planted differences are found, exactly those, whichever side was edited."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.memory import FieldDef, MemoryRemote, ObjectDef
from syncd.core.errors import RetryLater
from syncd.engine.build import look_world
from syncd.engine.reconcile import Reconciler, ask_for_sweeps
from syncd.engine.report import Difference, Report, What
from syncd.store.store import Store
from tests.engine.conftest import MakePair, Pair
from tests.support.rig import Rig

FIRMS = "insert into company (name, city) select 'Firm ' || i, 'Town' from generate_series(1, 40) i"
PEOPLE = (
    "insert into contact (email, first, last, phone, company_id, tags) "
    "select 'p' || i || '@x.org', 'Ann' || i, 'Lee', '0' || i, 1 + i % 40, 'a;b' "
    "from generate_series(1, 120) i"
)


async def compare(p: Pair, **args: int) -> Report:
    return await Reconciler(p.rig.world, p.rig.keepers, **args).run()


async def synced(pair: MakePair, **args: str) -> Pair:
    p = await pair(**args)
    await p.crm.execute(FIRMS)
    await p.crm.execute(PEOPLE)
    await p.rig.settle()
    return p


def said(found: Difference) -> tuple[str, ...]:
    return (found.kind, found.system, str(found.what), str(found.reason), found.field or "")


async def test_systems_at_rest_are_in_sync_and_every_pair_was_compared(pair: MakePair) -> None:
    p = await synced(pair)
    report = await compare(p)
    assert report.in_sync
    assert [(x.kind, x.system, x.compared, x.equal) for x in report.pairs] == [
        ("company", "crm", 40, 40),
        ("company", "erp", 40, 40),
        ("contact", "crm", 120, 120),
        ("contact", "erp", 120, 120),
    ]
    assert report.began <= report.ended


async def test_twenty_planted_differences_are_found_exactly_those(pair: MakePair) -> None:
    p = await synced(pair)
    await p.crm.execute("update company set city = 'Bern' where id in (1, 2, 3)")
    await p.erp.execute("update firms set title = 'Other' where firm_no = 4")
    await p.erp.execute("update people set tel = '99' where mail in ('p1@x.org', 'p2@x.org')")
    await p.crm.execute("update contact set first = 'Eva', last = 'Ek' where email = 'p3@x.org'")
    await p.crm.execute("update contact set tags = 'a;c' where email = 'p4@x.org'")
    await p.erp.execute("update people set labels = '{z}' where mail = 'p5@x.org'")
    await p.erp.execute("update people set name = 'Ann6 Lind' where mail = 'p6@x.org'")
    await p.crm.execute("update contact set company_id = 9 where email = 'p7@x.org'")
    await p.erp.execute("update people set firm = null where mail = 'p8@x.org'")
    await p.crm.execute("update contact set phone = null where email = 'p9@x.org'")
    await p.crm.execute("insert into company (name) values ('New one'), ('New two')")
    await p.erp.execute("insert into people (mail) values ('new@x.org')")
    await p.erp.execute("delete from people where mail in ('p10@x.org', 'p11@x.org')")
    await p.crm.execute("delete from contact where email = 'p12@x.org'")
    report = await compare(p)
    assert Counter(said(found) for found in report.differences) == Counter(
        {
            ("company", "crm", "field", "unread", "city"): 3,
            ("company", "erp", "field", "unread", "name"): 1,
            ("contact", "erp", "field", "unread", "phone"): 2,
            ("contact", "crm", "field", "unread", "first_name"): 1,
            ("contact", "crm", "field", "unread", "last_name"): 1,
            ("contact", "crm", "field", "unread", "tags"): 1,
            ("contact", "erp", "field", "unread", "tags"): 1,
            ("contact", "erp", "field", "unread", "last_name"): 1,
            ("contact", "crm", "field", "unread", "company"): 1,
            ("contact", "erp", "field", "unread", "company"): 1,
            ("contact", "crm", "field", "unread", "phone"): 1,
            ("company", "crm", "unlinked", "unread", ""): 2,
            ("contact", "erp", "unlinked", "unread", ""): 1,
            ("contact", "erp", "gone", "unread", ""): 2,
            ("contact", "crm", "gone", "unread", ""): 1,
        }
    )
    assert report.total == 20
    assert not report.settled


async def test_the_same_differences_are_gone_once_the_engine_has_read_them(pair: MakePair) -> None:
    p = await synced(pair)
    await p.erp.execute("update people set tel = '99' where mail = 'p1@x.org'")
    await p.crm.execute("insert into company (name) values ('New one')")
    assert (await compare(p)).total == 2
    await p.rig.settle()
    assert (await compare(p)).in_sync


async def test_repair_asks_for_sweeps_that_find_what_capture_missed(pair: MakePair) -> None:
    p = await synced(pair)
    await p.crm.execute("alter table company disable trigger t")
    await p.crm.execute("update company set city = 'Quiet' where id = 7")
    await p.rig.settle()
    report = await compare(p)
    assert [said(found) for found in report.differences] == [("company", "crm", "field", "unread", "city")]
    assert len(await ask_for_sweeps(p.rig.world.store, report)) == 1
    await p.rig.work()
    async with p.rig.world.store.plain() as con:
        sql = "select system from streams where swept_at < '2000-01-01' group by system"
        assert [row["system"] for row in await con.fetch(sql)] == ["crm"]
    await p.rig.sweep()
    await p.rig.settle()
    assert (await compare(p)).in_sync
    assert await p.one("erp", "select town from firms where title = 'Firm 7'") == "Quiet"


async def test_what_waits_is_named_behind_or_an_open_conflict(pair: MakePair) -> None:
    p = await synced(pair, rules="[{strategy: ask}]")
    await p.crm.execute("update company set city = 'Bern' where id = 1")
    await p.crm.execute("update company set city = 'Rome' where id = 2")
    await p.erp.execute("update firms set town = 'Oslo' where title = 'Firm 2'")
    await p.rig.read()
    report = await compare(p)
    assert sorted(said(found) for found in report.differences) == [
        ("company", "erp", "field", "behind", "city"),
        ("company", "erp", "field", "conflict", "city"),
    ]
    assert not report.settled
    await p.rig.settle()
    report = await compare(p)
    assert [str(found.reason) for found in report.differences] == ["conflict"]
    assert report.settled
    assert not report.in_sync
    assert report.waiting["conflicts"] == 1


async def test_refused_values_and_held_creates_are_open_items(pair: MakePair) -> None:
    p = await synced(pair)
    await p.crm.execute(f"update company set city = '{'x' * 40}' where id = 1")
    await p.rig.settle()
    report = await compare(p)
    assert [said(found) for found in report.differences] == [("company", "erp", "field", "parked", "city")]
    assert report.settled


async def test_a_record_without_a_copy_is_missing_and_says_why(pair: MakePair) -> None:
    p = await synced(pair)
    await p.crm.execute("insert into company (name) values ('Late')")
    await p.rig.read()
    report = await compare(p)
    assert [said(found) for found in report.differences] == [("company", "erp", "missing", "behind", "")]
    async with p.rig.world.store.write(numbers=10) as tx:
        await tx.execute("delete from outbox")
    report = await compare(p)
    assert [said(found)[3] for found in report.differences] == ["unexplained"]


async def test_only_so_many_differences_are_kept_and_all_are_counted(pair: MakePair) -> None:
    p = await synced(pair)
    await p.crm.execute("update company set city = 'Bern'")
    report = await compare(p, limit=7)
    assert len(report.differences) == 7
    assert report.total == 40
    assert report.as_dict()["left_out"] == 33


async def test_it_needs_no_lease_and_leaves_no_trace(pair: MakePair) -> None:
    p = await synced(pair)
    store = p.rig.world.store
    await store.release_lease()
    world = await look_world(store, p.rig.settings, p.rig.connectors, p.rig.world.clock)
    assert set(world.streams) == set(p.rig.world.streams)
    assert (await Reconciler(world, p.rig.keepers).run()).in_sync
    async with store.plain() as con:
        assert await con.fetchval("select to_regclass('reconcile_seen')") is None


async def test_kinds_can_be_chosen(pair: MakePair) -> None:
    p = await synced(pair)
    report = await Reconciler(p.rig.world, p.rig.keepers).run(["company"])
    assert {x.kind for x in report.pairs} == {"company"}
    assert all(found.what is What.FIELD for found in report.differences)


TWO = """\
systems:
  left: {connector: memory, remote: reconcile-left, page: 10}
  right: {connector: memory, remote: reconcile-right, page: 10}
kinds:
  person:
    fields: {email: email, name: text, score: integer, note: text}
    match: [email]
    systems:
      left:
        object: people
        fields: {email: email, name: name, score: {to: score, direction: in}, note: note}
      right:
        object: people
        key_field: syncd_key
        fields: {email: email, name: name, score: {to: score, direction: out}, note: note}
    conflicts: [{strategy: prefer, systems: [left, right]}]
"""
PLAIN = {"email": FieldDef(), "name": FieldDef(), "score": FieldDef(type="integer"), "note": FieldDef()}
STRICT = {**PLAIN, "note": FieldDef(normalise=("trim", "cut:20", "lower"))}


@pytest.fixture
def remotes() -> Iterator[tuple[MemoryRemote, MemoryRemote]]:
    left = MemoryRemote([ObjectDef("people", PLAIN)]).register("reconcile-left")
    right = MemoryRemote([ObjectDef("people", STRICT, key_field="syncd_key")]).register("reconcile-right")
    yield left, right
    MemoryRemote.forget("reconcile-left")
    MemoryRemote.forget("reconcile-right")


async def two(store: Store, folder: Path, left: MemoryRemote) -> Rig:
    """Both at rest with 25 people."""
    file = folder / "syncd.yaml"
    file.write_text(TWO)
    for n in range(25):
        note = f"  A Long Note Of More Than Twenty Letters {n}"
        left.create("people", {"email": f"p{n}@x.org", "name": f"P {n}", "score": n, "note": note})
    rig = await Rig.make(store, file)
    await rig.settle()
    return rig


async def test_a_scan_that_is_cut_short_makes_no_report(
    store: Store, tmp_path: Path, remotes: tuple[MemoryRemote, MemoryRemote]
) -> None:
    rig = await two(store, tmp_path, remotes[0])
    fault = remotes[1].faults.arm("read.truncate", skip=1)
    with pytest.raises(RetryLater):
        await Reconciler(rig.world, rig.keepers).run()
    assert fault.fired


async def test_what_a_listing_leaves_out_is_read_by_id_before_it_counts_as_gone(
    store: Store, tmp_path: Path, remotes: tuple[MemoryRemote, MemoryRemote]
) -> None:
    rig = await two(store, tmp_path, remotes[0])
    hidden, deleted = list(remotes[1].rows("people"))[3:5]
    remotes[1].delete("people", deleted)
    fault = remotes[1].faults.arm("read.hide", ids=[hidden], times=1_000)
    report = await Reconciler(rig.world, rig.keepers).run()
    assert [(found.what, found.remote_id) for found in report.differences] == [(What.GONE, deleted)]
    assert (report.pairs[1].compared, report.pairs[1].equal) == (25, 24)
    assert fault.fired


async def test_a_remote_that_keeps_less_is_equal_until_somebody_edits_it(
    store: Store, tmp_path: Path, remotes: tuple[MemoryRemote, MemoryRemote]
) -> None:
    left, right = remotes
    rig = await two(store, tmp_path, left)
    assert (await Reconciler(rig.world, rig.keepers).run()).in_sync
    first = next(iter(right.rows("people")))
    right.update("people", first, {"note": "a long"})
    report = await Reconciler(rig.world, rig.keepers).run()
    assert [said(found) for found in report.differences] == [("person", "right", "field", "unread", "note")]


async def test_one_way_fields_are_compared_the_way_they_go(
    store: Store, tmp_path: Path, remotes: tuple[MemoryRemote, MemoryRemote]
) -> None:
    left, right = remotes
    rig = await two(store, tmp_path, left)
    first = next(iter(right.rows("people")))
    right.update("people", first, {"score": 999})
    left.update("people", next(iter(left.rows("people"))), {"score": 5000})
    report = await Reconciler(rig.world, rig.keepers).run()
    assert sorted(said(found) for found in report.differences) == [
        ("person", "left", "field", "unread", "score"),
        ("person", "right", "field", "drift", "score"),
    ]
    assert {found.theirs for found in report.differences} == {999, 5000}
