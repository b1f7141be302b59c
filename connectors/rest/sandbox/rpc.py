"""The JSON-RPC face: one endpoint, the method in the body, errors as 200."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from aiohttp import web

from connectors.rest.sandbox.bodies import quietly
from connectors.rest.sandbox.face import Face
from connectors.rest.sandbox.reading import Reader
from connectors.rest.sandbox.writing import Writer
from connectors.sandboxes.door import Answer, Door
from connectors.sandboxes.faults import Call
from connectors.sandboxes.shape import Refusal
from connectors.sandboxes.table import Row, Table

METHODS = {"search": False, "read": False, "create": True, "write": True, "delete": True}
"""By name: whether it writes."""
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": eq,
    "!=": ne,
    ">": gt,
    ">=": ge,
    "<": lt,
    "<=": le,
    "in": lambda value, wanted: value in wanted,
}
ERRORS = {
    401: "AccessError",
    403: "AccessError",
    404: "MissingError",
    410: "MissingError",
    412: "ConcurrencyError",
}


def error(call: Call, refusal: Refusal) -> Answer:
    """An error as 200."""
    name = ERRORS.get(refusal.status, "UserError")
    said = f"{refusal.message} ({refusal.field})" if refusal.field else refusal.message
    return Answer.json({"id": call.tag, "error": [name, [said]]}, 200, refusal.headers)


class Rpc:
    """The methods."""

    def __init__(self, door: Door, face: Face, reader: Reader, writer: Writer) -> None:
        self.door, self.world = door, door.world
        self.face, self.reader, self.writer = face, reader, writer

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Take one through the door."""
        body = quietly(await request.read())
        name, _, method = str(body.get("method")).rpartition(".")
        writes = METHODS.get(method)
        call = Call(f"rpc.{method if writes is not None else 'unknown'}", name, tag=body.get("id"))
        params = body.get("params")
        if writes is not None and method != "create" and isinstance(params, list) and params:
            call.ids = (
                tuple(map(str, params[0])) if isinstance(params[0], list) and method != "search" else ()
            )
        call.writes = bool(writes)

        def work() -> Answer:
            if writes is None or not isinstance(params, list):
                raise Refusal(400, "bad_request", "no such method, or no list of params")
            return self.call(self.world.table(name), call, params)

        return await self.door.run(request, call, work)

    def call(self, table: Table, call: Call, params: list[Any]) -> Answer:
        """Do one; `Refusal` where it makes no sense."""
        method = call.route.rpartition(".")[2]
        try:
            result = getattr(self, f"_{method}")(table, call, *params)
        except (TypeError, AttributeError, KeyError, ValueError):
            raise Refusal(400, "bad_request", f"{method} does not take such params") from None
        return Answer.json({"id": call.tag, "result": result})

    def _search(
        self, table: Table, call: Call, domain: list[Any], offset: int = 0, limit: int | None = None
    ) -> list[Any]:
        """Ids in the order of changes."""
        terms = [(field, COMPARE[op], value) for field, op, value in domain]
        since = [value for field, op, value in domain if (field, op) == ("updated_at", ">=")]
        start = self.reader.since(since[0]) if since else 0
        rows = self.world.live(table, table.after((start or 0, 0)))
        found = (row for row in rows if self._meets(table, row, terms))
        capped = self.reader.capped(limit or 1000)
        return [self._id(row) for row in islice(found, offset, offset + capped)]

    def _meets(self, table: Table, row: Row, terms: list[Any]) -> bool:
        if not terms:
            return True
        seen = self.face.whole(table, row)
        for field, holds, value in terms:
            if field not in seen:
                raise Refusal(400, "unknown_filter", "there is no such field", str(field)[:60])
            if (seen[field] is None and holds not in (eq, ne)) or not holds(seen[field], value):
                return False
        return True

    def _id(self, row: Row) -> str | int:
        return int(row.id) if self.world.quirks.integer_ids and row.id.isdigit() else row.id

    def _read(self, table: Table, call: Call, ids: list[Any], fields: list[str] | None = None) -> list[Any]:
        rows = [self.reader.existing(table, str(id)) for id in ids]
        seen = [self.face.bent(table, row, listed=True) for row in rows]
        if fields is None:
            return seen
        return [{name: one.get(name) for name in ("id", *fields)} for one in seen]

    def _create(self, table: Table, call: Call, records: list[dict[str, Any]]) -> list[Any]:
        """All or none."""
        taken: set[tuple[str, Any]] = set()
        for fields in records:
            made = self.world.vet(table, fields)
            keys = {(name, made[name]) for name in table.unique if made.get(name) is not None}
            if taken & keys:
                raise Refusal(409, "duplicate", "two of the records have one key")
            taken |= keys
        moment = self.world.moment()
        return [self._id(self.writer.create(table, fields, moment)) for fields in records]

    def _write(
        self,
        table: Table,
        call: Call,
        ids: list[Any],
        fields: dict[str, Any],
        versions: list[Any] | None = None,
    ) -> bool:
        rows = [self.reader.existing(table, str(id)) for id in ids]
        for row, version in zip(rows, versions or [None] * len(rows), strict=True):
            self.writer.check_version(row, version)
            self.world.vet(table, fields, row)
        moment = self.world.moment()
        for row in rows:
            self.writer.update(table, row, fields, moment, None)
        return True

    def _delete(self, table: Table, call: Call, ids: list[Any]) -> bool:
        rows = [self.reader.existing(table, str(id)) for id in ids]
        moment = self.world.moment()
        for row in rows:
            if not row.deleted:
                self.writer.delete(table, row, moment, None)
        return True
