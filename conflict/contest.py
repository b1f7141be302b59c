"""Concurrent values of one field: the rules decide over all of them, and the losers are kept."""

from __future__ import annotations

from conflict.rules import FLAPS, RuleBook, Verdict
from conflict.work import ABSENT, RULE, Work
from syncd.core.nouns import Candidate, Clash, Contest, Stamp, Value

STILL_ASKED = f"{FLAPS}one more system says something else; nothing is written until you decide"


def rivals_of(work: Work, name: str, base: Value, *, seen: int) -> list[Candidate]:
    """The values that this remote had not seen. While its own is among them, and it was told none since, it
    has seen none of the others.

    So what stands by this remote's word does not shield its next edit from those that lost to it: that would
    make the order of arrival matter. Its own word is a rival only where a write of ours went over it. A value
    that the edit was made from is none.
    """
    if name not in work.contests and work.version_of(name) <= seen:
        return []  # nearly every edit: it was made from what stands
    heads, system = work.heads(name), work.link.system
    own = any(c.system == system and c.version >= seen for c in heads)
    rivals = [c for c in heads if c.system != system and (own or c.version > seen) and c.value != base]
    stands = [c for c in heads if c.system == system and c.version == work.version_of(name) > seen]
    return rivals + [c for c in stands if base is not ABSENT and c.value != base]


def contest(
    work: Work, name: str, rivals: list[Candidate], theirs: Candidate, base: Value, book: RuleBook
) -> None:
    """Decide between what stands, what else is still held somewhere, and what this remote now says.

    What a brake asked a person stays asked, though one more value comes that a rule could decide about.
    """
    candidates = (*_standing_first(work, name, rivals), theirs)
    base = work.contest_base(name, base)
    asked = name in work.contests and work.contests[name].open
    if asked and not judged(book, name, work.contests[name].candidates, base).open:
        book = RuleBook(ask=STILL_ASKED)
    verdict = judged(book, name, candidates, base)
    _note(work, name, base, candidates, verdict)
    if verdict.open:
        work.contests[name] = Contest(candidates, open=True, base=base)
        return
    work.end_contest(name)
    if verdict.winner is None:
        candidates = (*candidates, _make(work, name, verdict.value))
    else:
        _stand(work, name, candidates[verdict.winner], theirs, asked=asked)
    if any(c.value != work.fields[name] for c in candidates):
        work.contests[name] = Contest(candidates, base=base)


def sways(work: Work, name: str, rivals: list[Candidate], said: Value, base: Value, book: RuleBook) -> bool:
    """Whether one more remote that says what stands lets another value win: it may outdo the first one."""
    if all(rival.value == said for rival in rivals):
        return False
    candidates = (*_standing_first(work, name, rivals), work.voice(name, said))
    verdict = judged(book, name, candidates, work.contest_base(name, base))
    wins = verdict.value if verdict.winner is None else candidates[verdict.winner].value
    return not verdict.open and bool(wins != said)


def _standing_first(work: Work, name: str, rivals: list[Candidate]) -> list[Candidate]:
    stands = work.fields.get(name)
    return sorted(rivals, key=lambda c: (c.value != stands, c.version))


def judged(book: RuleBook, name: str, candidates: tuple[Candidate, ...], base: Value) -> Verdict:
    """The verdict over candidates, which all may say the same."""
    if all(c.value == candidates[0].value for c in candidates):
        return Verdict("agreed", "all sides say the same", winner=0)
    return book.decide(name, candidates, base)


def _note(work: Work, name: str, base: Value, candidates: tuple[Candidate, ...], verdict: Verdict) -> None:
    work.clashes.append(
        Clash(
            name,
            base,
            candidates,
            verdict.why,
            verdict.rule,
            verdict.winner,
            verdict.value,
            verdict.open,
        )
    )


def _make(work: Work, name: str, value: Value) -> Candidate:
    """A value that a rule made: no remote holds it, so no link's agreed version rises."""
    version = work.incoming_version + 1
    work.put(name, value, Stamp(version, RULE, None, work.event))
    work.owes = True
    return Candidate(value, RULE, None, work.event, version)


def _stand(work: Work, name: str, winner: Candidate, theirs: Candidate, *, asked: bool) -> None:
    """Let the winner stand. Where it is not theirs, this remote is to be told; so is every other one that
    spoke while a person was `asked`, for its word was left as it was."""
    if winner is theirs:
        work.put(name, winner.value, Stamp(winner.version, winner.system, winner.time, winner.event))
        work.agreed[name] = winner.version
        return
    work.owe(name)
    if asked or winner.value != work.fields.get(name):
        version = work.incoming_version + 1
        work.put(name, winner.value, Stamp(version, winner.system, winner.time, winner.event))
