"""The stories in `tests/cases`: single merges and what happens over time, as data."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from conflict.due import Due, due
from conflict.link import Gate, gate, see
from conflict.rules import FLAPS, RuleBook
from conflict.settle import accepted, uncertain
from syncd.core.fieldmap import Direction
from syncd.core.nouns import Accepted, Change, Clash, Rule, Stamp, StoredBy
from syncd.core.state import Agreed, Link, Record, Stamps
from tests.sim.maps import PlainEntry, PlainMap

CASES = Path(__file__).parents[1] / "cases"


def load(name: str) -> list[Any]:
    return [pytest.param(case, id=case["name"]) for case in YAML(typ="safe").load(CASES / name)]


def book(rules: list[dict[str, Any]] | None) -> RuleBook:
    return RuleBook(tuple(Rule(name, args=args) for rule in rules or () for name, args in rule.items()))


@dataclass
class Stage:
    """A record with one field `value`, and the systems that hold it."""

    record: Record
    links: dict[str, Link]
    maps: dict[str, PlainMap]
    book: RuleBook
    seq: int = 10
    clashes: list[Clash] = field(default_factory=list)
    flights: dict[str, Due] = field(default_factory=dict)
    marks: dict[str, int] = field(default_factory=dict)
    gate: Gate | None = None

    def read(
        self,
        system: str,
        value: Any,
        *,
        began: str | None = None,
        version: str | None = None,
        partial: bool = False,
        time: float | None = None,
        braked: bool = False,
    ) -> None:
        """A read arrives and is applied if the gate lets it; `braked` says that systems change it in turn."""
        self.seq += 1
        evidence = self.marks[began] if began else self.seq
        when = None if time is None else datetime.fromtimestamp(time, UTC)
        change = Change(system, "o", system, fields={"Value": value}, remote_version=version, partial=partial)
        change = replace(change, evidence=evidence, occurred_at=when)
        link = self.links[system]
        self.gate = gate(link, change, in_flight=system in self.flights)
        if self.gate is not Gate.APPLY:
            return
        self.seq += 1
        flapping = {"value": f"{FLAPS}it moves in turn"} if braked else {}
        seen = see(self.record, link, change, self.maps[system], self.book, event=self.seq, flapping=flapping)
        self.record, self.links[system] = seen.record, seen.link
        self.clashes += seen.clashes

    def mark(self, name: str) -> None:
        self.seq += 1
        self.marks[name] = self.seq

    def write(self, system: str) -> None:
        self.flights[system] = self.due(system)
        assert self.flights[system].fields, f"nothing is due to {system}"

    def answered(
        self, system: str, *, stored: Any = None, untold: bool = False, left_out: bool = False
    ) -> None:
        sent = self.flights.pop(system)
        self.seq += 1
        told = dict(sent.fields) if stored is None else {"Value": stored}
        told = {} if left_out else told
        answer = Accepted(
            1, system, None, {} if untold else told, StoredBy.UNKNOWN if untold else StoredBy.ANSWER
        )
        done = accepted(
            self.record, self.links[system], sent.fields, sent.versions, answer, self.maps[system], self.seq
        )
        self.record, self.links[system] = done.record, done.link

    def lost(self, system: str) -> None:
        sent = self.flights.pop(system)
        self.links[system] = uncertain(self.links[system], sent.fields, sent.versions)

    def held(self, system: str, value: Any) -> None:
        self.read(system, value)
        assert self.gate is Gate.HOLD

    def due(self, system: str) -> Due:
        return due(self.record, self.links[system], self.maps[system])

    @property
    def losers(self) -> list[Any]:
        return [
            candidate.value
            for clash in self.clashes
            if not clash.open
            for index, candidate in enumerate(clash.candidates)
            if index != clash.winner
        ]

    @property
    def candidates(self) -> list[Any]:
        held = self.record.contests.get("value")
        return [candidate.value for candidate in held.candidates] if held else []

    def expect(self, wanted: dict[str, Any]) -> None:
        found: dict[str, Any] = {
            "value": self.record.fields.get("value"),
            "losers": self.losers,
            "open": self.record.frozen("value"),
            "gate": self.gate,
            "candidates": self.candidates,
            "due": {name: todo.fields["Value"] for name in self.links if (todo := self.due(name)).fields},
            "version": {name: link.remote_version for name, link in self.links.items()},
        }
        if "version" in wanted:
            found["version"] = {name: found["version"][name] for name in wanted["version"]}
        assert {key: found[key] for key in wanted} == wanted


def entry_of(case: dict[str, Any]) -> PlainEntry:
    direction = Direction(case.get("direction", "both"))
    return PlainEntry("value", "Value", is_set=case.get("set", False), direction=direction)


# -- one read ----------------------------------------------------------------------------------------


def stage_of_merge(given: dict[str, Any]) -> Stage:
    times = given.get("times", [None, None])
    fields = {"value": given["ours"]} if "ours" in given else {}
    record = Record(1, "contact", 5, fields, Stamps(Stamp(5, "ours", times[0], 1)))
    shadow = {"Value": given["base"]} if "base" in given else {}
    agreed = Agreed(5 if given.get("agreed", True) else 3 if shadow else 0)
    link = Link("theirs", "o", "theirs", 1, shadow=shadow, agreed=agreed)
    maps = {"theirs": PlainMap("theirs", (entry_of(given),))}
    return Stage(record, {"theirs": link}, maps, book(given.get("rules")))


@pytest.mark.parametrize("case", load("merges.yaml"))
def test_a_merge(case: dict[str, Any]) -> None:
    given, wanted = case["given"], case["expect"]
    stage = stage_of_merge(given)
    stage.read("theirs", given["theirs"], time=given.get("times", [None, None])[1])
    stage.expect(
        {
            "value": wanted["value"],
            "losers": wanted.get("losers", []),
            "open": wanted.get("open", False),
            "due": {"theirs": wanted["due"]} if "due" in wanted else {},
        }
    )


# -- what happens over time --------------------------------------------------------------------------


def stage_of_story(case: dict[str, Any]) -> Stage:
    record = Record(1, "contact", 1, {"value": case["start"]}, Stamps(Stamp(1, "a", None, 1)))
    empty = case.get("unlinked", [])
    names = sorted({*case.get("systems", ("a", "b")), *empty})
    links = {name: Link(name, "o", name, 1) for name in names}
    for name in set(names) - set(empty):
        links[name] = replace(links[name], shadow={"Value": case["start"]}, agreed=Agreed(1))
    maps = {name: PlainMap(name, (entry_of(case),)) for name in names}
    return Stage(record, links, maps, book(case.get("rules")))


@pytest.mark.parametrize("case", load("stories.yaml"))
def test_a_story(case: dict[str, Any]) -> None:
    stage = stage_of_story(case)
    for step in case["steps"]:
        for verb, words in step.items():
            act = getattr(stage, verb)
            if verb in ("expect", "mark", "write"):
                act(words)
            else:
                act(**words)
    assert any("expect" in step for step in case["steps"])


def test_every_story_has_a_name_of_its_own() -> None:
    for file in ("merges.yaml", "stories.yaml"):
        names = [case["name"] for case in YAML(typ="safe").load(CASES / file)]
        assert len(names) == len(set(names))


def test_a_question_that_ends_for_what_stands_tells_who_spoke_against_it() -> None:
    """A brake asked, the rules would have; a third value lets them decide, and what stands did not move."""
    stage = stage_of_story({"start": "old", "systems": ["a", "b", "c"]})
    rule = Rule("prefer", args={"systems": ["a"]}, when=lambda candidates, _: len(candidates) > 2)
    stage.book = RuleBook((rule,))
    stage.read("a", "one")
    stage.write("b")
    stage.answered("b")
    stage.read("b", "two", braked=True)
    stage.expect({"value": "one", "open": True, "due": {}})
    stage.read("c", "three")
    stage.expect({"value": "one", "open": False, "losers": ["two", "three"], "due": {"b": "one", "c": "one"}})


def test_a_blank_that_a_system_spells_otherwise_is_not_written_over() -> None:
    stage = stage_of_story({"start": "old", "systems": ["a", "b"]})
    stage.links["b"] = replace(stage.links["b"], shadow={"Value": ""})
    stage.read("a", None)
    stage.expect({"value": None, "due": {}})
