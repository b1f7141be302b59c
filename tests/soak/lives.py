"""The lives of the daemon: started, killed, stopped in mid-air past its lease, succeeded, woken."""

from __future__ import annotations

import asyncio
import re
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import psutil

from tests.scenarios.three_way import ThreeWay, free_port
from tests.support.commands import Running

LEASE = 5.0
"""Seconds, as configured for the run."""
EARLY = 0.15
"""The share of kills that come while the daemon is still starting."""
WORK = "select coalesce((select max(seq) from pages), 0) + coalesce((select max(batch) from sends), 0)"
PATIENCE = 180.0
"""Seconds that a start may take on a machine that is busy with other things; how long it took is told."""
FENCED = 3
"""What a daemon ends with whose store another one took, or is out of reach."""


@dataclass(frozen=True)
class Node:
    """A place for a daemon: its folder, and the port of its webhooks' door."""

    folder: Path
    hooks: int


@dataclass
class Told:
    """What happened to daemons. Times in seconds."""

    kills: int = 0
    kills_with_work: int = 0
    kills_in_a_call: int = 0
    kills_early: int = 0
    stalls: int = 0
    stalls_with_work: int = 0
    stalls_in_a_call: int = 0
    fenced: int = 0
    back: list[float] = field(default_factory=list)
    computing: list[float] = field(default_factory=list)
    taken_over: list[float] = field(default_factory=list)
    refused: int = 0
    faults: list[str] = field(default_factory=list)


DELETES = "{delete: {count: 10000}}"
"""People delete more in ten minutes than syncd lets through in an hour where nobody says otherwise."""


