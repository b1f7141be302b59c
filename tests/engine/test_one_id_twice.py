"""A server that answers two creates of one call with the same id: one of them is linked, the other listed."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from syncd.store.store import Store
from tests.contract.test_rest_words import serving
from tests.engine.labs import settings_of
from tests.support.rig import Rig

CONFIG = """
systems:
  crm: {connector: rest, url: @url@/crm, calls: {list: /people, get: "/people/{id}"}}
  erp:
    connector: rest
    url: @url@/erp
    calls: {list: /people, get: "/people/{id}", create: {path: /people, body: "{values}"}}
kinds:
  contact:
    fields: {name: text, email: email}
    match: [email]
    systems:
      crm: {object: people, create: no, fields: {name: name, email: email}}
      erp: {object: people, fields: {name: name, email: email}}
"""


async def test_it_stops_nobody(store: Store, tmp_path: Path) -> None:
    people = [{"id": n, "name": f"P{n}", "email": f"p{n}@x.example"} for n in range(3)]
    made: list[str] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        if request.method == "POST":
            told = await request.json()
            made.append(told["name"])
            return web.json_response({**told, "id": 9 if told["name"] == "P2" else 7}, status=201)
        rows = people if request.path.startswith("/crm") else []
        if request.path.endswith("people"):
            return web.json_response(rows)
        found = [row for row in rows if str(row["id"]) == request.path.rpartition("/")[2]]
        return web.json_response(found[0]) if found else web.Response(status=404)

    async with serving(handle) as url:
        text = CONFIG.replace("@url@", url)
        rig = await Rig.start(store, settings_of(tmp_path / "syncd.yaml", text))
        try:
            assert rig.stream("erp", "contact").can.write_batch >= 3, "all go in one call"
            await rig.settle()
            at = rig.stream("erp", "contact").id
        finally:
            await rig.aclose()
        async with store.read() as con:
            parked = await con.fetch("select code, remote_id from parked")
            links = await con.fetch("select remote_id from links where stream = $1 order by 1", at)
            sends = await con.fetchval("select count(*) from sends")
    assert sorted(made) == ["P0", "P1", "P2"]
    assert [tuple(row) for row in parked] == [("merge_candidate", "7")]
    assert [row["remote_id"] for row in links] == ["7", "9"]
    assert sends == 0
