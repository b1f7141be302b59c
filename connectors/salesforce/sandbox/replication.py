"""getUpdated and getDeleted: what moved between two moments, in minutes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from connectors.salesforce.sandbox.ask import Ask, Task
from connectors.salesforce.sandbox.refusals import Refused
from connectors.salesforce.sandbox.rows import Rows
from connectors.salesforce.sandbox.table import OrgTable
from connectors.salesforce.sandbox.values import moment, written
from connectors.sandboxes.door import Answer
from connectors.sandboxes.faults import Call
from connectors.sandboxes.table import Row

REACH = timedelta(days=30)
MOST = 600_000
Window = tuple[int, int]
"""From, until, in ms since 1970: whole minutes."""


class Replication:
    """The two calls of one org."""

    def __init__(self, rows: Rows) -> None:
        self.rows, self.org = rows, rows.org

    def updated(self, ask: Ask, object: str) -> Task:
        """GET sobjects/X/updated?start=…&end=…"""

        def tell(table: OrgTable, window: Window) -> dict[str, Any]:
            found = [row.id for row in self._between(table, window) if not row.deleted]
            if len(found) > MOST:
                raise Refused("EXCEEDED_ID_LIMIT", f"more than {MOST} ids")
            return {"ids": found, "latestDateCovered": self._covered(window)}

        return self._asked(ask, object, tell)

    def deleted(self, ask: Ask, object: str) -> Task:
        """GET sobjects/X/deleted?start=…&end=…"""

        def tell(table: OrgTable, window: Window) -> dict[str, Any]:
            earliest = self.org.clock.millis() - int(self.org.quirks.bin_days * 86_400_000)
            if window[0] < earliest - earliest % 60_000:
                text = "specified start date cannot be before the earliest date available"
                raise Refused("INVALID_REPLICATION_DATE", text)
            found = [
                {"id": row.id, "deletedDate": written(row.stamp / 1000)}
                for row in self._between(table, window)
                if row.deleted and self.org.binned(row)
            ]
            return {
                "deletedRecords": found,
                "earliestDateAvailable": written(earliest // 1000),
                "latestDateCovered": self._covered(window),
            }

        return self._asked(ask, object, tell)

    def _asked(self, ask: Ask, object: str, tell: Callable[[OrgTable, Window], dict[str, Any]]) -> Task:
        def work() -> Answer:
            return Answer.json(tell(self.rows.table(object), self._window(ask)))

        return Call("list", object), work

    def _window(self, ask: Ask) -> Window:
        try:
            start, end = (
                int(datetime.fromisoformat(moment(ask.query[word].replace(" ", "+"))).timestamp()) // 60 * 60
                for word in ("start", "end")
            )
        except KeyError as word:
            raise Refused("MISSING_ARGUMENT", f"{word.args[0]} not specified") from None
        except ValueError:
            raise Refused("INVALID_REPLICATION_DATE", "start and end must be ISO 8601 dates") from None
        now = self.org.clock.now()
        if start >= end:
            raise Refused("INVALID_REPLICATION_DATE", "startDate before endDate is wanted")
        if start < (now - REACH).timestamp() - 60:
            raise Refused("INVALID_REPLICATION_DATE", "startDate must be within the last 30 days")
        return start * 1000, end * 1000

    def _between(self, table: OrgTable, window: Window) -> list[Row]:
        found: list[Row] = []
        for row in table.after((window[0], -1)):
            if row.stamp >= window[1]:
                break
            if not self.org.hides(table, row):
                found.append(row)
        return found

    def _covered(self, window: Window) -> str:
        latest = self.org.clock.millis() - int(self.org.quirks.covered_lag * 1000)
        return written(min(window[1], latest - latest % 60_000) / 1000)
