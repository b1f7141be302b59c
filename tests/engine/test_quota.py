"""The daemon keeps to its share of a vendor's quota, follows other tools, leaves the reserve to people."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

import pytest

from connectors.base import Meter
from syncd.core.errors import RetryLater
from syncd.engine.gatekeeper import Gatekeeper
from syncd.engine.quota import Budget, Words
from syncd.engine.quotabook import QuotaBook
from syncd.store.store import Store
from tests.support.clocks import Stopped

DAY = 86_400.0
NOW = 1_000_000.0


class Vendor:
    """Counts requests exactly: over a rolling window, or up to the end of each period; says what is left."""

    def __init__(self, clock: Stopped, limit: int, *, rolling: bool = True, period: float = DAY) -> None:
        self.clock, self.limit, self.rolling, self.period = clock, limit, rolling, period
        self.ours: deque[float] = deque()
        self.all: list[float] = []
        self.theirs = 0
        self.most = 0
        self.least_left = limit
        self.began = clock.at
        self.met = Meter()

    def hit(self, requests: int = 1) -> None:
        """So many requests of ours come in with one call."""
        now = self.clock.at
        for _ in range(requests):
            self.ours.append(now)
            self.all.append(now)
        self._forget(now)
        self.most = max(self.most, len(self.ours))
        self.least_left = min(self.least_left, self.left())
        resets = 3600.0 if self.rolling else self.began + self.period - now
        self.met = Meter(
            self.met.requests + requests,
            self.met.heard + 1,
            max(0, self.left()),
            self.limit,
            resets,
            window=self.period if self.rolling else None,
        )

    def left(self) -> int:
        self._forget(self.clock.at)
        return self.limit - len(self.ours) - self.theirs

    def _forget(self, now: float) -> None:
        if not self.rolling and now >= self.began + self.period:
            self.began += (now - self.began) // self.period * self.period
            self.ours.clear()
            self.theirs = 0
        while self.rolling and self.ours and self.ours[0] <= now - self.period:
            self.ours.popleft()

    def meter(self) -> Meter:
        return self.met


async def demand(
    budget: Budget, vendor: Vendor, clock: Stopped, seconds: float, *, each: int = 1, sweep: bool = False
) -> int:
    """As many calls as are let through in a time, each of `each` requests and 0.05 s."""
    end, calls = clock.at + seconds, 0
    while clock.at < end:
        try:
            clock.at += budget.wait(sweep=sweep)
        except RetryLater as error:
            clock.at += error.after or 0.0
            continue
        clock.at += 0.05
        vendor.hit(each)
        budget.done()
        calls += 1
    return calls


@pytest.mark.parametrize("each", [1, 7])
@pytest.mark.parametrize("rolling", [True, False])
async def test_it_never_uses_more_than_its_share(rolling: bool, each: int) -> None:
    clock = Stopped(NOW)
    vendor = Vendor(clock, 10_000, rolling=rolling)
    budget = Budget(clock, Words(share=0.4), vendor.meter)
    await demand(budget, vendor, clock, 4 * DAY, each=each)
    assert vendor.most <= 4_000, "counted at the vendor"
    assert len(vendor.all) > 0.85 * 4 * 4_000, "and what is ours is used"


async def test_it_slows_down_before_it_stops() -> None:
    clock = Stopped(NOW)
    vendor = Vendor(clock, 10_000)
    budget = Budget(clock, Words(share=0.4), vendor.meter)
    await demand(budget, vendor, clock, 3600)
    assert budget.usage().state == "scarce"
    before = len(vendor.all)
    await demand(budget, vendor, clock, 3600)
    assert 0 < len(vendor.all) - before < 400, "spread over the hours until there is more"


async def test_the_reserve_is_left_to_people() -> None:
    clock = Stopped(NOW)
    vendor = Vendor(clock, 1_000)
    budget = Budget(clock, Words(reserve=0.1), vendor.meter)
    await demand(budget, vendor, clock, 2 * DAY)
    assert vendor.least_left >= 100


async def test_another_tool_that_eats_the_quota_is_followed() -> None:
    clock = Stopped(NOW)
    vendor = Vendor(clock, 10_000)
    budget = Budget(clock, Words(share=0.5, reserve=0.1), vendor.meter)
    await demand(budget, vendor, clock, 60)
    vendor.theirs = 8_900 - len(vendor.ours)
    before = len(vendor.all)
    await demand(budget, vendor, clock, 6 * 3600)
    used = len(vendor.all) - before
    assert used <= 110, "what is left above the reserve, and a question now and then whether there is more"
    assert budget.usage().state == "held"
    with pytest.raises(RetryLater, match="1000 are kept for people"):
        budget.wait()
    vendor.theirs = 0
    before = len(vendor.all)
    await demand(budget, vendor, clock, 2 * 3600)
    assert len(vendor.all) - before > 500


async def test_no_storm_when_the_quota_is_there_again() -> None:
    clock = Stopped(NOW)
    vendor = Vendor(clock, 10_000, rolling=False)
    budget = Budget(clock, Words(share=0.9), vendor.meter)
    vendor.theirs = 10_000
    await demand(budget, vendor, clock, DAY - 100)
    vendor.all.clear()
    await demand(budget, vendor, clock, 900)
    begin = vendor.all[next(i for i, at in enumerate(vendor.all) if at >= vendor.began)]
    per_second = [sum(begin + s <= at < begin + s + 5 for at in vendor.all) for s in (0, 10, 30)]
    assert per_second[0] <= 10 < per_second[1] < per_second[2], per_second


async def test_sweeps_leave_room_for_writes() -> None:
    clock = Stopped(NOW)
    vendor = Vendor(clock, 1_000)
    budget = Budget(clock, Words(share=0.4), vendor.meter)
    await demand(budget, vendor, clock, 3600, sweep=True)
    assert len(vendor.ours) <= 300
    with pytest.raises(RetryLater, match="for writes"):
        budget.wait(sweep=True)
    assert budget.wait() >= 0
    budget.done()


async def test_without_a_word_nothing_waits() -> None:
    clock = Stopped(NOW)
    vendor = Vendor(clock, 10)
    budget = Budget(clock, Words(), vendor.meter)
    assert await demand(budget, vendor, clock, 10) == 200
    assert budget.usage().state == "fine"


async def test_a_limit_that_nobody_told_limits_nothing() -> None:
    clock, met = Stopped(NOW), Meter(requests=3)
    budget = Budget(clock, Words(share=0.1), lambda: met)
    assert budget.wait() == 0
    assert budget.usage().state == "untold"


async def test_what_was_used_is_known_after_a_restart(store: Store) -> None:
    clock = Stopped(NOW)
    vendor = Vendor(clock, 1_000)

    async def run(seconds: float) -> Gatekeeper:
        keeper = Gatekeeper("crm", clock, meter=vendor.meter, words=Words(share=0.5))
        book = QuotaBook(store, {"crm": keeper})
        await book.load()
        await book.load()
        await demand(keeper.budget, vendor, clock, seconds)
        await book.save()
        return keeper

    first = await run(20)
    assert len(vendor.ours) == first.budget.usage().used > 300
    vendor.met = replace(vendor.met, requests=0)  # a new connector counts from nothing
    second = await run(3600)
    assert vendor.most <= 500
    assert second.budget.usage().used == len(vendor.ours)


async def test_the_door_says_why_it_is_shut_and_lets_sweeps_wait() -> None:
    clock = Stopped(NOW)
    vendor = Vendor(clock, 100)
    keeper = Gatekeeper("crm", clock, meter=vendor.meter, words=Words(share=0.1))

    async def call() -> None:
        vendor.hit()

    with pytest.raises(RetryLater, match=r"crm: .*of our 10 calls of 100 are used"):
        while True:
            await keeper.call(call)
    assert len(vendor.ours) <= 10
    assert keeper.trouble is not None
    began = clock.at
    await keeper.call(call, sweep=True)
    assert clock.at - began > 3600, "it went on where it was, once there was more"
    await clock.sleep(DAY)
    await keeper.call(call)
    assert keeper.trouble is None
