"""Writing associations that are records of their own: made, labelled, removed.

To make one twice does no harm, so one whose answer was lost is simply made again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connectors.hubspot.associations import Associations, Type
from connectors.hubspot.associations_pairs import (
    FROM,
    LABEL,
    LABELS,
    TO,
    Sides,
    fields_of,
    own_labels,
    pair_of,
)
from connectors.hubspot.associations_stream import AssociationReader
from connectors.hubspot.associations_write import LinkWriter, Pair
from connectors.hubspot.client import HubSpotClient
from syncd.core.errors import RetryLater
from syncd.core.nouns import (
    Accepted,
    Deferred,
    Exists,
    Missing,
    Push,
    PushOp,
    PushResult,
    Rejected,
    Stale,
    StoredBy,
    Uncertain,
)

Present = Mapping[Pair, frozenset[Type]]
REMOVES = (PushOp.DELETE, PushOp.ARCHIVE)
MOVED = (
    "an association is of the two records that it was made between: change it back where it was edited, or "
    "delete it there and make a new one"
)
ENDS = "an association needs the records at both its ends"
UNKNOWN = "HubSpot has no such label between these objects; create it there"
SEVERAL = "several labels stand there, and one field cannot say which of them to replace; map `labels`"


class AssociationWriter:
    """Writes one object of associations."""

    def __init__(self, client: HubSpotClient, reader: AssociationReader, sides: Sides) -> None:
        self.client, self.reader, self.sides = client, reader, sides
        self.one, self.other = reader.one, reader.other
        self.links = LinkWriter(client, self.one, self.other)

    async def write(self, batch: Sequence[Push]) -> list[PushResult]:
        """One result for each push."""
        if any(not set(_labels(push, ())) <= self.sides.labels.keys() for push in batch):
            self.sides = await self.reader.sides(anew=True)  # a label may have been made since
        pairs = {push.push_id: _pair(push) for push in batch}
        present = await self._present([pair for pair in pairs.values() if pair is not None])
        done: dict[int, PushResult] = {}
        steps: dict[int, tuple[Push, Pair, list[str]]] = {}
        firsts: dict[Pair, Push] = {}
        for push in batch:
            pair = pairs[push.push_id]
            if pair is None:
                found: PushResult | list[str] = _pairless(push)
            elif (first := firsts.setdefault(pair, push)) is not push:
                found = _second(push, first, pair)
            else:
                found = self._judged(push, pair, present)
            if isinstance(found, list) and pair is not None:
                steps[push.push_id] = (push, pair, found)
            elif not isinstance(found, list):
                done[push.push_id] = found
        return [*done.values(), *await self._carried_out(list(steps.values()), present)]

    async def _present(self, pairs: Sequence[Pair]) -> Present:
        """Of these pairs those that are associated."""
        ones = list(dict.fromkeys(one for one, _ in pairs))
        around = await Associations(self.client, self.one).others(self.other, ones)
        return {pair: around[pair[0]][pair[1]] for pair in pairs if pair[1] in around[pair[0]]}

    def _judged(self, push: Push, pair: Pair, present: Present) -> PushResult | list[str]:
        """The labels that shall stand, or the result where nothing is to be done."""
        n, there = push.push_id, present.get(pair)
        if push.op is not PushOp.CREATE and there is None:
            return Missing(n)
        if push.op in REMOVES:
            return []
        held = own_labels(there or ())
        labels = _labels(push, held)
        for name in (FROM, TO):
            if push.op is PushOp.UPDATE and push.fields.get(name, pair[name == TO]) != pair[name == TO]:
                return Rejected(n, "READ_ONLY_VALUE", MOVED, name)
        if not set(labels) <= self.sides.labels.keys():
            return Rejected(n, "INVALID_OPTION", UNKNOWN, LABEL if LABEL in push.fields else LABELS)
        now = fields_of(*pair, held)
        if push.op is PushOp.UPDATE and any(
            name in push.expected and now[name] not in (push.expected[name], value)
            for name, value in push.fields.items()
        ):
            return Stale(n)
        if push.op is PushOp.UPDATE and LABEL in push.fields and len(held) > 1:
            return Rejected(n, "SEVERAL_LABELS", SEVERAL, LABEL)
        if there is not None and labels == held:
            return self._accepted(push, pair, labels)
        if there is not None and push.op is PushOp.CREATE:
            return Exists(n, "-".join(pair))
        return labels

    async def _carried_out(
        self, steps: Sequence[tuple[Push, Pair, list[str]]], present: Present
    ) -> list[PushResult]:
        gone: dict[Pair, Sequence[Type] | None] = {
            pair: None for push, pair, _ in steps if push.op in REMOVES
        }
        made = {pair: self._types(labels) for push, pair, labels in steps if pair not in gone}
        less = {
            pair: [type for type in present.get(pair, ()) if type.own and type.label not in labels]
            for _, pair, labels in steps
            if pair not in gone
        }
        try:
            refused = await self.links.make(made)
            await self.links.drop({**gone, **{pair: types for pair, types in less.items() if types}})
        except RetryLater as error:
            if not error.uncertain:
                raise
            return [_put_off(push, error) for push, _, _ in steps]
        return [
            Rejected(push.push_id, refused[pair], "HubSpot refuses it; one of the two may not be there")
            if pair in refused
            else self._accepted(push, pair, labels)
            for push, pair, labels in steps
        ]

    def _types(self, labels: Sequence[str]) -> list[Type]:
        """The types of these labels; the one without a label where there are none."""
        found = [self.sides.labels[label] for label in labels]
        return found or [type for type in self.sides.types if type.label is None][:1]

    def _accepted(self, push: Push, pair: Pair, labels: Sequence[str]) -> Accepted:
        told = {name: value for name, value in fields_of(*pair, labels).items() if name in push.fields}
        return Accepted(push.push_id, "-".join(pair), None, told, StoredBy.ANSWER)


def _put_off(push: Push, error: RetryLater) -> PushResult:
    """After an answer that was lost: the same create once more makes nothing double."""
    return Deferred(push.push_id) if push.op is PushOp.CREATE else Uncertain(push.push_id, str(error))


def _pair(push: Push) -> Pair | None:
    if push.op is not PushOp.CREATE:
        return pair_of(str(push.remote_id))
    one, other = push.fields.get(FROM), push.fields.get(TO)
    return None if one is None or other is None else pair_of(f"{one}-{other}")


def _second(push: Push, first: Push, pair: Pair) -> PushResult:
    """One more push of a pair in the same call: it stands only once, one thing at a time is done to it."""
    if push.op is PushOp.CREATE and first.op not in REMOVES:
        return Exists(push.push_id, "-".join(pair))
    return Deferred(push.push_id)


def _pairless(push: Push) -> PushResult:
    if push.op is not PushOp.CREATE:
        return Missing(push.push_id)
    return Rejected(push.push_id, "REQUIRED_FIELD", ENDS, FROM if push.fields.get(FROM) is None else TO)


def _labels(push: Push, held: Sequence[str]) -> list[str]:
    """The labels that a push wants; those that stand where it says nothing of them."""
    if LABELS in push.fields:
        return sorted({str(one) for one in push.fields[LABELS] or ()})
    if LABEL in push.fields:
        return [str(push.fields[LABEL])] if push.fields[LABEL] is not None else []
    return list(held)
