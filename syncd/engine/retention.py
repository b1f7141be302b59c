"""Retention: what is older than the configuration keeps goes, a little at a time, while all else runs."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

import orjson

from syncd.config import RetentionSettings
from syncd.engine.world import World
from syncd.store.prune import Aged, BrakeUse, Configs, Part
from syncd.store.prunehistory import History

EVERY = 3600.0
"""Seconds between two rounds."""
REST = 0.1
"""Seconds between two steps of a round: the writer is for changes first."""
MARKS = 16
"""How finely a tombstone's age is known: it may stay longer by this part of it."""
LOOKED = timedelta(days=1)
"""For how long it is tried to look at the history of what was written."""
LEAST_USE = 86_400.0
"""What brakes counted is kept for a day at least: a window that is made longer finds its past."""

_MARKS = "select value from meta where key = 'marks'"
_MARK = """insert into meta (key, value) values ('marks', $1)
on conflict (key) do update set value = excluded.value"""


class Pruner:
    """Prunes the store; `work` does one step."""

    def __init__(self, world: World, kept: RetentionSettings) -> None:
        self.world, self.kept = world, kept
        self._parts: deque[Part] = deque()

    async def work(self) -> None:
        """Begin a round, or do the next step of it."""
        if not self._parts:
            self._parts.extend(await self._round())
        removed, more = await self._parts[0].step()
        for table, rows in removed.items():
            self.world.pruned[table] = self.world.pruned.get(table, 0) + rows
        if not more:
            self._parts.popleft()

    async def wait(self) -> None:
        """Until the next step, or the next round."""
        await self.world.clock.sleep(REST if self._parts else EVERY)

    async def _round(self) -> list[Part]:
        store, now, kept = self.world.store, self.world.clock.now(), self.kept
        window = max([LEAST_USE, *self._brake_windows()])
        parts: list[Part] = [
            Aged(store, "pages", now - timedelta(seconds=kept.journal), "journal"),
            Aged(store, "commands", now - timedelta(seconds=kept.commands)),
            Aged(store, "looks", now - LOOKED),
            BrakeUse(store, now - timedelta(seconds=window)),
        ]
        before = None if kept.history is None else now - timedelta(seconds=kept.history)
        if before is not None:
            parts += [Aged(store, "conflicts", before, "history"), Aged(store, "brakes", before)]
        return parts + await self._history(now, before)

    async def _history(self, now: datetime, before: datetime | None) -> list[Part]:
        """The walk through the versions, where it may find something."""
        gone, gone_by = await self._tombstones(now)
        if before is None and gone is None:
            return []
        touch = self.world.touch
        walk = History(self.world.store, before, gone, gone_by, touch)
        if before is None:
            return [walk]
        return [walk, Configs(self.world.store, before, lambda: walk.configs | {self.world.config})]

    async def _tombstones(self, now: datetime) -> tuple[datetime | None, int]:
        """The time before which tombstones may go, and the sequence of that time.

        A copy's evidence is a number, and it may be written to long after its record was deleted: so the
        numbers of past times are remembered.
        """
        if self.kept.tombstones is None:
            return None, 0
        old = now - timedelta(seconds=self.kept.tombstones)
        async with self.world.store.write(numbers=2) as tx:
            found = await tx.fetchval(_MARKS)
            marks = [(datetime.fromisoformat(at), seq) for at, seq in orjson.loads(found or "[]")]
            passed = [mark for mark in marks if mark[0] <= old]
            marks = passed[-1:] + [mark for mark in marks if mark[0] > old]
            if not marks or (now - marks[-1][0]).total_seconds() * MARKS >= self.kept.tombstones:
                marks.append((now, self.world.store.seq()))
                await tx.execute(_MARK, orjson.dumps(marks).decode())
        return passed[-1] if passed else (None, 0)

    def _brake_windows(self) -> list[float]:
        brakes = [kind.settings.brakes for kind in self.world.kinds.values()]
        return [b.per for each in brakes for b in (each.create, each.update, each.delete) if b is not None]
