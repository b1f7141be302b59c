"""Kinto and a PostgreSQL table by docs/examples/kinto.yaml: its feed, compare-and-set, batches, our ids."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import FreshDatabase
from tests.scenarios.beside import Beside
from tests.scenarios.persons import persons
from tests.scenarios.sides import Kinto
from tests.scenarios.story import Story
from tests.support.foreign import kinto


async def test_kinto(fresh_database: FreshDatabase, store_url: str, tmp_path: Path) -> None:
    far, near = persons()
    async with kinto(tmp_path) as url, Kinto.made(url) as side:
        env = {"KINTO_URL": url, "KINTO_USER": Kinto.USER, "KINTO_PASSWORD": Kinto.PASSWORD}
        office = await fresh_database()
        async with Beside.by("kinto.yaml", tmp_path, side, env, store_url, office) as world:
            await side.fill(list(far.values()))
            for person in near.values():
                await world.sides["office"].create(person)
            await Story(world).told()
