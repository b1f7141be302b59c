"""A worker: one server, one database, one loop, any number of runs one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from syncd.store.migrate import upgrade
from tests.sim.twin.database import Server
from tests.sim.twin.loop import TwinLoop, running
from tests.sim.twin.plan import Plan
from tests.sim.twin.run import Outcome, Run, run
from tests.support.postgres import started, with_database


@dataclass
class Worker:
    """Tells plans. A run that breaks the harness itself is a failure like any other."""

    runner: asyncio.Runner
    server: Server
    make: type[Run] = Run

    def tell(self, plan: Plan) -> Outcome:
        """One run."""
        return run(plan, self.runner, self.server, self.make)


@contextmanager
def worker(
    url: str, make: type[Run] = Run, server_of: type[Server] = Server, loop_of: type[TwinLoop] = TwinLoop
) -> Iterator[Worker]:
    """A worker on a migrated database that nobody else uses; another kind of run on a loop of its own."""
    server = server_of(url)
    with running(loop_of) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, TwinLoop)
        runner.run(server.open(loop))
        try:
            yield Worker(runner, server, make)
        finally:
            runner.run(server.close(loop))


@contextmanager
def databases(number: int) -> Iterator[list[str]]:
    """A server of our own with so many migrated databases."""
    with started() as url:
        names = [f"twin_{n}" for n in range(number)]
        with psycopg.connect(url, autocommit=True) as con:
            con.execute("create database twin_0")
            upgrade(with_database(url, "twin_0"))
            for name in names[1:]:
                con.execute(f"create database {name} template twin_0")
        yield [with_database(url, name) for name in names]


@contextmanager
def own_worker(
    make: type[Run] = Run, server_of: type[Server] = Server, loop_of: type[TwinLoop] = TwinLoop
) -> Iterator[Worker]:
    """A worker with a server of its own."""
    with databases(1) as urls, worker(urls[0], make, server_of, loop_of) as ready:
        yield ready
