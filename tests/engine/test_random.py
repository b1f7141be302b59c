"""Seeded people on both sides, the engine's parts in any order: both sides end equal, nothing is doubled."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable

import pytest

from tests.engine.conftest import MakePair, Pair
from tests.engine.test_deletes import fetch

FIRMS = 4


async def person(p: Pair, rng: random.Random, number: int) -> None:
    """One edit, insert or move by somebody on one side; every value tells its edit."""
    side = rng.choice(("crm", "erp"))
    firm = rng.randrange(FIRMS)
    match rng.randrange(6):
        case 0 | 1:
            table, column, key = {
                "crm": ("company", "city", "id"),
                "erp": ("firms", "town", "firm_no"),
            }[side]
            sql = f"update {table} set {column} = $1 where {key} = $2"
            await getattr(p, side).execute(sql, f"town {number}", firm + 1)
        case 2:
            table, column = {"crm": ("contact", "phone"), "erp": ("people", "tel")}[side]
            await getattr(p, side).execute(f"update {table} set {column} = $1", f"tel {number}")
        case 3:
            if side == "crm":
                await p.crm.execute("update contact set company_id = $1 where id = 1", firm + 1)
            else:
                await p.erp.execute(
                    "update people set firm = (select firm_no from firms offset $1 limit 1)", firm
                )
        case 4:
            if side == "crm":
                sql = "insert into contact (email, last, company_id) values ($1, 'Ek', $2)"
                await p.crm.execute(sql, f"p{number}@x.org", firm + 1)
            else:
                sql = "insert into people (mail, name) values ($1, 'Bo Ek')"
                await p.erp.execute(sql, f"p{number}@x.org")
        case _:
            if side == "crm":
                await p.crm.execute("update contact set tags = $1 where id = 1", f"t{number};x")
            else:
                await p.erp.execute("update people set labels = labels || $1::text", f"t{number}")


def steps(p: Pair) -> list[Callable[[], Awaitable[object]]]:
    """Everything a daemon's loops may do next."""
    rig = p.rig
    found: list[Callable[[], Awaitable[object]]] = []
    for stream in rig.streams:
        found += [rig.intakes[stream.id].read, rig.pushers[stream.id].push, rig.inboxes[stream.id].work]
    return found


@pytest.mark.parametrize("seed", range(12))
async def test_any_order_of_edits_and_steps_converges(pair: MakePair, seed: int) -> None:
    rng = random.Random(seed)
    p = await pair(
        capture=rng.choice(("triggers", "updated_at")),
        erp_capture=rng.choice(("triggers", "scan")),
        rules=rng.choice(
            (
                "[{strategy: prefer, systems: [erp, crm]}]",
                "[{strategy: newest, skew: 1s}, {strategy: prefer, systems: [crm, erp]}]",
            )
        ),
    )
    await p.crm.execute(
        "insert into company (name, city) select 'Firm ' || i, 'Rome' from generate_series(1, 4) i"
    )
    await p.crm.execute(
        "insert into contact (email, last, company_id, tags) values ('a@b.org', 'Ek', 1, 'x')"
    )
    await p.rig.settle()
    for number in range(25):
        await person(p, rng, number)
        for _ in range(rng.randrange(4)):
            await rng.choice(steps(p))()
    await p.rig.settle()
    assert await p.rig.settle() == 0
    left = await p.crm.fetch(
        "select email, concat_ws(' ', first, last) who, phone, name, "
        "(select string_agg(t, ';' order by t) from unnest(string_to_array(tags, ';')) t) from contact c "
        "left join company o on o.id = c.company_id order by email"
    )
    right = await p.erp.fetch(
        "select mail, p.name who, tel, title, "
        "(select string_agg(t, ';' order by t) from unnest(labels) t) from people p "
        "left join firms f on f.firm_no = p.firm order by mail"
    )
    assert [tuple(row) for row in left] == [tuple(row) for row in right]
    firms = await p.erp.fetch("select title, town from firms order by title")
    assert await p.crm.fetch("select name title, city town from company order by name") == firms
    assert await fetch(p, "select * from parked") == []
    assert await fetch(p, "select * from inbox") == []
    assert await fetch(p, "select * from outbox") == []
