"""Formula, roll-up and other records' fields: they change without a stamp, so they are read again on a
timer.

Every `refresh` seconds, by the server's clock, a poll is followed by a walk through all living records of
an object that has such fields mapped, in the order of ids. The records come whole: one that is not known
yet must not look as if it had nothing but its formulas. What did not change is dropped by whoever compares
it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

from connectors.salesforce import soql
from connectors.salesforce.client import SalesforceClient
from connectors.salesforce.cursors import State
from connectors.salesforce.ids import long_id
from connectors.salesforce.sobject import SObject
from syncd.core.nouns import Change

LAST = "last"
AFTER = "after"


def due(told: Mapping[str, Any] | None, now: datetime | None, every: float) -> bool:
    """Whether a walk is due, or one that was broken off is to go on. `told` is what the cursor has of it."""
    if told is None or every <= 0 or now is None:
        return False
    if told.get(AFTER) is not None:
        return True
    return (now - datetime.fromisoformat(told[LAST])).total_seconds() >= every


def begun(now: datetime | None) -> State | None:
    """What a cursor has of it after everything was read."""
    return None if now is None else {LAST: now.isoformat()}


async def walk(
    client: SalesforceClient, sobject: SObject, told: State, now: datetime, page: int
) -> AsyncIterator[tuple[list[Change], State]]:
    """Pages of records, each with what the cursor is to have of it."""
    after, what = str(told.get(AFTER) or ""), f"formulas of {sobject.name}"
    while True:
        living = "IsConverted = false" if "IsConverted" in sobject.columns else ""
        where = soql.both(living, f"Id > {soql.text(after)}" if after else "")
        _, body = await client.query(
            soql.select(sobject.fields, sobject.name, where, "Id", page), what, page=page
        )
        client.must_be_whole(body, what)
        rows = body["records"]
        changes = [sobject.change(row) for row in rows]
        if body["done"] and len(rows) < page:
            yield changes, {LAST: now.isoformat()}
            return
        after = long_id(str(rows[-1]["Id"]))
        yield changes, {**told, AFTER: after}
