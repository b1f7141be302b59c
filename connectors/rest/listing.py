"""Pages of a list: asked for one by one, each judged, none taken for empty that is not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.http import HttpClient, Step
from connectors.rest.call import Call, Reply
from connectors.rest.judge import Verdict
from connectors.rest.names import PAGED
from connectors.rest.options import CallWords, ListWords
from connectors.rest.paging import COUNTED, TOLD, Pager
from connectors.rest.paths import MISSING, there
from connectors.rest.rounds import Rounds, same, same_page, same_request
from connectors.rest.shape import Shape
from syncd.core.errors import CursorLost, Misconfigured, RetryLater

WHOLE = (Step.GONE, Step.REJECTED, Step.HIDDEN)
"""Answers by which a call for several ids may mean one of them."""


class NoList(RetryLater):
    """A sound answer without a list where `at` points: a page of somebody's proxy, or a slip in `at`."""

    def __init__(self, reply: Reply) -> None:
        at = reply.call.at_path
        found = reply.call.find(reply.body)
        where = f"`at` ({at})" if at else "`at`, which says that it is one itself"
        stands = there(reply.body) if found is MISSING or not at else f"{there(found)} there"
        by_id = type(found) is dict and all(type(v) is dict for v in found.values())
        hint = " (for records by their ids, say `keyed: true`)" if by_id and not reply.call.keyed else ""
        super().__init__(f"{reply.call.what}: the answer has no list at {where}; {stands}{hint}")
        self.key = f"calls.{reply.call.name}.at"


class PageRefused(Misconfigured):
    """The server does not take the request for this page, be it the query or only its place."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One page: its items, and whether there is another."""

    reply: Reply
    items: list[Any]
    more: bool


@dataclass(slots=True)
class Known:
    """What this process did to an object, and found out of it.

    `writes` were begun, `walked` of them before its last whole walk began: a page that looks as it did may
    hold a write of ours that somebody took back since, so pages are believed unchanged only where nothing
    was written since the walk that they were hashed in. `paged`: nothing more need be asked of whether
    answers name their next page where the words say.
    """

    writes: int = 0
    walked: int | None = None
    paged: bool = False


@dataclass(slots=True)
class Listing:
    """A walk through one list call; `pager` says where it stands."""

    client: HttpClient
    shape: Shape
    call: Call
    pager: Pager
    known: Known = field(default_factory=Known)
    rounds: Rounds = field(default_factory=Rounds)

    @property
    def thin(self) -> bool:
        """Whether it lists ids alone."""
        return isinstance(self.words, ListWords) and self.words.ids

    @property
    def words(self) -> CallWords:
        """The call as it is written down."""
        said: CallWords = getattr(self.shape.words.calls, self.call.name)
        return said

    async def page(self, values: Mapping[str, Any]) -> Leaf:
        """The next page. Raises `NeedsOperator`, `RetryLater` or `CursorLost`."""
        filled, by = {**values, **self.pager.values()}, self.pager.words.by
        call, first = self.pager.call(self.call), self.pager.at is None
        request = call.request(filled)
        self.rounds.asked(request)
        reply = call.reply(await self.client.send(request), self.shape.judge)
        items = items_of(self.shape, reply)
        await self._look_for_circles(call, items)
        path = request.path + (f"?{request.query}" if request.query else "")
        more = self.pager.advance(reply, path, items, self._last_id(items))
        more = more and self._goes_on(items)
        if first and by in TOLD:
            await self._look_for_next(values, reply, items, more=more)
        if self.thin:
            ids = [self.shape.record.id_text(item) for item in items]
            items = await records_of(self.client, self.shape, ids)
        return Leaf(reply, items, more)

    async def _look_for_circles(self, call: Call, items: list[Any]) -> None:
        """Raises where the walk came back to where it was.

        A page like the one before it is none yet: as many records may have been added in front meanwhile as
        a page holds. Then what was asked for before is something else by now.
        """
        rounds, by = self.rounds, self.pager.words.by
        if rounds.turned(items, self._ident):
            raise same_request(self.call, self.words, by)
        if (by in COUNTED or self.call.name == "list") and rounds.shown(items) and rounds.before is not None:
            reply = call.reply(await self.client.send(rounds.before), self.shape.judge)
            if same(items_of(self.shape, reply), items):
                raise same_page(self.call, self.words, by, len(items))
        rounds.keep(items)

    def _ident(self, item: Any) -> Any:
        return item if self.thin else self.shape.record.id_at(self.shape.record.item(item))

    def _goes_on(self, items: list[Any]) -> bool:
        """Whether a page after this one can be asked for; a call that sends no `{page}` has one alone."""
        wanted = PAGED.get(self.pager.words.by)
        if wanted is None or wanted in self.call.names:
            return True
        limited = "limit" in self.call.names and len(items) >= self.pager.words.limit
        if limited or wanted == "cursor":
            message = f"{self.call.what}: there is another page, and the call does not send {{{wanted}}}"
            key = f"calls.{self.call.name}"
            raise Misconfigured(message, f"Write it into the query of `{key}`", key)
        return False

    async def _look_for_next(
        self, values: Mapping[str, Any], reply: Reply, items: list[Any], *, more: bool
    ) -> None:
        """A full first page without a next one: is it the end, or is the next one told elsewhere?

        A page of one record of several must name another. What is overlooked here would be made anew in
        this system by the others, so it is asked once where nothing ever stood at `paging.next`.
        """
        pager, known = self.pager, self.known
        if known.paged or reply.verdict is not None:
            return
        if more or pager.pointed(reply):
            known.paged = True
        elif len(items) >= pager.words.limit and len(items) > 1 and "limit" in self.call.names:
            alone = await page_of_one(self.client, self.shape, self.call, values)
            known.paged = True  # if it could not be judged, it cannot be the next time

            if alone is not None and not pager.pointed(alone):
                known.paged = False
                raise nameless(self, alone)

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
    if reply.call.keyed and type(found) is dict and all(type(v) is dict for v in found.values()):
        name = shape.words.record.id
        return [{name: key, **value} for key, value in found.items()]
    if reply.answer.status == 204:
        return []
    raise NoList(reply)


