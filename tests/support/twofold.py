"""A CRM in memory that keeps people as contacts and as leads, and another that knows only people."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from connectors.memory import Features, FieldDef, MemoryRemote, ObjectDef
from syncd.config import load
from syncd.store.store import Store
from tests.support.rig import Rig, options

PERSON = {"email": FieldDef(type="email"), "name": FieldDef(), "phone": FieldDef(), "title": FieldDef()}
PERSON["private"] = FieldDef(type="boolean", default=False)
CONTACT = {**PERSON, "firm": FieldDef(type="ref", references="firms")}
LEAD = {**PERSON, "company": FieldDef()}
TASK = {"subject": FieldDef(), "who": FieldDef(type="ref")}
CRM = [
    ObjectDef("firms", {"name": FieldDef()}, "syncd_key", "F"),
    ObjectDef("contacts", CONTACT, "syncd_key", "C"),
    ObjectDef("leads", LEAD, "syncd_key", "L"),
    ObjectDef("tasks", TASK, "syncd_key", "T"),
]
ERP = [
    ObjectDef("firms", {"name": FieldDef()}, "syncd_key", "F"),
    ObjectDef("people", {**CONTACT, "employer": FieldDef()}, "syncd_key", "P"),
    ObjectDef("tasks", {**TASK, "who": FieldDef(type="ref", references="people")}, "syncd_key", "T"),
]
CONFIG = """\
systems:
  crm: {{connector: memory, remote: {crm}}}
  erp: {{connector: memory, remote: {erp}}}
kinds:
  company:
    fields: {{name: text}}
    match: [name]
    systems:
      crm: {{object: firms, key_field: syncd_key, fields: {{name: name}}}}
      erp: {{object: firms, key_field: syncd_key, fields: {{name: name}}}}
    conflicts: [{{strategy: prefer, systems: [crm, erp]}}]
  contact:
    fields: {{email: email, name: text, phone: text, title: text, company: {{ref: company}}, employer: text}}
    match: [email]
    systems:
      crm:
        object:
          - name: contacts
            fields: {{company: firm}}{contacts}
          - name: leads
            fields: {{employer: company}}{leads}
        key_field: syncd_key
        fields: {{email: email, name: name, phone: phone, title: title}}
        {words}
      erp:
        object: people
        key_field: syncd_key
        fields: {{email: email, name: name, phone: phone, title: title, company: firm, employer: employer}}
        {erp_words}
    conflicts: {rules}
    deletes: {{policy: {policy}, against_edit: ask}}
    {brakes}
  task:
    fields: {{subject: text, who: {{ref: contact}}}}
    match: [subject]
    systems:
      crm: {{object: tasks, key_field: syncd_key, fields: {{subject: subject, who: who}}}}
      erp: {{object: tasks, key_field: syncd_key, fields: {{subject: subject, who: who}}}}
    conflicts: [{{strategy: ask}}]
"""


class Twofold:
    """Both CRMs, and a rig on them."""

    def __init__(self, rig: Rig, crm: MemoryRemote, erp: MemoryRemote) -> None:
        self.rig, self.crm, self.erp = rig, crm, erp

    @property
    def store(self) -> Store:
        return self.rig.world.store

    def people(self) -> list[tuple[Any, ...]]:
        """Who is in the second CRM: e-mail, name and phone."""
        rows = self.erp.rows("people").values()
        return sorted((row["email"], row["name"], row["phone"]) for row in rows)

    async def links(self) -> dict[str, tuple[str, int]]:
        """The state and record of every copy, by remote id, with its system before it."""
        sql = "select s.system, l.* from links l join streams s using (stream)"
        async with self.store.plain() as con:
            rows = await con.fetch(sql)
        return {f"{r['system']}:{r['remote_id']}": (r["state"], r["record_id"]) for r in rows}

    async def state(self, place: str) -> str:
        """The state of one copy, such as `crm:C1`."""
        return (await self.links())[place][0]

    async def notes(self) -> list[tuple[str, str | None]]:
        """What is parked: code and remote id."""
        async with self.store.plain() as con:
            rows = await con.fetch("select code, remote_id from parked order by parked")
        return [(row["code"], row["remote_id"]) for row in rows]

    async def conflicts(self) -> list[tuple[str, str, list[Any]]]:
        """Field, state and candidates' values of each conflict."""
        async with self.store.plain() as con:
            rows = await con.fetch("select field, state, candidates from conflicts order by conflict")
        return [(r["field"], r["state"], [c["value"] for c in r["candidates"]]) for r in rows]


@asynccontextmanager
async def twofold(
    store: Store,
    folder: Path,
    *,
    features: Mapping[str, Any] | None = None,
    sides: tuple[MemoryRemote, MemoryRemote] | None = None,
    **words: str,
) -> AsyncIterator[Twofold]:
    """Both CRMs, empty or those of before, and a rig. `words` go into the configuration."""
    names = {side: f"twofold-{side}-{folder.name}" for side in ("crm", "erp")}
    both = replace(Features(), **(features or {}))
    crm, erp = sides or (MemoryRemote(CRM, seed=1, features=both), MemoryRemote(ERP, seed=2, features=both))
    crm.register(names["crm"])
    erp.register(names["erp"])
    told = {"rules": "[{strategy: prefer, systems: [crm, erp]}]", "policy": "propagate", **names}
    told |= dict.fromkeys(("contacts", "leads", "words", "erp_words", "brakes"), "") | words
    file = folder / "twofold.yaml"
    file.write_text(CONFIG.format(**told), encoding="utf-8")
    rig = await Rig.start(store, load(file, options(), {}))
    try:
        yield Twofold(rig, crm, erp)
    finally:
        await rig.aclose()
        for name in names.values():
            MemoryRemote.forget(name)
