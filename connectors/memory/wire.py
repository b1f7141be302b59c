"""How a CRM in memory is spoken to: the calls that a connector makes, with their faults and quirks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice

from connectors.base import ObjectInfo
from connectors.memory.remote import MemoryRemote
from connectors.memory.table import Refusal, Row, Table
from syncd.core.nouns import Fields, PushOp, Value

Position = tuple[int, str]


class WireError(Exception):
    """A whole call failed. `status` reads like HTTP's; 0 means that no answer came."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class Sent:
    """One record as it goes over the wire; `id` may be a number."""

    id: str | int
    version: str | None
    stamp: datetime | None
    fields: dict[str, Value]
    deleted: bool
    position: Position
    partial: bool = False
    heir: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """One page. `count` is how many rows the CRM says it sent; `last` is where it stopped looking.

    `untold` is the first transaction that touched a row of which this walk did not tell, for they hide yet.
    """

    rows: Sequence[Sent]
    count: int
    more: bool
    last: Position | None = None
    untold: int | None = None


@dataclass(frozen=True, slots=True)
class Write:
    """One row of a save."""

    ref: int
    op: PushOp
    fields: Fields
    remote_id: str | None = None
    version: str | None = None
    key: str | None = None


@dataclass(slots=True)
class Outcome:
    """What happened to one row of a save; `error` may come with any status."""

    ref: int
    status: int
    row: Sent | None = None
    error: Refusal | None = None
    lost: bool = False


