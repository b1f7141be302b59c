"""Judge what a remote shows against what we hold: one page at a time, with the reason of each difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from syncd.core.nouns import Change, LinkState
from syncd.core.state import Link, Record
from syncd.engine.compare import Gap, Seen, look
from syncd.engine.load import load_refs, load_targets
from syncd.engine.reasons import Known, Why
from syncd.engine.report import Difference, Reason, What
from syncd.engine.world import Stream, World
from syncd.store.rows import link_from, load_by_remote, record_from

_SECOND = "a second copy of a record that has one here; merge or delete one of the two there"
_TWINS = """
select remote_id, message from parked
where stream = $1 and remote_id = any($2::text[]) and code = 'duplicate'"""
_SILENT = "the listing leaves it out and a read by id tells nothing: this account may not see it"


@dataclass(slots=True)
class Verdict:
    """What one remote id came to. `linked` says that it was compared; `left_out` that it takes no part."""

    differences: list[Difference] = field(default_factory=list)
    linked: bool = False
    left_out: bool = False


@dataclass(frozen=True, slots=True)
class Copy:
    """A linked copy and what the remote shows of it; `seen` is None where fields were not compared.

    `twin` says of whom it is listed as a duplicate, though it is a record's own copy.
    """

    record: Record
    link: Link
    seen: Seen | None
    twin: str | None = None


class Judge:
    """Judges one stream's copies."""

    def __init__(self, world: World, stream: Stream) -> None:
        self.world, self.stream = world, stream

    async def judge(self, changes: Sequence[Change]) -> dict[str, Verdict]:
        """The verdicts on records that are there, by remote id."""
        if not changes:
            return {}
        copies = await self._copies(changes)
        known = await self._known(
            [c.record.record_id for c in copies.values() if _suspect(c)],
            [i for change in changes if (i := change.remote_id) not in copies or _suspect(copies[i])],
        )
        outside = {c.remote_id for c in changes if self.stream.scope(c.fields) is not True}
        return {
            c.remote_id: Verdict(left_out=True)
            if c.remote_id in outside and c.remote_id not in copies
            else self._one(c.remote_id, copies.get(c.remote_id), known)
            for c in changes
        }

    async def _copies(self, changes: Sequence[Change]) -> dict[str, Copy]:
        stream, world = self.stream, self.world
        values = {c.remote_id: {n: v for n, v in c.fields.items() if n in stream.mapped} for c in changes}
        async with world.store.read() as con:
            rows = await load_by_remote(con, stream.id, list(values))
            held = [(link_from(row, stream.names), record_from(row)) for row in rows]
            refs = await load_refs(con, world, stream, values.values())
            fields = [record.fields for _, record in held]
            refs = await load_targets(con, world, stream, world.kind_of(stream), fields, refs)
            twins = {
                row["remote_id"]: row["message"] for row in await con.fetch(_TWINS, stream.id, [*values])
            }
        copies = {}
        for link, record in held:
            alive = link.state is LinkState.LIVE and not record.deleted
            seen = look(record, link, values[link.remote_id], stream.map, refs) if alive else None
            copies[link.remote_id] = Copy(record, link, seen, twins.get(link.remote_id))
        return copies

    async def _known(self, records: Sequence[int], remotes: Sequence[str]) -> Known:
        if not records and not remotes:
            return Known()
        async with self.world.store.plain() as con:
            return await Known.load(con, self.stream.id, records, remotes)

    def _one(self, remote_id: str, copy: Copy | None, known: Known) -> Verdict:
        if copy is None:
            return self._stranger(remote_id, known)
        record, link, state = copy.record, copy.link, copy.link.state
        if state in (LinkState.DETACHED, LinkState.OUT_OF_SCOPE):
            return Verdict(left_out=True)
        if state is LinkState.DUPLICATE:
            return Verdict([self._whole(What.DUPLICATE, (Reason.LISTED, _SECOND), link)], linked=False)
        if state is LinkState.GONE:
            why = Reason.UNREAD, "it was deleted there, and is back"
            return Verdict([self._whole(What.RESTORED, why, link)], linked=True)
        if record.deleted:
            return Verdict([self._whole(What.DELETED, known.record_why(record, "its delete"), link)], True)
        listed = [] if copy.twin is None else [self._whole(What.DUPLICATE, (Reason.LISTED, copy.twin), link)]
        return Verdict([*listed, *self._fields(copy, known)], linked=True)

    def _stranger(self, remote_id: str, known: Known) -> Verdict:
        if not self.stream.reads:
            return Verdict(left_out=True)
        why: Why = (Reason.UNREAD, "a new record there, not read yet")
        if remote_id in known.inbox:
            why = Reason.INBOX, "it was read, and waits to be applied"
        elif remote_id in known.parked:
            why = Reason.PARKED, "parked ({}): {}".format(*known.parked[remote_id])
        return Verdict([self._made(What.UNLINKED, why, remote_id, None)])

    def _fields(self, copy: Copy, known: Known) -> list[Difference]:
        assert copy.seen is not None
        owed = copy.seen.due
        found = [
            self._field(gap, copy, known.field_why(gap, copy.record, copy.link, owed))
            for gap in copy.seen.gaps
        ]
        ids = (copy.link.remote_id, copy.link.record_id)
        lost = copy.seen.unreported
        return found + [self._made(What.UNREPORTED, self._untold(name), *ids, name) for name in lost]

    def _untold(self, name: str) -> Why:
        away, entries = self.stream.away, (e for e in self.stream.map.entries if name in e.canon)
        why = next((away[remote] for entry in entries for remote in entry.remote if remote in away), None)
        if why is not None:
            return Reason.PARKED, f"it is left alone there: {why}"
        return Reason.UNREPORTED, f"{self.stream.system} no longer tells it: is it hidden or removed there?"

    def _field(self, gap: Gap, copy: Copy, why: Why) -> Difference:
        ids = (copy.link.remote_id, copy.link.record_id)
        return self._made(What.FIELD, why, *ids, gap.field, gap.ours, gap.theirs)

    async def gone(self, ids: Sequence[str]) -> dict[str, Verdict]:
        """The verdicts on linked copies that a read by id says are gone."""
        verdicts: dict[str, Verdict] = {}
        held = await self._held(ids)
        known = await self._known([record.record_id for _, record in held], list(ids)) if held else Known()
        for link, record in held:
            if link.state is not LinkState.LIVE or record.deleted:
                verdicts[link.remote_id] = Verdict(linked=True)  # both sides say so
            else:
                why = _gone_why(known, record, link)
                verdicts[link.remote_id] = Verdict([self._whole(What.GONE, why, link)], linked=True)
        return verdicts

    async def silent(self, ids: Mapping[str, str]) -> dict[str, Verdict]:
        """The verdicts on linked copies of which the remote says nothing at all; ids and why, where known."""
        found = {}
        for link, _ in await self._held(list(ids)):
            why = Reason.UNREPORTED, ids[link.remote_id] or _SILENT
            found[link.remote_id] = Verdict([self._whole(What.UNREPORTED, why, link)], linked=True)
        return found

    async def _held(self, ids: Sequence[str]) -> list[tuple[Link, Record]]:
        if not ids:
            return []
        async with self.world.store.read() as con:
            rows: list[Any] = await load_by_remote(con, self.stream.id, ids)
        return [(link_from(row, self.stream.names), record_from(row)) for row in rows]

    async def missing(self, records: Sequence[Record]) -> list[Difference]:
        """The differences of records that have no copy here."""
        known = await self._known([record.record_id for record in records], [])
        return [
            self._made(What.MISSING, known.record_why(record, "a create"), None, record.record_id)
            for record in records
        ]

    def _whole(self, what: What, why: Why, link: Link) -> Difference:
        return self._made(what, why, link.remote_id, link.record_id)

    def _made(
        self,
        what: What,
        why: Why,
        remote_id: str | None,
        record_id: int | None,
        name: str | None = None,
        ours: Any = None,
        theirs: Any = None,
    ) -> Difference:
        stream, (reason, detail) = self.stream, why
        place = (stream.kind, stream.system, stream.object)
        return Difference(*place, what, reason, remote_id, record_id, name, ours, theirs, detail)


def _suspect(copy: Copy) -> bool:
    """Whether the lists have to be asked about a copy."""
    return copy.seen is None or bool(copy.seen.gaps)


def _gone_why(known: Known, record: Record, link: Link) -> Why:
    if known.vanish is not None:
        return Reason.HELD, f"a brake: {known.vanish}; `syncd brakes` lists it"
    why = known.record_why(record, "a delete")
    if why[0] in (Reason.CONFLICT, Reason.IN_FLIGHT):
        return why
    if link.remote_id in known.inbox:
        return Reason.INBOX, "its delete was read, and waits to be applied"
    return Reason.UNREAD, "it was deleted there, which was not read yet"
