"""The contract, as questions to any connector. Subclass it, give it a `subject` fixture, done.

`ContractSuite` is asked of a well-behaved sandbox and of a hostile one; `TrapSuite` turns on each numbered
trap alone, and fails if it never fired.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

import pytest

from syncd.core.errors import CursorLost, NeedsOperator, RetryLater, SyncdError
from syncd.core.nouns import (
    Accepted,
    Change,
    Cursor,
    Exists,
    Missing,
    Op,
    Push,
    PushOp,
    PushResult,
    Rejected,
    Stale,
    StoredBy,
)
from syncd.core.turn import turn
from tests.contract.mirror import Mirror
from tests.contract.subject import Subject

HOSTILE_TEXTS = (
    "Zoë 李雷 🦆",
    "'; DROP TABLE people; --",
    '{"$ne": null}',
    "=HYPERLINK(1)",
    "{{7*7}} ${x} %s",
    "a\tb\nc\\u0000 \\",
    "e\u0301 ‮rtl‬",
)


def person(n: int, **more: Any) -> dict[str, Any]:
    """One person's values."""
    return {"name": f"name {n}", "email": f"p{n}@x.example", "code": None, "score": n, "firm": None} | more


def create(n: int, object: str = "people", **fields: Any) -> Push:
    """A create under our key `n`."""
    return Push(n, object, PushOp.CREATE, n, 1, fields, key=str(n))


def update(n: int, remote_id: str, version: str | None, **fields: Any) -> Push:
    """An update that expects a version."""
    return Push(n, "people", PushOp.UPDATE, n, 2, fields, remote_id=remote_id, expected_version=version)


def delete(n: int, remote_id: str, version: str | None = None) -> Push:
    """A delete."""
    return Push(n, "people", PushOp.DELETE, n, 2, {}, remote_id=remote_id, expected_version=version)


async def write(connector: Any, *pushes: Push) -> dict[int, PushResult]:
    """Write, and check that there is exactly one result per push."""
    results: Sequence[PushResult] = await connector.write(list(pushes))
    assert sorted(r.push_id for r in results) == sorted(p.push_id for p in pushes)
    return {r.push_id: r for r in results}


async def truth(subject: Subject) -> dict[str, dict[str, Any]]:
    """What a perfect reader holds."""
    return {i: {f: row[f] for f in subject.fields} for i, row in (await subject.rows()).items()}


async def agrees(mirror: Mirror, subject: Subject) -> None:
    """The mirror holds what people see, field by field."""
    held = {i: {f: row[f] for f in subject.fields} for i, row in mirror.rows.items()}
    assert held == await truth(subject)


async def first(connector: Any, remote_id: str) -> Change:
    """One record by id."""
    (change,) = await connector.fetch("people", [remote_id])
    assert isinstance(change, Change)
    return change


