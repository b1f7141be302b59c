"""CRM objects, one at a time: list, read, create, update, archive, merge, GDPR delete."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connectors.hubspot.sandbox.ask import Ask, Task
from connectors.hubspot.sandbox.face import Face
from connectors.hubspot.sandbox.portal import Portal
from connectors.hubspot.sandbox.refusals import missing, wrong
from connectors.hubspot.sandbox.table import HubTable
from connectors.hubspot.sandbox.values import Unfit, kept, sent
from connectors.sandboxes.door import Answer
from connectors.sandboxes.faults import Call
from connectors.sandboxes.lag import young
from connectors.sandboxes.table import Row
from connectors.sandboxes.world import Moment

PAGE, HISTORY_PAGE = 100, 50


class Objects:
    """The routes `objects/X` and `objects/X/ID`, and what batches share with them."""

    def __init__(self, portal: Portal, face: Face) -> None:
        self.portal, self.face = portal, face

    # shared ------------------------------------------------------------------------------------------------

    def scopes(self, table: HubTable, right: str) -> tuple[str, ...]:
        """What a token needs to read or write an object."""
        return (f"crm.objects.{'custom' if table.shape.custom else table.name}.{right}",)

    def by_key(self, table: HubTable, name: str, value: str) -> Row | None:
        """The live record with this e-mail or unique value; `Refused` for a property that is no key."""
        prop = table.fields.get(name)
        if prop is None or not (name in table.unique or name in table.mails):
            kind = table.shape.type_id
            raise wrong(f"Unable to perform update/upsert by non-unique {kind} property {name}")
        try:
            text = kept(prop, sent(value), None, prop.options, trim=self.portal.quirks.trim)
        except Unfit:
            return None
        found = table.identities if name in table.mails else table.unique[name]
        row = found.get(text) if text is not None else None
        return None if row is None or self.portal.hides(table, row) else row

    def existing(self, table: HubTable, id: str, key: str = "", *, archived: bool = False) -> Row:
        """A record by id, also of one that was merged away, or by key; `Refused` 404."""
        by_id = key in ("", "hs_object_id")
        row = self.portal.at(table, id) if by_id else self.by_key(table, key, id)
        if row is None or row.deleted != archived:
            raise missing()
        return row

    def properties(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The properties of a body; `Refused` 400."""
        found = body.get("properties", {})
        if not isinstance(found, dict):
            raise wrong('Invalid input JSON: "properties" must be an object')
        return found

    def associate(self, table: HubTable, row: Row, wanted: Any, moment: Moment) -> None:
        """The associations that a create brings; look at them with `check_associations` before."""
        for to, id, types in self.check_associations(table, wanted):
            self.portal.associate((table.name, to), (row.id, id), types, moment)

    def check_associations(self, table: HubTable, wanted: Any) -> list[tuple[str, str, list[Any]]]:
        """`[{to: {id}, types: [{associationCategory, associationTypeId}]}]`; `Refused` 400."""
        found = []
        try:
            for one in wanted or ():
                id, specs = str(one["to"]["id"]), one["types"]
                wants = {(spec["associationCategory"], spec["associationTypeId"]) for spec in specs}
                found.append(self._target(table, id, wants))
        except (KeyError, TypeError):
            raise wrong("associations must be [{to: {id}, types: [{associationCategory, …}]}]") from None
        return found

    def _target(self, table: HubTable, id: str, wants: set[tuple[Any, Any]]) -> tuple[str, str, list[Any]]:
        for (one, other), types in self.portal.associations.types.items():
            known = {(type.category, type.id): type for type in types}
            if one == table.name and wants and wants <= known.keys():
                row = self.portal.at(self.portal.hub_table(other), id)
                if row is None or row.deleted:
                    raise wrong(f"One or more associations are not valid: {other} {id} does not exist")
                return other, row.id, [known[want] for want in wants]
        raise wrong("One or more associations are not valid: no such association type")

    # routes ------------------------------------------------------------------------------------------------

    def listed(self, ask: Ask, object: str) -> Task:
        """GET objects/X."""
        table = self.portal.named(object)
        call = Call("list", table.name)

        def work() -> Answer:
            history = ask.listed("propertiesWithHistory")
            most = HISTORY_PAGE if history else PAGE
            limit = ask.whole("limit", 10, most)
            rows, after = self._page(table, call, ask, self.portal.capped(limit))
            results = [self._shown(ask, table, row) for row in rows]
            return Answer.json({"results": results, **paging(ask, after)})

        return call, self.scopes(table, "read"), work

    def _page(self, table: HubTable, call: Call, ask: Ask, limit: int) -> tuple[Sequence[Row], str | None]:
        archived, after = ask.flag("archived"), ask.said("after")
        if after and not after.isdigit():
            raise wrong(f"Invalid paging cursor: {after[:80]}")
        rows = table.walk(("list", archived), iter(sorted(self._there(table, archived), key=number)))
        hidden = young(self.portal, table, call)
        start = bisect_left(rows, int(after), key=number) if after else 0
        found = [row for row in rows[start:] if hidden is None or not hidden(row)][: limit + 1]
        page, rest = found[:limit], found[limit:]
        return self._spoilt(call, page, rest[0].id if rest else None)

    def _there(self, table: HubTable, archived: bool) -> list[Row]:
        rows = [row for row in table.rows.values() if row.deleted == archived]
        return [row for row in rows if not self.portal.hides(table, row)]

    def _spoilt(self, call: Call, rows: list[Row], after: str | None) -> tuple[Sequence[Row], str | None]:
        take = self.portal.faults.take
        if take("empty_page", call) is not None:
            return [], None
        if take("short_page", call) is not None:
            return rows[: len(rows) // 2], None
        return rows, None if take("lose_next", call) is not None else after

    def _shown(self, ask: Ask, table: HubTable, row: Row) -> dict[str, Any]:
        history = ask.listed("propertiesWithHistory")
        told = self.face.record(table, row, self.face.names(table, [*ask.listed("properties"), *history]))
        if history:
            told["propertiesWithHistory"] = self.face.history(table, row, history)
        wanted = ask.listed("associations")
        found = self.face.associations(table, row, wanted) if wanted else {}
        return {**told, "associations": found} if found else told

    def get(self, ask: Ask, object: str, id: str) -> Task:
        """GET objects/X/ID; `idProperty` names a unique property to look by."""
        table, key = self.portal.named(object), ask.said("idProperty")

        def work() -> Answer:
            row = self.existing(table, id, key, archived=ask.flag("archived"))
            return Answer.json(self._shown(ask, table, row))

        return Call("find" if key else "get", table.name, (id,)), self.scopes(table, "read"), work

    def create(self, ask: Ask, object: str) -> Task:
        """POST objects/X."""
        table = self.portal.named(object)

        def work() -> Answer:
            body, moment = ask.json(), self.portal.moment()
            fields = self.properties(body)
            self.check_associations(table, body.get("associations"))
            row = self.portal.create(table, fields, moment)
            self.associate(table, row, body.get("associations"), moment)
            return Answer.json(self.face.written(table, row, fields), 201)

        return Call("create", table.name, writes=True), self.scopes(table, "write"), work

    def update(self, ask: Ask, object: str, id: str) -> Task:
        """PATCH objects/X/ID; an id that was merged away will do."""

        def do(table: HubTable, row: Row) -> Answer:
            fields = self.properties(ask.json())
            self.portal.update(table, row, fields, self.portal.moment())
            return Answer.json(self.face.written(table, row, fields))

        return self._on_one(ask, object, id, "update", do)

    def _on_one(
        self, ask: Ask, object: str, id: str, route: str, do: Callable[[HubTable, Row], Answer]
    ) -> Task:
        table = self.portal.named(object)

        def work() -> Answer:
            return do(table, self.existing(table, id, ask.said("idProperty")))

        return Call(route, table.name, (id,), writes=True), self.scopes(table, "write"), work

    def archive(self, ask: Ask, object: str, id: str) -> Task:
        """DELETE objects/X/ID: 204, also where there is no such record."""
        table = self.portal.named(object)

        def work() -> Answer:
            row = self.portal.find(table, id)
            if row is not None and not row.deleted:
                self.portal.delete(table, row, self.portal.moment())
            return Answer(204)

        return Call("delete", table.name, (id,), writes=True), self.scopes(table, "write"), work

    def merge(self, ask: Ask, object: str) -> Task:
        """POST objects/X/merge."""
        table = self.portal.named(object)

        def work() -> Answer:
            body = ask.json()
            row, loser = (self._named(table, body, key) for key in ("primaryObjectId", "objectIdToMerge"))
            self.portal.merge(table, row, loser, self.portal.moment())
            made = self.existing(table, row.id)
            return Answer.json(self.face.written(table, made, {"hs_merged_object_ids": ""}))

        return Call("merge", table.name, writes=True), self.scopes(table, "write"), work

    def _named(self, table: HubTable, body: Mapping[str, Any], key: str) -> Row:
        if not body.get(key):
            raise wrong(f"Some required fields were not set: [{key}]")
        return self.existing(table, str(body[key]))

    def forget(self, ask: Ask, object: str) -> Task:
        """POST objects/X/gdpr-delete: the record and its past, by id or by e-mail; 204."""
        table = self.portal.named(object)

        def work() -> Answer:
            body = ask.json()
            key, id = str(body.get("idProperty") or ""), str(body.get("objectId") or "")
            row = self.portal.at(table, id) if not key else self.by_key(table, key, id)
            if row is not None:
                self.portal.purge(table, row, self.portal.moment())
            return Answer(204)

        return Call("delete", table.name, writes=True), self.scopes(table, "write"), work


def number(row: Row) -> int:
    """The order of lists."""
    return int(row.id)


def paging(ask: Ask, after: str | None) -> dict[str, Any]:
    """Where a list goes on; nothing at its end."""
    if after is None:
        return {}
    said = [(name, one) for name, values in ask.query.items() if name != "after" for one in values]
    query = "&".join(f"{name}={one}" for name, one in [*said, ("after", after)])
    return {"paging": {"next": {"after": after, "link": f"https://api.hubapi.com{ask.url}?{query}"}}}
