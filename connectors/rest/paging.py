"""How a list goes on: what the next request needs, and whether there is one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.http import HttpClient
from connectors.rest.call import Call, Reply
from connectors.rest.options import PagingWords
from connectors.rest.paths import MISSING, getter, whereabouts
from syncd.core.errors import RetryLater

_LINK = re.compile(r'<([^>]*)>((?:\s*;\s*[\w-]+\s*=\s*(?:"[^"]*"|[^\s;,]*))*)')
_REL = re.compile(r'[;\s]rel\s*=\s*(?:"([^"]*)"|([^\s;,]*))', re.I)
COUNTED = ("page", "offset")
TOLD = ("cursor", "next_url", "link")
"""Where the answer names the next page."""


class Pager:
    """One walk through a list. `at` is where it stands: a cursor, a number, an address; None at the start.

    `seen` counts the records so far.
    """

    def __init__(self, words: PagingWords, client: HttpClient, at: Any = None, seen: int = 0) -> None:
        self.words, self.client, self.at, self.seen = words, client, at, seen

    def values(self) -> Mapping[str, Any]:
        """The placeholders of the next request."""
        by, first = self.words.by, self.words.first
        if by == "page":
            return {"page": self.at if self.at is not None else 1 if first is None else first}
        if by == "offset":
            return {"offset": self.at if self.at is not None else first or 0}
        if by == "keyset":
            return {"after": self.at if self.at is not None else first}
        return {"cursor": self.at if self.at is not None else first} if by == "cursor" else {}

    def call(self, call: Call) -> Call:
        """The call, at the address that the server gave for this page."""
        return call.at(self.at) if self.words.by in ("link", "next_url") and self.at is not None else call

    def advance(self, reply: Reply, path: str, items: Sequence[Any], last_id: Any) -> bool:
        """Step past a page; whether there is another. `path` is that of the request."""
        self.seen += len(items)
        by = self.words.by
        if by == "none" or (reply.verdict is not None and not items):
            return False
        if by in COUNTED or by == "keyset":
            return self._counted(reply, items, last_id)
        self.at = self._told(reply, path)
        if self.at is None:
            self._promised(reply)
            return False
        return self._more(reply) is not False

    def _counted(self, reply: Reply, items: Sequence[Any], last_id: Any) -> bool:
        if self.words.by == "keyset":
            self.at = self.at if last_id is None else last_id
        else:
            step = 1 if self.words.by == "page" else len(items)
            self.at = next(iter(self.values().values())) + step
        more, total = self._more(reply), self.total(reply)
        if more is not None:
            return more and bool(items)
        if total is not None:
            return bool(items) and self.seen < total
        return len(items) >= (self.words.limit if self.words.ends == "short" else 1)

    def total(self, reply: Reply) -> int | None:
        """How many records there are, where the answer says it."""
        if self.words.total is None:
            return None
        found = whereabouts(self.words.total)(reply.body, reply.answer.headers)
        try:
            return int(found)
        except (TypeError, ValueError):
            message = f"{reply.call.what}: the answer does not say how many records there are"
            raise RetryLater(message) from None

    def _more(self, reply: Reply) -> bool | None:
        if self.words.more is None:
            return None
        found = getter(self.words.more)(reply.body)
        if found is MISSING:
            raise RetryLater(f"{reply.call.what}: the answer does not say whether there is more")
        return bool(found)

    def pointed(self, reply: Reply) -> bool:
        """Whether something stands where the next page is told, be it null: the words point somewhere."""
        if self.words.by == "link":
            return "Link" in reply.answer.headers
        return whereabouts(self.next)(reply.body, reply.answer.headers) is not MISSING

    @property
    def next(self) -> str:
        """Where the next page is told."""
        return self.words.next or "next"

    def _told(self, reply: Reply, path: str) -> Any:
        found: Any
        if self.words.by == "link":
            found = next_link(reply.answer.headers.get("Link", ""))
        else:
            found = whereabouts(self.next)(reply.body, reply.answer.headers)
        if found is MISSING or found is None or found is False or found == "":
            return None  # 0 may be the place of a page
        return found if self.words.by == "cursor" else self.client.own_path(str(found), after=path)

    def _promised(self, reply: Reply) -> None:
        """No next page where the answer says that there is one: a cut answer, not the end."""
        if self._more(reply):
            raise RetryLater(f"{reply.call.what}: there is more, and the answer does not say where")


def next_link(header: str) -> str | None:
    """The address with `rel=next` of a Link header (RFC 8288)."""
    for address, said in _LINK.findall(header):
        rel = _REL.search(said)
        if rel is not None and "next" in (rel[1] or rel[2] or "").lower().split():
            return str(address)
    return None
