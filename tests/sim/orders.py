"""Every order of arrival of concurrent edits must end in one result: through `see`, not only `decide`."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import permutations
from typing import Any

from conflict.link import see
from conflict.rules import RuleBook
from syncd.core.nouns import Change, Rule, Stamp
from syncd.core.state import Agreed, Link, Record, Stamps
from tests.sim.maps import plain_map

SYSTEMS = ("s0", "s1", "s2")
SKEWS = {"s0": 0.5, "s1": 3.0, "s2": 1.0}
ASK = Rule("ask")
BOOKS = {
    "ask": (ASK,),
    "prefer": (Rule("prefer", args={"systems": ("s2", "s0")}), ASK),
    "newest": (Rule("newest", args={"skews": SKEWS}), ASK),
    "newest, then prefer": (Rule("newest", args={"skew": 2.0}), Rule("prefer", args={"systems": SYSTEMS})),
    "oldest": (Rule("oldest", args={"skews": SKEWS}), ASK),
    "longest": (Rule("longest"), Rule("prefer", args={"systems": SYSTEMS})),
    "max": (Rule("max"), ASK),
    "min": (Rule("min"), ASK),
    "non_empty": (Rule("non_empty"), Rule("newest", args={"skew": 1.0}), ASK),
}


@dataclass(frozen=True)
class Edit:
    """One concurrent edit: where, what, and when by that system's clock."""

    system: str
    value: Any
    time: float


def edits_of(seed: int) -> list[Edit]:
    """Three or four edits in three systems, at times that overlap; one system may edit twice."""
    pick = random.Random(seed)
    systems = [*SYSTEMS, *pick.sample(SYSTEMS, pick.choice((0, 1)))]
    values: list[Any] = pick.sample(["11", "2", "303", "4x", "50", None], len(systems))
    times: dict[str, float] = {}
    found = []
    for system, value in zip(systems, values, strict=True):
        times[system] = max(times.get(system, 0.0) + 0.1, pick.uniform(0.0, 8.0))
        found.append(Edit(system, value, times[system]))
    return found


def coinciding(seed: int) -> list[Edit]:
    """One concurrent edit in each of three systems, two of which say the same."""
    pick = random.Random(seed)
    values = [*(2 * [pick.choice(("11", "2", None))]), pick.choice(("303", "4x"))]
    systems = pick.sample(SYSTEMS, 3)
    return [Edit(s, v, pick.uniform(0.0, 8.0)) for s, v in zip(systems, values, strict=True)]


def arrivals(edits: list[Edit]) -> Iterator[tuple[Edit, ...]]:
    """Every order in which each system's own edits keep theirs."""
    for order in permutations(edits):
        if all([e for e in order if e.system == s] == [e for e in edits if e.system == s] for s in SYSTEMS):
            yield order


def result(order: tuple[Edit, ...], rules: tuple[Rule, ...]) -> tuple[object, ...]:
    """What stands, whether a person is asked, and who is still held against what."""
    record = Record(1, "contact", 1, {"name": "old"}, Stamps(Stamp(1, "s0", 0.0, 0)))
    links = {s: Link(s, "contacts", s, 1, shadow={"Name": "old"}, agreed=Agreed(1)) for s in SYSTEMS}
    for number, edit in enumerate(order, 2):
        when = datetime.fromtimestamp(edit.time, UTC)
        fields = {"Name": edit.value}
        change = Change(
            edit.system, "contacts", edit.system, fields=fields, occurred_at=when, evidence=number
        )
        seen = see(record, links[edit.system], change, plain_map(edit.system), RuleBook(rules), event=number)
        record, links[edit.system] = seen.record, seen.link
    contest = record.contests.get("name")
    held = frozenset((c.system, c.value) for c in contest.candidates) if contest else frozenset()
    return (None if record.frozen("name") else (record.fields["name"],), held)


def order_faults(seed: int) -> list[str]:
    """What depends on the order of arrival, in words."""
    return _faults(edits_of(seed), whole=True) + _faults(coinciding(seed), whole=False)


def _faults(edits: list[Edit], *, whole: bool) -> list[str]:
    """`whole`: who is held against what counts, too; where values coincide, only what stands does."""
    found = []
    for name, rules in BOOKS.items():
        results = {result(order, rules)[: None if whole else 1]: order for order in arrivals(edits)}
        if len(results) > 1:
            found.append(f"order matters for {name}: {results}")
    return found
