"""Three systems as people see them: an org in Salesforce, a portal in HubSpot, a database; and a daemon."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import asyncpg

from connectors.hubspot.sandbox import HubSpotSandbox
from connectors.salesforce.sandbox import SalesforceSandbox
from connectors.sandboxes.server import Sandbox
from connectors.sandboxes.table import Row as SandboxRow
from connectors.sandboxes.table import Table
from syncd.core.equality import fold
from tests.scenarios.org import CASES, DATA, QUIET
from tests.scenarios.three_links import pointed
from tests.scenarios.three_people import People, Row, identity, seed
from tests.support.commands import Done, Running, syncd
from tests.support.watching import when_rung

SIDES = ("sales", "marketing", "crm")
PLACES = {
    "account": {"sales": "Account", "marketing": "companies", "crm": "customers"},
    "contact": {"sales": "Contact", "marketing": "contacts", "crm": "persons"},
    "deal": {"sales": "Opportunity", "marketing": "deals", "crm": "deals"},
}
KEPT = "Still here"
"""The job of who was edited in one system while another one deleted."""
IDS = {"customers": "cust_no", "persons": "pid", "deals": "deal_no"}
KINDS = {places["crm"]: kind for kind, places in PLACES.items()}
"""By the database's table."""
NAMES: dict[str, dict[str, tuple[str, str, str]]] = {
    "account": {
        "name": ("Name", "name", "title"),
        "street": ("BillingStreet", "address", "street"),
        "city": ("BillingCity", "city", "town"),
        "country": ("BillingCountry", "country", "country"),
    },
    "contact": {
        "salutation": ("Salutation", "salutation", "greeting"),
        "first_name": ("FirstName", "firstname", "name"),
        "last_name": ("LastName", "lastname", "name"),
        "email": ("Email", "email", "mail"),
        "phone": ("Phone", "phone", "tel"),
        "title": ("Title", "jobtitle", "job"),
    },
    "deal": {"name": ("Name", "dealname", "subject"), "note": ("Description", "description", "note")},
}
"""Each field's name in the systems, in the order of `SIDES`."""
REFS: dict[str, dict[str, tuple[str, str, str]]] = {
    "account": {},
    "contact": {"account": ("AccountId", "companies", "customer")},
    "deal": {
        "account": ("AccountId", "companies", "customer"),
        "contact": ("primary_contact__c", "contacts", "person"),
    },
}
"""Likewise of each field that points at a record of the kind of its name: in HubSpot it is an association."""
PROFILES: dict[str, dict[str, Any]] = {
    "sales": {"limits": {"quota": 100_000}},
    "marketing": {
        "quirks": {"normalise": {"companies.city": ["upper"]}},
        "webhooks": {"duplicate": 3, "reorder": 4, "drop": 5, "delay": 7, "seconds": 1.0, "retry": 0.5},
    },
}


