"""What is over goes after its time, in bounded steps; what is open, due or still stands stays."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from syncd.core.errors import Fenced
from syncd.store.explain import life
from syncd.store.history import ITSELF, NotFound, Story, find_record, load_story
from syncd.store.prune import SLICE, Aged, BrakeUse, Configs, Part
from syncd.store.prunehistory import History
from syncd.store.store import Store

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LAST_YEAR = NOW - timedelta(days=365)
DAY = timedelta(days=1)


async def insert(store: Store, table: str, columns: str, rows: list[tuple[Any, ...]]) -> None:
    async with store.write() as tx:
        await tx.insert(table, rows, columns.split())


async def numbers(store: Store, sql: str) -> list[Any]:
    async with store.read() as con:
        return [row[0] for row in await con.fetch(sql)]


async def run(part: Part) -> tuple[dict[str, int], int]:
    """All steps of a part: what went, and how many steps it took."""
    total: dict[str, int] = {}
    steps, more = 0, True
    while more:
        removed, more = await part.step()
        steps += 1
        for table, rows in removed.items():
            assert rows <= SLICE
            total[table] = total.get(table, 0) + rows
    return total, steps


def history(store: Store, tombstones: datetime | None = None, gone_by: int = 0) -> History:
    return History(store, LAST_YEAR, tombstones, gone_by, lambda tx, records: None)


async def test_a_long_journal_goes_in_bounded_steps_from_its_old_end(store: Store) -> None:
    pages = [(n, 1, n, "feed", NOW - timedelta(minutes=60_000 - n), b"{}") for n in range(1, 60_001)]
    await insert(store, "pages", "seq stream evidence source seen_at body", pages)
    before = NOW - timedelta(days=30)
    old = sum(page[4] < before for page in pages)
    removed, steps = await run(Aged(store, "pages", before, "journal"))
    assert removed == {"pages": old}
    assert steps == old // SLICE + 1
    assert await numbers(store, "select min(seq) from pages") == [old + 1]
    assert await run(Aged(store, "pages", before)) == ({"pages": 0}, 1)


async def test_open_conflicts_and_waiting_commands_stay_and_do_not_stop_the_walk(store: Store) -> None:
    old = LAST_YEAR - DAY
    states = ["open", "decided", "closed"]
    conflicts = [
        (n, 1, "f", states[n % 3] if n > SLICE else "open", "why", b"[]", 1, old, old if n % 3 == 2 else None)
        for n in range(1, 2 * SLICE + 1)
    ]
    conflicts.append((9_000, 1, "f", "decided", "why", b"[]", 1, NOW - DAY, None))
    columns = "conflict record_id field state why candidates config opened closed"
    await insert(store, "conflicts", columns, conflicts)
    removed, _ = await run(Aged(store, "conflicts", LAST_YEAR, "history"))
    over = [c[0] for c in conflicts[:-1] if c[3] != "open"]
    assert removed == {"conflicts": len(over)}
    assert over
    left = await numbers(store, "select conflict from conflicts order by 1")
    assert left == [c[0] for c in conflicts if c[0] not in set(over)]

    asked = [(1, "sweep", b"{}", old, None), (2, "sweep", b"{}", old, old), (3, "sweep", b"{}", old, NOW)]
    await insert(store, "commands", "command name args at done", asked)
    assert (await run(Aged(store, "commands", LAST_YEAR)))[0] == {"commands": 1}
    assert await numbers(store, "select command from commands order by 1") == [1, 3]


async def test_brake_counts_go_by_their_minute(store: Store) -> None:
    rows = [(NOW - timedelta(minutes=n), 1, "create", 1) for n in range(2 * SLICE)]
    await insert(store, "brake_use", "minute stream op n", rows)
    removed, _ = await run(BrakeUse(store, NOW - timedelta(minutes=100)))
    assert removed == {"brake_use": 2 * SLICE - 101}


Row = tuple[int, int, str, int, int, datetime, bytes]
VERSIONS = "record_id version system event config at changes"


def version(record: int, number: int, days: float, changes: dict[str, Any], config: int = 1) -> Row:
    """`days` after the beginning of the history; negative: before."""
    at = LAST_YEAR + timedelta(days=days)
    return (record, number, "crm", 0, config, at, orjson.dumps(changes))


def at_each_moment(rows: list[Row], record: int) -> dict[datetime, dict[str, Any]]:
    """The fields after each version of the time that is kept, and at its beginning."""
    found: dict[datetime, dict[str, Any]] = {}
    fields: dict[str, Any] = {}
    for row in sorted(row for row in rows if row[0] == record):
        fields.update(orjson.loads(row[6]))
        found[max(row[5], LAST_YEAR)] = dict(fields)
    return found


@pytest.mark.parametrize("seed", range(3))
async def test_the_value_at_every_moment_of_the_history_stays_known(store: Store, seed: int) -> None:
    rng = random.Random(seed)
    rows = []
    for record in range(1, 401):
        days = -300.0
        for number in range(1, rng.randrange(2, 30)):
            days += rng.random() * 40
            changes = {name: rng.randrange(9) for name in rng.sample("abcde", rng.randrange(1, 3))}
            rows.append(version(record, number, days, changes))
    await insert(store, "versions", VERSIONS, rows)
    removed, steps = await run(history(store))
    assert steps > 5
    async with store.read() as con:
        kept = [tuple(row) for row in await con.fetch(f"select {', '.join(VERSIONS.split())} from versions")]
    assert removed["versions"] == len(rows) - len(kept) > 500
    for record in range(1, 401):
        assert at_each_moment(kept, record) == at_each_moment(rows, record)
    assert (await run(history(store)))[0] == {}, "a second round finds nothing"


async def record(store: Store, number: int, *, deleted: bool = False, version: int = 4) -> None:
    row = (number, "contact", version, deleted, b'{"a":3}', b'[4,"crm",null,0,{}]')
    await insert(store, "records", "record_id kind version deleted fields stamps", [row])


async def told(store: Store, number: int) -> Story:
    return await load_story(store, "contact", await find_record(store, "contact", str(number)))


@pytest.fixture
async def stream(store: Store) -> Store:
    await insert(store, "streams", "stream system kind object", [(1, "crm", "contact", "people")])
    await insert(store, "layouts", "layout stream hash fields", [(1, 1, "h", b'["a"]')])
    return store


async def test_history_says_where_it_begins_and_claims_nothing_before(stream: Store) -> None:
    rows = [
        *[version(7, n, -10 + n, {"a": n} if n > 1 else {"a": 1, "b": 1}) for n in (1, 2, 3)],
        version(7, 4, 5, {"a": 4}),
        version(8, 1, 5, {"a": 1}),
        *[version(9, n, -10 + n, {"a": n}) for n in (1, 2, 3)],
    ]
    for number in (7, 8, 9):
        await record(stream, number)
    await insert(stream, "versions", VERSIONS, rows)
    before = await told(stream, 7)
    assert [v.before for v in before.versions] == [{}, {"a": 1}, {"a": 2}, {"a": 3}]
    assert not before.pruned
    assert (await run(history(stream)))[0] == {"versions": 3}

    story = await told(stream, 7)
    assert [(v.version, v.before, v.before_known) for v in story.versions] == [
        (1, {}, False),
        (3, {}, False),
        (4, {"a": 3}, True),
    ]
    assert "kept from 2025-06-01" in life(story)[0]
    assert any("was made" in said for said in life(story)), "its first version is still there"
    assert not any("was made" in said for said in life(await told(stream, 9)))
    assert "kept from" in life(await told(stream, 9))[0]
    assert not (await told(stream, 8)).pruned


async def test_the_versions_of_an_open_conflict_all_stay(stream: Store) -> None:
    await record(stream, 7)
    await insert(stream, "versions", VERSIONS, [version(7, n, -10 + n, {"a": n}) for n in (1, 2, 3)])
    row = (1, 7, "a", "open", "why", b"[]", 1)
    await insert(stream, "conflicts", "conflict record_id field state why candidates config", [row])
    assert (await run(history(stream)))[0] == {}


LINKS = "remote_id stream record_id state evidence layout agreed shadow"


@pytest.mark.parametrize(
    ("what", "goes"),
    [
        ("nothing else", True),
        ("a copy that lives", False),
        ("a duplicate", False),
        ("a copy written since", False),
        ("a waiting change", False),
        ("a write that is due", False),
        ("a parked item", False),
        ("an open conflict", False),
        ("not deleted", False),
        ("deleted lately", False),
    ],
)
async def test_a_tombstone_goes_with_all_of_its_record_or_not_at_all(
    stream: Store, what: str, goes: bool
) -> None:
    days = -10 if what != "deleted lately" else 10
    await record(stream, 7, deleted=what != "not deleted")
    rows = [version(7, 1, -20, {"a": 1}), version(7, 4, days, {ITSELF: "delete"})]
    await insert(stream, "versions", VERSIONS, rows)
    state = {"a copy that lives": "live", "a duplicate": "duplicate"}.get(what, "gone")
    evidence = 500 if what == "a copy written since" else 50
    links = [("x", 1, 7, "gone", 50, 1, b"[0]", b"[1]"), ("y", 2, 7, state, evidence, 1, b"[0]", b"[1]")]
    await insert(stream, "links", LINKS, links)
    await insert(stream, "match_keys", "key kind record_id", [("k", "contact", 7)])
    if what == "a waiting change":
        await insert(stream, "inbox", "seq stream remote_id reason evidence", [(1, 1, "x", "fetch", 1)])
    if what == "a write that is due":
        await insert(stream, "outbox", "seq stream record_id", [(1, 1, 7)])
    if what == "a parked item":
        await insert(
            stream, "parked", "parked stream direction record_id code message", [(1, 1, "out", 7, "", "")]
        )
    if what == "an open conflict":
        row = (1, 7, "", "open", "why", b"[]", 1)
        await insert(stream, "conflicts", "conflict record_id field state why candidates config", [row])
    forgotten: list[int] = []
    walk = History(stream, None, LAST_YEAR, 100, lambda tx, records: forgotten.extend(records))
    removed, _ = await run(walk)
    assert forgotten == ([7] if goes else [])
    assert removed == (
        {"match_keys": 1, "links": 2, "versions": 2, "conflicts": 0, "records": 1} if goes else {}
    )
    if goes:
        with pytest.raises(NotFound, match="or it was deleted before 2025-06-01"):
            await told(stream, 7)


async def test_a_configuration_goes_with_the_last_thing_that_it_decided(stream: Store) -> None:
    old = LAST_YEAR - DAY
    configs = [(n, f"h{n}", old if n < 6 else NOW, b"{}") for n in range(1, 7)]
    await insert(stream, "configs", "config hash at body", configs)
    await insert(stream, "versions", VERSIONS, [version(7, 1, 1, {"a": 1}, config=2)])
    row = (1, 7, "a", "decided", "why", b"[]", 3)
    await insert(stream, "conflicts", "conflict record_id field state why candidates config", [row])
    walk = history(stream)
    await run(walk)
    removed, _ = await run(Configs(stream, LAST_YEAR, lambda: walk.configs | {4}))
    assert removed == {"configs": 2}
    assert await numbers(stream, "select config from configs order by 1") == [2, 3, 4, 6]


async def test_a_daemon_that_lost_its_lease_prunes_nothing(store: Store) -> None:
    await insert(
        store, "pages", "seq stream evidence source seen_at body", [(1, 1, 1, "feed", LAST_YEAR, b"")]
    )
    async with store.write(fenced=False) as tx:
        await tx.execute("update lease set token = token + 1")
    with pytest.raises(Fenced):
        await Aged(store, "pages", NOW).step()
    assert await numbers(store, "select seq from pages") == [1]
