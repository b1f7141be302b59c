"""Describe: the objects of the configuration as the org shows them to this user.

Sources: REST API Developer Guide, "sObject Describe"; field-level security leaves fields out that the user
may not see; record types stand in `recordTypeInfos`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from connectors.base import FieldInfo, ObjectSpec
from connectors.http import Request, Step
from connectors.salesforce.client import SalesforceClient
from connectors.salesforce.columns import Column, column, over
from connectors.salesforce.sobject import SObject
from connectors.salesforce.soql import is_name
from connectors.salesforce.verdict import verdict_of
from syncd.core.errors import NeedsOperator

RECORD_TYPE = "RecordType.DeveloperName"
STILL = ("User", "RecordType")
"""Objects whose records hardly ever change: it is left to sweeps. Another owner moves the record's stamp."""
PERSON_KEYS = ("Email", "Username", "FederationIdentifier", "Name")
"""By which a user may be named where an owner is written: `Owner.Email`."""
DEPTH = 5
"""References that a path may follow, at most."""


class Describer:
    """Asks for objects, each once; references lead to others."""

    def __init__(self, system: str, client: SalesforceClient) -> None:
        self.system, self.client = system, client
        self._told: dict[str, Mapping[str, Any]] = {}

    async def sobject(self, spec: ObjectSpec) -> SObject:
        """One object with its own fields, and those that the mapping reaches over references."""
        told = await self.told(spec.name)
        columns = {c.name: c for c in map(column, told.get("fields") or ())}
        if "RecordTypeId" in columns:
            columns[RECORD_TYPE] = _record_type(columns["RecordTypeId"], told)
        for name in spec.fields:
            if "." in name and name not in columns:
                found = await self._over(told, name)
                columns |= {name: found} if found is not None else {}
        return SObject(self.system, spec, columns, told)

    async def told(self, object: str) -> Mapping[str, Any]:
        """The describe of an object. Raises `NeedsOperator` where there is none to see."""
        if object not in self._told:
            self._told[object] = await self._ask(object)
        return self._told[object]

    async def _ask(self, object: str) -> Mapping[str, Any]:
        todo = "Mend the name, or grant this user Read on it"
        if not is_name(object) or "." in object:
            raise NeedsOperator(f"system {self.system}: {object!r} is no API name of an object", todo)
        what = f"describe of {object}"
        answer = await self.client.send(Request("GET", f"/sobjects/{object}/describe"))
        body = answer.json(f"{self.client.name}: {what}")
        if not answer.ok and verdict_of(answer.status, body).step is Step.GONE:
            raise NeedsOperator(f"system {self.system} has no object {object}, or hides it", todo)
        if not answer.ok:
            raise self.client.failed(what, answer, body)
        return body if isinstance(body, dict) else {}

    async def _over(self, told: Mapping[str, Any], name: str, depth: int = 0) -> Column | None:
        """A field of another record: read-only, but for the user who is named where an owner is written."""
        relation, _, rest = name.partition(".")
        mine = next((f for f in told.get("fields") or () if f.get("relationshipName") == relation), None)
        if mine is None or depth >= DEPTH:
            return None
        targets = list(mine.get("referenceTo") or ())
        target = "User" if "User" in targets else (targets[0] if targets else None)
        if target is None:
            return None
        there = await self.told(target)
        if "." in rest:
            found = await self._over(there, rest, depth + 1)
        else:
            found = next((column(f) for f in there.get("fields") or () if f.get("name") == rest), None)
        if found is None:
            return None
        info = replace(found.info, name=name, required=False, read_only=True, unique=False, references=None)
        via, passive = str(mine["name"]), target not in STILL or "." in rest or found.passive
        if target != "User" or "." in rest or rest not in PERSON_KEYS:
            return over(name, info, found.native, via=via, passive=passive)
        create, update = bool(mine.get("createable")), bool(mine.get("updateable"))
        return over(
            name,
            replace(info, read_only=not (create or update)),
            found.native,
            via=via,
            passive=passive,
            createable=create,
            updateable=update,
            nillable=bool(mine.get("nillable", True)),
            through=via,
            target=f"User.{rest}",
            queues="Group" in targets,
        )


def _record_type(id: Column, told: Mapping[str, Any]) -> Column:
    """Record types by their API names, which are the same in every org; their ids are not."""
    kinds = [t for t in told.get("recordTypeInfos") or () if t.get("active", True) and not t.get("master")]
    names = tuple(str(t["developerName"]) for t in kinds if t.get("developerName"))
    info = FieldInfo(
        RECORD_TYPE,
        "enum",
        read_only=id.info.read_only,
        options=names or None,
        default=True,
        native="picklist",
    )
    return over(
        RECORD_TYPE,
        info,
        "picklist",
        via=id.name,
        passive=False,
        createable=id.createable,
        updateable=id.updateable,
        nillable=id.nillable,
        through=id.name,
        target="RecordType",
    )


def record_types(told: Mapping[str, Any]) -> dict[str, str]:
    """Ids of record types by API name."""
    return {
        str(t["developerName"]): str(t["recordTypeId"])
        for t in told.get("recordTypeInfos") or ()
        if t.get("developerName") and t.get("recordTypeId")
    }
