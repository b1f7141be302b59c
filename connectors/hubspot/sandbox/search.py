"""CRM search: filters, one order, pages by offset up to 10,000, over an index that lags behind."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

import orjson

from connectors.hubspot.sandbox import filters
from connectors.hubspot.sandbox.ask import Ask, Task, listed
from connectors.hubspot.sandbox.fields import HubProperty
from connectors.hubspot.sandbox.objects import Objects
from connectors.hubspot.sandbox.refusals import wrong
from connectors.hubspot.sandbox.table import HubTable, Image
from connectors.hubspot.sandbox.values import instant
from connectors.sandboxes.door import Answer
from connectors.sandboxes.faults import Call
from connectors.sandboxes.lag import young
from connectors.sandboxes.table import Row

LONGEST = 3000
"""Characters of a request's body (search guide)."""
GROUPS, FILTERS, ALL_FILTERS = 5, 6, 18
PAGE = 200


class Hit(NamedTuple):
    """A record as the index has it; no image: as it is."""

    row: Row
    image: Image | None


class Search:
    """The route `objects/X/search`."""

    def __init__(self, objects: Objects) -> None:
        self.objects = objects
        self.portal, self.face = objects.portal, objects.face
        self._kept: dict[str, tuple[object, list[Hit]]] = {}

    def run(self, ask: Ask, object: str) -> Task:
        """POST objects/X/search."""
        table = self.portal.named(object)
        call = Call("search.find", table.name)

        def work() -> Answer:
            if len(ask.body) > LONGEST:
                raise wrong(f"The request body must be at most {LONGEST} characters")
            return self._answer(table, call, ask.json() if ask.body else {})

        return call, self.objects.scopes(table, "read"), work

    def _answer(self, table: HubTable, call: Call, body: Mapping[str, Any]) -> Answer:
        limit, after = self._window(body)
        hits = self._walk(table, call, body)
        page = hits[after : after + limit]
        names = self.face.names(table, listed(body, "properties"))
        told: dict[str, Any] = {
            "total": len(hits),
            "results": [self.face.record(table, hit.row, names, hit.image) for hit in page],
        }
        if after + limit < len(hits):
            told["paging"] = {"next": {"after": str(after + limit)}}
        return self._spoilt(call, told)

    def _window(self, body: Mapping[str, Any]) -> tuple[int, int]:
        limit, after = body.get("limit") or 10, str(body.get("after") or 0)
        if not isinstance(limit, int) or not 1 <= limit <= PAGE:
            raise wrong(f"limit must be a number from 1 to {PAGE}")
        if not after.isdigit():
            raise wrong(f"after must be a number, but was {after[:40]}")
        limit = self.portal.capped(limit)
        if int(after) + limit > self.portal.quirks.search_cap:
            self.portal.fired("search_cap")
            raise wrong(f"Paging beyond {self.portal.quirks.search_cap} results is not possible")
        return limit, int(after)

    def _spoilt(self, call: Call, told: dict[str, Any]) -> Answer:
        take = self.portal.faults.take
        if take("empty_page", call) is not None:
            return Answer.json({"total": 0, "results": []})
        if take("short_page", call) is not None:
            told["results"] = told["results"][: len(told["results"]) // 2]
            told.pop("paging", None)
        if take("lose_next", call) is not None:
            told.pop("paging", None)
        return Answer.json(told)

    # what is found -----------------------------------------------------------------------------------------

    def _walk(self, table: HubTable, call: Call, body: Mapping[str, Any]) -> list[Hit]:
        """The hits, kept for the next page until something changes."""
        quirks = self.portal.quirks
        if quirks.index_lag or quirks.hidden or quirks.hide_fields or self.portal.faults.armed:
            return self._hits(table, call, body)
        words = {name: body.get(name) for name in ("filterGroups", "filters", "sorts", "query")}
        key = (orjson.dumps(words), table.moves, len(table.order), len(table.rows))
        kept = self._kept.get(table.name)
        if kept is None or kept[0] != key:
            kept = self._kept[table.name] = (key, self._hits(table, call, body))
        return kept[1]

    def _hits(self, table: HubTable, call: Call, body: Mapping[str, Any]) -> list[Hit]:
        groups, name, down = self._groups(table, body), *self._order(table, body)
        text = str(body.get("query") or "").lower()
        found = [
            hit
            for hit in self._indexed(table, call)
            if (not groups or any(self._fits(table, hit, group) for group in groups))
            and (not text or self._speaks(table, hit, text))
        ]
        prop = table.fields[name]
        found.sort(key=lambda hit: (hit.row.created, hit.row.n))
        if body.get("sorts"):
            found.sort(key=lambda hit: _rank(prop, self._value(table, hit, name)), reverse=down)
        return found

    def _indexed(self, table: HubTable, call: Call) -> list[Hit]:
        lag, quirks = int(self.portal.quirks.index_lag * 1000), self.portal.quirks
        hidden = young(self.portal, table, call)
        rows = [row for row in table.rows.values() if not quirks.hidden or not self.portal.hides(table, row)]
        if hidden is not None:
            rows = [row for row in rows if not hidden(row)]
        if not lag:
            return [Hit(row, None) for row in rows if not row.deleted]
        return self._lagging(table, rows, self.portal.clock.millis() - lag)

    def _lagging(self, table: HubTable, rows: list[Row], at: int) -> list[Hit]:
        found = []
        for row in rows:
            image = table.as_of(row, at)
            if row.seen > at:
                self.portal.fired("index_lag")
            if image is not None and not image.deleted:
                found.append(Hit(row, image))
        return found

    def _value(self, table: HubTable, hit: Hit, name: str) -> str | None:
        if name == table.shape.modified:
            return str(hit.image.stamp if hit.image is not None else hit.row.stamp)
        if name == "createdate":
            return str(hit.row.created)
        if name == "hs_object_id":
            return hit.row.id
        found: str | None = (hit.image.fields if hit.image is not None else hit.row.fields).get(name)
        return found

    def _fits(self, table: HubTable, hit: Hit, group: list[tuple[str, filters.Test]]) -> bool:
        return all(test(self._value(table, hit, name)) for name, test in group)

    def _speaks(self, table: HubTable, hit: Hit, text: str) -> bool:
        values = [self._value(table, hit, name) or "" for name in table.shape.searched]
        return all(any(word in value.lower() for value in values) for word in text.split())

    # what is asked -----------------------------------------------------------------------------------------

    def _groups(self, table: HubTable, body: Mapping[str, Any]) -> list[list[tuple[str, filters.Test]]]:
        groups = body.get("filterGroups") or ([{"filters": body["filters"]}] if body.get("filters") else [])
        if not isinstance(groups, list) or not all(isinstance(one, dict) for one in groups):
            raise wrong("Invalid input JSON: filterGroups must be a list of objects")
        sizes = [len(one.get("filters") or ()) for one in groups]
        if len(groups) > GROUPS or max(sizes, default=0) > FILTERS or sum(sizes) > ALL_FILTERS:
            most = f"{GROUPS} filterGroups, {FILTERS} filters in each and {ALL_FILTERS} in all"
            raise wrong(f"At most {most} are allowed")
        return [[self._filter(table, one) for one in group.get("filters") or ()] for group in groups]

    def _filter(self, table: HubTable, words: Mapping[str, Any]) -> tuple[str, filters.Test]:
        name = str(words.get("propertyName"))
        return name, filters.read(self._property(table, name), words)

    def _property(self, table: HubTable, name: str) -> HubProperty:
        if not self.face.shown(table, name):
            text = f"There was a problem with the request: property {name[:80]} does not exist"
            raise wrong(text, errors=[{"message": text, "code": "PROPERTY_DOESNT_EXIST", "context": {}}])
        return table.fields[name]

    def _order(self, table: HubTable, body: Mapping[str, Any]) -> tuple[str, bool]:
        """The property to sort by, and whether downwards; `-name` and `{propertyName, direction}` will do."""
        sorts = body.get("sorts") or []
        if not isinstance(sorts, list) or len(sorts) > 1:
            raise wrong("Only one sort is allowed")
        if not sorts:
            return "createdate", False
        one = sorts[0]
        if isinstance(one, dict):
            name, down = str(one.get("propertyName")), one.get("direction") == "DESCENDING"
        else:
            name, down = str(one).lstrip("-"), str(one).startswith("-")
        self._property(table, name)
        return name, down


def _rank(prop: HubProperty, value: str | None) -> tuple[bool, Any]:
    """The order of values; empty ones are the smallest."""
    if value is None:
        return (False, 0)
    if prop.type in filters.TIMES:
        return (True, instant(value))
    return (True, Decimal(value) if prop.type == "number" else value.lower())
