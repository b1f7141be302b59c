"""Every way of paging: all is seen, first read, changes and scan; and what cannot be the end is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from syncd.core.errors import CursorLost, NeedsOperator, RetryLater
from syncd.core.nouns import Accepted
from tests.contract.mirror import Mirror
from tests.contract.rest_subject import RestSubject
from tests.contract.suite import agrees, person, update, write

WAYS: Mapping[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "cursor": ({"way": "cursor"}, {"by": "cursor", "next": "next"}, {"cursor": "{cursor}"}),
    "url in body": ({"way": "cursor", "next": "url"}, {"by": "next_url", "next": "next"}, {}),
    "link": ({"way": "link"}, {"by": "link"}, {}),
    "cursor in header": (
        {"way": "header"},
        {"by": "cursor", "next": "header:X-Next-Cursor"},
        {"cursor": "{cursor}"},
    ),
    "url in header": (
        {"way": "header", "next": "url"},
        {"by": "next_url", "next": "header:X-Next-Cursor"},
        {},
    ),
    "page to an empty one": ({"way": "page"}, {"by": "page"}, {"page": "{page}"}),
    "page to a short one": ({"way": "page"}, {"by": "page", "ends": "short"}, {"page": "{page}"}),
    "page to the total": ({"way": "page"}, {"by": "page", "total": "total"}, {"page": "{page}"}),
    "offset": ({"way": "offset"}, {"by": "offset"}, {"offset": "{offset}"}),
    "offset to the total": ({"way": "offset"}, {"by": "offset", "total": "total"}, {"offset": "{offset}"}),
}


def word(subject: RestSubject, way: str, **feed: Any) -> None:
    """Say the paging in the connector's words."""
    _, paging, query = WAYS[way]
    listed = subject.words["calls"]["list"]["query"]
    listed.pop("cursor")
    listed |= query
    subject.words["paging"] = {**paging, "limit": subject.page}
    subject.words["feed"] |= feed


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("way", WAYS)
async def test_all_is_seen(way: str, ordered: bool) -> None:
    async with RestSubject.running("plain", paging=WAYS[way][0]) as subject:
        word(subject, way, ordered=ordered)
        mirror = Mirror(await subject.connector(), "people")
        assert await mirror.poll() == []
        for n in range(23):
            await subject.create(person(n))
        assert len(await mirror.poll()) == 23
        assert await mirror.sweep() == set(await subject.rows())
        await subject.bulk_edit({"score": 99})  # one time stamp over several pages
        assert len({c.remote_id for c in await mirror.poll()}) == 23
        await agrees(mirror, subject)
        assert await mirror.poll() == []


@pytest.mark.parametrize("way", ["offset", "page to an empty one"])
async def test_an_ordered_feed_misses_nothing_that_moves_while_it_is_walked(way: str) -> None:
    async with RestSubject.running("plain", paging=WAYS[way][0]) as subject:
        word(subject, way, ordered=True)
        ids = []
        for n in range(20):
            ids.append(await subject.create(person(n)))
            subject.sandbox.clock.advance(0.01)
        connector = await subject.connector()
        mirror = Mirror(connector, "people")
        turn = 0
        async for page in connector.read_changes("people", None):
            mirror.take(page)
            if turn < 4:
                await subject.update(
                    ids[turn], {"name": f"moved {turn}"}
                )  # to the end: the others slip forward
                turn += 1
        assert turn == 4
        await agrees(mirror, subject)


async def test_a_page_cap_is_not_the_end() -> None:
    quirks = {"page_cap": 3}
    for way in ("offset", "page to an empty one"):
        async with RestSubject.running("plain", paging=WAYS[way][0], quirks=quirks) as subject:
            word(subject, way)
            for n in range(11):
                await subject.create(person(n))
            mirror = Mirror(await subject.connector(), "people")
            assert await mirror.sweep() == set(await subject.rows())
            assert "page_cap" in subject.sandbox.fired.counts


