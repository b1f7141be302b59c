"""The journals of runs with every rule and policy replay without a difference; a changed rule shows."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from conflict import strategies
from syncd.service.replay import NoJournal
from syncd.store import intents
from tests.engine.conftest import MakePair, Pair, pair
from tests.engine.test_history import edit
from tests.support.journals import assert_replays, exported, replayed
from tests.support.rig import Rig

__all__ = ["pair"]  # a fixture

PREFER = "[{strategy: prefer, systems: [crm, erp]}]"
RULES = {
    "prefer": PREFER,
    "newest": "[{strategy: newest, skew: {crm: 1s, erp: 2s}}, {strategy: prefer, systems: [erp]}]",
    "oldest": "[{strategy: oldest, skew: 500ms}, {strategy: ask}]",
    "by value": "[{strategy: non_empty}, {strategy: prefer, systems: [erp]}]",
}


async def busy(p: Pair, seed: int = 7, steps: int = 30) -> None:
    """People edit in both systems, and neither is told of the other's edits in between."""
    rng = random.Random(seed)
    await p.crm.execute(
        "insert into company (name, city) select 'Firm ' || i, 'Rome' from generate_series(1, 5) i"
    )
    await p.crm.execute(
        "insert into contact (email, first, last, tags) "
        "select 'p' || i || '@x.org', 'P', 'Ek', 'a;b' from generate_series(1, 6) i"
    )
    await p.rig.settle()
    for _ in range(steps):
        for _ in range(rng.randrange(1, 6)):
            await edit(p, rng)
        await clash(p, f"w{rng.randrange(1000)}")
        await p.rig.settle()


async def clash(p: Pair, word: str) -> None:
    """One field, in both systems, neither told of the other."""
    await p.crm.execute("update company set city = $1 where id = 1", f"{word} of crm")
    await p.erp.execute("update firms set town = $1 where firm_no = 1", f"{word} from erp")


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
async def test_every_decision_comes_out_the_same(pair: MakePair, rules: str) -> None:
    p = await pair(rules=rules)
    await busy(p, steps=8)
    found = await assert_replays(p.rig.world.store)
    assert found.same >= (1 if "ask" in rules else 5)
    assert found.records > 5


@pytest.mark.parametrize("against", ["ask", "edit-wins", "delete-wins"])
async def test_edits_against_deletes_too(pair: MakePair, against: str) -> None:
    p = await pair(deletes=f"{{policy: propagate, against_edit: {against}}}")
    await p.crm.execute("insert into company (name, city) values ('Acme', 'Rome')")
    await p.rig.settle()
    await p.erp.execute("delete from firms")
    await p.crm.execute("update company set city = 'Bern'")
    await p.rig.settle()
    lines = [orjson.loads(line) for line in await exported(p.rig.world.store)]
    assert [line["field"] for line in lines if "decision" in line] == [""]
    assert (await assert_replays(p.rig.world.store)).same == 1


async def test_what_a_person_decided_was_left_to_him(pair: MakePair) -> None:
    p = await pair(rules="[{strategy: ask}]")
    await p.crm.execute("insert into company (name, city) values ('Acme', 'Rome')")
    await p.rig.settle()
    await clash(p, "one")
    await p.rig.settle()
    (conflict,) = await open_conflicts(p)
    await intents.ask(p.rig.world.store, "decide", {"conflict": conflict, "value": "Oslo"})
    await p.rig.settle()
    await clash(p, "two")
    await p.rig.settle()
    assert (await assert_replays(p.rig.world.store)).same == 2


async def open_conflicts(p: Pair) -> list[int]:
    async with p.rig.world.store.plain() as con:
        return [r["conflict"] for r in await con.fetch("select conflict from conflicts where state = 'open'")]


async def test_each_decision_is_judged_by_the_rules_of_its_time(pair: MakePair) -> None:
    """The rules change in between, and the journal holds both (F41)."""
    p = await pair(rules=PREFER)
    await busy(p, steps=1)
    p.config.write_text(p.config.read_text().replace("[crm, erp]", "[erp, crm]"))
    p.rig = await restarted(p)
    await clash(p, "later")
    await p.rig.settle()
    lines = [orjson.loads(line) for line in await exported(p.rig.world.store)]
    assert {line["config"] for line in lines if "decision" in line} == {1, 2}
    assert (await assert_replays(p.rig.world.store)).same >= 2


async def restarted(p: Pair) -> Rig:
    store = p.rig.world.store
    await p.rig.aclose()
    return await Rig.make(store, p.config)


async def test_a_changed_rule_shows(pair: MakePair, monkeypatch: pytest.MonkeyPatch) -> None:
    p = await pair(rules=PREFER)
    await busy(p, steps=3)
    lines = await exported(p.rig.world.store)
    before = replayed(lines)
    assert before.clean
    other = [line.replace(b'"systems":["crm","erp"]', b'"systems":["erp","crm"]') for line in lines]
    found = replayed(other)
    assert found.different == before.same
    assert found.differences[0].what == "was for crm by prefer, and is for erp by prefer"

    def last(candidates: Any, args: Mapping[str, Any]) -> list[int]:
        return [len(candidates) - 1]

    monkeypatch.setitem(strategies.NARROWING, "prefer", last)  # type: ignore[arg-type]
    assert replayed(lines).different > 0


async def test_a_history_that_leads_elsewhere_shows(pair: MakePair) -> None:
    p = await pair()
    await busy(p, steps=1)
    lines = await exported(p.rig.world.store)
    version = next(n for n, line in enumerate(lines) if b'"name":"Firm 2"' in line and b'"changes"' in line)
    lines[version] = lines[version].replace(b'"Firm 2"', b'"Firm X"')
    found = replayed(lines)
    assert found.broken == 1
    assert "its history leads to another" in found.differences[0].what


async def test_what_came_in_is_in_it_as_it_came(pair: MakePair) -> None:
    p = await pair()
    await p.crm.execute("insert into company (name, city) values ('Acme', 'Rome')")
    await p.rig.settle()
    lines = [orjson.loads(line) for line in await exported(p.rig.world.store)]
    assert list(lines[0])[:1] == ["journal"]
    events = [line for line in lines if "event" in line and "body" in line]
    assert any("Acme" in line["body"] and line["system"] == "crm" for line in events)
    assert lines[-1]["end"]["event"] == len(events)
    fewer = [orjson.loads(line) for line in await exported(p.rig.world.store, events=False)]
    assert "event" not in fewer[-1]["end"]


async def test_no_secret_is_in_it(pair: MakePair) -> None:
    """Of a configuration only the kinds and their rules: no system, no address."""
    p = await pair()
    configs = [line for line in await exported(p.rig.world.store) if line.startswith(b'{"config"')]
    assert configs
    assert not any(b"postgresql://" in line or b"systems:" in line for line in configs)


async def test_a_file_that_is_none_is_told(pair: MakePair) -> None:
    p = await pair()
    await busy(p, steps=1)
    lines = await exported(p.rig.world.store)
    for broken, why in (
        (lines[:-1], "not whole"),
        ([*lines[:3], *lines[4:]], "not whole"),
        (lines[1:], "does not begin"),
        ([lines[0], b"hm"], "line 2 is no JSON"),
        ([], "not whole"),
    ):
        with pytest.raises(NoJournal, match=why):
            replayed(broken)
