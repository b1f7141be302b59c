"""Calls that would lock the same records do not run at the same time.

Source: "Record-Level Locking Cheat Sheet" of Salesforce's developers: who inserts or moves a child locks its
parent until the transaction ends, and who waits for a lock longer than ten seconds fails with
UNABLE_TO_LOCK_ROW. Contacts and deals of one account are written by two streams, which know nothing of each
other; so their calls wait for each other here.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager, suppress

from connectors.salesforce.ids import is_id, long_id
from connectors.salesforce.jobs import Job

PATIENCE = 5.0
"""Seconds that a call waits for others, at most; then it goes on, and Salesforce waits for the lock."""


class Parents:
    """What the calls of one org that are under way lock. `patience` in seconds."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self.patience = patience
        self._held: Counter[str] = Counter()
        self._changed = asyncio.Event()

    @asynccontextmanager
    async def holding(self, ids: Collection[str]) -> AsyncIterator[None]:
        """While no other call works on one of these records, or its patience is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self.patience):
                while any(self._held[id] for id in ids):
                    await self._changed.wait()
        mine = Counter(set(ids))
        self._held += mine
        try:
            yield
        finally:
            self._held -= mine
            self._changed.set()
            self._changed = asyncio.Event()


def locked(jobs: Sequence[Job], parent: str | None) -> set[str]:
    """The records that a call locks: those that it writes, and the parents that it names."""
    named = {parent_of(job, parent) for job in jobs} | {job.id for job in jobs}
    return {long_id(id) for id in named if is_id(id)}


def parent_of(job: Job, parent: str | None) -> str:
    """The parent that a job names, empty where it names none."""
    return str(job.body.get(parent) or "") if parent is not None else ""


def parts(jobs: Sequence[Job], parent: str | None, size: int) -> list[list[Job]]:
    """Calls of at most `size` jobs; those of one parent are in one call, if they fit into one."""
    families: dict[str, list[Job]] = {}
    for number, job in enumerate(jobs):
        families.setdefault(parent_of(job, parent) or f"#{number}", []).append(job)
    calls: list[list[Job]] = []
    for family in families.values():
        if not calls or (len(calls[-1]) + len(family) > size and calls[-1]):
            calls.append([])
        for job in family:
            if len(calls[-1]) == size:
                calls.append([])
            calls[-1].append(job)
    return calls
