"""CRM objects in batches of 100: results in an order of their own; by trace ids each input on its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

from connectors.hubspot.sandbox.ask import Ask, Task, listed
from connectors.hubspot.sandbox.objects import HISTORY_PAGE, PAGE, Objects
from connectors.hubspot.sandbox.refusals import Refused, missing, vendor, wrong
from connectors.hubspot.sandbox.table import HubTable
from connectors.hubspot.sandbox.values import iso
from connectors.sandboxes.door import Answer
from connectors.sandboxes.faults import Call
from connectors.sandboxes.shape import Refusal
from connectors.sandboxes.table import Row
from connectors.sandboxes.world import Moment

Input = Mapping[str, Any]
Do = Callable[[Moment], tuple[Row, bool]]
"""Writes one input, all looked at before; the record, and whether it is new."""
TRACE = "objectWriteTraceId"


@dataclass(slots=True)
class Outcome:
    """What came of the inputs: results with a key to order them by, and errors."""

    results: list[dict[str, Any]]
    errors: list[dict[str, Any]]


class Batches:
    """The routes `objects/X/batch/…`."""

    def __init__(self, objects: Objects) -> None:
        self.objects = objects
        self.portal, self.face = objects.portal, objects.face

    # reading -----------------------------------------------------------------------------------------------

    def read(self, ask: Ask, object: str) -> Task:
        """POST objects/X/batch/read; ids that are not there come as one error, with 207."""
        table = self.portal.named(object)

        def work() -> Answer:
            body = ask.json()
            inputs = ask.inputs(HISTORY_PAGE if listed(body, "propertiesWithHistory") else PAGE)
            key, archived = str(body.get("idProperty") or ""), ask.flag("archived")
            rows, lost = dict[str, Row](), list[str]()
            for id in dict.fromkeys(str(one.get("id")) for one in inputs):
                row = self._found(table, id, key)
                if row is None or row.deleted != archived:
                    lost.append(id)
                else:
                    rows[row.id] = row
            results = [self._shown(body, table, row) for row in rows.values()]
            return self.answer(call, Outcome(results, self._lost(table, lost)), 200)

        call = Call("ids", table.name, ids(ask))
        return call, self.objects.scopes(table, "read"), work

    def _found(self, table: HubTable, id: str, key: str) -> Row | None:
        if key not in ("", "hs_object_id"):
            return self.objects.by_key(table, key, id)
        return (self.portal.at if self.portal.quirks.batch_merged else self.portal.find)(table, id)

    def _shown(self, body: Input, table: HubTable, row: Row) -> dict[str, Any]:
        history = listed(body, "propertiesWithHistory")
        names = self.face.names(table, [*listed(body, "properties"), *history])
        told = self.face.record(table, row, names)
        return {**told, "propertiesWithHistory": self.face.history(table, row, history)} if history else told

    def _lost(self, table: HubTable, lost: list[str]) -> list[dict[str, Any]]:
        if not lost:
            return []
        text = f"Could not get some {table.shape.singular.upper()} objects, they may be deleted or not exist."
        return [missing(f"{text} Check that ids are valid.").one({"ids": lost})]

    # writing -----------------------------------------------------------------------------------------------

    def create(self, ask: Ask, object: str) -> Task:
        """POST objects/X/batch/create."""

        def plan(table: HubTable, one: Input) -> Do:
            fields = self.objects.properties(one)
            self.portal.saver.begun(table, fields, "api")
            self.objects.check_associations(table, one.get("associations"))

            def do(moment: Moment) -> tuple[Row, bool]:
                row = self.portal.create(table, fields, moment)
                self.objects.associate(table, row, one.get("associations"), moment)
                return row, True

            return do

        return self._written(ask, object, "create", plan, 201)

    def update(self, ask: Ask, object: str) -> Task:
        """POST objects/X/batch/update; ids that were merged away are not found."""

        def plan(table: HubTable, one: Input) -> Do:
            id, key, fields = self._key(one), str(one.get("idProperty") or ""), self.objects.properties(one)
            by_id = key in ("", "hs_object_id")
            row = self.portal.find(table, id) if by_id else self.objects.by_key(table, key, id)
            if row is None or row.deleted:
                raise missing(self._lost(table, [id])[0]["message"], context={"ids": [id]})
            return self._updates(table, row, fields)

        return self._written(ask, object, "update", plan, 200)

    def upsert(self, ask: Ask, object: str) -> Task:
        """POST objects/X/batch/upsert, by a unique property."""

        def plan(table: HubTable, one: Input) -> Do:
            id, key, fields = self._key(one), str(one.get("idProperty") or ""), self.objects.properties(one)
            if key in ("", "hs_object_id"):
                row = self.portal.find(table, id)
                if row is None or row.deleted:
                    raise missing(self._lost(table, [id])[0]["message"], context={"ids": [id]})
                return self._updates(table, row, fields)
            row = self.objects.by_key(table, key, id)
            if row is not None:
                return self._updates(table, row, fields)
            whole = {key: id, **fields}
            self.portal.saver.begun(table, whole, "api")
            return lambda moment: (self.portal.create(table, whole, moment), True)

        return self._written(ask, object, "upsert", plan, 200)

    def _key(self, one: Input) -> str:
        if one.get("id") in (None, ""):
            raise wrong("Some required fields were not set: [id]")
        return str(one["id"])

    def _updates(self, table: HubTable, row: Row, fields: dict[str, Any]) -> Do:
        self.portal.vet(table, fields, row)

        def do(moment: Moment) -> tuple[Row, bool]:
            self.portal.update(table, row, fields, moment)
            return row, False

        return do

    def archive(self, ask: Ask, object: str) -> Task:
        """POST objects/X/batch/archive: 204; ids that are not there are ignored."""
        table = self.portal.named(object)

        def work() -> Answer:
            moment = self.portal.moment()
            for one in ask.inputs():
                row = self.portal.find(table, str(one.get("id")))
                if row is not None and not row.deleted:
                    self.portal.delete(table, row, moment)
            return Answer(204)

        call = Call("archive.batch", table.name, ids(ask), writes=True)
        return call, self.objects.scopes(table, "write"), work

    def _written(
        self, ask: Ask, object: str, what: str, plan: Callable[[HubTable, Input], Do], status: int
    ) -> Task:
        table = self.portal.named(object)
        call = Call(f"{what}.batch", table.name, ids(ask), writes=True)

        def work() -> Answer:
            inputs = ask.inputs()
            self._check(table, call, inputs, what)
            traced = bool(inputs) and all(one.get(TRACE) for one in inputs)
            do = self._each if traced else self._whole
            return self.answer(call, do(table, call, inputs, plan, what == "upsert"), status)

        return call, self.objects.scopes(table, "write"), work

    def _check(self, table: HubTable, call: Call, inputs: Sequence[Input], what: str) -> None:
        """`Refused` for inputs that name one record, or one trace id, twice; and for poison."""
        for one in inputs:
            self.objects.properties(one)
        keys = [(one.get("idProperty") or "", str(one.get("id"))) for one in inputs if one.get("id")]
        twice = sorted({id for key, id in keys if keys.count((key, id)) > 1})
        if twice and what != "create":
            raise wrong(f"Duplicate IDs found in batch input: [{', '.join(twice)}]. IDs must be unique")
        traces = [one[TRACE] for one in inputs if one.get(TRACE)]
        if len(set(map(str, traces))) < len(traces):
            raise wrong(f"{TRACE} must be unique in a batch")
        for fault in self.portal.faults.standing("poison"):
            field, value = str(fault.args.get("field")), fault.args.get("value")
            bad = any((one.get("properties") or {}).get(field) == value for one in inputs)
            if bad and fault.takes(call) and fault.fire():
                raise wrong("One of the inputs is wrong, nothing was done")

    def _each(
        self, table: HubTable, call: Call, inputs: Sequence[Input], plan: Callable[..., Do], upsert: bool
    ) -> Outcome:
        """Each input on its own."""
        outcome, moment = Outcome([], []), self.portal.moment()
        partial = self.portal.faults.take("partial", call)
        for place, one in enumerate(inputs):
            try:
                if partial is not None and place in partial.args.get("rows", range(1, len(inputs), 2)):
                    status = int(partial.args.get("status", 500))
                    raise Refused(status, "INTERNAL_ERROR", "internal error")
                row, new = plan(table, one)(moment)
                outcome.results.append(self._result(table, row, one, new if upsert else None))
            except Refusal as refusal:
                outcome.errors.append(vendor(refusal).one({TRACE: [str(one[TRACE])]}))
        return outcome

    def _whole(
        self, table: HubTable, call: Call, inputs: Sequence[Input], plan: Callable[..., Do], upsert: bool
    ) -> Outcome:
        """All, or none with the first error."""
        if self.portal.faults.take("partial", call) is not None:
            raise Refused(500, "INTERNAL_ERROR", "internal error")
        self._check_among(table, inputs)
        plans, moment = [plan(table, one) for one in inputs], self.portal.moment()
        done = [(one, *do(moment)) for one, do in zip(inputs, plans, strict=True)]
        results = [self._result(table, row, one, new if upsert else None) for one, row, new in done]
        return Outcome(results, [])

    def _check_among(self, table: HubTable, inputs: Sequence[Input]) -> None:
        """`Refused` where two inputs bring the same e-mail or unique value."""
        for name in (*table.mails, *table.unique):
            values = [str((one.get("properties") or {}).get(name) or "").strip().lower() for one in inputs]
            given = [value for value in values if value]
            if len(set(given)) < len(given):
                raise wrong(f"Duplicate values found in batch input for property {name}")

    def _result(self, table: HubTable, row: Row, one: Input, new: bool | None) -> dict[str, Any]:
        told = self.face.written(table, row, self.objects.properties(one))
        if new is not None:
            told["new"] = new
        if self.portal.quirks.trace_in_results and one.get(TRACE):
            told[TRACE] = one[TRACE]
        return told

    # the envelope ------------------------------------------------------------------------------------------

    def answer(self, call: Call, outcome: Outcome, status: int) -> Answer:
        """The results in no order of the inputs, with errors as 207."""
        results, faults = outcome.results, self.portal.faults
        if self.portal.quirks.unordered and len(results) > 1:
            self.portal.fired("unordered")
            results = sorted(results, key=lambda one: crc32(str(one["id"]).encode()))
        if faults.take("shuffle", call):
            results = results[1::2] + results[::2]
        if (fault := faults.take("fewer", call)) is not None:
            results = results[: -int(fault.args.get("count", 1))]
        told = enveloped(results, self.portal.clock.millis())
        if outcome.errors:
            told |= {"numErrors": len(outcome.errors), "errors": outcome.errors}
        return Answer.json(told, 207 if outcome.errors else status)


def enveloped(results: Sequence[Any], now: int) -> dict[str, Any]:
    """What every batch answers."""
    at = iso(now)
    return {
        "status": "COMPLETE",
        "results": results,
        "requestedAt": at,
        "startedAt": at,
        "completedAt": at,
    }


def ids(ask: Ask) -> tuple[str, ...]:
    """The ids that a batch names, for faults and counts."""
    try:
        found = ask.inputs(1 << 20)
    except Refusal:
        return ()
    return tuple(str(one["id"]) for one in found if one.get("id") is not None)
