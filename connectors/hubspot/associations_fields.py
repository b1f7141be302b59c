"""Writing fields that are associations: those of a new record in its own create, others after the record.

What stands there is read before, so that labels stay and an edit that nobody saw is not written over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from connectors.hubspot.associations import Associations
from connectors.hubspot.associations_change import Step, Unclear, associated, change
from connectors.hubspot.associations_write import LinkWriter, Refusals
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.record import HubRecord
from syncd.core.errors import RetryLater
from syncd.core.nouns import Accepted, Fields, Push, PushResult, Rejected, Stale, Uncertain


class FieldWriter:
    """Writes the fields of one object's records that are associations."""

    def __init__(self, client: HubSpotClient, record: HubRecord) -> None:
        self.client, self.record = client, record

    def touches(self, push: Push) -> bool:
        """Whether a push writes any."""
        return any(name in self.record.links for name in push.fields)

    def made_with(self, push: Push) -> list[dict[str, Any]]:
        """The associations of a create, as its input has them."""
        links = self.record.links
        wanted = {n: value for n, value in push.fields.items() if n in links and value is not None}
        steps = [associated(links[name], str(value)) for name, value in wanted.items()]
        return [{"to": {"id": one.add}, "types": [type.spec() for type in one.types]} for one in steps]

    def without(self, push: Push) -> Push:
        """A push less its associations."""
        return replace(push, fields={n: v for n, v in push.fields.items() if n not in self.record.links})

    async def planned(self, pushes: Sequence[Push]) -> dict[int, list[Step] | PushResult]:
        """For each push what is to be done, or why nothing of it can be."""
        plans: dict[int, list[Step] | PushResult] = {push.push_id: [] for push in pushes}
        for name, field in self.record.links.items():
            mine = [push for push in pushes if name in push.fields]
            reader = Associations(self.client, self.record.name)
            others = await reader.others(field.to, [str(push.remote_id) for push in mine]) if mine else {}
            for push in mine:
                plan, around = plans[push.push_id], others[str(push.remote_id)]
                if not isinstance(plan, list):
                    continue
                if _moved_since(push, name, field.value(around)):
                    plans[push.push_id] = Stale(push.push_id)
                    continue
                try:
                    plan.append(change(field, around, push.fields[name]))
                except Unclear as error:
                    plans[push.push_id] = Rejected(push.push_id, error.code, str(error), name)
        return plans

    async def carried_out(
        self, plans: Mapping[int, Sequence[Step]], results: Sequence[PushResult]
    ) -> list[PushResult]:
        """The results of writes, once the steps of those that were accepted are done."""
        good = {r.push_id: r for r in results if isinstance(r, Accepted) and r.push_id in plans}
        done: dict[int, PushResult] = dict(good)
        for field in self.record.links.values():
            steps = {n: one for n in good for one in plans[n] if one.field.name == field.name}
            ids = {n: good[n].remote_id for n in steps}
            writer = LinkWriter(self.client, self.record.name, field.to)
            try:
                refused = await _work(writer, steps, ids)
            except RetryLater as error:
                done |= {n: Uncertain(n, str(error)) for n, step in steps.items() if step.add or step.drop}
                continue
            for n, step in steps.items():
                done[n] = _with(done[n], {field.name: step.after})
                why = refused.get((ids[n], step.add or ""))
                if why is not None:
                    said = f"HubSpot refuses the association: {why}; the record may not be there"
                    done[n] = Rejected(n, why, said, field.name)
        return [done.get(result.push_id, result) for result in results]


def blamed(result: PushResult, push: Push, record: HubRecord, error: Mapping[str, Any] | None) -> PushResult:
    """The refusal of a create that names its associations, with the field it means."""
    names = [name for name in push.fields if name in record.links and push.fields[name] is not None]
    said = str((error or {}).get("message") or "")
    if not isinstance(result, Rejected) or result.field or not names or "associations are not" not in said:
        return result
    return replace(result, field=names[0] if len(names) == 1 else None, message=f"{result.message}: {TARGET}")


TARGET = "a record that it is to be associated with may not be there"


def blames_links(result: PushResult) -> bool:
    """Whether a create was refused for its associations alone."""
    return isinstance(result, Rejected) and result.message.endswith(TARGET)


async def _work(writer: LinkWriter, steps: Mapping[int, Step], ids: Mapping[int, str]) -> Refusals:
    refused = await writer.make({(ids[n], one.add): one.types for n, one in steps.items() if one.add})
    kept = [n for n, one in steps.items() if (ids[n], one.add or "") not in refused]
    await writer.drop({(ids[n], id): types for n in kept for id, types in steps[n].drop})
    return refused


def _moved_since(push: Push, name: str, now: Any) -> bool:
    """Whether somebody changed it since it was read last, and not to what is wanted."""
    return name in push.expected and now not in (push.expected[name], push.fields[name])


def _with(result: PushResult, stored: Fields) -> PushResult:
    if not isinstance(result, Accepted):
        return result
    return replace(result, stored={**result.stored, **stored})
