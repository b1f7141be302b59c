"""The parts of the benchmark: each sets the stage, measures, and says what it found."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from syncd.service.bench import words
from syncd.service.bench.children import Worker
from syncd.service.bench.meter import Cost, Meter
from syncd.service.bench.running import Running, running
from syncd.service.bench.sampler import Sampler
from syncd.service.bench.view import View

WARM_SECONDS = 1.0
"""Seconds of edits at the same rate before those that count."""
LINGER = "1s"
BULK, WEBHOOKS, LINGERING, NOTIFY = "bulk", "webhooks", "linger", "notify"
ALL = (BULK, WEBHOOKS, LINGERING, NOTIFY)


@dataclass(frozen=True, slots=True)
class Asked:
    """What to measure: `seconds` of `rate` edits a second; `preload` more records for a large store."""

    records: int = 10_000
    rate: float = 50.0
    seconds: float = 20.0
    preload: int = 0
    parts: tuple[str, ...] = ALL
    profile: Path | None = None

    @property
    def warm(self) -> int:
        return max(1, int(self.rate * WARM_SECONDS))

    @property
    def edits(self) -> int:
        return max(1, int(self.rate * self.seconds))


@dataclass(slots=True)
class Bulk:
    """A bulk part: until everything arrived, and what reading our own writes back took after that."""

    arrived: Cost
    echoes: Cost
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Trickle:
    """A part at a steady rate; latencies in ms."""

    cost: Cost
    latencies: list[float]


class Stage:
    """The sandboxes `a` and `b` by URL, a worker, and all that the parts share."""

    def __init__(self, asked: Asked, folder: Path, a: str, b: str, worker: Worker, view: View) -> None:
        self.asked, self.folder, self.a, self.b = asked, folder, a, b
        self.worker, self.view = worker, view
        self.sampler = Sampler() if asked.profile is not None else None
        self.rows = 0

    def config(self, name: str, told: words.Words) -> Path:
        return words.write(self.folder / f"{name}.yaml", told)

    # -- in bulk -------------------------------------------------------------------------------------

    async def fill(self, count: int) -> None:
        """More records in `a`."""
        await self.worker.do("fill", url=self.a, object="things", first=self.rows, count=count)
        self.rows += count

    async def measured(
        self, run: Running, part: str, records: int, work: Callable[[], Awaitable[object]]
    ) -> Cost:
        """What `work` costs, and the calls that the sandboxes counted meanwhile."""
        before = await self._calls()
        if self.sampler is not None:
            self.sampler.start()
        meter = Meter(run.server, lambda: self.view.spent)
        await work()
        cost = meter.read(records, run.moved)
        if self.sampler is not None:
            self.sampler.stop(part, cost.syncd, records)
        cost.calls = {name: after - before[name] for name, after in (await self._calls()).items()}
        return cost

    async def _calls(self) -> dict[str, int]:
        return dict(zip("ab", await self.worker.do("calls", urls=[self.a, self.b]), strict=True))

    async def arrival(self, run: Running, part: str, count: int) -> Bulk:
        """What is new in `a` is read and written to `b`; then `b` is read."""
        self.view.part(part, count)
        arrived = await self.measured(run, part, count, lambda: run.read("a"))
        echoes = await self.measured(run, f"{part}, echoes", count, lambda: run.read("b"))
        return Bulk(arrived, echoes)

    async def updates(self, run: Running, part: str, first: int, count: int) -> Bulk:
        """`count` updates on each side at once."""
        self.view.part(part, 2 * count)
        told = await self.worker.do("edit", a=self.a, b=self.b, first=first, count=count)
        changes = told["left"] + told["right"]
        arrived = await self.measured(run, part, changes, lambda: run.read("a", "b"))
        echoes = await self.measured(run, f"{part}, echoes", changes, lambda: run.read("a", "b"))
        sides = await self.worker.do("compare", a=self.a, b=self.b)
        return Bulk(arrived, echoes, {"edits": told, "differences": sides["differ"]})

    # -- at a steady rate ----------------------------------------------------------------------------

    async def trickle(self, run: Running, part: str, task: str, object: str, **where: Any) -> Trickle:
        """Edits one by one; those of the first second only warm up."""
        asked = self.asked
        self.view.part(part, asked.warm + asked.edits)
        place = {**where, "rate": asked.rate}
        await self._edits(run, task, asked.warm, first=0, word=f"warm {part}", **place)
        stamps: dict[str, float] = {}

        async def work() -> None:
            edit = self._edits(run, task, asked.edits, first=asked.warm, word=part, **place)
            stamps.update(await edit)

        cost = await self.measured(run, part, asked.edits, work)
        told = {"b": self.b, "object": object, "stamps": stamps, "word": part}
        return Trickle(cost, await self.worker.do("latencies", **told))

    async def _edits(self, run: Running, task: str, count: int, **args: Any) -> dict[str, float]:
        before = run.pushed("b")
        stamps: dict[str, float] = await self.worker.do(task, count=count, **args)
        await run.written("b", before + count)
        return stamps

    async def webhooks(self, part: str, **system: Any) -> Trickle:
        """Both sandboxes tell their changes; edits in `a`."""
        told = words.between_crms(self.a, self.b, self.folder, **system)
        async with running(self.config("trickle", told), self.view) as run:
            await run.caught_up()
            for name, url in (("a", self.a), ("b", self.b)):
                await self.worker.do("subscribe", url=url, hook=f"{run.hooks}/hooks/{name}")
            return await self.trickle(run, part, "edit_crm", "others", a=self.a)
