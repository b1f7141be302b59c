"""A real organisation's data in a database of its shape, and an ERP of another shape beside it.

What both sides say is compared here by SQL that knows nothing of syncd: each record in words that mean the
same in both, references spelled out as what the record pointed at says of itself.
"""

from __future__ import annotations

import asyncio
import csv
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar
from unicodedata import normalize

import asyncpg

from tests.support.commands import Done, Running, syncd
from tests.support.watching import when_rung

DATA = Path(__file__).parents[3] / "shared" / "data" / "salesforce-org-1k"
CASES = Path(__file__).parents[1] / "cases" / "org"
SIDES = ("org", "erp")
TABLES = {
    "org": {"account": "account", "contact": "contact", "opportunity": "opportunity"},
    "erp": {"account": "customers", "contact": "persons", "opportunity": "deals"},
}
IDS = {"account": "cust_no", "contact": "pid", "opportunity": "deal_id"}
FILES = {
    "account": """Account.csv
id id, Name name, BillingStreet billing_street, BillingCity billing_city, BillingState billing_state,
BillingPostalCode billing_postal_code, BillingCountry billing_country,
npe01__SYSTEM_AccountType__c account_type, RecordTypeId record_type_id""",
    "contact": """Contact.csv
id id, Salutation salutation, FirstName first_name, LastName last_name, Email email, Phone phone, Title title,
account_id account_id, primary_affiliation__c primary_affiliation__c""",
    "opportunity": """Opportunity.csv
id id, name name, amount amount, stage_name stage_name, close_date close_date,
dont_create_payments dont_create_payments, account_id account_id, primary_contact__c primary_contact__c""",
}
"""By table: its file, and the columns of the file with those of the table."""
QUIET = ("outbox", "inbox", "sends", "waits_in", "waits_out", "held")
Saying = tuple[str, str]
"""A kind, and what a record of it says."""


