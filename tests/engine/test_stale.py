"""A server that calls every version stale: parked with what may be wrong, not asked for ever."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web

from syncd.store.store import Store
from tests.contract.test_rest_words import serving
from tests.engine.labs import settings_of
from tests.support.rig import Rig

CONFIG = """
systems:
  crm: &api
    connector: rest
    url: @url@/crm
    calls:
      list: /people
      get: "/people/{id}"
      update: {path: "/people/{id}", body: {set: "{values}", rev: "{version}"}}
    record: {version: rev, version_form: @form@}
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


class Strict:
    """Two CRMs with one person; a version must come as the number that it is."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {
            side: {"id": 1, "name": "Ann", "email": "ann@x.example", "rev": 1} for side in ("crm", "erp")
        }
        self.writes = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        row = self.rows[request.path.split("/")[1]]
        if request.method == "GET":
            return web.json_response([row] if request.path.endswith("people") else row)
        self.writes += 1
        told = orjson.loads(await request.read())
        if told.get("rev") != row["rev"]:
            return web.Response(status=412)
        row |= {**told["set"], "rev": row["rev"] + 1}
        return web.json_response(row)


@pytest.mark.parametrize("form", ["text", "integer"])
async def test_it_is_parked_after_some_tries(store: Store, tmp_path: Path, form: str) -> None:
    strict = Strict()
    async with serving(strict.handle) as url:
        text = CONFIG.replace("@url@", url).replace("@form@", form)
        rig = await Rig.start(store, settings_of(tmp_path / "syncd.yaml", text))
        try:
            notes = (await rig.connectors["crm"].describe()).objects["people"].notes
            await rig.settle()
            strict.rows["crm"] |= {"name": "Anna", "rev": 2}
            await rig.settle()
        finally:
            await rig.aclose()
        async with store.read() as con:
            parked = await con.fetch("select code, message from parked")
    if form == "integer":
        assert (strict.rows["erp"]["name"], strict.writes, parked) == ("Anna", 1, [])
        return
    assert (strict.rows["erp"]["name"], strict.writes) == ("Ann", 5)
    assert [row["code"] for row in parked] == ["keeps_stale"]
    assert "each look shows the same version" in parked[0]["message"]
    assert any("refused as stale, set `record.version_form: integer`" in note for note in notes)
