"""The GraphQL-shaped face: pages, look-ups and mutations of each object; errors as 200."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from connectors.rest.sandbox.bodies import parsed
from connectors.rest.sandbox.face import Face
from connectors.rest.sandbox.gqlparse import Node, parse
from connectors.rest.sandbox.reading import Reader
from connectors.rest.sandbox.writing import Writer
from connectors.sandboxes.door import Answer, Door
from connectors.sandboxes.faults import Call
from connectors.sandboxes.shape import Refusal
from connectors.sandboxes.table import Row, Table
from connectors.sandboxes.world import World

QUERIES = {"": "list", "ByIds": "ids", "By": "find"}
MUTATIONS = ("create", "update", "upsert", "delete")


def error(call: Call, refusal: Refusal) -> Answer:
    """An error as 200; a refused log-in keeps its status."""
    said = refusal.told()
    message = said.pop("message")
    status = refusal.status if refusal.status in (401, 403, 429) or refusal.status >= 500 else 200
    body = {"data": None, "errors": [{"message": message, "extensions": said}]}
    return Answer.json(body, status, refusal.headers)


def meant(world: World, kind: str, node: Node) -> tuple[str, Table]:
    """The route and the object that a field names: `contactsByIds`, `createContacts`."""
    for name, table in world.tables.items():
        if kind == "query":
            for suffix, route in QUERIES.items():
                if node.name == name + suffix:
                    return f"graphql.{route}", table
        for route in MUTATIONS if kind == "mutation" else ():
            if node.name == route + name[:1].upper() + name[1:]:
                return f"graphql.{route}", table
    raise Refusal(400, "bad_query", f"there is no {kind} {node.name[:60]}")


class GraphQL:
    """The queries and mutations."""

    def __init__(self, door: Door, face: Face, reader: Reader, writer: Writer) -> None:
        self.door, self.world = door, door.world
        self.face, self.reader, self.writer = face, reader, writer

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Take one through the door."""
        text = await request.read()
        call, fields, wrong = Call("graphql.unknown"), [], None
        try:
            body = parsed(text)
            kind, nodes = parse(str(body.get("query")), body.get("variables") or {})
            fields = [(*meant(self.world, kind, node), node) for node in nodes]
            route, table, node = fields[0]
            id = node.args.get("id")
            call = Call(route, table.name, () if id is None else (str(id),), writes=kind == "mutation")
        except (Refusal, IndexError) as error:
            wrong = error if isinstance(error, Refusal) else Refusal(400, "bad_query", "nothing is asked")

        def work() -> Answer:
            if wrong is not None:
                raise wrong
            return self.call(call, fields)

        return await self.door.run(request, call, work)

    def call(self, call: Call, fields: list[tuple[str, Table, Node]]) -> Answer:
        """Do them in order; the first refusal ends the call."""
        data = {}
        for route, table, node in fields:
            do = getattr(self, "_" + route.rpartition(".")[2])
            try:
                data[node.alias] = do(table, call, node)
            except (TypeError, KeyError, ValueError):
                raise Refusal(400, "bad_query", f"{node.name} does not take such arguments") from None
        return Answer.json({"data": data})

    def _list(self, table: Table, call: Call, node: Node) -> Any:
        args = node.args
        since = self.reader.since(str(args["changedSince"])) if args.get("changedSince") is not None else None
        deleted, size = bool(args.get("includeDeleted")), int(args.get("first") or 10)
        listing = self.reader.page(table, call, since, deleted, size, args.get("after"))
        nodes = [
            self._seen(table, row, nested.fields)
            for nested in node.fields
            if nested.name == "nodes"
            for row in listing.rows
        ]
        info = {"hasNextPage": listing.next is not None, "endCursor": listing.next}
        return _picked({"nodes": nodes, "pageInfo": info}, node.fields)

    def _ids(self, table: Table, call: Call, node: Node) -> Any:
        rows = self.reader.by_ids(table, call, [str(id) for id in node.args["ids"]])
        return [self._seen(table, row, node.fields) for row in rows]

    def _find(self, table: Table, call: Call, node: Node) -> Any:
        field = node.args["field"]
        if field not in table.shape.fields:
            raise Refusal(400, "unknown_filter", "there is no such field", str(field)[:60])
        rows = self.reader.by_values(table, call, field, [str(v) for v in node.args["values"]])
        return [self._seen(table, row, node.fields) for row in rows]

    def _create(self, table: Table, call: Call, node: Node) -> Any:
        row = self.writer.create(table, dict(node.args["input"]), self.world.moment())
        return self._seen(table, row, node.fields)

    def _update(self, table: Table, call: Call, node: Node) -> Any:
        row = self.reader.existing(table, str(node.args["id"]))
        version = node.args.get("version")
        self.writer.update(table, row, dict(node.args["input"]), self.world.moment(), version)
        return self._seen(table, row, node.fields)

    def _upsert(self, table: Table, call: Call, node: Node) -> Any:
        field, value = str(node.args["field"]), node.args["value"]
        row, _ = self.writer.upsert(table, field, value, dict(node.args["input"]), self.world.moment())
        return self._seen(table, row, node.fields)

    def _delete(self, table: Table, call: Call, node: Node) -> Any:
        row = self.reader.existing(table, str(node.args["id"]))
        self.writer.delete(table, row, self.world.moment(), node.args.get("version"))
        return self._seen(table, row, node.fields)

    def _seen(self, table: Table, row: Row, fields: list[Node]) -> Any:
        seen = self.face.bent(table, row, listed=True)
        key = self.world.quirks.record_key
        if key is not None:  # here a record is wrapped by the query itself
            seen = next(iter(seen.values()))
        for node in fields:
            if node.name not in seen and not self.world.quirks.ignore_unknown and self._unknown(table, node):
                raise Refusal(400, "bad_query", f"{table.name} has no field {node.name[:60]}")
        return _picked(seen, fields)

    def _unknown(self, table: Table, node: Node) -> bool:
        return node.name not in table.shape.fields and node.name not in (
            "version",
            "created_at",
            "updated_at",
        )


def _picked(seen: dict[str, Any], fields: list[Node]) -> dict[str, Any]:
    made = {}
    for node in fields:
        value = seen.get(node.name)
        if isinstance(value, dict) and node.fields:
            value = _picked(value, node.fields)
        made[node.alias] = value
    return made
