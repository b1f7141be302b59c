"""Sets merge per element; only an element both added and removed concurrently needs a decision."""

from __future__ import annotations

from conflict.contest import contest
from conflict.rules import RuleBook
from conflict.work import ABSENT, Work
from syncd.core.fieldmap import is_blank
from syncd.core.nouns import Candidate, Clash, Stamp, Value


def see_set(
    work: Work,
    name: str,
    theirs: Value,
    base: Value,
    book: RuleBook,
    unsettled: frozenset[Value] = frozenset(),
) -> None:
    """Apply what this remote added to and removed from a set.

    With no base there is nothing to compare with: both sides' elements stay, unless a rule says else.
    `unsettled` are the elements of unanswered writes of ours: where they show, they are no edit.
    """
    if base is ABSENT:
        _first_sight(work, name, theirs, book)
    else:
        _merge(work, name, set(theirs or ()), set(base or ()), unsettled, book)


def _first_sight(work: Work, name: str, theirs: Value, book: RuleBook) -> None:
    ours = work.fields.get(name)
    if name in work.fields and theirs == ours:
        work.agreed[name] = work.version_of(name)
    elif is_blank(ours):
        work.take(name, theirs)
    elif is_blank(theirs):
        work.owe(name)
    else:
        _union_or_rule(work, name, theirs, book)


def _union_or_rule(work: Work, name: str, theirs: Value, book: RuleBook) -> None:
    candidate = work.theirs(theirs, timed=False)
    rivals = list(work.heads(name))
    if not book.decide(name, (*rivals, candidate)).open:
        contest(work, name, rivals, candidate, ABSENT, book)
        return
    merged = sorted(set(theirs) | set(work.fields[name]))
    version = candidate.version
    if merged != work.fields[name]:
        work.put(name, merged, Stamp(version, work.link.system, None, work.event))
        work.touch_elements(name, set(theirs), version)
    if merged == theirs:
        work.agreed[name] = version
    else:
        work.owes = True


def _merge(
    work: Work,
    name: str,
    theirs: set[Value],
    base: set[Value],
    unsettled: frozenset[Value],
    book: RuleBook,
) -> None:
    ours = set(work.fields.get(name) or ())
    _doubtful(work, name, theirs, theirs & unsettled - base - ours)
    added, removed = theirs - base - unsettled, base - theirs
    kept = {e for e in removed & ours if _readded(work, name, e) and not _drop(work, name, e, book)}
    merged = (ours | added) - (removed - kept)
    version = work.incoming_version
    if merged != ours:
        work.version = max(work.version, version)
        work.put(name, sorted(merged) or None, Stamp(version, work.link.system, work.time, work.event))
        work.touch_elements(name, merged ^ ours, version)
        work.end_contest(name)  # from here on it is elements that are compared
    if merged == theirs:
        work.agreed[name] = work.version_of(name)
    else:
        work.owe(name)


def _doubtful(work: Work, name: str, theirs: set[Value], doubtful: set[Value]) -> None:
    """Elements that an unanswered write of ours may have put there, or a person: not taken, but listed."""
    if not doubtful:
        return
    stamp = work.stamp_of(name)
    candidates = (
        Candidate(work.fields.get(name), stamp.system, stamp.time, stamp.event, stamp.version),
        Candidate(sorted(theirs), work.link.system, work.time, work.event),
    )
    why = "an unanswered write of ours may have added elements, or somebody did; they were not taken"
    work.clashes.append(Clash(name, None, candidates, why, "late", winner=0))


def _readded(work: Work, name: str, element: Value) -> bool:
    """Whether somebody else added an element again after what this remote has seen of it."""
    stamp = work.elements.get(name, {}).get(str(element))
    return stamp is not None and stamp.version > work.agreed_of(name) and stamp.system != work.link.system


def _drop(work: Work, name: str, element: Value, book: RuleBook) -> bool:
    """Whether the rules let the removal win over the re-adding. Where none decides, the element stays."""
    stamp = work.elements[name][str(element)]
    candidates = (
        Candidate([element], stamp.system, work.stamp_of(name).time, version=stamp.version),
        Candidate([], work.link.system, work.time, work.event, work.incoming_version),
    )
    verdict = book.decide(name, candidates)
    winner = verdict.winner if verdict.winner is not None else 0
    why = verdict.why if not verdict.open else "added again elsewhere: the element stays"
    work.clashes.append(Clash(name, None, candidates, why, verdict.rule, winner))
    return winner == 1
