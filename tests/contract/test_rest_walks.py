"""A long walk through a list that does not come by time: what moves behind it is told by the next."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from aiohttp import web

from connectors.rest import RestConnector
from tests.contract.mirror import Mirror
from tests.contract.test_rest_words import connected, serving

START = datetime(2026, 3, 1, 9, tzinfo=UTC)
WORDS = {
    "calls": {"list": {"path": "/", "query": {"page": "{page}", "since": "{since}"}}},
    "paging": {"by": "page", "limit": 2, "ends": "short"},
    "record": {"modified": "at"},
}


class Slow:
    """Six records by id, two a page; a minute passes between two pages, and then people edit."""

    def __init__(self) -> None:
        self.now = START
        self.rows = dict.fromkeys(range(6), ("old", START))
        self.edits = {2: ("passed by", 1), 4: ("ahead", 5)}

    def edit(self) -> None:
        """Once, after the first page: a record that was shown, and later one that is yet to come."""
        while self.edits:
            seconds, (name, id) = sorted(self.edits.items())[0]
            del self.edits[seconds]
            self.now += timedelta(seconds=30)
            self.rows[id] = (name, self.now)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        page, since = int(request.query["page"]), request.query.get("since", "")
        after = datetime.fromisoformat(since) if since else START
        rows = [(i, *row) for i, row in sorted(self.rows.items()) if row[1] >= after]
        found = [{"id": i, "name": name, "at": at.isoformat()} for i, name, at in rows][
            page * 2 - 2 : page * 2
        ]
        headers = {"Date": format_datetime(self.now, usegmt=True)}
        if page == 1:
            self.edit()
        return web.json_response(found, headers=headers)


@pytest.fixture
async def slow() -> AsyncIterator[RestConnector]:
    async with serving(Slow().handle) as url, connected(url, WORDS, "name") as connector:
        yield connector


async def test_what_moves_behind_a_walk_is_told_by_the_next(slow: RestConnector) -> None:
    mirror = Mirror(slow, "people")
    await mirror.poll()
    assert mirror.rows["5"] == {"name": "ahead"}
    await mirror.poll()
    assert mirror.rows["1"] == {"name": "passed by"}
