"""CPU per record of the first sync between two databases, beside a bare loop of the same run.

`syncd bench` measures the rest: two CRMs over HTTP, updates, latencies.

    python -m tests.bench.first_sync [--records 10000] [--preload 200000] [--profile]

Two PostgreSQL databases on one server, the store on another, so that the store's server is measured
alone. The bare loop reads pages of 100, renames 12 fields and inserts 100, without state. Figures depend
on the machine: the ratios are what counts.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import pstats
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import psutil

from syncd.core.clock import SystemClock
from syncd.engine.memory import collect_less
from syncd.service.bench.meter import server_cpu
from syncd.store.embedded import EmbeddedPostgres
from syncd.store.migrate import upgrade
from syncd.store.store import Store
from tests.support.postgres import reachable_folder, with_database
from tests.support.rig import Rig

BATCH = 200
"""Writes per call: the sql connector's own default."""
FIELDS = [f"f{i}" for i in range(12)]
SOURCE = f"create table a (id bigserial primary key, {', '.join(f'{f} text' for f in FIELDS)})"
RENAMED = ", ".join(f"g{f} text" for f in FIELDS)
TARGET = f"create table b (id bigserial primary key, key text unique, {RENAMED})"
CONFIG = """
systems:
  a: {{connector: sql, url: "{a}", capture: triggers}}
  b: {{connector: sql, url: "{b}", capture: triggers}}
kinds:
  thing:
    fields: {{{types}}}
    match: [f0]
    systems:
      a: {{object: a, fields: {{{left}}}}}
      b: {{object: b, key_field: key, fields: {{{right}}}}}
    conflicts: [{{strategy: prefer, systems: [a, b]}}]
"""


@dataclass
class Cost:
    """CPU seconds of this process and of the store's server, and statements sent to the store."""

    python: float
    server: float
    statements: int
    wall: float


async def measured(store: Store, pid: int, work: Callable[[], Awaitable[object]]) -> Cost:
    """What `work` costs."""
    began, cpu, server, count = time.monotonic(), time.process_time(), server_cpu(pid), store.statements
    await work()
    return Cost(
        time.process_time() - cpu,
        server_cpu(pid) - server,
        store.statements - count,
        time.monotonic() - began,
    )


async def fill(con: asyncpg.Connection, first: int, count: int) -> None:
    """Rows with distinct, realistic lengths."""
    values = ", ".join(f"'value of field {i} in row ' || n" for i in range(len(FIELDS)))
    sql = f"insert into a ({', '.join(FIELDS)}) select {values} from generate_series($1::int, $2::int) n"
    await con.execute(sql, first, first + count - 1)


async def bare_loop(a: str, b: str, count: int) -> float:
    """CPU µs per record of the same work without any state."""
    source, target = await asyncpg.connect(a), await asyncpg.connect(b)
    await target.execute(TARGET.replace(" b ", " bare "))
    columns = ", ".join(f"g{f}" for f in FIELDS)
    places = ", ".join(f"${i + 1}::text[]" for i in range(12))
    insert = f"insert into bare ({columns}) select * from unnest({places})"
    began, above, done = time.process_time(), 0, 0
    while done < count:
        rows = await source.fetch("select * from a where id > $1 order by id limit 100", above)
        if not rows:
            break
        above = rows[-1]["id"]
        renamed = [{f"g{f}": row[f] for f in FIELDS} for row in rows]
        await target.execute(insert, *[[r[f"g{f}"] for r in renamed] for f in FIELDS])
        done += len(rows)
    await source.close()
    await target.close()
    return (time.process_time() - began) / max(1, done) * 1e6


async def until_quiet(rig: Rig) -> None:
    """Everything arrives; echoes are read back."""
    await rig.settle(1000)


def report(name: str, cost: Cost, records: int, batches: int) -> None:
    """One line of figures."""
    print(
        f"{name:32} syncd {cost.python / records * 1e6:6.1f} µs/record   PostgreSQL "
        f"{cost.server / records * 1e6:6.1f} µs/record   {cost.statements / batches:5.1f} statements/batch "
        f"of {BATCH}   {records / cost.wall:7.0f} records/s"
    )


async def main(records: int, preload: int, *, profile: bool) -> None:
    """Run and print."""
    collect_less()  # as the daemon does
    with reachable_folder() as one, reachable_folder() as other, reachable_folder() as folder:
        async with EmbeddedPostgres(one) as remote_url, EmbeddedPostgres(other) as store_url:
            await _run(remote_url, store_url, folder, records, preload, profile=profile)


async def _run(
    remote: str, store_url: str, folder: Path, records: int, preload: int, *, profile: bool
) -> None:
    admin = await asyncpg.connect(remote)
    for name in ("bench_a", "bench_b"):
        await admin.execute(f"create database {name}")
    await admin.close()
    a, b = (with_database(remote, name) for name in ("bench_a", "bench_b"))
    left, right = await asyncpg.connect(a), await asyncpg.connect(b)
    await left.execute(SOURCE)
    await right.execute(TARGET)
    await asyncio.to_thread(upgrade, store_url)
    config = folder / "syncd.yaml"
    config.write_text(
        CONFIG.format(
            a=a,
            b=b,
            types=", ".join(f"{f}: text" for f in FIELDS),
            left=", ".join(f"{f}: {f}" for f in FIELDS),
            right=", ".join(f"{f}: g{f}" for f in FIELDS),
        )
    )
    async with await Store.open(store_url, holder="bench", clock=SystemClock()) as store:
        await store.acquire_lease()
        pid = await _server_pid(store)
        rig = await Rig.make(store, config)
        await rig.settle()
        made = 0
        for name, count in (("first sync", records), *([("preload", preload)] if preload else [])):
            await fill(left, made + 1, count)
            made += count
            cost = await measured(store, pid, lambda: until_quiet(rig))
            report(f"{name} of {count}", cost, count, count // BATCH)
        if preload:
            await fill(left, made + 1, records)
            cost = await measured(store, pid, lambda: until_quiet(rig))
            report(f"{records} more, in a store of {made}", cost, records, records // BATCH)
        if profile:
            await fill(left, made + records + 1, records)
            profiler = cProfile.Profile(time.process_time)
            profiler.enable()
            await until_quiet(rig)
            profiler.disable()
            pstats.Stats(profiler, stream=sys.stdout).sort_stats("tottime").print_stats(35)
        print(f"{'bare loop':32} {await bare_loop(a, b, records):6.1f} µs/record")
        await rig.aclose()
    await left.close()
    await right.close()


async def _server_pid(store: Store) -> int:
    async with store.plain() as con:
        backend = await con.fetchval("select pg_backend_pid()")
    parent = psutil.Process(backend).parent()
    if parent is None:
        raise SystemExit("the store's server has no parent process")
    return parent.pid


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--preload", type=int, default=0)
    parser.add_argument("--profile", action="store_true")
    given = parser.parse_args()
    asyncio.run(main(given.records, given.preload, profile=given.profile))
