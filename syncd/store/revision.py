"""Whether a database is at this version's schema, without loading what could change it."""

from __future__ import annotations

from pathlib import Path

import asyncpg

from syncd.store.pool import guarded, place


def scripts() -> Path:
    """The folder of the migrations: inside an installed wheel, or beside the package in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "migrations"
    return installed if installed.exists() else package.parent / "migrations"


def newest() -> str:
    """The newest revision: migrations are files named `0001_what_it_does.py`."""
    return max(file.name.partition("_")[0] for file in (scripts() / "versions").glob("[0-9]*_*.py"))


async def is_current(url: str) -> bool:
    """Whether nothing needs to be done. Raises `StoreUnavailable`."""
    with guarded(place(url)):
        con = await asyncpg.connect(url, timeout=20)
        try:
            if await con.fetchval("select to_regclass('alembic_version')") is None:
                return False
            return bool(await con.fetchval("select version_num from alembic_version") == newest())
        finally:
            await con.close()
