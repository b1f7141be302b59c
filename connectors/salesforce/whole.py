"""Everything of an object, for first reads and sweeps: by SOQL, or by a bulk job where there is much."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from connectors.salesforce import soql
from connectors.salesforce.bulk import BulkQuery, Job
from connectors.salesforce.client import SalesforceClient
from connectors.salesforce.cursors import State, cursor
from connectors.salesforce.ids import long_id
from connectors.salesforce.lookup import Lookup
from connectors.salesforce.values import stamp
from syncd.core.errors import RetryLater, SchemaMoved
from syncd.core.nouns import Cursor, Op, Page

Rows = Sequence[Mapping[str, Any]]


class Whole:
    """Reads all living records of one object."""

    def __init__(
        self, client: SalesforceClient, lookup: Lookup, bulk: BulkQuery, *, page: int, overlap: float
    ) -> None:
        self.client, self.lookup, self.sobject, self.bulk = client, lookup, lookup.sobject, bulk
        self.page, self.overlap = page, timedelta(seconds=overlap)

    async def is_large(self, above: int) -> bool:
        """Whether there are more than so many records: one call, none where it cannot matter.

        What cannot be counted in time is large; an org that does not answer will not make a job either.
        """
        if above <= 0:
            return False
        try:
            _, body = await self.client.query(self._query(("COUNT()",)), f"count of {self.sobject.name}")
        except SchemaMoved:
            raise
        except RetryLater:
            return True
        return int(body.get("totalSize") or 0) > above

    # -- sweeps ----------------------------------------------------------------------------------------

    async def scan(self) -> AsyncIterator[Page]:
        """In the order of ids, each page a query of its own, so that none is older than its request."""
        after, what = "", f"scan of {self.sobject.name}"
        while True:
            where = f"Id > {soql.text(after)}" if after else ""
            query = self._query(self.sobject.fields, where, "Id", self.page)
            _, body = await self.client.query(query, what, page=self.page)
            rows: Rows = body["records"]
            last = bool(body["done"]) and len(rows) < self.page
            self.client.must_be_whole(body, what)
            yield Page([self.sobject.change(row) for row in rows], Cursor(""), complete=last)
            if last:
                return
            after = long_id(str(rows[-1]["Id"]))

    async def scan_in_bulk(self) -> AsyncIterator[Page]:
        """By one job. What moved since the job began is read by its id, lest it be told as it was."""
        yield Page([], Cursor(""))  # to count may have taken all the time of a call
        job = await self.bulk.create(self._bulk_query())
        done = job
        async for seen in self.bulk.waiting(job.id):
            if seen is None or seen.failed:
                raise RetryLater(f"{self.client.name}: the bulk job of a sweep did not end well", 60.0)
            if not seen.done:
                yield Page([], Cursor(""))
            done = seen
        locator, came = "", 0
        while True:
            moved = await self._moved_since(job.created)
            rows, locator = await self.bulk.results(job.id, locator)
            came += len(rows)
            changes = [self.sobject.change(row) for row in rows]
            still = [change for change in changes if change.remote_id not in moved]
            again = await self.lookup.by_id([c.remote_id for c in changes if c.remote_id in moved])
            fresh = [self.sobject.change(row) for row in again.values()]
            yield Page(
                [*still, *(change for change in fresh if change.op is Op.UPSERT)],
                Cursor(""),
                complete=not locator and done.is_whole(came),
            )
            if not locator:
                break
        if not done.is_whole(came):
            async for page in self.scan():
                yield page

    async def _moved_since(self, created: datetime | None) -> set[str]:
        """Records that changed or went since: what a job shows of them may be what they were."""
        if created is None or not self.sobject.ordered:
            return set()
        place: tuple[datetime, str] | None = None
        ids: set[str] = set()
        start = created - self.overlap
        while True:
            where = soql.after(*place) if place else f"SystemModstamp >= {soql.moment(start)}"
            query = self._query(("Id", "SystemModstamp"), where, "SystemModstamp, Id", self.page, live=False)
            what = f"changes of {self.sobject.name}"
            _, body = await self.client.query(query, what, all_rows=True, page=self.page)
            self.client.must_be_whole(body, what)
            rows: Rows = body["records"]
            ids |= {long_id(str(row["Id"])) for row in rows}
            if body["done"] and len(rows) < self.page:
                return ids
            at = stamp(rows[-1]["SystemModstamp"])
            assert at is not None
            place = at, long_id(str(rows[-1]["Id"]))

    # -- the first read --------------------------------------------------------------------------------

    async def first(self, state: State) -> AsyncIterator[tuple[Page, State]]:
        """By one job; each page with the state that its cursor holds. Ends with the state to poll on from.

        What moved since the job began is left out: the poll that follows shows it.
        """
        if state.get("job") is None:
            yield Page([], cursor(state)), state  # to count may have taken all the time of a call
            job = await self.bulk.create(self._bulk_query())
            began = job.created.isoformat() if job.created is not None else None
            state = {**state, "job": job.id, "created": began, "locator": ""}
            yield Page([], cursor(state)), state
        created = datetime.fromisoformat(state["created"]) if state.get("created") else None
        done: Job | None = None
        async for done in self.bulk.waiting(str(state["job"])):
            if done is not None and not done.done and not done.failed:
                yield Page([], cursor(state)), state
        if done is None or not done.done:
            yield Page([], cursor(_plain(state))), _plain(state)  # page by page, then
            return
        async for page, after in self._results(state, created, done):
            yield page, after

    async def _results(
        self, state: State, created: datetime | None, job: Job
    ) -> AsyncIterator[tuple[Page, State]]:
        while True:
            moved = await self._moved_since(created)
            rows, locator = await self.bulk.results(job.id, str(state.get("locator") or ""))
            came = int(state.get("came") or 0) + len(rows)
            if locator:
                state = {**state, "locator": locator, "came": came}
            else:  # what lacks records is read again page by page
                state = _plain(state, created if job.is_whole(came) else None)
            changes = [c for c in map(self.sobject.change, rows) if c.remote_id not in moved]
            yield Page(changes, cursor(state)), state
            if not locator:
                return

    # -- queries ---------------------------------------------------------------------------------------

    def _bulk_query(self) -> str:
        compound = {column.name for column in self.sobject.mapped if column.compound}
        return self._query([name for name in self.sobject.fields if name not in compound])

    def _query(
        self,
        fields: Sequence[str],
        where: str = "",
        order: str = "",
        limit: int | None = None,
        *,
        live: bool = True,
    ) -> str:
        """A query of living records; a converted lead is none."""
        converted = "IsConverted = false" if live and "IsConverted" in self.sobject.columns else ""
        return soql.select(fields, self.sobject.name, soql.both(converted, where), order, limit)


def _plain(state: State, high: datetime | None = None) -> State:
    """The state to poll on from."""
    kept: State = {name: state[name] for name in ("org", "refresh") if name in state}
    return {**kept, "mode": "poll", "high": high.isoformat() if high is not None else None}