def free_port() -> int:
    """For the webhooks' door, which must be the same after a restart."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Moved:
    """A row as it was after a change, in canonical fields; None: deleted. `at`: seconds of the wall clock."""

    at: float
    side: str
    kind: str
    id: str
    row: Row | None


@dataclass
class ThreeWay:
    """All three, the store, and the folder with `syncd.yaml`, which keeps `kinds` the same.

    `seen` are all changes since `watching`.
    """

    folder: Path
    sales: SalesforceSandbox
    marketing: HubSpotSandbox
    con: asyncpg.Connection
    hand: asyncpg.Connection
    store: asyncpg.Connection
    people: People
    kinds: Sequence[str]
    hooks: int = field(default_factory=free_port)
    rung: asyncio.Event = field(default_factory=asyncio.Event)
    seen: list[Moved] = field(default_factory=list)
    watching: bool = False
    writes: Counter[str] = field(default_factory=Counter)

    @classmethod
    @asynccontextmanager
    async def started(
        cls, folder: Path, store: str, database: str, people: People, org: Path | None = DATA
    ) -> AsyncIterator[ThreeWay]:
        """The org's data in Salesforce, some of it in the others, an empty store.

        From another folder, or from none, no deals are kept the same: their contact's field is the org's.
        """
        rows = seed(folder / "seed", people.twice) if org == DATA else org
        sales = SalesforceSandbox(PROFILES["sales"], seed=rows)
        marketing = HubSpotSandbox(PROFILES["marketing"])
        async with sales.serving(), marketing.serving():
            cons = [await asyncpg.connect(url) for url in (database, database, store)]
            kinds = [kind for kind in PLACES if org == DATA or kind != "deal"]
            three = cls(folder, sales, marketing, *cons, people, kinds)
            try:
                await three._fill(database, store)
                yield three
            finally:
                for con in cons:
                    await con.close()

    # -- filling ---------------------------------------------------------------------------------------

    async def _fill(self, database: str, store: str) -> None:
        self._configure(database, store)
        await self.con.execute((CASES.parent / "three" / "crm.sql").read_text())
        for kind, rows in self.people.rows.items():
            for row in rows["marketing"]:
                fields = {NAMES[kind][name][1]: value for name, value in row.items() if value is not None}
                self.marketing.people.edit(PLACES[kind]["marketing"], "create", fields=fields, by="seed")
            for row in rows["crm"]:
                await self.insert(kind, row)
        for side in ("sales", "marketing"):
            self.sandbox(side).world.listeners.append(lambda *told, side=side: self._told(side, *told))
        self.marketing.webhooks.subscribe(f"http://127.0.0.1:{self.hooks}/hooks/marketing")
        await self.con.add_listener("test_rows", self._told_by_crm)
        await self._listen()

    def _configure(self, database: str, store: str) -> None:
        ready = self.sales.ready()
        (self.folder / "secret").write_text(ready["auth"]["client_secret"])
        theirs = self.marketing.ready()["auth"]
        (self.folder / "token").write_text(theirs["token"])
        (self.folder / "hub").write_text(theirs["client_secret"])
        cases = CASES.parent / "three"
        words = {
            "deal": (cases / "deal.yaml").read_text().rstrip() if "deal" in self.kinds else "",
            "store": store,
            "sales": self.sales.url,
            "marketing": self.marketing.url,
            "crm": database,
            "client": ready["auth"]["client_id"],
            "secret": str(self.folder / "secret"),
            "token": str(self.folder / "token"),
            "hub": str(self.folder / "hub"),
            "hooks": str(self.hooks),
        }
        text = (cases / "syncd.yaml").read_text()
        for word, value in words.items():
            text = text.replace(f"@{word}@", value)
        (self.folder / "syncd.yaml").write_text(text)

    async def _listen(self) -> None:
        """Ring when anything moves in the store."""
        await self.store.execute(
            "create or replace function test_bell() returns trigger language plpgsql as "
            "$$ begin notify test_bell; return null; end $$"
        )
        for table in [*QUIET, "streams", "pages", "commands"]:
            await self.store.execute(
                f"create trigger test_bell after insert or update or delete on {table} "
                "execute function test_bell()"
            )
        await self.store.add_listener("test_bell", lambda *_: self.rung.set())

    # -- what moves ------------------------------------------------------------------------------------

    def sandbox(self, side: str) -> Sandbox:
        return self.sales if side == "sales" else self.marketing

    def _told(self, side: str, table: Table, row: SandboxRow, op: str) -> None:
        if row.by == "api":
            self.writes[side] += 1
        kind = next((kind for kind, places in PLACES.items() if places[side] == table.name), None)
        if kind is not None and self.watching:
            said = None if op == "deleted" else self._canonical(side, kind, row.id, row.fields)
            self.seen.append(Moved(time.time(), side, kind, row.id, said))
        self.rung.set()

    def _told_by_crm(self, _con: Any, _pid: int, _channel: str, payload: str) -> None:
        told = json.loads(payload)
        if self.watching and told["row"] is not None:
            kind = KINDS[told["table"]]
            said = canonical("crm", kind, told["row"])
            self.seen.append(Moved(told["at"], "crm", kind, str(told["row"][IDS[told["table"]]]), said))
        self.rung.set()

    # -- people ----------------------------------------------------------------------------------------

    async def insert(self, kind: str, row: Row) -> str:
        """Somebody types a new one into the database."""
        table = PLACES[kind]["crm"]
        fields = stored("crm", kind, row)
        marks = ", ".join(f"${n}" for n in range(1, len(fields) + 1))
        sql = f"insert into {table} ({', '.join(fields)}) values ({marks}) returning {IDS[table]}"
        return str(await self.hand.fetchval(sql, *fields.values()))

    # -- the daemon ------------------------------------------------------------------------------------

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Running]:
        """`syncd run` on it."""
        async with Running.in_folder(self.folder, env={}) as daemon:
            yield daemon

    async def syncd(self, *args: str) -> Done:
        """A command on it."""
        return await syncd(self.folder, *args)

    async def until(self, true: Callable[[], Awaitable[Any]], within: float = 240.0) -> None:
        """Return when it is true; asked again whenever something moved."""
        try:
            await when_rung(self.rung, true, within)
        except TimeoutError:
            differ = await self.differences()
            told = f"left: {await self.left()}; {len(differ)} differ, such as {differ[:6]}"
            raise AssertionError(f"not within {within:.0f} s; {told}; {await self.parked()}") from None

    async def ring(self, within: float = 60.0) -> None:
        """Return when something moves."""
        async with asyncio.timeout(within):
            self.rung.clear()
            await self.rung.wait()

    async def left(self) -> dict[str, int]:
        """The queues that are not empty."""
        counts = {name: await self.store.fetchval(f"select count(*) from {name}") for name in QUIET}
        return {name: count for name, count in counts.items() if count}

    async def parked(self) -> Counter[str]:
        """How many items are set aside, by reason."""
        return Counter(row["code"] for row in await self.store.fetch("select code from parked"))

    async def at_rest(self) -> bool:
        """Nothing waits in the store, and all three say the same."""
        return not (await self.left() or await self.differences())

    async def swept(self) -> None:
        """Every stream swept from now on."""
        sql = (
            "select stream, swept_at from streams where swept_at > '1971-01-01'"  # until then it is asked for
        )
        before = {row["stream"]: row["swept_at"] for row in await self.store.fetch(sql)}
        assert (await self.syncd("sweep")).code == 0

        async def done() -> bool:
            rows = await self.store.fetch(sql)
            moved = [row for row in rows if row["swept_at"] != before.get(row["stream"])]
            return len(moved) == len(SIDES) * len(self.kinds)

        await self.until(done)

    # -- what they say ---------------------------------------------------------------------------------

    async def rows(self, side: str, kind: str) -> dict[str, Row]:
        """What one holds of a kind, in canonical fields, by id."""
        place = PLACES[kind][side]
        if side == "crm":
            found = await self.con.fetch(f"select * from {place}")
            return {str(row[IDS[place]]): canonical(side, kind, row) for row in found}
        rows = self.sandbox(side).people.rows(place)
        return {id: self._canonical(side, kind, id, row.fields) for id, row in rows.items()}

    def _canonical(self, side: str, kind: str, id: str, fields: Mapping[str, Any]) -> Row:
        row = canonical(side, kind, fields)
        if side == "marketing":
            for name, names in REFS[kind].items():
                row[name] = pointed(self.marketing, PLACES[kind][side], id, names[SIDES.index(side)])
        return row

    async def differences(self) -> list[Any]:
        """Of each kind what not all say: (kind, side that says it, what); references are spelled out."""
        found: list[Any] = []
        words: dict[str, dict[str, tuple[Any, ...]]] = {side: {} for side in SIDES}
        for kind in PLACES:
            said: dict[str, Counter[Any]] = {}
            for side in SIDES:
                rows = await self.rows(side, kind)
                told = {id: plain(_spelled(kind, row, words[side])) for id, row in rows.items()}
                said[side] = Counter(told[id] for id, row in rows.items() if self._once(row))
                words[side] |= {f"{kind} {id}": one for id, one in told.items()}
            everywhere = said["sales"] & said["marketing"] & said["crm"]
            found += [(kind, side, one, n) for side in SIDES for one, n in (said[side] - everywhere).items()]
        return found

    def _once(self, row: Row) -> bool:
        """Not somebody whom the org has twice: those are listed, and the second is not in HubSpot.

        Nor who was deleted in one system while another one edited: the edit wins, and nobody is made anew.
        """
        return fold(row.get("email") or "") not in self.people.twice and row.get("title") != KEPT

    async def copies(self, kind: str) -> dict[int, dict[str, str]]:
        """By record the ids of those that all have. Used to find what to edit, not to judge it."""
        sql = """select l.record_id, s.system, l.remote_id from links l join streams s using (stream)
        where l.state = 'live' and s.kind = $1"""
        found: dict[int, dict[str, str]] = {}
        for row in await self.store.fetch(sql, kind):
            found.setdefault(row["record_id"], {})[row["system"]] = row["remote_id"]
        return {record: ids for record, ids in found.items() if len(ids) == len(SIDES)}

    async def touched(self) -> list[Any]:
        """A value that differs after any write by syncd, also one that changes nothing."""
        theirs = [
            await self.con.fetch(f"select ctid::text, xmin::text from {places['crm']} order by 1")
            for places in PLACES.values()
        ]
        return [dict(self.writes), *theirs]

    async def who(self, side: str, kind: str) -> Counter[str]:
        """Who is there, by what tells one from another."""
        return Counter(identity(kind, row) for row in (await self.rows(side, kind)).values())


def stored(side: str, kind: str, row: Row) -> dict[str, Any]:
    """Canonical fields as one system's; the database has one name."""
    place, names = SIDES.index(side), {**NAMES[kind], **REFS[kind]}
    fields = {names[name][place]: value for name, value in row.items()}
    if side == "crm" and "last_name" in row:
        fields["name"] = f"{row['first_name']} {row['last_name']}"
    return fields


