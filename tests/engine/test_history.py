"""The history replays to the present value of every field, and says why it has it."""

from __future__ import annotations

import random
from typing import Any

import pytest

from syncd.store.explain import explain, life
from syncd.store.history import NotFound, Story, find_record, load_story, replay
from tests.engine.conftest import MakePair, Pair

RULES = [
    "[{strategy: prefer, systems: [erp, crm]}]",
    "[{strategy: ask}]",
    "[{strategy: newest, skew: 1s}, {strategy: ask}]",
    "[{strategy: non_empty}, {strategy: prefer, systems: [crm, erp]}]",
]


async def stories(p: Pair) -> list[Story]:
    store = p.rig.world.store
    async with store.plain() as con:
        rows = await con.fetch("select kind, record_id from records order by record_id")
    return [await load_story(store, row["kind"], row["record_id"]) for row in rows]


async def story_of(p: Pair, kind: str, ident: str) -> Story:
    store = p.rig.world.store
    return await load_story(store, kind, await find_record(store, kind, ident))


async def edit(p: Pair, rng: random.Random) -> None:
    """One random edit by a person in either system."""
    word, number = f"w{rng.randrange(1000)}", rng.randrange(1, 13)
    tags = rng.sample(["a", "b", "c", "d"], rng.randrange(0, 4))
    crm: list[tuple[str, list[Any]]] = [
        ("update company set city = $1 where id = $2", [word, number]),
        ("update contact set first = $1 where id = $2", [word, number]),
        ("update contact set tags = $1 where id = $2", [";".join(tags), number]),
        ("update contact set company_id = $1 where id = $2", [rng.randrange(1, 5), number]),
        ("insert into contact (email, first) values ($1 || '@x.org', $1)", [word]),
        ("delete from contact where id = $1", [number]),
    ]
    erp: list[tuple[str, list[Any]]] = [
        ("update firms set town = $1 where firm_no = $2", [word, number]),
        ("update people set name = $1 where person_no = $2", [f"{word} Ek", number]),
        ("update people set labels = $1 where person_no = $2", [tags, number]),
        ("update people set tel = $1 where person_no = $2", [word, number]),
        ("insert into firms (title) values ($1)", [word]),
        ("delete from people where person_no = $1", [number]),
    ]
    side, choices = rng.choice([("crm", crm), ("erp", erp)])
    sql, args = rng.choice(choices)
    await getattr(p, side).execute(sql, *args)


@pytest.mark.parametrize("seed", range(4))
async def test_the_history_replays_to_the_present_value_of_every_field(pair: MakePair, seed: int) -> None:
    rng = random.Random(seed)
    p = await pair(rules=RULES[seed], deletes="{policy: propagate, against_edit: edit-wins}")
    await p.crm.execute("insert into company (name) select 'Firm ' || i from generate_series(1, 6) i")
    await p.crm.execute(
        "insert into contact (email, first, last) "
        "select i || '@x.org', 'A', 'B' from generate_series(1, 12) i"
    )
    await p.rig.settle()
    for _ in range(15):
        for _ in range(rng.randrange(2, 12)):
            await edit(p, rng)
        if rng.random() < 0.5:
            await p.rig.read()
        else:
            await p.rig.settle()
    await p.rig.settle()
    seen = await stories(p)
    assert sum(len(story.versions) for story in seen) > len(seen) + 20
    for story in seen:
        assert replay(story.versions) == (dict(story.record.fields), story.record.deleted)
        assert [v.version for v in story.versions] == sorted({v.version for v in story.versions})
        for earlier, later in zip(story.versions, story.versions[1:], strict=False):
            fields, _ = replay(story.versions, earlier.version)
            shown = {name: value for name, value in later.before.items() if name}
            assert shown == {name: fields[name] for name in later.changes if name in fields}


async def test_a_record_is_found_by_our_id_and_by_each_systems_own(pair: MakePair) -> None:
    p = await pair()
    await p.crm.execute("insert into company (name, city) values ('Acme', 'Rome')")
    await p.rig.settle()
    story = await story_of(p, "company", "crm:1")
    number = story.record.record_id
    assert (await story_of(p, "company", "erp:1")).record.record_id == number
    assert (await story_of(p, "company", str(number))).record.fields["city"] == "Rome"
    for kind, ident in [("company", "crm:77"), ("company", "sap:1"), ("company", "x"), ("person", "1")]:
        with pytest.raises(NotFound):
            await find_record(p.rig.world.store, kind, ident)
    with pytest.raises(NotFound, match="not a contact"):
        await load_story(p.rig.world.store, "contact", number)


async def test_explain_names_the_event_the_rivals_the_rule_and_where_it_is(pair: MakePair) -> None:
    p = await pair()
    await p.crm.execute("insert into company (name, city) values ('Acme', 'Rome')")
    await p.rig.settle()
    await p.erp.execute("update firms set town = 'Oslo'")
    await p.crm.execute("update company set city = 'Bern'")
    await p.rig.settle()
    story = await story_of(p, "company", "crm:1")
    maps = {(s.system, s.object): s.map for s in p.rig.streams if s.kind == "company"}
    found = explain(story, "city", maps)
    assert found.value == "Bern"
    assert found.origin.startswith("crm said so")
    assert f"event {story.record.stamps.of('city').event}" in found.origin
    assert len(found.rivals) == 1
    assert 'erp said "Oslo"' in found.rivals[0]
    assert "prefer: crm wins" in found.rivals[0]
    places = {place.system: place for place in found.places}
    assert (places["erp"].holds, places["erp"].current) == ({"town": "Bern"}, True)
    assert (places["crm"].status, places["crm"].remote_id) == ("it came from there", "1")


async def test_explain_tells_of_a_write_that_is_due_and_of_an_open_conflict(pair: MakePair) -> None:
    p = await pair(rules="[{strategy: ask}]")
    await p.crm.execute("insert into company (name, city) values ('Acme', 'Rome'), ('Zet', 'Bonn')")
    await p.rig.settle()
    await p.crm.execute("update company set city = 'Bern'")
    await p.erp.execute("update firms set town = 'Oslo' where title = 'Acme'")
    await p.rig.read()
    maps = {(s.system, s.object): s.map for s in p.rig.streams if s.kind == "company"}
    clash = explain(await story_of(p, "company", "crm:1"), "city", maps)
    assert "open since" in clash.rivals[0]
    assert all("frozen" in place.status for place in clash.places)
    due = explain(await story_of(p, "company", "crm:2"), "city", maps)
    assert {place.system: place.current for place in due.places} == {"crm": True, "erp": False}
    assert next(place.status for place in due.places if place.system == "erp") == "a write is due"


async def test_the_life_of_a_record_tells_of_its_delete(pair: MakePair) -> None:
    p = await pair()
    await p.crm.execute("insert into company (name, city) values ('Acme', 'Rome')")
    await p.rig.settle()
    await p.erp.execute("delete from firms")
    await p.rig.settle()
    await p.rig.sweep()
    await p.rig.settle()
    async with p.rig.world.store.plain() as con:
        number = await con.fetchval("select record_id from records")
    story = await load_story(p.rig.world.store, "company", number)
    assert story.record.deleted
    assert replay(story.versions) == (dict(story.record.fields), True)
    assert any("deleted by erp" in said for said in life(story))
