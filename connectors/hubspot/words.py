"""Fields that name by a word what HubSpot keeps by an id: owners, pipelines, stages, options.

`hubspot_owner_id.email` is an owner's e-mail; `dealstage.label`, `pipeline.label` and `lifecyclestage.label`
are what people see. A stage belongs to a pipeline, and two pipelines may have stages of one name: so a
stage's label is looked for in the record's own pipeline (pipelines guide).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from connectors.base import FieldInfo
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.directory import Directory, Pipeline
from syncd.core.nouns import Push, PushOp, PushResult, Rejected

STAGES: Mapping[str, str] = {"dealstage": "pipeline", "hs_pipeline_stage": "hs_pipeline"}
"""The properties that hold stages, and those that hold their pipelines."""
Told = Mapping[str, Mapping[str, Any]]
"""Properties by name, as the properties API tells them."""


class Words:
    """The fields of one object's mapping that are words. `fields`: their properties."""

    def __init__(self, client: HubSpotClient, object: str, names: Iterable[str], told: Told) -> None:
        self.told = told
        self.fields = {name: name.partition(".")[0] for name in names if _is_word(name, told)}
        self.directory = Directory(
            client, object, owners=self._any(".email"), pipelines=bool(self._of_pipelines())
        )

    @property
    def asked(self) -> list[str]:
        """The properties that must be read for them."""
        bases = self.fields.values()
        return list(dict.fromkeys((*bases, *(STAGES[base] for base in bases if base in STAGES))))

    def infos(self) -> dict[str, FieldInfo]:
        """As `describe` says it."""
        return {name: self._info(name, base) for name, base in self.fields.items()}

    async def load(self) -> None:
        """Ask for the people and pipelines that are needed. Raises what a read raises."""
        await self.directory.load()

    async def fill(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Set the words of records among their properties, as far as these tell the ids."""
        if not self.fields:
            return
        await self.directory.know(
            owners={id for row in rows for id in self._ids(row, ".email")},
            stages={id for row in rows for id in self._ids(row, ".label") if self._of_pipelines()},
        )
        for row in rows:
            values = row.get("properties")
            if isinstance(values, dict):
                told = {name: values[base] for name, base in self.fields.items() if base in values}
                values |= {name: self._word(name, id) for name, id in told.items()}

    async def properties(
        self, pushes: Sequence[Push], rows: Mapping[str, Mapping[str, Any]]
    ) -> tuple[dict[int, dict[str, str]], list[PushResult]]:
        """What the words of each push are as properties, and the refusals of those that name nothing.

        `rows` are the records as they are now, by id: of those that `needs_row`.
        """
        found: dict[int, dict[str, str]] = {}
        refused: list[PushResult] = []
        mails = {str(push.fields[n]) for push in pushes for n in self._any(".email") if push.fields.get(n)}
        await self.directory.know(mails=mails)
        for push in pushes:
            try:
                found[push.push_id] = self._properties(push, rows.get(str(push.remote_id), {}))
            except _Nothing as nothing:
                refused.append(Rejected(push.push_id, nothing.code, nothing.said, nothing.field))
        return found, refused

    def needs_row(self, push: Push) -> bool:
        """Whether a write depends on what the record's pipeline or stage is now."""
        if push.op is not PushOp.UPDATE:
            return False
        for stage, pipeline in STAGES.items():
            moves = any(name in push.fields for name in (pipeline, f"{pipeline}.label"))
            if f"{stage}.label" in self.fields and (f"{stage}.label" in push.fields) != moves:
                return True
        return False

    def field_of(self, property: str | None) -> str | None:
        """The field that a refusal of a property is about."""
        return next((name for name, base in self.fields.items() if base == property), property)

    # -- parts -----------------------------------------------------------------------------------------

    def _any(self, end: str) -> list[str]:
        return [name for name in self.fields if name.endswith(end)]

    def _of_pipelines(self) -> list[str]:
        return [n for n, base in self.fields.items() if base in STAGES or base in STAGES.values()]

    def _ids(self, row: Mapping[str, Any], end: str) -> list[str]:
        values = row.get("properties") or {}
        bases = [self.fields[name] for name in self._any(end)]
        wanted = bases if end == ".email" else [base for base in bases if base in STAGES]
        return [str(values[base]) for base in wanted if values.get(base)]

    def _info(self, name: str, base: str) -> FieldInfo:
        labels = self._labels(base)
        rights = self.told[base].get("modificationMetadata") or {}
        locked = bool(self.told[base].get("calculated") or rights.get("readOnlyValue"))
        type = "enum" if labels else "text"
        return FieldInfo(name, type, read_only=locked, options=labels or None, native="word")

    def _labels(self, base: str) -> tuple[str, ...]:
        if base in STAGES:
            found = [label for one in self.directory.pipelines for label in one.stages.values()]
        elif base in STAGES.values():
            found = [one.label for one in self.directory.pipelines]
        else:
            found = [str(one.get("label")) for one in self.told[base].get("options") or ()]
        return tuple(dict.fromkeys(found)) if self.told[base].get("fieldType") != "checkbox" else ()

    def _word(self, name: str, id: Any) -> Any:
        """The word of an id; the id itself where nobody knows what it stands for."""
        if not id:
            return None
        base = self.fields[name]
        if name.endswith(".email"):
            return self.directory.owners.get(str(id), str(id))
        if base in STAGES:
            found = [one.stages[str(id)] for one in self.directory.pipelines if str(id) in one.stages]
            return found[0] if found else str(id)
        if base in STAGES.values():
            return next((one.label for one in self.directory.pipelines if one.id == str(id)), str(id))
        labels = {
            str(one.get("value")): str(one.get("label")) for one in self.told[base].get("options") or ()
        }
        return ";".join(labels.get(part, part) for part in str(id).split(";"))

    def _properties(self, push: Push, row: Mapping[str, Any]) -> dict[str, str]:
        found: dict[str, str] = {}
        names = [name for name in self.fields if name in push.fields]
        for name in sorted(names, key=lambda one: self.fields[one] in STAGES):  # stages after their pipelines
            base, value = self.fields[name], push.fields[name]
            if value is None or value == "":
                found[base] = ""
            elif base in STAGES:
                pipeline = self._pipeline_of(push, base, found, row)
                found[base] = self._stage(name, str(value), pipeline)
                if push.op is PushOp.CREATE and pipeline is not None:
                    found[STAGES[base]] = pipeline.id
            else:
                found[base] = self._id(name, str(value))
        return found | self._along(push, found, row)

    def _pipeline_of(
        self, push: Push, stage: str, found: Mapping[str, str], row: Mapping[str, Any]
    ) -> Pipeline | None:
        """The pipeline of a record as it will be; the only one, or the default one, where nobody says."""
        base = STAGES[stage]
        id = found.get(base) or push.fields.get(base) or (row.get("properties") or {}).get(base)
        return self.directory.pipeline(str(id) if id else None)

    def _stage(self, name: str, label: str, pipeline: Pipeline | None) -> str:
        ids = pipeline.stage_ids(label) if pipeline is not None else []
        if len(ids) != 1:
            what = "no stage" if not ids else "several stages"
            raise _Nothing("INVALID_OPTION", f"the record's pipeline has {what} of this name", name)
        return ids[0]

    def _along(self, push: Push, found: Mapping[str, str], row: Mapping[str, Any]) -> dict[str, str]:
        """A record that moves to another pipeline takes its stage along by name, where there is one."""
        for stage, base in STAGES.items():
            now, moves = (row.get("properties") or {}), found.get(base) or push.fields.get(base)
            label = now.get(f"{stage}.label")
            if moves and label and stage not in found and stage not in push.fields:
                pipeline = self.directory.pipeline(str(moves))
                ids = pipeline.stage_ids(str(label)) if pipeline is not None else []
                return {stage: ids[0]} if len(ids) == 1 else {}
        return {}

    def _id(self, name: str, word: str) -> str:
        base = self.fields[name]
        if name.endswith(".email"):
            ids = self.directory.active(word)
            what, code = "owner", "INVALID_OWNER_ID"
        elif base in STAGES.values():
            ids = [one.id for one in self.directory.pipelines if one.label.casefold() == word.casefold()]
            what, code = "pipeline", "INVALID_OPTION"
        else:
            options = self.told[base].get("options") or ()
            parts = word.split(";") if self.told[base].get("fieldType") == "checkbox" else [word]
            each = [[str(o["value"]) for o in options if str(o.get("label")) == part] for part in parts]
            ids = [";".join(one[0] for one in each)] if all(len(one) == 1 for one in each) else []
            what, code = "option", "INVALID_OPTION"
        if len(ids) != 1:
            many = "several active ones are" if ids else f"no {'active ' * (what == 'owner')}{what} is"
            raise _Nothing(code, f"{many} called so in HubSpot", name)
        return ids[0]


class _Nothing(Exception):
    """A word that names nothing, or too much; the message holds no value."""

    def __init__(self, code: str, said: str, field: str) -> None:
        super().__init__(said)
        self.code, self.said, self.field = code, said, field


def _is_word(name: str, told: Told) -> bool:
    """Whether a field of the mapping is a word: an owner's e-mail, or the label of an enumeration."""
    base, _, end = name.partition(".")
    one = told.get(base)
    if one is None or str(one.get("type")) != "enumeration":
        return False
    return end == "label" or (end == "email" and is_owner(base, one))


def is_owner(name: str, told: Mapping[str, Any]) -> bool:
    """Whether a property holds an owner."""
    return str(told.get("referencedObjectType") or "").upper() == "OWNER" or name == "hubspot_owner_id"
