"""Reading changes by SOQL: in the order of (SystemModstamp, Id), deleted and merged records among them.

SystemModstamp is set by the system alone, indexed, and moves with automated changes too; LastModifiedDate
can be dated back. Each page is a query of its own that goes on after the last record, so no place is held
on the server, a record that moves meanwhile is met again at the end, and a thousand records of one stamp
are no tie.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from connectors.salesforce import refresh, soql
from connectors.salesforce.client import SalesforceClient
from connectors.salesforce.cursors import State, cursor
from connectors.salesforce.ids import long_id
from connectors.salesforce.sobject import SObject
from connectors.salesforce.values import stamp
from connectors.salesforce.window import moment_of, window_from
from syncd.core.errors import CursorLost, RetryLater
from syncd.core.nouns import Change, Op, Page

ORDER = "SystemModstamp, Id"
RECENT = timedelta(seconds=2)
"""How far back a narrow poll goes: the second that was not over when the last one read it."""
MOVE_AFTER = timedelta(seconds=30)
"""By which a quiet cursor falls behind before it is worth a page without changes."""
Place = tuple[datetime, str]


class Poll:
    """One poll of one object.

    While much changes, the overlap is many pages: then every other poll is `narrow` and leaves it out.
    A state without an end is one of a first reading, which tells of no deletes. With `again` in it, the time
    of what is known (None: nobody knows), all was read before: deletes and merges since then are told.
    """

    def __init__(
        self,
        client: SalesforceClient,
        sobject: SObject,
        state: State,
        *,
        overlap: float,
        page: int,
    ) -> None:
        self.client, self.sobject, self.page = client, sobject, page
        self.what = f"changes of {sobject.name}"
        try:
            self.window = window_from(state, timedelta(seconds=overlap))
            self.place, self.first = _walk(state.get("walk"))
            self.again, known = "again" in state, moment_of(state.get("again"))
        except (ValueError, TypeError, AttributeError, KeyError):
            raise CursorLost("the cursor cannot be read") from None
        self.fresh = self.window.high is None and self.place is None
        if self.fresh and known is not None:
            self.first = known - self.window.margin
        self.org = str(state.get("org") or "")
        self.kept = {name: state[name] for name in ("refresh",) if name in state}
        self.passive = False
        self.narrow = state.get("narrow") is True
        self._was = self.window.high

    async def pages(self) -> AsyncIterator[tuple[Page, State]]:
        """The pages of this poll, each with the state of its cursor; none where nothing happened."""
        low = self._low() if self.place is None else None
        told = self.place is not None
        while True:
            rows, more, date = await self._ask(low)
            if low is not None or self.fresh:
                self._began(date)
            else:
                self.window.passed(date, self.client.now())
            low = None
            changes = self._news(rows)
            told = told or bool(changes) or more
            if not more:
                break
            self.place = _place(rows[-1])
            yield self._page(changes)
        self.place = self.first = None
        self._rest()
        if told or self._moved():
            yield self._page(changes)

    def _low(self) -> datetime | None:
        """Where to begin; None for the beginning of time."""
        window, last = self.window, self.narrow
        self.narrow = not last and window.high is not None and len(window.marks) > self.page
        if self.narrow and window.high is not None:
            return window.high - RECENT
        return window.since()

    def _page(self, changes: list[Change]) -> tuple[Page, State]:
        state = self.state()
        return Page(changes, cursor(state)), state

    def _rest(self) -> None:
        """All was read once: there is a time to poll on from, also where there is no record."""
        window = self.window
        if window.high is None:
            window.high = window.begins()
        if self.passive and window.date is not None:
            self.kept = {"refresh": refresh.begun(window.date)}
            self.passive = False

    def _began(self, date: datetime | None) -> None:
        """The first page of all: what was deleted before it was never there, unless this reads it again."""
        self.window.began(date, self.client.now())
        if self.fresh and not self.again:
            self.first = self.window.begins()
        self.fresh = False

    async def _ask(self, low: datetime | None) -> tuple[list[Mapping[str, Any]], bool, datetime | None]:
        """The rows of the next page, whether there are more, and the server's clock."""
        query = soql.select(self.sobject.all_fields, self.sobject.name, self._where(low), ORDER, self.page)
        answer, body = await self.client.query(query, self.what, all_rows=True, page=self.page)
        rows = body["records"]
        self.client.must_be_whole(body, self.what)
        if any(stamp(row.get("SystemModstamp")) is None or not row.get("Id") for row in rows):
            raise RetryLater(f"{self.client.name}: {self.what}: a record came without its id or stamp")
        return rows, not body["done"] or len(rows) >= self.page, answer.date()

    def _where(self, low: datetime | None) -> str:
        if self.place is not None:
            return soql.after(*self.place)
        return f"SystemModstamp >= {soql.moment(low)}" if low is not None else ""

    def _news(self, rows: list[Mapping[str, Any]]) -> list[Change]:
        found = []
        for row in rows:
            at, id = _place(row)
            if self.window.is_news(id, at, row):
                change = self.sobject.change(row)
                if change.op is Op.UPSERT or self.first is None or at >= self.first:
                    found.append(change)
        self.window.prune()
        return found

    def _moved(self) -> bool:
        high = self.window.high
        return high is not None and (self._was is None or high - self._was >= MOVE_AFTER)

    def state(self) -> State:
        """Where this poll stands. `passive` fields were read with all others when the first one ended."""
        state = {"mode": "poll", "org": self.org, **self.kept, **self.window.state()}
        state |= {"narrow": True} if self.narrow else {}
        if self.place is not None:
            at, id = self.place
            first = self.first.isoformat() if self.first is not None else None
            state["walk"] = {"at": at.isoformat(), "id": id, "first": first}
        return state


def _place(row: Mapping[str, Any]) -> Place:
    at = stamp(row["SystemModstamp"])
    assert at is not None
    return at, long_id(str(row["Id"]))


def _walk(told: Any) -> tuple[Place | None, datetime | None]:
    if told is None:
        return None, None
    first = told["first"]
    return (datetime.fromisoformat(told["at"]), str(told["id"])), (
        datetime.fromisoformat(first) if first is not None else None
    )
