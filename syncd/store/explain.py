"""Why a field has its value, in sentences: from what is stored of it, and nothing else. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

import orjson

from syncd.core.fieldmap import Direction, Entry, FieldMap
from syncd.core.nouns import LinkState, Value
from syncd.core.state import Link, Record
from syncd.store.history import ITSELF, Copy, Decision, Story, Version

DOORS = {
    "feed": "a read of what changed",
    "scan": "a full scan",
    "fetch": "a read of this record by its id",
    "guard": "the look before a write",
    "inbox": "the inbox, where it had waited",
    "answer": "the answer to a write of ours",
}
Maps: TypeAlias = Mapping[tuple[str, str], FieldMap]
_STATES = {
    LinkState.GONE: "its copy is gone",
    LinkState.DETACHED: "detached: it is left alone there",
    LinkState.DUPLICATE: "a second copy, which takes no part",
    LinkState.OUT_OF_SCOPE: "out of scope there",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A remote copy's part in a field. `holds` are its remote fields as last known; `status` says in words
    whether that is the value that stands."""

    system: str
    object: str
    remote_id: str
    holds: Mapping[str, Value]
    status: str
    current: bool
    not_before: datetime | None
    not_after: datetime | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """One field: its value, who said so (`origin`), what stood against it, and where it is."""

    field: str
    value: Value
    known: bool
    version: int
    origin: str
    rivals: Sequence[str]
    places: Sequence[Place]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def explain(story: Story, name: str, maps: Maps) -> Explanation:
    """Why `name` has its value. `maps` are the kind's mappings by system and object."""
    record = story.record
    return Explanation(
        name,
        record.fields.get(name),
        name in record.fields,
        record.version_of(name),
        _origin(story, name),
        [_rival(decision) for decision in story.decisions if decision.field == name],
        [place for copy in story.copies if (place := _place(record, copy, name, maps)) is not None],
    )


def life(story: Story) -> list[str]:
    """What happened to the record itself: its birth, deletes, returns, and conflicts about it."""
    said = []
    if story.pruned and story.kept.history is not None:
        said.append(
            f"Its history is kept from {moment(story.kept.history)} on; of what was before, only what still "
            "stood then."
        )
    if story.versions and not (story.pruned and story.versions[0].version > 1):
        first = story.versions[0]
        said.append(f"It was made of what {first.system} said on {moment(first.at)}.")
    for version in story.versions:
        if ITSELF in version.changes:
            what = "deleted" if version.changes[ITSELF] == "delete" else "brought back"
            said.append(f"It was {what} by {version.system} on {moment(version.at)}.")
    for other, at in story.joined:
        said.append(f"Record {other} became one with it on {moment(at)}.")
    said += [_rival(decision) for decision in story.decisions if decision.field == ITSELF]
    return said


def _origin(story: Story, name: str) -> str:
    record = story.record
    if name not in record.fields:
        return "No system has reported it yet."
    stamp = record.stamps.of(name)
    came = _brought(story.versions, name)
    when = f" on {moment(came.at)}" if came else ""
    if stamp.system == "person":
        return f"A person decided it{when} (version {stamp.version})."
    if stamp.system == "rule":
        return f"A rule made it of what several systems said{when} (version {stamp.version})."
    clock = f", at {moment(stamp.time)} by its own clock" if stamp.time is not None else ""
    how = f" It came by {DOORS.get(came.source, came.source)}" if came and came.source else ""
    told = f"{how} on {moment(came.seen_at)} (event {came.event})." if came and how and came.seen_at else ""
    begins = story.kept.journal
    if came and not how and came.event and begins is not None and came.at < begins:
        told = f" How it came is not known any more: the journal begins on {moment(begins)}."
    return f"{stamp.system} said so{clock} (version {stamp.version}).{told}"


def _brought(versions: Sequence[Version], name: str) -> Version | None:
    """The version that brought the value that stands."""
    return next((version for version in reversed(versions) if name in version.changes), None)


def _rival(decision: Decision) -> str:
    sides = ", ".join(
        f"{c['system']} said {shown(c['value'])}" + (f" at {moment(c['time'])}" if c.get("time") else "")
        for c in decision.candidates
    )
    number, opened = decision.conflict, moment(decision.opened)
    if decision.state == "open":
        return f"Conflict {number}, open since {opened}: {sides}. {decision.why}."
    if decision.state == "closed":
        return f"Conflict {number} of {opened} ended by agreement: {sides}."
    return f"Conflict {number} of {opened}: {sides}. Decided by {_by(decision)}."


def _by(decision: Decision) -> str:
    verdict = decision.verdict or {}
    if verdict.get("rule") != "person":
        return f"rule ({decision.why})"
    return f"a person, for {shown(verdict.get('value'))}"


def _place(record: Record, copy: Copy, name: str, maps: Maps) -> Place | None:
    link = copy.link
    fmap = maps.get((link.system, link.object))
    entries = [entry for entry in fmap.entries if name in entry.canon] if fmap is not None else []
    if not entries or link.remote_id.startswith("detached:"):
        return None
    holds = {field: link.shadow[field] for entry in entries for field in entry.remote if field in link.shadow}
    status, current = _status(record, copy, name, entries)
    return Place(
        link.system, link.object, link.remote_id, holds, status, current, copy.not_before, copy.not_after
    )


def _status(record: Record, copy: Copy, name: str, entries: Sequence[Entry]) -> tuple[str, bool]:
    link = copy.link
    if link.state is LinkState.DUPLICATE and link.gone_by == "merge":
        return "merged with another copy there, or made into one", False
    if link.state is not LinkState.LIVE:
        return _STATES[link.state], False
    stamp = record.stamps.of(name)
    if record.frozen(name):
        return "frozen by an open conflict: nothing is written until it is decided", False
    if name in record.fields and link.agreed.of(name) >= stamp.version:
        return ("it came from there" if stamp.system == link.system else "holds it"), True
    if all(entry.direction is Direction.IN for entry in entries):
        return "never written there (direction: in)", False
    if _refused(link, record, entries):
        return "refused there: see `syncd parked`", False
    if any(field in link.ghosts for entry in entries for field in entry.remote):
        return "written, and the answer was lost: it is looked at again", False
    if copy.queued:
        return "a write is due", False
    return "does not have it yet", False


def _refused(link: Link, record: Record, entries: Sequence[Entry]) -> bool:
    newest = max(record.version_of(name) for entry in entries for name in entry.canon)
    return any(link.refused.get(field, 0) >= newest for entry in entries for field in entry.remote)


def shown(value: Value) -> str:
    """A value as a person reads it in a sentence."""
    return "nothing" if value is None else orjson.dumps(value, default=str).decode()


def moment(at: datetime | float | str | None) -> str:
    """A time in UTC, to the second."""
    if isinstance(at, int | float):
        at = datetime.fromtimestamp(at, UTC)
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if isinstance(at, datetime) else str(at)
