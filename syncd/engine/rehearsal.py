"""A connector for a rehearsal: reads are real, writes are only noted down and answered as accepted."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.base import CanFetch, CanFind, CanScan, Capabilities, Connector, Schema
from syncd.core.nouns import Accepted, Change, Cursor, Fields, Op, Page, Push, PushOp, PushResult
from syncd.engine.gatekeeper import Gatekeeper

INVENTED = 10**17
"""What is added to our record id to make up a remote id: a number, for references may have to be one."""

Peek = Callable[[str, Sequence[str]], Awaitable[Mapping[str, Fields]]]
"""(object, remote ids) to the fields that the rehearsed remote holds now."""


@dataclass(slots=True)
class Notes:
    """What would be sent to one object. `samples` holds the first pushes of each operation."""

    pushes: Counter[PushOp] = field(default_factory=Counter)
    fields: Counter[str] = field(default_factory=Counter)
    samples: dict[PushOp, list[Push]] = field(default_factory=dict)
    reads: int = 0
    writes: int = 0

    def take(self, batch: Sequence[Push], limit: int) -> None:
        """Note one call."""
        self.writes += 1
        for push in batch:
            self.pushes[push.op] += 1
            if push.op is PushOp.UPDATE:
                self.fields.update(list(push.fields))
            kept = self.samples.setdefault(push.op, [])
            if len(kept) < limit:
                kept.append(push)


class Rehearsal:
    """Stands in for a system's connector. `keeper` paces the real reads; `peek` is set once it is known.

    Ids that were written to are no longer read from the remote, which knows nothing of it.
    """

    peek: Peek

    def __init__(self, system: str, inner: Connector, keeper: Gatekeeper, limit: int) -> None:
        self.system, self.inner, self.keeper, self.limit = system, inner, keeper, limit
        self.notes: dict[str, Notes] = {}
        self._written: set[tuple[str, str]] = set()
        self._deleted: set[tuple[str, str]] = set()

    @property
    def capabilities(self) -> Capabilities:
        return self.inner.capabilities

    async def describe(self) -> Schema:
        return await self.inner.describe()

    def noted(self, object: str) -> Notes:
        """The notes on one object."""
        return self.notes.setdefault(object, Notes())

    async def read_changes(self, object: str, since: Cursor | None) -> AsyncIterator[Page]:
        """A first read is a plain listing: some connectors change the remote when they begin to follow it."""
        inner = self.inner
        first = since is None and isinstance(inner, CanScan)
        pages = (
            inner.scan(object) if first and isinstance(inner, CanScan) else inner.read_changes(object, since)
        )
        async for page in self._paced(object, pages):
            yield page

    async def _paced(self, object: str, pages: AsyncIterator[Page]) -> AsyncIterator[Page]:
        while (page := await self.keeper.call(lambda: anext(pages, None))) is not None:
            self.noted(object).reads += 1
            yield page

    async def write(self, batch: Sequence[Push]) -> Sequence[PushResult]:
        self.noted(batch[0].object).take(batch, self.limit)
        return [self._accept(push) for push in batch]

    def _accept(self, push: Push) -> Accepted:
        remote_id = push.remote_id or str(INVENTED + push.record_id)
        gone = push.op in (PushOp.DELETE, PushOp.ARCHIVE)
        (self._deleted if gone else self._written).add((push.object, remote_id))
        return Accepted(push.push_id, remote_id)

    async def aclose(self) -> None:
        """The connector behind it belongs to somebody else."""


class _Scans(Rehearsal):
    async def scan(self, object: str) -> AsyncIterator[Page]:
        assert isinstance(self.inner, CanScan)
        async for page in self._paced(object, self.inner.scan(object)):
            yield page


class _Fetches(Rehearsal):
    async def fetch(self, object: str, ids: Sequence[str]) -> Sequence[Change]:
        inner = self.inner
        assert isinstance(inner, CanFetch)
        gone = [i for i in ids if (object, i) in self._deleted]
        ours = [i for i in ids if (object, i) in self._written and i not in gone]
        rest = [i for i in ids if i not in gone and i not in ours]
        self.noted(object).reads += 1
        found = list(await self.keeper.call(lambda: inner.fetch(object, rest))) if rest else []
        found += [Change(self.system, object, i, Op.DELETE) for i in gone]
        shown = await self.peek(object, ours) if ours else {}
        return found + [Change(self.system, object, i, fields=fields) for i, fields in shown.items()]


class _Finds(Rehearsal):
    async def find(self, object: str, keys: Sequence[str]) -> Mapping[str, Change]:
        inner = self.inner
        assert isinstance(inner, CanFind)
        self.noted(object).reads += 1
        return await self.keeper.call(lambda: inner.find(object, keys))


def rehearse(system: str, inner: Connector, keeper: Gatekeeper, limit: int) -> Rehearsal:
    """A stand-in that can do what `inner` can; `limit` samples are kept of each operation."""
    parts: list[type[Rehearsal]] = [
        part
        for part, what in ((_Scans, CanScan), (_Fetches, CanFetch), (_Finds, CanFind))
        if isinstance(inner, what)
    ]
    made: Any = type("Rehearsing", (*parts, Rehearsal), {})
    rehearsal: Rehearsal = made(system, inner, keeper, limit)
    return rehearsal
