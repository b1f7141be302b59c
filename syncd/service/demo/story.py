"""The story's acts: each does one thing to real parts and says what it means.

An act that finds something lost or wrong adds a sentence to `failures`, which ends the demo with 1.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from rich.markup import escape

from syncd.service.demo.crowd import Crowd
from syncd.service.demo.process import Daemon
from syncd.service.demo.scene import Scene
from syncd.service.demo.systems import Systems
from syncd.service.demo.view import View, counters, middle
from syncd.service.demo.watch import Linked, State, Watch

PATIENCE = 120.0
"""Seconds to wait for anything that must come to an end."""
EDITS_A_SECOND = 8
BURST_A_SECOND = 40


class NotInTimeError(Exception):
    """Something did not come to an end, in a sentence."""


@dataclass(slots=True)
class Story:
    """What all acts work with."""

    view: View
    scene: Scene
    daemon: Daemon
    watch: Watch
    seed: int
    crowd: Crowd | None = None
    failures: list[str] = field(default_factory=list)

    @property
    def systems(self) -> Systems:
        return self.scene.systems

    # -- waiting --------------------------------------------------------------------------------------------

    async def until(self, what: str, done: Callable[[], Awaitable[bool]], *, every: float = 0.05) -> None:
        """Wait for something; raises `NotInTimeError`, at once when the daemon ended by itself."""
        end = time.monotonic() + PATIENCE
        while not await done():
            if self.daemon.ended:
                raise NotInTimeError(f"the daemon ended by itself:\n{self.daemon.last_words()}")
            if time.monotonic() > end:
                raise NotInTimeError(f"{what} took longer than {PATIENCE:.0f} s")
            await asyncio.sleep(every)

    async def quiet(self) -> bool:
        """Whether nothing is on its way, and still is not a moment later."""
        for _ in range(3):
            state = await self.watch.state()
            if state is None or not state.quiet(self.systems.streams):
                return False
            await asyncio.sleep(0.1)
        return True

    # -- acts -----------------------------------------------------------------------------------------------

    async def make(self) -> None:
        """Three systems that never heard of each other."""
        view, counts = self.view, await self.systems.count()
        names = self.systems.names
        rows = [(kind, *(found.get(system, "-") for system in names)) for kind, found in counts.items()]
        view.table(("rows in", *names), rows)
        much = sorted(self.scene.dirt.items(), key=lambda item: -item[1])
        dirt = ", ".join(f"{number} x {kind}" for kind, number in much)
        view.say(f"  The data is as dirty as real data: {dirt}.")
        view.say("  One person, as the three systems wrote her or him down:")
        for row in self.scene.person:
            view.say(f"    {escape(row)}")
        code, said = await self.daemon.run("check")
        view.command(f"syncd check -c {self.daemon.config}", said)
        if code:
            self.failures.append(f"`syncd check` ended with {code}")

    async def first_sync(self) -> None:
        """Everything that one system has and the other lacks."""
        before = {kind: sum(found.values()) for kind, found in (await self.systems.count()).items()}
        began = time.monotonic()
        await self.daemon.start()
        self.view.say(f"[bold cyan]$ syncd run -c {self.daemon.config}[/]   (process {self.daemon.pid})")
        with self.view.bars(before) as bars:

            async def done() -> bool:
                now = await self._progress(before)
                bars.update(now)
                return any(now.values()) and await self.quiet()

            await self.until("the first sync", done, every=0.2)
            bars.update(await self._progress(before))
        took = time.monotonic() - began
        linked, state = await self.watch.progress(), await self.watch.state()
        assert state is not None
        total, whole = sum(before.values()), sum(one.whole for one in linked.values())
        self.view.say(
            f"  {total} rows became {whole} records that every system has, in {took:.1f} s "
            f"with the start of the daemon. Rows of one person were matched, not doubled; "
            f"{state.decided} fields that differed were decided by rule."
        )
        await self._nobody_twice()
        self.view.say(f"  What nobody can decide by rule is listed, never guessed: {_open(state)}.")
        copies = {kind: await self.watch.copies(kind) for kind in before}
        self.crowd = Crowd.of(self.systems, self.scene.acts, copies, self.seed)

    async def _nobody_twice(self) -> None:
        """Compare with how many there really are, where that is known."""
        for kind, wanted in self.scene.there.items():
            found = (await self.systems.count())[kind]
            told = ", ".join(f"{system} {number}" for system, number in found.items())
            more = sum(abs(number - wanted) for number in found.values())
            self.view.say(f"  There are {wanted} of kind {kind}: {told}. Duplicates: [bold]{more}[/].")
            if more:
                self.failures.append(f"there are {wanted} of kind {kind}, and not in every system: {told}")

    async def _progress(self, before: dict[str, int]) -> dict[str, int]:
        """Of the rows that were there, those whose record every system has by now."""
        now, found = await self.systems.count(), await self.watch.progress()
        left = {}
        for kind in before:
            one = found.get(kind, Linked())
            left[kind] = max(0, sum(now[kind].values()) - one.linked) + one.records - one.whole
        return {kind: before[kind] - min(before[kind], left[kind]) for kind in before}

    async def edits(self, seconds: float) -> None:
        """People work on both sides."""
        crowd, scene = self.people(), self.scene
        before = scene.calls() if scene.calls is not None else 0
        await self._watched(f"people at work for {seconds:.0f} s", crowd.work(seconds, rate=EDITS_A_SECOND))
        for system, how in scene.heard.items():
            mine = [e.latency for e in crowd.edits if e.system == system and e.latency is not None]
            self.view.say(
                f"  from {system}: {len(mine)} edits; in all others after {middle(mine) * 1000:.0f} ms in "
                f"the middle, {middle(mine, 0.99) * 1000:.0f} ms for 99 of 100  [dim]({how})[/]"
            )
        if scene.calls is not None:
            spent = scene.calls() - before
            each = spent / max(1, len(crowd.edits))
            self.view.say(f"  {spent} calls of the two APIs, {each:.1f} for each edit, polls included.")
        taken = await scene.taken()
        self.view.say(f"  {taken} signed webhooks of {scene.hooked} were taken.")
        if not taken:
            self.failures.append(f"no webhook of {scene.hooked} was taken")

    async def _watched(self, title: str, work: Awaitable[None], note: str = "") -> None:
        """Show edits while `work` makes them, and until the last one has arrived."""
        crowd, before = self.people(), len(self.people().edits)
        looking = asyncio.create_task(crowd.keep_looking())
        working = asyncio.ensure_future(work)
        try:
            with self.view.edits(crowd, title, self.scene.ways) as edits:

                async def done() -> bool:
                    edits.update(await self.watch.state(), note)
                    if looking.done():
                        looking.result()
                    return working.done() and not crowd.missing

                while not working.done():
                    await done()
                    await asyncio.sleep(0.12)
                await working
                with suppress(NotInTimeError):
                    await self.until("the last edit", done, every=0.05)
        finally:
            for task in (looking, working):
                task.cancel()
            await asyncio.gather(looking, working, return_exceptions=True)
        self.view.say(f"  {counters(crowd)}.")
        lost = [edit for edit in crowd.edits[before:] if edit.arrived is None]
        self.failures += [f"edit {e.number} never arrived: {e.system}, {e.said}" for e in lost]

    async def kill(self, seconds: float) -> None:
        """kill -9 in the middle of a burst; people go on working while nothing runs."""
        crowd = self.people()
        before = len(crowd.edits)

        async def burst() -> None:
            await crowd.work(seconds, rate=BURST_A_SECOND)
            arrived = sum(edit.arrived is not None for edit in crowd.edits[before:])
            pid = await self.daemon.kill()
            await self.watch.aclose()
            self.view.say(
                f"  kill -9 {pid}: the daemon and its store are dead; {arrived} of "
                f"{len(crowd.edits) - before} edits had arrived."
            )
            await crowd.work(seconds, rate=EDITS_A_SECOND)
            at = time.monotonic()
            await self.daemon.start()
            await self.until("the restart", self._answers)
            took = time.monotonic() - at
            self.view.say(
                f"  Started again as process {self.daemon.pid}; it works after {took:.1f} s, "
                "with no word from anybody."
            )

        await self._watched("a burst, and a kill", burst())
        await self.until("the rest", self.quiet)
        burst_edits = crowd.edits[before:]
        lost = sum(edit.arrived is None for edit in burst_edits)
        self.view.say(f"  Edits around the kill: {len(burst_edits)}; lost: [bold]{lost}[/].")
        doubles = await self._doubles()
        self.view.say(f"  New contacts made twice by it: [bold]{doubles}[/].")
        if doubles:
            self.failures.append(f"{doubles} new contacts exist twice")

    async def _answers(self) -> bool:
        return await self.watch.state() is not None

    async def _doubles(self) -> int:
        """E-mail addresses of newcomers, which are unique, that some system holds more than once."""
        doubles = 0
        for system, table in self.systems.kinds["contact"].items():
            found = await self.systems.column(system, table, self.scene.mails[system])
            new = [mail for mail in found if mail and ".new" in mail]
            doubles += len(new) - len(set(new))
        return doubles

    async def reconcile(self) -> int:
        """Compare everything, and believe nothing that was said before; answers the exit code."""
        code, said = await self.daemon.run("reconcile")
        self.view.command("syncd reconcile", said)
        return code

    def people(self) -> Crowd:
        """Who edits, once there is something to edit."""
        assert self.crowd is not None
        return self.crowd


def _open(state: State) -> str:
    return f"{state.open} conflicts for a person, {state.parked} values or rows set aside with the reason"
