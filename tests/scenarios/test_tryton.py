"""Tryton and PostgreSQL by docs/examples/tryton.yaml: JSON-RPC, errors as 200, values as objects."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from connectors.rest import RestConnector
from syncd.config import load
from syncd.core.errors import BatchRefused
from syncd.core.nouns import Accepted, Change, Missing, Op, Push, PushOp, Rejected, Stale
from tests.conftest import FreshDatabase
from tests.scenarios.beside import Beside, write_example
from tests.scenarios.ledger import Ledger
from tests.scenarios.org import QUIET
from tests.support.rig import options, specs
from tests.support.tryton import Tryton, tryton
from tests.support.watching import Watch

NEW_OFFICE, NEW_TRYTON = range(300, 305), range(400, 405)
RENAMED = (("Office", 5), ("Tryton", 15), ("Office", 200), ("Tryton", 210))
"""Who renames ten parties, from which number on."""


async def test_tryton(fresh_database: FreshDatabase, store_url: str, tmp_path: Path) -> None:
    write_example("tryton.yaml", tmp_path, store_url)
    office = await fresh_database()
    tables = (*QUIET, "streams", "pages", "commands", "parked")
    async with (
        tryton(tmp_path) as server,
        Ledger.filled(office, server) as ledger,
        Watch.on(store_url, *tables) as watch,
    ):
        world = Beside(tmp_path, {**server.env, "OFFICE_URL": office}, {}, watch)
        await _looked_at(world, ledger)
        await _with_a_kill(world, ledger)
        async with world.running() as daemon:
            await world.swept()
            await _settled(world, ledger)
            await _all_is_there(ledger)
            await _quiet(world, ledger)
            await _refused_alone(world, ledger)
            assert (await daemon.stop())[0] == 0
        await _reconciled(world)


async def _looked_at(world: Beside, ledger: Ledger) -> None:
    """`check` is content, and `plan` writes nothing."""
    before = await ledger.writes()
    for command in ("check", "plan"):
        done = await world.syncd(command)
        assert done.code == 0, done.out + done.err
    assert await ledger.writes() == before


async def _with_a_kill(world: Beside, ledger: Ledger) -> None:
    """A first sync; work on both sides, a kill while it is being written, and clashes while nobody syncs."""
    async with world.running() as daemon:
        await _settled(world, ledger)
        assert (await ledger.parties())["office"].total() == 300
        assert (await ledger.money())["office"].total() == 3 + 23
        working = asyncio.create_task(_work(ledger))
        await world.store.until("select count(*) > 0 from sends")
        daemon.process.kill()
        await daemon.process.wait()
        await working
    await _clash(ledger)


async def _work(ledger: Ledger) -> None:
    """Each party is changed on one side, or in one field on each; who deletes a party is not who made it."""
    for (who, at), n in product(RENAMED, range(10)):
        if who == "Office":
            await ledger.office(at + n, f"first_name = 'Office {n}'")
        else:
            await ledger.write(at + n, name=f"Tryton {n} Last{at + n}")
    for n in (30, 31, 230, 231):
        await ledger.office(n, "active = false")
    for n in (32, 33, 232, 233):
        await ledger.write(n, active=False)
    for n in (40, 240):
        await ledger.leave_office(n)
        await ledger.leave_tryton(n + 1)
    await ledger.join_office(NEW_OFFICE)
    await ledger.join_tryton(NEW_TRYTON)
    await ledger.con.execute("update rates set rate = rate + 0.000001 where day = '2026-02-05'")
    await ledger.tryton.call("currency.currency", "write", [1], {"symbol": "EUR"})
    await ledger.add_rate(1, 30)


async def _clash(ledger: Ledger) -> None:
    """With nobody to sync: both fields of a party, one on each side; and one name on both, the later wins."""
    await ledger.office(50, "first_name = 'Office 50'")
    await ledger.office(30, "active = true")
    await ledger.write(51, active=False)
    await ledger.office(52, "active = false")
    await ledger.write(52, name="Tryton 52 Last52")
    await ledger.office(53, "first_name = 'Loser'")
    await ledger.write(53, name="Winner 53 Last53")


async def _all_is_there(ledger: Ledger) -> None:
    parties, money = await ledger.parties(), await ledger.money()
    assert parties["office"] == parties["tryton"]
    assert money["office"] == money["tryton"]
    told = dict(parties["office"].keys())
    assert parties["office"].total() == len(told) == 300 - 4 + 10
    wanted = {f"{who} {n} Last{n + at}" for who, at in RENAMED for n in range(10)}
    assert wanted <= told.keys()
    assert {f"First {n} Last{n}" for n in (*NEW_OFFICE, *NEW_TRYTON)} <= told.keys()
    archived = {name for name, active in told.items() if not active}
    first = {f"First {n} Last{n}" for n in (31, 230, 231, 32, 33, 232, 233, 51)}
    assert archived == first | {"Tryton 52 Last52"}
    assert {"Office 50 Last50", "Winner 53 Last53"} <= told.keys()
    assert not {name for name in told if name.endswith(("Last40", "Last41", "Last240", "Last241"))}


async def _settled(world: Beside, ledger: Ledger) -> None:
    """Return when nothing waits and both sides say the same."""
    differ: Any = None

    async def same() -> bool:
        nonlocal differ
        if await world.left():
            return False
        both = [await ledger.parties(), await ledger.money()]
        differ = [(said["office"] - said["tryton"], said["tryton"] - said["office"]) for said in both]
        return not any(part for pair in differ for part in pair)

    try:
        await world.store.when(same, 45.0)
    except TimeoutError:
        raise AssertionError(f"left: {await world.left()}; only in one side: {differ}") from None


async def _quiet(world: Beside, ledger: Ledger) -> None:
    """Two whole sweeps of both systems after which nothing was written."""
    before = await ledger.writes()
    for _ in range(2):
        await world.swept()
    assert await ledger.writes() == before
    assert not await world.left()


async def _refused_alone(world: Beside, ledger: Ledger) -> None:
    """Tryton lets nobody rename what is archived: listed until it is no more; the others go through."""
    await ledger.con.execute(
        "update contacts set first_name = 'No' where last_name in ('Last31', 'Last60', 'Last61', 'Last250')"
    )
    await world.store.until("select count(*) > 0 from parked")

    async def through() -> bool:
        told = (await ledger.parties())["tryton"]
        return {("No Last60", True), ("No Last61", True), ("No Last250", True)} <= told.keys()

    await world.store.when(through)
    (item,) = (await world.syncd("parked", "--json")).json()
    assert (item["system"], item["code"]) == ("tryton", "UserError")
    await ledger.write(31, active=True)
    await ledger.office(31, "first_name = 'Yes'")
    await world.store.until("select count(*) = 0 from parked")
    await _settled(world, ledger)


async def _reconciled(world: Beside) -> None:
    done = await world.syncd("reconcile", "--json")
    report = done.json()
    assert done.code == 0, done.out
    assert report["differences"] == []
    assert sum(pair["compared"] for pair in report["pairs"]) == 2 * (306 + 3 + 24)


# -- what the example's words come to, call by call --------------------------------------------------


@asynccontextmanager
async def connected(server: Tryton, folder: Path) -> AsyncIterator[RestConnector]:
    """The example's connector as the daemon would make it."""
    write_example("tryton.yaml", folder, "embedded")
    env = {**server.env, "OFFICE_URL": "postgresql://unused@localhost/x"}
    settings = load(folder / "syncd.yaml", options(), env)
    system = settings.systems["tryton"]
    connector = RestConnector("tryton", system.connector_settings(), specs(settings, "tryton"))
    try:
        await connector.describe()
        yield connector
    finally:
        await connector.aclose()


