"""A walk through a list that comes back to where it was: told, and never walked for ever."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import orjson

from connectors.http import Request
from connectors.rest.call import Call
from connectors.rest.names import PAGED, holes
from connectors.rest.options import RequestWords
from syncd.core.errors import Misconfigured

PLACES = {"query": "query parameter", "headers": "header", "body": "part of the body", "path": "path"}


class Rounds:
    """What one walk asked for and was shown, in constant memory.

    Of the requests it keeps the last and one more, which moves on at each power of two (Brent's way to find
    a cycle), so that a circle of any length is found within three turns of it; of the pages those of these.
    """

    def __init__(self) -> None:
        self.before: Request | None = None
        self._request: Request | None = None
        self._last: Any = None
        self._mark: Any = None
        self._since, self._power = 0, 1
        self._page: Sequence[Any] = ()
        self._mark_page: Sequence[Any] = ()
        self._marks = False
        self._then: Sequence[Any] | None = None

    def asked(self, request: Request) -> None:
        """A request is about to be sent; `before` is the one that was sent before it."""
        self.before, self._request = self._request, request
        headers = tuple(sorted(request.headers.items()))
        key = (request.method, request.path, request.query, headers, request.body)
        self._marks = False
        self._then = self._page if key == self._last else self._mark_page if key == self._mark else None
        if self._then is not None:
            return
        self._last = key
        self._since += 1
        if self._mark is None or self._since == self._power:
            self._power *= 1 if self._mark is None else 2
            self._mark, self._since, self._marks = key, 0, True

    def turned(self, items: Sequence[Any], ident: Callable[[Any], Any]) -> bool:
        """Whether the request was sent before in this walk and showed the same records, by `ident`.

        A cursor that stays the same while its pages differ (a scroll) is no circle.
        """
        then = self._then
        if then is None or len(then) != len(items):
            return False
        return sorted(str(ident(item)) for item in then) == sorted(str(ident(item)) for item in items)

    def shown(self, items: Sequence[Any]) -> bool:
        """Whether a page holds the records of the one before it, to the byte, in whatever order."""
        return same(items, self._page)

    def keep(self, items: Sequence[Any]) -> None:
        """What the last request showed."""
        self._page = items
        if self._marks:
            self._mark_page = items

    def begin_anew(self) -> None:
        """Another window of the same feed: it may honestly begin with the page that ended the last one."""
        self._page = ()


def same(items: Sequence[Any], others: Sequence[Any]) -> bool:
    """Whether two pages hold the same records, to the byte, in whatever order; empty ones do not."""
    if not items or len(items) != len(others) or items[0] not in others:
        return False
    return sorted(map(orjson.dumps, items)) == sorted(map(orjson.dumps, others))


def parameter(words: RequestWords, by: str, call: str) -> tuple[str, str]:
    """What carries the page in a request, in words, and the key of the configuration where it is said."""
    wanted = PAGED.get(by)
    for part, name in PLACES.items():
        for loc, hole in holes(getattr(words, part)):
            if hole == wanted:
                key = ".".join(map(str, ("calls", call, part, *loc)))
                return f"the {name} `{loc[-1]}`" if loc else f"the {name}", key
    return "the address of the next page", "paging.next" if by == "next_url" else "paging.by"


def same_request(call: Call, words: RequestWords, by: str) -> Misconfigured:
    """A request that was sent before in the same walk."""
    what, key = parameter(words, by, call.name)
    if by == "keyset":
        said = f"by {what} it is asked for what comes after a record, and shows that record again"
        todo = f"Look at `{key}`: the filter must leave the record itself out (more than, not at least)"
        return Misconfigured(f"{call.what}: the list does not end: {said}", todo, key)
    said = "what the server names as the next page was read before in the same walk"
    where = f"`{key}`" if by in ("link", "next_url") else f"`paging.next` and `{key}`"
    todo = f"Look at {where}: the server may ignore {what}, or the next page may be told elsewhere"
    return Misconfigured(f"{call.what}: the list does not end: {said}", todo, key)


def same_page(call: Call, words: RequestWords, by: str, number: int) -> Misconfigured:
    """A page that shows what the one before it showed."""
    what, key = parameter(words, by, call.name)
    records = f"the same {number} records" if number > 1 else "the same record"
    first = ", and where does it begin to count (`paging.first`)" if by in ("page", "offset") else ""
    todo = (
        f"Look at `{key}`: is it called so there{first}? Where lists have no pages, say paging: {{by: none}}"
    )
    said = f"two pages, one after the other, show {records}: the server seems to ignore {what}"
    return Misconfigured(f"{call.what}: {said}", todo, key)