@dataclass
class Org:
    """Both databases, the store, and the folder with `syncd.yaml`.

    `cons` are for looking; `hands` are connections of the people at work meanwhile.
    """

    folder: Path
    urls: dict[str, str]
    cons: dict[str, Any] = field(default_factory=dict)
    hands: dict[str, Any] = field(default_factory=dict)
    rung: asyncio.Event = field(default_factory=asyncio.Event)
    daemon: Running | None = None
    streams: ClassVar[int] = len(SIDES) * len(IDS)

    @classmethod
    @asynccontextmanager
    async def loaded(
        cls, folder: Path, store: str, fresh: Callable[[], Awaitable[str]], *, capture: str, sweep: str = "1h"
    ) -> AsyncIterator[Org]:
        """The org's data in one database, an empty ERP, an empty store."""
        org = cls(folder, {"org": await fresh(), "erp": await fresh(), "store": store})
        async with org.open((CASES / "syncd.yaml").read_text(), capture, sweep):
            yield org

    @asynccontextmanager
    async def open(self, text: str, capture: str, sweep: str) -> AsyncIterator[None]:
        """Write the configuration, fill the databases, keep connections for the time of the block."""
        for word, value in {**self.urls, "capture": capture, "sweep": sweep}.items():
            text = text.replace(f"@{word}@", value)
        if capture != "updated_at":
            text = "".join(line for line in text.splitlines(keepends=True) if "updated_at:" not in line)
        (self.folder / "syncd.yaml").write_text(text)
        try:
            for name, url in self.urls.items():
                if url.startswith("postgresql"):
                    self.cons[name] = await asyncpg.connect(url)
                    self.hands[name] = await asyncpg.connect(url)
            await self._fill()
            await self._listen()
            yield
        finally:
            for con in (*self.cons.values(), *self.hands.values()):
                await con.close()

    @property
    def _databases(self) -> list[str]:
        """The sides that are databases."""
        return [side for side in SIDES if side in self.cons]

    async def _fill(self) -> None:
        for side in self._databases:
            await self.cons[side].execute((CASES / f"{side}.sql").read_text())
        con = self.cons["org"]
        for table, text in FILES.items():
            file, _, columns = text.partition("\n")
            names: dict[str, str] = dict(pair.split()[::-1] for pair in columns.split(","))
            numbers = await self._numbers(table)
            with (DATA / file).open(newline="", encoding="utf-8") as lines:
                rows = [
                    tuple(_read(row[column], name in numbers) for name, column in names.items())
                    for row in csv.DictReader(lines)
                ]
            await con.copy_records_to_table(table, records=rows, columns=list(names))
            await con.execute(f"select setval('{table}_id_seq', (select max(id) from {table}))")

    async def _numbers(self, table: str) -> set[str]:
        """The columns that hold numbers or truth values."""
        sql = "select attname from pg_attribute where attrelid = $1::regclass and atttypid = any('{20,16}')"
        return {row["attname"] for row in await self.cons["org"].fetch(sql, table)}

    async def _listen(self) -> None:
        """Ring when anything moves: in a system, or in the queues of the store."""
        bell = (
            "create or replace function test_bell() returns trigger language plpgsql as "
            "$$ begin notify test_bell; return null; end $$"
        )
        tables = {side: list(TABLES[side].values()) for side in self._databases}
        tables["store"] = [*QUIET, "streams", "pages", "commands"]
        for name, con in self.cons.items():
            await con.execute(bell)
            for table in tables[name]:
                await con.execute(
                    f"create trigger test_bell after insert or update or delete on {table} "
                    "execute function test_bell()"
                )
            await con.add_listener("test_bell", lambda *_: self.rung.set())

    # -- the daemon ----------------------------------------------------------------------------------

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Running]:
        """`syncd run` on it."""
        async with Running.in_folder(self.folder, env={}) as daemon:
            self.daemon = daemon
            yield daemon

    async def syncd(self, *args: str) -> Done:
        """A command on it."""
        return await syncd(self.folder, *args)

    async def journal_replays(self) -> int:
        """Export the past that the store keeps, and take every decision again (F46); how many there were."""
        file = self.folder / "journal.jsonl"
        assert (await self.syncd("journal", "export", "--out", str(file))).code == 0
        done = await self.syncd("journal", "replay", str(file), "--json")
        assert done.code == 0, done
        return int(done.json()["same"])

    async def until(self, true: Callable[[], Awaitable[bool]], within: float = 180.0) -> None:
        """Return when it is true; asked again whenever something moved."""
        try:
            await when_rung(self.rung, true, within)
        except TimeoutError:
            differ = await self.differences()
            sql = "select code, field, count(*), min(message) from parked group by 1, 2"
            parked = [tuple(row) for row in await self.cons["store"].fetch(sql)]
            told = f"left: {await self.left()}; parked: {parked}; {len(differ)} differ, such as {differ[:4]}"
            log = "\n".join(self.daemon.log.splitlines()[-8:]) if self.daemon is not None else ""
            raise AssertionError(f"not within {within:.0f} s; {told}\n{log}") from None

    async def ring(self, within: float = 60.0) -> None:
        """Return when something moves."""
        async with asyncio.timeout(within):
            await self.rung.wait()

    async def at_rest(self) -> bool:
        """Nothing waits in the store, and both sides say the same but for what is listed as open."""
        return not (await self.left() or await self.differences())

    async def left(self) -> dict[str, int]:
        """The queues that are not empty."""
        con = self.cons["store"]
        counts = {name: await con.fetchval(f"select count(*) from {name}") for name in QUIET}
        return {name: count for name, count in counts.items() if count}

    async def quiet(self) -> None:
        """Two whole sweeps of both systems after which nothing was written."""
        before = await self.writes()
        for _ in range(2):
            await self.swept()
        assert await self.writes() == before
        assert not await self.left()

    async def swept(self) -> None:
        """Every stream swept from now on."""
        sql = (
            "select stream, swept_at from streams where swept_at > '1971-01-01'"  # until then it is asked for
        )
        before = {row["stream"]: row["swept_at"] for row in await self.cons["store"].fetch(sql)}
        assert (await self.syncd("sweep")).code == 0

        async def done() -> bool:
            rows = await self.cons["store"].fetch(sql)
            moved = [row for row in rows if row["swept_at"] != before.get(row["stream"])]
            return len(moved) == self.streams

        await self.until(done)

    # -- what they say -------------------------------------------------------------------------------

    async def said(self, side: str) -> list[asyncpg.Record]:
        """Rows of (kind, id, said, asked); `asked` is the field whose clashes a person decides."""
        rows: list[asyncpg.Record] = await self.cons[side].fetch((CASES / f"rows.{side}.sql").read_text())
        return rows

    async def differences(self) -> list[Any]:
        """Records that only one side has, and `asked` fields that differ without an open conflict."""
        rows = {side: await self.said(side) for side in SIDES}
        counts = {s: Counter((r["kind"], normalize("NFC", r["said"])) for r in rows[s]) for s in SIDES}
        only = [(side, *said) for side in SIDES for said in counts[side] - counts[_other(side)]]
        return only or await self._unlisted(rows)

    async def _unlisted(self, rows: Mapping[str, list[asyncpg.Record]]) -> list[Any]:
        links = await self.links(self.cons)
        asked = {side: {(r["kind"], r["id"]): r["asked"] for r in rows[side]} for side in SIDES}
        sql = "select record_id from conflicts where state = 'open' and field = 'close_date'"
        open_ = {row["record_id"] for row in await self.cons["store"].fetch(sql)}
        found = []
        for record, (kind, org, erp) in links.items():
            same = asked["org"].get((kind, org)) == asked["erp"].get((kind, erp))
            if same == (record in open_):
                found.append((record, kind, org, erp))
        return found

    async def links(self, cons: Mapping[str, Any]) -> dict[int, tuple[str, str, str]]:
        """By record: its kind and its ids in both systems. Used to find pairs, not to judge them."""
        sql = """select l.record_id, s.system, s.kind, l.remote_id from links l join streams s using (stream)
        where l.state = 'live'"""
        found: dict[int, dict[str, str]] = {}
        for row in await cons["store"].fetch(sql):
            pair = found.setdefault(row["record_id"], {"kind": row["kind"]})
            pair[row["system"]] = row["remote_id"]
        return {n: (p["kind"], p["org"], p["erp"]) for n, p in found.items() if "org" in p and "erp" in p}

    async def counts(self, side: str) -> dict[str, int]:
        """How many records of each kind."""
        return {
            kind: await self.cons[side].fetchval(f"select count(*) from {table}")
            for kind, table in TABLES[side].items()
        }

    async def writes(self) -> list[Any]:
        """A value that differs after any write to a side, also one that changes nothing."""
        return [
            await self.cons[side].fetch(f"select ctid::text, xmin::text from {table} order by 1")
            for side in SIDES
            for table in TABLES[side].values()
        ]


def _read(value: str, number: bool) -> Any:
    if not value or not number:
        return value or None
    return value == "true" if value in ("true", "false") else int(value)


def _other(side: str) -> str:
    return "erp" if side == "org" else "org"
