"""What the answer to a write means for its link: what was stored, what is now agreed, what stays open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from conflict.deletes import without_ours
from conflict.rewritten import rewritten
from conflict.work import ABSENT, fold, holds, said, settle_head, told_rival
from syncd.core.equality import reduces
from syncd.core.fieldmap import Entry, FieldMap
from syncd.core.nouns import Accepted, Fields, StoredBy, Value
from syncd.core.state import Agreed, Ghost, Link, Record

GHOSTS_PER_FIELD = 8


@dataclass(slots=True)
class Settled:
    """A link after an answer. `read` holds what the answer shows that is news, to be applied like a read."""

    record: Record
    link: Link
    read: dict[str, Value]


def accepted(
    record: Record,
    link: Link,
    sent: Fields,
    versions: Mapping[str, int],
    answer: Accepted,
    fmap: FieldMap,
    evidence: int,
    *,
    compared: bool = False,
    fought: frozenset[str] = frozenset(),
) -> Settled:
    """The remote committed `sent`, which carried `versions` of the canonical fields.

    Of the fields that were sent, a difference in the answer is normalisation and becomes the shadow, unless
    it says what nobody sent (`conflict.rewritten`): that is an edit made from what we sent. It and the other
    fields of the answer are an ordinary read (`Settled.read`), to be applied like one.
    `evidence` is the store's sequence now: every read that began earlier is older than this write.
    `compared` says that it passed a compare-and-set, so that no unanswered write can land any more. `fought`
    names the fields in which it was sent what a rule of another system had made of its own value.
    """
    edited = _edited(link.shadow, sent, answer, fmap, fought)
    return _settled(record, link, link.shadow, sent, versions, answer, fmap, evidence, edited, compared)


def _edited(
    before: Mapping[str, Value],
    sent: Fields,
    answer: Accepted,
    fmap: FieldMap,
    fought: frozenset[str] = frozenset(),
) -> Mapping[str, Value]:
    """What the remote put in place of what it was sent; nearly always nothing."""
    stored = answer.stored
    if all(stored[name] == sent[name] for name in stored.keys() & sent.keys()):
        return {}
    return rewritten(before, sent, stored, fmap, fought)


def _standing_anyway(
    record: Record, held: Fields, versions: Mapping[str, int], fmap: FieldMap
) -> Mapping[str, int]:
    """The versions that the remote holds now, where others have come and gone since the write was planned.

    If what was sent is what stands again, an edit made there is made from what stands.
    """
    behind = [name for name in versions if versions[name] < record.version_of(name)]
    stands = [n for n in behind if all(_says(record, held, entry) for entry in fmap.by_canon[n])]
    return {**versions, **{name: record.version_of(name) for name in stands}} if stands else versions


def _says(record: Record, held: Fields, entry: Entry) -> bool:
    """Whether a remote that holds these values was told what stands of an entry now.

    Not of a set: an element that was taken out and put back meanwhile was not seen there.
    """
    return not entry.sets and holds(held, entry, said(record.fields, entry))


def _settled(
    record: Record,
    link: Link,
    base: Mapping[str, Value],
    sent: Fields,
    versions: Mapping[str, int],
    answer: Accepted,
    fmap: FieldMap,
    evidence: int,
    edited: Mapping[str, Value],
    compared: bool,
) -> Settled:
    """The link and record after a write over a shadow `base`. Every write comes by here, so it is terse."""
    stored = answer.stored
    shadow = {**base, **sent}
    for name in stored.keys() & sent.keys():
        shadow[name] = stored[name]
    shadow |= edited
    unsure = link.unsure.difference(sent) if link.unsure else link.unsure
    if answer.stored_by is StoredBy.UNKNOWN:
        unsure |= sent.keys()
    elif not sent.keys() <= stored.keys():
        unsure |= sent.keys() - stored.keys()  # what the answer left out, in nobody knows which form
    if min(versions.values(), default=record.version) < record.version:
        versions = _standing_anyway(record, {**base, **sent}, versions, fmap)
    for name in versions if record.contests else ():
        if versions[name] >= record.version_of(name):
            record = settle_head(record, name, link.system)
        else:
            record = told_rival(record, name, link.system, versions[name])
    after = Link(
        link.system,
        link.object,
        answer.remote_id,
        link.record_id,
        link.state,
        shadow,
        fold(record, Agreed(link.agreed.number, {**link.agreed.own, **versions}), fmap),
        {} if compared else without_ours(link.ghosts),
        unsure,
        link.unapplied,
        {name: v for name, v in link.refused.items() if name not in sent} if link.refused else {},
        answer.remote_version or link.remote_version,
        evidence,
        link.gone_by,
    )
    if stored.keys() <= sent.keys() and not edited:
        return Settled(record, after, {})
    news = (n for n in stored if n not in sent or n in edited)
    return Settled(record, after, {n: stored[n] for n in news if shadow.get(n, ABSENT) != stored[n]})


def created(
    record: Record,
    link: Link,
    sent: Fields,
    versions: Mapping[str, int],
    answer: Accepted,
    fmap: FieldMap,
    evidence: int,
) -> Settled:
    """The remote committed a create. `link` is live, and empty but for its names.

    A blank of ours that was left out, and that the answer shows blank, is agreed as well.
    """
    stored = answer.stored
    blanks = {name: value for name, value in stored.items() if name not in sent and value in (None, "")}
    if blanks:
        versions = {**versions, **_left_out(record, fmap, blanks)}
    edited = _edited(blanks, sent, answer, fmap)
    return _settled(record, link, blanks, sent, versions, answer, fmap, evidence, edited, False)


def found(
    link: Link, sent: Fields, versions: Mapping[str, int], shown: Mapping[str, Value], fmap: FieldMap
) -> Link:
    """A copy that carries our key was found, of which no answer told: `link` knows nothing of it yet.

    What it shows as the create had `sent` it, whole or reduced, is ours. All else is first sight.
    """
    ours = {name: value for name, value in sent.items() if name in shown and reduces(shown[name], value)}
    held = {
        name: version
        for name, version in versions.items()
        if name in fmap.by_canon and all(f in ours for entry in fmap.by_canon[name] for f in entry.remote)
    }
    return replace(link, shadow=ours, agreed=Agreed(link.agreed.number, held), unsure=frozenset(ours))


def _left_out(record: Record, fmap: FieldMap, blanks: Mapping[str, Value]) -> dict[str, int]:
    """The versions of our blanks whose remote fields are all blank."""
    return {
        name: record.version_of(name)
        for entry in fmap.entries
        if all(field in blanks for field in entry.remote)
        for name in entry.canon
        if name in record.fields and record.fields[name] is None
    }


def uncertain(link: Link, sent: Fields, versions: Mapping[str, int]) -> Link:
    """The answer was lost. Until a read shows these values they may land at any time.

    Each write may land once, so two of one value are two.
    """
    ghosts = dict(link.ghosts)
    for name, value in sent.items():
        ghost = Ghost(value, versions)
        ghosts[name] = (*ghosts.get(name, ()), ghost)[-GHOSTS_PER_FIELD:]
    return replace(link, ghosts=ghosts)


def refused(link: Link, names: Mapping[str, int]) -> Link:
    """The remote refuses these remote fields at these versions; they rest until a newer version comes."""
    return replace(link, refused={**link.refused, **names})
