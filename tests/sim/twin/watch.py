"""What is noted down while a run goes on, and what the judges of `oracles` are asked about it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO, cast

from loguru import logger

from syncd.config import Settings
from syncd.service.logs import write_to
from syncd.service.redact import Redactor, secrets_of
from tests.sim.history import edit_of
from tests.sim.twin import oracles
from tests.sim.twin.database import Server
from tests.sim.twin.facts import Facts
from tests.sim.twin.loop import TwinLoop
from tests.sim.twin.oracles import Snapshot, Wait
from tests.sim.twin.shape import Plan, number_of
from tests.sim.twin.troubles import is_bystander

if TYPE_CHECKING:
    from tests.sim.twin.run import Run

SAMPLED = ("inbox", "outbox", "sends", "pages", "versions", "conflicts", "parked", "sweep_seen")
SLACK = 8
"""Calls above our share that a call of the contract may need, and those of a start."""
NOTED_EVERY = 5.0
PATIENCE = 60.0
"""Seconds within which an edit arrives in a system that is well, besides polls, lags and distances."""


class Watch:
    """One run's notes."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.kept: list[Snapshot] = []
        self.asked: list[int] = []
        self.samples: list[tuple[float, dict[str, int]]] = []

    async def keep(self, server: Server, loop: TwinLoop) -> None:
        """Note what the store says at the end of a life."""
        self.kept.append(await snapshot(server, loop))

    def forget(self, commands: Collection[int]) -> None:
        """An old backup was put back: only these requests were ever heard of."""
        self.kept.clear()
        self.asked = [number for number in self.asked if number in commands]

    async def sample(self, server: Server, loop: TwinLoop) -> None:
        """Count the rows of what could grow, and the lines of the log."""
        sql = " union all ".join(f"select '{name}' as name, count(*) as n from {name}" for name in SAMPLED)
        counted = {row["name"]: row["n"] for row in await server.ask(loop, sql)}
        self.samples.append((loop.time(), {**counted, "log": len(self.lines)}))


async def snapshot(server: Server, loop: TwinLoop) -> Snapshot:
    """What the store says now."""
    versions = await server.ask(loop, "select record_id, version, changes from versions")
    links = await server.ask(loop, "select stream, remote_id, record_id from links")
    commands = await server.ask(loop, "select command, ok from commands")
    return Snapshot(
        {(row["record_id"], row["version"]): row["changes"] for row in versions},
        {(row["stream"], row["remote_id"]): row["record_id"] for row in links},
        {row["command"]: row["ok"] for row in commands},
    )


class _Lines:
    """A stream that keeps what is written, a text per event."""

    def __init__(self, lines: list[str]) -> None:
        self.write = lines.append

    def flush(self) -> None: ...


@contextmanager
def heard(settings: Settings, lines: list[str]) -> Iterator[None]:
    """Have the log written as the daemon writes it, to `lines`, and nowhere else."""
    core: Any = logger._core  # type: ignore[attr-defined] # the handlers of others come back as they were
    handlers, level = core.handlers, core.min_level
    core.handlers = {}
    write_to(cast(TextIO, _Lines(lines)), "debug", json=False, redact=Redactor(secrets_of(settings)))
    try:
        yield
    finally:
        logger.remove()
        core.handlers, core.min_level = handlers, level


async def judged(run: Run, facts: Facts) -> list[str]:
    """I6, I8, I9, I12, I14."""
    watch, happened = run.watch, run.outcome.happened
    now = await snapshot(run.server, run.loop)
    waits = list(_waits(run))
    happened["bystander's edit"] += len(waits)
    happened["line of the log"] += len(watch.lines)
    return [
        *(
            said
            for then in watch.kept
            for said in oracles.forgotten(then, now, gone=facts.redirects, ended=list(_ended(run, facts)))
        ),
        *oracles.unanswered(watch.asked, now),
        *oracles.delayed(waits, bound(run.plan)),
        *_quotas(run),
        *oracles.betrayed(watch.lines),
        *oracles.grown(watch.samples, limits(run)),
    ]


def _ended(run: Run, facts: Facts) -> Iterator[tuple[int, str]]:
    """The copies that we deleted."""
    for stream, (system, object) in facts.streams.items():
        for touch in run.crms[system].touches:
            if touch.by == "syncd" and touch.what == "delete" and touch.object == object:
                yield stream, touch.id


def _quotas(run: Run) -> Iterator[str]:
    """Calls above our share, in a window of the vendor's.

    What was not written down when the daemon died is not counted against it, at most what it may call in the
    5 s between two notes; nor are a few calls that one call of the contract needs, and a rolling window's
    slices.
    """
    for name, crm in run.crms.items():
        limit = crm.limit
        if limit is None:
            continue
        died = sum(life.killed for life in run.lives)
        forgotten = died * NOTED_EVERY * (limit.most * limit.share / limit.window + 4.0)
        most = limit.most * limit.share + SLACK + forgotten
        run.outcome.happened["call within a quota"] += len(limit.ours)
        run.outcome.happened["call above a limit"] += limit.refused
        for said in oracles.above_share(limit.ours, most, limit.window, rolling=limit.rolling):
            yield f"{said} ({name})"


def bound(plan: Plan) -> float:
    """Virtual seconds within which an edit arrives in a system that is well."""
    lags = sum(float(system.features.get("read_lag", 0.0)) for system in plan.systems)
    return PATIENCE + 2 * plan.poll + lags + 200 * plan.slow


def _waits(run: Run) -> Iterator[Wait]:
    """The edits of bystanders, in every system that is not in trouble as a whole."""
    if "bystander" not in run.plan.more:
        return
    well = {name: crm for name, crm in run.crms.items() if name != run.plan.more["bystander"]}
    for home, crm in well.items():
        for touch in crm.touches:
            if touch.by != "person" or touch.object != "people" or not touch.after.get("name"):
                continue
            row = crm.rows("people").get(touch.id)
            if row is None or not is_bystander(number_of("people", row)):
                continue
            edit = edit_of(touch.after["name"])
            for name, other in well.items():
                if name != home:
                    seen = [
                        t.at
                        for t in other.touches
                        if t.by == "syncd"
                        and t.object == "people"
                        and t.at >= touch.at
                        and is_bystander(other.number(t.object, t.id))
                        and edit_of(t.after.get("name")) >= edit
                    ]
                    yield Wait(f"edit {edit} from {home} to {name}", touch.at, min(seen, default=None))


def limits(run: Run) -> dict[str, float]:
    """How much there may be of each: by what people did, not by how long the daemon has run."""
    people = sum(touch.by == "person" for crm in run.crms.values() for touch in crm.touches)
    rows = sum(len(table.rows) for crm in run.crms.values() for table in crm.tables.values())
    records, lives = max(rows, 10), len(run.lives)
    writes = sum(crm.writes for crm in run.crms.values())
    return {
        "inbox": 4 * records,
        "outbox": 4 * records * len(run.crms),
        "sends": records * len(run.crms),
        "pages": 20 + 4 * people + 2 * writes + 4 * records * lives,
        "versions": 4 * (people + rows) * len(run.crms),
        "conflicts": 20 + 2 * max(people, run.people.history.last),
        "parked": 2 * records * len(run.crms),
        "sweep_seen": 2 * records,
        "log": 400 + 100 * (lives + len(run.plan.faults)),
    }
