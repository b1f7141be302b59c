"""json-server and a PostgreSQL table by docs/examples/json-server.yaml: no feed of changes, no versions."""

from __future__ import annotations

import re
from pathlib import Path

import orjson
from ruamel.yaml import YAML

from tests.conftest import FreshDatabase
from tests.scenarios.beside import EXAMPLES, Beside
from tests.scenarios.persons import persons
from tests.scenarios.sides import JsonServer
from tests.scenarios.story import Story
from tests.support.foreign import json_server


async def test_json_server(fresh_database: FreshDatabase, store_url: str, tmp_path: Path) -> None:
    far, near = persons()
    data, log = tmp_path / "db.json", tmp_path / "json-server.log"
    rows = [{"id": n, **JsonServer.body(person)} for n, person in enumerate(far.values(), 1)]
    data.write_bytes(orjson.dumps({"contacts": rows}))
    async with json_server(tmp_path, data) as url, JsonServer.made(url, log) as side:
        office = await fresh_database()
        async with Beside.by(
            "json-server.yaml", tmp_path, side, {"CRM_URL": url}, store_url, office
        ) as world:
            for person in near.values():
                await world.sides["office"].create(person)
            await Story(world).told()


def test_the_page_shows_the_example() -> None:
    page = (EXAMPLES.parent / "connect-your-own-crm.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(.*?)```", page, re.S)
    read = YAML(typ="safe").load
    assert read(block)["systems"]["crm"] == read(EXAMPLES / "json-server.yaml")["systems"]["crm"]
