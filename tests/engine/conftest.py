"""Two PostgreSQL databases of different shape, and a configuration that maps them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from syncd.store.store import Store
from tests.support.journals import assert_replays
from tests.support.rig import Rig

CASES = Path(__file__).parents[1] / "cases" / "pair"


@dataclass
class Pair:
    """Both databases, a rig on them, and what a person does there."""

    rig: Rig
    crm: Any
    erp: Any
    config: Path

    async def one(self, side: str, sql: str, *args: Any) -> Any:
        """The first column of the first row."""
        return await getattr(self, side).fetchval(sql, *args)

    async def row(self, side: str, sql: str, *args: Any) -> Any:
        return await getattr(self, side).fetchrow(sql, *args)


def filled(text: str, words: dict[str, str]) -> str:
    for word, value in words.items():
        text = text.replace(f"@{word}@", value)
    return text


MakePair = Callable[..., Awaitable[Pair]]


@pytest.fixture
async def pair(
    store: Store, fresh_database: Callable[[], Awaitable[str]], tmp_path: Path
) -> AsyncIterator[MakePair]:
    """`await pair(capture=…, rules=…, deletes=…)` answers a Pair."""
    made: list[Pair] = []

    async def make(
        capture: str = "updated_at",
        erp_capture: str = "scan",
        rules: str = "[{strategy: prefer, systems: [crm, erp]}]",
        deletes: str = "{policy: propagate}",
    ) -> Pair:
        crm_url, erp_url = await fresh_database(), await fresh_database()
        crm, erp = await asyncpg.connect(crm_url), await asyncpg.connect(erp_url)
        await crm.execute((CASES / "crm.sql").read_text())
        await erp.execute((CASES / "erp.sql").read_text())
        option = ", updated_at: updated" if capture == "updated_at" else ""
        words = {
            "crm": crm_url,
            "erp": erp_url,
            "capture": capture,
            "erp_capture": erp_capture,
            "rules": rules,
            "deletes": deletes,
            "option": option,
        }
        config = tmp_path / "syncd.yaml"
        config.write_text(filled((CASES / "syncd.yaml").read_text(), words))
        made.append(Pair(await Rig.make(store, config), crm, erp, config))
        return made[-1]

    yield make
    for done in made:
        await assert_replays(done.rig.world.store)  # whatever the test was about
        await done.rig.aclose()
        await done.crm.close()
        await done.erp.close()
