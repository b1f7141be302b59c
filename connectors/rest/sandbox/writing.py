"""The plain CRM's writes: one record, by key, and in batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from connectors.rest.sandbox.face import Face
from connectors.rest.sandbox.profile import RestProfile
from connectors.rest.sandbox.reading import Reader
from connectors.sandboxes.door import Answer
from connectors.sandboxes.faults import Call, Fault
from connectors.sandboxes.shape import Refusal
from connectors.sandboxes.table import Row, Table
from connectors.sandboxes.world import Fields, Moment, World

Bases = Mapping[str, Fields]
"""Records as they were when the call began, by id: what a server that rewrites whole rows puts back."""
NULL = orjson.Fragment(b"null")


class Writer:
    """Writes of one sandbox."""

    def __init__(self, world: World, face: Face, profile: RestProfile, reader: Reader) -> None:
        self.world, self.face, self.profile, self.reader = world, face, profile, reader

    def bases(self, table: Table, ids: Sequence[object]) -> Bases:
        """To be called when a call begins."""
        if not self.world.quirks.rewrite_rows:
            return {}
        return {row.id: row.fields for id in ids if (row := table.rows.get(str(id))) is not None}

    # one record --------------------------------------------------------------------------------------------

    def create(self, table: Table, fields: Fields, moment: Moment) -> Row:
        """A new record; with an id of the client's choice where the CRM takes one."""
        fields = dict(fields)
        id = fields.pop("id", None) if self.profile.client_ids else None
        if id is not None and str(id) in table.rows:
            raise Refusal(409, "duplicate", "id must be unique", "id", str(id))
        archived = self._archived(fields)
        row = self.world.create(table, fields, moment, id=None if id is None else str(id))
        if archived is not None:
            row.archived = archived
        return row

    def update(
        self,
        table: Table,
        row: Row,
        fields: Fields,
        moment: Moment,
        version: object,
        bases: Bases = {},  # noqa: B006
    ) -> None:
        """Change a record, if it is still at that version (None: whatever it is at)."""
        self.check_version(row, version)
        if self.profile.archives and "archived" in fields:
            fields = dict(fields)
            archived = self._archived(fields)
            if fields:
                self.world.vet(table, fields, row)
            self.world.archive(table, row, moment, bool(archived))
        if fields:
            self.world.update(table, row, fields, moment, base=bases.get(row.id))

    def delete(self, table: Table, row: Row, moment: Moment, version: object) -> None:
        """Delete a record, if it is still at that version."""
        self.check_version(row, version)
        self.world.delete(table, row, moment)

    def upsert(
        self, table: Table, field: str, value: Any, fields: Fields, moment: Moment, version: object = None
    ) -> tuple[Row, bool]:
        """By a unique field; the record, and whether it is new."""
        if not self.profile.upsert:
            raise Refusal(404, "not_found", "there is no upsert here")
        if field not in table.unique:
            raise Refusal(400, "bad_request", f"{field[:60]} is no unique field", field[:60])
        value = table.checks[field](value)
        row = table.unique[field].get(value)
        if row is None:
            return self.create(table, {**fields, field: value}, moment), True
        if self.world.hides(table, row):
            raise Refusal(409, "duplicate", f"{field} must be unique", field)
        self.update(table, row, fields, moment, version)
        return row, False

    def check_version(self, row: Row, version: object) -> None:
        """`Refusal` 412 where the record moved."""
        quirks = self.world.quirks
        if version is None or not self.profile.compare_and_set or quirks.no_versions or quirks.no_stamps:
            return
        if str(version) not in (str(row.version), "*"):
            raise Refusal(412, "version_mismatch", "the record moved meanwhile", other=row.id)

    def _archived(self, fields: Fields) -> bool | None:
        if not self.profile.archives or "archived" not in fields:
            return None
        archived = fields.pop("archived")
        if not isinstance(archived, bool):
            raise Refusal(422, "invalid", "archived is true or false", "archived")
        return archived

    def told(self, table: Table, row: Row, status: int, **headers: str) -> Answer:
        """What a write answers."""
        body, answers = b"", self.profile.answers
        if answers == "record":
            body = self.face.sent(table, row)
        elif answers == "id":
            body = orjson.dumps({"id": row.id})
        else:
            status = 201 if status == 201 else 204
        return Answer(status, body, {**self.reader.etag(row), **headers})

    # many --------------------------------------------------------------------------------------------------

    def batch(
        self, table: Table, call: Call, operations: Sequence[Mapping[str, Any]], bases: Bases
    ) -> Answer:
        """Each on its own; the results in order, unless a fault wants it otherwise."""
        faults = self.world.faults
        self._check_poison(call, operations)
        partial, locked = faults.take("partial", call), faults.take("row_lock", call)
        moment = self.world.moment()
        results = []
        for place, operation in enumerate(operations):
            try:
                if partial or locked:
                    self._refuse(place, operation, partial, locked)
                status, row = self._one(table, operation, moment, bases)
                results.append(
                    {
                        "ref": operation.get("ref"),
                        "status": status,
                        "record": self._shown(table, row),
                        "error": None,
                    }
                )
            except Refusal as refusal:
                results.append(self._refused(operation, refusal))
        if faults.take("shuffle", call):
            results = results[1::2] + results[::2]
        if (fault := faults.take("fewer", call)) is not None:
            results = results[: -int(fault.args.get("count", 1))]
        return Answer(200, orjson.dumps({"results": results}))

    def _shown(self, table: Table, row: Row | None) -> Any:
        answers = self.profile.answers
        if row is None or answers == "none":
            return NULL
        return {"id": row.id} if answers == "id" else orjson.Fragment(self.face.sent(table, row))

    def _refused(self, operation: Mapping[str, Any], refusal: Refusal) -> dict[str, Any]:
        return {
            "ref": operation.get("ref"),
            "status": refusal.status,
            "record": None,
            "error": refusal.told(),
        }

    def _check_poison(self, call: Call, operations: Sequence[Mapping[str, Any]]) -> None:
        for fault in self.world.faults.standing("poison"):
            field, value = fault.args.get("field"), fault.args.get("value")
            poisoned = any((op.get("fields") or {}).get(field) == value for op in operations)
            if poisoned and fault.takes(call) and fault.fire():
                raise Refusal(400, "bad_row", "a row is wrong, nothing was done")

    def _refuse(
        self, place: int, operation: Mapping[str, Any], partial: Fault | None, locked: Fault | None
    ) -> None:
        if partial is not None and (place in partial.args["rows"] if "rows" in partial.args else place % 2):
            status = int(partial.args.get("status", 500))
            raise Refusal(status, partial.args.get("code", "internal"), "this row failed")
        if locked is not None and (not locked.ids or str(operation.get("id")) in locked.ids):
            raise Refusal(423, "locked", "another one is writing this record")

    def _one(
        self, table: Table, operation: Mapping[str, Any], moment: Moment, bases: Bases
    ) -> tuple[int, Row | None]:
        op, fields, version = operation.get("op"), operation.get("fields") or {}, operation.get("if_version")
        if not isinstance(fields, dict):
            raise Refusal(400, "bad_request", "fields must be an object", "fields")
        if op == "create":
            return 201, self.create(table, fields, moment)
        if op == "upsert":
            key = operation.get("key") or {}
            row, made = self.upsert(table, str(key.get("field")), key.get("value"), fields, moment, version)
            return 201 if made else 200, row
        if op not in ("update", "delete"):
            raise Refusal(400, "bad_request", "op must be create, update, upsert or delete", "op")
        row = self.reader.existing(table, str(operation.get("id")))
        if op == "delete":
            self.delete(table, row, moment, version)
            return 200, None
        self.update(table, row, fields, moment, version, bases)
        return 200, row
