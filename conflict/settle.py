"""What the answer to a write means for its link: what was stored, what is now agreed, what stays open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from conflict.work import ABSENT, fold, settle_head
from syncd.core.fieldmap import FieldMap
from syncd.core.nouns import Accepted, Fields, StoredBy, Value
from syncd.core.state import Agreed, Ghost, Link, Record

GHOSTS_PER_FIELD = 8


@dataclass(slots=True)
class Settled:
    """A link after an answer. `read` holds what the answer shows of fields that were not sent."""

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
) -> Settled:
    """The remote committed `sent`, which carried `versions` of the canonical fields.

    Of the fields that were sent, a difference in the answer is normalisation and becomes the shadow. The
    other fields of the answer are an ordinary read (`Settled.read`), to be applied like one.
    `evidence` is the store's sequence now: every read that began earlier is older than this write.
    `compared` says that it passed a compare-and-set, so that no unanswered write can land any more.
    """
    return _settled(record, link, link.shadow, sent, versions, answer, fmap, evidence, compared=compared)


def _settled(
    record: Record,
    link: Link,
    base: Mapping[str, Value],
    sent: Fields,
    versions: Mapping[str, int],
    answer: Accepted,
    fmap: FieldMap,
    evidence: int,
    *,
    compared: bool = False,
) -> Settled:
    """The link and record after a write over a shadow `base`. Every write comes by here, so it is terse."""
    stored = answer.stored
    shadow = {**base, **sent}
    for name in stored.keys() & sent.keys():
        shadow[name] = stored[name]
    unsure = link.unsure.difference(sent) if link.unsure else link.unsure
    if answer.stored_by is StoredBy.UNKNOWN:
        unsure |= sent.keys()
    for name in versions if record.contests else ():
        if versions[name] >= record.version_of(name):
            record = settle_head(record, name, link.system)
    after = Link(
        link.system,
        link.object,
        answer.remote_id,
        link.record_id,
        link.state,
        shadow,
        fold(record, Agreed(link.agreed.number, {**link.agreed.own, **versions}), fmap),
        {} if compared else link.ghosts,
        unsure,
        link.unapplied,
        {name: v for name, v in link.refused.items() if name not in sent} if link.refused else {},
        answer.remote_version or link.remote_version,
        evidence,
        link.gone_by,
    )
    if stored.keys() <= sent.keys():
        return Settled(record, after, {})
    read = {n: v for n, v in stored.items() if n not in sent and shadow.get(n, ABSENT) != v}
    return Settled(record, after, read)


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
    return _settled(record, link, blanks, sent, versions, answer, fmap, evidence)


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
