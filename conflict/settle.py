"""What the answer to a write means for its link: what was stored, what is now agreed, what stays open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from conflict.work import ABSENT, fold, settle_head
from syncd.core.fieldmap import FieldMap
from syncd.core.nouns import Accepted, Fields, LinkState, StoredBy, Value
from syncd.core.state import Agreed, Ghost, Link, Record

GHOSTS_PER_FIELD = 8


@dataclass(frozen=True, slots=True)
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
    told = answer.stored_by is not StoredBy.UNKNOWN
    shadow = {**link.shadow, **{name: answer.stored.get(name, value) for name, value in sent.items()}}
    unsure = link.unsure.difference(sent)
    if not told:
        unsure |= sent.keys()
    agreed = Agreed(link.agreed.number, {**link.agreed.own, **versions})
    for name in versions if record.contests else ():
        if versions[name] >= record.version_of(name):
            record = settle_head(record, name, link.system)
    after = replace(
        link,
        remote_id=answer.remote_id,
        shadow=shadow,
        agreed=fold(record, agreed, fmap),
        ghosts={} if compared else link.ghosts,
        unsure=unsure,
        refused={name: v for name, v in link.refused.items() if name not in sent} if link.refused else {},
        remote_version=answer.remote_version or link.remote_version,
        evidence=evidence,
    )
    read = {name: v for name, v in answer.stored.items() if name not in sent and _news(after, name, v)}
    return Settled(record, after, read)


def _news(link: Link, name: str, value: Value) -> bool:
    return bool(link.shadow.get(name, ABSENT) != value)


def created(
    record: Record,
    link: Link,
    sent: Fields,
    versions: Mapping[str, int],
    answer: Accepted,
    fmap: FieldMap,
    evidence: int,
) -> Settled:
    """The remote committed a create. `link` is empty but for its names.

    A blank of ours that was left out, and that the answer shows blank, is agreed as well.
    """
    blanks = {
        name: value
        for name, value in answer.stored.items()
        if name not in sent and (value is None or value == "")
    }
    left_out = dict(versions)
    for entry in fmap.entries if blanks else ():
        if all(name in blanks for name in entry.remote):
            for name in entry.canon:
                if name in record.fields and record.fields[name] is None:
                    left_out[name] = record.version_of(name)
    start = replace(link, state=LinkState.LIVE, shadow=blanks)
    return accepted(record, start, sent, left_out, answer, fmap, evidence)


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
