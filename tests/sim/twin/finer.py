"""Finer judges: values that were worn on the way, writes in vain, and what the engine gave up.

What is not held against the daemon: writes in vain after doubts (a lost answer, a kill), and to systems that
store values in a form of their own. Over HTTP nobody notes a write that changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tests.sim.history import edit_of
from tests.sim.twin.crm import Crm, Touch

if TYPE_CHECKING:
    from tests.sim.twin.judge import Bench

TEXTS = ("name", "phone", "city")
NEVER = ("bug", "keeps_stale")
"""What no system of the twin gives reason for."""


def finer(bench: Bench) -> Iterator[str]:
    """All of them."""
    yield from worn(bench)
    yield from in_vain(bench)
    yield from taken(bench)
    for row in bench.facts.parked:
        if row["code"] in NEVER:
            yield f"I2 gave up: record {row['record_id']} is parked as {row['code']}"


def worn(bench: Bench) -> Iterator[str]:
    """I3: what stands is what somebody typed, not what a system made of it when we wrote it there.

    What a conflict keeps is not lost: after a doubt nobody can tell our own value in another form. Nor is
    what another record holds: of whom somebody typed twice, a create that nobody answered may be a third;
    nor what a store that was put back does not know to be ours.
    """
    values = [c["value"] for row in bench.facts.conflicts for c in row["candidates"]]
    records = bench.facts.records.values()
    values += [v for r in records if not r["deleted"] for v in r["fields"].values()]
    kept = {value.strip() for value in values if _text(value)}
    forgotten = _forgotten(bench)
    typed: dict[int, set[str]] = {}
    for crm in bench.crms.values():
        for touch in crm.touches:
            for name in TEXTS if touch.by == "person" else ():
                value = touch.after.get(name)
                if isinstance(value, str):
                    typed.setdefault(edit_of(value), set()).add(value.strip())
    for number, record in bench.facts.records.items():
        for name, value in record["fields"].items():
            text = value.strip() if _text(value) else ""
            if text and text not in forgotten and not typed.get(edit_of(text), {text}) & {text, *kept}:
                yield f"I3 worn: {name} of record {number} is {value!r}, typed was {typed[edit_of(text)]}"


def _forgotten(bench: Bench) -> set[str]:
    """What we had written before the store was put back from a backup that may not know of it."""
    last = max(bench.run.backup.put_back_at, default=0.0)
    ours = (t for crm in bench.crms.values() for t in crm.touches if t.by == "syncd" and t.at < last)
    return {value.strip() for touch in ours for value in touch.after.values() if _text(value)}


def _text(value: Any) -> bool:
    return isinstance(value, str) and value[:1] in ("E", "e")


def in_vain(bench: Bench) -> Iterator[str]:
    """I2: nothing is written that the record was known to hold already."""
    if bench.doubtful:
        return
    for name, crm in bench.crms.items():
        if crm.plan.normalise or not isinstance(crm, Crm):
            continue
        long = bench.moment + crm.features.read_lag + 2 * bench.run.plan.poll
        for before, touch in _following(crm):
            if (touch.by, touch.what, touch.after) == ("syncd", "update", {}) and touch.at > before.at + long:
                yield f"I2 in vain: {name} {touch.object} {touch.id} at {touch.at:.3f} was written as it was"


def _following(crm: Crm) -> Iterator[tuple[Touch, Touch]]:
    """Each touch of a record with the one before it."""
    of_row: dict[tuple[str, str], list[Touch]] = {}
    for touch in crm.touches:
        of_row.setdefault((touch.object, touch.id), []).append(touch)
    for touches in of_row.values():
        yield from pairwise(touches)


def taken(bench: Bench) -> Iterator[str]:
    """I5: a copy that we deleted is made again when its record lives on elsewhere.

    What went along with our delete of what it referred to spreads nothing, and stays away (F51).
    """
    facts = bench.facts
    along = {
        (name, touch.object, touch.id)
        for name, crm in bench.crms.items()
        for touch in crm.touches
        if touch.what == "cascade"
    }
    for number, record in facts.records.items():
        links = facts.of_record[number]
        if record["deleted"] or number in facts.redirects or facts.asked(number) or facts.named(number):
            continue
        live = {facts.streams[link["stream"]][0] for link in links if link["state"] == "live"}
        for link in links if live else ():
            system, object = facts.streams[link["stream"]]
            gone = (link["state"], link["gone_by"]) == ("gone", "us") and system not in live
            if gone and (system, object, link["remote_id"]) not in along:
                yield f"I5 taken: record {number} lives on, and we deleted its copy in {system}.{object}"
