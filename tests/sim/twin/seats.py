"""The connections of a daemon as its server sees them: transactions, and the lock on the lease's row.

Two daemons on one store have a seat each. PostgreSQL would make one wait for a lock of the other while
nothing else moves, for ever; so who has to wait is found out here, and waits in virtual time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

POOL = 4
_REFUSE = "do $$ begin raise exception using errcode = '{}', message = '{}'; end $$"
LEASE_SILENCE = 10.0
"""What `store.lease` sets as `idle_in_transaction_session_timeout` of the lease's own connection, in s."""


@dataclass(slots=True)
class Line:
    """One connection. `session` rises when it is lost, and made anew by who asks for it again.

    `silence` is after how many seconds the server ends a transaction of which it hears nothing, None for
    never; `began` and `heard` are the times of the open transaction's first and last statement. `lock` is
    how it holds the lease's row: `share` (the fence), `all` (a takeover) or not.
    """

    con: Any
    silence: float | None = None
    session: int = 0
    began: float = 0.0
    heard: float = 0.0
    lock: str = ""
    takes: bool = False

    @property
    def open(self) -> bool:
        """Whether a transaction is open."""
        return bool(self.con.is_in_transaction())

    async def let_go(self) -> None:
        """What the server does when the other end dies: the transaction ends, session locks are freed."""
        if self.open:
            await self.con.execute("rollback")
        self.lock, self.takes = "", False

    async def refuse(self, code: str, words: str) -> None:
        """The server's answer to a statement: raises asyncpg's error of that SQLSTATE."""
        await self.con.execute(_REFUSE.format(code, words))

    async def lose(self) -> None:
        """The connection is no more. Which one comes after it knows nothing of this one's locks."""
        await self.let_go()
        await self.con.execute("select pg_advisory_unlock_all()")
        self.session += 1


@dataclass(slots=True)
class Seat:
    """All connections of one daemon."""

    lease: Line
    hot: list[Line] = field(default_factory=list)
    plain: list[Line] = field(default_factory=list)

    @property
    def lines(self) -> Iterator[Line]:
        """All of them."""
        yield from (*self.hot, *self.plain, self.lease)


def wanted(sql: str) -> str:
    """The lock on the lease's row that a statement asks for: `share`, `row` (a renewal), `all` or none."""
    if "for key share" in sql:
        return "share"
    if "lease" not in sql:
        return ""
    if sql.endswith("for update"):
        return "all"
    return "row" if sql.startswith("update lease") else ""


def in_the_way(want: str, others: Iterable[Line]) -> list[Line]:
    """Whose locks on the lease's row keep a statement waiting."""
    against = {"share": ("all",), "row": ("all",), "all": ("share", "all")}.get(want, ())
    return [line for line in others if line.lock in against and line.open]
