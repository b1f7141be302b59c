"""The plain CRM's wire, as docs/sandbox-rest.md says it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from yarl import URL

from tests.sandbox.client import Crm, crm

STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture
async def plain() -> AsyncIterator[Crm]:
    async with crm() as made:
        yield made


async def test_one_record_from_its_making_to_its_end(plain: Crm) -> None:
    api = plain.client
    made = await api.call("POST", "/api/contacts", {"last_name": "Li", "email": " A@X.example "})
    assert (made.status, made.headers["ETag"], made.headers["Location"]) == (201, '"1"', "/api/contacts/c1")
    assert made.body["email"] == "a@x.example"
    assert made.body["first_name"] is None
    assert STAMP.fullmatch(made.body["updated_at"])
    changed = await api.call("PATCH", "/api/contacts/c1", {"score": 3}, headers={"If-Match": '"1"'})
    assert (changed.status, changed.body["version"], changed.body["score"]) == (200, 2, 3)
    same = await api.call("PATCH", "/api/contacts/c1", {"score": 3})
    assert same.body["version"] == 2, "what changes nothing moves nothing"
    assert (await api.call("DELETE", "/api/contacts/c1")).status == 204
    assert (await api.get("/api/contacts/c1")).code == "gone"
    assert (await api.get("/api/contacts/c2")).code == "not_found"
    assert (await api.get("/api/planets/c2")).code == "no_object"


async def test_compare_and_set(plain: Crm) -> None:
    (one,) = await plain.contacts(1)
    for method, body in (("PATCH", {"score": 1}), ("DELETE", None)):
        got = await plain.client.call(method, f"/api/contacts/{one}", body, headers={"If-Match": '"7"'})
        assert (got.status, got.code) == (412, "version_mismatch")
    got = await plain.client.batch(
        "contacts", {"ref": "a", "op": "update", "id": one, "if_version": 7, "fields": {"score": 1}}
    )
    assert got.body["results"][0]["status"] == 412
    assert plain.sandbox.people.rows("contacts")[one].version == 1


@pytest.mark.parametrize(
    ("fields", "status", "code", "field"),
    [
        ({}, 422, "required", "last_name"),
        ({"last_name": ""}, 422, "required", "last_name"),
        ({"last_name": "x" * 81}, 422, "too_long", "last_name"),
        ({"last_name": "x", "score": "3"}, 422, "invalid", "score"),
        ({"last_name": "x", "newsletter": 1}, 422, "invalid", "newsletter"),
        ({"last_name": "x", "birthday": "soon"}, 422, "invalid", "birthday"),
        ({"last_name": "x", "company": "o9"}, 422, "bad_reference", "company"),
        ({"last_name": "x", "nonsense": 1}, 422, "unknown_field", "nonsense"),
        ({"last_name": "x", "external_id": "k"}, 409, "duplicate", "external_id"),
    ],
)
async def test_refusals(plain: Crm, fields: dict[str, Any], status: int, code: str, field: str) -> None:
    first = await plain.client.call("POST", "/api/contacts", {"last_name": "x", "external_id": "k"})
    got = await plain.client.call("POST", "/api/contacts", fields)
    assert (got.status, got.code, got.body["error"]["field"]) == (status, code, field)
    assert got.body["error"].get("id") == (first.body["id"] if code == "duplicate" else None)
    assert len(plain.sandbox.people.rows("contacts")) == 1


async def test_a_batch_gives_each_operation_its_result(plain: Crm) -> None:
    api, (one, two) = plain.client, await plain.contacts(2)
    got = await api.batch(
        "contacts",
        {"ref": "a", "op": "create", "fields": {"last_name": "A"}},
        {"ref": "b", "op": "create", "fields": {"nonsense": "A"}},
        {
            "ref": "c",
            "op": "upsert",
            "key": {"field": "external_id", "value": "k"},
            "fields": {"last_name": "C"},
        },
        {"ref": "d", "op": "upsert", "key": {"field": "external_id", "value": "k"}, "fields": {"score": 1}},
        {"ref": "e", "op": "update", "id": one, "fields": {"score": 2}},
        {"ref": "f", "op": "delete", "id": two},
        {"ref": "g", "op": "update", "id": "c99", "fields": {}},
        {"ref": "h", "op": "paint"},
    )
    results = {r["ref"]: r for r in got.body["results"]}
    assert {ref: r["status"] for ref, r in results.items()} == {
        "a": 201,
        "b": 422,
        "c": 201,
        "d": 200,
        "e": 200,
        "f": 200,
        "g": 404,
        "h": 400,
    }
    assert results["d"]["record"]["last_name"] == "C"
    assert results["f"]["record"] is None
    assert results["c"]["record"]["updated_at"] == results["e"]["record"]["updated_at"]
    assert (await api.batch("contacts", *({"op": "create"} for _ in range(101)))).code == "too_many"


async def test_upsert_by_a_unique_field(plain: Crm) -> None:
    path = "/api/contacts/by/external_id/a%2Fb"
    made = await plain.client.call("PUT", URL(path, encoded=True), {"last_name": "A"})
    assert (made.status, made.body["external_id"]) == (201, "a/b")
    again = await plain.client.call("PUT", URL(path, encoded=True), {"last_name": "B"})
    assert (again.status, again.body["id"], again.body["last_name"]) == (200, made.body["id"], "B")
    assert (await plain.client.call("PUT", "/api/contacts/by/email/x", {})).code == "bad_request"


async def test_lists_changes_and_tombstones(plain: Crm) -> None:
    ids = await plain.contacts(7)
    plain.sandbox.clock.advance(10)
    since = plain.sandbox.clock.now().isoformat()
    plain.sandbox.people.edit("contacts", "delete", id=ids[2])
    plain.sandbox.people.edit("contacts", id=ids[0], fields={"score": 1})
    api = plain.client
    assert [r["id"] for r in await api.walk("contacts", limit=2)] == [*ids[1:2], *ids[3:], ids[0]]
    told = await api.walk("contacts", changed_since=since, include_deleted="true")
    assert {r["id"]: r["deleted"] for r in told} == {ids[0]: False, ids[2]: True}
    assert [r["id"] for r in await api.walk("contacts", changed_since=since)] == [ids[0]]
    by_id = await api.get("/api/contacts", ids=",".join([*ids[:3], "c77"]))
    assert [r["id"] for r in by_id.body["items"]] == ids[:2]
    found = await api.get("/api/contacts", last_name="n4,n5,n77")
    assert [r["id"] for r in found.body["items"]] == ids[4:6]
    assert (await api.get("/api/contacts", colour="red")).code == "unknown_filter"
    assert (await api.get("/api/contacts", cursor="rubbish")).code == "bad_cursor"


async def test_ties_over_many_pages_are_walked_once(plain: Crm) -> None:
    ids = await plain.contacts(31)
    plain.sandbox.people.edit("contacts", "bulk", fields={"score": 5})
    walked = await plain.client.walk("contacts", limit=10)
    assert [r["id"] for r in walked] == ids
    assert len({r["updated_at"] for r in walked}) == 1
    assert 3 in plain.sandbox.fired.traps()


@pytest.mark.parametrize("way", ["cursor", "page", "offset", "link", "header"])
@pytest.mark.parametrize("following", ["token", "url"])
async def test_every_way_of_paging_shows_everything(way: str, following: str) -> None:
    async with crm({"paging": {"way": way, "size": 4, "next": following}}) as made:
        ids = await made.contacts(9)
        seen: list[str] = []
        path: Any = "/api/contacts"
        page = 1
        while path is not None:
            got = await made.client.call("GET", path)
            seen += [r["id"] for r in got.body["items"]]
            path, page = following_page(way, following, got, len(seen), page), page + 1
        assert seen == ids
        assert page == 4


def following_page(way: str, following: str, got: Any, seen: int, page: int) -> Any:
    if way == "page":
        return f"/api/contacts?page={page + 1}" if page < got.body["pages"] else None
    if way == "offset":
        return f"/api/contacts?offset={seen}" if seen < got.body["total"] else None
    if way == "link":
        match = re.fullmatch(r'<(.*)>; rel="next"', got.headers.get("Link", ""))
        return match and URL(match[1], encoded=True)
    token = got.body["next"] if way == "cursor" else got.headers.get("X-Next-Cursor")
    if token is None:
        return None
    return URL(token, encoded=True) if following == "url" else f"/api/contacts?cursor={token}"


async def test_the_schema_and_who_one_is(plain: Crm) -> None:
    objects = (await plain.client.get("/api/_schema")).body["objects"]
    assert set(objects) == {"contacts", "companies", "deals"}
    assert objects["contacts"]["fields"]["company"]["references"] == "companies"
    assert objects["contacts"]["fields"]["external_id"]["unique"] is True
    assert (await plain.client.get("/api/_me")).body["restricted"] is False


async def test_references_follow_deletes_and_merges(plain: Crm) -> None:
    people = plain.sandbox.people
    firms = [people.edit("companies", "create", fields={"name": name}) for name in "AB"]
    assert firms[0] is not None
    assert firms[1] is not None
    (one,) = await plain.contacts(1)
    people.edit("contacts", id=one, fields={"company": firms[1].id})
    people.edit("companies", "merge", id=firms[0].id, loser=firms[1].id)
    assert people.rows("contacts")[one].fields["company"] == firms[0].id
    people.edit("companies", "delete", id=firms[0].id)
    assert people.rows("contacts")[one].fields["company"] is None
    assert (await plain.client.get(f"/api/contacts/{one}")).body["updated_by"] == "automation"


async def test_a_crm_without_key_batch_or_compare_and_set() -> None:
    bare = {"key_field": None, "batch": 0, "upsert": False, "compare_and_set": False, "answers": "id"}
    async with crm(bare) as made:
        api = made.client
        got = await api.call("POST", "/api/contacts", {"last_name": "x"})
        assert got.body == {"id": "c1"}
        assert "external_id" not in (await api.get("/api/contacts/c1")).body
        assert (await api.batch("contacts")).status == 404
        assert (await api.call("PUT", "/api/contacts/by/email/x", {"last_name": "y"})).status == 404
        changed = await api.call("PATCH", "/api/contacts/c1", {"score": 1}, headers={"If-Match": '"9"'})
        assert changed.status == 200


async def test_control_is_not_counted_and_counts_the_rest(plain: Crm) -> None:
    (one,) = await plain.contacts(1)
    await plain.client.get(f"/api/contacts/{one}")
    await plain.client.get("/api/contacts")
    await plain.client.get("/api/contacts")
    state = (await plain.client.get("/_sandbox/state", object="contacts")).body
    assert state["contacts"][one]["last_name"] == "n0"
    calls = (await plain.client.get("/_sandbox/calls")).body
    assert calls["routes"] == {"get contacts": 1, "list contacts": 2}
    assert calls["statuses"] == {"200": 3}
    edited = await plain.client.control("edit", object="contacts", op="update", id=one, fields={"score": 8})
    assert (edited["score"], edited["updated_by"]) == (8, "person")
    await plain.client.control("reset", records=True)
    assert (await plain.client.get("/_sandbox/state", object="contacts")).body == {"contacts": {}}
    assert (await plain.client.get("/_sandbox/calls")).body["total"] == 0
    wrong = await plain.client.call(
        "POST", "/_sandbox/edit", {"object": "contacts", "op": "paint", "id": one}
    )
    assert wrong.status == 404
