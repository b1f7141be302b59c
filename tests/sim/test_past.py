"""Every order of a few edits, looks and writes of one field: what its history shows of edits written over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest

from conflict.past import Wrote, unseen
from syncd.core.nouns import Past

Event = tuple[str, str]
LENGTH = 5


@dataclass
class World:
    """A remote that keeps a history as HubSpot does, newest first here: what changes nothing has no entry.

    `over` is the truth: what our writes went over and no look had shown; `each` the same by write.
    `idle`: writes that changed nothing.
    """

    history: list[Past] = field(default_factory=lambda: [Past("a", 0.0, ours=False)])
    writes: list[Wrote] = field(default_factory=list)
    over: list[str] = field(default_factory=list)
    each: list[list[str]] = field(default_factory=list)
    look: tuple[str, float] | None = None
    idle: int = 0

    def does(self, event: Event, at: float) -> None:
        what, value = event
        stands = self.history[0]
        if what == "look":
            self.look = (stands.value, stands.at)
        elif what == "edit":
            self._set(Past(value, at, ours=False))
        elif self.look is not None:
            before, since = self.look
            self.each.append([stands.value] if stands.value not in (before, value) else [])
            self.over += self.each[-1]
            self.idle += stands.value == value
            self._set(Past(value, at, ours=True))
            self.writes.append(Wrote(before, value, since, self.history[0].at))
            self.look = None

    def _set(self, past: Past) -> None:
        if past.value != self.history[0].value:
            self.history.insert(0, past)


def worlds() -> Iterator[World]:
    """All that can happen, in so many steps; a write comes after a look."""
    events = [("look", ""), *((what, value) for what in ("edit", "write") for value in "abc")]

    def grown(told: tuple[Event, ...], looked: bool) -> Iterator[tuple[Event, ...]]:
        if len(told) == LENGTH:
            yield told
            return
        for event in events:
            if event[0] != "write" or looked:
                yield from grown((*told, event), event[0] == "look" or (looked and event[0] != "write"))

    for told in grown((), looked=False):
        world = World()
        for at, event in enumerate(told, 1):
            world.does(event, float(at))
        if world.writes:
            yield world


def test_it_finds_what_was_written_over_and_nothing_else() -> None:
    number = 0
    for world in worlds():
        assert [past.value for past in unseen(world.history, world.writes)] == world.over
        alone = [past.value for write in world.writes for past in unseen(world.history, [write])]
        assert alone == world.over, "each write looked at by itself tells the same"
        number += bool(world.over)
    assert number > 100


@pytest.mark.parametrize("by", [-0.4, 0.4])
def test_the_times_of_the_history_may_differ_by_the_skew(by: float) -> None:
    """But where a write is looked for that left what it found: it is told by its times alone."""
    for world in worlds():
        history = [replace(past, at=past.at + by) for past in world.history]
        for write, over in zip(world.writes, world.each, strict=True):
            found = [past.value for past in unseen(history, [write], 0.5)]
            assert found == over or (write.before == write.after and found == [])


def test_where_nobody_can_tell_whose_an_entry_is_none_is_missed() -> None:
    """More is listed only beside a write that changed nothing, for somebody had set the same value."""
    more = 0
    for world in worlds():
        blind = [replace(past, ours=None) for past in world.history]
        found = [past.value for past in unseen(blind, world.writes)]
        left = list(found)
        for value in world.over:
            left.remove(value)
        assert not left or world.idle
        more += bool(left)
    assert more > 0


@pytest.mark.parametrize("without", ["since", "until"])
def test_the_times_of_both_reads_are_needed(without: str) -> None:
    wrong = 0
    for world in worlds():
        writes = [replace(write, **{without: None}) for write in world.writes]
        told = [past.value for write in writes for past in unseen(world.history, [write])]
        wrong += told != world.over
    assert wrong > 0
