"""Owners by name: users who come and go, several of one address, queues."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from connectors.salesforce import SalesforceConnector
from connectors.salesforce.people import KNOWN_FOR
from syncd.core.errors import NeedsOperator
from syncd.core.nouns import Accepted, Deferred, Rejected
from tests.contract.salesforce_lab import KEY, Lab, by_id, create, update

BY_EMAIL = {"Lead": ("LastName", "Company", "Owner.Email")}
BY_NAME = {"Lead": ("LastName", "Company", "Owner.Name")}


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    async with Lab.running() as lab:
        yield lab


def user(lab: Lab, email: str, username: str, **more: Any) -> str:
    fields = {"LastName": "U", "Username": username, "Email": email, "Alias": "u", "IsActive": True}
    return lab.edit("User", "create", fields=fields | more)


def queue(lab: Lab) -> str:
    (found,) = (id for id, row in lab.sandbox.people.rows("Group").items() if row.fields["Type"] == "Queue")
    return found


def lead(n: int, **fields: Any) -> Any:
    return create(n, "Lead", LastName=f"A{n}", Company="X", **fields)


async def test_two_writes_that_look_for_one_owner_find_one(lab: Lab) -> None:
    connector = lab.connect(fields=BY_EMAIL)
    await connector.describe()
    named = {"Owner.Email": "pat@sandbox.example"}
    got = await asyncio.gather(*(connector.write([lead(n, **named)]) for n in range(4)))
    assert all(isinstance(result, Accepted) for results in got for result in results)
    (again,) = await connector.write([lead(9, **named)])
    assert isinstance(again, Accepted)


async def test_an_address_of_two_users_names_none(lab: Lab) -> None:
    user(lab, "both@x.example", "one@x.example")
    user(lab, "both@x.example", "two@x.example")
    (got,) = await lab.connect(fields=BY_EMAIL).write([lead(1, **{"Owner.Email": "both@x.example"})])
    assert isinstance(got, Rejected)
    assert "names several" in got.message


async def test_a_successor_is_found_after_a_while(lab: Lab) -> None:
    connector = lab.connect(fields=BY_EMAIL)
    now = [0.0]
    connector.clock = lambda: now[0]
    first = user(lab, "desk@x.example", "one@x.example")
    (made,) = await connector.write([lead(1, **{"Owner.Email": "desk@x.example"})])
    assert isinstance(made, Accepted)
    assert lab.row("Lead", made.remote_id)["OwnerId"] == first
    lab.edit("User", id=first, fields={"Email": "left@x.example"})
    second = user(lab, "desk@x.example", "two@x.example")
    now[0] = KNOWN_FOR + 1
    (made,) = await connector.write([lead(2, **{"Owner.Email": "desk@x.example"})])
    assert isinstance(made, Accepted)
    assert lab.row("Lead", made.remote_id)["OwnerId"] == second


async def test_a_queue_is_read_and_written_by_its_name(lab: Lab) -> None:
    connector = lab.connect(fields=BY_NAME)
    (made,) = await connector.write([lead(1, **{"Owner.Name": "inbound"})])
    assert isinstance(made, Accepted)
    assert lab.row("Lead", made.remote_id)["OwnerId"] == queue(lab)
    (read,) = await connector.fetch("Lead", [made.remote_id])
    assert read.fields == {"LastName": "A1", "Company": "X", "Owner.Name": "Inbound", KEY: "k1"}


async def test_a_queue_has_no_address_and_can_be_written_by_its_id(lab: Lab) -> None:
    connector = lab.connect(fields=BY_EMAIL)
    (made,) = await connector.write([lead(1, **{"Owner.Email": queue(lab)})])
    assert isinstance(made, Accepted)
    (read,) = await connector.fetch("Lead", [made.remote_id])
    assert read.fields["Owner.Email"] is None
    assert lab.row("Lead", made.remote_id)["OwnerId"] == queue(lab)


async def test_an_owner_cannot_be_taken_away(lab: Lab) -> None:
    connector: SalesforceConnector = lab.connect(fields=BY_EMAIL)
    (made,) = await connector.write([lead(1)])
    assert isinstance(made, Accepted)
    rows = [
        update(2, "Lead", made.remote_id, **{"Owner.Email": None}),
        lead(3, **{"Owner.Email": None}),
    ]
    got = by_id(await connector.write(rows))
    assert isinstance(got[2], Rejected)
    assert (got[2].code, got[2].field) == ("REQUIRED_FIELD_MISSING", "Owner.Email")
    assert "active user, or a queue by its id" in got[2].message
    assert isinstance(got[3], Accepted), "a new record is given to who makes it"


@pytest.mark.parametrize("junk", ["x" * 200, "x" * 4001, "x" * 20_000, "\u00e9" * 3000])
async def test_a_word_that_no_query_can_say_stops_its_own_record_alone(lab: Lab, junk: str) -> None:
    words: dict[int, dict[str, str]] = {
        1: {},
        2: {"Owner.Email": junk},
        3: {"Owner.Email": "pat@sandbox.example"},
    }
    got = by_id(await lab.connect(fields=BY_EMAIL).write([lead(n, **more) for n, more in words.items()]))
    assert isinstance(got[2], Rejected)
    assert (got[2].code, got[2].field) == ("unknown_name", "Owner.Email")
    assert junk not in got[2].message
    assert isinstance(got[1], Accepted)
    assert isinstance(got[3], Accepted)


async def test_a_word_by_which_a_query_is_refused_is_found_among_others(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.salesforce.people._can_be_one", lambda column, word: True)
    user(lab, "second@x.example", "second@x.example")
    words = ["pat@sandbox.example", "x" * 4001, "second@x.example", "\u00e9" * 3000]
    got = await lab.connect(fields=BY_EMAIL).write(
        [lead(n, **{"Owner.Email": word}) for n, word in enumerate(words)]
    )
    found = by_id(got)
    assert [type(found[n]) for n in range(4)] == [Accepted, Rejected, Accepted, Rejected]


@pytest.mark.parametrize(("status", "code"), [(503, "SERVER_UNAVAILABLE"), (400, "INVALID_TYPE")])
async def test_a_look_up_that_fails_holds_up_those_alone_who_need_it(
    lab: Lab, status: int, code: str
) -> None:
    connector = lab.connect(fields=BY_EMAIL)
    await connector.describe()
    plan = lab.sandbox.arm("error_before", object="User", status=status, code=code)
    got = by_id(await connector.write([lead(1), lead(2, **{"Owner.Email": "pat@sandbox.example"})]))
    assert plan.fired
    assert isinstance(got[1], Accepted)
    assert isinstance(got[2], Deferred)


async def test_two_of_one_name_are_not_taken_for_one_where_an_answer_is_cut_short(lab: Lab) -> None:
    for n in (1, 2):
        user(lab, f"{n}@x.example", f"{n}@x.example", FirstName="Same", LastName="Name")
    connector = lab.connect(fields=BY_NAME)
    await connector.describe()
    plan = lab.sandbox.arm("short_page", object="User")
    (got,) = await connector.write([lead(1, **{"Owner.Name": "Same Name"})])
    assert plan.fired
    assert isinstance(got, Deferred)
    (got,) = await connector.write([lead(1, **{"Owner.Name": "Same Name"})])
    assert isinstance(got, Rejected)
    assert "names several" in got.message


async def test_users_who_cannot_be_asked_for_at_all_are_an_admins_matter(lab: Lab) -> None:
    connector = lab.connect(fields=BY_EMAIL)
    await connector.describe()
    lab.sandbox.arm("error_before", object="User", status=400, code="INVALID_TYPE")
    with pytest.raises(NeedsOperator):
        await connector.write([lead(1, **{"Owner.Email": "pat@sandbox.example"})])