@pytest.mark.parametrize("fault", ["cut_body", "wrong_json"])
async def test_a_page_that_is_cut_or_no_json_is_no_end(fault: str) -> None:
    async with RestSubject.running("plain") as subject:
        for n in range(12):
            await subject.create(person(n))
        connector = await subject.connector()
        armed = subject.sandbox.arm(fault, skip=1, route="list")
        mirror = Mirror(connector, "people")
        with pytest.raises(RetryLater) as caught:
            await mirror.poll()
        assert armed.fired
        assert not caught.value.uncertain
        await mirror.poll()
        await agrees(mirror, subject)


async def test_a_scan_that_ends_early_is_known_by_the_total() -> None:
    async with RestSubject.running("plain", paging={"way": "offset"}) as subject:
        word(subject, "offset to the total")
        for n in range(12):
            await subject.create(person(n))
        connector = await subject.connector()
        armed = subject.sandbox.arm("empty_page", skip=1)
        with pytest.raises(RetryLater, match="ended after"):
            await Mirror(connector, "people").sweep()
        assert armed.fired


async def test_a_cursor_that_ran_out_in_mid_walk_begins_the_poll_anew() -> None:
    async with RestSubject.running("plain") as subject:
        for n in range(12):
            await subject.create(person(n))
        connector = await subject.connector()
        walk = connector.read_changes("people", None)
        page = await anext(walk)
        await walk.aclose()
        armed = subject.sandbox.arm("cursor_expired", route="list")
        told = [c async for p in connector.read_changes("people", page.cursor) for c in p.changes]
        assert armed.fired
        assert len({c.remote_id for c in told}) == 12


async def test_a_window_that_is_gone_is_a_lost_cursor() -> None:
    async with RestSubject.running("plain") as subject:
        await subject.create(person(1))
        connector = await subject.connector()
        mirror = Mirror(connector, "people")
        await mirror.poll()
        armed = subject.sandbox.arm("cursor_expired", route="list")
        with pytest.raises(CursorLost):
            await anext(connector.read_changes("people", mirror.cursor))
        assert armed.fired


async def test_an_unfit_query_is_for_a_person() -> None:
    async with RestSubject.running("plain") as subject:
        subject.words["calls"]["list"]["query"]["no_such_filter"] = "x"
        with pytest.raises(NeedsOperator, match="unknown_filter"):
            await Mirror(await subject.connector(), "people").poll()


async def test_without_a_feed_only_pages_that_moved_are_told() -> None:
    async with RestSubject.running("plain", paging={"way": "offset"}) as subject:
        word(subject, "offset")
        subject.words["calls"]["list"]["query"].pop("changed_since")
        ids = [await subject.create(person(n)) for n in range(20)]
        connector = await subject.connector()
        mirror = Mirror(connector, "people")
        assert len(await mirror.poll()) == 20
        assert await mirror.poll() == []
        await subject.update(ids[19], {"name": "new"})
        assert len(await mirror.poll()) == subject.page
        await subject.delete(ids[0])
        await mirror.poll()
        await mirror.sweep()
        await agrees(mirror, subject)
        assert not connector.capabilities.deletes_reported


async def test_a_write_of_ours_that_is_taken_back_is_seen_though_the_page_is_as_it_was() -> None:
    async with RestSubject.running("plain") as subject:
        await subject.arm(7)  # neither stamps nor versions: every read is a read of everything
        subject.sandbox.set_quirks(no_versions=True)
        one = await subject.create(person(1))
        connector = await subject.connector()
        mirror = Mirror(connector, "people")
        await mirror.poll()
        assert await mirror.poll() == [] == await mirror.poll()
        done = (await write(connector, update(1, one, None, name="ours")))[1]
        assert isinstance(done, Accepted)
        await subject.update(one, {"name": "name 1"})
        assert [change.fields["name"] for change in await mirror.poll()] == ["name 1"]
        assert await mirror.poll() == []
