"""The README's quick start, as it is written there: its tables, its configuration, its claims."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from tests.conftest import FreshDatabase

README = Path(__file__).parents[2] / "README.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), re.S)


@contextmanager
def running(config: Path, env: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """`syncd check` is content; then a daemon for the length of the block, which ends well."""
    command = [sys.executable, "-m", "syncd", "-c", str(config)]
    checked = subprocess.run([*command, "check"], env=env, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    with config.with_name("daemon.log").open("wb") as log:
        daemon = subprocess.Popen([*command, "run"], env=env, stdout=log, stderr=log)
    try:
        yield daemon
    finally:
        daemon.terminate()
        assert daemon.wait(20) == 0


async def test_the_quick_start_does_what_it_says(fresh_database: FreshDatabase, tmp_path: Path) -> None:
    urls = [await fresh_database(), await fresh_database()]
    crm, erp = [await asyncpg.connect(url) for url in urls]
    for end, sql in zip((crm, erp), blocks("sql"), strict=True):
        await end.execute(sql)
    config = tmp_path / "syncd.yaml"
    (text,) = blocks("yaml")
    text = text.replace("store: embedded", f"store: {await fresh_database()}", 1)
    config.write_text(text + "service: {listen: 127.0.0.1:0}\n", encoding="utf-8")
    try:
        with running(config, {**os.environ, "CRM_URL": urls[0], "ERP_URL": urls[1]}) as daemon:
            await until(crm, "select count(*) from contacts", 3, daemon)
            await until(erp, "select count(*) from people", 3, daemon)
            await erp.execute("update people set tel = '+33142685301' where mail like 'Zoe@%'")
            zoe = "select phone from contacts where first_name = 'Zoë'"
            await until(crm, zoe, "+33142685301", daemon)
    finally:
        await crm.close()
        await erp.close()


async def until(end: object, sql: str, wanted: object, daemon: subprocess.Popen[bytes]) -> None:
    """Ask until the answer is as wanted."""
    async with asyncio.timeout(60):
        while await end.fetchval(sql) != wanted:  # type: ignore[attr-defined]
            assert daemon.poll() is None
            await asyncio.sleep(0.1)
