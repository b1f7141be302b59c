"""The door to a system keeps to our rate by real requests, and slows down before the vendor refuses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from aiohttp import web

from connectors.base import Meter
from connectors.rest import RestConnector
from syncd.core.errors import RetryLater
from syncd.core.nouns import Accepted
from syncd.engine.gatekeeper import FAILURES_TO_OPEN, LONGEST_PAUSE, OPEN_SECONDS, Gatekeeper
from syncd.engine.pace import LONGEST_SLEEP, Pace
from tests.contract.suite import update
from tests.contract.test_rest_words import connected, serving
from tests.support.clocks import Stopped

CALLS = {
    "list": "/people",
    "get": "/people/{id}",
    "update": {"path": "/people/{id}", "body": "{values}"},
}


class Strict:
    """Lets `limit` requests through in `period` seconds of that clock, and says what is left of them."""

    def __init__(self, clock: Stopped, limit: int, period: float) -> None:
        self.clock, self.limit, self.period = clock, limit, period
        self.begun, self.used, self.refused = 0.0, 0, 0
        self.times: list[float] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        if self.clock.at >= self.begun + self.period:
            self.begun, self.used = self.clock.at, 0
        self.used += 1
        self.times.append(self.clock.at)
        left, reset = self.limit - self.used, self.begun + self.period - self.clock.at
        headers = {"X-Left": str(max(left, 0)), "X-Reset": f"{reset:.3f}", "X-Limit": str(self.limit)}
        if left < 0:
            self.refused += 1
            return web.Response(status=429, headers={**headers, "Retry-After": "3"})
        id = request.path.rpartition("/")[2]
        return web.json_response({"id": id, "name": "n"}, headers=headers)


@asynccontextmanager
async def door(
    limit: int, period: float, own: float | None = None, **words: Any
) -> AsyncIterator[tuple[Gatekeeper, RestConnector, Strict, Stopped]]:
    """A connector behind its door."""
    clock = Stopped()
    strict = Strict(clock, limit, period)
    async with serving(strict.handle) as url, connected(url, {"calls": CALLS, **words}, "name") as connector:
        keeper = Gatekeeper("crm", clock, calls_per_second=own, meter=connector.meter)
        yield keeper, connector, strict, clock


HEADERS: dict[str, Any] = {"rate": {"remaining": "X-Left", "limit": "X-Limit", "reset": "X-Reset"}}


async def patiently(keeper: Gatekeeper, clock: Stopped, make: Any) -> Any:
    """Call, and come back when told to, as a supervised loop does."""
    while True:
        try:
            return await keeper.call(make)
        except RetryLater as error:
            await clock.sleep(error.after or 0.0)


async def test_it_slows_down_before_it_is_refused() -> None:
    async with door(10, 4.0, **HEADERS) as (keeper, connector, strict, clock):
        for _ in range(45):
            assert len(await patiently(keeper, clock, lambda: connector.fetch("people", ["1"]))) == 1
        assert strict.refused == 0
        assert clock.at < 22, "and not more than it must"


async def test_without_the_words_it_is_refused_and_waits_as_long_as_it_is_asked_to() -> None:
    async with door(10, 4.0) as (keeper, connector, strict, clock):
        for _ in range(25):
            await patiently(keeper, clock, lambda: connector.fetch("people", ["1"]))
        assert strict.refused == 4  # each time after ten, and again after the 3 s that were asked for


async def test_a_refusal_in_the_middle_of_a_write_holds_up_the_next() -> None:
    async with door(4, 4.0, concurrency=1) as (keeper, connector, strict, clock):
        pushes = [update(n, f"p{n}", None, name="x") for n in range(6)]
        got = await keeper.call(lambda: connector.write(pushes))
        assert sum(isinstance(result, Accepted) for result in got) == 4
        assert strict.refused == 1
        await patiently(keeper, clock, lambda: connector.fetch("people", ["1"]))
        assert (strict.times[5], strict.refused) == (3.0, 2)
        assert strict.times[-1] == 6.0


@pytest.mark.parametrize("number", [1, 10])
async def test_the_rate_counts_requests_not_calls(number: int) -> None:
    async with door(10_000, 1.0, own=5.0) as (keeper, connector, strict, clock):
        for _ in range(40 // number):
            pushes = [update(n, f"p{n}", None, name="x") for n in range(number)]
            await keeper.call(partial(connector.write, pushes))
        await keeper.call(lambda: connector.fetch("people", ["1"]))
        assert len(strict.times) == 41
        assert clock.at == pytest.approx(40 / 5 - 1 + 1 / 5)


async def test_a_rate_below_one_a_second() -> None:
    async with door(10_000, 1.0, own=0.5) as (keeper, connector, strict, _):
        for _ in range(4):
            await keeper.call(lambda: connector.fetch("people", ["1"]))
        assert strict.times == [0.0, 2.0, 4.0, 6.0]


async def test_a_long_wait_is_not_slept_at_the_door() -> None:
    clock, told = Stopped(), [Meter(1, 1, 0, 100, 3600.0)]
    pace = Pace(clock, None, lambda: told[0])
    with pytest.raises(RetryLater, match="no calls for 3600 s") as caught:
        pace.wait()
    assert (caught.value.after, clock.at) == (3600.0, 0.0)
    assert LONGEST_SLEEP < 3600.0
    told[0] = Meter(1, 2, 50, 100, 3600.0)
    assert pace.wait() == 0.0


@pytest.mark.parametrize("told", [None, (190, 10.0)])
def test_the_vendors_limit_of_short_times(told: tuple[int, float] | None) -> None:
    """The declared one is kept until answers tell which one holds."""
    clock, meter = Stopped(), Meter(5)
    pace = Pace(clock, None, lambda: meter, (100, 10.0))
    times = []
    for n in range(400):
        clock.at += pace.wait()
        times.append(clock.at)
        meter = Meter(6 + n, n // 200, burst=told if n >= 200 else None)
        pace.done()
    limit = 100 if told is None else 190
    assert all(times[n + 95] - times[n] >= 10.0 for n in range(100)), "what was sent before counts, too"
    assert all(late - early >= 10.0 for early, late in zip(times[210:], times[210 + limit :], strict=False))
    assert times[-1] - times[210] < 200 / (0.75 * limit / 10.0), "and it is no slower than it must be"


async def test_a_short_wait_does_not_end_a_longer_one() -> None:
    clock = Stopped()
    keeper = Gatekeeper("crm", clock)
    both, long = asyncio.Event(), asyncio.Event()

    async def refused(wait: float) -> None:
        if wait > 1.0:
            await both.wait()
            long.set()
        else:
            both.set()
            await long.wait()
        raise RetryLater("too many", wait)

    calls = [keeper.call(partial(refused, wait)) for wait in (60.0, 1.0)]
    await asyncio.gather(*calls, return_exceptions=True)
    await keeper.ready()
    assert clock.at == 60.0


async def test_an_absurd_wait_ends_after_an_hour() -> None:
    clock = Stopped()
    keeper = Gatekeeper("crm", clock)

    async def says_later() -> None:
        raise RetryLater("come back in three years", 1e8)

    with pytest.raises(RetryLater):
        await keeper.call(says_later)
    await keeper.ready()
    assert clock.at == pytest.approx(LONGEST_PAUSE)


async def test_the_breaker_closes_again_by_our_stopwatch() -> None:
    clock = Stopped()
    keeper = Gatekeeper("shop", clock)

    async def fails() -> int:
        raise RetryLater("not now")

    async def answers() -> int:
        return 1

    for _ in range(FAILURES_TO_OPEN):
        with pytest.raises(RetryLater, match="not now"):
            await keeper.call(fails)
    clock.at += OPEN_SECONDS - 1
    with pytest.raises(RetryLater, match="in a row"):
        await keeper.call(answers)
    clock.at += 2
    with pytest.raises(RetryLater, match="not now"):
        await keeper.call(fails)  # half open: one failure opens it again
    clock.at += OPEN_SECONDS - 1
    with pytest.raises(RetryLater, match="in a row"):
        await keeper.call(answers)
    clock.at += 2
    assert await keeper.call(answers) == await keeper.call(answers) == 1


async def test_an_object_that_fails_leaves_the_others_alone() -> None:
    keeper = Gatekeeper("shop", Stopped())

    async def fails() -> None:
        raise RetryLater("500")

    async def works() -> int:
        return 1

    for _ in range(FAILURES_TO_OPEN):
        with pytest.raises(RetryLater, match="500"):
            await keeper.call(fails, about="orders")
    with pytest.raises(RetryLater, match="times in a row"):
        await keeper.call(works, about="orders")
    assert await keeper.call(works, about="people") == 1
    assert keeper.troubled("orders")
    assert not keeper.troubled("people")
