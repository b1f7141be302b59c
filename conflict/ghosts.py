"""Writes of ours that nobody answered: seen to have landed, or to have gone over somebody's edit."""

from __future__ import annotations

from conflict.work import Work, base_of
from syncd.core.equality import reduces
from syncd.core.fieldmap import Entry, Refs
from syncd.core.nouns import Candidate, Clash, Value


def landed(
    work: Work, entry: Entry, now: tuple[Value, ...], was: tuple[Value, ...], refs: Refs
) -> frozenset[str] | None:
    """The fields that show an unanswered write of ours, cut or folded; None if the read shows no such write.

    If it does, the remote holds that write's versions. A reduction may be that of an older write of ours,
    told late: what the next read shows may then be a reduction still.
    """
    if not work.ghosts:
        return None
    cut: set[str] = set()
    versions: dict[str, int] = {}
    left = dict(work.ghosts)
    for name, value, old in zip(entry.remote, now, was, strict=True):
        if value == old:
            continue
        ghost = next(
            (g for g in reversed(left.get(name, ())) if g.value == value or reduces(value, g.value)), None
        )
        if ghost is None:
            return None
        if ghost.value != value:
            cut.add(name)
        versions.update(ghost.versions)
        left[name] = tuple(g for g in left[name] if g is not ghost)  # a write lands at most once
    work.ghosts = {name: ghosts for name, ghosts in left.items() if ghosts}
    before, told = (base_of(entry, values, refs) for values in (was, now))
    for index, name in enumerate(entry.canon):
        if name in versions:
            if before and told and name not in entry.sets and not _stands(work, name, before[index]):
                gone_over(work, name, before[index], told[index], versions[name])
            work.agreed[name] = versions[name]
            if versions[name] >= work.version_of(name):
                work.settle_head(name)
            else:
                _late(work, entry, name)
    return frozenset(cut)


def _late(work: Work, entry: Entry, name: str) -> None:
    """An old write of ours over a newer one: write again, and keep it, for a person may have typed it."""
    work.owes = True
    stamp = work.stamp_of(name)
    told = [work.change.fields[field] for field in entry.remote if field in work.change.fields]
    candidates = (
        Candidate(work.fields[name], stamp.system, stamp.time, stamp.event, stamp.version),
        Candidate(told[0] if len(told) == 1 else told, work.link.system, work.time, work.event),
    )
    why = "an unanswered write of ours landed late, or somebody typed the same value; written over"
    work.clashes.append(Clash(name, None, candidates, why, "late", winner=0))


def gone_over(work: Work, name: str, before: Value, now: Value, planned: int) -> None:
    """Keep what stood there where a write that nobody answered has, or may have, landed over it.

    It was seen, or written there by us, after that write was planned; who edits next may have had only the
    late one before them, so it would be replaced by what it was never seen by. What lost a contest is listed
    already.
    """
    held = work.contests.get(name)
    if held is not None and not held.open and before != work.fields.get(name):
        return
    there = [c for c in work.heads(name) if c.value == before and c.version > planned]
    if there:
        said = Candidate(now, work.link.system, work.time, work.event)
        why = "an unanswered write of ours went over it, or may have, before anybody there edited again"
        work.clashes.append(Clash(name, None, (said, there[0]), why, "overwritten", winner=0))


def _stands(work: Work, name: str, value: Value) -> bool:
    """Whether a value is the record's, and in no open contest: then it is written again."""
    held = work.contests.get(name)
    return not (held and held.open) and work.fields.get(name) == value


def oldest(work: Work, entry: Entry, name: str) -> int | None:
    """The oldest version that an unanswered write of this field carries."""
    ghosts = [ghost for remote in entry.remote for ghost in work.ghosts.get(remote, ())]
    return min((ghost.versions[name] for ghost in ghosts if name in ghost.versions), default=None)
