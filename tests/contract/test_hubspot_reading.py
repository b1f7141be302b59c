"""HubSpot read: the questions of the contract that need no write, on its sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientSession

from connectors.base import ObjectSpec
from connectors.hubspot import HubSpotReader
from connectors.hubspot.sandbox import HubSpotSandbox
from syncd.core.errors import CursorLost, LoginNeeded, NeedsOperator, RetryLater
from syncd.core.nouns import Change, Cursor, Op
from tests.contract.mirror import Mirror

FIELDS = ("firstname", "email", "hubspotscore", "hs_email_optout", "date_of_birth", "hs_buying_role")
V3 = "/crm/v3/objects/contacts"


class Read:
    """A sandbox, and a reader of its contacts with pages of 5."""

    def __init__(self, sandbox: HubSpotSandbox, **words: Any) -> None:
        self.sandbox = sandbox
        told = {
            "url": sandbox.url,
            "auth": {"token": sandbox.auth.options.token},
            "page": 5,
            "searches": 1000,
            **words,
        }
        self.words = told
        spec = ObjectSpec("contacts", (*FIELDS, "not_there"), "syncd_id")
        self.reader = HubSpotReader("hub", told, [spec])
        self.reader.client.now = sandbox.clock.now
        self.mirror = Mirror(self.reader, "contacts")

    def make(self, **fields: Any) -> str:
        row = self.sandbox.people.edit("contacts", "create", fields={"lastname": "x", **fields})
        assert row is not None
        return row.id

    def edit(self, id: str, op: str = "update", **more: Any) -> None:
        self.sandbox.people.edit("contacts", op, id=id, **more)

    def truth(self) -> dict[str, str | None]:
        """First names by id, as people see them."""
        return {id: row.fields["firstname"] for id, row in self.sandbox.people.rows("contacts").items()}

    async def agrees(self) -> None:
        """The mirror holds what people see."""
        await self.mirror.poll()
        assert {id: row["firstname"] for id, row in self.mirror.rows.items()} == self.truth()

    async def one(self, id: str) -> Change:
        (change,) = await self.reader.fetch("contacts", [id])
        return change


@asynccontextmanager
async def reading(profile: Mapping[str, Any] | str = "plain", **words: Any) -> AsyncIterator[Read]:
    plain = {"extends": profile} if isinstance(profile, str) else dict(profile)
    async with HubSpotSandbox({"limits": {"burst": 10_000, "search": None}, **plain}).serving() as sandbox:
        read = Read(sandbox, **words)
        try:
            yield read
        finally:
            await read.reader.aclose()


async def test_describe() -> None:
    async with reading() as read:
        fields = (await read.reader.describe()).objects["contacts"].fields
        assert {name: fields[name].type for name in FIELDS} == {
            "firstname": "text",
            "email": "text",
            "hubspotscore": "decimal",
            "hs_email_optout": "boolean",
            "date_of_birth": "date",
            "hs_buying_role": "text",
        }
        assert fields["lifecyclestage"].options is not None
        assert fields["createdate"].read_only
        assert fields["syncd_id"].unique


async def test_more_properties_than_an_address_takes() -> None:
    """HubSpot answers 414: then the list tells the ids, and a batch read the values."""
    names = [f"a_property_of_this_company_{n:03}" for n in range(300)]
    profile = {"fields": {"contacts": {name: {} for name in names}}}
    async with reading(profile) as read:
        query = {"properties": ",".join(names)}
        with pytest.raises(NeedsOperator, match="414"):
            await read.reader.client.get(V3, "list", query)
        spec = ObjectSpec("contacts", ("firstname", *names))
        wide = HubSpotReader("hub", {**read.words, "page": 100}, [spec])
        wide.client.now = read.sandbox.clock.now
        ids = [read.make(firstname=str(n), **{names[n]: "x"}) for n in range(7)]
        read.edit(ids[6], "delete")
        read.sandbox.calls.clear()
        mirror = Mirror(wide, "contacts")
        await mirror.poll()
        told = {id: [name for name in names if row[name]] for id, row in mirror.rows.items()}
        assert told == {id: [names[n]] for n, id in enumerate(ids[:6])}
        assert all(row["firstname"] == str(n) for n, row in enumerate(mirror.rows.values()))
        assert await mirror.sweep() == set(ids[:6])
        assert read.sandbox.calls["list contacts"] == 2
        assert read.sandbox.calls["ids contacts"] == 3, "two lists, and the poll after the first"
        await wide.aclose()


@pytest.mark.parametrize("version", ["v3", "2026-09"])
async def test_values(version: str) -> None:
    async with reading(api_version=version) as read:
        id = read.make(
            firstname="Zoë 李雷",
            hubspotscore="1500.00",
            hs_email_optout="true",
            date_of_birth="1980-02-29",
            hs_buying_role="CHAMPION;BLOCKER",
        )
        for quirk in (False, True):
            read.sandbox.set_quirks(date_as_ms=quirk)
            assert dict((await read.one(id)).fields) == {
                "firstname": "Zoë 李雷",
                "email": None,
                "hubspotscore": "1500.00",
                "hs_email_optout": True,
                "date_of_birth": "1980-02-29",
                "hs_buying_role": "CHAMPION;BLOCKER",
                "syncd_id": None,
            }, "null is said, and what is not there is not"


async def test_the_first_read_sees_everything_once_and_then_changes() -> None:
    async with reading() as read:
        ids = [read.make(firstname=str(n)) for n in range(13)]
        told = await read.mirror.poll()
        assert sorted(change.remote_id for change in told) == sorted(ids)
        read.edit(ids[3], fields={"firstname": "new"})
        ids.append(read.make(firstname="another"))
        assert {change.remote_id for change in await read.mirror.poll()} == {ids[3], ids[-1]}
        await read.agrees()
        read.edit(ids[4], fields={"jobtitle": "not mapped"})
        assert await read.mirror.poll() == []


async def test_ties_larger_than_a_page() -> None:
    async with reading() as read:
        for n in range(23):
            read.make(firstname=str(n))
        await read.mirror.poll()
        read.edit("", "bulk", fields={"firstname": "all"})
        assert len({change.remote_id for change in await read.mirror.poll()}) == 23
        await read.agrees()


async def test_more_than_search_pages_through() -> None:
    async with reading({"quirks": {"search_cap": 20}}) as read:
        ids = [read.make(firstname=str(n)) for n in range(60)]
        await read.mirror.poll()
        for place, id in enumerate(ids):
            read.sandbox.clock.advance(0.002)
            read.edit(id, fields={"firstname": f"again {place}"})
        await read.agrees()
        assert read.sandbox.fired.counts["search_cap"] == 0


async def test_edits_during_a_page_walk() -> None:
    async with reading() as read:
        ids = [read.make(firstname=str(n)) for n in range(20)]
        for _ in range(2):
            count = 0
            async for page in read.reader.read_changes("contacts", read.mirror.cursor):
                read.mirror.take(page)
                if count < 3:
                    read.edit(ids[count], fields={"firstname": f"moved {count}"})
                    read.edit(ids[-1 - count], fields={"firstname": f"moved back {count}"})
                    read.make(firstname="new")
                count += 1
            await read.agrees()
            read.edit("", "bulk", fields={"firstname": "all"})


async def test_a_crashed_page_repeats_and_never_skips() -> None:
    async with reading() as read:
        for n in range(17):
            read.make(firstname=str(n))
        await read.mirror.poll()
        for since in (None, read.mirror.cursor):
            read.edit("", "bulk", fields={"firstname": f"since {since is None}"})
            pages = [page async for page in read.reader.read_changes("contacts", since)]
            assert len(pages) > 3
            for kept in range(len(pages)):
                told = {change.remote_id for page in pages[:kept] for change in page.changes}
                restart = pages[kept - 1].cursor if kept else since
                async for page in read.reader.read_changes("contacts", restart):
                    told |= {change.remote_id for change in page.changes}
                assert told == set(read.truth())


async def test_what_the_index_shows_late_is_seen_and_as_it_is_now() -> None:
    async with reading({"quirks": {"index_lag": 30.0}}) as read:
        one = read.make(firstname="old")
        await read.mirror.poll()
        read.sandbox.clock.advance(31)
        read.edit(one, fields={"firstname": "new"})
        two = read.make(firstname="two")
        told = {change.remote_id: change.fields["firstname"] for change in await read.mirror.poll()}
        assert told == {one: "new"}, "a hit of before, read as it is; the new record is not in the index yet"
        read.sandbox.clock.advance(31)
        read.edit(one, fields={"firstname": "newest"})
        told = {change.remote_id: change.fields["firstname"] for change in await read.mirror.poll()}
        assert told == {one: "newest", two: "two"}, "the index has it as it was, the record is read"
        assert read.sandbox.fired.counts["index_lag"] > 0
        await read.agrees()


async def test_a_late_commit_is_seen() -> None:
    async with reading() as read:
        read.make(firstname="a")
        await read.mirror.poll()
        late = read.sandbox.people.begin("contacts", fields={"lastname": "x", "firstname": "late"})
        read.make(firstname="b")
        await read.mirror.poll()
        read.sandbox.people.commit(late)
        await read.agrees()


async def test_a_quiet_portal_becomes_cheap() -> None:
    async with reading() as read:
        for n in range(12):
            read.make(firstname=str(n))
        await read.mirror.poll()
        assert await read.mirror.poll() == []
        assert read.sandbox.calls["ids contacts"] > 0, "the last minute is looked at again"
        read.sandbox.clock.advance(120)
        assert await read.mirror.poll() == []
        read.sandbox.calls.clear()
        assert await read.mirror.poll() == []
        assert read.sandbox.calls == {"search.find contacts": 1}


async def test_a_sweep_and_what_is_gone() -> None:
    async with reading() as read:
        ids = [read.make(firstname=str(n)) for n in range(7)]
        await read.mirror.poll()
        read.edit(ids[2], "delete")
        assert await read.mirror.sweep() == set(ids) - {ids[2]}
        await read.agrees()
        assert (await read.one(ids[2])).op is Op.DELETE
        read.edit(ids[2], "restore")
        assert (await read.one(ids[2])).op is Op.UPSERT
        assert (await read.one("77")).op is Op.DELETE
        assert (await read.one("no id")).op is Op.DELETE


async def test_what_a_hidden_record_says() -> None:
    async with reading(sees_all=False) as read:
        id = read.make(firstname="a")
        read.sandbox.set_quirks(hidden=[id])
        assert await read.reader.fetch("contacts", [id]) == []


@pytest.mark.parametrize("by_batch", [True, False])
async def test_merges_name_who_is_left(by_batch: bool) -> None:
    async with reading({"quirks": {"batch_merged": by_batch}}) as read:
        one, other = read.make(firstname="a"), read.make(firstname="b")
        await read.mirror.poll()
        read.edit(one, "merge", loser=other)
        (new,) = read.truth()
        changes = await read.reader.fetch("contacts", [one, other, new])
        assert [(c.op, c.survivor_id) for c in changes] == [
            (Op.MERGE, new),
            (Op.MERGE, new),
            (Op.UPSERT, None),
        ]
        told = await read.mirror.poll()
        assert [(c.op, c.remote_id) for c in told] == [(Op.MERGE, one), (Op.MERGE, other), (Op.UPSERT, new)]


async def test_find_by_key() -> None:
    async with reading() as read:
        id = read.make(syncd_id="k1", firstname="a")
        found = await read.reader.find("contacts", ["k1", "k2"])
        assert {key: change.remote_id for key, change in found.items()} == {"k1": id}


async def test_errors_say_what_comes_next() -> None:
    async with reading() as read:
        arm = read.sandbox.arm
        arm("rate_limited")
        with pytest.raises(RetryLater) as later:
            await read.mirror.poll()
        assert later.value.after == 10.0, "by its policy: there is no Retry-After"
        arm("error_before", status=502)
        with pytest.raises(RetryLater, match="502"):
            await read.mirror.poll()
        arm("wrong_json")
        with pytest.raises(RetryLater, match="text/html"):
            await read.mirror.poll()
        arm("cut_body", times=None, route="any")
        with pytest.raises(RetryLater):
            await read.mirror.poll()
        read.sandbox.faults.disarm()
        with pytest.raises(CursorLost):
            [page async for page in read.reader.read_changes("contacts", Cursor("nonsense"))]
        read.mirror.cursor = None
        await read.agrees()


async def test_log_ins() -> None:
    async with reading(auth={"token": "pat-na1-wrong"}) as read:
        with pytest.raises(LoginNeeded, match="EXPIRED_AUTHENTICATION"):
            await read.reader.describe()
    async with reading({"auth": {"scopes": ["oauth", "crm.objects.contacts.read"]}}) as read:
        await read.reader.describe()
        with pytest.raises(NeedsOperator, match=r"crm\.objects\.companies\.read"):
            reader = HubSpotReader("hub", _words(read), [ObjectSpec("companies", ("name",))])
            try:
                await reader.describe()
            finally:
                await reader.aclose()


def _words(read: Read) -> dict[str, Any]:
    return {"url": read.sandbox.url, "auth": {"token": read.sandbox.auth.options.token}}


async def test_a_refresh_token() -> None:
    async with reading() as read:
        told = read.sandbox.ready()["auth"]
        auth = {name: told[name] for name in ("client_id", "client_secret", "refresh_token")}
        reader = HubSpotReader("hub", {**_words(read), "auth": auth}, [ObjectSpec("contacts", FIELDS)])
        try:
            await reader.describe()
            read.sandbox.auth.grants.clear()
            await reader.describe()
        finally:
            await reader.aclose()
        assert read.sandbox.calls["token"] == 2


async def test_calls_per_record() -> None:
    async with reading({"records": 1000}, page=200) as read:
        await read.mirror.poll()
        assert len(read.mirror.rows) == 1000
        assert read.sandbox.calls.total() <= 30, "0.03 calls per record"
        meter = read.reader.meter()
        assert meter.requests == read.sandbox.calls.total()
        assert meter.limit == 625_000


async def test_nothing_is_left_open() -> None:
    async with reading() as read, ClientSession(read.sandbox.url) as http:
        await read.reader.describe()
        await read.reader.aclose()
        await read.reader.aclose()
        async with http.get(V3) as got:
            assert got.status == 401
