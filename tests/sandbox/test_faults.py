"""Each fault, over the wire: it fires exactly as often as it was armed, and does what its name says."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from connectors.sandboxes.faults import FAULTS
from tests.sandbox.client import Crm, crm

LOST = (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError)
NEW = {"last_name": "new"}


@pytest.fixture
async def plain() -> AsyncIterator[Crm]:
    async with crm() as made:
        yield made
        assert [fault.name for fault in made.sandbox.faults.unfired()] == []


def held(made: Crm) -> int:
    return len(made.sandbox.people.rows("contacts"))


async def create(made: Crm) -> Any:
    return await made.client.call("POST", "/api/contacts", NEW)


@pytest.mark.parametrize(("fault", "kept"), [("drop", 1), ("lose_answer", 2)])
async def test_a_lost_connection(plain: Crm, fault: str, kept: int) -> None:
    """One call of two is lost; what was committed tells before from after."""
    armed = plain.sandbox.arm(fault, route="create")
    with pytest.raises(LOST):
        await create(plain)
    assert (await create(plain)).status == 201
    assert (held(plain), armed.fired) == (kept, 1)


@pytest.mark.parametrize(("fault", "kept"), [("error_before", 0), ("error_after", 1)])
async def test_an_error_before_and_after_the_commit(plain: Crm, fault: str, kept: int) -> None:
    await plain.client.control("faults", fault=fault, times=2, skip=1, status=503)
    statuses = [(await create(plain)).status for _ in range(4)]
    assert statuses == [201, 503, 503, 201]
    assert held(plain) == 2 + 2 * kept
    (told,) = (await plain.client.get("/_sandbox/fired")).body["faults"]
    assert (told["fired"], told["times"]) == (2, 0)


@pytest.mark.parametrize(
    ("how", "pattern"),
    [("seconds", "^1$"), ("date", " GMT$"), ("absurd", "^9{8}$"), (2.5, "^2.5$"), (None, "")],
)
async def test_too_many_calls(plain: Crm, how: Any, pattern: str) -> None:
    plain.sandbox.arm("rate_limited", retry_after=how)
    got = await plain.client.get("/api/contacts")
    assert (got.status, got.code) == (429, "rate_limited")
    said = got.headers.get("Retry-After")
    assert said is None if how is None else re.search(pattern, said or "")
    assert (await plain.client.get("/api/contacts")).status == 200


@pytest.mark.parametrize("fault", ["unauthorized", "forbidden"])
async def test_rights_are_lost(plain: Crm, fault: str) -> None:
    plain.sandbox.arm(fault)
    first = await plain.client.get("/api/contacts")
    again = await plain.client.get("/api/contacts")
    assert (first.status, again.status) == ((401, 401) if fault == "unauthorized" else (403, 200))
    await plain.client.control("auth", grant=True)
    assert (await plain.client.get("/api/contacts")).status == 200


async def test_a_call_that_hangs_has_done_nothing_until_released(plain: Crm) -> None:
    (one,) = await plain.contacts(1)
    fault = await plain.client.control("faults", fault="hang", ids=[one])
    assert (await create(plain)).status == 201, "another record does not hang"
    task = asyncio.create_task(plain.client.call("PATCH", f"/api/contacts/{one}", {"score": 9}))
    await plain.client.get("/_sandbox/wait", fault=fault["id"])
    assert plain.sandbox.people.rows("contacts")[one].fields["score"] is None
    await plain.client.control("release", fault=fault["id"])
    assert (await task).body["score"] == 9


async def test_a_caller_who_gave_up_while_it_hung_has_done_nothing(plain: Crm) -> None:
    fault = plain.sandbox.arm("hang", route="create")
    task = asyncio.create_task(create(plain))
    await fault.reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await create(plain)).status == 201
    fault.release()
    assert (await plain.client.get("/api/contacts")).status == 200
    assert held(plain) == 1


async def test_an_answer_that_hangs_comes_after_the_commit(plain: Crm) -> None:
    fault = plain.sandbox.arm("hang_answer")
    task = asyncio.create_task(create(plain))
    await fault.reached.wait()
    assert held(plain) == 1
    assert not task.done()
    fault.release()
    assert (await task).status == 201


async def test_a_late_commit_comes_over_a_newer_write(plain: Crm) -> None:
    (one,) = await plain.contacts(1)
    fault = plain.sandbox.arm("late_commit", seconds=30, status=504)
    path = f"/api/contacts/{one}"
    assert (await plain.client.call("PATCH", path, {"title": "old"})).status == 504
    assert (await plain.client.call("PATCH", path, {"title": "new"})).body["title"] == "new"
    plain.sandbox.clock.advance(31)
    await fault.go.wait()
    assert (await plain.client.get(path)).body["title"] == "old"


async def test_a_late_commit_may_be_refused_by_then(plain: Crm) -> None:
    (one,) = await plain.contacts(1)
    fault = plain.sandbox.arm("late_commit")
    with pytest.raises(LOST):
        await plain.client.call("PATCH", f"/api/contacts/{one}", {"score": 1}, headers={"If-Match": '"1"'})
    plain.sandbox.people.edit("contacts", id=one, fields={"score": 2})
    fault.release()
    assert fault.args["refused"] == "version_mismatch"


async def test_bodies_that_are_cut_or_no_json(plain: Crm) -> None:
    await plain.contacts(20)
    plain.sandbox.arm("cut_body")
    with pytest.raises(LOST):
        await plain.client.get("/api/contacts")
    plain.sandbox.arm("wrong_json")
    got = await plain.client.get("/api/contacts")
    assert (got.status, got.headers["Content-Type"]) == (200, "text/html")
    assert len((await plain.client.get("/api/contacts")).body["items"]) == 20


@pytest.mark.parametrize(("fault", "rows"), [("empty_page", 0), ("short_page", 5), ("lose_next", 10)])
async def test_pages_that_end_too_soon(plain: Crm, fault: str, rows: int) -> None:
    await plain.contacts(20)
    plain.sandbox.arm(fault)
    got = (await plain.client.get("/api/contacts", limit=10)).body
    assert (len(got["items"]), got["next"]) == (rows, None)
    assert len(await plain.client.walk("contacts", limit=10)) == 20


async def test_a_cursor_that_is_gone(plain: Crm) -> None:
    plain.sandbox.arm("cursor_expired")
    got = await plain.client.get("/api/contacts", changed_since="2026-01-01T00:00:00Z")
    assert (got.status, got.code) == (410, "cursor_expired")


def rows(count: int) -> list[dict[str, Any]]:
    return [{"ref": str(n), "op": "create", "fields": {"last_name": f"n{n}"}} for n in range(count)]


async def test_a_batch_with_partial_shuffled_and_missing_results(plain: Crm) -> None:
    plain.sandbox.arm("partial", rows=[1], status=503)
    plain.sandbox.arm("shuffle")
    plain.sandbox.arm("fewer", count=2)
    results = (await plain.client.batch("contacts", *rows(6))).body["results"]
    assert [(r["ref"], r["status"]) for r in results] == [("1", 503), ("3", 201), ("5", 201), ("0", 201)]
    assert held(plain) == 5
    assert len((await plain.client.batch("contacts", *rows(6))).body["results"]) == 6


async def test_a_poison_row_fails_each_batch_that_holds_it(plain: Crm) -> None:
    fault = plain.sandbox.arm("poison", field="last_name", value="n3")
    for _ in range(2):
        got = await plain.client.batch("contacts", *rows(5))
        assert (got.status, got.code) == (400, "bad_row")
    assert (await plain.client.batch("contacts", *rows(3))).status == 200
    assert (held(plain), fault.fired) == (3, 2)


async def test_row_locks(plain: Crm) -> None:
    one, two = await plain.contacts(2)
    plain.sandbox.arm("row_lock", ids=[one], times=2)
    got = await plain.client.batch(
        "contacts", *({"ref": i, "op": "update", "id": i, "fields": {"score": 1}} for i in (one, two))
    )
    assert [r["status"] for r in got.body["results"]] == [423, 200]
    assert (await plain.client.call("DELETE", f"/api/contacts/{one}")).code == "locked"
    assert (await plain.client.call("DELETE", f"/api/contacts/{one}")).status == 204


async def test_a_new_record_is_hidden_from_look_ups(plain: Crm) -> None:
    fault = plain.sandbox.arm("hide_new", seconds=60)
    made = await plain.client.call("POST", "/api/contacts", {**NEW, "external_id": "k"})
    looked = "/api/contacts", {"external_id": "k"}
    assert (await plain.client.get(looked[0], **looked[1])).body["items"] == []
    assert (await plain.client.get(f"/api/contacts/{made.body['id']}")).status == 200
    assert len(await plain.client.walk("contacts")) == 1
    plain.sandbox.clock.advance(61)
    assert len((await plain.client.get(looked[0], **looked[1])).body["items"]) == 1
    assert fault.fired == 1


async def test_slow_is_by_the_sandbox_clock(plain: Crm) -> None:
    plain.sandbox.clock.stop()
    fault = plain.sandbox.arm("slow", seconds=3600)
    task = asyncio.create_task(plain.client.get("/api/contacts"))
    await fault.reached.wait()
    assert not task.done()
    plain.sandbox.clock.advance(3600)
    assert (await task).status == 200


async def test_a_fault_that_there_is_not(plain: Crm) -> None:
    got = await plain.client.call("POST", "/_sandbox/faults", {"fault": "meteor"})
    assert got.status == 400
    assert "lose_answer" in got.body["error"]["message"]


def test_every_fault_is_tried_here() -> None:
    text = Path(__file__).read_text()
    assert [name for name in FAULTS if f'"{name}"' not in text] == []
