"""Parties, currencies and rates in Tryton and in a PostgreSQL database, and what people do with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import asyncpg

from tests.support.tryton import Tryton

TABLES = """
create table contacts (id bigint generated always as identity primary key, first_name text,
  last_name text, active boolean not null default true, syncd_id text unique);
create table currencies (id bigint generated always as identity primary key, code text unique,
  name text, symbol text, digits int, rounding numeric, syncd_id text unique);
create table rates (id bigint generated always as identity primary key,
  currency bigint references currencies, day date, rate numeric(11, 6), syncd_id text unique);
"""
OFFICE, TRYTON = range(180), range(180, 300)
"""The numbers of the parties that each side knows at first; nobody is in both, for a name is no key."""
DAY = date(2026, 1, 31)
CENT = Decimal("0.01")
EURO = {"code": "EUR", "name": "Euro", "symbol": "€", "digits": 2, "rounding": CENT}
YEN = {"code": "JPY", "name": "Yen", "symbol": "¥", "digits": 0, "rounding": Decimal(1)}
FRANC = {"code": "CHF", "name": "Swiss Franc", "symbol": "Fr.", "digits": 2, "rounding": Decimal("0.05")}


def day(n: int) -> date:
    return DAY + timedelta(days=n)


def rate(n: int) -> Decimal:
    """Six digits after the point, which no floating point number holds."""
    return Decimal("1.000001") + n * Decimal("0.125")


@dataclass
class Ledger:
    """Both sides, as the people at work use them. A party is known by the number in its last name."""

    con: asyncpg.Connection
    tryton: Tryton

    @classmethod
    @asynccontextmanager
    async def filled(cls, office: str, tryton: Tryton) -> AsyncIterator[Ledger]:
        """What both sides know at first: the euro in both, one of its rates too."""
        con = await asyncpg.connect(office)
        try:
            ledger = cls(con, tryton)
            await con.execute(TABLES)
            await ledger.join_office(OFFICE)
            await ledger.join_tryton(TRYTON)
            await ledger._money()
            yield ledger
        finally:
            await con.close()

    async def _money(self) -> None:
        sql = "insert into currencies (code, name, symbol, digits, rounding) values ($1, $2, $3, $4, $5)"
        ids = [await self.con.fetchval(sql + " returning id", *money.values()) for money in (EURO, YEN)]
        for n in range(20):
            await self.add_rate(ids[n % 2], n)
        euro, franc = await self.tryton.call("currency.currency", "create", [EURO, FRANC])
        await self.tryton.call(
            "currency.currency.rate",
            "create",
            [
                {"currency": money, "date": day(n), "rate": rate(n)}
                for money, n in ((euro, 0), (euro, 21), (franc, 0), (franc, 22))
            ],
        )

    # -- the office ----------------------------------------------------------------------------------

    async def join_office(self, numbers: Sequence[int]) -> None:
        rows = [(f"First {n}", f"Last{n}") for n in numbers]
        await self.con.executemany("insert into contacts (first_name, last_name) values ($1, $2)", rows)

    async def add_rate(self, currency: int, n: int) -> None:
        sql = "insert into rates (currency, day, rate) values ($1, $2, $3)"
        await self.con.execute(sql, currency, day(n), rate(n))

    async def office(self, n: int, change: str) -> None:
        """Change the party of this number, such as `active = false`."""
        done = await self.con.execute(f"update contacts set {change} where last_name = 'Last{n}'")
        assert done == "UPDATE 1", (n, done)

    async def leave_office(self, n: int) -> None:
        assert await self.con.execute(f"delete from contacts where last_name = 'Last{n}'") == "DELETE 1"

    # -- Tryton --------------------------------------------------------------------------------------

    async def join_tryton(self, numbers: Sequence[int]) -> None:
        rows = [{"name": f"First {n} Last{n}"} for n in numbers]
        await self.tryton.call("party.party", "create", rows)

    async def party(self, n: int) -> int:
        """The id of the party of this number."""
        (found,) = await self.tryton.call("party.party", "search", [["name", "like", f"% Last{n}"]])
        return int(found)

    async def write(self, n: int, **values: Any) -> None:
        await self.tryton.call("party.party", "write", [await self.party(n)], values)

    async def leave_tryton(self, n: int) -> None:
        await self.tryton.call("party.party", "delete", [await self.party(n)])

    # -- what they say -------------------------------------------------------------------------------

    async def parties(self) -> dict[str, Counter[Any]]:
        """By side: names, and whether they are active."""
        rows = await self.con.fetch(
            "select concat_ws(' ', first_name, last_name) as name, active from contacts"
        )
        far = await self.tryton.rows("party.party", "name", "active")
        return {
            "office": Counter((row["name"], row["active"]) for row in rows),
            "tryton": Counter((row["name"], bool(row["active"])) for row in far.values()),
        }

    async def money(self) -> dict[str, Counter[Any]]:
        """By side: currencies and rates."""
        names = ("code", "name", "symbol", "digits", "rounding")
        rows = await self.con.fetch(f"select {', '.join(names)} from currencies")
        far = await self.tryton.rows("currency.currency", *names)
        sql = "select c.code, r.day, r.rate from rates r join currencies c on c.id = r.currency"
        rates = await self.tryton.rows("currency.currency.rate", "currency", "date", "rate")
        return {
            "office": Counter([*map(tuple, rows), *map(tuple, await self.con.fetch(sql))]),
            "tryton": Counter(
                [
                    *(tuple(row[name] for name in names) for row in far.values()),
                    *((far[r["currency"]]["code"], r["date"], r["rate"]) for r in rates.values()),
                ]
            ),
        }

    async def writes(self) -> Any:
        """A value that differs after any write, also one that changes nothing."""
        stamps = [
            await self.tryton.rows(model, "_timestamp")
            for model in ("party.party", "currency.currency", "currency.currency.rate")
        ]
        tables = ("contacts", "currencies", "rates")
        sql = "select ctid::text, xmin::text from {} order by 1"
        return stamps, [await self.con.fetch(sql.format(table)) for table in tables]
