"""Two daemons on one store: who holds it, who takes over, and when."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import asyncpg
import pytest

from syncd.core.clock import SystemClock
from syncd.core.errors import Fenced, StoreUnavailable
from syncd.store.store import Store

TOKEN = "select token from lease where name = 'engine'"


class Stopwatch:
    """A clock whose sleeps end at once, and count."""

    def __init__(self) -> None:
        self.time = 0.0
        self.sleeps: list[float] = []

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.time += seconds
        await asyncio.sleep(0)


class Stalling(Stopwatch):
    """A clock of a process that stalls for 40 s after it was looked at `stall_after` times more."""

    stall_after = 0

    def monotonic(self) -> float:
        told = self.time
        if self.stall_after:
            self.stall_after -= 1
            self.time += 0 if self.stall_after else 40
        return told


async def open_store(url: str, *, holder: str = "rival", seconds: float = 30.0) -> Store:
    return await Store.open(url, holder=holder, clock=SystemClock(), lease_seconds=seconds)


async def expire(store: Store) -> None:
    async with store.plain() as conn:
        await conn.execute("update lease set expires = now() - interval '1 second'")


async def write(store: Store) -> None:
    async with store.write() as tx:
        await tx.execute("insert into waits_in values (gen_random_uuid()::text, 1, 'x', 1)")


async def test_a_live_holder_keeps_others_out_and_is_named(store: Store, store_url: str) -> None:
    async with await open_store(store_url) as rival:
        with pytest.raises(Fenced, match=r"held by another daemon \(test\)"):
            await rival.acquire_lease()
    await write(store)


async def test_the_lease_runs_by_our_own_stopwatch(store_url: str) -> None:
    clock = Stopwatch()
    async with await Store.open(store_url, holder="a", clock=clock, lease_seconds=20) as store:
        assert store.lease_left() == 0
        await store.acquire_lease()
        clock.time += 15
        assert store.lease_left() == 5
        clock.time += 15
        assert store.lease_left() == 0


async def test_a_release_lets_the_next_in_and_the_old_one_out(store: Store, store_url: str) -> None:
    async with await open_store(store_url) as rival:
        await store.release_lease()
        await rival.acquire_lease()
        await write(rival)
        with pytest.raises(Fenced):
            await write(store)


async def test_a_dead_holder_is_succeeded_at_once(store: Store, store_url: str) -> None:
    """The session ends with its process; here the server ends it."""
    async with store.plain() as conn:
        await conn.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where application_name = 'syncd lease' and datname = current_database()"
        )
    async with await open_store(store_url) as rival:
        await rival.acquire_lease()
        assert rival.lease_left() > 25


async def test_a_stalled_holder_is_fenced_after_its_lease_ran_out(store: Store, store_url: str) -> None:
    async with await open_store(store_url) as rival:
        await expire(store)
        await rival.acquire_lease()
        with pytest.raises(Fenced, match="took over"):
            await write(store)
        with pytest.raises(Fenced, match="took over"):
            await store._lease.renew_once()
        await write(rival)


async def test_a_lease_that_ran_out_with_nobody_waiting_is_renewed(store: Store) -> None:
    await expire(store)
    await write(store)
    await store._lease.renew_once()
    async with store.plain() as conn:
        assert await conn.fetchval("select expires > now() + interval '20 seconds' from lease")


async def test_a_takeover_waits_for_the_transaction_that_passed_the_fence(
    store: Store, store_url: str
) -> None:
    async with await open_store(store_url) as rival, store.plain() as conn:
        async with store.write() as tx:
            await expire(store)
            takeover = asyncio.create_task(rival.acquire_lease())
            while not await conn.fetchval(  # a round trip each: this waits for an event in the server
                "select count(*) from pg_stat_activity where application_name = 'syncd lease'"
                " and datname = current_database() and wait_event_type = 'Lock'"
            ):
                assert not takeover.done()
            await tx.execute("insert into waits_in values ('last', 1, 'x', 1)")
        await takeover
        assert await conn.fetchval("select count(*) from waits_in") == 1
        with pytest.raises(Fenced):
            await write(store)


async def test_renewals_do_not_wait_for_a_transaction(store: Store) -> None:
    async with store.write() as tx:
        await tx.fetchval("select 1")
        await asyncio.wait_for(store._lease.renew_once(), 5)


async def test_a_stalled_transaction_does_not_keep_a_successor_out(store_url: str) -> None:
    async with await open_store(store_url, seconds=1.0) as stalled, await open_store(store_url) as rival:
        await stalled.acquire_lease()
        with pytest.raises(StoreUnavailable, match=r"stood still|broke the connection|closed the connection"):
            async with stalled.write() as tx:
                await tx.execute("insert into waits_in values ('never', 1, 'x', 1)")
                await rival.acquire_lease(wait=20)
                await tx.execute("select 1")
        async with rival.read() as conn:
            assert await conn.fetchval("select count(*) from waits_in") == 0


async def test_a_statement_that_stalls_half_said_does_not_keep_a_successor_out(store_url: str) -> None:
    name, query = b"half\0", b"select 1\0"
    half = b"P" + (4 + len(name) + len(query) + 2).to_bytes(4, "big") + name + query + b"\0\0"
    flush = b"H\0\0\0\4"
    async with await open_store(store_url, seconds=1.0) as stalled, stalled.plain() as conn:
        await stalled.acquire_lease()
        con = await asyncpg.connect(store_url, server_settings={"application_name": "syncd"})
        await con.execute(f"begin; {stalled._lease.fence()}; insert into waits_in values ('no', 1, 'x', 1)")
        con._transport.pause_reading()
        con._transport.write(half + flush)
        sql = "select 1 from pg_stat_activity where state = 'active' and wait_event = 'ClientRead'"
        async with asyncio.timeout(30):
            while not await conn.fetchval(sql):  # a round trip each: this waits for an event in the server
                assert not con.is_closed()
        await expire(stalled)
        async with await open_store(store_url, seconds=3.0) as rival:
            await rival.acquire_lease()
            await write(rival)
        assert await conn.fetchval("select count(*) from waits_in where target_id = 'no'") == 0
        con.terminate()


async def test_waiting_ends_in_an_error_that_says_who_and_how_long(store: Store, store_url: str) -> None:
    clock = Stopwatch()
    async with await Store.open(store_url, holder="b", clock=clock) as rival:
        with pytest.raises(Fenced, match="Stop that one"):
            await rival.acquire_lease(wait=3)
    assert sum(clock.sleeps) == pytest.approx(3)


async def test_renew_goes_on_until_somebody_takes_over(store_url: str) -> None:
    clock = Stopwatch()
    async with await Store.open(store_url, holder="a", clock=clock, lease_seconds=30) as store:
        await store.acquire_lease()
        for _ in range(4000):
            store.seq()
        renewing = asyncio.create_task(store.renew())
        while len(clock.sleeps) < 5:
            await asyncio.sleep(0)
        assert store._numbers.left() >= 5000  # topped up without a write
        async with store.plain() as conn:
            await conn.execute("update lease set token = token + 1")
        with pytest.raises(Fenced):
            await renewing
        assert set(clock.sleeps) == {10.0}


async def test_renew_outlives_a_lost_connection_but_not_its_lease(store_url: str) -> None:
    clock = Stopwatch()
    async with await Store.open(store_url, holder="a", clock=clock, lease_seconds=30) as store:
        await store.acquire_lease()
        before = await _token(store)
        store._lease._con.terminate()
        await store._lease.renew_once()
        assert await _token(store) == before
        store._lease._con.terminate()
        store._lease._url = "postgresql://nobody@127.0.0.1:1/gone"
        with pytest.raises(StoreUnavailable):
            await store.renew()
        assert sum(clock.sleeps) == pytest.approx(30)


async def test_the_lock_is_taken_again_after_a_reconnect(store: Store, store_url: str) -> None:
    store._lease._con.terminate()
    await store._lease.renew_once()
    async with await open_store(store_url) as rival:
        for _ in range(50):  # the server may need a moment to see that the lost session is gone
            if store._lease._locked:
                break
            await store._lease.renew_once()
        with pytest.raises(Fenced, match="held by another"):
            await rival.acquire_lease()


async def _token(store: Store) -> int:
    async with store.plain() as conn:
        token = await conn.fetchval(TOKEN)
    assert isinstance(token, int)
    return token


async def test_tokens_only_rise(store: Store) -> None:
    seen = [await _token(store)]
    for _ in range(3):
        await store.release_lease()
        await store.acquire_lease()
        seen.append(await _token(store))
    assert seen == sorted(set(seen))


async def test_the_schema_may_be_missing(fresh_database: object) -> None:
    assert callable(fresh_database)
    async with await open_store(await fresh_database()) as store:
        with pytest.raises(StoreUnavailable, match="syncd db upgrade"):
            await store.acquire_lease()


async def test_close_is_safe_with_the_server_gone(store_url: str) -> None:
    store = await open_store(store_url)
    await store.acquire_lease()
    admin = await asyncpg.connect(store_url)
    await admin.execute(
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
        " where pid <> pg_backend_pid() and datname = current_database()"
    )
    await admin.close()
    await store.close()
    await store.close()


async def test_what_may_take_long_is_begun_with_enough_of_the_lease_left(store_url: str) -> None:
    clock = Stopwatch()
    async with await Store.open(store_url, holder="a", clock=clock, lease_seconds=30) as store:
        await store.acquire_lease()
        clock.time = 10.0
        await store.ensure_lease(20)
        assert store.lease_left() == 20, "enough is left"
        clock.time = 11.0
        await store.ensure_lease(20)
        assert store.lease_left() == 30, "renewed"
        clock.time = 50.0
        await store.ensure_lease(20)
        assert store.lease_left() == 30, "it had run out, and nobody had taken it"
        clock.time = 90.0
        await expire(store)
        async with await open_store(store_url) as rival:
            await rival.acquire_lease()
            with pytest.raises(Fenced, match="took over"):
                await store.ensure_lease(20)


async def test_a_renewal_in_which_the_process_stalled_is_not_enough(store_url: str) -> None:
    clock = Stalling()
    async with await Store.open(store_url, holder="a", clock=clock, lease_seconds=30) as store:
        await store.acquire_lease()
        clock.time, clock.stall_after = 15.0, 2
        await store.ensure_lease(20)
        assert clock.time == 55.0
        assert store.lease_left() == 30