def _push(n: int, known: Change, **fields: Any) -> Push:
    expected = known.remote_version
    return Push(
        n, "party.party", PushOp.UPDATE, n, 1, fields, remote_id=known.remote_id, expected_version=expected
    )


async def test_a_party_that_moved_is_stale_and_the_others_are_not_written(tmp_path: Path) -> None:
    async with tryton(tmp_path) as server, connected(server, tmp_path) as connector:
        ids = await server.call("party.party", "create", [{"name": f"Party {n}"} for n in range(3)])
        known = await connector.fetch("party.party", [str(i) for i in ids])
        await server.call("party.party", "write", [ids[1]], {"name": "Moved"})
        batch = [_push(n, change, name=f"New {n}") for n, change in enumerate(known)]
        with pytest.raises(BatchRefused):
            await connector.write(batch)
        (alone,) = await connector.write(batch[1:2])
        assert isinstance(alone, Stale)
        done = await connector.write([batch[0], batch[2]])
        assert all(isinstance(result, Accepted) for result in done)
        rows = await server.rows("party.party", "name")
        assert [rows[i]["name"] for i in ids] == ["New 0", "Moved", "New 2"]


async def test_what_is_missing_is_told_beside_what_is_there(tmp_path: Path) -> None:
    async with tryton(tmp_path) as server, connected(server, tmp_path) as connector:
        (there,) = await server.call("party.party", "create", [{"name": "Party"}])
        found = await connector.fetch("party.party", ["4711", str(there)])
        assert [(c.remote_id, c.op) for c in found] == [("4711", Op.DELETE), (str(there), Op.UPSERT)]
        gone = Change("tryton", "party.party", "4711", Op.UPSERT)
        (result,) = await connector.write([_push(1, gone, name="Nobody")])
        assert result == Missing(1)


async def test_a_create_made_twice_is_one_party(tmp_path: Path) -> None:
    async with tryton(tmp_path) as server, connected(server, tmp_path) as connector:
        push = Push(1, "party.party", PushOp.CREATE, 1, 1, {"name": "Once"}, key="k-1")
        first, again = [(await connector.write([push]))[0] for _ in range(2)]
        assert isinstance(first, Accepted)
        assert isinstance(again, Accepted)
        assert first.remote_id == again.remote_id
        assert (await connector.find("party.party", ["k-1", "k-2"])).keys() == {"k-1"}


async def test_a_value_that_is_refused_names_no_value(tmp_path: Path) -> None:
    async with tryton(tmp_path) as server, connected(server, tmp_path) as connector:
        push = Push(1, "party.party", PushOp.CREATE, 1, 1, {"name": "two\nlines"}, key="k-1")
        (result,) = await connector.write([push])
        assert isinstance(result, Rejected)
        assert result.code == "UserError"
        assert "lines" not in result.message
