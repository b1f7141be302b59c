"""The quick look at a schema's version agrees with the thorough one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from syncd.core.errors import StoreUnavailable
from syncd.store.migrate import current
from syncd.store.revision import is_current, newest


async def test_a_migrated_store_is_current(store_url: str) -> None:
    assert current(store_url) == newest()
    assert await is_current(store_url)


async def test_empty_and_older_ones_are_not(
    store_url: str, fresh_database: Callable[[], Awaitable[str]]
) -> None:
    assert not await is_current(await fresh_database())
    con = await asyncpg.connect(store_url)
    await con.execute("update alembic_version set version_num = '0000'")
    await con.close()
    assert not await is_current(store_url)


async def test_a_server_out_of_reach_is_told() -> None:
    with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1:1/crm"):
        await is_current("postgresql://ann:s3cret@127.0.0.1:1/crm")
