"""What a person asks for is done whole or not at all, and never goes over what nobody has seen."""

from __future__ import annotations

from typing import Any

from syncd.core.nouns import Candidate, Clash
from syncd.store import intents, queues
from tests.engine.conftest import MakePair, Pair
from tests.engine.test_deletes import fetch


async def asked(p: Pair, name: str, **args: Any) -> tuple[bool, str]:
    """The daemon's answer to a request."""
    number = await intents.ask(p.rig.world.store, name, args)
    await p.rig.settle()
    answer = await intents.answer(p.rig.world.store, number)
    assert answer is not None
    return answer


async def open_conflict(p: Pair) -> Any:
    [conflict] = await fetch(p, "select conflict, record_id from conflicts where state = 'open'")
    return conflict


async def test_a_verdict_of_the_wrong_type_is_refused_and_the_sync_goes_on(pair: MakePair) -> None:
    p = await pair(rules="[{strategy: ask}]")
    await p.crm.execute("insert into company (name) values ('Acme'), ('Bolt'), ('Core')")
    await p.crm.execute("insert into contact (email, last, company_id) values ('a@b.org', 'Ek', 1)")
    await p.rig.settle()
    await p.crm.execute("update contact set company_id = 2")
    await p.erp.execute("update people set firm = (select firm_no from firms where title = 'Core')")
    await p.rig.settle()
    conflict = await open_conflict(p)
    ok, said = await asked(p, "decide", conflict=conflict["conflict"], value="Other GmbH")
    assert not ok
    assert "points at a company" in said
    assert (await open_conflict(p))["conflict"] == conflict["conflict"]
    await p.crm.execute("insert into contact (email, last) values ('c@d.org', 'Bo')")
    await p.rig.settle()
    assert await p.one("erp", "select count(*) from people") == 2


async def test_a_request_that_fails_changes_nothing(pair: MakePair) -> None:
    p = await pair(rules="[{strategy: ask}]")
    await p.crm.execute("insert into company (name, city) values ('Acme', 'Rome')")
    await p.rig.settle()
    await p.erp.execute("update firms set town = 'Oslo'")
    await p.crm.execute("update company set city = 'Bern'")
    await p.rig.settle()
    conflict = await open_conflict(p)
    before = await fetch(p, "select version, contests from records")
    ok, said = await asked(p, "decide", conflict=conflict["conflict"], candidate=9)
    assert not ok
    assert "nothing was changed" in said
    assert await fetch(p, "select version, contests from records") == before
    ok, _ = await asked(p, "decide", conflict=conflict["conflict"], value="Lund")
    assert ok
    assert await p.one("crm", "select city from company") == "Lund"
    assert await p.one("erp", "select town from firms") == "Lund"


async def test_a_retry_forgets_refusals_only(pair: MakePair) -> None:
    p = await pair()
    await p.crm.execute("insert into contact (email, last) values ('a@b.org', 'Ek')")
    await p.rig.settle()
    await p.erp.execute("alter table people add check (tel <> '666')")
    await p.erp.execute("update people set mail = 'not an address'")
    await p.crm.execute("update contact set email = 'c@d.org', phone = '666'")
    await p.rig.settle()
    [refused] = await fetch(p, "select parked from parked where direction = 'out'")
    await asked(p, "retry", parked=refused["parked"])
    assert await p.one("erp", "select mail from people") == "not an address"
    assert "unreadable" in [row["code"] for row in await fetch(p, "select code from parked")]


async def test_a_decided_entry_leaves_an_open_conflict_open(pair: MakePair) -> None:
    p = await pair()
    sides = (Candidate("a", "crm", version=1), Candidate("b", "erp", version=2))
    asking = Clash("city", None, sides, "nobody decides", "ask", open=True)
    decided = Clash("city", None, sides, "landed late", "late", winner=0)
    store, config = p.rig.world.store, p.rig.world.config
    for clashes in ([(1, asking), (1, decided)], [(1, decided)]):
        async with store.write() as tx:
            await queues.note_clashes(tx, store, config, clashes)
    states = [row["state"] for row in await fetch(p, "select state from conflicts order by conflict")]
    assert sorted(states) == ["decided", "decided", "open"]


async def test_keys_of_a_later_run_mean_nothing_to_a_restored_store(pair: MakePair) -> None:
    p = await pair()
    await p.crm.execute("insert into company (name) values ('Acme')")
    await p.rig.settle()
    key = await p.one("erp", "select syncd_id from firms")
    world = p.rig.world
    record = world.record_of(key)
    assert record is not None
    assert world.key_of(record) == key
    restored = [(first, tag if first <= record - 1_000_000 else "other") for first, tag in world.tags]
    world.tags = restored
    assert world.record_of(key) is None


async def test_one_record_that_cannot_be_decided_stops_no_other(pair: MakePair, monkeypatch: Any) -> None:
    p = await pair()
    await p.crm.execute("insert into company (name) values ('Acme'), ('Bolt')")
    await p.rig.settle()
    await p.crm.execute("update company set city = 'Rome'")
    from syncd.engine import decide

    real = decide.see

    def broken(record: Any, *args: Any, **more: Any) -> Any:
        if record.fields["name"] == "Acme":
            raise AttributeError("planted")
        return real(record, *args, **more)

    monkeypatch.setattr(decide, "see", broken)
    await p.rig.settle()
    assert await p.one("erp", "select town from firms where title = 'Bolt'") == "Rome"
    assert [row["code"] for row in await fetch(p, "select code from parked")] == ["bug"]
