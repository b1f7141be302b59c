"""The README's quick start, as it is written there: its tables, its configuration, its claims."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from tests.conftest import FreshDatabase
from tests.support.watching import Watch

README = Path(__file__).parents[2] / "README.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), re.S)


@contextmanager
def running(config: Path, env: Mapping[str, str]) -> Iterator[None]:
    """`syncd check` is content; then a daemon for the length of the block, which ends well."""
    command = [sys.executable, "-m", "syncd", "-c", str(config)]
    checked = subprocess.run([*command, "check"], env=env, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    with config.with_name("daemon.log").open("wb") as log:
        daemon = subprocess.Popen([*command, "run"], env=env, stdout=log, stderr=log)
    try:
        yield
    finally:
        daemon.terminate()
        assert daemon.wait(20) == 0


async def test_the_quick_start_does_what_it_says(fresh_database: FreshDatabase, tmp_path: Path) -> None:
    urls = [await fresh_database(), await fresh_database()]
    for url, sql in zip(urls, blocks("sql"), strict=True):
        await execute(url, sql)
    config = tmp_path / "syncd.yaml"
    (text,) = blocks("yaml")
    text = text.replace("store: embedded", f"store: {await fresh_database()}", 1)
    config.write_text(text + "service: {listen: 127.0.0.1:0}\n", encoding="utf-8")
    env = {**os.environ, "CRM_URL": urls[0], "ERP_URL": urls[1]}
    async with Watch.on(urls[0], "contacts") as crm, Watch.on(urls[1], "people") as erp:
        with running(config, env):
            await crm.until("select count(*) = 3 from contacts")
            await erp.until("select count(*) = 3 from people")
            # an edit before that would be a clash, which the crm wins
            await erp.until("select tel = '+33142685300' from people where mail like 'Zoe@%'")
            await erp.con.execute("update people set tel = '+33142685301' where mail like 'Zoe@%'")
            await crm.until("select phone = '+33142685301' from contacts where first_name = 'Zoë'")


async def execute(url: str, sql: str) -> None:
    end = await asyncpg.connect(url)
    try:
        await end.execute(sql)
    finally:
        await end.close()