@dataclass(slots=True)
class Wire:
    """One log-in to a remote."""

    remote: MemoryRemote
    _answers: int = field(default=0)

    async def describe(self) -> dict[str, ObjectInfo]:
        """The objects and their fields."""
        self._enter("describe")
        return {name: table.shape.info() for name, table in self.remote.tables.items()}

    def restricted(self) -> bool:
        """Whether this account may not see all records."""
        return bool(self.remote.quirks.hidden)

    async def changes(self, object: str, after: Position, limit: int, base: int) -> Listing:
        """Rows changed after a position, oldest change first, up to what is settled and indexed.

        Where the CRM tells changed fields only, it tells those changed from transaction `base` on.
        """
        await self._read(object)
        table = self._table(object)
        young = self.remote.clock() - timedelta(seconds=self.remote.features.read_lag)
        found = []
        for row in table.changed_after(after, self.remote.horizon()):
            if row.committed is not None and row.committed > young:
                break
            found.append(row)
            if len(found) > self._limit(limit):
                break
        if not self.remote.features.partial_fields:
            return self._listing(found, limit, None)
        page = self._listing(found, limit, base)
        return replace(page, untold=self._untold(table, page.last or after, base))

    def _untold(self, table: Table, told: Position, base: int) -> int | None:
        """A row that hides shows later what was touched by then, also before others that are told already."""
        behind = table.changed_after(told)
        return min((t for row in behind for t in row.touched.values() if t >= base), default=None)

    async def listing(self, object: str, after: str | None, limit: int) -> Listing:
        """Live rows after an id, in the order of ids."""
        await self._read(object)
        rows = (row for row in self._table(object).after(after) if not row.deleted and not row.archived)
        return self._listing(list(islice(rows, self._limit(limit) + 1)), limit, None)

    async def get(self, object: str, ids: Sequence[str]) -> list[Sent]:
        """Rows by id; what a missing one does is a quirk."""
        await self._read(object)
        table = self._table(object)
        rows = [row for i in ids if (row := table.rows.get(i)) is not None]
        found = [row for row in rows if (not row.deleted or row.heir) and self._visible(row)]
        if len(found) < len(ids):
            self._miss()
        sent = [self._sent(row) for row in found]
        await self.remote.faults.reach("read.answer", object)
        return sent

    def _miss(self) -> None:
        quirks = self.remote.quirks
        quirks.fired.add(12)
        if quirks.missing == "error":
            raise WireError(500, "missing_record")
        if quirks.missing == "404":
            raise WireError(404, "missing_record")

    async def find(self, object: str, key_field: str, keys: Sequence[str]) -> list[Sent]:
        """Rows by key, from an index that may lag."""
        await self._read(object)
        table = self._table(object)
        young = self.remote.clock() - timedelta(seconds=self.remote.features.find_lag)
        index = table.unique.get(key_field, {})
        rows = [table.rows[index[key]] for key in keys if key in index]
        seen = [row for row in rows if row.born is None or row.born <= young]
        return [
            self._sent(r) for r in seen if self._shown(r) and not self.remote.faults.take("find.hide", r.id)
        ]

    def _shown(self, row: Row) -> bool:
        return not row.archived and self._visible(row)

    def _visible(self, row: Row) -> bool:
        if row.id in self.remote.quirks.hidden:
            self.remote.quirks.fired.add(11)
            return False
        return True

    def _listing(self, rows: Sequence[Row], limit: int, since: int | None) -> Listing:
        quirks, limit = self.remote.quirks, self._limit(limit)
        more, rows = len(rows) > limit, rows[:limit]
        if not rows and quirks.empty_is_404:
            quirks.fired.add(14)
            raise WireError(404, "no_records")
        if more and quirks.page_cap is not None:
            quirks.fired.add(23)
        shown = [self._sent(row, since) for row in rows if self._listed(row)]
        last = (rows[-1].txn, rows[-1].id) if rows else None
        sent = shown[: len(shown) // 2] if self.remote.faults.take("read.truncate") else shown
        return Listing(sent, len(shown), more, last)

    def _listed(self, row: Row) -> bool:
        return self._visible(row) and self.remote.faults.take("read.hide", row.id) is None

    def _limit(self, wanted: int) -> int:
        cap = self.remote.quirks.page_cap
        return wanted if cap is None else min(cap, wanted)

    def _sent(self, row: Row, since: int | None = None) -> Sent:
        fields = row.fields
        if since is not None:
            fields = {name: value for name, value in fields.items() if row.touched.get(name, 0) >= since}
        return Sent(
            self._id(row.id),
            None if self.remote.quirks.no_stamps else str(row.version),
            self._stamp(row),
            self._emptied(fields),
            row.deleted or row.archived,
            (row.txn, row.id),
            since is not None,
            row.heir if row.deleted else None,
        )

    def _id(self, remote_id: str) -> str | int:
        self._answers += 1
        if self.remote.quirks.integer_ids and remote_id.isdigit() and self._answers % 2:
            self.remote.quirks.fired.add(22)
            return int(remote_id)
        return remote_id

    def _stamp(self, row: Row) -> datetime | None:
        quirks = self.remote.quirks
        if quirks.no_stamps or row.stamp is None:
            quirks.fired |= {7} if quirks.no_stamps else set()
            return None
        stamp = row.stamp + timedelta(seconds=quirks.clock_skew)
        if quirks.stamp_resolution:
            quirks.fired.add(1)
            whole = stamp.timestamp() // quirks.stamp_resolution * quirks.stamp_resolution
            stamp = datetime.fromtimestamp(whole, stamp.tzinfo)
        return stamp

    def _emptied(self, fields: dict[str, Value]) -> dict[str, Value]:
        empty = self.remote.quirks.empty_as
        if empty is None:
            return dict(fields)
        self.remote.quirks.fired.add(17)
        return {name: empty if value is None else value for name, value in fields.items()}

    async def _read(self, object: str) -> None:
        self._enter("read")
        await self.remote.faults.reach("read.start", object)

    def _enter(self, call: str) -> None:
        self.remote.calls[call] = self.remote.calls.get(call, 0) + 1
        if not self.remote.online:
            raise WireError(0, "no_answer")
        if not self.remote.login_valid:
            raise WireError(401, "bad_login")

    def _table(self, object: str) -> Table:
        table = self.remote.tables.get(object)
        if table is None:
            raise WireError(404, "no_object")
        return table
