"""A person at the brakes of a run, who lets go what is held or takes it back; and what went through.

A brake counts the writes of an operation in a system's object. What a person released does not count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from syncd.core.errors import StoreUnavailable
from syncd.store.intents import ask
from tests.sim.twin import oracles, worlds
from tests.sim.twin.shape import Event, number_of

if TYPE_CHECKING:
    from tests.sim.twin.facts import Facts
    from tests.sim.twin.run import Run

_OPEN = """select b.brake, b.op, s.system, s.object from brakes b join streams s using (stream)
where b.ended is null order by b.brake"""
_HELD = """select r.record_id, r.kind, r.fields from held h join records r using (record_id)
where h.brake = $1 order by r.record_id"""

SAID = {"release": "released", "discard": "discarded"}


@dataclass(frozen=True, slots=True)
class Released:
    """What a person let go, by a request to the daemon."""

    at: float
    system: str
    object: str
    op: str
    request: int


class Handbrake:
    """Of one run."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.released: list[Released] = []
        self.discarded: set[int] = set()
        self._discards = 0
        self._asked: set[int] = set()
        self._vanished: set[int] = set()

    async def work(self, event: Event) -> bool:
        """Somebody releases one of the pulled brakes, or discards what it holds as `event.field` says."""
        rows = [row for row in await self._open() if row["brake"] not in self._asked]
        if not rows:
            return False
        return await self._ask(rows[event.who % len(rows)], event)

    async def let_go(self) -> bool:
        """Release all of them; whether there was one."""
        if not worlds.braked(self.run.plan):
            return False
        rows = await self._open()
        self._asked &= {row["brake"] for row in rows}
        self._vanished, over = self._vanished & self._asked, self._vanished - self._asked
        if over:  # only the next sweep believes what the last one missed
            await self.run._swept()
        for row in rows:
            if row["brake"] not in self._asked:
                await self._ask(row, Event(0.0, "release", row["system"], "people", 0))
        return bool(rows or over)

    async def _open(self) -> list[Any]:
        return await self.run.server.ask(self.run.loop, _OPEN)

    async def _ask(self, row: Any, event: Event) -> bool:
        run, happened = self.run, self.run.outcome.happened
        held = await run.server.ask(run.loop, _HELD, row["brake"])
        words = {"brake": row["brake"]}
        if event.what == "discard":
            words["how"] = event.field
        try:
            assert run.store is not None
            request = await ask(run.store, event.what, words)
        except StoreUnavailable:  # the daemon died, and this command with it
            return False
        self._asked.add(row["brake"])
        if row["op"] == "vanish":
            self._vanished.add(row["brake"])
        run.watch.asked.append(request)
        object = run.names.get(row["object"], row["object"])
        if event.what == "release":
            self.released.append(Released(run.loop.time(), row["system"], object, row["op"], request))
        else:
            self._discards += 1
            who = {(object, number_of(object, each["fields"])) for each in held}
            run.people.gone |= who
            self.discarded |= {each["record_id"] for each in held}
        happened[f"held {row['op']} {SAID[event.what]}"] += len(held)
        return True

    def caught(self, facts: Facts) -> None:
        """Who came under a brake after the word to discard was given, and before it was carried out: what
        people took back, or left alone, though they decided no conflict about it."""
        if not self._discards:
            return
        decided = {
            (c["record_id"], c["field"])
            for c in facts.conflicts
            if (c["verdict"] or {}).get("rule") == "person"
        }
        said = [v for v in facts.versions if v["system"] == "person"]
        found = {
            v["record_id"] for v in said if any((v["record_id"], f) not in decided for f in v["changes"])
        }
        found |= {link["record_id"] for link in facts.links if link["state"] == "detached"}
        for record in (facts.records[n] for n in found if n in facts.records):
            object = next(o for o, kind in worlds.KINDS.items() if kind == record["kind"])
            self.run.people.gone.add((object, number_of(object, record["fields"])))
            self.discarded.add(record["record_id"])

    async def judged(self) -> list[str]:
        """P7: no more writes in any window than a brake lets through, but for those that were released."""
        sql = "select command, result from commands where name = 'release'"
        said = {row["command"]: row["result"] or "" for row in await self.run.server.ask(self.run.loop, sql)}
        numbers = {n: int(text.split(" ")[0]) for n, text in said.items() if text[:1].isdigit()}
        return [*self._above(numbers)]

    def _above(self, numbers: Mapping[int, int]) -> Iterator[str]:
        for kind, brakes in worlds.braked(self.run.plan).items():
            for op, brake in brakes.items():
                for object in (name for name, of in worlds.KINDS.items() if of == kind):
                    for name, crm in self.run.crms.items():
                        times = [t.at for t in crm.touches if _counts(t, object, op)]
                        mine = [r for r in self.released if _of(r, name, object, op)]
                        free = [(r.at, numbers.get(r.request, 0)) for r in mine]
                        self.run.outcome.happened[f"{op} under a brake"] += len(times)
                        for said in oracles.above_brake(times, brake["count"], brake["per"], free):
                            yield f"{said} ({op}s in {name}.{object})"


def _counts(touch: Any, object: str, op: str) -> bool:
    ours = (touch.by, touch.object, touch.what) == ("syncd", object, op)
    return bool(ours and not touch.along and (touch.after or touch.before))


def _of(released: Released, system: str, object: str, op: str) -> bool:
    return (released.system, released.object, released.op) == (system, object, op)
