"""Writing, 100 records a call: each input under a trace id, so that one bad record refuses itself only.

Results come in an order of their own and do not name their trace ids: a create is known again by our key,
which is why objects without a key property are created one by one, and an update by its id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from connectors.http import Request
from connectors.hubspot import lifecycle
from connectors.hubspot.associations_fields import FieldWriter, blamed, blames_links
from connectors.hubspot.client import JSON, HubSpotClient
from connectors.hubspot.errors import refused
from connectors.hubspot.lookup import BATCH, Lookup
from connectors.hubspot.memory import Own
from connectors.hubspot.record import HubRecord
from connectors.hubspot.values import written
from connectors.hubspot.verdict import category
from syncd.core.errors import BatchRefused
from syncd.core.nouns import (
    Accepted,
    Exists,
    Missing,
    Push,
    PushOp,
    PushResult,
    Rejected,
    StoredBy,
    Uncertain,
)

TRACE = "objectWriteTraceId"
NOTHING: Mapping[str, str] = {}
APPENDS = "it begins with `;`, by which HubSpot would add to the options that are there, and drop none"
LOST = "the answer says nothing of this record"


class Writer:
    """Writes records of one object."""

    def __init__(self, client: HubSpotClient, record: HubRecord, lookup: Lookup, own: Own) -> None:
        self.client, self.record, self.lookup, self.own = client, record, lookup, own
        self.links = FieldWriter(client, record)
        self.said: dict[int, dict[str, str]] = {}
        self.what = f"write of {record.name}"

    async def write(self, batch: Sequence[Push]) -> list[PushResult]:
        """One result for each push."""
        refused_ = self._appending(batch)
        batch, results = await self._said([push for push in batch if push.push_id not in refused_])
        results += refused_.values()
        for some in _rounds(batch):
            creates = [push for push in some if push.op is PushOp.CREATE]
            updates = [push for push in some if push.op is PushOp.UPDATE]
            results += await self._made(creates)
            results += await self._updated(updates)
            results += await self._archived([p for p in some if p.op in (PushOp.DELETE, PushOp.ARCHIVE)])
        return results

    def _appending(self, batch: Sequence[Push]) -> dict[int, PushResult]:
        """The refusals of pushes with a value that would be added to what is there."""
        return {
            push.push_id: Rejected(push.push_id, "INVALID_OPTION", APPENDS, name)
            for push in batch
            for name, value in push.fields.items()
            if self.record.appending(name, value)
        }

    async def _said(self, batch: Sequence[Push]) -> tuple[Sequence[Push], list[PushResult]]:
        """The pushes whose words name something, and the refusals of the others."""
        words = self.record.words
        worded = [push for push in batch if not self.record.worded.keys().isdisjoint(push.fields)]
        if words is None or not (worded or any(map(words.needs_row, batch))):
            return batch, []
        asked = [str(push.remote_id) for push in batch if words.needs_row(push)]
        rows = await self.lookup.rows([id for id in asked if id.isdigit()])
        self.said, refused_ = await words.properties(batch, rows)
        return [push for push in batch if push.push_id in self.said], refused_

    # -- creates ---------------------------------------------------------------------------------------

    async def _made(self, pushes: Sequence[Push]) -> list[PushResult]:
        """One whose associations are refused is made without them, and told as there: they are due still."""
        make = self._created if self.record.spec.key_field is not None else self._singly
        results = {result.push_id: result for result in await make(pushes)}
        alone = [self.links.without(push) for push in pushes if blames_links(results[push.push_id])]
        for result in await make(alone) if alone else ():
            if isinstance(result, Accepted):
                result = Exists(result.push_id, result.remote_id)
            results[result.push_id] = result
        return list(results.values())

    async def _created(self, pushes: Sequence[Push]) -> list[PushResult]:
        if not pushes:
            return []
        key = self.record.spec.key_field or ""
        inputs = [self._input(push, {key: push.key or ""}, new=True) for push in pushes]
        rows, errors = await self._sent("create", inputs)
        by_key = {str((row.get("properties") or {}).get(key)): row for row in rows}
        results = {
            push.push_id: self._result(push, by_key.get(str(push.key)), errors.get(str(push.push_id)))
            for push in pushes
        }
        return await self._made_before(pushes, results)

    async def _made_before(self, pushes: Sequence[Push], results: dict[int, PushResult]) -> list[PushResult]:
        """Who has the value already may be what we made before: accepted, unless edited since."""
        key = self.record.spec.key_field or ""
        others = {n: result.remote_id for n, result in results.items() if isinstance(result, Exists)}
        rows = await self.lookup.rows(sorted(set(others.values()))) if others else {}
        for push in pushes:
            row = rows.get(others.get(push.push_id, ""))
            if row is None or str((row.get("properties") or {}).get(key)) != str(push.key):
                continue
            held = self.record.change(row).fields
            if all(written(held.get(name)) == written(value) for name, value in push.fields.items()):
                results[push.push_id] = self._accepted(push, row)
        return list(results.values())

    async def _singly(self, pushes: Sequence[Push]) -> list[PushResult]:
        """One by one: nothing in a batch's answer would tell which is which."""
        done: list[PushResult] = []
        for push in pushes:
            path = self.client.path("objects", self.record.name)
            words = {"properties": self._fields(push), "associations": self.links.made_with(push)}
            status, body = await self._post(path, words)
            good = 200 <= status < 300
            await self._fill([body] if good else [])
            done.append(self._result(push, body if good else None, None if good else body))
        return done

    def _result(
        self, push: Push, row: Mapping[str, Any] | None, error: Mapping[str, Any] | None
    ) -> PushResult:
        if row is not None:
            return self._accepted(push, row)
        if error is None:
            return Uncertain(push.push_id, LOST)
        result = blamed(refused(push, error), push, self.record, error)
        return replace(result, field=self._field_of(result.field)) if isinstance(result, Rejected) else result

    def _field_of(self, property: str | None) -> str | None:
        """The field that a refusal of a property is about."""
        return self.record.words.field_of(property) if self.record.words is not None else property

    # -- updates and deletes ---------------------------------------------------------------------------

    async def _updated(self, pushes: Sequence[Push]) -> list[PushResult]:
        known = [push for push in pushes if str(push.remote_id).isdigit()]
        done: list[PushResult] = [Missing(push.push_id) for push in pushes if push not in known]
        plans = await self.links.planned([push for push in known if self.links.touches(push)])
        done += [plan for plan in plans.values() if not isinstance(plan, list)]
        steps = {n: plan for n, plan in plans.items() if isinstance(plan, list)}
        sound = [push for push in known if push.push_id in steps or push.push_id not in plans]
        named = [push for push in sound if self._fields(push) or push.push_id not in steps]
        results = await self._saved(named) + await self._there([p for p in sound if p not in named])
        return done + await self.links.carried_out(steps, results)

    async def _saved(self, pushes: Sequence[Push]) -> list[PushResult]:
        """Properties."""
        inputs = [{**self._input(push), "id": push.remote_id} for push in pushes]
        rows, errors = await self._sent("update", inputs)
        by_id = {str(row.get("id")): row for row in rows}
        return [
            Rejected(push.push_id, lifecycle.CODE, lifecycle.SAID, self._field_of(lifecycle.STAGE))
            if self._kept(push, by_id)
            else self._result(push, by_id.get(str(push.remote_id)), errors.get(str(push.push_id)))
            for push in pushes
        ]

    def _kept(self, push: Push, rows: Mapping[str, Mapping[str, Any]]) -> bool:
        return lifecycle.kept(self._fields(push), rows.get(str(push.remote_id)))

    async def _there(self, pushes: Sequence[Push]) -> list[PushResult]:
        """Records of which only associations are written: those that are there."""
        plain = Lookup(self.client, replace(self.record, links={}), sees_all=self.lookup.sees_all)
        rows = await plain.rows([str(push.remote_id) for push in pushes])
        there = [push for push in pushes if str(push.remote_id) in rows]
        lost = [Missing(push.push_id) for push in pushes if push not in there]
        return [*lost, *(self._accepted(push, rows[str(push.remote_id)]) for push in there)]

    async def _archived(self, pushes: Sequence[Push]) -> list[PushResult]:
        """HubSpot says nothing of ids that are not there, so they are looked at before."""
        if not pushes:
            return []
        asked = [str(push.remote_id) for push in pushes if str(push.remote_id).isdigit()]
        there = await self.lookup.rows(asked)
        path = self.client.path("objects", self.record.name, "batch", "archive")
        ids = [id for id in asked if id in there]
        if ids:
            status, body = await self._post(path, {"inputs": [{"id": id} for id in ids]})
            if status >= 400:
                raise BatchRefused(category(body) or str(status), f"{self.client.name}: {self.what}: refused")
        return [
            Accepted(push.push_id, str(push.remote_id))
            if str(push.remote_id) in there
            else Missing(push.push_id)
            for push in pushes
        ]

    # -- the wire --------------------------------------------------------------------------------------

    async def _sent(
        self, word: str, inputs: Sequence[Mapping[str, Any]]
    ) -> tuple[list[Mapping[str, Any]], dict[str, Mapping[str, Any]]]:
        """The results, and the errors by trace id."""
        rows: list[Mapping[str, Any]] = []
        errors: dict[str, Mapping[str, Any]] = {}
        path = self.client.path("objects", self.record.name, "batch", word)
        for start in range(0, len(inputs), BATCH):
            status, body = await self._post(path, {"inputs": inputs[start : start + BATCH]})
            if status >= 400:
                text = f"{self.client.name}: {self.what}: HubSpot refused the whole batch"
                raise BatchRefused(category(body) or str(status), text)
            told = self.client.results(body, self.what)
            await self._fill(told)
            rows += told
            for error in body.get("errors") or ():
                for trace in (error.get("context") or {}).get(TRACE) or ():
                    errors[str(trace)] = error
        return rows, errors

    async def _fill(self, rows: Sequence[Mapping[str, Any]]) -> None:
        if self.record.words is not None:
            await self.record.words.fill(rows)

    async def _post(self, path: str, body: Any) -> tuple[int, Any]:
        """The status and body of an answer that speaks of records; raises for all others."""
        answer = await self.client.send(Request("POST", path, JSON, orjson.dumps(body), writes=True))
        told = answer.json(f"{self.client.name}: {self.what}", writes=True)
        if not answer.ok and answer.status not in (400, 404, 409):
            raise self.client.failed(self.what, answer, told, writes=True)
        return answer.status, told if told is not None else {}

    def _input(self, push: Push, more: Mapping[str, str] = NOTHING, *, new: bool = False) -> dict[str, Any]:
        """One input of a batch; a new record comes with its associations."""
        told = {TRACE: str(push.push_id), "properties": {**self._fields(push), **more}}
        linked = self.links.made_with(push) if new else []
        return {**told, "associations": linked} if linked else told

    def _fields(self, push: Push) -> dict[str, str]:
        """The properties."""
        others = {*self.record.links, *self.record.worded}
        plain = {n: written(value) for n, value in push.fields.items() if n not in others}
        return plain | self.said.get(push.push_id, {})

    def _accepted(self, push: Push, row: Mapping[str, Any]) -> Accepted:
        if push.op is PushOp.CREATE:  # its answer does not show what it is associated with: as it was made
            linked = {name: push.fields.get(name) for name in self.record.links}
            row = {**row, "properties": {**linked, **(row.get("properties") or {})}}
        change = self.record.change(row)
        self.own.note(self.record, row)
        return Accepted(push.push_id, change.remote_id, change.remote_version, change.fields, StoredBy.ANSWER)


def _rounds(batch: Sequence[Push]) -> list[list[Push]]:
    """The pushes in rounds that name no record twice: a batch that does is refused."""
    rounds: list[list[Push]] = []
    place: dict[str, int] = {}
    for push in batch:
        name = push.remote_id or f"new {push.key or push.push_id}"
        number = place[name] = place.get(name, -1) + 1
        if number == len(rounds):
            rounds.append([])
        rounds[number].append(push)
    return rounds
