"""Servers that replace a whole record: read it, change our fields, send back all that it had."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from connectors.http import Step
from connectors.rest.lookup import Lookup
from connectors.rest.options import WriteWords
from connectors.rest.outcome import Job, Outcome, outcome, same
from connectors.rest.paths import getter, there
from connectors.rest.shape import Shape, header_version
from syncd.core.nouns import Missing, Rejected, Stale


async def replacing(
    lookup: Lookup, shape: Shape, job: Job, words: WriteWords, values: dict[str, Any]
) -> dict[str, Any] | Outcome:
    """The placeholders of a replacing write, or why it is not made.

    A record that moved since it was read is stale: its version says so, or the fields that are written.
    """
    push = job.push
    reply = await lookup.get(push.remote_id or "")
    if reply.verdict is not None:
        gone = reply.verdict.step in (Step.GONE, Step.EMPTY)
        return Missing(push.push_id) if gone else outcome(shape, job, reply)
    item = lookup.record(reply)
    if item is None:
        return Missing(push.push_id)
    version = shape.record.version(item) or header_version(shape.words, reply.answer.headers)
    if push.expected_version is not None and version is not None and version != push.expected_version:
        return Stale(push.push_id)
    now = shape.record.stored(item)
    if any(name in now and not same(now[name], was) for name, was in push.expected.items()):
        return Stale(push.push_id)
    fields = getter(shape.words.record.fields)(item)
    if type(fields) is not dict:
        where = f"`record.fields` ({shape.words.record.fields}); {there(item)}"
        return Rejected(push.push_id, "no_fields", f"the record that was read has no fields at {where}")
    whole = deepcopy(fields)
    for name in words.without:
        whole.pop(name, None)
    for name, value in shape.record.put(job.fields).items():
        whole |= _over(whole, name, value) if isinstance(value, dict) else {name: value}
    return {**values, "values": whole, "version": shape.version_value(version or push.expected_version)}


def _over(whole: dict[str, Any], name: str, value: dict[str, Any]) -> dict[str, Any]:
    """A nested value over what is there, key by key."""
    old = whole.get(name)
    if not isinstance(old, dict):
        return {name: value}
    merged = dict(old)
    for key, inner in value.items():
        merged |= _over(merged, key, inner) if isinstance(inner, dict) else {key: inner}
    return {name: merged}