@dataclass
class Lives:
    """One daemon at work at a time; another may sleep in mid-air, or be about to find out."""

    three: ThreeWay
    random: Random
    say: Callable[[str], None] = lambda _: None
    told: Told = field(default_factory=Told)
    daemon: Running | None = None
    _began: float = 0.0
    _mark: int = 0
    _waking: asyncio.Task[None] | None = None
    _awake: int = 0

    def __post_init__(self) -> None:
        first = self.three.folder / "syncd.yaml"
        text = first.read_text().replace("service: {", f"service: {{lease: {LEASE:g}s, ")
        text = re.sub(r"(?m)^( +)deletes: .*$", rf"\g<0>\n\1brakes: {DELETES}", text)
        first.write_text(text)
        folder, port = self.three.folder / "b", free_port()
        folder.mkdir()
        (folder / "syncd.yaml").write_text(re.sub(r"(webhooks: \"127\.0\.0\.1:)\d+", rf"\g<1>{port}", text))
        self._nodes = [Node(self.three.folder, self.three.hooks), Node(folder, port)]
        for side in ("sales", "marketing"):
            self._watch_writes(side)

    def _fault(self, words: str) -> None:
        self.told.faults.append(words)
        self.say(words)

    # -- what goes wrong -------------------------------------------------------------------------------

    async def kill(self) -> None:
        """kill -9, and up again."""
        assert self.daemon is not None
        early = self.random.random() < EARLY
        if early:
            await asyncio.sleep(self.random.uniform(0, 1.5))
        else:
            await self.at_work()
            await asyncio.sleep(self.random.expovariate(4))
        self.told.kills_early += early
        await self.daemon.kill()
        left = await self.three.left()
        self.told.kills += 1
        self.told.kills_with_work += bool(left)
        self.told.kills_in_a_call += "sends" in left
        await self.start()

    async def stall(self) -> None:
        """SIGSTOP until its lease is over and another daemon has the store; then it may go on."""
        await self.at_work()
        await self.woken()
        stalled = self.daemon
        assert stalled is not None
        await asyncio.sleep(self.random.expovariate(4))
        stalled.process.send_signal(signal.SIGSTOP)
        left = await self.three.left()
        self.told.stalls += 1
        self.told.stalls_with_work += bool(left)
        self.told.stalls_in_a_call += "sends" in left
        began = time.monotonic()
        while (seconds := await self._lease_left()) > 0:
            await asyncio.sleep(seconds)
        self._nodes.reverse()
        await self.start()
        await self.at_work()
        self.told.taken_over.append(time.monotonic() - began)
        self._waking = asyncio.create_task(self._wake(stalled))

    async def _wake(self, stalled: Running) -> None:
        await asyncio.sleep(self.random.uniform(0, 1.5))
        self._awake = stalled.process.pid
        stalled.process.send_signal(signal.SIGCONT)
        try:
            code = await stalled.ended(within=60)
        except TimeoutError:
            self._fault("a stalled daemon went on, though another one has the store")
            await stalled.kill()
            return
        finally:
            self._awake = 0
        self.told.fenced += code == FENCED  # by its token, or for the server ended what it left half done
        if code != FENCED:
            self._fault(f"a stalled daemon ended with {code}: {_end(stalled)}")

    async def woken(self) -> None:
        """Return when who was stalled has ended."""
        if self._waking is not None:
            await self._waking
            self._waking = None

    async def _lease_left(self) -> float:
        sql = "select extract(epoch from expires - clock_timestamp())::float8 from lease"
        return float(await self.three.store.fetchval(sql))

    # -- a life ----------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin one; does not wait until it is at work."""
        node = self._nodes[0]
        for one in self.three.marketing.webhooks.subscriptions:
            url = f"http://127.0.0.1:{node.hooks}/hooks/marketing"
            one.wanted = one.wanted.model_copy(update={"url": url})
        self._began = time.monotonic()
        self.daemon = await Running.begun(node.folder, env={})
        self._mark = await self.three.store.fetchval(WORK)
        self._counted = False

    async def at_work(self) -> None:
        """Return when the daemon is ready and has applied or written something; counted once for a life."""
        while True:
            assert self.daemon is not None
            if await self._or_ended(self._works()):
                break
            log = _end(self.daemon)
            if "in use by another" in self.daemon.log or "is held by another" in self.daemon.log:
                self.told.refused += 1
            else:
                self._fault(f"ended by itself with {self.daemon.process.returncode}: {log}")
            await asyncio.sleep(0.2)  # as a supervisor would
            await self.start()
        if not self._counted:
            self._counted = True
            self.told.back.append(time.monotonic() - self._began)
            spent = psutil.Process(self.daemon.process.pid).cpu_times()
            self.told.computing.append(spent.user + spent.system)

    async def _works(self) -> None:
        assert self.daemon is not None

        async def moved() -> bool:
            return bool(await self.three.store.fetchval(WORK) > self._mark)

        await self.daemon.listens(within=PATIENCE)
        await self.three.until(moved, within=PATIENCE)
        while (await self.daemon.get("/readyz"))[0] != 200:
            await asyncio.sleep(0.05)

    async def _or_ended(self, work: Awaitable[None]) -> bool:
        """Whether the work was done before the daemon ended."""
        assert self.daemon is not None
        working = asyncio.ensure_future(work)
        ended = asyncio.ensure_future(self.daemon.process.wait())
        await asyncio.wait({working, ended}, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        if working.done() and working.exception() is None:
            return True
        working.cancel()
        with suppress(BaseException):
            await working
        if self.daemon.process.returncode is None:
            self._fault(f"not at work after a long time: {_end(self.daemon)}")
            await self.daemon.kill()
        return False

    async def aclose(self) -> None:
        """End what runs."""
        if self._waking is not None:
            await self._waking
        if self.daemon is not None:
            await self.daemon.kill()

    # -- the fence -------------------------------------------------------------------------------------

    def _watch_writes(self, side: str) -> None:
        """Note a write that comes from a daemon which was succeeded."""
        door = self.three.sandbox(side).door
        run: Callable[..., Awaitable[Any]] = door.run

        async def watched(request: Any, call: Any, work: Any, **more: Any) -> Any:
            if self._awake and call.writes and _ends(request) in _connections(self._awake):
                self._fault(f"{side}: a daemon that was succeeded wrote by {call.route}")
            return await run(request, call, work, **more)

        door.run = watched  # type: ignore[method-assign]


def _ends(request: Any) -> tuple[int, int] | None:
    """The ports of a request's connection, the client's first: alone, one may be another connection's too."""
    if request.transport is None:
        return None
    peer, own = (request.transport.get_extra_info(name) for name in ("peername", "sockname"))
    return (int(peer[1]), int(own[1])) if peer and own else None


def _connections(pid: int) -> set[tuple[int, int]]:
    """The ports of a process's connections, its own first."""
    with suppress(psutil.Error):
        found = psutil.Process(pid).net_connections("inet")
        return {(con.laddr.port, con.raddr.port) for con in found if con.laddr and con.raddr}
    return set()


def _end(daemon: Running) -> str:
    return " | ".join(daemon.log.splitlines()[-3:])


def spread(random: Random, kills: int, stalls: int, seconds: float) -> list[tuple[float, str]]:
    """When what happens, in order."""
    acts = Counter({"kill": kills, "stall": stalls})
    return sorted((random.uniform(0, seconds), act) for act in acts.elements())
