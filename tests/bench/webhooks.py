"""Latency from a webhook to the write in the other system, at a steady rate.

    python -m tests.bench.webhooks [--rate 50] [--seconds 20] [--records 1000]

Two CRMs in memory, so what is measured is syncd, its HTTP and its PostgreSQL (durable commits), and no
remote. Prints p50 and p99 in ms: of the answer to the sender, and of the whole way.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

from connectors.memory import FieldDef, MemoryRemote, ObjectDef
from syncd.core.clock import SystemClock
from syncd.service.compose import open_service
from syncd.service.daemon import Daemon
from syncd.service.hooks import receiving
from syncd.service.vendors import load_settings
from syncd.store.embedded import EmbeddedPostgres
from syncd.store.store import Store
from tests.support.deliveries import SECRET, Sender, event
from tests.support.postgres import reachable_folder

FIELDS = [f"f{i}" for i in range(12)]
LINE = ", ".join(f"{f}: {f}" for f in FIELDS)
CONFIG = f"""
store: "${{env:BENCH_STORE}}"
systems:
  a:
    connector: memory
    remote: bench-a
    poll: 1h
    webhooks: {{secret: "${{env:BENCH_SECRET}}", rate: 100000}}
  b: {{connector: memory, remote: bench-b, poll: 1h}}
kinds:
  thing:
    fields: {{{", ".join(f"{f}: text" for f in FIELDS)}}}
    match: [f0]
    systems:
      a: {{object: things, fields: {{{LINE}}}}}
      b: {{object: things, key_field: key, fields: {{{LINE}}}}}
    conflicts: [{{strategy: prefer, systems: [a, b]}}]
service: {{listen: "127.0.0.1:0", webhooks: "127.0.0.1:0"}}
"""


class Deaf(list[Callable[[], None]]):
    """Listeners of a CRM that has no bell to ring."""

    def append(self, _: Callable[[], None]) -> None:
        pass


class Far:
    """The other system: when each value was committed in it."""

    def __init__(self, remote: MemoryRemote) -> None:
        self.remote = remote
        self.at: dict[str, float] = {}
        self.grown = asyncio.Event()
        self._last = (0, "")
        remote.listeners = Deaf()
        remote.faults.hook = self._passed

    async def _passed(self, point: str, object: str, _: str | None) -> None:
        if point != "write.answer":
            return
        now = time.perf_counter()
        for row in self.remote.tables[object].changed_after(self._last, self.remote.horizon()):
            self.at.setdefault(str(row.fields["f1"]), now)
            self._last = (row.txn, row.id)
        self.grown.set()

    async def until(self, count: int) -> None:
        while len(self.at) < count:
            self.grown.clear()
            await self.grown.wait()


def quantiles(name: str, seconds: list[float]) -> None:
    """One line of figures."""
    found = sorted(seconds)
    p50, p99 = (found[int(len(found) * share)] * 1000 for share in (0.5, 0.99))
    print(
        f"{name:24} p50 {p50:6.2f} ms   p99 {p99:6.2f} ms   max {found[-1] * 1000:6.2f} ms   n {len(found)}"
    )


async def steady(
    sender: Sender, near: MemoryRemote, far: Far, store: Store, rate: float, seconds: float
) -> None:
    """Edit and tell `rate` times a second, each on its own."""
    ids = list(near.rows("things"))
    began: dict[str, float] = {}
    answers: list[float] = []

    async def one(n: int) -> None:
        value = f"edit {n}"
        near.update("things", ids[n % len(ids)], {"f1": value})
        began[value] = time.perf_counter()
        assert await sender.tell(event(ids[n % len(ids)], object="things")) == 202
        answers.append(time.perf_counter() - began[value])

    before, start, cpu, sent = len(far.at), time.perf_counter(), time.process_time(), store.statements
    total, clock = int(rate * seconds), SystemClock()
    async with asyncio.TaskGroup() as tasks:
        for n in range(total):
            await clock.sleep(max(0.0, start + n / rate - time.perf_counter()))
            tasks.create_task(one(n))
    await asyncio.wait_for(far.until(before + total), 30)
    quantiles("answered", answers)
    quantiles("written", [far.at[value] - at for value, at in began.items()])
    cpu, sent = time.process_time() - cpu, store.statements - sent
    print(
        f"{cpu / total * 1000:.2f} ms CPU a change, sender included; {sent / total:.1f} statements a change"
    )


async def main(rate: float, seconds: float, records: int) -> None:
    """Run and print."""
    shapes = [ObjectDef("things", {f: FieldDef() for f in FIELDS}, "key")]
    near, other = (MemoryRemote(shapes).register(f"bench-{side}") for side in "ab")
    for n in range(records):
        near.create("things", {f: f"{f} of {n}" for f in FIELDS})
    near.listeners = Deaf()
    with reachable_folder() as folder:
        async with EmbeddedPostgres(folder) as url:
            os.environ |= {"BENCH_STORE": url, "BENCH_SECRET": SECRET}
            file = Path(folder) / "bench.yaml"
            file.write_text(CONFIG)
            async with open_service(
                load_settings(file), clock=SystemClock(), lease=True, look=False
            ) as service:
                daemon, far = Daemon(service), Far(other)
                running = asyncio.create_task(daemon.run())
                async with receiving(daemon) as hooks:
                    await far.until(records)
                    async with Sender.to(f"{hooks}/hooks/a") as sender:
                        await steady(sender, near, far, service.store, rate, seconds)
                    daemon.stop()
                    await running


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=50)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--records", type=int, default=1000)
    given = parser.parse_args()
    asyncio.run(main(given.rate, given.seconds, given.records))
