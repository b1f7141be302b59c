"""Pages of a list: asked for one by one, each judged, none taken for empty that is not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.http import HttpClient, Step
from connectors.rest.call import Call, Reply
from connectors.rest.judge import Verdict
from connectors.rest.options import ListWords
from connectors.rest.paging import Pager
from connectors.rest.shape import Shape
from syncd.core.errors import CursorLost, NeedsOperator, RetryLater

WHOLE = (Step.GONE, Step.REJECTED, Step.HIDDEN)
"""Answers by which a call for several ids may mean one of them."""


class PageRefused(NeedsOperator):
    """The server does not take the request for this page, be it the query or only its place."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One page: its items, and whether there is another."""

    reply: Reply
    items: list[Any]
    more: bool


@dataclass(slots=True)
class Listing:
    """A walk through one list call; `pager` says where it stands."""

    client: HttpClient
    shape: Shape
    call: Call
    pager: Pager

    @property
    def thin(self) -> bool:
        """Whether it lists ids alone."""
        words = getattr(self.shape.words.calls, self.call.name)
        return isinstance(words, ListWords) and words.ids

    async def page(self, values: Mapping[str, Any]) -> Leaf:
        """The next page. Raises `NeedsOperator`, `RetryLater` or `CursorLost`."""
        filled = {**values, **self.pager.values()}
        call = self.pager.call(self.call)
        request = call.request(filled)
        reply = call.reply(await self.client.send(request), self.shape.judge)
        items = items_of(self.shape, reply)
        path = request.path + (f"?{request.query}" if request.query else "")
        more = self.pager.advance(reply, path, items, self._last_id(items))
        if self.thin:
            ids = [self.shape.record.id_text(item) for item in items]
            items = await records_of(self.client, self.shape, ids)
        return Leaf(reply, items, more)

    def _last_id(self, items: list[Any]) -> Any:
        record = self.shape.record
        if self.thin or not items:
            return items[-1] if items else None
        return record.id_at(record.item(items[-1]))


def items_of(shape: Shape, reply: Reply) -> list[Any]:
    """The items of a list's answer. What is not a list is an error, never an empty page."""
    if reply.verdict is not None:
        return refused(shape, reply.call, reply.verdict)
    found = reply.found
    if type(found) is list:
        return found
    if type(found) is dict and found.values() and all(type(v) is dict for v in found.values()):
        name = shape.words.record.id
        return [{name: key, **value} for key, value in found.items()]
    if found == {} or reply.answer.status == 204:
        return []
    raise RetryLater(f"{reply.call.what}: the answer has no list where `at` points")


async def records_of(client: HttpClient, shape: Shape, ids: list[str]) -> list[Any]:
    """Those that are there, as they are sent. Where one missing id fails the whole call, halves are asked."""
    if not ids:
        return []
    call = shape.call("get_many")
    reply = await shape.ask(client, call, {"ids": [shape.id_value(i) for i in ids]})
    if reply.verdict is None or reply.verdict.step not in WHOLE:
        return items_of(shape, reply)
    if len(ids) == 1:
        return []
    middle = len(ids) // 2
    first = await records_of(client, shape, ids[:middle])
    return first + await records_of(client, shape, ids[middle:])


def refused(shape: Shape, call: Call, verdict: Verdict) -> list[Any]:
    """An error in place of a list: nothing (some APIs say so with 404), or what to do about it."""
    if verdict.step is Step.EMPTY:
        return []
    error = verdict.failure(call.what)
    if error is not None:
        raise error
    if verdict.step is Step.GONE and verdict.answer.status == 410:
        raise CursorLost(f"{call.what}: the server no longer has what came after the cursor")
    if verdict.step is Step.DEFERRED:
        raise RetryLater(f"{call.what}: the server answered {verdict.answer.status}")
    said = f"{verdict.answer.status}" + (f" ({verdict.code})" if verdict.code else "")
    todo = "Check its path and query; if this means an empty list here, add a rule to `errors` that says so"
    raise PageRefused(f"{call.what}: the server answered {said}", todo)


async def scan(client: HttpClient, shape: Shape) -> AsyncIterator[Leaf]:
    """All pages of `list`. Raises where fewer records came than the server says there are."""
    listing = Listing(client, shape, shape.call("list"), Pager(shape.words.paging, client))
    since = shape.words.feed.first
    more = True
    while more:
        leaf = await listing.page({"since": since})
        more = leaf.more
        total = listing.pager.total(leaf.reply) if not more and leaf.reply.verdict is None else None
        if total is not None and listing.pager.seen < total:
            seen = listing.pager.seen
            raise RetryLater(f"{shape.what}: the list ended after {seen} of {total} records")
        yield leaf