def canonical(side: str, kind: str, fields: Mapping[str, Any]) -> Row:
    """A system's fields by our names."""
    place = SIDES.index(side)
    row = {name: fields[names[place]] or None for name, names in NAMES[kind].items()}
    if side != "marketing":
        at = {name: fields[names[place]] for name, names in REFS[kind].items()}
        row |= {name: id and str(id) for name, id in at.items()}
    if side == "crm" and kind == "contact":
        row["first_name"], _, row["last_name"] = " ".join(fields["name"].split()).rpartition(" ")
    return row


def _spelled(kind: str, row: Row, words: Mapping[str, tuple[Any, ...]]) -> Row:
    """What it points at, as that is said in the same system."""
    return row | {name: row[name] and str(words.get(f"{name} {row[name]}")) for name in REFS[kind]}


def plain(row: Row) -> tuple[Any, ...]:
    """What is said, without what is only spelling: outer blanks, capitals that a system does not keep."""
    return _plain(tuple(row.items()))


@lru_cache(maxsize=50_000)  # all rows are compared whenever something may be at rest
def _plain(row: tuple[tuple[str, str | None], ...]) -> tuple[Any, ...]:
    made = {name: " ".join(value.split()) if value else None for name, value in row}
    for name in ("email", "city"):
        if made.get(name):
            made[name] = fold(made[name])
    if made.get("phone"):
        made["phone"] = re.sub(r"^\+?1(?=\d{10}$)", "", re.sub(r"[^\d+]", "", made["phone"]))
    if "last_name" in made and "first_name" in made:
        made["name"] = f"{made.pop('first_name')} {made.pop('last_name')}"
    return tuple(made.items())
