"""sObject rows: read, made, changed, deleted, by id or by a key of the client's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from connectors.salesforce.sandbox import ids
from connectors.salesforce.sandbox.ask import Ask, Task
from connectors.salesforce.sandbox.org import Org
from connectors.salesforce.sandbox.refusals import Refused, missing, no_column
from connectors.salesforce.sandbox.table import OrgTable
from connectors.sandboxes.door import Answer
from connectors.sandboxes.faults import Call
from connectors.sandboxes.lag import young
from connectors.sandboxes.table import Row
from connectors.sandboxes.world import Fields

CREATED = 201
Hidden = Callable[[Row], bool]


class Several(Exception):
    """A key that several records have."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.rows = list(rows)


class Rows:
    """The rows of one org, as its API user sees and writes them."""

    def __init__(self, org: Org) -> None:
        self.org = org

    # finding -----------------------------------------------------------------------------------------------

    def table(self, name: str) -> OrgTable:
        """An object, in any case; `Refused` 404."""
        found = next((table for table in self.org.tables if table.lower() == name.lower()), None)
        if found is None or self.org.org_table(found).shape.tooling:
            raise missing()
        return self.org.org_table(found)

    def at(self, table: OrgTable, given: object, *, writing: bool = False) -> Row:
        """A live row by id; `Refused` as reads and writes say that there is none."""
        id = ids.read(given)
        if id is None:
            text = f"Provided external ID field does not exist or is not accessible: {given}"
            raise Refused("MALFORMED_ID", f"malformed id {given}") if writing else missing(text)
        row = self.org.find(table, id)
        if row is None:
            if writing:
                raise Refused("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [], status=404)
            raise missing()
        if row.deleted and not self.org.binned(row):
            raise missing()
        if row.deleted:
            raise Refused("ENTITY_IS_DELETED", "entity is deleted", [], status=404)
        return row

    def key(self, table: OrgTable, said: str) -> str:
        """A field that is an external id, or Id; `Refused` 404."""
        name = table.named(said)
        if name != "Id" and (name not in table.keys or not table.fields[name].external_id):
            raise missing(f"Provided external ID field does not exist or is not accessible: {said}")
        return name

    def by_key(self, table: OrgTable, name: str, value: str) -> Row | None:
        """The one live row with this key; `Several`."""
        if name == "Id":
            return self.at(table, value, writing=True)
        if not value:
            raise missing()
        stored = table.checks[name](value)
        found = [row for row in table.with_key(name, stored) if not self.org.hides(table, row)]
        if len(found) > 1:
            raise Several(found)
        return found[0] if found else None

    # looks -------------------------------------------------------------------------------------------------

    def shown(
        self, ask: Ask, table: OrgTable, row: Row, names: Iterable[str] | None = None
    ) -> dict[str, Any]:
        """A record as JSON: all fields that the user sees, or those named, by path."""
        told: dict[str, Any] = {"attributes": self.attributes(ask, table, row)}
        for said in names if names is not None else table.fields:
            name = table.named(said)
            if name is None or not self.org.sees(table, name):
                if names is None:
                    continue
                raise Refused("INVALID_FIELD", f"No such column '{said}' on entity '{table.name}'")
            told[name] = self.org.getter(table, name)(row)
        return told

    def attributes(self, ask: Ask, table: OrgTable, row: Row) -> dict[str, str]:
        """What each record begins with."""
        return {"type": table.name, "url": f"{ask.base}/sobjects/{table.name}/{row.id}"}

    # saving ------------------------------------------------------------------------------------------------

    def fields(self, table: OrgTable, body: Mapping[str, Any], *, making: bool, key: str = "") -> Fields:
        """The fields of a body; parents that are named by a key of theirs are looked up."""
        made: Fields = {}
        for said, value in body.items():
            name = table.named(said)
            if said == "attributes":
                continue
            if name == "Id" or (name is not None and name == key):
                if making and name == "Id" and not key:
                    text = "cannot specify Id in an insert call"
                    raise Refused("INVALID_FIELD_FOR_INSERT_UPDATE", text, ["Id"])
                raise Refused(
                    "INVALID_FIELD", f"The {name} field should not be specified in the sobject data."
                )
            if isinstance(value, Mapping) and said.lower() in table.relations:
                field = table.relations[said.lower()]
                made[field] = self._parent(table, field, value)
            else:
                made[said] = value
        return made

    def _parent(self, table: OrgTable, field: str, body: Mapping[str, Any]) -> str:
        words = [word for word in body if word != "attributes"]
        target = self.org.org_table(table.fields[field].references or "")
        name = target.named(words[0]) if len(words) == 1 else None
        if name is None or name not in target.keys:
            raise no_column(words[0] if words else field, target.name)
        found = target.with_key(name, body[words[0]])
        if len(found) != 1:
            text = f"Foreign key external ID: {body[words[0]]} not found for field {name} in entity "
            text += target.name
            raise Refused("INVALID_FIELD", text, [])
        return found[0].id

    def create(self, table: OrgTable, fields: Fields) -> Row:
        """A new record."""
        if not table.shape.createable:
            raise Refused(
                "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", f"entity type cannot be inserted: {table.name}", []
            )
        self.org.locks.check(fields, None)
        return self.org.create(table, fields, self.org.moment())

    def update(self, table: OrgTable, row: Row, fields: Fields) -> None:
        """Save a record."""
        self.org.locks.check(fields, row.id)
        self.org.update(table, row, fields, self.org.moment())

    def delete(self, table: OrgTable, row: Row) -> None:
        """To the recycle bin."""
        if not table.shape.deletable:
            raise Refused(
                "INSUFFICIENT_ACCESS_OR_READONLY", f"entity type cannot be deleted: {table.name}", []
            )
        self.org.delete(table, row, self.org.moment())

    def upsert(
        self, table: OrgTable, key: str, value: str, fields: Fields, *, only_update: bool = False
    ) -> tuple[Row, bool]:
        """By a key; the record, and whether it is new."""
        row = self.by_key(table, key, value)
        if row is not None:
            self.update(table, row, fields)
            return row, False
        if only_update:
            raise missing()
        return self.create(table, {**fields, key: value}), True


class RowRoutes:
    """`sobjects/X/…`: the routes of single rows."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.org = rows.org

    def create(self, ask: Ask, object: str) -> Task:
        """POST sobjects/X."""

        def work() -> Answer:
            table = self.rows.table(object)
            row = self.rows.create(table, self.rows.fields(table, ask.json(), making=True))
            where = f"{ask.base}/sobjects/{table.name}/{row.id}"
            return Answer.json(done(row.id), CREATED, {"Location": where})

        return Call("create", object, writes=True), work

    def get(self, ask: Ask, object: str, id: str) -> Task:
        """GET sobjects/X/ID."""

        def work() -> Answer:
            table = self.rows.table(object)
            return self._read(ask, table, self.rows.at(table, id))

        return Call("get", object, (ids.read(id) or id,)), work

    def update(self, ask: Ask, object: str, id: str) -> Task:
        """PATCH sobjects/X/ID."""

        def work() -> Answer:
            table = self.rows.table(object)
            fields = self.rows.fields(table, ask.json(), making=False)
            row = self.rows.at(table, id, writing=True)
            unmodified(ask, table, row)
            self.rows.update(table, row, fields)
            return Answer(204)

        return Call("update", object, (ids.read(id) or id,), writes=True), work

    def delete(self, ask: Ask, object: str, id: str) -> Task:
        """DELETE sobjects/X/ID."""

        def work() -> Answer:
            table = self.rows.table(object)
            self.rows.delete(table, self.rows.at(table, id, writing=True))
            return Answer(204)

        return Call("delete", object, (ids.read(id) or id,), writes=True), work

    def by_key(self, ask: Ask, object: str, key: str, value: str) -> Task:
        """GET, PATCH or DELETE sobjects/X/FIELD/VALUE."""
        route = {"GET": "find", "PATCH": "upsert", "DELETE": "delete"}[ask.method]
        call = Call(route, object, writes=route != "find")

        def work() -> Answer:
            table = self.rows.table(object)
            name = self.rows.key(table, key)
            try:
                if route == "upsert":
                    return self._upsert(ask, table, name, value)
                return self._keyed(ask, table, name, value, young(self.org, table, call))
            except Several as found:
                urls = [f"{ask.base}/sobjects/{table.name}/{row.id}" for row in found.rows]
                return Answer.json(urls, 300)

        return call, work

    def _upsert(self, ask: Ask, table: OrgTable, name: str, value: str) -> Answer:
        fields = self.rows.fields(table, ask.json(), making=True, key=name)
        only = ask.query.get("updateOnly", "").lower() == "true"
        row, made = self.rows.upsert(table, name, value, fields, only_update=only)
        if not made and ask.version < 46:
            return Answer(204)
        return Answer.json({**done(row.id), "created": made}, 201 if made else 200)

    def _keyed(self, ask: Ask, table: OrgTable, name: str, value: str, hidden: Hidden | None) -> Answer:
        row = self.rows.by_key(table, name, value)
        if row is None or (hidden is not None and hidden(row)):
            raise missing()
        if ask.method == "DELETE":
            self.rows.delete(table, row)
            return Answer(204)
        return self._read(ask, table, row)

    def _read(self, ask: Ask, table: OrgTable, row: Row) -> Answer:
        headers = {"Last-Modified": http_date(row.stamp)}
        if table.name == "Account":
            headers["ETag"] = etag(row)
            if ask.headers.get("if-none-match") == headers["ETag"]:
                return Answer(304, headers=headers)
        since = header_date(ask, "if-modified-since")
        if since is not None and row.stamp // 1000 <= since:
            return Answer(304, headers=headers)
        unmodified(ask, table, row)
        wanted = ask.query.get("fields")
        names = wanted.replace(" ", "").split(",") if wanted else None
        return Answer.json(self.rows.shown(ask, table, row, names), 200, headers)


def done(id: str) -> dict[str, Any]:
    """What a write that succeeded says."""
    return {"id": id, "success": True, "errors": []}


def etag(row: Row) -> str:
    """The version of an Account row."""
    return f'"{row.stamp:x}-{row.version}--gzip"'


def unmodified(ask: Ask, table: OrgTable, row: Row) -> None:
    """`Refused` 412 where the record moved since `If-Unmodified-Since`, or is not what `If-Match` names."""
    until = header_date(ask, "if-unmodified-since")
    match = ask.headers.get("if-match") if table.name == "Account" else None
    if (until is not None and row.stamp // 1000 > until) or (
        match is not None and not {etag(row), "*"} & {tag.strip() for tag in match.split(",")}
    ):
        text = "The requested resource has been modified since the specified date"
        raise Refused("ENTITY_FAILED_IFLASTMODIFIED_ON_UPDATE", text, status=412)


def header_date(ask: Ask, name: str) -> float | None:
    """A date of a header in seconds since 1970; `Refused` 400 for a bad one."""
    given = ask.headers.get(name)
    if given is None:
        return None
    try:
        return parsedate_to_datetime(given).timestamp()
    except ValueError:
        raise Refused("INVALID_HEADER", f"invalid date in header {name}: {given}") from None


def http_date(stamp: int) -> str:
    """Milliseconds since 1970 as a header writes them."""
    return format_datetime(datetime.fromtimestamp(stamp // 1000, UTC), usegmt=True)
