"""What goes wrong on the way: each fault fires, and ends in the step that it calls for."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.http import MAX_WAIT
from syncd.core.errors import BatchRefused, NeedsOperator, RetryLater
from syncd.core.nouns import Accepted, Deferred, Exists, Missing, Push, Rejected, Stale, Uncertain
from tests.contract.rest_subject import RestSubject
from tests.contract.suite import create, delete, first, person, update, write


def one_by_one(subject: RestSubject) -> None:
    """Leave the batch call out."""
    subject.words["calls"].pop("batch")


@pytest.mark.parametrize("batches", [True, False], ids=["batch", "singles"])
@pytest.mark.parametrize(
    ("fault", "args", "uncertain"),
    [
        ("lose_answer", {}, True),
        ("drop", {}, True),
        ("error_after", {"status": 500}, True),
        ("error_after", {"status": 502}, True),
        ("error_before", {"status": 503}, False),
        ("rate_limited", {"retry_after": 7}, False),
    ],
)
async def test_a_write_whose_answer_is_lost_is_uncertain(
    fault: str, args: dict[str, Any], uncertain: bool, batches: bool
) -> None:
    async with RestSubject.running("plain") as subject:
        if not batches:
            one_by_one(subject)
        connector = await subject.connector()
        await connector.describe()
        armed = subject.sandbox.arm(fault, route="write", **args)
        with pytest.raises(RetryLater) as caught:
            await connector.write([create(1, **person(1))])
        assert armed.fired
        assert caught.value.uncertain == uncertain
        assert caught.value.after == args.get("retry_after")


async def test_a_write_that_is_not_answered_in_time_is_uncertain() -> None:
    async with RestSubject.running("plain") as subject:
        subject.words["timeout"] = 0.3
        connector = await subject.connector()
        await connector.describe()
        armed = subject.sandbox.arm("hang_answer", route="write")
        with pytest.raises(RetryLater) as caught:
            await connector.write([create(1, **person(1))])
        assert armed.fired
        assert caught.value.uncertain
        subject.sandbox.faults.disarm()


@pytest.mark.parametrize(("asked", "least", "most"), [("date", 0, 3600), ("absurd", MAX_WAIT, MAX_WAIT)])
async def test_a_wait_is_taken_from_dates_and_bounded(asked: str, least: float, most: float) -> None:
    async with RestSubject.running("plain") as subject:
        connector = await subject.connector()
        await connector.describe()
        armed = subject.sandbox.arm("rate_limited", retry_after=asked)
        with pytest.raises(RetryLater) as caught:
            await connector.fetch("people", ["p1"])
        assert armed.fired
        assert caught.value.after is not None
        assert least <= caught.value.after <= most


async def test_one_of_several_singles_waits_alone() -> None:
    async with RestSubject.running("plain") as subject:
        one_by_one(subject)
        subject.words["concurrency"] = 1
        ids = [await subject.create(person(n)) for n in range(3)]
        connector = await subject.connector()
        await connector.describe()
        armed = subject.sandbox.arm("lose_answer", route="update", skip=1)
        got = await write(connector, *(update(n, i, None, name="x") for n, i in enumerate(ids)))
        assert armed.fired
        assert isinstance(got[0], Accepted)
        assert isinstance(got[1], Uncertain)
        assert isinstance(got[2], Deferred), "after a failed call nothing more is sent"
        assert [r["name"] for r in (await subject.rows()).values()].count("x") == 2


async def test_singles_do_all_that_batches_do() -> None:
    async with RestSubject.running("plain") as subject:
        one_by_one(subject)
        connector = await subject.connector()
        made = await write(connector, *(create(n, **person(n)) for n in range(7)))
        ids = {n: r.remote_id for n, r in made.items() if isinstance(r, Accepted)}
        assert len(ids) == 7
        old = (await first(connector, ids[0])).remote_version
        await subject.update(ids[0], {"score": 50})
        got = await write(
            connector,
            update(10, ids[0], old, name="stale"),
            update(11, ids[1], None, name="a"),
            update(12, ids[1], None, name="b"),
            update(13, "p999", None, name="missing"),
            delete(14, ids[2]),
            create(15, **person(3)),
            create(16, **person(16, code="x" * 11)),
        )
        assert got[10] == Stale(10)
        assert got[13] == Missing(13)
        assert got[15] == Exists(15, ids[3])
        assert isinstance(got[16], Rejected)
        assert got[16].field == "code"
        rows = await subject.rows()
        assert rows[ids[1]]["name"] == "b"
        assert ids[2] not in rows


@pytest.mark.parametrize("fault", ["shuffle", "fewer", "partial"])
async def test_each_row_of_a_batch_is_told_once(fault: str) -> None:
    async with RestSubject.running("plain") as subject:
        connector = await subject.connector()
        await connector.describe()
        armed = subject.sandbox.arm(fault)
        got = await write(connector, *(create(n, **person(n)) for n in range(6)))
        assert armed.fired
        rows = await subject.rows()
        for n, result in got.items():
            if isinstance(result, Accepted):
                assert rows[result.remote_id]["name"] == f"name {n}"
        doubtful = [r for r in got.values() if isinstance(r, Uncertain)]
        assert len(doubtful) == {"shuffle": 0, "fewer": 1, "partial": 3}[fault]


async def test_a_poisoned_batch_is_refused_whole_and_its_row_alone_by_name() -> None:
    async with RestSubject.running("plain") as subject:
        connector = await subject.connector()
        await connector.describe()
        armed = subject.sandbox.arm("poison", field="name", value="name 2")
        pushes: list[Push] = [create(n, **person(n)) for n in range(4)]
        with pytest.raises(BatchRefused):
            await connector.write(pushes)
        assert isinstance((await write(connector, pushes[2]))[2], Rejected)
        assert armed.fired
        assert not await subject.rows()


async def test_a_locked_row_waits_and_a_forbidden_account_is_for_a_person() -> None:
    async with RestSubject.running("plain") as subject:
        one_by_one(subject)
        one = await subject.create(person(1))
        connector = await subject.connector()
        await connector.describe()
        lock = subject.sandbox.arm("row_lock")
        assert isinstance((await write(connector, update(1, one, None, name="x")))[1], Deferred)
        forbidden = subject.sandbox.arm("forbidden", route="update")
        with pytest.raises(NeedsOperator):
            await connector.write([update(2, one, None, name="x")])
        assert lock.fired
        assert forbidden.fired


async def test_upserts_by_key_overwrite_nobody() -> None:
    async with RestSubject.running("plain") as subject:
        subject.words["calls"]["upsert"] = {"path": "/{object}/by/{key_field}/{key}", "body": "{values}"}
        connector = await subject.connector()
        once = (await write(connector, create(1, **person(1))))[1]
        assert isinstance(once, Accepted)
        again = (await write(connector, create(1, **person(1)), create(2, **person(2))))[1]
        assert isinstance(again, Accepted)
        assert again.remote_id == once.remote_id
        await subject.update(once.remote_id, {"name": "edited"})
        assert (await write(connector, create(1, **person(1))))[1] == Exists(1, once.remote_id)
        assert (await subject.rows())[once.remote_id]["name"] == "edited"


async def test_a_filter_that_is_ignored_is_noted() -> None:
    async with RestSubject.running("plain") as subject:
        await subject.create(person(1))
        works = (await (await subject.connector()).describe()).objects["people"].notes
        subject.sandbox.set_quirks(no_filter="ignore")
        ignored = (await (await subject.connector()).describe()).objects["people"].notes
        assert any("filter for changes works" in note for note in works)
        assert any("filter for changes is ignored" in note for note in ignored)
        assert "no_filter" in subject.sandbox.fired.counts


async def test_a_key_that_the_server_does_not_enforce_is_looked_up_not_trusted() -> None:
    async with RestSubject.running("plain") as subject:
        subject.words["record"]["enforces_key"] = False
        connector = await subject.connector()
        notes = (await connector.describe()).objects["people"].notes
        assert any("does not enforce our key" in note for note in notes)
        assert not connector.capabilities.upsert_key, "the engine must look before it creates again"
        made = (await write(connector, create(1, **person(1))))[1]
        assert isinstance(made, Accepted)
        assert (await connector.find("people", ["1"]))["1"].remote_id == made.remote_id
