"""Troubles of a whole CRM: they last for a while, and until somebody has felt them.

Unlike the faults at points (`faults`), a trouble changes what the CRM is. Each counts how often a call of
the daemon met it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from connectors.memory import FieldDef
from syncd.core.errors import BatchRefused, CursorLost, RetryLater
from syncd.core.nouns import Change, Cursor, Deferred, Push
from tests.sim.twin.oracles import SECRET
from tests.sim.twin.shape import FaultPlan

if TYPE_CHECKING:
    from tests.sim.twin.crm import Crm

NAMES = (
    "cursor_lost",  # what was remembered of the past is no more (F13)
    "clock",  # the stamps jump by `how` seconds (F14)
    "long_wait",  # a call is told to wait for `how` seconds, an absurd number (F16)
    "poison_row",  # one record makes every batch with it fail as a whole (F19, F50)
    "row_lock",  # one record is locked (F20)
    "unseen_field",  # a field of people is left out of answers, and described all the same (F22)
    "lost_field",  # the same field is gone, and comes back with what it held (F23)
    "empty_side",  # listings show nothing, or every other record (F29)
    "raises",  # the connector fails with a bug's exception that quotes a value (F42)
    "hangs",  # a call is never answered (F42)
    "broken_object",  # all reads of one object fail
    "away",  # the whole system is off (F44)
)
SCHEMA = ("unseen_field", "lost_field")
QUOTED = "p77@x.org, E777-Long, Firm 77"
"""What a careless connector puts into the text of an error."""
FIELD = "phone"


class Troubles:
    """Those of one CRM."""

    def __init__(self, crm: Crm) -> None:
        self.crm = crm
        self.felt: Counter[str] = Counter()
        self._on: list[FaultPlan] = []
        self._told: set[tuple[str, str]] = set()
        self._row: tuple[str, int] | None = None
        self._kept: dict[str, FieldDef] = {}

    def begin(self, plan: FaultPlan) -> None:
        """From now on."""
        self._on.append(plan)
        self._told = {told for told in self._told if told[0] != plan.what}
        crm = self.crm
        if plan.what == "away":
            crm.online = False
        elif plan.what == "clock":
            crm.quirks.clock_skew += plan.how
        elif plan.what == "lost_field":
            self._kept = dict(crm.tables["people"].shape.fields)
            crm.reshape("people", {n: shape for n, shape in self._kept.items() if n != FIELD})

    def end(self, plan: FaultPlan) -> None:
        """As it was before."""
        self._on.remove(plan)
        crm = self.crm
        if plan.what == "away":
            crm.online = not self._any("away")
        elif plan.what == "clock":
            crm.quirks.clock_skew -= plan.how
        elif plan.what == "lost_field" and not self._any("lost_field"):
            crm.reshape("people", self._kept)
        elif plan.what in ("poison_row", "row_lock"):
            self._row = None

    def _any(self, what: str) -> bool:
        return any(plan.what == what for plan in self._on)

    def now(self, what: str, object: str = "") -> FaultPlan | None:
        """The trouble of that name that an object is in."""
        return next((p for p in self._on if p.what == what and p.object in ("", object)), None)

    def _first(self, what: str, object: str) -> bool:
        """Whether this is told for the first time since it began."""
        told = (what, object) in self._told
        self._told.add((what, object))
        return not told

    def feel(self, what: str) -> None:
        """A call met it."""
        self.felt[what] += 1

    async def enter(self, object: str) -> None:
        """At the beginning of each call."""
        if self.crm.limit is not None:
            self.crm.limit.enter()
        if self.now("away"):
            self.feel("away")
        if self.now("clock"):
            self.feel("clock")
        if self.now("lost_field") and object == "people":
            self.feel("lost_field")
        if (plan := self.now("long_wait", object)) and self._first("long_wait", object):
            self.feel("long_wait")
            raise RetryLater(f"{self.crm.plan.name} says to come back much later", plan.how)
        if self.now("raises", object):
            self.feel("raises")
            raise ValueError(f"what shall this be: {QUOTED}")
        if self.now("hangs", object):
            self.feel("hangs")
            await asyncio.sleep(3600.0)

    def read(self, object: str, since: Cursor | None) -> None:
        """At the beginning of a read of changes."""
        if self.now("broken_object", object):
            self.feel("broken_object")
            raise RetryLater(f"{self.crm.plan.name} cannot list {object} for p77@x.org at ?key={SECRET}")
        if self.now("cursor_lost", object) and since is not None and self._first("cursor_lost", object):
            self.feel("cursor_lost")
            raise CursorLost(f"{self.crm.plan.name} has forgotten that cursor")

    def listed(self, object: str, changes: Sequence[Change]) -> Sequence[Change]:
        """What a listing shows."""
        plan = self.now("empty_side", object)
        if plan is None:
            return changes
        self.feel("empty_side")
        return changes[::2] if plan.how else []

    def shows(self, object: str, name: str) -> bool:
        """Whether an answer has a field."""
        if object != "people" or name != FIELD or not self.now("unseen_field"):
            return True
        self.feel("unseen_field")
        return False

    def write(self, batch: Sequence[Push]) -> tuple[Sequence[Push], Sequence[Deferred]]:
        """The rows that go on, and those that are put off. Raises `BatchRefused`."""
        object = batch[0].object
        poison, lock = self.now("poison_row", object), self.now("row_lock", object)
        if poison is None and lock is None:
            return batch, ()
        who = {push.push_id: self.crm.who(push) for push in batch}
        if self._row is None:
            self._row = next(((object, n) for n in who.values() if n and not is_bystander(n)), None)
        met = [push for push in batch if self._row == (object, who[push.push_id])]
        if not met:
            return batch, ()
        if poison is not None:
            self.feel("poison_row")
            raise BatchRefused("bad_row", f"one row is not valid: {QUOTED}")
        self.feel("row_lock")
        return [p for p in batch if p not in met], [Deferred(p.push_id, 1.0) for p in met]


def is_bystander(number: int) -> bool:
    """Whether a person is one whose edits must not wait for others' troubles."""
    return 900 <= number < 1000
