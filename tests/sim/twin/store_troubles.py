"""What befalls the store: lost connections, refusals of the server, outages, an old backup.

Each is told by words of `Plan.more["store"]`, and looks as asyncpg shows it. `at` is when it is armed (s),
`on` the sort of statement, `skip` how many of them pass first, `lasts` how long the store is away (s), `of`
when the backup was made (s).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import asyncpg

if TYPE_CHECKING:
    from tests.sim.twin.backup import Backup
    from tests.sim.twin.database import Server
    from tests.sim.twin.life import Life
    from tests.sim.twin.loop import TwinLoop

REFUSALS = {
    "full": ("53100", 'could not extend file "base/5/16407": No space left on device'),
    "read_only": ("25006", "cannot execute statement in a read-only transaction"),
    "deadlock": ("40P01", "deadlock detected"),
}
"""What the server answers in place of a statement: SQLSTATE and words. All but the last end the daemon."""
POINTS = ("lost", "lost_after", *REFUSALS)
"""Troubles of one statement; the others (`away`, `old_backup`) are of the whole store, for a while."""
_WRITES = ("insert", "update", "delete", "with", "copy")


class Statement(Protocol):
    """Who runs a statement: `Wired`, as the troubles know it."""

    line: Any
    _life: Life
    _loop: TwinLoop


class StoreTroubles:
    """Those of one run."""

    def __init__(
        self, server: Server, loop: TwinLoop, told: Sequence[Mapping[str, Any]], backup: Backup
    ) -> None:
        self.server, self.loop, self.told, self.backup = server, loop, told, backup
        self.fired: Counter[str] = Counter()
        self._armed: list[dict[str, Any]] = []
        self._waits: list[asyncio.Task[None]] = []
        self._away = 0
        self._hurt = -1.0

    def begin(self, say: Callable[[str], object]) -> None:
        """Arm each when its time comes."""
        self._say = say
        self._waits = [self.loop.create_task(self._one(dict(words))) for words in self.told]

    def unfired(self) -> list[str]:
        """What has not happened yet."""
        waiting = [str(words["what"]) for words in self._armed]
        late = [str(w["what"]) for w, task in zip(self.told, self._waits, strict=False) if not task.done()]
        return [f"store {what}" for what in (*waiting, *late)]

    def hurt_since(self, time: float) -> bool:
        """Whether a daemon that lived then had reason to take its store for lost."""
        return self._away > 0 or self._hurt >= time

    def connect(self) -> None:
        """A connection is made. Raises what asyncpg raises where nobody listens."""
        if self._away:
            raise ConnectionRefusedError(111, "Connect call failed ('127.0.0.1', 5432)")

    async def _one(self, words: dict[str, Any]) -> None:
        what, since = words["what"], 0.0
        if what == "old_backup":
            since = words["of"]
            await asyncio.sleep(since)
            await self.backup.take()
        await asyncio.sleep(words["at"] - since)
        self._say(f"store {what}")
        if what in POINTS:
            self._armed.append(words)
            return
        self._away += 1
        await self.loop.alone(self.server.lose())
        await asyncio.sleep(words["lasts"])
        if what == "old_backup":
            await self.backup.put_back()
        self._away -= 1
        self._hurt = self.loop.time()
        self.fired[what] += 1
        self._say(f"store {what} is over")

    async def before(self, who: Statement, sql: str) -> None:
        """A statement arrives."""
        self.connect()
        words = self._met(sql, "lost", *REFUSALS) if who._life.engine is not None else None
        if words is None:
            return
        what = words["what"]
        self.fired[what] += 1
        if what == "lost":
            await self._lost(who)
        if what != "deadlock":
            self._hurt = self.loop.time()
        await self.loop.alone(who.line.refuse(*REFUSALS[what]))

    async def after(self, who: Statement, sql: str) -> None:
        """It was carried out, and its answer is on its way."""
        if self._met(sql, "lost_after") is not None:
            self.fired["lost_after"] += 1
            await self._lost(who)

    async def _lost(self, who: Statement) -> None:
        self._hurt = self.loop.time()
        await self.loop.alone(who.line.lose())
        raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")

    def _met(self, sql: str, *names: str) -> dict[str, Any] | None:
        for words in self._armed:
            if words["what"] in names and _is(words["on"], sql):
                words["skip"] -= 1
                if words["skip"] < 0:
                    self._armed.remove(words)
                    return words
        return None


def _is(wanted: str, sql: str) -> bool:
    """Whether a statement is of a sort: a commit, a write, of the lease, or any."""
    if wanted == "lease":
        return sql.startswith("update lease set expires")
    if wanted == "write":
        return sql.lstrip().startswith(_WRITES) and " lease " not in sql
    return wanted == "any" or sql == wanted
