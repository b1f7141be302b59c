"""How a CRM misbehaves all the time, by name; what of it really happened; and the traps behind the names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Literal

from pydantic import Field, field_validator

from connectors.sandboxes.shape import Strict, known_rules

TRAPS: dict[str, tuple[int, ...]] = {
    "stamp_resolution": (1,),
    "late_stamps": (2,),
    "late_commit": (2,),
    "ties": (3,),
    "noop_bumps": (4,),
    "cascade_bumps": (5,),
    "silent_fields": (6, 18),
    "no_stamps": (7,),
    "no_filter": (7,),
    "normalise": (8,),
    "archived_hidden": (9,),
    "no_tombstones": (10,),
    "hidden": (11,),
    "missing": (12,),
    "dress_errors": (13,),
    "empty_is_404": (14,),
    "fail_after_commit": (15,),
    "error_after": (15,),
    "single_name": (16,),
    "empty_as": (17,),
    "rewrite_rows": (19,),
    "ignore_unknown": (20,),
    "bad_token_status": (21,),
    "lockout": (21,),
    "integer_ids": (22,),
    "page_cap": (23,),
    "list_key": (23,),
    "record_key": (23,),
}
"""By what can be seen in `Fired`: the lines of the list of traps. `ties` and `late_commit` need no quirk, a
bulk edit and a late commit make them; `error_after` is a fault, `single_name` a profile's."""


class Lockout(Strict):
    """After so many refused log-ins the right one is refused, too, with 429, for so many seconds."""

    after: int = 3
    seconds: float = 60.0


class Automation(Strict):
    """A rule of the CRM's own: when the API writes a field of an object, these values follow at once."""

    object: str
    when: str
    set: dict[str, Any]


class Quirks(Strict):
    """All quirks, each off as it stands here. Times in seconds of the sandbox's clock.

    `silent_fields`, `hide_fields` and the keys of `normalise` are `field` or `object.field`.
    """

    stamp_resolution: float = Field(
        default=0.0,
        description="time stamps are cut to so many seconds",
    )
    late_stamps: float = Field(
        default=0.0,
        description="each third write is stamped so long before it is committed",
    )
    clock_skew: float = Field(
        default=0.0,
        description="its stamps are so far ahead (or behind, below 0)",
    )
    noop_bumps: bool = Field(
        default=False,
        description="a write that changes nothing gives a new version and stamp",
    )
    cascade_bumps: bool = Field(
        default=False,
        description="a changed record bumps all records that refer to it, though they stay the same",
    )
    silent_fields: frozenset[str] = Field(
        default=frozenset(),
        description="these change without a new version or stamp",
    )
    no_stamps: bool = Field(
        default=False,
        description="no version, created_at and updated_at; changed_since is no filter",
    )
    no_versions: bool = Field(
        default=False,
        description="no version and ETag; If-Match is ignored",
    )
    no_filter: Literal["refuse", "ignore"] | None = Field(
        default=None,
        description="what changed_since gets",
    )
    normalise: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="what else a write does to a field's value",
    )
    archived_hidden: bool = Field(
        default=True,
        description="archived records are not in lists and look-ups",
    )
    no_tombstones: bool = Field(
        default=False,
        description="deleted records are gone without a trace: 404",
    )
    gone_status: Literal[404, 410] = Field(
        default=410,
        description="what the id of a deleted record gets",
    )
    hidden: frozenset[str] = Field(
        default=frozenset(),
        description="ids that the account may not see: 404",
    )
    missing: Literal["absent", "error", "404"] = Field(
        default="absent",
        description="what one missing id does to a call by ids; else the whole call fails",
    )
    dress_errors: int | None = Field(
        default=None,
        description="refusals come with this status (200, 500, 503)",
    )
    empty_is_404: bool = Field(
        default=False,
        description="an empty list is answered with 404",
    )
    fail_after_commit: int = Field(
        default=0,
        description="each so many-th write call commits, then says 500",
    )
    empty_as: Literal["", False, "absent"] | None = Field(
        default=None,
        description="what an empty field reads as; `absent`: the key is left out",
    )
    rewrite_rows: bool = Field(
        default=False,
        description="an update puts back the whole record as it was when the call began",
    )
    ignore_unknown: bool = Field(
        default=False,
        description="unknown fields and filters are ignored",
    )
    bad_token_status: int = Field(
        default=401,
        description="what a bad token gets",
    )
    lockout: Lockout | None = Field(
        default=None,
        description="too many refused log-ins lock the account",
    )
    integer_ids: bool = Field(
        default=False,
        description="ids in lists are numbers, elsewhere strings",
    )
    page_cap: int | None = Field(
        default=None,
        description="no page is larger, whatever is asked for",
    )
    list_key: str | None = Field(
        default="items",
        description="where a list stands; {object} is replaced; null: bare",
    )
    record_key: str | None = Field(
        default=None,
        description="the key that wraps each record; {object} is replaced",
    )
    index_lag: float = Field(
        default=0.0,
        description="how long look-ups do not show a new record",
    )
    list_lag: float = Field(
        default=0.0,
        description="how long lists do not show a change",
    )
    cursor_life: float | None = Field(
        default=None,
        description="how long a cursor is taken",
    )
    hide_fields: frozenset[str] = Field(
        default=frozenset(),
        description="left out of all answers",
    )
    stamp_format: Literal["iso", "iso_s", "offset", "local", "unix", "unix_ms"] = Field(
        default="iso",
        description="how times are written; `local` names no zone and means +02:00",
    )
    automations: tuple[Automation, ...] = Field(
        default=(),
        description="rules that rewrite what was just written",
    )

    @field_validator("normalise")
    @classmethod
    def _rules(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for rules in value.values():
            known_rules(rules)
        return value

    def names(self, setting: frozenset[str], object: str, field: str) -> bool:
        """Whether a set of names has this field."""
        return bool(setting) and (field in setting or f"{object}.{field}" in setting)


class Fired:
    """What really happened, counted by name."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.told: Callable[[], None] | None = None

    def __call__(self, name: str) -> None:
        """It happened once more."""
        self.counts[name] += 1
        if self.told is not None:
            self.told()

    def traps(self) -> list[int]:
        """The numbers of the traps that were walked into."""
        return sorted({n for name in self.counts for n in TRAPS.get(name, ())})
