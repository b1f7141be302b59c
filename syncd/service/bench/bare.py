"""The bare loop: read a page of 100, rename 12 fields, write 100; no state, no checks. Runs in a worker."""

from __future__ import annotations

import time

import orjson
from aiohttp import ClientSession

from syncd.service.bench.people import HEADERS
from syncd.service.bench.words import LEFT, PAGE, RIGHT

RENAMED = dict(zip(LEFT, RIGHT, strict=True))


async def run(session: ClientSession, a: str, b: str, records: int, passes: int) -> list[float]:
    """CPU µs per record, of each pass; a first one warms up and is not told."""
    await _pass(session, a, b, PAGE)
    return [await _pass(session, a, b, records) for _ in range(passes)]


async def _pass(session: ClientSession, a: str, b: str, records: int) -> float:
    began, done, cursor = time.process_time(), 0, None
    target = f"{b}/api/bare/batch"
    while done < records:
        query = {"limit": str(PAGE)} | ({"cursor": cursor} if cursor else {})
        async with session.get(f"{a}/api/things", params=query, headers=HEADERS) as answer:
            page = orjson.loads(await answer.read())
        renamed = [{g: item[f] for f, g in RENAMED.items()} for item in page["items"]]
        body = {"operations": [{"op": "create", "fields": row} for row in renamed]}
        async with session.post(target, data=orjson.dumps(body), headers=HEADERS) as answer:
            await answer.read()
        done += len(renamed)
        cursor = page["next"]  # None at the end: from the beginning again
    return (time.process_time() - began) / done * 1e6
