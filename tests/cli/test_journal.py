"""`syncd journal export` and `replay`, as a person calls them."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.support.pair import Pair, run_sql
from tests.support.watching import Watch

FreshDatabase = Callable[[], Awaitable[str]]


@pytest.fixture
async def pair(tmp_path: Path, fresh_database: FreshDatabase) -> Pair:
    made = await Pair.make(tmp_path, fresh_database)
    assert (await made.syncd("db", "upgrade")).code == 0
    await run_sql(made.crm, "insert into people (email, first_name) values ('ann@example.org', 'Ann')")
    return made


async def clashed(pair: Pair) -> None:
    """A record in both systems, and a conflict about it."""
    async with (
        Watch.on(pair.crm, "people") as crm,
        Watch.on(pair.erp, "contacts") as erp,
        Watch.on(pair.store, "conflicts", "sends", "outbox") as store,
        pair.running(),
    ):
        await erp.until("select 1 from contacts where syncd_id is not null")
        await store.until("select not exists (select from sends union all select from outbox)")
        async with crm.con.transaction():
            await crm.con.execute("update people set first_name = 'Anna'")
            await erp.con.execute("update contacts set given = 'Anne'")
        await store.until("select 1 from conflicts")


async def test_a_journal_is_exported_and_replayed(pair: Pair) -> None:
    await clashed(pair)
    file = pair.folder / "journal.jsonl"
    assert (await pair.syncd("journal", "export", "--out", str(file))).code == 0
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [next(iter(line)) for line in (lines[0], lines[-1])] == ["journal", "end"]
    assert {"config", "record", "version", "decision", "event"} <= lines[-1]["end"].keys()
    done = await pair.syncd("journal", "replay", str(file), "--json")
    found = done.json()
    assert (done.code, found["clean"], found["same"], found["different"]) == (0, True, 1, 0)

    again = await pair.syncd("journal", "export", "--out", str(file))
    assert again.code == 2
    assert "name a new file" in again.err
    printed = await pair.syncd("journal", "export", "--no-events")
    assert printed.out.splitlines()[1:-1] == [
        line for line in file.read_text().splitlines()[1:-1] if not line.startswith('{"event"')
    ]


async def test_a_decision_that_differs_is_named(pair: Pair) -> None:
    await clashed(pair)
    file = pair.folder / "journal.jsonl"
    await pair.syncd("journal", "export", "--out", str(file), "--no-events")
    other = file.read_text().replace('"strategy":"ask"', '"strategy":"longest"')
    file.write_text(other.replace('"value":"Anne"', '"value":"Anne-Marie"'))
    done = await pair.syncd("journal", "replay", str(file))
    assert done.code == 1
    assert "first_name (conflict" in done.out
    assert "was left to a person, and is for erp by longest" in done.out
    assert "Marie" not in done.out
