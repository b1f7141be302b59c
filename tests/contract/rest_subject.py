"""The plain CRM's sandbox as a subject: its wire is said in the words of the rest connector alone."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from connectors.base import Connector
from connectors.rest import RestConnector
from connectors.rest.sandbox import RestSandbox
from syncd.core.errors import NeedsOperator
from tests.contract.sandbox_subject import SandboxSubject
from tests.contract.subject import Row

PEOPLE = {
    "name": {},
    "email": {"type": "email", "unique": True, "normalise": ["trim", "lower"]},
    "code": {"length": 10},
    "score": {"type": "integer"},
    "firm": {"type": "ref", "references": "firms"},
    "extra": {},
    "syncd_key": {"unique": True},
}
OBJECTS = {
    "people": {"prefix": "p", "fields": PEOPLE},
    "firms": {"prefix": "f", "fields": {"name": {}, "syncd_key": {"unique": True}}},
}

WORDS: Mapping[str, Any] = {
    "calls": {
        "list": {
            "path": "/{object}",
            "query": {
                "limit": "{limit}",
                "cursor": "{cursor}",
                "changed_since": "{since}",
                "include_deleted": True,
            },
            "at": "items",
        },
        "get": "/{object}/{id}",
        "get_many": {"path": "/{object}", "query": {"ids": "{ids}"}, "at": "items"},
        "find": {"path": "/{object}", "query": {"{field}": "{keys}"}, "at": "items"},
        "create": {"path": "/{object}", "body": "{values}"},
        "update": {
            "path": "/{object}/{id}",
            "headers": {"If-Match": '"{version}"'},
            "body": "{values}",
        },
        "delete": {"path": "/{object}/{id}", "headers": {"If-Match": '"{version}"'}},
        "batch": {
            "path": "/{object}/batch",
            "each": {
                "operations": {
                    "ref": "{ref}",
                    "op": "{op}",
                    "id": "{id}",
                    "if_version": "{version}",
                    "fields": "{values}",
                }
            },
            "body": {"operations": "{operations}"},
            "at": "results",
            "match": "ref",
            "status": "status",
            "record": "record",
        },
    },
    "paging": {"by": "cursor", "next": "next"},
    "record": {"version": "version", "modified": "updated_at", "deleted": "deleted"},
    "feed": {"form": "iso_ms", "resolution": 0.001},
    "errors": {"where": "error", "code": "error.code", "field": "error.field", "id": "error.id"},
    "schema": {
        "from": "/_schema",
        "at": "objects.{object}.fields",
        "types": {"ref": "text"},
        "fields": {"syncd_key": {"unique": True}},
    },
}
RULES = [
    {"code": "not_found", "on": ["list"], "means": "empty"},
    {"code": ["not_found", "gone"], "means": "gone"},
    {"code": "duplicate", "means": "exists"},
    {"code": ["invalid", "unknown_field"], "means": "rejected"},
    {"code": "version_mismatch", "means": "stale"},
    {"code": ["unauthorized"], "means": "operator"},
]


class RestSubject(SandboxSubject):
    """One sandbox in this process. `hostile` turns on all quirks of its hostile profile."""

    exempt = {  # noqa: RUF012
        16: "a matter of the mapping: the connector passes on the fields that there are",
    }

    def __init__(self, sandbox: RestSandbox) -> None:
        super().__init__(sandbox)
        self.words = copy.deepcopy(dict(WORDS))
        self.words["paging"]["limit"] = self.page
        self.words["errors"]["rules"] = list(RULES)
        self._follow()

    @classmethod
    @asynccontextmanager
    async def running(cls, profile: str, **more: Any) -> AsyncIterator[RestSubject]:
        """The sandbox, served."""
        prefixes = more.pop("prefixes", True)
        objects = {n: {**o, "prefix": o["prefix"] if prefixes else ""} for n, o in OBJECTS.items()}
        words = {"extends": profile, "objects": objects, "key_field": "syncd_key", **more}
        async with RestSandbox(words).serving() as sandbox:
            assert isinstance(sandbox, RestSandbox)
            subject = cls(sandbox)
            yield subject
            await subject.aclose()

    def _follow(self) -> None:
        """Say what the sandbox's present quirks make of its wire."""
        quirks, calls, record = self.sandbox.quirks, self.words["calls"], self.words["record"]
        at = quirks.list_key or ""
        for name in ("list", "get_many", "find"):
            calls[name]["at"] = at.replace("{object}", self.object)
        self.words["objects"] = {
            "people": {},
            "firms": {
                "calls": {n: {"at": at.replace("{object}", "firms")} for n in ("list", "get_many", "find")}
            },
        }
        record["unwrap"] = quirks.record_key or ""
        if self.sandbox.profile.paging.way == "link":
            self.words["paging"]["by"] = "link"
        if quirks.stamp_resolution:
            self.words["feed"]["resolution"] = quirks.stamp_resolution
        if quirks.empty_as == "":
            self.words["values"] = {"empty": [""]}
        if quirks.no_stamps:
            record.pop("modified", None)
        if quirks.no_tombstones:
            record.pop("deleted", None)
            calls["list"]["query"].pop("include_deleted", None)

    def object_options(self) -> Mapping[str, Any]:
        return {"archive": {"archived": True}} if self.sandbox.profile.archives else {}

    async def make(self) -> Connector:
        return self._at(self.sandbox.url, self.sandbox.auth.options.token)

    def _at(self, url: str, token: str) -> Connector:
        settings = {**self.words, "url": f"{url}/api", "auth": {"by": "bearer", "token": token}}
        return RestConnector("crm", settings, self.specs())

    async def unreachable(self) -> Connector:
        return self._at("http://127.0.0.1:1", "x")

    async def bad_login(self) -> Connector | None:
        return self._at(self.sandbox.url, "secret-and-wrong")

    async def bulk_edit(self, fields: Row) -> None:  # the sandbox tells by itself of stamps that tie
        self.sandbox.people.edit("people", "bulk", fields=fields)

    async def rows(self) -> dict[str, Row]:
        rows = self.sandbox.people.rows("people").items()
        return {i: dict(row.fields) for i, row in rows if not row.archived}

    async def arm(self, trap: int) -> None:
        quirks: dict[int, dict[str, Any]] = {
            1: {"stamp_resolution": 1.0},
            4: {"noop_bumps": True},
            5: {"cascade_bumps": True},
            6: {"silent_fields": ["name"]},
            7: {"no_stamps": True},
            10: {"no_tombstones": True},
            12: {"missing": "404"},
            13: {"dress_errors": 500},
            14: {"empty_is_404": True},
            17: {"empty_as": ""},
            18: {"silent_fields": ["name"]},
            19: {"rewrite_rows": True},
            20: {"ignore_unknown": True},
            21: {"bad_token_status": 403},
            22: {"integer_ids": True},
            23: {"page_cap": 3, "list_key": "{object}", "record_key": "data"},
        }
        self.sandbox.set_quirks(**quirks.get(trap, {}))
        self._follow()
        if trap == 7:
            self.words["record"].pop("version", None)
            self.words["calls"]["list"]["query"].pop("changed_since")
        if trap == 11:
            self.words["record"]["missing"] = "unknown"
            self.words["record"].pop("deleted")
        if trap == 21:
            await self._be_refused()

    async def _be_refused(self) -> None:
        connector = await self.bad_login()
        assert connector is not None
        self.open.append(connector)
        with pytest.raises(NeedsOperator, match="403"):
            await connector.describe()

    async def archive(self, remote_id: str) -> None:
        self.sandbox.people.edit("people", "archive", id=remote_id)
