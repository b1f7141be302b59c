"""The judges that count: how many copies were made of whom, and what a delete took along.

They look only at those whose story is plain: typed once, by one person, never merged and never restored.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from tests.sim.history import edit_of
from tests.sim.twin.crm import Crm, Touch
from tests.sim.twin.shape import number_of
from tests.sim.twin.worlds import KINDS

if TYPE_CHECKING:
    from tests.sim.twin.judge import Bench

Who = tuple[str, int]
TEXTS = ("name", "phone", "city")


class Census:
    """Firms and people of one run, by the number that nobody changes."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.run = bench, bench.run
        self.touches: dict[Who, list[tuple[str, Touch]]] = {}
        self._whose: dict[tuple[str, str, str], Who] = {}
        for name, crm in bench.crms.items():
            for touch in crm.touches:
                place = (name, touch.object, touch.id)
                number = number_of(touch.object, touch.after) or number_of(touch.object, touch.before)
                if number and touch.what in ("create", "convert"):
                    self._whose[place] = (KINDS[touch.object], number)
                who = self._whose.get(place)
                if who is not None:
                    self.touches.setdefault(who, []).append((name, touch))

    def made_twice(self) -> Iterator[str]:
        """I4: who was typed once has one copy in each system, and a copy that went is not made again."""
        for who, touches in self.touches.items():
            if not self._plain(touches) or any(t.late for _, t in touches):
                continue
            if self._unknown_to_a_backup(touches):
                continue
            for name in self.bench.crms:
                made = [t for system, t in touches if system == name and t.what == "create"]
                if len(made) < 2 or self._deleted_by_us(name, made, touches):
                    continue
                if not self._deleted_unheard(name, made, touches):
                    yield f"I4 made twice: {who} in {name}, as {[t.id for t in made]}"

    def _deleted_by_us(self, name: str, made: list[Touch], touches: list[tuple[str, Touch]]) -> bool:
        """Whether each copy was made because we had deleted the one before, and an edit elsewhere, or a
        person at a brake, took the delete back."""
        if "edit-wins" not in self.run.plan.deletes and not self.run.handbrake.discarded:
            return False
        gone = {t.id: t.at for s, t in touches if (s, t.by, t.what) == (name, "syncd", "delete")}
        return all(old.at <= gone.get(old.id, -1.0) <= new.at for old, new in pairwise(made))

    def _unknown_to_a_backup(self, touches: list[tuple[str, Touch]]) -> bool:
        """Whether a store that was put back could not see what had been made since the backup: a person
        deleted it before it was read again, or had just edited it, and the feed lags."""
        for name, crm in self.bench.crms.items():
            made = [t for s, t in touches if (s, t.what) == (name, "create")]
            if not any(made[0].at < at < made[1].at for at in self.run.backup.put_back_at if len(made) > 1):
                continue
            there = [t for s, t in touches if s == name and t.by == "person" and t.at <= made[1].at]
            since = made[1].at - crm.features.read_lag - self.bench.moment
            if any(t.what == "delete" or t.at >= since for t in there):
                self.run.outcome.happened["made again, unknown to a backup"] += 1
                return True
        return False

    def _deleted_unheard(self, name: str, made: list[Touch], touches: list[tuple[str, Touch]]) -> bool:
        """Whether a person deleted what we made before its answer, which was lost or died with a life, or any
        read told us of it: it is made again, as nobody can know."""
        first, second = made[:2]
        gone = [t.at for s, t in touches if (s, t.by, t.what) == (name, "person", "delete")]
        between = any(first.at <= at <= second.at for at in gone)
        crm = self.bench.crms[name]
        told = {v for v in first.after.values() if v not in second.after.values()}
        told &= crm.taken_up
        died = first.life != second.life
        if isinstance(crm, Crm):  # of others nobody tells which answers were heard
            died |= all(id != first.id for at, _, id in crm.heard if first.at <= at <= second.at)
        unheard = len(made) == 2 and between and died and not told
        self.run.outcome.happened["made again after an unheard delete"] += unheard
        return unheard

    def deleted_over_edits(self) -> Iterator[str]:
        """I5: a delete takes no edit along that its author had not seen, unless that is the policy."""
        if "delete-wins" in self.run.plan.deletes or "propagate" not in self.run.plan.deletes:
            return
        for who, touches in self.touches.items():
            asked = [(s, t) for s, t in touches if (t.by, t.what) == ("person", "delete")]
            if not self._plain(touches) or len(asked) != 1:
                continue
            for system, spread in touches:
                if (spread.by, spread.what) == ("syncd", "delete") and not self._listed(system, spread):
                    yield from self._taken(who, asked[0], system, spread, touches)

    def _taken(
        self,
        who: Who,
        asked: tuple[str, Touch],
        system: str,
        spread: Touch,
        touches: list[tuple[str, Touch]],
    ) -> Iterator[str]:
        there, delete = asked
        known = {edit for name, t in touches if name == there and t.at <= delete.at for edit in _edits(t)}
        shown = self._shown(system, spread)
        for name, touch in touches:
            if (name, touch.by) != (system, "person") or touch.at > spread.at - self.bench.moment:
                continue
            if edits := (set(_edits(touch)) & shown) - known:
                yield f"I5 over an edit: {who} deleted in {system}, whose edits {edits} {there} never saw"

    def _shown(self, system: str, spread: Touch) -> set[int]:
        """The edits that the row held in the end, and that we had read before we deleted it."""
        crm = self.bench.crms[system]
        read = {
            edit_of(value)
            for (object, remote_id, _, value), at in crm.shown.items()
            if (object, remote_id) == (spread.object, spread.id) and isinstance(value, str) and at < spread.at
        }
        return read & {edit_of(spread.before.get(name)) for name in TEXTS}

    def _listed(self, system: str, touch: Touch) -> bool:
        """Whether a conflict about a field names the record: an edit that lost there may go."""
        facts = self.bench.facts
        link = facts.of_row.get((system, touch.object, touch.id))
        if link is None:
            return True
        number = facts.now(link["record_id"])
        return any(facts.now(c["record_id"]) == number and c["field"] for c in facts.conflicts)

    def _plain(self, touches: list[tuple[str, Touch]]) -> bool:
        by_people = [t.what for _, t in touches if t.by == "person"]
        return by_people.count("create") == 1 and not {"merge", "restore"} & set(by_people)


def _edits(touch: Touch) -> Iterator[int]:
    for name in TEXTS:
        value = touch.after.get(name)
        if isinstance(value, str) and value[:1] in "Ee":
            yield edit_of(value)