async def records_of(
    client: HttpClient, shape: Shape, ids: Sequence[str], *, alone: bool = True
) -> list[Any]:
    """Those that are there, as they are sent. Where one missing id fails the whole call, halves are asked.

    An answer may be shorter than what was asked for because the server caps it: those that are missing are
    asked for again as long as some come. Of what is left each is asked for by itself, unless the caller
    sees to that (`alone` is False): only who is missing then is not there.
    """
    left, came = list(dict.fromkeys(ids)), list[Any]()
    while left:
        reply = await shape.ask(client, shape.call("get_many"), {"ids": [shape.id_value(i) for i in left]})
        if reply.verdict is not None and reply.verdict.step in WHOLE:
            return came + await _halves(client, shape, left, alone=alone)
        items = items_of(shape, reply)
        shown = {_shown(shape, item) for item in items}
        came += items
        rest = [i for i in left if i not in shown]
        if len(left) == 1 or not rest:
            return came
        if len(rest) == len(left):
            break
        left = rest
    for remote_id in left if alone else ():
        came += await records_of(client, shape, [remote_id])
    return came


def _shown(shape: Shape, listed: Any) -> str | None:
    """The id of a record in a list; None for null in its place."""
    item = shape.record.mapping(listed)
    return None if item is None else shape.record.id_text(shape.record.id_at(item))


async def _halves(client: HttpClient, shape: Shape, ids: list[str], *, alone: bool) -> list[Any]:
    if len(ids) == 1:
        return []
    middle = len(ids) // 2
    first = await records_of(client, shape, ids[:middle], alone=alone)
    return first + await records_of(client, shape, ids[middle:], alone=alone)


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
    message = f"{call.what} ({call.said}): the server answered {said}{verdict.told}"
    rule = "if this means an empty list here, add a rule to `errors` that says so"
    if verdict.answer.status == 404:  # it may be any part of the address
        todo = f"Check the address (`url`), the path of the call and the name of the object; {rule}"
        raise PageRefused(message, todo, "")
    raise PageRefused(message, f"Check its path and query; {rule}", f"calls.{call.name}")


async def page_of_one(
    client: HttpClient, shape: Shape, call: Call, values: Mapping[str, Any]
) -> Reply | None:
    """The answer with a single record in place of a page; None where the server gives no such page."""
    pager = Pager(shape.words.paging, client)
    reply = await shape.ask(client, call, {**pager.values(), **values, "limit": 1})
    if reply.verdict is not None:
        return None
    return reply if len(items_of(shape, reply)) == 1 else None


def nameless(listing: Listing, alone: Reply) -> Misconfigured:
    """Where a page of one record, of several, does not name the next one."""
    pager, what = listing.pager, listing.call.what
    if pager.words.by == "link":
        message = f"{what}: a page of one record of several names no next page: the answer has no Link header"
        return Misconfigured(message, "Look at `paging.by`: how does this server say it?", "paging.by")
    message = f"{what}: a page of one record of several has nothing at `paging.next` ({pager.next})"
    return Misconfigured(f"{message}; {there(alone.body)}", "Say where the next page is told", "paging.next")


async def scan(client: HttpClient, shape: Shape, known: Known) -> AsyncIterator[Leaf]:
    """All pages of `list`. Raises where fewer records came than the server says there are."""
    listing = Listing(client, shape, shape.call("list"), Pager(shape.words.paging, client), known)
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
