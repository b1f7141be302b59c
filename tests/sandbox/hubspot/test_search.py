"""Search: filters, orders, pages, its cap, and an index that lags behind."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.hubspot.portal import V3, Portal, portal


def where(name: str, operator: str, value: Any = None, **more: Any) -> list[dict[str, Any]]:
    """One group of one filter."""
    words = {"propertyName": name, "operator": operator, "value": value, **more}
    return [{"filters": [{word: v for word, v in words.items() if v is not None}]}]


async def found(made: Portal, groups: list[dict[str, Any]], object: str = "contacts") -> set[str]:
    """The first names, or names, that a search finds."""
    name = {"contacts": "firstname", "companies": "name"}[object]
    told = await made.search(object, filterGroups=groups, properties=[name], limit=100)
    assert told["total"] == len(told["results"])
    return {one["properties"][name] for one in told["results"]}


async def people(made: Portal) -> None:
    """Three contacts."""
    made.person(firstname="Ann", email="ann@acme.com", hubspotscore="9", hs_buying_role="CHAMPION;BLOCKER")
    made.person(firstname="Bob", email="bob@borealis.com", hubspotscore="10", lifecyclestage="lead")
    made.person(firstname="Cy", phone="+1 555 0001", date_of_birth="1980-01-01")


@pytest.mark.parametrize(
    ("groups", "names"),
    [
        (where("firstname", "EQ", "ANN"), {"Ann"}),
        (where("firstname", "NEQ", "ann"), {"Bob", "Cy"}),
        (where("firstname", "IN", values=["ann", "Bob"]), {"Ann"}),
        (where("firstname", "NOT_IN", values=["ann"]), {"Bob", "Cy"}),
        (where("hubspotscore", "GT", "9"), {"Bob"}),
        (where("hubspotscore", "BETWEEN", "9", highValue="10"), {"Ann", "Bob"}),
        (where("email", "HAS_PROPERTY"), {"Ann", "Bob"}),
        (where("email", "NOT_HAS_PROPERTY"), {"Cy"}),
        (where("email", "CONTAINS_TOKEN", "*@acme.com"), {"Ann"}),
        (where("email", "NOT_CONTAINS_TOKEN", "*@acme.com"), {"Bob", "Cy"}),
        (where("hs_buying_role", "EQ", "BLOCKER"), {"Ann"}),
        (where("hs_buying_role", "IN", values=["END_USER", "CHAMPION"]), {"Ann"}),
        (where("lifecyclestage", "EQ", "LEAD"), set()),
        (where("lifecyclestage", "EQ", "lead"), {"Bob"}),
        (where("date_of_birth", "LTE", "315532800000"), {"Cy"}),
        (where("createdate", "GT", "1000000000000"), {"Ann", "Bob", "Cy"}),
        (where("firstname", "EQ", "ann") + where("firstname", "EQ", "cy"), {"Ann", "Cy"}),
        (where("hs_searchable_calculated_phone_number", "EQ", "15550001"), {"Cy"}),
    ],
)
async def test_filters(groups: list[dict[str, Any]], names: set[str]) -> None:
    async with portal() as made:
        await people(made)
        assert await found(made, groups) == names


async def test_words() -> None:
    async with portal() as made:
        await people(made)
        told = await made.search(query="borealis")
        assert [one["properties"]["firstname"] for one in told["results"]] == ["Bob"]


async def test_orders() -> None:
    async with portal() as made:
        await people(made)

        async def order(*sorts: Any) -> list[str]:
            told = await made.search(sorts=list(sorts))
            return [one["properties"]["firstname"] for one in told["results"]]

        assert await order() == ["Ann", "Bob", "Cy"]
        assert await order("-firstname") == ["Cy", "Bob", "Ann"]
        assert await order({"propertyName": "hubspotscore", "direction": "ASCENDING"}) == ["Cy", "Ann", "Bob"]
        assert await order({"propertyName": "hubspotscore", "direction": "DESCENDING"}) == [
            "Bob",
            "Ann",
            "Cy",
        ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"limit": 201}, "limit"),
        ({"after": "x"}, "after"),
        ({"sorts": ["firstname", "lastname"]}, "one sort"),
        ({"filterGroups": where("firstname", "EQ", "a") * 6}, "filterGroups"),
        ({"filterGroups": [{"filters": where("firstname", "EQ", "a")[0]["filters"] * 7}]}, "filters"),
        ({"filterGroups": where("firstname", "LIKE", "a")}, "operator"),
        ({"filterGroups": where("firstname", "EQ")}, "requires value"),
        ({"filterGroups": where("nope", "EQ", "a")}, "does not exist"),
        ({"filterGroups": where("createdate", "GT", "yesterday")}, "was not a valid datetime"),
        ({"query": "x" * 3001}, "3000 characters"),
    ],
)
async def test_what_is_refused(words: dict[str, Any], said: str) -> None:
    async with portal() as made:
        got = await made.call("POST", f"{V3}/contacts/search", words)
        assert (got.status, got.body["category"]) == (400, "VALIDATION_ERROR")
        assert said in got.body["message"]


async def test_no_result_past_ten_thousand() -> None:
    async with portal({"records": 0}) as made:
        assert made.sandbox.quirks.search_cap == 10_000
        made.sandbox.set_quirks(search_cap=20)
        for n in range(30):
            made.person(firstname=str(n))
        told = await made.search(limit=15)
        assert (told["total"], told["paging"]["next"]["after"]) == (30, "15")
        assert len((await made.search(limit=5, after="15"))["results"]) == 5
        got = await made.call("POST", f"{V3}/contacts/search", {"limit": 15, "after": "15"})
        assert got.status == 400
        assert made.sandbox.fired.counts["search_cap"] == 1


async def test_the_index_shows_changes_late() -> None:
    async with portal({"quirks": {"index_lag": 5.0}}) as made:
        clock = made.sandbox.clock
        clock.stop()
        ann = made.person(firstname="Ann")
        assert await found(made, where("firstname", "HAS_PROPERTY")) == set()
        clock.advance(6)
        assert await found(made, where("firstname", "HAS_PROPERTY")) == {"Ann"}
        await made.good("PATCH", f"{V3}/contacts/{ann}", {"properties": {"firstname": "Anna"}})
        assert await found(made, where("firstname", "EQ", "ann")) == {"Ann"}, "found and shown as it was"
        clock.advance(6)
        assert await found(made, where("firstname", "EQ", "ann")) == set()
        assert await found(made, where("firstname", "EQ", "anna")) == {"Anna"}
        await made.call("DELETE", f"{V3}/contacts/{ann}")
        assert await found(made, where("firstname", "EQ", "anna")) == {"Anna"}
        clock.advance(6)
        assert await found(made, where("firstname", "EQ", "anna")) == set()
        assert made.sandbox.fired.counts["index_lag"] > 0


async def test_archived_records_are_never_found() -> None:
    async with portal() as made:
        made.sandbox.people.edit("companies", "delete", id=made.person("companies", name="Acme"))
        assert await found(made, where("name", "HAS_PROPERTY"), "companies") == set()


async def test_a_page_shifts_when_records_move() -> None:
    async with portal() as made:
        ids = [made.person(firstname=str(n)) for n in range(4)]
        sorts = ["lastmodifieddate"]
        first = await made.search(sorts=sorts, limit=2)
        made.sandbox.clock.advance(1)
        made.sandbox.people.edit("contacts", id=ids[0], fields={"phone": "1"})
        second = await made.search(sorts=sorts, limit=2, after="2")
        seen = [one["id"] for page in (first, second) for one in page["results"]]
        assert ids[2] not in seen, "it moved to the page that was read"
        assert seen.count(ids[0]) == 2
