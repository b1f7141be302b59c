"""An old backup: the whole store as it was once, put back under the daemon's feet or between two lives."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from tests.sim.twin.facts import Facts

if TYPE_CHECKING:
    from tests.sim.twin.database import Server
    from tests.sim.twin.loop import TwinLoop
    from tests.sim.twin.watch import Watch


class Backup:
    """One store's copy. `forgotten` are the edits that only the store's later conflicts had listed,
    `put_back_at` is when it was put back (s)."""

    def __init__(self, server: Server, loop: TwinLoop, watch: Watch) -> None:
        self.server, self.loop, self.watch = server, loop, watch
        self.forgotten: set[int] = set()
        self.put_back_at: list[float] = []
        self._tables: dict[str, bytes] = {}
        self._sequence = ""

    async def take(self) -> None:
        """Copy everything that is committed now."""
        await self.loop.alone(self._take())

    async def put_back(self) -> None:
        """What was written since is gone; nobody is connected meanwhile."""
        before = (await Facts.load(self.server, self.loop, {})).listed()
        await self.loop.alone(self._put_back())
        self.forgotten |= before - (await Facts.load(self.server, self.loop, {})).listed()
        commands = await self.server.ask(self.loop, "select command from commands")
        self.watch.forget({row["command"] for row in commands})
        self.server.order.append(("put back", 0))
        self.put_back_at.append(self.loop.time())

    async def _take(self) -> None:
        con = self.server.judge
        async with con.transaction(isolation="repeatable_read"):
            for table in self.server.tables:
                into = BytesIO()
                await con.copy_from_query(f"select * from {table}", output=into, format="binary")
                self._tables[table] = into.getvalue()
        last, called = await con.fetchrow("select last_value, is_called from store_seq")
        self._sequence = f"select setval('store_seq', {last}, {called})"

    async def _put_back(self) -> None:
        con = self.server.judge
        await con.execute(self.server.emptying)
        for table, data in self._tables.items():
            await con.copy_to_table(table.strip('"'), source=BytesIO(data), format="binary")
        await con.execute(self._sequence)
