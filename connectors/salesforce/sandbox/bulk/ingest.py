"""The work of an ingest job.

Each row by itself, 200 in a transaction; what went wrong stands beside the row.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from itertools import islice
from typing import Any

from connectors.salesforce.sandbox import ids
from connectors.salesforce.sandbox.bulk.jobs import Job, Jobs
from connectors.salesforce.sandbox.bulk.texts import cell
from connectors.salesforce.sandbox.org import Org
from connectors.salesforce.sandbox.refusals import Refused, locked, no_column, struck, vendor
from connectors.salesforce.sandbox.rows import Rows, Several
from connectors.salesforce.sandbox.table import OrgTable
from connectors.salesforce.sandbox.transaction import Caller
from connectors.sandboxes.faults import Call, Fault
from connectors.sandboxes.shape import Refusal

CHUNK = 200
Fields = dict[str, Any]
One = Callable[[list[str]], tuple[str, bool]]
"""Does what a row says: the record's id, and whether it is new."""


class Ingest:
    """Jobs of one org, worked on."""

    def __init__(self, rows: Rows, jobs: Jobs) -> None:
        self.rows, self.org, self.jobs = rows, rows.org, jobs

    async def run(self, job: Job) -> None:
        """From UploadComplete to its end, giving way after each chunk."""
        await asyncio.sleep(0)
        if job.state != "UploadComplete":
            return
        self.jobs.move(job, "InProgress")
        await self.work(job)

    async def work(self, job: Job) -> None:
        """From InProgress to its end."""
        call = Call("bulk.batch", job.object, writes=True)
        try:
            one = self._doer(job)
        except Refusal as refusal:
            job.error, job.left = f"InvalidBatch : {refusal.message}", list(job.rows)
            self.jobs.move(job, "Failed")
            return
        faults = self.org.faults
        partial, lock = faults.take("partial", call), faults.take("row_lock", call)
        rows = enumerate(job.rows)
        while chunk := list(islice(rows, CHUNK)):
            if job.state != "InProgress":
                job.left = [row for _, row in [*chunk, *rows]]
                return
            each = _once(job, [row for _, row in chunk], one)
            with self.org.calling(Caller(job.user, job.origin)), self.org.transaction():
                for place, row in chunk:
                    self._row(job, place, row, each, partial, lock)
            await asyncio.sleep(0)
        if faults.take("shuffle", call):
            job.done = job.done[1::2] + job.done[::2]
        self.jobs.move(job, "JobComplete")

    def _row(
        self,
        job: Job,
        place: int,
        row: list[str],
        one: One,
        partial: Fault | None,
        lock: Fault | None,
    ) -> None:
        try:
            if (refused := struck(partial, place)) is not None:
                raise refused
            if lock is not None and (not lock.ids or not lock.ids.isdisjoint(map(str, row))):
                raise locked([])
            with self.org.transaction():
                id, made = one(row)
            job.done.append([id, "true" if made else "false", *row])
        except Refusal as refusal:
            job.failed.append([_id_in(job, row), _told(vendor(refusal)), *row])

    # one row -----------------------------------------------------------------------------------------------

    def _doer(self, job: Job) -> One:
        table = self.rows.table(job.object)
        names = [self._column(table, word) for word in job.header]
        lower = [name.lower() for name in names]
        if job.operation in ("update", "delete", "hardDelete") and "id" not in lower:
            raise Refused("InvalidBatch", "Field name not found : Id")
        key = self.rows.key(table, job.key) if job.operation == "upsert" else "Id"
        if job.operation == "upsert" and key.lower() not in lower:
            raise Refused("InvalidBatch", f"Field name not found : {key}")
        do = {"insert": self._insert, "upsert": self._upsert}.get(job.operation, self._by_id)

        def one(row: list[str]) -> tuple[str, bool]:
            if len(row) != len(names):
                raise Refused("INVALID_CSV", "the row has another number of columns than the header", [])
            cells = {name: cell(text) for name, text in zip(names, row, strict=True) if text != ""}
            return do(job, table, key, cells)

        return one

    def _column(self, table: OrgTable, word: str) -> str:
        relation, dot, _ = word.partition(".")
        if dot and relation.lower() in table.relations:
            return word
        name = table.named(word)
        if name is None or (name != "Id" and not self.org.sees(table, name)):
            raise Refused(no_column(word, table.name).code, f"Field name not found : {word}")
        return name

    def _fields(self, table: OrgTable, cells: Fields, *, making: bool, key: str = "") -> Fields:
        body: Fields = {}
        for name, value in cells.items():
            relation, dot, field = name.partition(".")
            body[relation if dot else name] = {field: value} if dot and value is not None else value
        return self.rows.fields(table, body, making=making, key=key)

    def _insert(self, job: Job, table: OrgTable, key: str, cells: Fields) -> tuple[str, bool]:
        return self.rows.create(table, self._fields(table, cells, making=True)).id, True

    def _upsert(self, job: Job, table: OrgTable, key: str, cells: Fields) -> tuple[str, bool]:
        value = cells.pop(key, None)
        if not value:
            raise Refused("MISSING_ARGUMENT", f"{key} not specified", [])
        try:
            row, made = self.rows.upsert(table, key, value, self._fields(table, cells, making=True, key=key))
        except Several as found:
            text = f"{key}: more than one record found for external id field: "
            raise Refused(
                "DUPLICATE_EXTERNAL_ID", text + str([one.id for one in found.rows]), [key]
            ) from None
        return row.id, made

    def _by_id(self, job: Job, table: OrgTable, key: str, cells: Fields) -> tuple[str, bool]:
        row = self.rows.at(table, cells.pop("Id", None), writing=True)
        if job.operation == "update":
            self.rows.update(table, row, self._fields(table, cells, making=False))
        else:
            self.rows.delete(table, row)
        return row.id, False


def _once(job: Job, chunk: list[list[str]], one: One) -> One:
    """The same, but for keys that stand twice in a chunk: each of these rows is refused."""
    lower = [word.lower() for word in job.header]
    if job.operation != "upsert" or job.key.lower() not in lower:
        return one
    place = lower.index(job.key.lower())
    keys = Counter(row[place].lower() for row in chunk if len(row) > place and row[place])

    def checked(row: list[str]) -> tuple[str, bool]:
        if len(row) > place and keys[row[place].lower()] > 1:
            text = f"Duplicate external id specified: {row[place]}"
            raise Refused("DUPLICATE_VALUE", text, [job.key])
        return one(row)

    return checked


def purge(org: Org, job: Job) -> None:
    """After a hard delete nothing is left in the recycle bin."""
    table = org.org_table(job.object)
    for id in (row[0] for row in job.done):
        if id in table.rows:
            org.purge(table, table.rows[id])


def _id_in(job: Job, row: list[str]) -> str:
    place = next((n for n, word in enumerate(job.header) if word.lower() == "id"), None)
    return (ids.read(row[place]) or "") if place is not None and place < len(row) else ""


def _told(refused: Refused) -> str:
    """`CODE:message:fields --`, as the results' column sf__Error has it."""
    if refused.code == "JSON_PARSER_ERROR":
        refused = Refused("INVALID_TYPE_ON_FIELD_IN_RECORD", "value not of required type", [])
    return f"{refused.code}:{refused.message}:{', '.join(refused.fields or [])} --"
