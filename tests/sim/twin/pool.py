"""Many runs at once: one server, and a process with a database of its own for each core."""

from __future__ import annotations

import atexit
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from multiprocessing.queues import SimpleQueue
from typing import TypeAlias

from tests.sim.twin.database import Server
from tests.sim.twin.loop import TwinLoop
from tests.sim.twin.plan import Plan
from tests.sim.twin.run import Outcome, Run
from tests.sim.twin.worker import Worker, databases, worker

AT_ONCE = 4
"""Plans that a process is handed at a time."""

Kind: TypeAlias = tuple[type[Run], type[Server], type[TwinLoop]]
"""What a worker is made of."""
_mine: list[Worker] = []


def tell_all(
    plans: Sequence[Plan], processes: int, kind: Kind = (Run, Server, TwinLoop)
) -> Iterator[Outcome]:
    """The outcomes in the order of the plans; only those that failed have their logs."""
    with databases(processes) as urls, _pool(urls, kind) as pool:
        yield from pool.map(_tell, plans, chunksize=AT_ONCE)


@contextmanager
def _pool(urls: Sequence[str], kind: Kind) -> Iterator[ProcessPoolExecutor]:
    spawn = multiprocessing.get_context("spawn")
    free: SimpleQueue[str] = spawn.SimpleQueue()
    for url in urls:
        free.put(url)
    with ProcessPoolExecutor(len(urls), spawn, _begin, (free, kind)) as pool:
        yield pool


def _begin(free: SimpleQueue[str], kind: Kind) -> None:
    stack = ExitStack()
    _mine.append(stack.enter_context(worker(free.get(), *kind)))
    atexit.register(stack.close)


def _tell(plan: Plan) -> Outcome:
    outcome = _mine[0].tell(plan)
    return outcome if outcome.faults else replace(outcome, log=[])
