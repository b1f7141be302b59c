"""The story's acts: each does one thing to real parts and says what it means.

An act that finds something lost or wrong adds a sentence to `failures`, which ends the demo with 1.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

from rich.markup import escape

from syncd.service.demo.databases import Databases
from syncd.service.demo.edits import Crowd, phone
from syncd.service.demo.process import Daemon
from syncd.service.demo.sides import Sides
from syncd.service.demo.view import View, counters, middle
from syncd.service.demo.watch import State, Watch

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
    databases: Databases
    sides: Sides
    daemon: Daemon
    watch: Watch
    seed: int
    crowd: Crowd | None = None
    failures: list[str] = field(default_factory=list)
    _shown: int = 0

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
            if state is None or not state.quiet:
                return False
            await asyncio.sleep(0.1)
        return True

    # -- acts -----------------------------------------------------------------------------------------------

    async def make(self) -> None:
        """Two databases that never heard of each other."""
        view, counts = self.view, await self.databases.count()
        view.table(
            ("rows in", "crm", "erp"), [(f"{kind}", ours, theirs) for kind, (ours, theirs) in counts.items()]
        )
        dirt = ", ".join(f"{number} x {kind}" for kind, number in self.sides.dirt.most_common())
        view.say(f"  The data is as dirty as real data: {dirt}.")
        view.say("  One person, as the two systems wrote her or him down:")
        for ours, theirs in self._same_people():
            crm = (ours["first_name"], ours["last_name"], ours["phone"])
            view.say(f"    crm {ours['id']}: {escape(repr(crm))}")
            view.say(f"    erp {theirs['person_no']}: {escape(repr((theirs['name'], theirs['tel'])))}")
        code, said = await self.daemon.run("check")
        view.command(f"syncd check -c {self.daemon.config}", said)
        if code:
            self.failures.append(f"`syncd check` ended with {code}")

    def _same_people(self) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        theirs = {row["mail"]: row for row in self.sides.erp["people"]}
        both = [(row, theirs[row["email"]]) for row in self.sides.crm["contacts"] if row["email"] in theirs]
        other = [(a, b) for a, b in both if b["name"] != f"{a['first_name']} {a['last_name']}" and b["tel"]]
        foreign = [(a, b) for a, b in other if not a["last_name"].isascii()]
        return foreign[:2]

    async def first_sync(self) -> None:
        """Everything that one system has and the other lacks."""
        before = {kind: ours + theirs for kind, (ours, theirs) in (await self.databases.count()).items()}
        began = time.monotonic()
        await self.daemon.start()
        self.view.say(f"[bold cyan]$ syncd run -c {self.daemon.config}[/]   (process {self.daemon.pid})")
        with self.view.bars(before) as bars:

            async def done() -> bool:
                bars.update(await self._progress(before))
                return await self.quiet()

            await self.until("the first sync", done)
            bars.update(await self._progress(before))
        took = time.monotonic() - began
        both, state = await self.watch.both(), await self.watch.state()
        assert state is not None
        total = sum(before.values())
        self.view.say(
            f"  {total} rows became {sum(both.values())} records that both systems have, in {took:.1f} s "
            f"with the start of the daemon. Rows of one person were matched by e-mail address, not doubled; "
            f"{state.decided} fields that differed were decided by rule."
        )
        self.view.say(f"  What nobody can decide by rule is listed, never guessed: {_open(state)}.")
        pairs = {kind: await self.watch.pairs(kind) for kind in before}
        self.crowd = Crowd.of(self.databases, pairs, self.seed)

    async def _progress(self, before: dict[str, int]) -> dict[str, int]:
        """Of the rows that were there, those whose record both systems have by now."""
        now, both = await self.databases.count(), await self.watch.both()
        alone = {kind: sum(now[kind]) - 2 * both.get(kind, 0) for kind in before}
        return {kind: before[kind] - min(before[kind], max(0, alone[kind])) for kind in before}

    async def edits(self, seconds: float) -> None:
        """People work on both sides."""
        crowd = self._crowd()
        await self._watched(f"people at work for {seconds:.0f} s", crowd.work(seconds, rate=EDITS_A_SECOND))
        for way, system in (("crm → erp", "crm"), ("erp → crm", "erp")):
            mine = [e.latency for e in crowd.edits if e.system == system and e.latency is not None]
            how = "found by asking every 500 ms" if system == "crm" else "the triggers ring at once"
            self.view.say(
                f"  {way}: {len(mine)} edits; arrived after {middle(mine) * 1000:.0f} ms in the middle, "
                f"{middle(mine, 0.99) * 1000:.0f} ms for 99 of 100  [dim]({how})[/]"
            )

    async def _watched(self, title: str, work: Awaitable[None], note: str = "") -> None:
        """Show edits while `work` makes them, and until the last one has arrived."""
        crowd, before = self._crowd(), len(self._crowd().edits)
        looking = asyncio.create_task(crowd.keep_looking())
        working = asyncio.ensure_future(work)
        try:
            with self.view.edits(crowd, title) as edits:

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

    async def clash_by_rule(self) -> None:
        """Both edit one phone at the same moment; the rule says whose stands."""
        pair = self._crowd().take("contact")
        random = Random(self.seed + 3)
        ours, theirs = phone(random), phone(random)
        await self._clash(pair, ("phone", "tel"), ours, theirs)
        await self.until("the clash", lambda: self._decided(pair, "phone"))
        await self.until("the rest", self.quiet)
        code, said = await self.daemon.run("explain", "contact", f"crm:{pair[0]}", "phone")
        self.view.command(f"syncd explain contact crm:{pair[0]} phone", said)
        await self._agree(pair, ("phone", "tel"), ours)
        if code:
            self.failures.append(f"`syncd explain` ended with {code}")

    async def clash_to_ask(self) -> None:
        """Both edit one job title; the rule says `ask`, so a person decides, by a command."""
        pair = self._crowd().take("contact")
        await self._clash(pair, ("title", "job"), "Managing Director", "Head of Purchasing")
        await self.until("the conflict", lambda: self._opened(pair, "title"))
        found = await self.watch.conflict("contact", pair[0], "title")
        assert found is not None
        code, said = await self.daemon.run("conflicts", "--kind", "contact")
        self.view.command("syncd conflicts", said)
        systems = [candidate["system"] for candidate in found["candidates"]]
        words = ("conflicts", "decide", str(found["conflict"]), "--candidate", str(systems.index("erp")))
        code, said = await self.daemon.run(*words)
        self.view.command(f"syncd {' '.join(words)}", said)
        if code:
            self.failures.append(f"`syncd conflicts decide` ended with {code}")
        await self.until("the decision", self.quiet)
        await self._agree(pair, ("title", "job"), "Head of Purchasing")

    async def _clash(self, pair: tuple[int, int], columns: tuple[str, str], ours: str, theirs: str) -> None:
        """Two people press save at once: each commits before syncd has seen the other."""
        said = f"  crm sets {columns[0]} to {ours}; at the same moment erp sets {columns[1]} to {theirs}."
        self.view.say(said)
        async with self.databases.crm.acquire() as crm, self.databases.erp.acquire() as erp:
            await crm.execute("begin")
            await erp.execute("begin")
            await crm.execute(f"update contacts set {columns[0]} = $2 where id = $1", pair[0], ours)
            await erp.execute(f"update people set {columns[1]} = $2 where person_no = $1", pair[1], theirs)
            await asyncio.gather(crm.execute("commit"), erp.execute("commit"))

    async def _decided(self, pair: tuple[int, int], name: str) -> bool:
        found = await self.watch.conflict("contact", pair[0], name)
        return found is not None and found["state"] == "decided"

    async def _opened(self, pair: tuple[int, int], name: str) -> bool:
        found = await self.watch.conflict("contact", pair[0], name)
        return found is not None and found["state"] == "open"

    async def _agree(self, pair: tuple[int, int], columns: tuple[str, str], wanted: str) -> None:
        ours = await self.databases.crm.fetchval(f"select {columns[0]} from contacts where id = $1", pair[0])
        theirs = await self.databases.erp.fetchval(
            f"select {columns[1]} from people where person_no = $1", pair[1]
        )
        self.view.say(f"  Now both hold {escape(str(wanted))}.")
        if (ours, theirs) != (wanted, wanted):
            self.failures.append(f"after the clash crm holds {ours} and erp {theirs}, not {wanted}")

    async def kill(self, seconds: float) -> None:
        """kill -9 in the middle of a burst; people go on working while nothing runs."""
        crowd = self._crowd()
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
        sql = "select count({0}) - count(distinct {0}) from {1} where {0} like '%.new%'"
        crm = await self.databases.crm.fetchval(sql.format("email", "contacts"))
        erp = await self.databases.erp.fetchval(sql.format("mail", "people"))
        return int(crm) + int(erp)

    async def reconcile(self) -> int:
        """Compare everything, and believe nothing that was said before; answers the exit code."""
        code, said = await self.daemon.run("reconcile")
        self.view.command("syncd reconcile", said)
        return code

    def _crowd(self) -> Crowd:
        assert self.crowd is not None
        return self.crowd


def _open(state: State) -> str:
    return f"{state.open} conflicts for a person, {state.parked} values or rows set aside with the reason"
