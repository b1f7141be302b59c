"""What a run is made of, as data, so that it can be written down, cut short and told again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from tests.sim.history import edit_of


@dataclass(frozen=True, slots=True)
class SystemPlan:
    """One CRM. `keys` says how one create is told from another; features and quirks are those of `memory`.

    `unique` says that no two people may share an e-mail, `short` names a field that refuses long texts;
    `rules` is how often an automation of the system answers a write of ours with one of its own; `index` says
    that its feed shows records as they were `read_lag` ago, not only which of them moved until then;
    `loose` that two records may carry the same key of ours, and a look-up finds the newer one; `more` are the
    words of chapters (`drawings`), by chapter.
    """

    name: str
    keys: str = "upsert"
    page: int = 100
    features: dict[str, Any] = field(default_factory=dict)
    quirks: dict[str, Any] = field(default_factory=dict)
    normalise: dict[str, str] = field(default_factory=dict)
    unique: bool = False
    short: str = ""
    rules: int = 0
    index: bool = False
    loose: bool = False
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that a person does, `after` seconds. Who it is done to is named, never counted out.

    `who` is a person's or firm's number; `to` a second one; `hold` how long the transaction stays open.
    """

    after: float
    what: str
    system: str
    object: str
    who: int
    field: str = ""
    to: int = 0
    hold: float = 0.0


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """One fault: armed `at` seconds, it fires at the pass after `skip` others; `lasts` is in seconds.

    `how` is a trouble's own number, and `object` the one that it is about; none stands for all.
    """

    at: float
    what: str
    system: str
    skip: int = 0
    times: int = 1
    lasts: float = 0.0
    how: float = 0.0
    object: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole run. `deaths` are the points at which the daemon's lives end, one after the other.

    `more` are the words of chapters (`drawings`), by chapter.
    """

    seed: int
    systems: tuple[SystemPlan, ...]
    rules: str
    deletes: str
    events: tuple[Event, ...]
    faults: tuple[FaultPlan, ...] = ()
    deaths: tuple[int, ...] = ()
    poll: float = 2.0
    sweep: float = 600.0
    slow: float = 0.05
    more: dict[str, Any] = field(default_factory=dict)

    def written(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def read(cls, told: dict[str, Any]) -> Plan:
        """From JSON."""
        plan = cls(**{**told, "systems": (), "events": (), "faults": ()})
        return replace(
            plan,
            systems=tuple(SystemPlan(**s) for s in told["systems"]),
            events=tuple(Event(**e) for e in told["events"]),
            faults=tuple(FaultPlan(**f) for f in told["faults"]),
            deaths=tuple(told["deaths"]),
        )


def number_of(object: str, fields: Mapping[str, Any]) -> int:
    """Which firm or person a record is, by the field that nobody changes; 0 where it has none."""
    return edit_of(fields.get("name" if object == "firms" else "email"))


def wide(plan: Plan) -> tuple[str, ...]:
    """The many more fields that people have, in the chapter of great numbers."""
    return tuple(f"w{number:03d}x" for number in range(plan.more.get("fields", 0)))
