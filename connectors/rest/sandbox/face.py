"""How records look on the wire: once as bytes that are kept, and anew where a quirk bends them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson

from connectors.rest.sandbox.profile import RestProfile
from connectors.sandboxes.quirks import Quirks
from connectors.sandboxes.table import Row, Table
from connectors.sandboxes.world import World

LOCAL = timezone(timedelta(hours=2))


def iso(stamp: int) -> str:
    """Milliseconds since 1970 as `2026-03-01T09:00:00.000Z`."""
    return datetime.fromtimestamp(stamp / 1000, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


class Face:
    """The look of one sandbox's records. Where no quirk bends it, a row's bytes are made once a version."""

    def __init__(self, world: World, profile: RestProfile) -> None:
        self.world, self.profile = world, profile
        self._last = (0, iso(0))
        self.bends()

    def bends(self) -> None:
        """See anew whether a quirk bends the look."""
        q, usual = self.world.quirks, Quirks()
        bending = (
            "no_stamps",
            "no_versions",
            "empty_as",
            "integer_ids",
            "record_key",
            "hide_fields",
            "stamp_format",
        )
        self.plain = all(getattr(q, name) == getattr(usual, name) for name in bending) and not (
            self.profile.single_name
        )

    def stamp(self, stamp: int) -> Any:
        """A time as this CRM writes it."""
        form = self.world.quirks.stamp_format
        if form == "iso":
            return self._iso(stamp)
        if form in ("unix", "unix_ms"):
            return stamp if form == "unix_ms" else stamp // 1000
        at = datetime.fromtimestamp(stamp / 1000, UTC if form == "iso_s" else LOCAL)
        text = at.strftime("%Y-%m-%d %H:%M:%S" if form == "local" else "%Y-%m-%dT%H:%M:%S")
        return text + {"iso_s": "Z", "offset": "+02:00", "local": ""}[form]

    def whole(self, table: Table, row: Row) -> dict[str, Any]:
        """A record without bends: the ground truth."""
        stamp = self._iso(row.stamp)
        seen = {
            "id": row.id,
            "version": row.version,
            "created_at": stamp if row.created == row.stamp else iso(row.created),
            "updated_at": stamp,
            "deleted": row.deleted,
            "updated_by": row.by,
        }
        if self.profile.archives:
            seen["archived"] = row.archived
        seen.update(row.fields)
        return seen

    def _iso(self, stamp: int) -> str:
        if self._last[0] != stamp:
            self._last = (stamp, iso(stamp))
        return self._last[1]

    def sent(self, table: Table, row: Row, *, listed: bool = False) -> bytes:
        """A record's bytes; in lists some CRMs write ids as numbers."""
        if not self.plain:
            return orjson.dumps(self.bent(table, row, listed=listed))
        if row.sent is None:
            row.sent = orjson.dumps(self.whole(table, row))
        return row.sent

    def bent(self, table: Table, row: Row, *, listed: bool = False) -> Any:
        """A record as the quirks show it."""
        q, fired = self.world.quirks, self.world.fired
        seen = self.whole(table, row)
        seen |= {"created_at": self.stamp(row.created), "updated_at": self.stamp(row.stamp)}
        if self.profile.single_name and "name" in row.fields:
            fired("single_name")
        if q.no_stamps:
            fired("no_stamps")
            del seen["created_at"], seen["updated_at"]
        if q.no_stamps or q.no_versions:
            del seen["version"]
        for name in q.hide_fields:
            if seen.pop(name.removeprefix(f"{table.name}."), None) is not None:
                fired("hide_fields")
        if q.integer_ids and listed:
            self._numbers(table, seen)
        if q.empty_as is not None:
            seen = self._emptied(table, seen)
        if q.record_key is None:
            return seen
        fired("record_key")
        return {q.record_key.replace("{object}", table.name): seen}

    def _numbers(self, table: Table, seen: dict[str, Any]) -> None:
        for name in ("id", *table.refs):
            value = seen.get(name)
            if isinstance(value, str) and value.isdigit():
                self.world.fired("integer_ids")
                seen[name] = int(value)

    def _emptied(self, table: Table, seen: dict[str, Any]) -> dict[str, Any]:
        empty = self.world.quirks.empty_as
        if any(seen.get(name, "") is None for name in table.blank):
            self.world.fired("empty_as")
        if empty == "absent":
            return {name: value for name, value in seen.items() if value is not None}
        return {name: empty if value is None else value for name, value in seen.items()}

    def listing(self, table: Table, rows: Sequence[Row], tail: dict[str, Any]) -> bytes:
        """A list's bytes; `tail` is what stands beside it."""
        key, shown = self.world.quirks.list_key, b",".join([self.sent(table, r, listed=True) for r in rows])
        if key != "items":
            self.world.fired("list_key")
        if key is None:
            return b"[%b]" % shown
        name = orjson.dumps(key.replace("{object}", table.name))
        rest = orjson.dumps(tail)[1:] if tail else b"}"
        return b"{%b:[%b]%b%b" % (name, shown, b"," if tail else b"", rest)
