"""Two records that are one: what becomes of the links, and of the values, when a system merged its copies.

The record of the copy that is left takes over the other record's links, each at first sight: a blank never
beats a value, equal values agree, different ones are decided by the rules. What no link brings along fills
blanks, or is listed. A second copy in one system is left alone.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from conflict.link import see
from conflict.rules import RuleBook
from conflict.work import RULE, Outcome
from syncd.core.fieldmap import NO_REFS, FieldMap, Refs, is_blank
from syncd.core.nouns import Candidate, Change, Clash, LinkState, Stamp, Value
from syncd.core.state import Agreed, Ghost, Link, Record, Stamps

MERGED = "merged"
"""The rule under which a value is listed that went with the record that another one took over."""
FOLLOWED = "merge"
"""Who took a copy away (`gone_by`) whose system merged it with another, or made another of it."""


@dataclass(frozen=True, slots=True)
class Inherited:
    """The record with what it took over, and what is listed."""

    record: Record
    changed: dict[str, Value]
    clashes: list[Clash]


def ended(link: Link, record_id: int, evidence: int) -> Link:
    """A copy that its system merged away: it stays known, takes no part, and is never made again."""
    return replace(
        link,
        record_id=record_id,
        state=LinkState.DUPLICATE,
        gone_by=FOLLOWED,
        evidence=max(link.evidence, evidence),
    )


def has_ended(link: Link) -> bool:
    """Whether a copy was merged away."""
    return link.gone_by == FOLLOWED


def second(link: Link, record_id: int) -> Link:
    """The other record's copy in a system where the one that stays has its own: left alone."""
    return replace(link, record_id=record_id, state=LinkState.DUPLICATE)


def first_sight(link: Link) -> Link:
    """A copy that takes part from now on, and of which nothing was agreed: there is no base."""
    return Link(link.system, link.object, link.remote_id, link.record_id, evidence=link.evidence)


@dataclass(frozen=True, slots=True)
class Copy:
    """One link of the record that is taken over, with what is needed to read it."""

    link: Link
    fmap: FieldMap
    refs: Refs = NO_REFS


@dataclass(frozen=True, slots=True)
class United:
    """Two records that became one. `adopted` are the copies that were seen, in order, each with the record as
    it was then; `moved` the other links as they are now, those that were left alone among them."""

    record: Record
    adopted: list[Outcome]
    moved: list[Link]
    inherited: Inherited


def unite(
    record: Record, other: Record, copies: Sequence[Copy], taken: Collection[str], book: RuleBook, event: int
) -> United:
    """Let `record` take over `other` with its `copies`. `taken` are the systems where it has a copy."""
    adopted: list[Outcome] = []
    moved: list[Link] = []
    systems = set(taken)
    for copy in copies:
        link = copy.link
        if link.state is LinkState.DUPLICATE or link.system in systems:
            moved.append(second(link, record.record_id))
            continue
        systems.add(link.system)
        if link.state is LinkState.LIVE:
            adopted.append(adopt(record, link, copy.fmap, book, refs=copy.refs, event=event))
            record = adopted[-1].record
        elif link.state is LinkState.OUT_OF_SCOPE:
            bare = first_sight(replace(link, record_id=record.record_id))
            moved.append(replace(bare, state=link.state))
        else:
            moved.append(replace(link, record_id=record.record_id))
    listed = [clash for outcome in adopted for clash in outcome.clashes]
    inherited = inherit(record, other, event, listed)
    return United(inherited.record, adopted, moved, inherited)


def disown(record: Record, system: str) -> Record:
    """The record with no value that is `system`'s own word: it came from a copy that is no more.

    Else what another copy there says would count as said after it, and take its place without a word.
    """
    if record.stamps.base.system != system and all(s.system != system for s in record.stamps.own.values()):
        return record
    own = {name: _of_rule(record.stamps.of(name), system) for name in record.fields}
    stamps = Stamps(_of_rule(record.stamps.base, system), own)
    return replace(record, version=record.version + 1, stamps=stamps)


def _of_rule(stamp: Stamp, system: str) -> Stamp:
    return replace(stamp, system=RULE) if stamp.system == system else stamp


def adopt(
    record: Record, link: Link, fmap: FieldMap, book: RuleBook, *, refs: Refs = NO_REFS, event: int = 0
) -> Outcome:
    """Another record's copy becomes this one's: what it is known to hold is seen at first sight.

    Writes to it that nobody answered carried the other record's values: where one lands, it is late.
    """
    held = {**link.shadow, **link.unapplied}
    ghosts = {
        name: tuple(Ghost(ghost.value, dict.fromkeys(ghost.versions, 0)) for ghost in found)
        for name, found in link.ghosts.items()
    }
    bare = replace(
        link,
        record_id=record.record_id,
        shadow={},
        agreed=Agreed(),
        unapplied={},
        refused={},
        ghosts={},
    )
    change = Change(
        link.system,
        link.object,
        link.remote_id,
        fields=held,
        evidence=link.evidence,
        remote_version=link.remote_version,
    )
    outcome = see(record, bare, change, fmap, book, refs=refs, event=event)
    return replace(outcome, link=replace(outcome.link, ghosts=ghosts))


def inherit(record: Record, other: Record, event: int, listed: Collection[Clash] = ()) -> Inherited:
    """What the other record held and no copy brought along: it fills blanks, and is listed where it differs.

    `listed` are the clashes that were noted while its copies came over.
    """
    version = record.version + 1
    fields, own, changed = dict(record.fields), dict(record.stamps.own), dict[str, Value]()
    clashes: list[Clash] = []
    for name, held in _held(other):
        stands = fields.get(name)
        if is_blank(held.value) or held.value == stands or _is_listed(name, held.value, (*listed, *clashes)):
            continue
        if is_blank(stands) and not record.frozen(name):
            fields[name] = changed[name] = held.value
            own[name] = Stamp(version, RULE, held.time, event)
        else:
            clashes.append(_clash(record, name, stands, held))
    if not changed:
        return Inherited(record, {}, clashes)
    stamps = Stamps(record.stamps.base, own)
    return Inherited(replace(record, version=version, fields=fields, stamps=stamps), changed, clashes)


def _held(other: Record) -> list[tuple[str, Candidate]]:
    """All that the other record held: what stood, and what stood against it."""
    found: list[tuple[str, Candidate]] = []
    for name, value in other.fields.items():
        stamp = other.stamps.of(name)
        found.append((name, Candidate(value, stamp.system, stamp.time, stamp.event, stamp.version)))
        contest = other.contests.get(name)
        found += [(name, rival) for rival in (contest.candidates if contest is not None else ())]
    return found


def _is_listed(name: str, value: Value, clashes: Collection[Clash]) -> bool:
    return any(clash.field == name and any(c.value == value for c in clash.candidates) for clash in clashes)


def _clash(record: Record, name: str, stands: Value, held: Candidate) -> Clash:
    stamp = record.stamps.of(name)
    winner = Candidate(stands, stamp.system, stamp.time, stamp.event, stamp.version)
    why = "two records became one; this is what the other one held"
    return Clash(name, None, (winner, held), why, MERGED, winner=0)
