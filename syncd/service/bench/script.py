"""`syncd bench` from its first process to its figures; everything happens in a folder that is thrown away."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from syncd.service.bench import words
from syncd.service.bench.children import sandbox, worker
from syncd.service.bench.parts import BULK, LINGER, LINGERING, NOTIFY, WEBHOOKS, Asked, Bulk, Stage, Trickle
from syncd.service.bench.running import Running, running
from syncd.service.bench.view import View
from syncd.service.logs import start_logging
from syncd.service.redact import Redactor
from syncd.store.embedded import EmbeddedPostgres
from syncd.store.home import find_home
from syncd.store.pool import open_plain

PASSES = 3
LEAST = 2_000
"""Records of the bare loop, at least: it is over soon."""


class Found:
    """What the parts found. `bare` is in µs of CPU per record, a figure per pass."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.bare: list[float] = []
        self.bulk: dict[str, Bulk] = {}
        self.trickles: dict[str, Trickle] = {}
        self.load, self.cpus = os.getloadavg(), os.cpu_count()


async def measure(asked: Asked, view: View) -> Found:
    """Run what is asked for. Raises `SyncdError` where something does not work."""
    found = Found(asked)
    with _folder() as folder, view:
        async with _stage(asked, folder, view) as stage:
            await _crms(stage, found)
            if NOTIFY in asked.parts:
                found.trickles[NOTIFY] = await _notify(stage)
        if stage.sampler is not None and asked.profile is not None:
            stage.sampler.write(asked.profile)
    return found


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder for everything, and nothing left of it."""
    with tempfile.TemporaryDirectory(prefix="syncd-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL may have to run as another user
        try:
            yield folder
        finally:
            for state in filter(Path.exists, (folder / name for name in words.STATES)):
                data = find_home(state).data
                if not data.is_relative_to(folder):  # where root's temporary files are closed to others
                    shutil.rmtree(data.parent, ignore_errors=True)


@asynccontextmanager
async def _stage(asked: Asked, folder: Path, view: View) -> AsyncIterator[Stage]:
    """Two sandboxes and a worker; the daemon's log goes to a file, or to standard error at a warning."""
    (folder / "token").write_text(words.TOKEN)
    (folder / "secret").write_text(words.SECRET)
    profile = words.write(folder / "profile.yaml", words.profile())
    start_logging("warning", json=False, redact=Redactor())
    async with AsyncExitStack() as stack:
        a, b = [await stack.enter_async_context(sandbox(profile, folder / f"{x}.log")) for x in "ab"]
        yield Stage(asked, folder, a, b, await stack.enter_async_context(worker(folder / "w.log")), view)


async def _crms(stage: Stage, found: Found) -> None:
    """All parts between the two sandboxes, in one store."""
    asked = stage.asked
    if not {BULK, WEBHOOKS, LINGERING}.intersection(asked.parts):
        await stage.fill(LEAST)
        found.bare = await _bare(stage)
        return
    told = words.between_crms(stage.a, stage.b, stage.folder, guard="read")
    await stage.fill(asked.records)
    async with running(stage.config("bulk", told), stage.view) as run:
        found.bulk["first_sync"] = await _first_sync(stage, run)
        found.bare = await _bare(stage)
        if BULK in asked.parts:
            await _bulk(stage, run, found)
        lacking = asked.warm + asked.edits - stage.rows
        if lacking > 0 and {WEBHOOKS, LINGERING}.intersection(asked.parts):
            await stage.fill(lacking)
            await run.read("a")
            await run.read("b")
    if WEBHOOKS in asked.parts:
        found.trickles[WEBHOOKS] = await stage.webhooks("webhooks")
    if LINGERING in asked.parts:
        found.trickles[LINGERING] = await stage.webhooks("webhooks, lingering", linger=LINGER)


async def _first_sync(stage: Stage, run: Running) -> Bulk:
    """Everything in `a` to an empty `b`, from the moment when the engine starts."""
    part, count = "first sync", stage.asked.records
    stage.view.part(part, count)

    async def work() -> None:
        await run.written("b", count)

    await run.begun()
    arrived = await stage.measured(run, part, count, work)
    echoes = await stage.measured(run, f"{part}, echoes", count, lambda: run.read("b"))
    return Bulk(arrived, echoes)


async def _bare(stage: Stage) -> list[float]:
    """The bare loop, in a process of its own."""
    stage.view.part("bare loop", 1)
    count = max(stage.asked.records, LEAST)
    async with worker(stage.folder / "w.log") as alone:
        passes: list[float] = await alone.do("bare", a=stage.a, b=stage.b, records=count, passes=PASSES)
        return passes


async def _bulk(stage: Stage, run: Running, found: Found) -> None:
    asked, half = stage.asked, max(10, stage.asked.records // 2)
    found.bulk["updates"] = await stage.updates(run, "updates both ways", 0, half)
    if not asked.preload:
        return
    await stage.fill(asked.preload)
    found.bulk["preload"] = await stage.arrival(run, "preload", asked.preload)
    first = stage.rows
    await stage.fill(asked.records)
    found.bulk["first_sync_large"] = await stage.arrival(run, "first sync, large store", asked.records)
    found.bulk["updates_large"] = await stage.updates(run, "updates, large store", first, half)


async def _notify(stage: Stage) -> Trickle:
    """A table whose triggers ring, to the second sandbox; in a store of its own."""
    count = stage.asked.warm + stage.asked.edits
    # it plays somebody else's server: nobody kills it here, so it need not wait for the disk
    settings = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
    async with EmbeddedPostgres(stage.folder / words.STATES[2], settings=settings) as url:
        await _make_table(url, count)
        config = stage.config("notify", words.from_sql(url, stage.b, stage.folder))
        async with running(config, stage.view) as run:
            await run.begun()
            await run.written("b", count)
            return await stage.trickle(run, "SQL with NOTIFY", "edit_table", words.TABLE, url=url)


async def _make_table(url: str, count: int) -> None:
    columns = ", ".join(f"{name} text" for name in words.LEFT)
    names = ", ".join(words.LEFT)
    marks = ", ".join(f"${i + 1}" for i in range(words.COUNT))
    rows: list[tuple[Any, ...]] = [tuple(words.value(i, n) for i in range(words.COUNT)) for n in range(count)]
    pool = await open_plain(url, size=1)
    try:
        await pool.execute(f"create table {words.TABLE} (id bigserial primary key, {columns})")
        await pool.executemany(f"insert into {words.TABLE} ({names}) values ({marks})", rows)
        await pool.execute(f"create index on {words.TABLE} ({words.LEFT[0]})")
    finally:
        pool.terminate()
