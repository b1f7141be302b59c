"""A daemon in small, to be killed: starts the embedded store and commits numbers, saying each one."""

from __future__ import annotations

import asyncio
import os
import sys
from itertools import count
from pathlib import Path

import asyncpg

from syncd.store.embedded import EmbeddedPostgres


async def main(folder: Path) -> None:
    server = EmbeddedPostgres(folder)
    async with server as url:
        con = await asyncpg.connect(url)
        await con.execute("create table if not exists said (n bigint)")
        print(server.pid, flush=True)
        for n in count(1):
            await con.execute("insert into said values ($1)", n)
            print(n, flush=True)


if __name__ == "__main__":
    os.nice(5)  # it writes as fast as it can, until it is killed
    asyncio.run(main(Path(sys.argv[1])))
