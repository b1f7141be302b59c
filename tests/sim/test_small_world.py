"""One field's whole small world: every combination of what is held, agreed and told, and what must hold.

The world is an identity field with the values None, a, b and c. `UNTOLD` is a field that was never reported.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import pytest

from conflict.due import due
from conflict.link import Gate, gate, see
from conflict.rules import RuleBook
from conflict.work import Outcome
from syncd.core.fieldmap import Direction
from syncd.core.nouns import Candidate, Change, Clash, Contest, Rule, Stamp
from syncd.core.state import Agreed, Link, Record, Stamps
from tests.sim.maps import PlainEntry, PlainMap

UNTOLD = object()
VALUES = (None, "a", "b", "c")
VERSION = 5
OURS_FROM = "s1"
BOOKS = {
    "ask": RuleBook((Rule("ask"),)),
    "prefer theirs": RuleBook((Rule("prefer", args={"systems": ("s0", "s1", "s2")}),)),
    "prefer ours": RuleBook((Rule("prefer", args={"systems": ("s1", "s2", "s0")}),)),
}


@dataclass(frozen=True)
class World:
    """One state of a record and of the link `s0`, and a read that arrives."""

    base: Any
    ours: Any
    theirs: Any
    agreed: int
    older: bool
    in_flight: bool
    contest: str
    direction: Direction

    @property
    def map(self) -> PlainMap:
        return PlainMap("s0", (PlainEntry("name", "Name", direction=self.direction),))

    @property
    def record(self) -> Record:
        fields = {} if self.ours is UNTOLD else {"name": self.ours}
        return Record(1, "contact", VERSION, fields, Stamps(Stamp(VERSION, OURS_FROM)), self._contests())

    def _contests(self) -> dict[str, Contest]:
        if self.contest == "none":
            return {}
        candidates = (Candidate(self.ours, OURS_FROM, version=VERSION), Candidate("z", "s2", version=4))
        return {"name": Contest(candidates, open=self.contest == "open")}

    @property
    def link(self) -> Link:
        shadow = {} if self.base is UNTOLD else {"Name": self.base}
        return Link("s0", "o", "1", 1, shadow=shadow, agreed=Agreed(self.agreed), evidence=10)

    @property
    def change(self) -> Change:
        return Change("s0", "o", "1", fields={"Name": self.theirs}, evidence=9 if self.older else 11)

    @property
    def possible(self) -> bool:
        """No base without a shadow; nothing agreed or contested about a field that we do not have."""
        if self.base is UNTOLD and self.agreed:
            return False
        return self.ours is not UNTOLD or (self.contest == "none" and self.agreed < VERSION)


def worlds(direction: Direction) -> Iterator[World]:
    untold = (UNTOLD, *VALUES)
    ways = product(
        untold, untold, VALUES, (0, 3, VERSION), (False, True), (False, True), ("none", "open", "decided")
    )
    found = (World(*way, direction) for way in ways)
    return (world for world in found if world.possible)


def test_the_world_is_as_large_as_it_should_be() -> None:
    assert sum(1 for _ in worlds(Direction.BOTH)) > 2_000


@pytest.mark.parametrize("direction", Direction)
def test_what_may_be_applied(direction: Direction) -> None:
    for world in worlds(direction):
        decision = gate(world.link, world.change, in_flight=world.in_flight)
        news = world.base is UNTOLD or world.base != world.theirs
        assert (decision is Gate.HOLD) == world.in_flight, world
        if not world.in_flight:
            stale = Gate.REFETCH if world.older else Gate.APPLY
            assert decision is (stale if news else Gate.DROP), world


@pytest.mark.parametrize("book", BOOKS)
@pytest.mark.parametrize("direction", Direction)
def test_what_an_applied_read_does(direction: Direction, book: str) -> None:
    rules = BOOKS[book]
    for world in worlds(direction):
        if world.in_flight or world.older:
            continue
        seen = see(world.record, world.link, world.change, world.map, rules, event=20)
        for invariant in INVARIANTS:
            invariant(world, seen)
        _is_idempotent(world, seen, rules)


# -- the invariants -------------------------------------------------------------------------------------


def _the_shadow_is_what_was_told(world: World, seen: Outcome) -> None:
    assert seen.link.shadow == {"Name": world.theirs}, world
    assert seen.link.evidence == 11, world


def _no_edit_is_nothing(world: World, seen: Outcome) -> None:
    if world.base == world.theirs:
        assert not seen.changed, world
        assert not seen.clashes, world


def _ours_is_never_lost(world: World, seen: Outcome) -> None:
    if world.ours in (UNTOLD, seen.record.fields.get("name")):
        return
    causal = world.agreed == VERSION or world.base == world.ours
    blank_at_first_sight = world.ours is None and world.base is UNTOLD
    assert causal or blank_at_first_sight or world.ours in _listed(seen.clashes), world


def _theirs_is_never_lost(world: World, seen: Outcome) -> None:
    if world.base == world.theirs or world.direction is Direction.OUT:
        return
    blank_at_first_sight = world.theirs is None and world.base is UNTOLD
    current = seen.record.fields.get("name") == world.theirs
    assert current or blank_at_first_sight or world.theirs in _listed(seen.clashes), world


def _equal_values_never_clash(world: World, seen: Outcome) -> None:
    if world.theirs == world.ours and world.contest != "open":
        assert not seen.clashes, world
        assert not seen.changed, world


def _what_was_seen_never_clashes(world: World, seen: Outcome) -> None:
    if world.agreed == VERSION and world.contest == "none":
        assert not seen.clashes, world


def _agreed_rises_only_with_the_value(world: World, seen: Outcome) -> None:
    if "name" not in seen.record.fields:
        return  # a number says nothing of a field that we do not have: any value will come with a higher one
    after, value = seen.link.agreed.of("name"), seen.record.fields["name"]
    if value != world.theirs:
        assert after <= world.agreed, world
    if after > world.agreed:
        assert after == seen.record.version_of("name"), world


def _a_blank_without_base_never_beats_or_fights(world: World, seen: Outcome) -> None:
    if world.base is UNTOLD and world.theirs is None and world.ours not in (UNTOLD, None):
        assert seen.record.fields["name"] == world.ours, world
        assert not seen.clashes, world


def _due_sends_only_what_differs(world: World, seen: Outcome) -> None:
    todo = due(seen.record, seen.link, world.map).fields
    value = seen.record.fields.get("name")
    assert todo in ({}, {"Name": value}), world
    if todo:
        assert value != world.theirs, world
        assert seen.link.agreed.of("name") < seen.record.version_of("name"), world
        assert world.direction is not Direction.IN, world
        assert not seen.record.frozen("name"), world


def _what_lost_is_told(world: World, seen: Outcome) -> None:
    """After an edit, what is decided is either there or due: nothing is left to diverge."""
    edit = world.base != world.theirs and world.direction is Direction.BOTH and world.ours is not UNTOLD
    if edit and not seen.record.frozen("name") and seen.record.fields["name"] != world.theirs:
        assert due(seen.record, seen.link, world.map).fields, world
        assert seen.owes, world


def _an_open_conflict_stands_still(world: World, seen: Outcome) -> None:
    if world.contest == "open" and seen.record.frozen("name"):
        assert not seen.changed, world
        assert not due(seen.record, seen.link, world.map).fields, world
        assert not seen.closed, world


def _one_way_is_one_way(world: World, seen: Outcome) -> None:
    if world.direction is Direction.OUT:
        assert seen.record.fields == world.record.fields, world
        assert not seen.clashes, world


def _versions_rise_with_values(world: World, seen: Outcome) -> None:
    assert seen.record.version >= VERSION, world
    assert (seen.record.version > VERSION) == bool(seen.changed or seen.clashes), world
    if seen.changed:
        assert seen.record.version_of("name") > VERSION, world


INVARIANTS = (
    _the_shadow_is_what_was_told,
    _no_edit_is_nothing,
    _ours_is_never_lost,
    _theirs_is_never_lost,
    _equal_values_never_clash,
    _what_was_seen_never_clashes,
    _agreed_rises_only_with_the_value,
    _a_blank_without_base_never_beats_or_fights,
    _due_sends_only_what_differs,
    _what_lost_is_told,
    _an_open_conflict_stands_still,
    _one_way_is_one_way,
    _versions_rise_with_values,
)


def _is_idempotent(world: World, seen: Outcome, rules: RuleBook) -> None:
    """A page read again: the gate drops it, and applied all the same it could only confirm what is there."""
    assert gate(seen.link, world.change, in_flight=False) is Gate.DROP, world
    again = see(seen.record, seen.link, world.change, world.map, rules, event=20)
    assert replace(again.record, contests=seen.record.contests) == seen.record, world
    assert replace(again.link, agreed=seen.link.agreed) == seen.link, world
    assert again.link.agreed.of("name") in (seen.link.agreed.of("name"), seen.record.version_of("name")), (
        world
    )
    assert not again.changed, world
    assert not again.clashes, world


def _listed(clashes: list[Clash]) -> list[Any]:
    return [candidate.value for clash in clashes for candidate in clash.candidates]
