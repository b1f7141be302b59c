"""Reading by id and by key."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from connectors.base import Looked
from connectors.http import HttpClient, Step
from connectors.rest.call import Reply
from connectors.rest.listing import items_of, records_of, refused
from connectors.rest.paths import MISSING, there
from connectors.rest.shape import Shape, header_version
from syncd.core.errors import LoginNeeded, NeedsOperator, RetryLater, SyncdError
from syncd.core.nouns import Change, Op

SECONDS = 18.0
"""How long several reads by id may take together: less than the engine gives a call (20 s)."""
FAILURES = 5
"""Reads by id that fail in a row before no more are asked: then it is hardly the fault of each."""

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


class NotSaid(RetryLater):
    """An answer about one record with neither the record, nor null, nor an error by the words."""


class TooMany(RetryLater):
    """The server takes no more calls for now, whatever they ask for."""

    STATUS = 429


class Singles:
    """Reads of several records, one call each: what is known of each when the time is up, or all failed.

    `failed` is why, per id: one that cannot be read is its own trouble as long as others can. After some
    failures in a row no more is asked, nor where the server says that there are too many calls.
    """

    def __init__(self, lookup: Lookup, end: float) -> None:
        self.lookup, self.end = lookup, end
        self.found: dict[str, Change | None] = {}
        self.failed: dict[str, SyncdError] = {}
        self._in_a_row = 0
        self._stop: SyncdError | None = None
        self._places = asyncio.Semaphore(lookup.client.concurrency)

    async def ask(self, ids: Sequence[str], *, others: bool) -> None:
        """Ask for all of them. Raises where none could be read, nor `others`, or where nobody is let in."""
        await together(self._one, ids)
        if isinstance(self._stop, LoginNeeded):
            raise self._stop
        error = self._stop or next(iter(self.failed.values()), None)
        if error is not None and not self.found and not others:
            raise error

    async def _one(self, remote_id: str) -> None:
        async with self._places:
            if self._stop is not None or self._in_a_row >= FAILURES or _now() >= self.end:
                return
            try:
                async with asyncio.timeout_at(self.end):
                    self.found[remote_id] = await self.lookup.one(remote_id)
                self._in_a_row = 0
            except TimeoutError:
                return
            except (LoginNeeded, TooMany) as error:
                self._stop = error
            except SyncdError as error:
                self.failed[remote_id] = error
                self._in_a_row += 1


def _now() -> float:
    return asyncio.get_running_loop().time()


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
            found |= {c.remote_id: c for c in await together(self.one, left) if c is not None}
        elif "get_many" not in self.shape.calls:
            self.shape.call("get")
        else:
            found |= {i: c for i in left if (c := self._missing(i)) is not None}
        return [found[i] for i in wanted if i in found]

    async def fetch_each(self, ids: Sequence[str]) -> Looked:
        """What can be said of each within `SECONDS`."""
        wanted, end = list(dict.fromkeys(ids)), _now() + SECONDS
        if "get" not in self.shape.calls:
            return Looked(await self.fetch(wanted))
        found: dict[str, Change] = {}
        plain = [i for i in wanted if "," not in i] if "get_many" in self.shape.calls else []
        for start in range(0, len(plain), self.batch):
            try:
                async with asyncio.timeout_at(end):
                    found |= await self._many(plain[start : start + self.batch])
            except LoginNeeded:
                raise
            except (TimeoutError, SyncdError):  # one by one it shows who is to blame
                break
        singles = Singles(self, end)
        left = [i for i in wanted if i not in found]
        await singles.ask(left, others=bool(found))
        if left and not found and not singles.found:
            raise RetryLater(f"{self.shape.what}: get: no answer within {SECONDS:.0f} s")
        found |= {i: c for i, c in singles.found.items() if c is not None}
        known = found.keys() | singles.found.keys() | singles.failed.keys()
        return Looked(
            [found[i] for i in wanted if i in found],
            {i: str(error) for i, error in singles.failed.items()},
            frozenset(wanted) - known,
        )

    async def _many(self, ids: list[str]) -> dict[str, Change]:
        """Those that are there."""
        asked = set(ids)
        alone = "get" not in self.shape.calls
        changes = self.shape.record.changes(await records_of(self.client, self.shape, ids, alone=alone))
        return {c.remote_id: c for c in changes if c.remote_id in asked}

    async def one(self, remote_id: str) -> Change | None:
        """What is said of a record by `get`; None where nothing is."""
        reply = await self.get(remote_id)
        if reply.verdict is None:
            found = self.record(reply)
            if found is not None:
                return self._change(remote_id, found, reply)
            self._said(reply)
            return self._missing(remote_id)
        if reply.verdict.step in (Step.GONE, Step.EMPTY):
            return self._missing(remote_id)
        if reply.verdict.step is Step.HIDDEN:
            return None
        error = reply.verdict.failure(reply.call.what)
        if reply.answer.status == TooMany.STATUS and isinstance(error, RetryLater):
            raise TooMany(str(error), error.after)
        refused(self.shape, reply.call, reply.verdict)
        return None

    async def fetch_singly(self, ids: Sequence[str]) -> list[Change]:
        """By `get` alone, whatever other calls there are."""
        return [c for c in await together(self.one, ids) if c is not None]

    def _said(self, reply: Reply) -> None:
        """Gone: said by null in its place, by an empty list at `at`, or by 204. All else may be an error."""
        found, at = reply.call.find(reply.body), reply.call.at_path
        if reply.answer.status == 204 or found is None or (found == [] and at):
            return
        if found is MISSING or not isinstance(found, dict | list):
            where = f"at `at` ({at}); {there(reply.body)}"
        else:
            where = f"with an id (`record.id`); {there(found)}"
        message = f"{reply.call.what}: the server answered {reply.answer.status} without a record {where}"
        raise NotSaid(message)

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
