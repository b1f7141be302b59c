"""The flap brake: a field that systems change in turn, each over what it was just told.

Two automations that rewrite what they are sent would go on for ever. After so many turns within a window the
next one is not taken: a person is asked, both values are listed, and the field is frozen meanwhile. The turns
are kept in memory; after a restart they are counted anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from conflict.rules import FLAPS
from conflict.work import PERSON, RULE
from syncd.config.settings import Flap
from syncd.core.nouns import Stamp
from syncd.core.state import Link, Record

RECORDS = 10_000
"""Records whose turns are remembered; the oldest are forgotten."""
_NOBODY = ("", RULE, PERSON)


@dataclass(frozen=True, slots=True)
class Turn:
    """A system's edit over another's, which it had been told; of the versions `over_version` and `version`.

    `at` is in seconds, monotonic. `ruled`: by a rule of the system, in the very save of our write.
    """

    at: float
    by: str
    over: str
    over_version: int
    version: int
    ruled: bool


class Flaps:
    """The turns of fields, by record id and canonical field."""

    def __init__(self) -> None:
        self._turns: dict[int, dict[str, list[Turn]]] = {}

    def note(self, record: Record, link: Link, after: Record, now: float, *, ruled: bool = False) -> None:
        """An edit of `link`'s system was taken; `record` and `link` are from before it."""
        for name, stamp in after.stamps.own.items():
            stood = record.stamps.of(name)
            if stamp == stood or stamp.system != link.system or name not in record.fields:
                continue
            if stood.system not in (link.system, *_NOBODY) and link.agreed.of(name) >= stood.version:
                turn = Turn(now, link.system, stood.system, stood.version, stamp.version, ruled)
                self._add(record.record_id, name, turn)

    def fought(self, record: Record, system: str) -> frozenset[str]:
        """The fields in which a rule of another system put what stands in place of what `system` had said."""
        last = {name: turns[-1] for name, turns in self._turns.get(record.record_id, {}).items()}
        return frozenset(
            name
            for name, turn in last.items()
            if turn.ruled and turn.over == system and turn.version == record.version_of(name)
        )

    def _add(self, record: int, name: str, turn: Turn) -> None:
        turns = self._turns.setdefault(record, {}).setdefault(name, [])
        kept = [one for one in turns if one.version <= turn.over_version]  # not the same, of a failed commit
        follows = bool(kept) and kept[-1].version == turn.over_version
        turns[:] = [*kept, turn] if follows else [turn]  # what else was decided between ends a fight
        if len(self._turns) > RECORDS:
            self._turns.pop(next(iter(self._turns)))

    def pulled(self, brake: Flap | None, record: Record, system: str, now: float) -> Mapping[str, str]:
        """Of which fields an edit by `system` is not to be taken now, and why. Forgets turns of long ago."""
        mine = self._turns.get(record.record_id)
        if not mine or brake is None:
            return {}
        found = {}
        for name, turns in list(mine.items()):
            stamp, frozen = record.stamps.of(name), record.frozen(name)
            mine[name] = turns = [turn for turn in turns if turn.at > now - brake.per]
            if not turns or (stamp.system == PERSON and not frozen):  # a person's word ends it
                del mine[name]
            elif len(turns) + 1 >= brake.count and (frozen or _over(turns[-1], stamp, system)):
                found[name] = _why(turns, system)
        if not mine:
            del self._turns[record.record_id]
        return found


def _over(last: Turn, stamp: Stamp, system: str) -> bool:
    """Whether the next edit by a system is one over what stands by the last turn."""
    return stamp.version == last.version and stamp.system != system


def _why(turns: list[Turn], system: str) -> str:
    names = " and ".join(sorted({system, *(name for turn in turns for name in (turn.by, turn.over))}))
    return (
        f"{FLAPS}{names} change this field in turn, each over what it was told; nothing is written until you "
        "decide: see what rewrites it there, or map it in one direction"
    )
