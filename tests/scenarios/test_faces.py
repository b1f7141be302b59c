"""GraphQL and JSON-RPC by docs/examples/graphql-and-json-rpc.yaml, through the engine, on two sandboxes."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from connectors.rest.sandbox import RestSandbox
from syncd.config import load
from syncd.store.store import Store
from tests.scenarios.beside import write_example
from tests.support.rig import Rig, options

FIELDS = ("first_name", "last_name", "email", "birthday")
EACH, BOTH = 45, 10
"""Contacts on each side, more than two pages; how many of them are on both."""


@asynccontextmanager
async def sandbox() -> AsyncIterator[RestSandbox]:
    async with RestSandbox("plain").serving() as made:
        assert isinstance(made, RestSandbox)
        yield made


@asynccontextmanager
async def rigged(store: Store, folder: Path, shop: RestSandbox, crm: RestSandbox) -> AsyncIterator[Rig]:
    """The example on both."""
    write_example("graphql-and-json-rpc.yaml", folder, "embedded")
    env = {f"{name}_URL": side.url for name, side in (("SHOP", shop), ("CRM", crm))}
    env |= {f"{name}_TOKEN": side.auth.options.token for name, side in (("SHOP", shop), ("CRM", crm))}
    rig = await Rig.start(store, load(folder / "syncd.yaml", options(), env))
    try:
        yield rig
    finally:
        await rig.aclose()


def make(side: RestSandbox, n: int) -> None:
    fields = {"first_name": f"First {n}", "last_name": f"Last {n}", "email": f"p{n}@x.example"}
    side.people.edit("contacts", "create", fields={**fields, "birthday": f"1980-01-{n % 28 + 1:02}"})


def ids(side: RestSandbox) -> dict[Any, str]:
    """By address."""
    return {row.fields["email"]: str(id) for id, row in side.people.rows("contacts").items()}


def edit(side: RestSandbox, n: int, **fields: Any) -> None:
    side.people.edit("contacts", id=ids(side)[f"p{n}@x.example"], fields=fields)


def said(side: RestSandbox) -> Counter[Any]:
    """What everybody there says."""
    rows = side.people.rows("contacts").values()
    return Counter(tuple(row.fields.get(name) for name in FIELDS) for row in rows)


async def test_graphql_and_json_rpc(store: Store, tmp_path: Path) -> None:
    async with sandbox() as shop, sandbox() as crm:
        for n in range(EACH):
            make(shop, n)
            make(crm, n + EACH - BOTH)
        async with rigged(store, tmp_path, shop, crm) as rig:
            assert await rig.settle() == 2 * (EACH - BOTH)
            assert said(shop) == said(crm)
            assert said(shop).total() == 2 * EACH - BOTH
            _work(shop, crm)
            await rig.settle()
            await rig.sweep()
            await rig.settle()
            _all_is_there(shop, crm)
            calls = rig.pushed()
            for _ in range(2):
                await rig.sweep()
                assert await rig.settle() == 0
            assert rig.pushed() == calls
            assert not await _parked(store)


def _work(shop: RestSandbox, crm: RestSandbox) -> None:
    """Edits of different records, of different fields of one, of one field; creates; deletes."""
    for n in range(5):
        edit(shop, n, first_name=f"Shop {n}")
        edit(crm, n + 10, first_name=f"Crm {n}", birthday=None)
    edit(shop, 20, first_name="Both")
    edit(crm, 20, birthday="2001-02-03")
    edit(shop, 21, last_name="Loser")
    edit(crm, 21, last_name="Winner")
    make(shop, 200)
    make(crm, 201)
    shop.people.edit("contacts", "delete", id=ids(shop)["p30@x.example"])
    crm.people.edit("contacts", "delete", id=ids(crm)["p31@x.example"])


def _all_is_there(shop: RestSandbox, crm: RestSandbox) -> None:
    assert said(shop) == said(crm)
    told = {email: (first, last, day) for first, last, email, day in said(crm)}
    assert len(told) == said(crm).total() == 2 * EACH - BOTH + 2 - 2
    for n in range(5):
        assert told[f"p{n}@x.example"][0] == f"Shop {n}"
        assert told[f"p{n + 10}@x.example"] == (f"Crm {n}", f"Last {n + 10}", None)
    assert told["p20@x.example"] == ("Both", "Last 20", "2001-02-03")
    assert told["p21@x.example"][1] == "Winner"
    assert not told.keys() & {"p30@x.example", "p31@x.example"}
    assert told.keys() >= {"p200@x.example", "p201@x.example"}


async def _parked(store: Store) -> list[Any]:
    async with store.read() as con:
        return list(await con.fetch("select * from parked"))
