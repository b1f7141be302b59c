"""Schemas that move while we run: the field is left alone, the rest flows, and it resumes by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from syncd.core.errors import SchemaMoved
from syncd.engine.judge import Judge
from syncd.engine.report import Reason
from syncd.engine.schemas import take_back
from syncd.store import intents
from tests.engine.conftest import MakePair, Pair
from tests.engine.crash import at_rest
from tests.engine.labs import VARIANTS, MemoryLab
from tests.engine.test_deletes import fetch
from tests.support.rig import Rig


async def flow(rig: Rig) -> None:
    """What a daemon does until nothing moves: reads, writes, looks at schemas, sweeps that are due."""
    for _ in range(10):
        try:
            await rig.settle()
        except SchemaMoved:
            await rig.look()
            continue
        moved = await rig.look()
        async with rig.world.store.plain() as con:
            due = await con.fetchval("select count(*) from streams where swept_at = 'epoch'")
        if due:
            await rig.sweep()
        if not moved and not due:
            return
    raise AssertionError("the systems never came to rest")


async def findings(p: Pair) -> list[Any]:
    return [row["field"] for row in await fetch(p, "select field from parked where code = 'schema'")]


async def started(pair: MakePair, **words: str) -> Pair:
    p = await pair(**words)
    await p.rig.look()
    await p.crm.execute("insert into company (name, city) values ('Acme', 'Rome'), ('Bolt', 'Bonn')")
    await flow(p.rig)
    assert await p.one("erp", "select count(*) from firms") == 2
    return p


async def cities(p: Pair, side: str) -> list[str | None]:
    sql = {"crm": "select city from company order by name", "erp": "select town from firms order by title"}
    return [row[0] for row in await getattr(p, side).fetch(sql[side])]


CAPTURES = ("scan", "triggers")


@pytest.mark.parametrize("capture", CAPTURES)
async def test_a_renamed_column_is_left_alone_and_comes_back(pair: MakePair, capture: str) -> None:
    p = await started(pair, erp_capture=capture)
    await p.erp.execute("alter table firms rename town to place")
    await p.erp.execute("update firms set title = 'Acme Ltd' where title = 'Acme'")
    await p.crm.execute("update company set city = 'Berlin' where name = 'Bolt'")
    await p.crm.execute("insert into company (name, city) values ('Cord', 'Cork')")
    await flow(p.rig)
    assert await findings(p) == ["town"]
    assert await cities(p, "crm") == ["Rome", "Berlin", "Cork"]
    assert await p.one("crm", "select count(*) from company where name = 'Acme Ltd'") == 1
    assert [tuple(r) for r in await p.erp.fetch("select title, place from firms order by title")] == [
        ("Acme Ltd", "Rome"),
        ("Bolt", "Bonn"),
        ("Cord", None),
    ]
    assert await fetch(p, "select code from parked where code <> 'schema'") == []
    await p.erp.execute("update firms set place = 'Milan' where title = 'Acme Ltd'")
    await flow(p.rig)
    await p.erp.execute("alter table firms rename place to town")
    await flow(p.rig)
    assert await cities(p, "erp") == ["Milan", "Berlin", "Cork"]
    assert await cities(p, "crm") == ["Milan", "Berlin", "Cork"]
    assert await fetch(p, "select * from parked") == []
    assert await p.rig.settle() == 0


async def test_a_column_made_anew_clears_nothing_and_is_filled(pair: MakePair) -> None:
    p = await started(pair)
    await p.erp.execute("alter table firms drop town")
    await flow(p.rig)
    assert await findings(p) == ["town"]
    await p.erp.execute("alter table firms add town varchar(30)")
    await flow(p.rig)
    assert await cities(p, "crm") == ["Rome", "Bonn"]
    assert await cities(p, "erp") == ["Rome", "Bonn"]
    await p.erp.execute("update firms set town = null where title = 'Bolt'")
    await flow(p.rig)
    assert await cities(p, "crm") == ["Rome", None]


async def test_a_column_made_anew_is_filled_though_it_was_read_before_its_sweep(pair: MakePair) -> None:
    p = await started(pair, erp_capture="triggers")
    await p.erp.execute("alter table firms drop town")
    await flow(p.rig)
    await p.erp.execute("alter table firms add town varchar(30)")
    p.rig.keepers["erp"].doubt.set()
    await p.rig.look()
    await p.erp.execute("update firms set title = title")
    await p.rig.settle()
    await flow(p.rig)
    assert await cities(p, "erp") == ["Rome", "Bonn"]


@pytest.mark.parametrize(
    "moved",
    [
        "alter town type varchar(3) using left(town, 3)",
        "alter town type integer using length(town)",
        "add check (town in ('Rome', 'Bonn'))",
    ],
)
async def test_a_field_that_narrows_is_neither_read_nor_written(pair: MakePair, moved: str) -> None:
    p = await started(pair)
    await p.erp.execute(f"alter table firms {moved}")
    p.rig.keepers["erp"].doubt.set()  # a check constraint shows in `describe` only
    await p.crm.execute("update company set name = 'Bolts', city = 'Berlin' where name = 'Bolt'")
    await flow(p.rig)
    assert await findings(p) == ["town"]
    assert await cities(p, "crm") == ["Rome", "Berlin"]
    assert await p.one("erp", "select count(*) from firms where title = 'Bolts'") == 1
    assert await p.one("erp", "select count(*) from firms where town::text = 'Berlin'") == 0
    assert await fetch(p, "select code from parked where code <> 'schema'") == []


async def test_a_shorter_field_is_used_again_when_a_person_says_so(pair: MakePair) -> None:
    p = await started(pair)
    await p.erp.execute("alter table firms alter town type varchar(10)")
    await p.crm.execute("update company set city = 'Berlin' where name = 'Bolt'")
    await flow(p.rig)
    assert await cities(p, "erp") == ["Rome", "Bonn"]
    [row] = await fetch(p, "select parked from parked where code = 'schema'")
    await intents.ask(p.rig.world.store, "retry", {"parked": row["parked"]})
    await p.rig.commands.work()
    await flow(p.rig)
    assert await cities(p, "erp") == ["Rome", "Berlin"]
    assert await fetch(p, "select * from parked") == []


async def test_a_lost_field_cannot_be_taken_as_it_is(pair: MakePair) -> None:
    p = await started(pair)
    await p.erp.execute("alter table firms rename town to place")
    await flow(p.rig)
    [row] = await fetch(p, "select parked from parked where code = 'schema'")
    await intents.ask(p.rig.world.store, "retry", {"parked": row["parked"]})
    await p.rig.commands.work()
    await flow(p.rig)
    assert await findings(p) == ["town"]


async def test_a_new_required_column_stops_creates_only(pair: MakePair) -> None:
    p = await started(pair)
    await p.erp.execute("alter table firms add branch text; update firms set branch = 'x'")
    await p.erp.execute("alter table firms alter branch set not null")
    await p.crm.execute("insert into company (name, city) values ('Cord', 'Cork'), ('Dyne', 'Dover')")
    await p.crm.execute("update company set city = 'Berlin' where name = 'Bolt'")
    await flow(p.rig)
    assert await cities(p, "erp") == ["Rome", "Berlin"]
    assert await findings(p) == [None]
    await p.erp.execute("alter table firms alter branch set default 'x'")
    p.rig.keepers["erp"].doubt.set()  # a default shows in `describe` only
    await flow(p.rig)
    assert await cities(p, "erp") == ["Rome", "Berlin", "Cork", "Dover"]
    assert await fetch(p, "select * from parked") == []


async def test_what_is_left_alone_stays_so_over_a_restart(pair: MakePair) -> None:
    p = await started(pair)
    await p.erp.execute("alter table firms alter town type varchar(3) using left(town, 3)")
    await flow(p.rig)
    rig = await Rig.make(p.rig.world.store, p.config)
    try:
        assert set(rig.stream("erp", "company").away) == {"town"}
        await flow(rig)
        assert await cities(p, "crm") == ["Rome", "Bonn"]
        await p.erp.execute(
            "alter table firms alter town type varchar(30); update firms set town = town || '!'"
        )
        await flow(rig)
        assert await cities(p, "crm") == ["Rom!", "Bon!"]
    finally:
        await rig.aclose()


async def test_a_comparison_says_what_is_left_alone(pair: MakePair) -> None:
    p = await started(pair)
    await p.erp.execute("alter table firms rename town to place")
    await flow(p.rig)
    erp = p.rig.stream("erp", "company")
    changes = [c async for page in erp.connector.scan("firms") for c in page.changes]  # type: ignore[attr-defined]
    verdicts = await Judge(p.rig.world, erp).judge(changes)
    found = [(d.field, d.reason) for verdict in verdicts.values() for d in verdict.differences]
    assert found == [("city", Reason.PARKED)] * 2


@pytest.fixture(params=sorted(VARIANTS))
async def lab(request: pytest.FixtureRequest, store_url: str, tmp_path: Path) -> AsyncIterator[MemoryLab]:
    async with MemoryLab.opened(store_url, tmp_path, request.param) as made:
        yield made


async def test_a_copy_that_is_made_while_its_field_is_taken_back_gets_it(lab: MemoryLab) -> None:
    crm, erp = lab.sides["crm"], lab.sides["erp"]
    async with at_rest(lab) as rig:
        stream = rig.stream("erp", "contact")
        stream.quarantine({}, ["phone"], "")
        crm.create("people", {"email": "ann@x.org", "name": "Ann Lee", "phone": "123"})
        swept = []

        async def meanwhile(point: str, object: str, _: str | None) -> None:
            if (point, object) == ("write.commit", "people") and stream.back:
                swept.append(await take_back(rig.world, stream))

        erp.faults.hook = meanwhile
        await rig.settle()
        assert swept == [0], "nothing was linked that missed the field"
        assert [row["phone"] for row in erp.rows("people").values()] == ["123"]
        assert await rig.settle() == 0
