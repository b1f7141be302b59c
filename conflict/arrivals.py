"""Every order in which concurrent edits of one field can arrive, and what comes of each.

Pure, and through the whole machine (`see`), not only through the rules: a rule depends on the order of
arrival also where its verdicts over part of the candidates do not lead to its verdict over all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from conflict.link import see
from conflict.rules import RuleBook
from syncd.core.fieldmap import Copied, Direction, Drift, Refs
from syncd.core.nouns import Change, Stamp, Value
from syncd.core.state import Agreed, Link, Record, Stamps


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit: in which system, which canonical value, and when by that system's clock (seconds)."""

    system: str
    value: Value
    time: float | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """What stands in the end (None while a person is `asked`), and what is still `held` against it."""

    value: Value
    asked: bool
    held: frozenset[tuple[str, str]]

    def stands_as(self, other: Ending) -> bool:
        """Whether the same stands, whoever is held against it."""
        return self.asked == other.asked and bool(self.value == other.value)


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Two orders of the same edits that end differently."""

    first: tuple[Edit, ...]
    then: Ending
    second: tuple[Edit, ...]
    but: Ending


def arrivals(edits: Sequence[Edit]) -> Iterator[tuple[Edit, ...]]:
    """Every order in which each system's own edits keep theirs."""
    queues = _by_system(edits)
    return _orders(queues, dict.fromkeys(queues, 0))


def _orders(queues: Mapping[str, Sequence[Edit]], at: dict[str, int]) -> Iterator[tuple[Edit, ...]]:
    left = [system for system, queue in queues.items() if at[system] < len(queue)]
    if not left:
        yield ()
    for system in left:
        edit = queues[system][at[system]]
        for rest in _orders(queues, {**at, system: at[system] + 1}):
            yield (edit, *rest)


def endings(
    edits: Sequence[Edit], name: str, book: RuleBook, base: Value, *, is_set: bool = False
) -> Iterator[tuple[tuple[Edit, ...], Ending]]:
    """Every order of arrival with what comes of it, for edits of a field that all systems held as `base`."""
    queues = _by_system(edits)
    record = Record(1, "kind", 1, {name: base}, Stamps(Stamp(1, "", None, 0)))
    links = {s: Link(s, "object", s, 1, shadow={name: base}, agreed=Agreed(1)) for s in queues}
    walk = _Walk(name, book, _OneField(name, frozenset({name}) if is_set else frozenset()), queues)
    return walk.on(record, links, ())


def disagreement(
    edits: Sequence[Edit], name: str, book: RuleBook, base: Value, *, is_set: bool = False, held: bool = False
) -> Disagreement | None:
    """Two orders of arrival with different results, if any. `held`: who is held against it counts."""
    first: tuple[tuple[Edit, ...], Ending] | None = None
    for order, ending in endings(edits, name, book, base, is_set=is_set):
        if first is None:
            first = order, ending
        elif ending != first[1] and (held or not ending.stands_as(first[1])):
            return Disagreement(*first, order, ending)
    return None


def _by_system(edits: Sequence[Edit]) -> dict[str, list[Edit]]:
    queues: dict[str, list[Edit]] = {}
    for edit in edits:
        queues.setdefault(edit.system, []).append(edit)
    return queues


@dataclass(frozen=True, slots=True)
class _Walk:
    """A walk through all orders; what they have in common at the beginning is worked out once."""

    name: str
    book: RuleBook
    map: _OneField
    queues: Mapping[str, Sequence[Edit]]

    def on(
        self, record: Record, links: Mapping[str, Link], done: tuple[Edit, ...]
    ) -> Iterator[tuple[tuple[Edit, ...], Ending]]:
        """From here on, every way to go."""
        left = [s for s, queue in self.queues.items() if sum(e.system == s for e in done) < len(queue)]
        if not left:
            yield done, self._ending(record)
        for system in left:
            edit = self.queues[system][sum(e.system == system for e in done)]
            seen = see(
                record,
                links[system],
                self._change(edit, len(done) + 2),
                self.map,
                self.book,
                event=len(done) + 2,
            )
            yield from self.on(seen.record, {**links, system: seen.link}, (*done, edit))

    def _change(self, edit: Edit, number: int) -> Change:
        at = None if edit.time is None else datetime.fromtimestamp(edit.time, UTC)
        told = {self.name: edit.value}
        return Change(edit.system, "object", edit.system, fields=told, occurred_at=at, evidence=number)

    def _ending(self, record: Record) -> Ending:
        contest = record.contests.get(self.name)
        rivals = contest.candidates if contest is not None else ()
        held = frozenset((c.system, repr(c.value)) for c in rivals)
        asked = record.frozen(self.name)
        return Ending(None if asked else record.fields[self.name], asked, held)


class _Line:
    """The one line of a mapping that changes nothing."""

    direction, drift = Direction.BOTH, Drift.RESTORE
    refs: Mapping[str, str] = {}

    def __init__(self, name: str, sets: frozenset[str]) -> None:
        self.canon = self.remote = (name,)
        self.sets = sets

    def incoming(self, values: tuple[Value, ...], refs: Refs) -> tuple[Value, ...]:
        return values

    def outgoing(self, values: tuple[Value, ...], refs: Refs) -> tuple[Value, ...]:
        return values


class _OneField:
    """A mapping of one field, which hands it on as it is."""

    kind, system, object, hash = "kind", "", "object", ""
    copied = Copied()

    def __init__(self, name: str, sets: frozenset[str]) -> None:
        line = _Line(name, sets)
        self.entries = self.computed = (line,)
        self.remote_fields = (name,)
        self.by_canon = {name: (line,)}
