"""The org's data in its database, and in place of the ERP's database a CRM that speaks JSON over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from connectors.rest.sandbox import RestSandbox
from connectors.sandboxes.table import Row
from tests.scenarios.edits import Edit
from tests.scenarios.org import CASES, TABLES, Org
from tests.scenarios.spelling import Spelling

KEY = "syncd_key"


@dataclass
class RestOrg(Org):
    """The side `erp` is a sandbox in this process; what it holds is looked at where it holds it."""

    sandbox: RestSandbox = field(default_factory=RestSandbox)

    @classmethod
    @asynccontextmanager
    async def started(
        cls, folder: Path, store: str, fresh: Callable[[], Awaitable[str]], *, key_field: bool
    ) -> AsyncIterator[RestOrg]:
        """The org's data in its database, an empty CRM, an empty store."""
        profile = YAML(typ="safe").load((CASES / "profile.yaml").read_text())
        sandbox = RestSandbox({**profile, "key_field": KEY if key_field else None})
        async with sandbox.serving():
            urls = {"org": await fresh(), "erp": sandbox.url, "store": store}
            org = cls(folder, urls, sandbox=sandbox)
            sandbox.world.listeners.append(lambda *_: org.rung.set())
            token = folder / "token"
            token.write_text(sandbox.auth.options.token)
            text = _configuration(key_field).replace("@token@", str(token))
            async with org.open(text, "triggers", "1h"):
                yield org

    def rows(self, kind: str) -> dict[str, Row]:
        """What the CRM holds of a kind, by id."""
        return self.sandbox.people.rows(TABLES["erp"][kind])

    def change(self, edits: Sequence[Edit]) -> None:
        """People edit in the CRM."""
        for edit in edits:
            value = edit.field.value(edit.n)
            if edit.field.part:
                first = str(self.rows(edit.kind)[edit.remote_id].fields["name"]).partition(" ")[0]
                value = f"{first} {value}"
            table = TABLES["erp"][edit.kind]
            self.sandbox.people.edit(table, id=edit.remote_id, fields={edit.field.erp: value})

    async def said(self, side: str) -> list[Any]:
        if side == "org":
            return await super().said(side)
        rows = {kind: self.rows(kind) for kind in TABLES["erp"]}
        return [
            {
                "kind": kind,
                "id": id,
                "said": _SPELLING.text(rows, kind, id),
                "asked": row.fields.get("closing"),
            }
            for kind, found in rows.items()
            for id, row in found.items()
        ]

    async def counts(self, side: str) -> dict[str, int]:
        if side == "org":
            return await super().counts(side)
        return {kind: len(self.rows(kind)) for kind in TABLES["erp"]}

    async def writes(self) -> list[Any]:
        ours = [
            await self.cons["org"].fetch(f"select ctid::text, xmin::text from {table} order by 1")
            for table in TABLES["org"].values()
        ]
        return [*ours, *({id: row.version for id, row in self.rows(kind).items()} for kind in TABLES["erp"])]


def _configuration(key_field: bool) -> str:
    """The org's file with a `rest` system in place of the ERP, and there with or without a key field."""
    lines = []
    for line in (CASES / "syncd.yaml").read_text().splitlines():
        if line.startswith("  erp:"):
            lines += ["  erp:", (CASES / "rest.yaml").read_text().rstrip()]
        elif key_field or f"key_field: {KEY}" not in line:
            lines.append(line)
    return "\n".join(lines) + "\n"


def _number(value: str | None) -> int | float | None:
    """A number as SQL's `trim_scale` writes it in JSON."""
    if value is None:
        return None
    number = Decimal(value)
    return int(number) if number == number.to_integral_value() else float(number)


def _plain(*names: str) -> Callable[[dict[str, Any]], list[Any]]:
    return lambda fields: [fields[name] for name in names]


def _contact(fields: dict[str, Any]) -> list[Any]:
    mail = fields["mail"]
    return [fields["greeting"], fields["name"], mail and mail.lower(), fields["tel"], fields["job"]]


def _opportunity(fields: dict[str, Any]) -> list[Any]:
    return [fields["subject"], _number(fields["value"]), fields["stage"], fields["no_payments"]]


_SAYS: dict[str, Callable[[dict[str, Any]], list[Any]]] = {
    "account": _plain("title", "street", "town", "region", "zip", "country", "class"),
    "contact": _contact,
    "opportunity": _opportunity,
}
"""By kind: what a record says, in the words of `rows.org.sql`, without what it refers to."""
_REFERS: dict[str, list[tuple[str, str]]] = {
    "account": [],
    "contact": [("customer", "account"), ("employer", "account")],
    "opportunity": [("customer", "account"), ("person", "contact")],
}
_SPELLING = Spelling(_SAYS, _REFERS)
