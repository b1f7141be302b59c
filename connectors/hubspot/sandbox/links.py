"""Associations v4: read, made, labelled and removed, one at a time and in batches; and their labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from connectors.hubspot.sandbox.ask import Ask, Task
from connectors.hubspot.sandbox.associations import Pair, Type
from connectors.hubspot.sandbox.batch import enveloped
from connectors.hubspot.sandbox.objects import Objects, paging
from connectors.hubspot.sandbox.refusals import Refused, missing, vendor, wrong
from connectors.hubspot.sandbox.table import HubTable
from connectors.sandboxes.door import Answer
from connectors.sandboxes.faults import Call
from connectors.sandboxes.shape import Refusal
from connectors.sandboxes.table import Row
from connectors.sandboxes.world import Moment

READ, WRITE, ARCHIVE, PAGE = 100, 2000, 100, 500
"""Inputs of a batch read (changelog of January 2025; the guide still says 1,000), create, archive;
associations on a page (associations guide)."""
Ends = tuple[HubTable, HubTable]


class Links:
    """The routes `objects/X/ID/associations/…` and `associations/X/Y/…`."""

    def __init__(self, objects: Objects) -> None:
        self.objects, self.portal = objects, objects.portal

    # shared ------------------------------------------------------------------------------------------------

    def _ends(self, one: str, other: str) -> Ends:
        return self.portal.named(one), self.portal.named(other)

    def _scopes(self, ends: Ends, right: str) -> tuple[str, ...]:
        return self.objects.scopes(ends[0], right)

    def _row(self, table: HubTable, id: Any) -> Row:
        row = self.portal.at(table, str(id))
        if row is None or row.deleted:
            raise missing(f"{table.shape.singular} {id} does not exist")
        return row

    def _rows(self, ends: Ends, one: Any, other: Any) -> tuple[str, str]:
        return self._row(ends[0], one).id, self._row(ends[1], other).id

    def _types(self, pair: Pair, specs: Any) -> list[Type]:
        try:
            wants = [(spec["associationCategory"], spec["associationTypeId"]) for spec in specs]
        except (KeyError, TypeError):
            raise wrong("types must be [{associationCategory, associationTypeId}]") from None
        return [self.portal.associations.type(pair, *want) for want in wants]

    def _id(self, id: str) -> int | str:
        return int(id) if self.portal.quirks.integer_ids else id

    def _shown(self, id: str, types: Iterable[Type]) -> dict[str, Any]:
        told = [type.told() for type in sorted(types, key=lambda one: one.id)]
        return {"toObjectId": self._id(id), "associationTypes": told}

    def _labels(self, ends: Ends, ids: tuple[str, str], types: Iterable[Type]) -> dict[str, Any]:
        return {
            "fromObjectTypeId": ends[0].shape.type_id,
            "fromObjectId": self._id(ids[0]),
            "toObjectTypeId": ends[1].shape.type_id,
            "toObjectId": self._id(ids[1]),
            "labels": [type.label for type in types if type.label is not None],
        }

    # one at a time -----------------------------------------------------------------------------------------

    def listed(self, ask: Ask, object: str, id: str, to: str) -> Task:
        """GET objects/X/ID/associations/Y."""
        ends = self._ends(object, to)

        def work() -> Answer:
            limit, after = ask.whole("limit", PAGE, PAGE), ask.said("after", "0")
            limit = self.portal.capped(limit)
            row = self._row(ends[0], id)
            found = self.portal.associated(ends[0].name, row.id, ends[1].name)
            others = sorted((other for other in found if int(other) >= int(after or 0)), key=int)
            results = [self._shown(other, found[other]) for other in others[:limit]]
            more = paging(ask, others[limit] if len(others) > limit else None)
            return Answer.json({"results": results, **more})

        return Call("associations.list", ends[0].name, (id,)), self._scopes(ends, "read"), work

    def default(self, ask: Ask, object: str, id: str, to: str, other: str) -> Task:
        """PUT objects/X/ID/associations/default/Y/ID: without a label; the same twice is no error."""
        ends = self._ends(object, to)

        def work() -> Answer:
            results = self._default(ends, id, other, self.portal.moment())
            return Answer.json(enveloped(results, self.portal.clock.millis()))

        return self._write("associate", ends, id), self._scopes(ends, "write"), work

    def _default(self, ends: Ends, id: Any, other: Any, moment: Moment) -> list[dict[str, Any]]:
        ids, pair = self._rows(ends, id, other), (ends[0].name, ends[1].name)
        self.portal.associate(pair, ids, (), moment)
        type = self.portal.associations.plain(pair)
        both = ((ids, type.id), (ids[::-1], type.inverse))
        return [
            {
                "from": {"id": at[0]},
                "to": {"id": at[1]},
                "associationSpec": {"associationCategory": type.category, "associationTypeId": number},
            }
            for at, number in both
        ]

    def _write(self, route: str, ends: Ends, id: str = "") -> Call:
        return Call(f"{route}.associations", ends[0].name, (id,) if id else (), writes=True)

    def label(self, ask: Ask, object: str, id: str, to: str, other: str) -> Task:
        """PUT objects/X/ID/associations/Y/ID: with exactly these labels."""
        ends = self._ends(object, to)

        def work() -> Answer:
            return Answer.json(self._label(ends, id, other, ask.any_json(), self.portal.moment()), 201)

        return self._write("associate", ends, id), self._scopes(ends, "write"), work

    def _label(self, ends: Ends, id: Any, other: Any, specs: Any, moment: Moment) -> dict[str, Any]:
        pair = (ends[0].name, ends[1].name)
        types, ids = self._types(pair, specs), self._rows(ends, id, other)
        self.portal.associate(pair, ids, types, moment, whole=True)
        return self._labels(ends, ids, types)

    def remove(self, ask: Ask, object: str, id: str, to: str, other: str) -> Task:
        """DELETE objects/X/ID/associations/Y/ID: 204, also where nothing stands between them."""
        ends = self._ends(object, to)

        def work() -> Answer:
            self._remove(ends, id, other, self.portal.moment())
            return Answer(204)

        return self._write("dissociate", ends, id), self._scopes(ends, "write"), work

    def _remove(self, ends: Ends, id: Any, other: Any, moment: Moment) -> None:
        ids = (ends[0].resolve(str(id)), ends[1].resolve(str(other)))
        gone = self.portal.associations.remove((ends[0].name, ends[1].name), ids)
        self.portal.tell_associations(gone, moment)

    # batches -----------------------------------------------------------------------------------------------

    def read(self, ask: Ask, object: str, to: str) -> Task:
        """POST associations/X/Y/batch/read."""
        ends = self._ends(object, to)

        def one(words: Mapping[str, Any]) -> dict[str, Any]:
            id = ends[0].resolve(str(words.get("id")))
            found = self.portal.associated(ends[0].name, id, ends[1].name)
            if not found:
                text = f"No {ends[1].shape.singular} is associated with {ends[0].shape.singular} {id}."
                raise missing(text, context={"fromObjectId": [id]})
            start, limit = int(words.get("after") or 0), self.portal.capped(PAGE)
            others = [other for other in sorted(found, key=int) if int(other) >= start]
            shown = [self._shown(other, found[other]) for other in others[:limit]]
            told: dict[str, Any] = {"from": {"id": str(words.get("id"))}, "to": shown}
            return told | paging(ask, others[limit] if len(others) > limit else None)

        call = Call("associations.ids", ends[0].name)

        def work() -> Answer:
            return self._batch(call, ask.inputs(READ), one, 200)

        return call, self._scopes(ends, "read"), work

    def _batch(
        self,
        call: Call,
        inputs: Iterable[Mapping[str, Any]],
        one: Callable[[Mapping[str, Any]], dict[str, Any]],
        status: int,
    ) -> Answer:
        results, errors, faults = list[dict[str, Any]](), [], self.portal.faults
        partial = faults.take("partial", call)
        for place, words in enumerate(inputs):
            try:
                if partial is not None and place % 2:
                    raise Refused(500, "INTERNAL_ERROR", "internal error")
                results.append(one(words))
            except Refusal as refusal:
                errors.append(vendor(refusal).one({}))
        if (fault := faults.take("fewer", call)) is not None:
            results = results[: -int(fault.args.get("count", 1))]
        told = enveloped(results, self.portal.clock.millis())
        if errors:
            told |= {"numErrors": len(errors), "errors": errors}
        return Answer.json(told, 207 if errors else status)

    def create(self, ask: Ask, object: str, to: str) -> Task:
        """POST associations/X/Y/batch/create: with labels."""
        ends = self._ends(object, to)
        call = self._write("associate", ends)

        def work() -> Answer:
            moment = self.portal.moment()

            def one(words: Mapping[str, Any]) -> dict[str, Any]:
                ids = _ends_of(words)
                return self._label(ends, *ids, words.get("types"), moment)

            return self._batch(call, ask.inputs(WRITE), one, 201)

        return call, self._scopes(ends, "write"), work

    def defaults(self, ask: Ask, object: str, to: str) -> Task:
        """POST associations/X/Y/batch/associate/default."""
        ends = self._ends(object, to)

        def work() -> Answer:
            moment, results = self.portal.moment(), []
            for words in ask.inputs(WRITE):
                results += self._default(ends, *_ends_of(words), moment)
            return Answer.json(enveloped(results, self.portal.clock.millis()))

        return self._write("associate", ends), self._scopes(ends, "write"), work

    def archive(self, ask: Ask, object: str, to: str) -> Task:
        """POST associations/X/Y/batch/archive: all types between the pairs."""
        ends = self._ends(object, to)

        def work() -> Answer:
            moment = self.portal.moment()
            for words in ask.inputs(ARCHIVE):
                others = words.get("to") or []
                for other in others if isinstance(others, list) else [others]:
                    self._remove(ends, *_ends_of({**words, "to": other}), moment)
            return self._gone(ask)

        return self._write("dissociate", ends), self._scopes(ends, "write"), work

    def archive_labels(self, ask: Ask, object: str, to: str) -> Task:
        """POST associations/X/Y/batch/labels/archive: these types; with the unlabelled one all."""
        ends = self._ends(object, to)
        pair = (ends[0].name, ends[1].name)

        def work() -> Answer:
            moment = self.portal.moment()
            for words in ask.inputs(ARCHIVE):
                one, other = _ends_of(words)
                ids = (ends[0].resolve(str(one)), ends[1].resolve(str(other)))
                for type in self._types(pair, words.get("types")):
                    gone = self.portal.associations.take(pair, ids, type)
                    self.portal.tell_associations(gone, moment)
            return self._gone(ask)

        return self._write("dissociate", ends), self._scopes(ends, "write"), work

    def _gone(self, ask: Ask) -> Answer:
        """204; dated versions answer a batch."""
        return Answer.json(enveloped([], self.portal.clock.millis())) if ask.dated else Answer(204)

    # labels ------------------------------------------------------------------------------------------------

    def labels(self, ask: Ask, object: str, to: str) -> Task:
        """GET associations/X/Y/labels."""
        ends = self._ends(object, to)

        def work() -> Answer:
            found = self.portal.associations.types.get((ends[0].name, ends[1].name), ())
            return Answer.json({"results": [type.told() for type in found]})

        return Call("schema", ends[0].name), self._scopes(ends, "read"), work

    def make_label(self, ask: Ask, object: str, to: str) -> Task:
        """POST associations/X/Y/labels."""
        ends = self._ends(object, to)

        def work() -> Answer:
            body = ask.json()
            if not body.get("label") or not body.get("name"):
                raise wrong("Some required fields were not set: [label, name]")
            pair = (ends[0].name, ends[1].name)
            made = self.portal.associations.make_label(pair, body["label"], body.get("inverseLabel"))
            return Answer.json({"results": [type.told() for type in made]})

        return Call("schema", ends[0].name, writes=True), self._scopes(ends, "write"), work

    def drop_label(self, ask: Ask, object: str, to: str, id: str) -> Task:
        """DELETE associations/X/Y/labels/ID."""
        ends = self._ends(object, to)

        def work() -> Answer:
            number = int(id) if id.isdigit() else -1
            self.portal.associations.drop_label((ends[0].name, ends[1].name), number)
            return Answer(204)

        return Call("schema", ends[0].name, writes=True), self._scopes(ends, "write"), work


def _ends_of(words: Mapping[str, Any]) -> tuple[str, str]:
    try:
        return str(words["from"]["id"]), str(words["to"]["id"])
    except (KeyError, TypeError):
        raise wrong("an input needs from: {id} and to: {id}") from None