class ContractSuite:
    """Every connector passes this, plain and hostile."""

    async def test_describe_lists_objects_fields_and_references(self, subject: Subject) -> None:
        schema = await (await subject.connector()).describe()
        fields = schema.objects["people"].fields
        assert set(subject.fields) | {"syncd_key"} <= set(fields)
        assert fields["firm"].references == "firms"
        assert fields["score"].type == "integer"
        assert fields["code"].length == 10

    async def test_first_read_sees_everything_once(self, subject: Subject) -> None:
        for n in range(13):
            await subject.create(person(n))
        mirror = Mirror(await subject.connector(), "people")
        told = await mirror.poll()
        assert sorted(c.remote_id for c in told) == sorted(await subject.rows())
        await agrees(mirror, subject)

    async def test_nothing_is_there(self, subject: Subject) -> None:
        mirror = Mirror(await subject.connector(), "people")
        assert await mirror.poll() == []
        assert await mirror.sweep() == set()
        await subject.create(person(1))
        await mirror.poll()
        await agrees(mirror, subject)

    async def test_changes_after_a_cursor_and_then_quiet(self, subject: Subject) -> None:
        ids = [await subject.create(person(n)) for n in range(7)]
        mirror = Mirror(await subject.connector(), "people")
        await mirror.poll()
        await subject.update(ids[3], {"name": "new"})
        ids.append(await subject.create(person(99)))
        told = {c.remote_id for c in await mirror.poll()}
        assert {ids[3], ids[-1]} <= told
        await agrees(mirror, subject)
        await mirror.poll()
        assert await mirror.poll() == [], "a quiet remote must become silent"

    async def test_ties_larger_than_a_page(self, subject: Subject) -> None:
        for n in range(subject.page * 4 + 1):
            await subject.create(person(n))
        mirror = Mirror(await subject.connector(), "people")
        await mirror.poll()
        await subject.bulk_edit({"score": 77})
        assert len({c.remote_id for c in await mirror.poll()}) == subject.page * 4 + 1
        await agrees(mirror, subject)

    async def test_edits_during_a_page_walk(self, subject: Subject) -> None:
        ids = [await subject.create(person(n)) for n in range(subject.page * 4)]
        connector = await subject.connector()
        mirror = Mirror(connector, "people")
        for _ in range(2):  # the first read, then a feed that is walked while it grows
            count = 0
            async for page in connector.read_changes("people", mirror.cursor):
                mirror.take(page)
                if count < 3:
                    await subject.update(ids[count], {"name": f"moved {count}"})
                    await subject.update(ids[-1 - count], {"name": f"moved back {count}"})
                    await subject.create(person(100 + len(mirror.rows) + count * 1000))
                count += 1
            await mirror.poll()
            await agrees(mirror, subject)
            await subject.bulk_edit({"score": 5})

    async def test_late_commits_are_seen(self, subject: Subject) -> None:
        await subject.create(person(1))
        mirror = Mirror(await subject.connector(), "people")
        await mirror.poll()
        commit = await subject.late(person(2))
        await subject.create(person(3))
        await mirror.poll()
        await subject.create(person(4))
        await mirror.poll()
        await commit()
        await mirror.poll()
        await mirror.poll()
        await agrees(mirror, subject)

    async def test_a_commit_late_for_the_first_read_is_seen(self, subject: Subject) -> None:
        for n in range(subject.page * 2):
            await subject.create(person(n))
        commit = await subject.late(person(50))
        await subject.create(person(51))
        mirror = Mirror(await subject.connector(), "people")
        await mirror.poll()
        await commit()
        await subject.create(person(52))
        await mirror.poll()
        await agrees(mirror, subject)

    async def test_a_crashed_page_repeats_and_never_skips(self, subject: Subject) -> None:
        for n in range(subject.page * 3 + 2):
            await subject.create(person(n))
        connector = await subject.connector()
        for since in (None, (await self._settled(connector)).cursor):
            if since is not None:
                await subject.bulk_edit({"score": 333})
            pages = [page async for page in connector.read_changes("people", since)]
            for kept in range(len(pages)):
                told = {c.remote_id for page in pages[:kept] for c in page.changes}
                restart = pages[kept - 1].cursor if kept else since
                fresh = subject.connector()
                async for page in (await fresh).read_changes("people", restart):
                    told |= {c.remote_id for c in page.changes}
                assert told == set(await subject.rows())

    async def _settled(self, connector: Any) -> Mirror:
        mirror = Mirror(connector, "people")
        await mirror.poll()
        return mirror

    async def test_an_unmapped_edit_changes_nothing(self, subject: Subject) -> None:
        one = await subject.create(person(1))
        mirror = Mirror(await subject.connector(), "people")
        await mirror.poll()
        await subject.update(one, {"extra": "who cares"})
        await mirror.poll()
        assert "extra" not in mirror.rows[one]
        await agrees(mirror, subject)

    async def test_null_is_said_and_absent_is_not(self, subject: Subject) -> None:
        one = await subject.create(person(1, code="abc"))
        connector = await subject.connector()
        mirror = Mirror(connector, "people")
        await mirror.poll()
        await subject.update(one, {"code": None})
        await mirror.poll()
        await mirror.sweep()
        for fields in (mirror.rows[one], (await first(connector, one)).fields):
            assert fields["code"] is None
            assert "not_there" not in fields

    async def test_a_scan_is_complete(self, subject: Subject) -> None:
        for n in range(subject.page * 2):
            await subject.create(person(n))
        mirror = Mirror(await subject.connector(), "people")
        assert await mirror.sweep() == set(await subject.rows())
        await agrees(mirror, subject)

    async def test_fetch_present_missing_and_mixed(self, subject: Subject) -> None:
        ids = [await subject.create(person(n)) for n in range(3)]
        await subject.delete(ids[2])
        connector = await subject.connector()
        got = {c.remote_id: c for c in await connector.fetch("people", [*ids, ids[0], "no such id"])}
        assert {i: c.op for i, c in got.items()} == {
            ids[0]: Op.UPSERT,
            ids[1]: Op.UPSERT,
            ids[2]: Op.DELETE,
            "no such id": Op.DELETE,
        }
        assert got[ids[1]].fields["name"] == "name 1"
        assert [c.op for c in await connector.fetch("people", [ids[2]])] == [Op.DELETE]

    async def test_find_by_key(self, subject: Subject) -> None:
        connector = await subject.connector()
        made = (await write(connector, create(7, **person(7))))[7]
        assert isinstance(made, Accepted)
        found = await connector.find("people", ["7", "8"])
        assert {k: c.remote_id for k, c in found.items()} == {"7": made.remote_id}
        assert found["7"].fields["syncd_key"] == "7"

    async def test_create_update_delete(self, subject: Subject) -> None:
        connector = await subject.connector()
        made = await write(connector, create(1, **person(1)), create(2, **person(2)), create(3, name="only"))
        ids = {n: r.remote_id for n, r in made.items() if isinstance(r, Accepted)}
        rows = await subject.rows()
        assert {n: rows[i]["name"] for n, i in ids.items()} == {1: "name 1", 2: "name 2", 3: "only"}
        await write(
            connector, update(4, ids[1], None, name="one"), update(5, ids[2], None, code="x", score=9)
        )
        await write(connector, delete(6, ids[3]))
        rows = await subject.rows()
        assert set(rows) == {ids[1], ids[2]}
        assert (rows[ids[1]]["name"], rows[ids[1]]["score"]) == ("one", 1)
        assert (rows[ids[2]]["code"], rows[ids[2]]["score"]) == ("x", 9)

    async def test_two_pushes_of_one_record_keep_their_order(self, subject: Subject) -> None:
        one = await subject.create(person(1))
        connector = await subject.connector()
        await write(connector, update(1, one, None, name="a"), update(2, one, None, name="b"))
        assert (await subject.rows())[one]["name"] == "b"

    async def test_writing_what_is_not_there(self, subject: Subject) -> None:
        one = await subject.create(person(1))
        await subject.delete(one)
        connector = await subject.connector()
        got = await write(connector, update(1, one, None, name="x"), delete(2, "no such id"))
        assert got == {1: Missing(1), 2: Missing(2)}

    async def test_compare_and_set(self, subject: Subject) -> None:
        connector = await subject.connector()
        if not connector.capabilities.compare_and_set:
            pytest.skip("the remote has no compare-and-set, and says so")
        one, two = await subject.create(person(1)), await subject.create(person(2))
        old = {i: (await first(connector, i)).remote_version for i in (one, two)}
        await subject.update(one, {"score": 100})
        got = await write(connector, update(1, one, old[one], name="x"), update(2, two, old[two], name="y"))
        assert got[1] == Stale(1)
        accepted = got[2]
        assert isinstance(accepted, Accepted)
        assert accepted.remote_version == (await first(connector, two)).remote_version
        assert (await write(connector, delete(3, one, old[one])))[3] == Stale(3)
        rows = await subject.rows()
        assert (rows[one]["name"], rows[one]["score"], rows[two]["name"]) == ("name 1", 100, "y")

    async def test_a_unique_value_that_is_taken_names_its_record(self, subject: Subject) -> None:
        one = await subject.create(person(1))
        connector = await subject.connector()
        taken = person(2) | {"email": " P1@X.example "}
        got = await write(connector, create(5, **taken), create(6, **person(6)))
        assert got[5] == Exists(5, one)
        assert isinstance(got[6], Accepted)
        assert len(await subject.rows()) == 2

    async def test_one_bad_row_of_many(self, subject: Subject) -> None:
        connector = await subject.connector()
        pushes = [create(n, **person(n)) for n in range(20)]
        pushes[7] = create(7, **person(7, code="far longer than ten characters"))
        pushes[11] = create(11, **person(11, unknown="?"))
        got = await write(connector, *pushes)
        refused = {n: r for n, r in got.items() if isinstance(r, Rejected)}
        assert set(refused) == {7, 11}
        assert refused[7].field == "code"
        assert "longer than" not in refused[7].message, "a message holds no value"
        assert len(await subject.rows()) == 18

    async def test_texts_come_back_as_sent(self, subject: Subject) -> None:
        connector = await subject.connector()
        sent = dict(enumerate(HOSTILE_TEXTS))
        got = await write(connector, *(create(n, **person(n, name=text)) for n, text in sent.items()))
        for n, result in got.items():
            assert isinstance(result, Accepted)
            assert (await subject.rows())[result.remote_id]["name"] == sent[n]
            assert (await first(connector, result.remote_id)).fields["name"] == sent[n]

    async def test_a_create_done_twice_makes_one_record(self, subject: Subject) -> None:
        connector = await subject.connector()
        if not connector.capabilities.upsert_key:
            pytest.skip("the remote has no unique key, and says so")
        once = (await write(connector, create(1, **person(1))))[1]
        again = (await write(connector, create(1, **person(1)), create(2, **person(2))))[1]
        assert isinstance(once, Accepted)
        assert isinstance(again, Accepted)
        assert again.remote_id == once.remote_id
        await subject.update(once.remote_id, {"name": "edited since"})
        third = (await write(connector, create(1, **person(1))))[1]
        assert third == Exists(1, once.remote_id), "an edited record must be read, not taken for our write"
        assert (await subject.rows())[once.remote_id]["name"] == "edited since"
        assert len(await subject.rows()) == 2

    async def test_a_lost_answer_is_uncertain(self, subject: Subject) -> None:
        connector = await subject.connector()
        await connector.describe()
        async with subject.lose_answer():
            with pytest.raises(RetryLater) as caught:
                await connector.write([create(1, **person(1))])
        assert caught.value.uncertain
        assert len(await subject.rows()) == 1
        found = await connector.find("people", ["1"])
        assert found["1"].fields["name"] == "name 1"

    async def test_what_was_stored_is_told(self, subject: Subject) -> None:
        connector = await subject.connector()
        got = (await write(connector, create(1, **person(1, email="  Ann@X.Example "))))[1]
        assert isinstance(got, Accepted)
        if got.stored_by is StoredBy.UNKNOWN:
            assert got.stored == {}
        else:
            assert got.stored["email"] == "ann@x.example"
            assert got.stored["name"] == "name 1"
        assert (await first(connector, got.remote_id)).fields["email"] == "ann@x.example"

    async def test_deletes_are_reported_or_found(self, subject: Subject) -> None:
        ids = [await subject.create(person(n)) for n in range(4)]
        connector = await subject.connector()
        mirror = Mirror(connector, "people")
        await mirror.poll()
        await subject.delete(ids[1])
        await mirror.poll()
        if connector.capabilities.deletes_reported:
            assert ids[1] not in mirror.rows
        await mirror.sweep()
        await agrees(mirror, subject)

    async def test_references_are_ids(self, subject: Subject) -> None:
        connector = await subject.connector()
        firm = (await write(connector, create(1, "firms", name="ACME")))[1]
        assert isinstance(firm, Accepted)
        got = (await write(connector, create(2, **person(2, firm=firm.remote_id))))[2]
        assert isinstance(got, Accepted)
        assert (await first(connector, got.remote_id)).fields["firm"] == firm.remote_id

    async def test_closing_twice(self, subject: Subject) -> None:
        connector = await subject.connector()
        await connector.aclose()
        await connector.aclose()

    async def test_only_syncd_errors_get_out(self, subject: Subject) -> None:
        connector = await subject.connector()
        with pytest.raises(SyncdError):
            async for _ in connector.read_changes("no_such_object", None):
                pass
        with pytest.raises(SyncdError):
            await connector.write([create(1, "no_such_object", name="x")])
        for token in ("", "rubbish", "[]", "{}", '{"mode":"x"}', "null"):
            with pytest.raises(CursorLost):
                async for _ in connector.read_changes("people", Cursor(token)):
                    pass

    async def test_cancelled_in_a_read(self, subject: Subject) -> None:
        for n in range(subject.page * 3):
            await subject.create(person(n))
        connector = await subject.connector()
        for turns in range(12):
            task = asyncio.create_task(Mirror(connector, "people").poll())
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        walk = connector.read_changes("people", None)
        await anext(walk)
        await walk.aclose()
        assert len(await Mirror(connector, "people").poll()) == subject.page * 3

    async def test_cancelled_in_a_write(self, subject: Subject) -> None:
        one = await subject.create(person(1))
        connector = await subject.connector()
        async with subject.stall_write(one) as waiting:
            task = asyncio.create_task(connector.write([update(1, one, None, name="never")]))
            await waiting()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert (await subject.rows())[one]["name"] == "name 1"
        assert isinstance((await write(connector, update(2, one, None, name="later")))[2], Accepted)
        assert (await subject.rows())[one]["name"] == "later"

    @pytest.mark.parametrize("in_time", [0, 1])
    async def test_what_comes_too_late_is_not_written(self, subject: Subject, in_time: int) -> None:
        one = await subject.create(person(1))
        connector = await subject.connector()
        await connector.describe()
        looks = iter([*[True] * in_time, *[False] * 100])
        asked: list[bool] = []

        def held() -> bool:
            asked.append(next(looks))
            return asked[-1]

        with turn(held), contextlib.suppress(RetryLater):
            await connector.write([update(1, one, None, name="too late")])
        assert asked, "a connector looks whether its process may still write"
        landed = (await subject.rows())[one]["name"] == "too late"
        assert landed <= (asked == [True])
        assert isinstance((await write(connector, update(2, one, None, name="later")))[2], Accepted)

    async def test_out_of_reach(self, subject: Subject) -> None:
        connector = await subject.unreachable()
        with pytest.raises(RetryLater) as caught:
            await connector.write([create(1, **person(1))])
        assert not caught.value.uncertain
        with pytest.raises(RetryLater):
            await Mirror(connector, "people").poll()
        await connector.aclose()

    async def test_a_refused_log_in(self, subject: Subject) -> None:
        connector = await subject.bad_login()
        if connector is None:
            pytest.skip("the sandbox takes any log-in")
        with pytest.raises(NeedsOperator) as caught:
            await connector.describe()
        assert caught.value.todo
        assert "secret" not in str(caught.value)
        await connector.aclose()
