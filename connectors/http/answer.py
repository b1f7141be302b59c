"""One answer of a server, read to its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from syncd.core.errors import RetryLater

NOTHING = b""


class Unreadable(RetryLater):
    """A success whose body cannot be read: cut on the way, a page of a proxy, or not the API at all."""

    def __init__(self, message: str, writes: bool) -> None:
        super().__init__(message, uncertain=writes)


@dataclass(frozen=True, slots=True)
class Answer:
    """`headers` are looked up without regard to case; `body` is whole, or the call would have failed."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def json(self, what: str, *, writes: bool = False) -> Any:
        """The body's value; None for an empty body of a write, and of an error.

        An unreadable body of a success is never an empty page: it raises `RetryLater`, `uncertain` for a
        write. That of an error is None, for an error may come from a proxy that speaks HTML.
        """
        body = self.body
        if not body.strip() and (writes or not self.ok or self.status == 204):
            return None
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            if not self.ok:
                return None
            raise Unreadable(f"{what}: the server answered {self.status} with {self._kind}", writes) from None

    @property
    def _kind(self) -> str:
        """What a body is that is not JSON."""
        if not self.body.strip():
            return "nothing"
        media = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if media in ("text/html", "text/plain", "text/xml", "application/xml"):
            return f"{media}, where JSON should be"
        return "something that is not JSON, or not all of it"

    def date(self) -> datetime | None:
        """The server's clock when it answered, in whole seconds; None where it says none."""
        return http_date(self.headers.get("Date"))


def http_date(text: str | None) -> datetime | None:
    """An HTTP date as an instant in UTC; None where it is none."""
    if not text:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
