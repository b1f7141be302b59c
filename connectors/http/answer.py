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
            kind = "nothing" if not body.strip() else "something that is not JSON, or not all of it"
            message = f"{what}: the server answered {self.status} with {kind}"
            raise RetryLater(message, uncertain=writes) from None

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
