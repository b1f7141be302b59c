"""Reading by id and by key."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from connectors.http import HttpClient, Step
from connectors.rest.call import Reply
from connectors.rest.listing import items_of, records_of, refused
from connectors.rest.shape import Shape, header_version
from syncd.core.errors import NeedsOperator
from syncd.core.nouns import Change, Op

T = TypeVar("T")
R = TypeVar("R")


async def together(ask: Callable[[T], Awaitable[R]], items: Iterable[T]) -> list[R]:
    """Ask for several at once, as many as the client lets through; the first error stops all."""
    tasks = [asyncio.ensure_future(ask(item)) for item in items]
    try:
        return list(await asyncio.gather(*tasks))
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


class Lookup:
    """Looks records of one object up."""

    def __init__(self, client: HttpClient, shape: Shape, batch: int) -> None:
        self.client, self.shape, self.batch = client, shape, batch

    async def fetch(self, ids: Sequence[str]) -> list[Change]:
        """One change per id that something can be said of."""
        wanted = list(dict.fromkeys(ids))
        found: dict[str, Change] = {}
        if "get_many" in self.shape.calls:
            plain = [i for i in wanted if "," not in i or "get" not in self.shape.calls]
            for start in range(0, len(plain), self.batch):
                found |= await self._many(plain[start : start + self.batch])
        left = [i for i in wanted if i not in found]
        if "get" in self.shape.calls:
            found |= {c.remote_id: c for c in await together(self._one, left) if c is not None}
        elif "get_many" not in self.shape.calls:
            self.shape.call("get")
        else:
            found |= {i: c for i in left if (c := self._missing(i)) is not None}
        return [found[i] for i in wanted if i in found]

    async def _many(self, ids: list[str]) -> dict[str, Change]:
        """Those that are there."""
        asked = set(ids)
        changes = self.shape.record.changes(await records_of(self.client, self.shape, ids))
        return {c.remote_id: c for c in changes if c.remote_id in asked}

    async def _one(self, remote_id: str) -> Change | None:
        reply = await self.get(remote_id)
        if reply.verdict is None:
            found = self.record(reply)
            if found is not None:
                return self._change(remote_id, found, reply)
            return self._missing(remote_id)
        if reply.verdict.step in (Step.GONE, Step.EMPTY):
            return self._missing(remote_id)
        if reply.verdict.step is Step.HIDDEN:
            return None
        refused(self.shape, reply.call, reply.verdict)
        return None

    async def get(self, remote_id: str) -> Reply:
        """The answer about one record, whatever it is."""
        call = self.shape.call("get")
        return await self.shape.ask(self.client, call, {"id": self.shape.id_value(remote_id)})

    def record(self, reply: Reply) -> dict[str, Any] | None:
        """The record in an answer about one; some answer with a list of one, or of none."""
        found = reply.found
        if isinstance(found, list):
            found = found[0] if found else None
        return self.shape.record.mapping(found)

    def _change(self, remote_id: str, found: dict[str, Any], reply: Reply) -> Change | None:
        version = header_version(self.shape.words, reply.answer.headers)
        (change,) = self.shape.record.changes([found], version, bare=True)
        return change if change.remote_id == remote_id else self._missing(remote_id)

    def _missing(self, remote_id: str) -> Change | None:
        """Not found: gone, if this account sees all records."""
        if self.shape.words.record.missing == "unknown":
            return None
        return Change(self.shape.system, self.shape.object, remote_id, Op.DELETE)

    async def find(self, field: str, values: Sequence[str]) -> Mapping[str, Change]:
        """The records whose unique `field` has one of the values, by value."""
        call = self.shape.call("find")
        if "keys" in call.names:
            chunks = [list(values[i : i + self.batch]) for i in range(0, len(values), self.batch)]
            replies = await together(lambda keys: self._found(field, {"keys": keys}), chunks)
        elif "key" in call.names:
            replies = await together(lambda key: self._found(field, {"key": key}), values)
        else:
            raise NeedsOperator(f"{call.what}: it uses neither {{keys}} nor {{key}}", "Mend the call")
        wanted = set(values)
        pairs = ((c.fields.get(field), c) for changes in replies for c in changes if c.op is Op.UPSERT)
        return {value: c for value, c in pairs if isinstance(value, str) and value in wanted}

    async def _found(self, field: str, values: Mapping[str, Any]) -> list[Change]:
        call = self.shape.call("find")
        reply = await self.shape.ask(self.client, call, {"field": field, **values})
        if reply.verdict is not None and reply.verdict.step in (Step.GONE, Step.EMPTY):
            return []
        if isinstance(reply.found, dict) and self.shape.record.mapping(reply.found) is not None:
            return self.shape.record.changes([self.shape.record.mapping(reply.found)], bare=True)
        return self.shape.record.changes(items_of(self.shape, reply))
