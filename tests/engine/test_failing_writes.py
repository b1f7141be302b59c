"""A write that a server answers with status 500 for ever: it is listed after some tries, the others go on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web

from syncd.engine.retries import Retries
from syncd.engine.settle import TRIES_BEFORE_PARKING
from syncd.store.store import Store
from tests.contract.test_rest_words import serving
from tests.engine.labs import settings_of
from tests.engine.test_one_bad_id import Later
from tests.support.rig import Rig

CONFIG = """
systems:
  crm: &api
    connector: rest
    url: @url@/crm
    calls:
      list: /people
      get: "/people/{id}"
      update: {path: "/people/{id}", body: "{values}"}
  erp: {<<: *api, url: @url@/erp}
kinds:
  contact:
    fields: {name: text, email: email}
    match: [email]
    systems:
      crm: {object: people, create: no, fields: {name: name, email: email}}
      erp: {object: people, create: no, fields: {name: name, email: email}}
    conflicts: [{strategy: prefer, systems: [crm, erp]}]
"""
BATCH = """
      batch:
        path: /people/batch
        each: {operations: {ref: "{ref}", id: "{id}", fields: "{values}"}}
        body: {operations: "{operations}"}
        at: results
        match: ref
        status: status
        record: record"""
PEOPLE = 6


class Choking:
    """Two CRMs with some people. Whatever has to do with a write of `bad` in `erp` ends in an error."""

    bad = "3"

    def __init__(self) -> None:
        self.rows = {
            side: {str(n): {"id": str(n), "name": "Ann", "email": f"p{n}@x.example"} for n in range(PEOPLE)}
            for side in ("crm", "erp")
        }
        self.failed: list[list[str]] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        _, side, _, *rest = request.path.split("/")
        rows: dict[str, dict[str, Any]] = self.rows[side]
        if rest and rest[0] not in (*rows, "batch"):
            return web.Response(status=404)
        if request.method == "GET":
            return web.json_response(rows[rest[0]] if rest else list(rows.values()))
        told = orjson.loads(await request.read())
        todo = {o["id"]: o["fields"] for o in told["operations"]} if rest == ["batch"] else {rest[0]: told}
        if side == "erp" and self.bad in todo:
            self.failed.append(list(todo))
            return web.Response(status=500)
        for number, fields in todo.items():
            rows[number] |= fields
        if rest != ["batch"]:
            return web.json_response(rows[rest[0]])
        results = [{"ref": o["ref"], "status": 200, "record": rows[o["id"]]} for o in told["operations"]]
        return web.json_response({"results": results})

    def names(self) -> list[str]:
        return [row["name"] for row in self.rows["erp"].values()]


@asynccontextmanager
async def started(store: Store, folder: Path, batch: str) -> AsyncIterator[tuple[Choking, Rig]]:
    choking = Choking()
    async with serving(choking.handle) as url:
        text = CONFIG.replace("@url@", url).replace('body: "{values}"}', 'body: "{values}"}' + batch, 1)
        rig = await Rig.start(store, settings_of(folder / "syncd.yaml", text))
        rig.world.clock = Later()
        try:
            await rig.settle()
            for row in choking.rows["crm"].values():
                row["name"] = "Bea"
            yield choking, rig
        finally:
            await rig.aclose()


async def as_time_goes_by(rig: Rig) -> None:
    """Some minutes, in steps."""
    for _ in range(16):
        rig.world.clock.ahead += timedelta(seconds=15)  # type: ignore[attr-defined]
        await rig.settle()


@pytest.mark.parametrize("batch", ["", BATCH], ids=["alone", "batch"])
async def test_one_that_always_fails_is_listed_and_holds_up_nobody(
    store: Store, tmp_path: Path, batch: str
) -> None:
    async with started(store, tmp_path, batch) as (choking, rig):
        await as_time_goes_by(rig)
        others = ["Bea" if str(n) != choking.bad else "Ann" for n in range(PEOPLE)]
        assert choking.names() == others
        assert choking.failed.count([choking.bad]) == TRIES_BEFORE_PARKING
        async with store.read() as con:
            assert [row["code"] for row in await con.fetch("select code from parked")] == ["keeps_failing"]
            assert await con.fetchval("select count(*) from outbox") == 0
            assert await con.fetchval("select count(*) from inbox") == 0


async def test_it_is_tried_again_after_an_hour(store: Store, tmp_path: Path) -> None:
    async with started(store, tmp_path, "") as (choking, rig):
        await as_time_goes_by(rig)
        tried = len(choking.failed)
        choking.bad = ""
        retries = Retries(rig.world)
        assert await retries.work() == 0
        await rig.settle()
        assert (tried, "Ann" in choking.names()) == (TRIES_BEFORE_PARKING, True), "not so soon"
        async with store.write() as tx:
            await tx.execute("update parked set at = at - interval '2 hours'")
        assert await retries.work() == 1
        await rig.settle()
        assert choking.names() == ["Bea"] * PEOPLE
        async with store.read() as con:
            assert await con.fetchval("select count(*) from parked") == 0


async def test_what_somebody_typed_there_himself_is_listed_no_more(store: Store, tmp_path: Path) -> None:
    async with started(store, tmp_path, "") as (choking, rig):
        await as_time_goes_by(rig)
        choking.rows["erp"][choking.bad]["name"] = "Bea"
        async with store.write() as tx:
            await tx.execute("update parked set at = at - interval '2 hours'")
        await rig.settle()
        await Retries(rig.world).work()
        await rig.settle()
        async with store.read() as con:
            assert await con.fetchval("select count(*) from parked") == 0
