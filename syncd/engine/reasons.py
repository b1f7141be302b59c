"""Why something differs: what the store already knows of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from conflict.deletes import RECORD
from conflict.due import Due
from syncd.core.fieldmap import Direction
from syncd.core.state import Link, Record
from syncd.engine.compare import Gap
from syncd.engine.report import Reason
from syncd.store.store import Conn

Why = tuple[Reason, str]

_OUTBOX = "select distinct record_id from outbox where stream = $1 and record_id = any($2::bigint[])"
_INBOX = "select distinct remote_id from inbox where stream = $1 and remote_id = any($2::text[])"
_HELD = """
select h.record_id, b.op from held h join brakes b using (brake)
where b.stream = $1 and b.ended is null and h.record_id = any($2::bigint[])"""
_PARKED = """
select record_id, remote_id, field, code, message from parked
where stream = $1 and (record_id = any($2::bigint[]) or remote_id = any($3::text[])) order by parked"""
_SENDS = """
select distinct (item ->> 0)::bigint as record_id from sends, json_array_elements(body) item
where stream = $1"""
_VANISH = "select why from brakes where stream = $1 and op = 'vanish' and ended is null"


@dataclass(slots=True)
class Known:
    """What is listed in one stream about some records and remote ids. `vanish` is a pulled sweep brake."""

    outbox: set[int] = field(default_factory=set)
    inbox: set[str] = field(default_factory=set)
    held: dict[int, str] = field(default_factory=dict)
    parked: dict[int | str, tuple[str, str]] = field(default_factory=dict)
    sends: set[int] = field(default_factory=set)
    vanish: str | None = None

    @classmethod
    async def load(cls, con: Conn, stream: int, records: Collection[int], remotes: Collection[str]) -> Known:
        """Look in every list. `con` is a plain connection."""
        known = cls(
            outbox={row["record_id"] for row in await con.fetch(_OUTBOX, stream, list(records))},
            inbox={row["remote_id"] for row in await con.fetch(_INBOX, stream, list(remotes))},
            held={row["record_id"]: row["op"] for row in await con.fetch(_HELD, stream, list(records))},
            sends={row["record_id"] for row in await con.fetch(_SENDS, stream)},
            vanish=await con.fetchval(_VANISH, stream),
        )
        for row in await con.fetch(_PARKED, stream, list(records), list(remotes)):
            for key in (row["record_id"], row["remote_id"]):
                if key is not None:
                    known.parked[key] = (row["code"], row["message"])
        return known

    def record_why(self, record: Record, owes: str) -> Why:
        """Why a whole record is not where it should be; `owes` says what is due: a create, a delete."""
        number = record.record_id
        if record.frozen(RECORD):
            return Reason.CONFLICT, "an open conflict about the record itself; `syncd conflicts` shows it"
        if number in self.held:
            return Reason.HELD, f"a brake holds the {self.held[number]}; `syncd brakes` lists it"
        if number in self.sends:
            return Reason.IN_FLIGHT, "its write is under way, or its answer was lost"
        if number in self.outbox:
            return Reason.BEHIND, f"{owes} is due and queued"
        if number in self.parked:
            return Reason.PARKED, _parked(self.parked[number])
        return Reason.UNEXPLAINED, f"{owes} is due, and nothing is queued for it; a sweep looks again"

    def field_why(self, gap: Gap, record: Record, link: Link, owed: Due) -> Why:
        """Why a field differs: the first that holds."""
        if any(record.frozen(name) for name in (*gap.entry.canon, RECORD)):
            return Reason.CONFLICT, "an open conflict freezes it; `syncd conflicts` shows it"
        if link.remote_id in self.inbox:
            return Reason.INBOX, "a change of this record waits to be applied"
        held = _unapplied(gap, link)
        if held is not None:
            return held
        if record.record_id in self.sends or any(name in link.ghosts for name in gap.entry.remote):
            return Reason.IN_FLIGHT, "a write is under way, or its answer was lost"
        if gap.moved:
            return _moved(gap)
        return self._owed_why(gap, record, link, owed)

    def _owed_why(self, gap: Gap, record: Record, link: Link, owed: Due) -> Why:
        newest = max(record.version_of(name) for name in gap.entry.canon)
        if any(link.refused.get(name, 0) >= newest for name in gap.entry.remote):
            code = self.parked.get(record.record_id, ("refused", "see `syncd parked`"))
            return Reason.PARKED, _parked(code)
        if gap.unlinked:
            return Reason.BLOCKED, "the record that it points at has no copy there now"
        if any(name in owed.fields for name in gap.entry.remote):
            return self.record_why(record, "a write")
        for name, why in owed.unsayable:
            if name in gap.entry.canon:
                return Reason.PARKED, why
        if _agreed(gap, record, link):
            return Reason.STORED, "it was written and accepted; the remote keeps it in this form"
        return Reason.UNEXPLAINED, "nothing in the store says why; a sweep looks again"


def _unapplied(gap: Gap, link: Link) -> Why | None:
    """A value that was read and could not be used."""
    pairs = zip(gap.entry.remote, gap.now, strict=True)
    if not any(name in link.unapplied and link.unapplied[name] == value for name, value in pairs):
        return None
    if gap.unreadable is not None:
        return Reason.PARKED, f"it cannot be read: {gap.unreadable}"
    return Reason.BLOCKED, "the record that it points at is not linked yet"


def _moved(gap: Gap) -> Why:
    if gap.entry.direction is Direction.OUT:
        return Reason.DRIFT, "only we write this field, and somebody edited it there"
    return Reason.UNREAD, "it was edited there since it was last read"


def _agreed(gap: Gap, record: Record, link: Link) -> bool:
    if gap.entry.direction is Direction.IN:
        return False
    return all(link.agreed.of(name) >= record.version_of(name) for name in gap.entry.canon)


def _parked(found: tuple[str, str]) -> str:
    return f"parked ({found[0]}): {found[1]}"
