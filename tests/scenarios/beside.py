"""A server that nobody here wrote beside a PostgreSQL table, kept the same by an example of the docs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from tests.scenarios.org import QUIET
from tests.scenarios.persons import Edit, Person, Side, said
from tests.scenarios.sides import Office
from tests.support.commands import Done, Running, syncd
from tests.support.watching import Watch

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
ASKED = "birthday"
"""The field whose clashes the examples leave to a person."""


def write_example(name: str, folder: Path, store: str) -> None:
    """An example as it is, but for where the store is, how often is polled, and a free port."""
    text = (EXAMPLES / name).read_text()
    assert text.count("store: embedded\n") == 1
    text = re.sub(r"\bpoll: \d+s", "poll: 500ms", text.replace("store: embedded\n", f"store: {store}\n"))
    (folder / "syncd.yaml").write_text(text + "service: {listen: 127.0.0.1:0}\n")


@dataclass
class Beside:
    """`far` is the server's side, `office` that of the table; `made` are the edits so far, `one_sided`
    the addresses of those whom one side deleted and the other edited: the examples keep them where they are.
    """

    folder: Path
    env: Mapping[str, str]
    sides: dict[str, Side]
    store: Watch
    made: list[Edit] = field(default_factory=list)
    one_sided: set[str] = field(default_factory=set)

    @classmethod
    @asynccontextmanager
    async def by(
        cls, example: str, folder: Path, far: Side, env: Mapping[str, str], store: str, office: str
    ) -> AsyncIterator[Beside]:
        """By an example."""
        write_example(example, folder, store)
        tables = (*QUIET, "streams", "pages", "commands")
        async with Office.made(office) as near, Watch.on(store, *tables) as watch:
            yield cls(folder, {**env, "OFFICE_URL": office}, {"far": far, "office": near}, watch)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Running]:
        """`syncd run` on it."""
        async with Running.in_folder(self.folder, env=self.env) as daemon:
            yield daemon

    async def syncd(self, *args: str) -> Done:
        """A command on it."""
        return await syncd(self.folder, *args, env=self.env)

    async def people(self) -> dict[str, dict[str, Person]]:
        """By side: everybody by address; one address twice on a side is a duplicate, and fails."""
        found = {}
        for name, side in self.sides.items():
            rows = [said(person) for person in (await side.rows()).values()]
            found[name] = {person["email"]: person for person in rows}
            twice = [email for email, n in Counter(p["email"] for p in rows).items() if n > 1]
            assert twice == [], f"duplicates in {name}: {twice}"
        return found

    async def left(self) -> dict[str, int]:
        """The queues of the store that are not empty."""
        counts = {name: await self.store.con.fetchval(f"select count(*) from {name}") for name in QUIET}
        return {name: count for name, count in counts.items() if count}

    async def settled(self, within: float = 180.0) -> None:
        """Return when nothing waits and both sides say the same but for what is listed as open."""
        differ: Any = None

        async def same() -> bool:
            nonlocal differ
            if await self.left():
                return False
            differ = await self.differences()
            return not differ

        try:
            await self.store.when(same, within)
        except TimeoutError:
            told = f"left: {await self.left()}; {len(differ or ())} differ, such as {(differ or ())[:4]}"
            raise AssertionError(f"not within {within:.0f} s; {told}") from None

    async def differences(self) -> list[Any]:
        """Persons that differ, and are not listed as open; or are listed as open, and do not."""
        people, listed = await self.people(), await self.asked()
        far, office = people["far"], people["office"]
        found: list[Any] = list((far.keys() ^ office.keys()) ^ self.one_sided)
        for email in far.keys() & office.keys():
            names = {name for name in far[email] if far[email][name] != office[email][name]}
            values = {str(far[email][ASKED]), str(office[email][ASKED])}
            if names - {ASKED} or (ASKED in names) != (values in listed):
                found.append((email, far[email], office[email]))
        return found

    async def asked(self) -> list[set[str]]:
        """The candidates of each open conflict; values of this field are never given twice."""
        sql = "select candidates from conflicts where state = 'open' and field = $1"
        rows = await self.store.con.fetch(sql, ASKED)
        return [{str(c["value"]) for c in orjson.loads(row["candidates"])} for row in rows]

    async def quiet(self) -> None:
        """Two whole sweeps of both systems after which nothing was written."""
        before = [await side.writes() for side in self.sides.values()]
        for _ in range(2):
            await self.swept()
        assert [await side.writes() for side in self.sides.values()] == before
        assert not await self.left()

    async def swept(self) -> None:
        """Both streams swept from now on."""
        before = await self._swept_at()
        assert (await self.syncd("sweep")).code == 0

        async def done() -> bool:
            now = await self._swept_at()
            return all(now[stream] not in (None, before[stream]) for stream in before)

        await self.store.when(done, 120.0)

    async def _swept_at(self) -> dict[Any, Any]:
        """By stream, None while a sweep that was asked for has not come to its end."""
        sql = "select stream, case when swept_at > '1971-01-01' then swept_at end as swept_at from streams"
        return {row["stream"]: row["swept_at"] for row in await self.store.con.fetch(sql)}

    async def reconciled(self) -> list[Any]:
        """What `syncd reconcile` finds, without what is listed as an open conflict."""
        done = await self.syncd("reconcile", "--json")
        report = done.json()
        assert sum(pair["compared"] for pair in report["pairs"]) > 1000, done.out
        found = [d for d in report["differences"] if d["reason"] != "conflict"]
        assert done.code == (1 if found else 0), done.out
        assert report["left_out"] == 0
        return found

    async def lost(self) -> list[Edit]:
        """Edits that are neither what stands on both sides, nor in the history, nor in a conflict."""
        con, known = self.store.con, set()
        for row in await con.fetch("select changes from versions"):
            known |= {(name, word) for name, v in orjson.loads(row["changes"]).items() for word in _words(v)}
        for row in await con.fetch("select field, candidates from conflicts"):
            values = [c["value"] for c in orjson.loads(row["candidates"])]
            known |= {(row["field"], word) for value in values for word in _words(value)}
        return [e for e in self.made if (e.field, e.said) not in known]


def _words(value: Any) -> list[str]:
    return [str(v) for v in value] if isinstance(value, list) else [str(value)]
