"""Judges over plain data: each takes what was observed, and answers in words what is wrong with it.

They know nothing of a run, so that a test can plant a violation in front of each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SECRET = "twin-s3cret-Xk29fq"
"""A secret of every run's configuration."""
_PERSONAL = re.compile(r"\b[Ee]\d{3}(?!\d)(?:-long)?|\bp\d+@x\.org|\bfirm \d+", re.IGNORECASE)


@dataclass(slots=True)
class Snapshot:
    """What the store had said to be so at one moment."""

    versions: Mapping[tuple[int, int], Any] = field(default_factory=dict)
    links: Mapping[tuple[int, str], int] = field(default_factory=dict)
    commands: Mapping[int, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wait:
    """An edit, when it was made, and when it was first seen in another system; None where it never was."""

    who: str
    made: float
    seen: float | None


def forgotten(
    then: Snapshot, now: Snapshot, *, gone: Iterable[int] = (), ended: Iterable[tuple[int, str]] = ()
) -> list[str]:
    """I6: what was committed before a kill is there, unchanged.

    `gone` are records that joined others, `ended` copies (stream, id) that we deleted: where their record
    came back, others were made in their place.
    """
    without, found = set(gone), []
    for place, changes in then.versions.items():
        if place[0] not in without and now.versions.get(place) != changes:
            found.append(f"I6 forgotten: version {place[1]} of record {place[0]} is not what it was")
    lost = sorted(then.links.keys() - now.links.keys() - set(ended))
    found += [f"I6 forgotten: the copy {link[1]} of stream {link[0]} was known, and is not" for link in lost]
    moved = [n for n, ok in then.commands.items() if ok is not None and now.commands.get(n) != ok]
    return found + [f"I6 forgotten: what came of request {number}" for number in moved]


def unanswered(asked: Iterable[int], now: Snapshot) -> list[str]:
    """I6: what a person asked for, and was told to be kept, is carried out."""
    return [f"I6 unanswered: request {n}" for n in asked if now.commands.get(n) is None]


def delayed(waits: Iterable[Wait], bound: float) -> list[str]:
    """I9: nobody waits longer than `bound` seconds for another one's trouble."""
    found = []
    for wait in waits:
        took = None if wait.seen is None else wait.seen - wait.made
        if took is None or took > bound:
            said = "never" if took is None else f"{took:.0f} s"
            found.append(f"I9 delayed: {wait.who} of {wait.made:.0f} s took {said}, over {bound:.0f} s")
    return found


def above_share(calls: Sequence[float], most: float, window: float, *, rolling: bool) -> list[str]:
    """I8: the calls, at their times, never exceed `most` in a window; fixed ones begin at its multiples."""
    if not rolling:
        counted: dict[int, int] = {}
        for at in calls:
            counted[int(at // window)] = counted.get(int(at // window), 0) + 1
        over = [(number * window, calls) for number, calls in counted.items() if calls > most]
    else:
        first, over = 0, []
        for last, at in enumerate(calls):
            while calls[first] <= at - window:
                first += 1
            if last - first + 1 > most:
                over.append((at - window, last - first + 1))
    return [f"I8 above our share: {n} calls from {at:.1f} s on, not {most:.0f}" for at, n in over[:1]]


def above_brake(
    times: Sequence[float], most: float, window: float, released: Iterable[tuple[float, int]]
) -> list[str]:
    """P7: the writes, at their times, never exceed `most` in a rolling window, but for those that were
    `released` until then: (time, how many)."""
    free = list(released)
    for last, at in enumerate(times):
        mine = [then for then in times[: last + 1] if then > at - window]
        more = sum(number for then, number in free if then <= at)
        if len(mine) > most + more:
            return [f"P7 above the brake: {len(mine)} in {window:.0f} s at {at:.0f} s, not {most + more:.0f}"]
    return []


def succeeded(order: Iterable[tuple[str, int]]) -> list[str]:
    """F39: what was done in turn, by which life. Who `takes` the store is the only one that `calls` a system
    to write and `commits`, until the next one takes it or an old backup is `put back`."""
    holder, found = 0, []
    for what, life in order:
        if what in ("takes", "put back"):
            holder = life
        elif life != holder:
            found.append(f"F39 not fenced: life {life} {what}, and life {holder} has the store")
    return found[:3]


def undone(
    was: Mapping[str, Any], now: Mapping[str, Any], *, touched: Iterable[str], listed: Iterable[str]
) -> list[str]:
    """I11: an undo restores the fields (`was`: what each held before) that nobody `touched` since, and lists
    the others."""
    since, told, found = set(touched), set(listed), []
    for name, value in was.items():
        if name in since and name not in told:
            found.append(f"I11 unsaid: {name} was touched since, and nobody is told")
        elif name not in since and now.get(name) != value:
            found.append(f"I11 not restored: {name} is {now.get(name)!r}, and was {value!r}")
        elif name not in since and name in told:
            found.append(f"I11 listed: {name}, which nobody touched")
    return found


def betrayed(texts: Iterable[str]) -> list[str]:
    """I12: no secret and nothing that people typed stands in what leaves the process."""
    found = []
    for text in texts:
        if SECRET in text:
            found.append(f"I12 secret: {text[:200]}")
        elif (mark := _PERSONAL.search(text)) is not None:
            found.append(f"I12 personal: {mark[0]!r} in {text[:200]}")
    return found[:3]


def grown(samples: Iterable[tuple[float, Mapping[str, int]]], limits: Mapping[str, float]) -> list[str]:
    """I14: what was counted at some time stays within the limit of its name."""
    found = {
        name: f"I14 grown: {name} holds {number} at {at:.0f} s, over {limits[name]:.0f}"
        for at, sample in samples
        for name, number in sample.items()
        if name in limits and number > limits[name]
    }
    return list(found.values())
