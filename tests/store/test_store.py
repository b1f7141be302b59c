"""Transactions, the fence, the numbers, and what is said when the store is away."""

from __future__ import annotations

import asyncio

import asyncpg
import orjson
import pytest

from syncd.core.clock import SystemClock
from syncd.core.errors import Fenced, StoreUnavailable, SyncdError
from syncd.store.sequence import BLOCK
from syncd.store.store import AHEAD, Conn, Store

WAIT = "insert into waits_in (target_id, target_stream, remote_id, stream) values ($1, 1, 'x', 1)"


async def waiting(store: Store) -> list[str]:
    async with store.read() as conn:
        return [row[0] for row in await conn.fetch("select target_id from waits_in order by 1")]


async def open_store(url: str, *, holder: str = "other", seconds: float = 30.0) -> Store:
    return await Store.open(url, holder=holder, clock=SystemClock(), lease_seconds=seconds)


async def test_a_block_that_ends_well_is_committed_and_then_rings(store: Store) -> None:
    rung = asyncio.Event()
    async with store.write() as tx:
        await tx.execute(WAIT, "a")
        tx.after_commit(rung.set)
        assert not rung.is_set()
    assert rung.is_set()
    assert await waiting(store) == ["a"]


async def test_a_block_that_fails_leaves_nothing_and_rings_nothing(store: Store) -> None:
    rung = asyncio.Event()
    with pytest.raises(LookupError):
        async with store.write() as tx:
            await tx.execute(WAIT, "a")
            tx.after_commit(rung.set)
            raise LookupError
    assert not rung.is_set()
    assert await waiting(store) == []


async def test_a_swallowed_error_is_not_taken_for_a_commit(store: Store) -> None:
    rung = asyncio.Event()
    with pytest.raises(SyncdError, match="nothing was committed"):
        async with store.write() as tx:
            tx.after_commit(rung.set)
            await tx.execute(WAIT, "a")
            with pytest.raises(asyncpg.UniqueViolationError):
                await tx.execute(WAIT, "a")
    assert not rung.is_set()
    assert await waiting(store) == []


async def test_a_cancelled_block_is_rolled_back_and_frees_the_writer(store: Store) -> None:
    inside = asyncio.Event()

    async def stuck() -> None:
        async with store.write() as tx:
            await tx.execute(WAIT, "a")
            inside.set()
            await tx.execute("select pg_sleep(60)")

    task = asyncio.create_task(stuck())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with store.write() as tx:
        await tx.execute(WAIT, "b")
    assert await waiting(store) == ["b"]


async def test_writers_take_turns(store: Store) -> None:
    inside = 0

    async def one(name: str) -> None:
        nonlocal inside
        async with store.write() as tx:
            inside += 1
            assert inside == 1
            await tx.execute(WAIT, name)
            inside -= 1

    await asyncio.gather(*(one(f"{n:02}") for n in range(20)))
    assert len(await waiting(store)) == 20


async def test_json_is_bytes_on_hot_connections_and_decoded_on_plain_ones(store: Store) -> None:
    body = orjson.dumps({"b": 1, "a": ["ß", None]}) + b" "
    columns = ["batch", "stream", "op", "body"]
    async with store.write() as tx:
        await tx.insert("sends", [(1, 1, "create", body)], columns)
        await tx.execute("insert into sends (batch, stream, op, body) values (2, 1, 'update', $1)", body)
    async with store.read() as conn:
        kept = [row[0] for row in await conn.fetch("select body from sends order by batch")]
        assert kept == [body, body]
        assert await conn.fetchval("show enable_seqscan") == "off"
    async with store.plain() as conn:
        assert await conn.fetchval("select body from sends where batch = 1") == {"b": 1, "a": ["ß", None]}
        assert await conn.fetchval("show enable_seqscan") == "on"


async def test_statements_are_counted(store: Store) -> None:
    async with store.write() as tx:
        await tx.fetchval("select 1")
    before = store.statements
    async with store.write() as tx:
        await tx.execute(WAIT, "a")
        await tx.fetch("select 1")
    assert store.statements - before == 4  # begin with the fence, two of ours, commit


async def test_without_a_lease_only_unfenced_writes_pass(store_url: str) -> None:
    async with await open_store(store_url) as store:
        with pytest.raises(Fenced, match="holds no lease"):
            async with store.write():
                pytest.fail("let in without a lease")
        async with store.write(fenced=False) as tx:
            await tx.execute(WAIT, "intent")
        assert await waiting(store) == ["intent"]


async def test_numbers_rise_across_blocks_transactions_and_holders(store: Store, store_url: str) -> None:
    taken = [store.seq() for _ in range(AHEAD)]
    async with store.write():
        taken += [store.seq() for _ in range(AHEAD)]
    async with store.write(numbers=3 * AHEAD):
        taken += [store.seq() for _ in range(3 * AHEAD)]
    await store.release_lease()
    async with await open_store(store_url) as successor:
        await successor.acquire_lease()
        taken.append(successor.seq())
    assert taken == sorted(set(taken))


async def test_numbers_that_were_taken_early_are_dropped_when_the_lease_comes(
    store: Store, store_url: str
) -> None:
    async with await open_store(store_url) as successor:
        async with successor.write(fenced=False):
            early = successor.seq()
        async with store.write(numbers=4 * AHEAD):
            theirs = [store.seq() for _ in range(4 * AHEAD)][-1]
        await store.release_lease()
        await successor.acquire_lease()
        assert early < theirs < successor.seq()


async def test_more_numbers_than_asked_for_is_an_error_not_a_repeat(store: Store) -> None:
    with pytest.raises(SyncdError, match="ask write"):
        for _ in range(AHEAD + BLOCK + 1):
            store.seq()


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("set transaction read only; insert into waits_in values ('a', 1, 'x', 1)", "is read-only"),
        ("do $$ begin raise sqlstate '53100'; end $$", "full disk"),
        ("do $$ begin raise sqlstate '57P01'; end $$", "shutting down"),
        ("select * from not_there", "syncd db upgrade"),
    ],
)
async def test_trouble_of_the_whole_store_is_told_as_such(store: Store, sql: str, said: str) -> None:
    with pytest.raises(StoreUnavailable, match=said):
        async with store.write() as tx:
            await tx.execute(sql)
    assert await waiting(store) == []


async def test_a_lost_connection_stops_one_transaction_and_the_next_one_works(store: Store) -> None:
    async def lose(tx: Conn) -> None:
        pid = await tx.fetchval("select pg_backend_pid()")
        async with store.plain() as other:
            await other.execute("select pg_terminate_backend($1, 5000)", pid)
        await tx.execute(WAIT, "lost")

    with pytest.raises(StoreUnavailable):
        async with store.write() as tx:
            await lose(tx)
    async with store.write() as tx:
        await tx.execute(WAIT, "kept")
    assert await waiting(store) == ["kept"]


@pytest.mark.parametrize(
    "url",
    ["postgresql://ann:s3cret@127.0.0.1:1/crm", "postgresql://ann:s3cret@/crm?host=/nowhere&port=5432"],
)
async def test_a_store_out_of_reach_is_named_without_its_password(url: str) -> None:
    with pytest.raises(StoreUnavailable, match=r"(127\.0\.0\.1:1|/nowhere)/crm cannot be reached") as caught:
        await open_store(url)
    assert "s3cret" not in str(caught.value)


async def test_a_database_that_is_missing_is_told(store_url: str) -> None:
    head, _, query = store_url.partition("?")
    with pytest.raises(StoreUnavailable, match="no such database"):
        await open_store(f"{head}_gone?{query}")
