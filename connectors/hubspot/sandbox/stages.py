"""The pipelines API: pipelines and their stages, read, made, changed and deleted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.hubspot.sandbox.ask import Ask, Task
from connectors.hubspot.sandbox.pipelines import Pipeline, Pipelines, Stage
from connectors.hubspot.sandbox.portal import Portal
from connectors.hubspot.sandbox.refusals import missing, wrong
from connectors.hubspot.sandbox.table import HubTable
from connectors.sandboxes.door import Answer
from connectors.sandboxes.faults import Call


class Stages:
    """The routes `pipelines/X/…`."""

    def __init__(self, portal: Portal) -> None:
        self.portal = portal

    @property
    def _all(self) -> Pipelines:
        return self.portal.pipelines

    def _task(self, ask: Ask, table: HubTable, work: Any) -> Task:
        writes, name = ask.method != "GET", "custom" if table.shape.custom else table.name
        scopes = (f"crm.objects.{name}.{'write' if writes else 'read'}", f"crm.schemas.{name}.write")
        if not writes:
            scopes = (scopes[0], f"crm.schemas.{name}.read")
        return Call("schema", table.name, writes=writes), scopes, work

    def _pipeline(self, table: HubTable, id: str) -> Pipeline:
        found = self._all.by_object.get(table.name, {}).get(id)
        if found is None:
            raise missing(f"Pipeline {id[:80]} does not exist")
        return found

    def _stage(self, table: HubTable, id: str, stage: str) -> Stage:
        found = self._pipeline(table, id).stages.get(stage)
        if found is None:
            raise missing(f"Stage {stage[:80]} does not exist")
        return found

    # pipelines ---------------------------------------------------------------------------------------------

    def pipelines(self, ask: Ask, object: str) -> Task:
        """GET or POST pipelines/X."""
        table = self.portal.named(object)

        def work() -> Answer:
            if ask.method == "POST":
                body = ask.json()
                made = self._made(table, body)
                self._note(made.id, "CREATE", made.told())
                return Answer.json(made.told(), 201)
            return Answer.json({"results": [one.told() for one in self._all.live(table.name).values()]})

        return self._task(ask, table, work)

    def _made(self, table: HubTable, body: Mapping[str, Any]) -> Pipeline:
        _need(body, "label", "displayOrder", "stages")
        id, now = str(body.get("pipelineId") or self._all.new_id()), self.portal.clock.millis()
        stages = [self._new_stage(table, one) for one in body["stages"]]
        made = Pipeline(id, str(body["label"]), int(body["displayOrder"]), now, now)
        made.stages = {stage.id: stage for stage in stages}
        self._all.by_object.setdefault(table.name, {})[id] = made
        return made

    def _new_stage(self, table: HubTable, body: Mapping[str, Any]) -> Stage:
        _need(body, "label", "displayOrder", "metadata")
        id, now = str(body.get("stageId") or self._all.new_id()), self.portal.clock.millis()
        words = _metadata(table, body["metadata"])
        return Stage(id, str(body["label"]), int(body["displayOrder"]), words, now, now)

    def pipeline(self, ask: Ask, object: str, id: str) -> Task:
        """GET, PATCH, PUT or DELETE pipelines/X/ID."""
        table = self.portal.named(object)

        def work() -> Answer:
            found = self._pipeline(table, id)
            if ask.method == "DELETE":
                self._check_unused(ask, table, "pipeline", id)
                del self._all.by_object[table.name][id]
                self._note(id, "DELETE", found.told())
                return Answer(204)
            if ask.method == "PUT":
                found = self._made(table, {**ask.json(), "pipelineId": id})
            elif ask.method == "PATCH":
                _patch(found, ask.json(), self.portal.clock.millis())
            if ask.method != "GET":
                self._note(id, "UPDATE", found.told())
            return Answer.json(found.told())

        return self._task(ask, table, work)

    def _check_unused(self, ask: Ask, table: HubTable, name: str, id: str) -> None:
        checks = ("validateReferencesBeforeDelete", "validateDealStageUsagesBeforeDelete")
        used = [row.id for row in table.rows.values() if not row.deleted and row.fields.get(name) == id]
        if used and any(ask.flag(word) for word in checks):
            raise wrong(f"{name} {id} is used by {len(used)} records", context={"objectIds": used[:100]})

    def _note(self, id: str, action: str, raw: dict[str, Any]) -> None:
        self._all.note(id, action, self.portal.id, self.portal.clock.millis(), raw)

    def audit(self, ask: Ask, object: str, id: str) -> Task:
        """GET pipelines/X/ID/audit."""
        table = self.portal.named(object)
        return self._task(ask, table, lambda: Answer.json({"results": self._all.audit.get(id, [])}))

    def stage_audit(self, ask: Ask, object: str, id: str, stage: str) -> Task:
        """GET pipelines/X/ID/stages/STAGE/audit."""
        return self.audit(ask, object, stage)

    # stages ------------------------------------------------------------------------------------------------

    def stages(self, ask: Ask, object: str, id: str) -> Task:
        """GET or POST pipelines/X/ID/stages."""
        table = self.portal.named(object)

        def work() -> Answer:
            found = self._pipeline(table, id)
            if ask.method == "GET":
                return Answer.json({"results": found.told()["stages"]})
            made = self._new_stage(table, ask.json())
            found.stages[made.id] = made
            self._note(made.id, "CREATE", made.told())
            return Answer.json(made.told(), 201)

        return self._task(ask, table, work)

    def stage(self, ask: Ask, object: str, id: str, stage: str) -> Task:
        """GET, PATCH, PUT or DELETE pipelines/X/ID/stages/STAGE."""
        table = self.portal.named(object)

        def work() -> Answer:
            found = self._stage(table, id, stage)
            if ask.method == "DELETE":
                self._check_unused(ask, table, "dealstage", stage)
                del self._pipeline(table, id).stages[stage]
                self._note(stage, "DELETE", found.told())
                return Answer(204)
            if ask.method != "GET":
                body = ask.json()
                _patch(found, body, self.portal.clock.millis())
                if "metadata" in body:
                    found.metadata = _metadata(table, {**found.metadata, **body["metadata"]})
                self._note(stage, "UPDATE", found.told())
            return Answer.json(found.told())

        return self._task(ask, table, work)


def _need(body: Mapping[str, Any], *words: str) -> None:
    lack = [word for word in words if body.get(word) is None]
    if lack:
        raise wrong(f"Some required fields were not set: [{', '.join(lack)}]")


def _patch(one: Pipeline | Stage, body: Mapping[str, Any], now: int) -> None:
    one.label = str(body.get("label") or one.label)
    one.order = int(body["displayOrder"]) if body.get("displayOrder") is not None else one.order
    one.archived = bool(body.get("archived", one.archived))
    one.moved = now


def _metadata(table: HubTable, words: Mapping[str, Any]) -> dict[str, str]:
    told = {name: str(value) for name, value in words.items()}
    if table.name == "deals":
        try:
            good = 0.0 <= float(told["probability"]) <= 1.0
        except (KeyError, ValueError):
            good = False
        if not good:
            raise wrong("A deal stage needs metadata: {probability}, a number from 0.0 to 1.0")
    return told
