"""The JSON-RPC face and the GraphQL-shaped one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.sandbox.client import Crm, crm


@pytest.fixture
async def plain() -> AsyncIterator[Crm]:
    async with crm() as made:
        yield made


async def rpc(made: Crm, method: str, *params: Any) -> Any:
    got = await made.client.call("POST", "/rpc", {"id": 7, "method": method, "params": list(params)})
    assert got.status == 200
    assert got.body["id"] == 7
    return got.body.get("result", got.body.get("error"))


async def test_rpc_reads_and_writes(plain: Crm) -> None:
    ids = await rpc(plain, "contacts.create", [{"last_name": "A"}, {"last_name": "B", "score": 4}])
    assert ids == ["c1", "c2"]
    assert await rpc(plain, "contacts.search", [["score", ">", 3]]) == ["c2"]
    assert await rpc(plain, "contacts.search", [], 1, 1) == ["c2"]
    assert await rpc(plain, "contacts.read", ["c2"], ["last_name"]) == [{"id": "c2", "last_name": "B"}]
    assert await rpc(plain, "contacts.write", ids, {"title": "both"}) is True
    plain.sandbox.clock.advance(5)
    since = plain.sandbox.clock.now().isoformat()
    await rpc(plain, "contacts.write", ["c1"], {"title": "one"}, [2])
    assert await rpc(plain, "contacts.search", [["updated_at", ">=", since]]) == ["c1"]
    assert await rpc(plain, "contacts.delete", ["c1"]) is True
    assert list(plain.sandbox.people.rows("contacts")) == ["c2"]


@pytest.mark.parametrize(
    ("method", "params", "kind"),
    [
        ("contacts.read", [["c9"]], "MissingError"),
        ("contacts.write", [["c1"], {"title": "x"}, [9]], "ConcurrencyError"),
        ("contacts.create", [[{"last_name": "A"}, {"nonsense": 1}]], "UserError"),
        ("contacts.create", [[{"last_name": "A", "external_id": "k"}] * 2], "UserError"),
        ("contacts.paint", [], "UserError"),
        ("contacts.search", [5], "UserError"),
        ("planets.search", [[]], "MissingError"),
    ],
)
async def test_rpc_errors_are_200_and_nothing_is_done(
    plain: Crm, method: str, params: list[Any], kind: str
) -> None:
    await plain.contacts(1)
    assert (await rpc(plain, method, *params))[0] == kind
    assert len(plain.sandbox.people.rows("contacts")) == 1


async def test_a_refused_log_in_is_200_in_rpc(plain: Crm) -> None:
    bad = {"headers": {"Authorization": "Bearer no"}}
    got = await plain.client.call(
        "POST", "/rpc", {"id": 1, "method": "contacts.search", "params": [[]]}, **bad
    )
    assert (got.status, got.body["error"][0]) == (200, "AccessError")


async def graphql(made: Crm, query: str, **variables: Any) -> Any:
    got = await made.client.call("POST", "/graphql", {"query": query, "variables": variables})
    assert got.status == 200
    return got.body


async def test_graphql_pages(plain: Crm) -> None:
    ids = await plain.contacts(5)
    query = """query Page($after: String, $n: Int = 2) {
        page: contacts(first: $n, after: $after) {
            nodes { key: id last_name } pageInfo { hasNextPage endCursor } } # and so on
    }"""
    seen, after = [], None
    while True:
        page = (await graphql(plain, query, after=after))["data"]["page"]
        seen += [node["key"] for node in page["nodes"]]
        assert set(page["nodes"][0]) == {"key", "last_name"}
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert seen == ids


async def test_graphql_writes_and_looks_up(plain: Crm) -> None:
    made = await graphql(
        plain,
        "mutation ($in: Input!) { createContacts(input: $in) { id version } }",
        **{"in": {"last_name": "A"}},
    )
    assert made["data"]["createContacts"] == {"id": "c1", "version": 1}
    changed = await graphql(
        plain,
        'mutation { updateContacts(id: "c1", version: 1, input: {score: 3, tags: ["a"]}) { score tags } }',
    )
    assert changed["data"]["updateContacts"] == {"score": 3, "tags": ["a"]}
    put = 'mutation { upsertContacts(field: "external_id", value: "k", input: {last_name: "K"}) { id } }'
    assert (await graphql(plain, put))["data"] == (await graphql(plain, put))["data"]
    both = await graphql(
        plain,
        '{ a: contactsByIds(ids: ["c1"]) { id } b: contactsBy(field: "external_id", values: ["k"]) { id } }',
    )
    assert both["data"] == {"a": [{"id": "c1"}], "b": [{"id": "c2"}]}
    assert (await graphql(plain, 'mutation { deleteContacts(id: "c1") { id } }'))["data"]["deleteContacts"]
    assert list(plain.sandbox.people.rows("contacts")) == ["c2"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ('mutation { updateContacts(id: "c1", version: 9, input: {score: 1}) { id } }', "version_mismatch"),
        ("mutation { createContacts(input: {nonsense: 1}) { id } }", "unknown_field"),
        ('mutation { deleteContacts(id: "c9") { id } }', "not_found"),
        ("{ contacts(first: 1) { nodes { colour } } }", "bad_query"),
        ("{ planets { id } }", "bad_query"),
        ("{ contacts(first: 1 { nodes", "bad_query"),
        ("{ contacts { ...More } }", "bad_query"),
        ("", "bad_query"),
        ("{ contacts(first: %) { nodes { id } } }", "bad_query"),
    ],
)
async def test_graphql_errors_are_200(plain: Crm, query: str, code: str) -> None:
    await plain.contacts(1)
    body = await graphql(plain, query)
    assert body["data"] is None
    assert body["errors"][0]["extensions"]["code"] == code
    assert plain.sandbox.people.rows("contacts")["c1"].version == 1


async def test_faults_meet_the_other_faces(plain: Crm) -> None:
    fault = plain.sandbox.arm("lose_answer", times=2)
    for path, body in (
        ("/rpc", {"method": "contacts.create", "params": [[{"last_name": "A"}]]}),
        ("/graphql", {"query": 'mutation { createContacts(input: {last_name: "A"}) { id } }'}),
    ):
        with pytest.raises(aiohttp.ClientConnectionError):
            await plain.client.call("POST", path, body)
    assert (len(plain.sandbox.people.rows("contacts")), fault.fired) == (2, 2)
