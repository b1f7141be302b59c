"""A recorded decision, taken again by what is recorded of it: the same inputs give the same verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conflict.contest import judged
from conflict.deletes import RECORD, Against
from conflict.join import MERGED
from conflict.rules import FLAPS, RuleBook, Verdict
from syncd.core.nouns import Candidate, Value

LISTED = frozenset({"late", "overwritten", MERGED})
"""Under these names values are listed that were lost or doubted: no rule was asked."""
AGAINST_EDIT = "against_edit"


@dataclass(frozen=True, slots=True)
class Recorded:
    """An entry of the journal. `verdict` is {rule, winner, value}, or what ended a question; None while open.

    `field` is empty for the record itself. `state` is open, decided or closed. `why` is what was told.
    """

    number: int
    field: str
    state: str
    base: Value
    candidates: Sequence[Candidate]
    verdict: Mapping[str, Any] | None
    why: str = ""

    @property
    def listed(self) -> bool:
        """Whether nothing was decided, and values are only kept."""
        return self.state == "decided" and (self.verdict or {}).get("rule") in LISTED

    def then(self) -> Verdict:
        """What the rules said when it happened. What a person decided, or what ended by itself, was open."""
        said = self.verdict or {}
        if self.state != "decided" or said.get("rule") == "person":
            return Verdict("ask", "", open=True)
        return Verdict(said["rule"], "", said["winner"], said["value"])


def again(entry: Recorded, book: RuleBook, against: Against) -> Verdict:
    """What the rules say now; those of `against` speak of edits against deletes."""
    if entry.field == RECORD:
        winner = {Against.EDIT_WINS: 0, Against.DELETE_WINS: 1}.get(against)
        return Verdict("ask" if winner is None else AGAINST_EDIT, "", winner, open=winner is None)
    if entry.why.startswith(FLAPS):
        book = RuleBook(ask=entry.why)  # a brake asked, whatever the rules say
    return judged(book, entry.field, tuple(entry.candidates), entry.base)


def is_same(entry: Recorded, now: Verdict) -> bool:
    """Whether a verdict is the one that was taken: by the same rule, with the same winner or value.

    An element of a set that no rule decides about stays; this is recorded as decided by `ask`.
    """
    then = entry.then()
    if then.rule == "ask" and not then.open:
        return now.open
    return (then.open, then.rule, then.winner, then.value) == (now.open, now.rule, now.winner, now.value)
