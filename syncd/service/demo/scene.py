"""Where a story plays: its systems, what people do in them, and what is known of them from outside."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from syncd.service.demo.crowd import Act
from syncd.service.demo.systems import Systems


@dataclass(frozen=True, slots=True)
class Scene:
    """All maps but `acts`, `dirt` and `there` are by system.

    `heard` says how edits are heard of, `ways` how the live view names where one was made. `mails`, `phones`
    and `titles` are columns of contacts; `best` is whose phone stands when several edit one. `taken` tells
    how many webhooks of `hooked` were taken. `there`: how many of a kind there really are, whoever knows
    them, where that is known; `calls`: the calls of APIs so far.
    """

    systems: Systems
    acts: Mapping[tuple[str, Act], int]
    heard: Mapping[str, str]
    ways: Mapping[str, str]
    mails: Mapping[str, str]
    phones: Mapping[str, str]
    titles: Mapping[str, str]
    best: str
    hooked: str
    taken: Callable[[], Awaitable[int]]
    person: Sequence[str] = ()
    dirt: Mapping[str, int] = field(default_factory=dict)
    there: Mapping[str, int] = field(default_factory=dict)
    calls: Callable[[], int] | None = None
