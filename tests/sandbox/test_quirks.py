"""Each trap of the list can be turned on alone, is walked into over the wire, and says that it was."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from connectors.sandboxes.quirks import TRAPS, Quirks
from tests.sandbox.client import Crm, crm

PLAIN = {"prefixes": False}


async def same_second(made: Crm) -> None:
    await made.contacts(3)
    seen = await made.client.walk("contacts")
    assert all(r["updated_at"].endswith(".000Z") for r in seen)


async def late_stamps(made: Crm) -> None:
    made.sandbox.clock.stop()
    ids = await made.contacts(3)
    assert [r["id"] for r in await made.client.walk("contacts")] == [ids[2], *ids[:2]]


async def late_commit(made: Crm) -> None:
    late = await made.client.control("late", object="contacts", fields={"last_name": "late"})
    made.sandbox.clock.advance(60)
    await made.contacts(1)
    assert len(await made.client.walk("contacts")) == 1
    await made.client.control("release", late=late["late"])
    assert (await made.client.walk("contacts"))[0]["last_name"] == "late", "it appears behind the others"


async def ties(made: Crm) -> None:
    await made.contacts(5)
    await made.client.control("edit", object="contacts", op="bulk", fields={"score": 1})
    assert len(await made.client.walk("contacts", limit=2)) == 5


async def noop_bumps(made: Crm) -> None:
    (one,) = await made.contacts(1)
    got = await made.client.call("PATCH", f"/api/contacts/{one}", {"last_name": "n0"})
    assert got.body["version"] == 2


async def cascade_bumps(made: Crm) -> None:
    firm = await made.client.call("POST", "/api/companies", {"name": "A"})
    one = await made.client.call("POST", "/api/contacts", {"last_name": "x", "company": firm.body["id"]})
    await made.client.call("PATCH", f"/api/companies/{firm.body['id']}", {"name": "B"})
    assert (await made.client.get(f"/api/contacts/{one.body['id']}")).body["version"] == 2


async def silent(made: Crm) -> None:
    (one,) = await made.contacts(1)
    made.sandbox.clock.advance(60)
    since = made.sandbox.clock.now().isoformat()
    await made.client.control("edit", object="contacts", id=one, fields={"title": "new"})
    assert await made.client.walk("contacts", changed_since=since) == []
    got = (await made.client.get(f"/api/contacts/{one}")).body
    assert (got["title"], got["version"]) == ("new", 1)


async def no_stamps(made: Crm) -> None:
    await made.contacts(3)
    seen = await made.client.walk("contacts", limit=2, changed_since="2100-01-01T00:00:00Z")
    assert len(seen) == 3
    assert not {"version", "updated_at", "created_at"} & set(seen[0])


async def no_filter(made: Crm) -> None:
    got = await made.client.get("/api/contacts", changed_since="2100-01-01T00:00:00Z")
    assert (got.status, got.code) == (400, "unknown_filter")


async def normalise(made: Crm) -> None:
    got = await made.client.call(
        "POST",
        "/api/contacts",
        {"last_name": " x ", "phone": "+1 (555) 1", "notes": "hi", "title": "abcdef"},
    )
    assert [got.body[n] for n in ("last_name", "phone", "notes", "title")] == [
        "x",
        "+15551",
        "<p>hi</p>",
        "abc",
    ]


async def archived(made: Crm) -> None:
    one, two = await made.contacts(2)
    await made.client.call("PATCH", f"/api/contacts/{one}", {"archived": True})
    assert [r["id"] for r in await made.client.walk("contacts")] == [two]
    assert (await made.client.get("/api/contacts", last_name="n0")).body["items"] == []
    assert (await made.client.get(f"/api/contacts/{one}")).body["archived"] is True


async def no_tombstones(made: Crm) -> None:
    (one,) = await made.contacts(1)
    await made.client.call("DELETE", f"/api/contacts/{one}")
    assert (await made.client.get(f"/api/contacts/{one}")).status == 404
    assert await made.client.walk("contacts", include_deleted="true") == []


async def hidden(made: Crm) -> None:
    one, two = await made.contacts(2)
    await made.client.control("quirks", hidden=[one])
    assert [r["id"] for r in await made.client.walk("contacts")] == [two]
    assert (await made.client.get(f"/api/contacts/{one}")).status == 404
    assert (await made.client.get("/api/_me")).body["restricted"] is True
    assert one in made.sandbox.people.rows("contacts")


async def missing_404(made: Crm) -> None:
    (one,) = await made.contacts(1)
    assert (await made.client.get("/api/contacts", ids=f"{one},77")).status == 404


async def missing_error(made: Crm) -> None:
    (one,) = await made.contacts(1)
    assert (await made.client.get("/api/contacts", ids=f"{one},77")).status == 500
    assert (await made.client.get("/api/contacts", ids=one)).status == 200


async def dressed(made: Crm) -> None:
    got = await made.client.call("POST", "/api/contacts", {"nonsense": 1})
    assert got.status == made.sandbox.quirks.dress_errors
    assert got.code == "unknown_field"


async def empty(made: Crm) -> None:
    assert (await made.client.get("/api/contacts")).status == 404


async def after_commit(made: Crm) -> None:
    statuses = [
        (await made.client.call("POST", "/api/contacts", {"last_name": "x"})).status for _ in range(4)
    ]
    assert statuses == [201, 500, 201, 500]
    assert len(made.sandbox.people.rows("contacts")) == 4


async def single_name(made: Crm) -> None:
    got = await made.client.call("POST", "/api/contacts", {"name": "Ann Li"})
    assert got.body["name"] == "Ann Li"
    assert "last_name" not in got.body


async def empty_as(made: Crm) -> None:
    (one,) = await made.contacts(1)
    got = (await made.client.get(f"/api/contacts/{one}")).body
    wanted = made.sandbox.quirks.empty_as
    assert got.get("title", "absent") == wanted


async def rewritten(made: Crm) -> None:
    """Two clients patch different fields of one record; one of the writes is lost."""
    (one,) = await made.contacts(1)
    fault = made.sandbox.arm("hang", route="update")
    slow = asyncio.create_task(made.client.call("PATCH", f"/api/contacts/{one}", {"title": "a"}))
    await fault.reached.wait()
    await made.client.call("PATCH", f"/api/contacts/{one}", {"score": 1})
    fault.release()
    assert (await slow).body["score"] is None


async def unknown(made: Crm) -> None:
    got = await made.client.call("POST", "/api/contacts", {"last_name": "x", "nonsense": 1})
    assert got.status == 201
    assert len((await made.client.get("/api/contacts", nonsense="y")).body["items"]) == 1


async def bad_token(made: Crm) -> None:
    got = await made.client.call("GET", "/api/contacts", headers={"Authorization": "Bearer no"})
    assert got.status == 403


async def locked_out(made: Crm) -> None:
    user = {"user": "sync@sandbox.example", "password": "wrong"}
    good = user | {"password": "sandbox-password"}
    for _ in range(2):
        assert (await made.client.call("POST", "/auth/login", user)).status == 401
    got = await made.client.call("POST", "/auth/login", good)
    assert (got.status, got.code) == (429, "locked_out")
    made.sandbox.clock.advance(11)
    assert (await made.client.call("POST", "/auth/login", good)).status == 200


async def integer_ids(made: Crm) -> None:
    (one,) = await made.contacts(1)
    assert (await made.client.walk("contacts"))[0]["id"] == int(one)
    assert (await made.client.get(f"/api/contacts/{one}")).body["id"] == one


async def page_cap(made: Crm) -> None:
    await made.contacts(5)
    got = (await made.client.get("/api/contacts", limit=100)).body
    assert len(got["items"]) == 2
    assert got["next"] is not None


async def envelopes(made: Crm) -> None:
    (one,) = await made.contacts(1)
    listed = (await made.client.get("/api/contacts")).body
    assert listed["contacts"][0]["data"]["id"] == one
    assert (await made.client.get(f"/api/contacts/{one}")).body["data"]["id"] == one


async def bare_list(made: Crm) -> None:
    await made.contacts(1)
    assert len((await made.client.get("/api/contacts")).body) == 1


Walk = Callable[[Crm], Awaitable[None]]
CASES: list[tuple[int, Walk, dict[str, Any]]] = [
    (1, same_second, {"stamp_resolution": 1.0}),
    (2, late_stamps, {"late_stamps": 5.0}),
    (2, late_commit, {}),
    (3, ties, {}),
    (4, noop_bumps, {"noop_bumps": True}),
    (5, cascade_bumps, {"cascade_bumps": True}),
    (6, silent, {"silent_fields": ["contacts.title"]}),
    (7, no_stamps, {"no_stamps": True}),
    (7, no_filter, {"no_filter": "refuse"}),
    (
        8,
        normalise,
        {"normalise": {"last_name": ["trim"], "phone": ["phone"], "notes": ["html"], "title": ["cut:3"]}},
    ),
    (9, archived, {"archived_hidden": True}),
    (10, no_tombstones, {"no_tombstones": True}),
    (11, hidden, {}),
    (12, missing_404, {"missing": "404"}),
    (12, missing_error, {"missing": "error"}),
    (13, dressed, {"dress_errors": 500}),
    (13, dressed, {"dress_errors": 200}),
    (14, empty, {"empty_is_404": True}),
    (15, after_commit, {"fail_after_commit": 2}),
    (16, single_name, {}),
    (17, empty_as, {"empty_as": ""}),
    (17, empty_as, {"empty_as": False}),
    (17, empty_as, {"empty_as": "absent"}),
    (18, silent, {"silent_fields": ["title"]}),
    (19, rewritten, {"rewrite_rows": True}),
    (20, unknown, {"ignore_unknown": True}),
    (21, bad_token, {"bad_token_status": 403}),
    (21, locked_out, {"lockout": {"after": 2, "seconds": 10}}),
    (22, integer_ids, {"integer_ids": True}),
    (23, page_cap, {"page_cap": 2}),
    (23, envelopes, {"list_key": "{object}", "record_key": "data"}),
    (23, bare_list, {"list_key": None}),
]


@pytest.mark.parametrize(
    ("trap", "walk", "quirks"),
    CASES,
    ids=[f"{n:02}-{walk.__name__}-{i}" for i, (n, walk, _) in enumerate(CASES)],
)
async def test_trap(trap: int, walk: Walk, quirks: dict[str, Any]) -> None:
    profile = {**PLAIN, "archives": trap == 9, "single_name": trap == 16}
    async with crm(profile) as made:
        await made.client.control("quirks", **quirks)
        assert trap not in made.sandbox.fired.traps()
        await walk(made)
        assert trap in (await made.client.get("/_sandbox/fired")).body["traps"]


def test_every_trap_has_its_case() -> None:
    assert {n for n, _, _ in CASES} == {n for numbers in TRAPS.values() for n in numbers} == set(range(1, 24))


async def test_the_plain_crm_walks_into_no_trap() -> None:
    """What fires anywhere fires only where it was asked for."""
    for _, walk, quirks in CASES:
        if quirks and walk is not archived:
            async with crm({**PLAIN, "archives": walk is archived}) as made:
                with contextlib.suppress(AssertionError, KeyError, TypeError):  # it does not go that way here
                    await walk(made)
                made.sandbox.faults.disarm()
                assert set(made.sandbox.fired.counts) <= {"missing", "normalise", "ties"}, walk.__name__


async def test_more_quirks() -> None:
    async with crm() as made:
        made.sandbox.clock.stop()
        await made.client.control("quirks", index_lag=5, list_lag=9, clock_skew=-3600, cursor_life=10)
        got = await made.client.call("POST", "/api/contacts", {"last_name": "x", "external_id": "k"})
        look = {"external_id": "k"}
        assert (await made.client.get("/api/contacts", **look)).body["items"] == []
        made.sandbox.clock.advance(6)
        assert len((await made.client.get("/api/contacts", **look)).body["items"]) == 1
        assert await made.client.walk("contacts") == []
        made.sandbox.clock.advance(6)
        assert len(await made.client.walk("contacts")) == 1
        assert got.body["updated_at"] < made.sandbox.clock.now().isoformat()
        await made.contacts(3)
        made.sandbox.clock.advance(60)
        cursor = (await made.client.get("/api/contacts", limit=1)).body["next"]
        made.sandbox.clock.advance(11)
        assert (await made.client.get("/api/contacts", cursor=cursor)).code == "cursor_expired"
        assert {"index_lag", "list_lag", "cursor_life"} <= set(made.sandbox.fired.counts)


@pytest.mark.parametrize(
    ("form", "pattern"),
    [
        ("iso_s", r"T\d\d:\d\d:\d\dZ$"),
        ("offset", r"\+02:00$"),
        ("local", r"^\S+ \S+$"),
        ("unix", 0),
        ("unix_ms", 0),
    ],
)
async def test_stamps_in_other_forms_filter_as_they_are_written(form: str, pattern: Any) -> None:
    async with crm({"quirks": {"stamp_format": form, "stamp_resolution": 1.0}}) as made:
        await made.contacts(2)
        stamp = (await made.client.walk("contacts"))[0]["updated_at"]
        assert isinstance(stamp, int) if pattern == 0 else re.search(pattern, stamp)
        assert len(await made.client.walk("contacts", changed_since=stamp)) == 2
        made.sandbox.clock.advance(10)
        await made.contacts(1)
        last = (await made.client.walk("contacts"))[-1]["updated_at"]
        assert len(await made.client.walk("contacts", changed_since=last)) == 1


async def test_an_automation_rewrites_what_the_api_wrote() -> None:
    rule = {"object": "contacts", "when": "title", "set": {"title": "set by a rule"}}
    async with crm() as made:
        await made.client.control("quirks", automations=[rule])
        got = await made.client.call("POST", "/api/contacts", {"last_name": "x", "title": "ours"})
        assert (got.body["title"], got.body["updated_by"]) == ("set by a rule", "automation")


async def test_fields_that_come_and_go() -> None:
    async with crm() as made:
        (one,) = await made.contacts(1)
        await made.client.control("quirks", hide_fields=["contacts.title"])
        assert "title" not in (await made.client.get(f"/api/contacts/{one}")).body
        await made.client.control("quirks", hide_fields=[])
        await made.client.control("schema", object="contacts", field="title", shape=None)
        got = await made.client.call("PATCH", f"/api/contacts/{one}", {"title": "x"})
        assert got.code == "unknown_field"
        await made.client.control("schema", object="contacts", field="level", shape={"options": ["a", "b"]})
        got = await made.client.call("PATCH", f"/api/contacts/{one}", {"level": "c"})
        assert got.code == "bad_option"


async def test_a_wrong_quirk_changes_nothing() -> None:
    async with crm() as made:
        got = await made.client.call("POST", "/_sandbox/quirks", {"page_cap": 3, "missing": "perhaps"})
        assert got.status == 400
        assert made.sandbox.quirks == Quirks()
