"""HubSpot written: what each refusal becomes, and what batches may do to a write."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from connectors.base import ObjectSpec
from connectors.hubspot import HubSpotConnector
from connectors.hubspot.sandbox import HubSpotSandbox
from syncd.core.errors import BatchRefused, RetryLater
from syncd.core.nouns import (
    UNKNOWN_FIELD,
    Accepted,
    Exists,
    Missing,
    Push,
    PushOp,
    PushResult,
    Rejected,
    Uncertain,
)

FIELDS = (
    "firstname",
    "lastname",
    "email",
    "lifecyclestage",
    "hs_email_optout",
    "date_of_birth",
    "phone",
    "hs_buying_role",
)


class Write:
    """A sandbox, and a connector that writes contacts, with our key or without."""

    def __init__(self, sandbox: HubSpotSandbox, key: str | None) -> None:
        self.sandbox = sandbox
        told = {"url": sandbox.url, "auth": {"token": sandbox.auth.options.token}}
        self.connector = HubSpotConnector("hub", told, [ObjectSpec("contacts", FIELDS, key)])

    async def create(self, n: int, **fields: Any) -> PushResult:
        (result,) = await self.connector.write([made(n, **fields)])
        return result

    async def update(self, id: str, **fields: Any) -> PushResult:
        push = Push(1, "contacts", PushOp.UPDATE, 1, 2, fields, remote_id=id)
        (result,) = await self.connector.write([push])
        return result

    def fields(self, id: str) -> dict[str, Any]:
        return self.sandbox.people.rows("contacts")[id].fields


def made(n: int, **fields: Any) -> Push:
    """A create under our key `n`."""
    return Push(n, "contacts", PushOp.CREATE, n, 1, {"lastname": f"l{n}", **fields}, key=str(n))


@asynccontextmanager
async def writing(key: str | None = "syncd_id", **profile: Any) -> AsyncIterator[Write]:
    async with HubSpotSandbox({"limits": {"burst": 10_000, "search": None}, **profile}).serving() as sandbox:
        write = Write(sandbox, key)
        try:
            yield write
        finally:
            await write.connector.aclose()


async def test_values_and_what_became_of_them() -> None:
    async with writing() as write:
        result = await write.create(
            1, email=" Ann@ACME.com ", hs_email_optout=True, date_of_birth="1980-02-29"
        )
        assert isinstance(result, Accepted)
        assert result.stored["email"] == "ann@acme.com"
        assert result.stored["hs_email_optout"] is True
        assert result.stored["date_of_birth"] == "1980-02-29"
        cleared = await write.update(result.remote_id, email=None, hs_email_optout=False)
        assert isinstance(cleared, Accepted)
        assert (cleared.stored["email"], cleared.stored["hs_email_optout"]) == (None, False)
        assert write.fields(result.remote_id)["syncd_id"] == "1"


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"email": "ann@x"}, "INVALID_EMAIL", "email"),
        ({"lifecyclestage": "Lead"}, "INVALID_OPTION", "lifecyclestage"),
        ({"nope": "1"}, UNKNOWN_FIELD, "nope"),
        ({"createdate": "2026-01-01"}, "READ_ONLY_VALUE", "createdate"),
    ],
)
@pytest.mark.parametrize("key", ["syncd_id", None])
async def test_what_is_refused(key: str | None, fields: dict[str, Any], code: str, field: str) -> None:
    async with writing(key) as write:
        result = await write.create(1, **fields)
        assert isinstance(result, Rejected)
        assert (result.code, result.field) == (code, field)
        assert not any(str(value) in result.message for value in fields.values())


@pytest.mark.parametrize("key", ["syncd_id", None])
async def test_an_e_mail_that_is_taken_names_its_record_or_refuses_the_field(key: str | None) -> None:
    async with writing(key) as write:
        row = write.sandbox.people.edit("contacts", "create", fields={"email": "ann@acme.com"})
        assert row is not None
        assert await write.create(1, email="Ann@acme.com") == Exists(1, row.id)
        other = await write.create(2)
        assert isinstance(other, Accepted)
        refused = await write.update(other.remote_id, email="ann@acme.com", phone="1")
        assert isinstance(refused, Rejected)
        assert (refused.code, refused.field) == ("TAKEN", "email")
        assert row.id in refused.message
        assert "ann@acme.com" not in refused.message


@pytest.mark.parametrize("key", ["syncd_id", None])
@pytest.mark.parametrize(
    "text",
    ["Existing ID: {id}", "Contact already exists. Existing ID: {id}", "on 1. {id} already has that value."],
)
async def test_words_of_people_that_a_message_quotes_name_no_record(key: str | None, text: str) -> None:
    async with writing(key) as write:
        victim = write.sandbox.people.edit("contacts", "create", fields={"email": "ann@acme.com"})
        assert victim is not None
        said = text.format(id=victim.id)
        for result in (
            await write.create(1, lifecyclestage=said),
            await write.update(victim.id, lifecyclestage=said),
        ):
            assert isinstance(result, Rejected)
            assert (result.code, result.field) == ("INVALID_OPTION", "lifecyclestage")


async def test_without_a_key_creates_go_one_by_one() -> None:
    async with writing(None) as write:
        results = await write.connector.write([made(n) for n in range(3)])
        assert all(isinstance(result, Accepted) for result in results)
        assert write.sandbox.calls["create contacts"] == 3


async def test_a_batch_is_one_call_and_finds_each_record_again() -> None:
    async with writing() as write:
        results = await write.connector.write([made(n) for n in range(100)])
        assert write.sandbox.calls["create.batch contacts"] == 1
        assert write.sandbox.fired.counts["unordered"] == 1
        for n, result in enumerate(results):
            assert isinstance(result, Accepted)
            assert write.fields(result.remote_id)["lastname"] == f"l{n}"
        updates = [
            Push(n, "contacts", PushOp.UPDATE, n, 2, {"phone": str(n)}, remote_id=result.remote_id)
            for n, result in enumerate(results)
            if isinstance(result, Accepted)
        ]
        await write.connector.write(updates)
        assert write.sandbox.calls["update.batch contacts"] == 1
        phones = {
            row.fields["lastname"]: row.fields["phone"]
            for row in write.sandbox.people.rows("contacts").values()
        }
        assert phones == {f"l{n}": str(n) for n in range(100)}


async def test_a_result_that_is_missing_is_uncertain() -> None:
    async with writing() as write:
        write.sandbox.arm("fewer", count=1)
        results = await write.connector.write([made(1), made(2)])
        assert sorted(type(result).__name__ for result in results) == ["Accepted", "Uncertain"]
        again = await write.connector.write([made(1), made(2)])
        assert all(isinstance(result, Accepted) for result in again), "our key tells that it was made"
        assert len(write.sandbox.people.rows("contacts")) == 2


async def test_an_id_that_was_merged_away_is_missing() -> None:
    async with writing() as write:
        one, other = await write.create(1), await write.create(2)
        assert isinstance(one, Accepted)
        assert isinstance(other, Accepted)
        write.sandbox.people.edit("contacts", "merge", id=one.remote_id, loser=other.remote_id)
        assert await write.update(one.remote_id, phone="1") == Missing(1)


async def test_what_ends_the_whole_call() -> None:
    async with writing() as write:
        await write.connector.describe()
        write.sandbox.arm("poison", field="lastname", value="l1", times=1)
        with pytest.raises(BatchRefused):
            await write.connector.write([made(1), made(2)])
        for status, uncertain in ((502, True), (423, False), (477, False)):
            write.sandbox.arm("error_before", status=status)
            with pytest.raises(RetryLater) as caught:
                await write.create(1)
            assert caught.value.uncertain is uncertain
        write.sandbox.arm("error_before", status=423)
        with pytest.raises(RetryLater) as caught:
            await write.create(1)
        assert caught.value.after == 2.0
        assert write.sandbox.people.rows("contacts") == {}


async def test_one_row_that_fails_by_itself_is_refused_alone() -> None:
    async with writing() as write:
        write.sandbox.arm("partial", rows=[0])
        results = await write.connector.write([made(1), made(2)])
        assert [type(result).__name__ for result in results] == ["Uncertain", "Accepted"]
        assert isinstance(results[0], Uncertain)


@pytest.mark.parametrize("value", [";CHAMPION", " ;CHAMPION", ["", "CHAMPION"]])
async def test_options_that_would_be_added_to_those_that_are_there_are_refused(value: Any) -> None:
    async with writing() as write:
        made_ = await write.create(1, hs_buying_role="BLOCKER")
        assert isinstance(made_, Accepted)
        result = await write.update(made_.remote_id, hs_buying_role=value, phone="1")
        assert isinstance(result, Rejected)
        assert (result.code, result.field) == ("INVALID_OPTION", "hs_buying_role")
        assert write.fields(made_.remote_id)["hs_buying_role"] == "BLOCKER"
        for sound in ("CHAMPION;BLOCKER", ["CHAMPION"], None):
            assert isinstance(await write.update(made_.remote_id, hs_buying_role=sound), Accepted)
        assert isinstance(await write.update(made_.remote_id, phone=";1"), Accepted)
