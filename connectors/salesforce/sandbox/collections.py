"""sObject Collections: up to 200 records in one call, each with a result of its own, in their order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from connectors.salesforce.sandbox import ids
from connectors.salesforce.sandbox.ask import Ask, Task, objects
from connectors.salesforce.sandbox.refusals import Refused, locked, missing, parser_error, struck, vendor
from connectors.salesforce.sandbox.rows import Rows, Several
from connectors.salesforce.sandbox.table import OrgTable
from connectors.sandboxes.door import Answer
from connectors.sandboxes.faults import Call, Fault
from connectors.sandboxes.shape import Refusal

MOST, MOST_READ, CHUNKS = 200, 2000, 10
ROLLED_BACK = (
    "Record rolled back because not all records were valid and the request was using AllOrNone header"
)
Told = dict[str, Any]
Records = Sequence[Mapping[str, Any]]
Do = Callable[[Mapping[str, Any]], Told]


class Collections:
    """`composite/sobjects…`."""

    def __init__(self, rows: Rows) -> None:
        self.rows, self.org = rows, rows.org

    # writes ------------------------------------------------------------------------------------------------

    def create(self, ask: Ask) -> Task:
        """POST composite/sobjects."""

        def one(record: Mapping[str, Any]) -> Told:
            table = self._table(record)
            return _good(self.rows.create(table, self.rows.fields(table, record, making=True)).id)

        return self._written(ask, one)

    def update(self, ask: Ask) -> Task:
        """PATCH composite/sobjects: each record with its id."""

        def one(record: Mapping[str, Any]) -> Told:
            table = self._table(record)
            words = {word.lower(): word for word in record}
            if "id" not in words:
                raise Refused("MISSING_ARGUMENT", "Id not specified in an update call", [])
            given = record[words["id"]]
            rest = {word: value for word, value in record.items() if word.lower() != "id"}
            row = self.rows.at(table, given, writing=True)
            self.rows.update(table, row, self.rows.fields(table, rest, making=False))
            return _good(row.id)

        return self._written(ask, one)

    def upsert(self, ask: Ask, object: str, key: str) -> Task:
        """PATCH composite/sobjects/X/FIELD: each record with its key."""
        told = ask.json().get("records")
        keys = Counter(_keyed(record, key) for record in told) if isinstance(told, list) else Counter()

        def one(record: Mapping[str, Any]) -> Told:
            table = self.rows.table(object)
            if self._table(record) is not table:
                text = f"The collection's records must all be of type {table.name}"
                raise Refused("INVALID_TYPE", text, [])
            name = self.rows.key(table, key)
            words = {word.lower(): word for word in record}
            value = record.get(words.get(name.lower(), ""))
            if value in (None, ""):
                raise Refused("MISSING_ARGUMENT", f"{name} not specified", [])
            if keys[str(value).lower()] > 1:  # every one of them is refused
                raise Refused("DUPLICATE_VALUE", f"Duplicate external id specified: {value}", [name])
            rest = {word: told for word, told in record.items() if word.lower() != name.lower()}
            fields = self.rows.fields(table, rest, making=True, key=name)
            try:
                row, made = self.rows.upsert(table, name, str(value), fields)
            except Several as found:
                text = f"{name}: more than one record found for external id field: "
                raise Refused(
                    "DUPLICATE_EXTERNAL_ID", text + str([row.id for row in found.rows]), [name]
                ) from None
            return {**_good(row.id), "created": made}

        def checked() -> None:
            self.rows.key(self.rows.table(object), key)

        return self._written(ask, one, object, checked)

    def delete(self, ask: Ask) -> Task:
        """DELETE composite/sobjects?ids=…"""
        wanted = [id for id in ask.query.get("ids", "").split(",") if id]

        def one(record: Mapping[str, Any]) -> Told:
            id = ids.read(record["id"])
            tables = map(self.org.org_table, self.org.tables)
            table = next((t for t in tables if id is not None and t.shape.prefix == id[:3]), None)
            if id is None or table is None:
                raise Refused("MALFORMED_ID", f"malformed id {record['id']}", [])
            self.rows.delete(table, self.rows.at(table, id, writing=True))
            return _good(id)

        strict = ask.query.get("allOrNone", "").lower() == "true"
        return self._all(ask, [{"id": id} for id in wanted], strict, one)

    def _written(
        self, ask: Ask, one: Do, object: str = "", checked: Callable[[], None] | None = None
    ) -> Task:
        body = ask.json()
        records = objects(body, "records")
        types = [_type(record) for record in records]
        object = object or (types[0] if types else "")
        return self._all(ask, records, bool(body.get("allOrNone")), one, object, checked, types)

    def _all(
        self,
        ask: Ask,
        records: Records,
        strict: bool,
        one: Do,
        object: str = "",
        checked: Callable[[], None] | None = None,
        types: Sequence[str] = (),
    ) -> Task:
        said = [str(record.get("Id") or record.get("id") or "") for record in records]
        call = Call("batch", object, tuple(ids.read(id) or id for id in said if id), writes=True)

        def work() -> Answer:
            if len(records) > MOST:
                text = f"The request contains {len(records)} records; at most {MOST} are allowed"
                raise Refused("EXCEEDED_MAX_TYPES_LIMIT", text)
            chunks = sum(1 for place, name in enumerate(types) if place == 0 or types[place - 1] != name)
            if chunks > CHUNKS:
                raise Refused("EXCEEDED_MAX_TYPES_LIMIT", f"At most {CHUNKS} chunks of types are allowed")
            if checked is not None:
                checked()
            self._check_poison(call, records)
            results = self._each(call, records, strict, one)
            if self.org.faults.take("shuffle", call) is not None:
                results = results[1::2] + results[::2]
            if self.org.faults.take("shuffle", call) is not None:
                results = results[1::2] + results[::2]
            if (fault := self.org.faults.take("fewer", call)) is not None:
                results = results[: -int(fault.args.get("count", 1))]
            return Answer.json(results)

        return call, work

    def _each(self, call: Call, records: Records, strict: bool, one: Do) -> list[Told]:
        take = self.org.faults.take
        partial, lock = take("partial", call), take("row_lock", call)
        results: list[Told] = []
        try:
            with self.org.transaction():
                for place, record in enumerate(records):
                    results.append(self._result(place, record, partial, lock, one))
                if strict and not all(result["success"] for result in results):
                    raise _NotAll
        except _NotAll:
            error = {"statusCode": "ALL_OR_NONE_OPERATION_ROLLED_BACK", "message": ROLLED_BACK, "fields": []}
            results = [
                {"success": False, "errors": [error]} if result["success"] else result for result in results
            ]
        return results

    def _result(
        self, place: int, record: Mapping[str, Any], partial: Fault | None, lock: Fault | None, one: Do
    ) -> Told:
        try:
            if (refused := struck(partial, place)) is not None:
                raise refused
            id = ids.read(record.get("Id") or record.get("id"))
            if lock is not None and (not lock.ids or id in lock.ids):
                raise locked([str(id or "")])
            with self.org.transaction():
                return one(record)
        except Refusal as refusal:
            made = vendor(refusal)
            if made.code == "JSON_PARSER_ERROR":
                raise  # what cannot be read fails the whole call
            return {"success": False, "errors": [_error(made)]}

    def _check_poison(self, call: Call, records: Records) -> None:
        for fault in self.org.faults.standing("poison"):
            field, value = str(fault.args.get("field")), fault.args.get("value")
            poisoned = any(record.get(field) == value for record in records)
            if poisoned and fault.takes(call) and fault.fire():
                raise parser_error("Cannot deserialize instance of string at [line:1, column:2]")

    def _table(self, record: Mapping[str, Any]) -> OrgTable:
        name = _type(record)
        if not name:
            raise Refused("INVALID_INPUT", "The records need an attributes.type", [])
        try:
            return self.rows.table(name)
        except Refusal:
            text = f"sObject type '{name}' is not supported."
            raise Refused("INVALID_TYPE", text, []) from None

    # reads -------------------------------------------------------------------------------------------------

    def read(self, ask: Ask, object: str) -> Task:
        """GET composite/sobjects/X?ids=…&fields=…, or POST with both in the body.

        Null for what is not there.
        """
        asked: Mapping[str, Any] = ask.json() if ask.method == "POST" else ask.query
        wanted, names = _listed(asked.get("ids")), _listed(asked.get("fields"))
        call = Call("ids", object, tuple(ids.read(id) or id for id in wanted))

        def work() -> Answer:
            table = self.rows.table(object)
            if len(wanted) > MOST_READ or not wanted or not names:
                raise Refused("MALFORMED_QUERY", f"ids (at most {MOST_READ}) and fields must be given")
            return Answer(200, orjson.dumps([self._shown(ask, table, id, names) for id in wanted]))

        return call, work

    def _shown(self, ask: Ask, table: OrgTable, given: str, names: list[str]) -> Told | None:
        id = ids.read(given)
        if id is None:
            raise Refused("MALFORMED_ID", f"malformed id {given}")
        row = self.org.find(table, id)
        if row is None or row.deleted:
            return None
        return self.rows.shown(ask, table, row, names)


class _NotAll(Exception):
    """One failed, and all or none was asked for."""


def _good(id: str) -> Told:
    return {"id": id, "success": True, "errors": []}


def _error(refused: Refused) -> Told:
    told = {"statusCode": refused.code, "message": refused.message, "fields": refused.fields or []}
    return {**told, **refused.more}


def _keyed(record: Any, key: str) -> str:
    """The value of a record's key, as keys are compared."""
    if not isinstance(record, Mapping):
        return ""
    return next((str(value).lower() for word, value in record.items() if word.lower() == key.lower()), "")


def _type(record: Mapping[str, Any]) -> str:
    attributes = record.get("attributes")
    return str(attributes.get("type", "")) if isinstance(attributes, Mapping) else ""


def _listed(value: Any) -> list[str]:
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list):
        raise missing("ids and fields must be given")
    return [str(one).strip() for one in value if str(one).strip()]
