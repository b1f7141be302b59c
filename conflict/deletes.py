"""A delete in one system: what it does to the record, and what it means for an edit that nobody had seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from conflict.work import holds, said
from syncd.core.fieldmap import Entry, FieldMap
from syncd.core.nouns import Candidate, Clash, Contest, LinkState
from syncd.core.state import Ghost, Link, Record

RECORD = ""
"""The field name under which edit-against-delete conflicts are listed: the record itself."""
KEEP, DELETE = "keep", "delete"
ELSEWHERE = "elsewhere"
"""Who deleted, where the record only says that it is deleted."""


class Policy(StrEnum):
    """What the other systems do when one deletes."""

    PROPAGATE = "propagate"
    ARCHIVE = "archive"
    UNLINK = "unlink"
    IGNORE = "ignore"


class Against(StrEnum):
    """Who wins when one side edits what another deletes."""

    ASK = "ask"
    DELETE_WINS = "delete-wins"
    EDIT_WINS = "edit-wins"


@dataclass(frozen=True, slots=True)
class Deleted:
    """The outcome of a delete: `spread` is what the other systems are to do, None for nothing.

    `settled` says that an open question about the record itself ended: all sides say the same now.
    """

    record: Record
    link: Link
    spread: Policy | None
    clash: Clash | None = None
    settled: bool = False


def see_delete(
    record: Record,
    link: Link,
    fmap: FieldMap,
    policy: Policy,
    against: Against,
    *,
    evidence: int,
    event: int,
    ours: bool = False,
) -> Deleted:
    """A remote says that its copy is gone. The link keeps its evidence, and forbids a second create.

    `ours` marks a delete that is the consequence of our own: it spreads nothing.
    """
    gone = replace(
        link,
        state=LinkState.GONE,
        gone_by="us" if ours else "them",
        evidence=max(link.evidence, evidence),
        ghosts=without_ours(link.ghosts),
    )
    if ours or record.deleted or policy is Policy.IGNORE:
        return Deleted(record, gone, None)
    if policy is Policy.UNLINK:
        return Deleted(record, gone, policy)
    unseen = unseen_edits(record, link, fmap)
    if unseen and against is not Against.DELETE_WINS:
        return _contested(record, gone, against, event)
    why = "the delete wins over edits that it had not seen"
    clash = _clash(record, link.system, why, event, winner=1) if unseen else None
    return Deleted(decide(record, delete=True), gone, policy, clash, settled=RECORD in record.contests)


def unheard(link: Link) -> Link:
    """A delete of ours was not answered: what is gone from now on may be gone by us."""
    return replace(link, ghosts={**link.ghosts, RECORD: (Ghost(DELETE, {}),)})


def may_be_ours(link: Link) -> bool:
    """Whether a delete of ours is unanswered, and no write was accepted since."""
    return RECORD in link.ghosts


def without_ours(ghosts: Mapping[str, tuple[Ghost, ...]]) -> Mapping[str, tuple[Ghost, ...]]:
    """Unanswered writes, less the delete."""
    return {name: held for name, held in ghosts.items() if name != RECORD} if RECORD in ghosts else ghosts


def unseen_edits(record: Record, link: Link, fmap: FieldMap) -> list[str]:
    """The mapped fields whose present value this remote had not been told, and does not hold either."""
    newer = (
        (entry, name)
        for entry in fmap.entries
        for name in entry.canon
        if name in record.fields and record.version_of(name) > link.agreed.of(name)
    )
    return [name for entry, name in newer if not _says(record, link, entry)]


def _says(record: Record, link: Link, entry: Entry) -> bool:
    """Whether the remote's copy says the same by other means: a name in one field that is parted elsewhere.

    Such a copy is never behind, so nothing is sent that would raise what it agreed to.
    """
    if any(record.frozen(name) or name not in record.fields for name in entry.canon):
        return False
    return holds(link.shadow, entry, said(record.fields, entry))


def _contested(record: Record, gone: Link, against: Against, event: int) -> Deleted:
    if against is Against.EDIT_WINS:
        why = "the edit wins: the record stays in the other systems"
        return Deleted(record, gone, None, _clash(record, gone.system, why, event, winner=0))
    why = f"deleted in {gone.system}, edited elsewhere"
    asked = _asked(record, gone.system, why, event)
    return Deleted(open_question(record, gone.system, event), gone, None, asked)


def see_restored(record: Record, system: str) -> Record:
    """A remote's copy is back: who deleted it takes that back, which ends a question about the record."""
    question = record.contests.get(RECORD)
    if question is not None and any(c.system == system for c in question.candidates if c.value == DELETE):
        return decide(record, delete=False)
    if record.deleted:
        return replace(record, deleted=False, version=record.version + 1)
    return record


def see_edit_of_deleted(record: Record, link: Link, against: Against, *, event: int) -> tuple[Record, Clash]:
    """A remote edited its copy before our delete reached it."""
    if against is Against.DELETE_WINS:
        return record, _clash(record, ELSEWHERE, "the delete wins over a later edit", event, winner=1)
    alive = replace(record, deleted=False, version=record.version + 1)
    if against is Against.EDIT_WINS:
        return alive, _clash(alive, ELSEWHERE, "the edit wins: the record is not deleted", event, winner=0)
    why = f"edited in {link.system}, deleted elsewhere"
    return open_question(alive, ELSEWHERE, event), _asked(alive, ELSEWHERE, why, event)


def open_question(record: Record, system: str, event: int) -> Record:
    """The record with a conflict about itself: nothing is deleted until a person decides."""
    question = Contest(_sides(record, system, event), open=True)
    return replace(record, contests={**record.contests, RECORD: question})


def decide(record: Record, *, delete: bool) -> Record:
    """A person's word on edit against delete."""
    contests = {name: held for name, held in record.contests.items() if name != RECORD}
    return replace(record, contests=contests, deleted=delete, version=record.version + 1)


def _sides(record: Record, system: str, event: int) -> tuple[Candidate, ...]:
    edit = max(record.stamps.own.values(), key=lambda stamp: stamp.version, default=record.stamps.base)
    return (
        Candidate(KEEP, edit.system, edit.time, edit.event, edit.version),
        Candidate(DELETE, system, None, event, record.version + 1),
    )


def _clash(record: Record, deleter: str, why: str, event: int, *, winner: int) -> Clash:
    sides = _sides(record, deleter, event)
    return Clash(RECORD, dict(record.fields), sides, why, "against_edit", winner)


def _asked(record: Record, deleter: str, why: str, event: int) -> Clash:
    sides = _sides(record, deleter, event)
    return Clash(RECORD, dict(record.fields), sides, why, "ask", open=True)
