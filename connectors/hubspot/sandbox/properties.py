"""The properties API: what properties there are, with their groups; and new ones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from connectors.hubspot.sandbox.ask import Ask, Task
from connectors.hubspot.sandbox.batch import enveloped
from connectors.hubspot.sandbox.face import Face, described
from connectors.hubspot.sandbox.fields import FIELD_TYPES, INTERNAL, HubProperty
from connectors.hubspot.sandbox.portal import Portal
from connectors.hubspot.sandbox.refusals import Refused, missing, wrong
from connectors.hubspot.sandbox.table import HubTable
from connectors.sandboxes.door import Answer
from connectors.sandboxes.faults import Call

MOST, MOST_UNIQUE = 1000, 10
"""Custom properties, and those with unique values, of one object (properties guide)."""
NAME = re.compile(r"[a-z][a-z0-9_]*")
WORDS = {
    "label": "label",
    "type": "type",
    "fieldType": "field_type",
    "groupName": "group",
    "description": "description",
    "hasUniqueValue": "unique",
    "hidden": "hidden",
    "formField": "form_field",
    "displayOrder": "display_order",
    "calculationFormula": "formula",
    "dataSensitivity": "sensitivity",
    "numberDisplayHint": "number_hint",
    "textDisplayHint": "text_hint",
}


class Properties:
    """The routes `properties/X/…`."""

    def __init__(self, portal: Portal, face: Face) -> None:
        self.portal, self.face = portal, face

    def _scopes(self, table: HubTable, right: str) -> tuple[str, ...]:
        name = "custom" if table.shape.custom else table.name
        schemas = f"crm.schemas.{name}.{right}"
        return (schemas,) if right == "write" else (schemas, f"crm.objects.{name}.read")

    def _call(self, table: HubTable, *, writes: bool = False) -> Call:
        return Call("schema", table.name, writes=writes)

    def _one(self, table: HubTable, name: str, *, archived: bool = False) -> HubProperty:
        prop = table.fields.get(name)
        if prop is None or not self.portal.sees(table, name) or (prop.archived_at is not None) != archived:
            raise missing(f"Property {name[:80]} does not exist")
        return prop

    def _change(self, table: HubTable, changed: Mapping[str, HubProperty | None]) -> None:
        kept = {n: p for n, p in {**table.fields, **changed}.items() if p is not None}
        self.portal.declare(table.name, table.shape.model_copy(update={"fields": kept}))

    # reading -----------------------------------------------------------------------------------------------

    def listed(self, ask: Ask, object: str) -> Task:
        """GET properties/X: those that are not sensitive, unless asked for."""
        table = self.portal.named(object)

        def work() -> Answer:
            sensitivity, archived = ask.said("dataSensitivity", "non_sensitive"), ask.flag("archived")
            found = [
                described(name, prop)
                for name, prop in table.fields.items()
                if prop.sensitivity == sensitivity
                and (prop.archived_at is not None) == archived
                and self.portal.sees(table, name)
            ]
            return Answer.json({"results": found})

        return self._call(table), self._scopes(table, "read"), work

    def get(self, ask: Ask, object: str, name: str) -> Task:
        """GET properties/X/NAME."""
        table = self.portal.named(object)

        def work() -> Answer:
            return Answer.json(described(name, self._one(table, name, archived=ask.flag("archived"))))

        return self._call(table), self._scopes(table, "read"), work

    def read(self, ask: Ask, object: str) -> Task:
        """POST properties/X/batch/read."""
        table = self.portal.named(object)

        def work() -> Answer:
            archived, results, errors = bool(ask.json().get("archived")), [], []
            for one in ask.inputs():
                name = str(one.get("name"))
                try:
                    results.append(described(name, self._one(table, name, archived=archived)))
                except Refused as refused:
                    errors.append(refused.one({"name": [name]}))
            told = enveloped(results, self.portal.clock.millis())
            told |= {"numErrors": len(errors), "errors": errors} if errors else {}
            return Answer.json(told, 207 if errors else 200)

        return self._call(table), self._scopes(table, "read"), work

    # writing -----------------------------------------------------------------------------------------------

    def create(self, ask: Ask, object: str) -> Task:
        """POST properties/X."""
        table = self.portal.named(object)

        def work() -> Answer:
            name, prop = self._made(table, ask.json())
            self._change(table, {name: prop})
            return Answer.json(described(name, prop), 201)

        return self._call(table, writes=True), self._scopes(table, "write"), work

    def create_many(self, ask: Ask, object: str) -> Task:
        """POST properties/X/batch/create: each on its own."""
        table = self.portal.named(object)

        def work() -> Answer:
            results, errors = [], []
            for one in ask.inputs():
                try:
                    name, prop = self._made(table, one)
                    self._change(table, {name: prop})
                    results.append(described(name, prop))
                except Refused as refused:
                    errors.append(refused.one({"name": [str(one.get("name"))]}))
            told = enveloped(results, self.portal.clock.millis())
            told |= {"numErrors": len(errors), "errors": errors} if errors else {}
            return Answer.json(told, 207 if errors else 201)

        return self._call(table, writes=True), self._scopes(table, "write"), work

    def _made(self, table: HubTable, body: Mapping[str, Any]) -> tuple[str, HubProperty]:
        name = str(body.get("name") or "")
        lack = [word for word in ("name", "label", "type", "fieldType", "groupName") if not body.get(word)]
        if lack:
            raise wrong(f"Some required fields were not set: [{', '.join(lack)}]")
        if not NAME.fullmatch(name):
            raise wrong(f"Property name {name[:80]} is not valid: lower case, digits and _ only")
        if name in table.fields and table.fields[name].archived_at is None:
            text = f"A property named '{name}' already exists."
            raise Refused(409, "OBJECT_ALREADY_EXISTS", text, subCategory="Properties.PROPERTY_EXISTS")
        if body["groupName"] not in groups(table):
            raise wrong(f"The property group {str(body['groupName'])[:80]} does not exist")
        now = self.portal.clock.millis()
        prop = self._read(body, HubProperty(made_at=now, moved_at=now))
        self._check_count(table, prop)
        return name, prop

    def _check_count(self, table: HubTable, prop: HubProperty) -> None:
        own = [p for p in table.fields.values() if not p.hubspot_defined and p.archived_at is None]
        if len(own) >= MOST or (prop.unique and sum(p.unique for p in own) >= MOST_UNIQUE):
            raise wrong(f"At most {MOST} properties, {MOST_UNIQUE} of them unique, can be made")

    def _read(self, body: Mapping[str, Any], prop: HubProperty) -> HubProperty:
        words = {WORDS[word]: value for word, value in body.items() if word in WORDS and value is not None}
        if isinstance(body.get("options"), list):
            chosen = sorted(body["options"], key=lambda one: one.get("displayOrder") or 0)
            words["options"] = tuple(str(one.get("value")) for one in chosen)
            words["labels"] = {str(one.get("value")): str(one.get("label")) for one in chosen}
        words |= {"calculated": True} if words.get("field_type") == "calculation_equation" else {}
        try:
            made = HubProperty.model_validate({**prop.model_dump(), **words})
        except ValidationError as error:
            raise wrong(f"Invalid input JSON: {error.errors()[0]['msg']}") from None
        if made.type in INTERNAL or made.field_type not in FIELD_TYPES[made.type]:
            raise wrong(f"Field type {made.field_type} does not go with type {made.type}")
        if made.type == "enumeration" and not made.options and made.field_type != "calculation_equation":
            made = made.model_copy(update={"options": ()})
        return made

    def update(self, ask: Ask, object: str, name: str) -> Task:
        """PATCH properties/X/NAME; the name and whether it is unique stay."""
        table = self.portal.named(object)

        def work() -> Answer:
            body, prop = dict(ask.json()), self._one(table, name)
            if prop.hubspot_defined and set(body) - {"options", "displayOrder", "hidden"}:
                raise wrong(f"Property {name} is defined by HubSpot and cannot be changed")
            body.pop("hasUniqueValue", None)
            made = self._read(body, prop).model_copy(update={"moved_at": self.portal.clock.millis()})
            self._change(table, {name: made})
            return Answer.json(described(name, made))

        return self._call(table, writes=True), self._scopes(table, "write"), work

    def archive(self, ask: Ask, object: str, name: str) -> Task:
        """DELETE properties/X/NAME."""
        table = self.portal.named(object)

        def work() -> Answer:
            self._archive(table, name)
            return Answer(204)

        return self._call(table, writes=True), self._scopes(table, "write"), work

    def archive_many(self, ask: Ask, object: str) -> Task:
        """POST properties/X/batch/archive."""
        table = self.portal.named(object)

        def work() -> Answer:
            for one in ask.inputs():
                self._archive(table, str(one.get("name")))
            return Answer(204)

        return self._call(table, writes=True), self._scopes(table, "write"), work

    def _archive(self, table: HubTable, name: str) -> None:
        prop = self._one(table, name)
        if prop.hubspot_defined:
            raise wrong(f"Property {name} is defined by HubSpot and cannot be archived")
        gone = prop.model_copy(update={"archived_at": self.portal.clock.millis()})
        self._change(table, {name: gone})

    # groups ------------------------------------------------------------------------------------------------

    def groups(self, ask: Ask, object: str) -> Task:
        """GET properties/X/groups."""
        table = self.portal.named(object)

        def work() -> Answer:
            return Answer.json({"results": [_group(table, name) for name in groups(table)]})

        return self._call(table), self._scopes(table, "read"), work

    def group(self, ask: Ask, object: str, name: str) -> Task:
        """GET, PATCH or DELETE properties/X/groups/NAME."""
        table = self.portal.named(object)
        writes = ask.method != "GET"

        def work() -> Answer:
            if name not in groups(table):
                raise missing(f"The property group {name[:80]} does not exist")
            own = dict(table.shape.groups)
            if ask.method == "DELETE":
                if any(p.group == name and p.archived_at is None for p in table.fields.values()):
                    raise wrong(f"The property group {name} still has properties")
                own.pop(name, None)
            elif writes:
                own[name] = str(ask.json().get("label") or groups(table)[name])
            table.shape = table.shape.model_copy(update={"groups": own})
            return Answer(204) if ask.method == "DELETE" else Answer.json(_group(table, name))

        return self._call(table, writes=writes), self._scopes(table, "write" if writes else "read"), work

    def make_group(self, ask: Ask, object: str) -> Task:
        """POST properties/X/groups."""
        table = self.portal.named(object)

        def work() -> Answer:
            body = ask.json()
            name, label = str(body.get("name") or ""), str(body.get("label") or "")
            if not name or not label:
                raise wrong("Some required fields were not set: [name, label]")
            if name in groups(table):
                raise Refused(
                    409, "OBJECT_ALREADY_EXISTS", f"A property group named '{name}' already exists."
                )
            own = {**table.shape.groups, name: label}
            table.shape = table.shape.model_copy(update={"groups": own})
            return Answer.json(_group(table, name), 201)

        return self._call(table, writes=True), self._scopes(table, "write"), work


def groups(table: HubTable) -> dict[str, str]:
    """The groups of an object with their labels: those of its properties, and those that were made."""
    found = {p.group: p.group.replace("_", " ").capitalize() for p in table.fields.values() if p.group}
    return {**found, **table.shape.groups}


def _group(table: HubTable, name: str) -> dict[str, Any]:
    label = groups(table)[name]
    return {"name": name, "label": label, "displayOrder": -1, "archived": False}
