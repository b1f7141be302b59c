"""The link machine (DESIGN §1a): what one link does when it sees a state.

`gate` says whether a read may be applied now; `see` applies it. `conflict.due` says what the link owes,
`conflict.settle` what an answer means.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum

from conflict.contest import contest, rivals_of, sways
from conflict.ghosts import gone_over, landed, oldest
from conflict.rules import RuleBook
from conflict.sets import see_set
from conflict.work import ABSENT, NONE, Outcome, Work, base_of
from syncd.core.equality import reduces
from syncd.core.errors import ParseError, Unlinked
from syncd.core.fieldmap import NO_REFS, Direction, Drift, Entry, FieldMap, Refs, is_blank
from syncd.core.nouns import Change, LinkState, Stamp, Value
from syncd.core.state import Link, Record


class Gate(StrEnum):
    """What to do with a read of a linked record."""

    APPLY = "apply"
    DROP = "drop"
    HOLD = "hold"  # a write is in flight: wait for its answer
    REFETCH = "refetch"  # the read is older than what we know, and differs: read that id again


def gate(link: Link, change: Change, *, in_flight: bool, fetched: bool = False) -> Gate:
    """Whether a read may be applied to a link.

    `fetched` says that the change came from a read by id, which alone shows that a deleted record is
    back. A held read is not dropped even when it equals the shadow: it may show an edit that went back
    to the old value after our write.
    """
    if link.state in (LinkState.DETACHED, LinkState.DUPLICATE):
        return Gate.DROP
    if in_flight:
        return Gate.HOLD
    if link.state is LinkState.GONE:
        return Gate.APPLY if fetched and change.evidence >= link.evidence else Gate.REFETCH
    if change.evidence < link.evidence:
        return Gate.REFETCH if _news(link, change) else Gate.DROP
    return Gate.APPLY if _news(link, change) or _moved(link, change) else Gate.DROP


def _news(link: Link, change: Change) -> bool:
    return not change.fields.items() <= link.shadow.items()


def _moved(link: Link, change: Change) -> bool:
    """Whether the remote's version moved although no mapped value did: compare-and-set needs the new one.

    A partial read tells nothing of the fields it lacks, so its version is none to compare with.
    """
    version = None if change.partial else change.remote_version
    return version is not None and version != link.remote_version


def see(
    record: Record,
    link: Link,
    change: Change,
    fmap: FieldMap,
    book: RuleBook,
    *,
    refs: Refs = NO_REFS,
    event: int = 0,
    alien: frozenset[str] = frozenset(),
    shown: int = 0,
    flapping: Mapping[str, str] = NONE,
) -> Outcome:
    """Apply a read to a link and its record.

    `change.fields` holds mapped remote fields only; `event` is the journal entry that brought it. `alien`
    names fields whose value in the record is none of their present type. `shown` is the sequence from before
    the last read that told of all that had changed here: what it did not tell of was then as the shadow says.
    `flapping` says why a person is asked about the next edit of a field, for systems change it in turn.
    """
    work = Work(record, link, change, event, alien, shown, flapping)
    told, shadow = change.fields, work.shadow
    settled = not (link.unsure or link.unapplied or link.agreed.own or link.agreed.number < record.version)
    for entry in fmap.entries:  # written out: this runs for every field of every edited record
        remote = entry.remote
        if len(remote) > 1:
            if any(name in told for name in remote):
                _see_entry(work, entry, _several(work, entry), book, refs)
        elif (name := remote[0]) in told:
            was, now = shadow.get(name, ABSENT), told[name]
            if was != now or not settled:  # else it only says again what is known and agreed
                _see_entry(work, entry, ((was,), (now,)), book, refs)
    return work.outcome(fmap)


def _several(work: Work, entry: Entry) -> tuple[tuple[Value, ...], tuple[Value, ...]]:
    was = tuple(work.shadow.get(name, ABSENT) for name in entry.remote)
    now = tuple(work.change.fields.get(name, old) for name, old in zip(entry.remote, was, strict=True))
    return was, now


def _see_entry(
    work: Work, entry: Entry, pair: tuple[tuple[Value, ...], tuple[Value, ...]], book: RuleBook, refs: Refs
) -> None:
    was, now = pair
    if now == was:
        _confirm(work, entry, now, refs)
    elif ABSENT in now:
        return  # part of a compound was never reported: nothing can be said of it yet
    elif (cut := landed(work, entry, now, was, refs)) is not None:
        _remember(work, entry, now)
        work.unsure |= cut
    elif _reduced(work, entry, now, was):
        _remember(work, entry, now)
    elif entry.direction is Direction.OUT:
        _drifted(work, entry, now)
    else:
        _edited(work, entry, was, now, book, refs)


def _remember(work: Work, entry: Entry, now: tuple[Value, ...]) -> None:
    work.shadow.update(zip(entry.remote, now, strict=True))
    if work.unsure:
        work.unsure = work.unsure.difference(entry.remote)
    if work.unapplied:
        work.unapplied = {k: v for k, v in work.unapplied.items() if k not in entry.remote}


def _confirm(work: Work, entry: Entry, now: tuple[Value, ...], refs: Refs) -> None:
    """A read begun after a version was committed, and showing its outgoing value, is agreement."""
    _remember(work, entry, now)
    behind = [name for name in entry.canon if work.agreed_of(name) < work.version_of(name)]
    if not behind or any(work.change.evidence <= work.stamp_of(name).event for name in behind):
        return
    if work.outgoing(entry, refs) == now:
        for name in behind:
            _agree(work, name)


def _agree(work: Work, name: str) -> None:
    """This remote holds what stands."""
    work.agreed[name] = work.version_of(name)
    work.settle_head(name)


def _reduced(work: Work, entry: Entry, now: tuple[Value, ...], was: tuple[Value, ...]) -> bool:
    """Whether the read only shows how the remote stored what we sent (trim, case, cut, rounding)."""
    if not work.unsure:
        return False
    pairs = zip(entry.remote, now, was, strict=True)
    return all(new == old or (name in work.unsure and reduces(new, old)) for name, new, old in pairs)


def _drifted(work: Work, entry: Entry, now: tuple[Value, ...]) -> None:
    """An edit of a field that only we write."""
    _remember(work, entry, now)
    if entry.drift is Drift.RESTORE:
        for name in entry.canon:
            work.owe(name)


def _edited(
    work: Work, entry: Entry, was: tuple[Value, ...], now: tuple[Value, ...], book: RuleBook, refs: Refs
) -> None:
    theirs = _read(work, entry, now, refs)
    if theirs is None:
        return
    base = base_of(entry, was, refs)
    _remember(work, entry, now)
    ours_there = work.outgoing(entry, refs)
    if ours_there == was:
        _known_there(work, entry)
    for index, name in enumerate(entry.canon):
        if base is not None and base[index] == theirs[index]:
            continue
        if name in work.alien:
            _said_anew(work, name, theirs[index])
            continue
        base_value = base[index] if base is not None else ABSENT
        if name in work.flapping and _asked(work, name, theirs[index], base_value):
            continue
        if name in entry.sets:
            see_set(work, name, theirs[index], base_value, book, _unsettled(work, entry, index, refs))
        else:
            if work.ghosts and (planned := oldest(work, entry, name)) is not None:
                gone_over(work, name, base_value, theirs[index], planned)
            _see_value(work, entry, name, theirs[index], base_value, ours_there == now, book)


def _asked(work: Work, name: str, theirs: Value, base: Value) -> bool:
    """Leave an edit to a person, next to what stands, for two automations would go on for ever."""
    held = work.contests.get(name)
    undecided = held is not None and held.open
    rivals = [c for c in work.heads(name) if c.system != work.link.system]
    if base is ABSENT or not rivals or (theirs == work.fields.get(name) and not undecided):
        return False
    contest(work, name, rivals, work.theirs(theirs, timed=True), base, RuleBook(ask=work.flapping[name]))
    return True


def _known_there(work: Work, entry: Entry) -> None:
    """What stands looks here as the shadow does, so it was never sent; who edits now had it before them.

    That is so for versions from before a read that told of no edit here: this one was made after it.
    """
    for name in entry.canon:
        if name not in entry.sets and name not in work.contests and work.stamp_of(name).event < work.shown:
            work.agreed[name] = max(work.agreed_of(name), work.version_of(name))


def _said_anew(work: Work, name: str, theirs: Value) -> None:
    """Our value is from a time when the field had another type, so it is no rival.

    A remote that holds what stands tells what it is under the new type: the same word, read anew. One that
    does not is told once that is known.
    """
    if work.agreed_of(name) < work.version_of(name) or is_blank(theirs) or name in work.contests:
        work.owe(name)
        return
    stamp, version = work.stamp_of(name), work.incoming_version
    work.put(name, theirs, Stamp(version, stamp.system, stamp.time, work.event))
    work.agreed[name] = version
    work.alien -= {name}


def _unsettled(work: Work, entry: Entry, index: int, refs: Refs) -> frozenset[Value]:
    """The elements of a set that our unanswered writes may have put there."""
    if not work.ghosts or len(entry.remote) != 1:
        return frozenset()
    found: set[Value] = set()
    for ghost in work.ghosts.get(entry.remote[0], ()):
        with suppress(ParseError, Unlinked):
            found.update(entry.incoming((ghost.value,), refs)[index] or ())
    return frozenset(found)


def _read(work: Work, entry: Entry, now: tuple[Value, ...], refs: Refs) -> tuple[Value, ...] | None:
    """The canonical values, or None with the reason written down: unreadable is not absent."""
    try:
        return entry.incoming(now, refs)
    except ParseError as error:
        reason = str(error)
    except Unlinked as error:
        reason = ""
        work.waiting.append(error.target)
    held = dict(zip(entry.remote, now, strict=True))
    known = all(work.unapplied.get(name, ABSENT) == value for name, value in held.items())
    work.unapplied = {**work.unapplied, **held}
    if reason and not known:
        work.unreadable.append((entry.remote[0], reason))
    return None


def _see_value(
    work: Work, entry: Entry, name: str, theirs: Value, base: Value, same_there: bool, book: RuleBook
) -> None:
    agreed = work.agreed_of(name)
    ours = work.fields.get(name)
    no_base = base is ABSENT
    held = work.contests.get(name)
    undecided = held is not None and held.open
    if no_base and is_blank(theirs) and (undecided or not is_blank(ours)):
        work.owe(name)
        return
    if not undecided:
        if name in work.fields and (theirs == ours or same_there):
            unseen = rivals_of(work, name, base, seen=agreed) if theirs == ours and not no_base else []
            if not sways(work, name, unseen, theirs, base, book):
                _agree(work, name)
                if unseen:
                    work.join(name, theirs, base)
                return
        if no_base and is_blank(ours):
            work.take(name, theirs)
            return
    rivals = rivals_of(work, name, base, seen=0 if no_base else agreed)
    if rivals:
        contest(work, name, rivals, work.theirs(theirs, timed=not no_base), base, book)
        if entry.direction is Direction.IN:
            work.settle_head(name)  # nothing will ever be written over what they hold
    else:
        work.take(name, theirs)
