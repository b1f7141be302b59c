"""What a server says of how many requests are left, in headers that the vendor names.

Plain numbers (`X-RateLimit-Remaining: 7`), and lists of parameters as in the drafts of RateLimit headers
(draft-ietf-httpapi-ratelimit-headers: `"default";r=50;t=30`, before `limit=100, remaining=50, reset=30`).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from connectors.base import Meter
from connectors.http.answer import Answer, http_date
from connectors.http.steps import MAX_WAIT, retry_after

_NUMBER = re.compile(r"\d{1,15}(\.\d{1,9})?")
_KEYS = {"remaining": "r|remaining", "limit": "q|limit", "reset": "t|reset"}
INSTANT = 10**9
"""A number of seconds that is this large is an instant: nobody waits for thirty years."""


@dataclass(frozen=True, slots=True)
class RateHeaders:
    """The names of the headers; `limit` and `reset` may stand in that of `remaining`, as parameters."""

    remaining: str
    limit: str | None = None
    reset: str | None = None


class Counted:
    """Counts what one client sends, and remembers what it heard last."""

    def __init__(self, headers: RateHeaders | None, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._headers, self._monotonic = headers, monotonic
        self._until = 0.0
        self.meter = Meter()

    def sent(self) -> None:
        """A request leaves."""
        self.meter = replace(self.meter, requests=self.meter.requests + 1)

    def heard(self, answer: Answer) -> None:
        """An answer came."""
        wait = retry_after(answer) if answer.status in (429, 503) else None
        told = _told(self._headers, answer) if self._headers is not None else None
        if wait is None and told is None:
            return
        remaining, limit, resets_in = told or (None, None, None)
        meter, longest = self.meter, self._longest(wait)
        self.meter = Meter(meter.requests, meter.heard + 1, remaining, limit, resets_in, longest)

    def _longest(self, wait: float | None) -> float | None:
        """The wait that was asked for now, or what is left of a longer one: calls run side by side."""
        now = self._monotonic()
        if self._until - now > (wait or 0.0):
            return self._until - now
        self._until = now + (wait or 0.0)
        return wait


def _told(names: RateHeaders, answer: Answer) -> tuple[int, int | None, float | None] | None:
    """(remaining, limit, seconds until it is full again); None where the answer says nothing of it."""
    said = answer.headers.get(names.remaining, "")
    policies = said.split(",") if ";" in said else [said]
    found = [(n, policy) for policy in policies if (n := _number(policy, "remaining")) is not None]
    if not found:
        return None
    remaining, policy = min(found)
    limit = _number(
        policy if names.limit is None else answer.headers.get(names.limit, ""), "limit", names.limit
    )
    text = policy if names.reset is None else answer.headers.get(names.reset, "")
    return int(remaining), None if limit is None else int(limit), _seconds(text, names.reset, answer)


def _number(text: str, word: str, own: str | None = "") -> float | None:
    """A header that is a number, or the parameter in it; without an `own` header only the latter."""
    plain = text.strip()
    if own is not None and _NUMBER.fullmatch(plain):
        return float(plain)
    found = re.search(rf"(?:^|[;,\s])(?:{_KEYS[word]})\s*=\s*(\d{{1,15}})", text)
    return None if found is None else float(found[1])


def _seconds(text: str, own: str | None, answer: Answer) -> float | None:
    """Seconds from the answer on: said as such, or as an instant, by the server's own clock."""
    number = _number(text, "reset", own)
    now = answer.date() or datetime.now(UTC)
    if number is None:
        until = _instant(text.strip()) if own is not None else None
        seconds = None if until is None else (until - now).total_seconds()
    elif number < INSTANT:
        seconds = number
    else:
        seconds = (number / 1000 if number > INSTANT * 1000 else number) - now.timestamp()
    return None if seconds is None else min(max(seconds, 0.0), MAX_WAIT)


def _instant(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return http_date(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
