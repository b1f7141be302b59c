"""Bulk writes: what CSV cannot say, jobs that fail half-way, are cut off, or take too long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Literal

import pytest

from connectors.salesforce import SalesforceConnector
from syncd.core.errors import RetryLater
from syncd.core.nouns import UNKNOWN_FIELD, Accepted, Deferred, Rejected, Uncertain
from tests.contract.salesforce_lab import Lab, by_id, create, update

CONTACT = {"Contact": ("FirstName", "LastName", "Title", "Email")}
NOW_UNDER_WAY = ("UploadComplete", "InProgress")
OVER = ("Aborted", "JobComplete", "Failed")


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    async with Lab.running() as lab:
        yield lab


@pytest.fixture
async def slow() -> AsyncIterator[Lab]:
    """An org whose jobs wait until they are moved on."""
    async with Lab.running(quirks={"bulk_steps": True}) as lab:
        yield lab


def bulky(lab: Lab, **words: Any) -> SalesforceConnector:
    return lab.connect(fields=CONTACT, bulk_writes_above=1, **words)


def fill(lab: Lab, count: int = 4) -> list[str]:
    return [lab.edit("Contact", "create", fields={"LastName": f"A{n}", "Title": "old"}) for n in range(count)]


def titles(lab: Lab, ids: list[str]) -> list[Any]:
    return [lab.row("Contact", id)["Title"] for id in ids]


def renamed(ids: list[str], title: str = "new") -> list[Any]:
    return [update(n, "Contact", id, Title=title) for n, id in enumerate(ids)]


def jobs(lab: Lab) -> list[Any]:
    assert lab.sandbox.api is not None
    return list(lab.sandbox.api.bulk.jobs.all.values())


async def test_rows_that_write_different_fields_go_in_one_job(lab: Lab) -> None:
    ids = fill(lab)
    rows = [
        update(0, "Contact", ids[0], Title="new"),
        update(1, "Contact", ids[1], FirstName="Ann"),
        update(2, "Contact", ids[2], Title=None),
    ]
    got = await bulky(lab).write(rows)
    assert all(isinstance(result, Accepted) for result in got)
    assert titles(lab, ids) == ["new", "old", None, "old"]
    assert len(jobs(lab)) == 1


async def test_a_text_that_csv_takes_for_nothing_is_written_as_it_is(lab: Lab) -> None:
    ids = fill(lab)
    rows = [*renamed(ids[:3]), update(3, "Contact", ids[3], Title="#N/A")]
    got = await bulky(lab).write(rows)
    assert all(isinstance(result, Accepted) for result in got)
    assert titles(lab, ids) == ["new", "new", "new", "#N/A"]


async def test_what_a_duplicate_rule_only_warns_of_is_saved_in_whatever_number() -> None:
    rule = {"object": "Contact", "fields": ["Email"], "action": "alert"}
    async with Lab.running(quirks={"duplicates": [rule]}) as lab:
        lab.edit("Contact", "create", fields={"LastName": "A", "Email": "a@x.example"})
        rows = [create(n, "Contact", LastName=f"B{n}", Email="a@x.example") for n in range(3)]
        got = await bulky(lab, duplicates="allow").write(rows)
        assert all(isinstance(result, Accepted) for result in got)
        refused = [create(n, "Contact", LastName=f"C{n}", Email="a@x.example") for n in range(3, 6)]
        assert {type(result) for result in await bulky(lab).write(refused)} == {Rejected}


@pytest.mark.parametrize("status", [400, 403, 500])
async def test_an_upload_that_fails_has_written_nothing_and_leaves_no_job(lab: Lab, status: int) -> None:
    ids = fill(lab)
    connector = bulky(lab)
    await connector.describe()
    fault = lab.sandbox.arm("error_before", route="upload", status=status)
    with pytest.raises(Exception, match="sales") as caught:
        await connector.write(renamed(ids))
    assert fault.fired
    assert not getattr(caught.value, "uncertain", False)
    assert [job.state for job in jobs(lab)] == ["Aborted"]
    assert titles(lab, ids) == ["old"] * 4


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("error_before", {"route": "results", "status": 403}),
        ("error_before", {"route": "results", "status": 404, "code": "NOT_FOUND"}),
        ("error_before", {"route": "results", "status": 400, "code": "JSON_PARSER_ERROR"}),
        ("error_before", {"route": "results", "status": 500}),
        ("cut_body", {"route": "results"}),
        ("error_after", {"route": "job", "status": 403, "skip": 2}),
        ("lose_answer", {"route": "job", "skip": 2}),
    ],
)
async def test_whatever_fails_after_the_upload_leaves_a_doubt(
    lab: Lab, fault: str, words: dict[str, Any]
) -> None:
    ids = fill(lab)
    connector = bulky(lab)
    await connector.describe()
    armed = lab.sandbox.arm(fault, **words)
    with pytest.raises(RetryLater) as caught:
        await connector.write(renamed(ids))
    assert armed.fired
    assert caught.value.uncertain
    assert {job.state for job in jobs(lab)} <= set(OVER), "no job goes on behind our back"


async def cut_off(lab: Lab, ids: list[str]) -> SalesforceConnector:
    """A connector whose first write was ended by somebody who would not wait for it."""
    connector = bulky(lab)
    waits = asyncio.Event()

    async def sleep(seconds: float) -> None:
        waits.set()
        await asyncio.Event().wait()

    connector.sleep = sleep
    write = asyncio.create_task(connector.write(renamed(ids, "cut off")))
    await waits.wait()
    write.cancel()
    with pytest.raises(asyncio.CancelledError):
        await write
    assert [job.state for job in jobs(lab)] == ["UploadComplete"]
    return connector


async def test_a_write_that_is_cut_off_is_over_before_the_next_one(slow: Lab) -> None:
    ids = fill(slow)
    connector = await cut_off(slow, ids)
    (done,) = await connector.write(renamed(ids[:1]))
    assert isinstance(done, Accepted)
    assert [job.state for job in jobs(slow)] == ["Aborted"]
    await connector.write(renamed(ids[:1]))


async def test_a_write_that_is_cut_off_is_over_at_the_end(slow: Lab) -> None:
    connector = await cut_off(slow, fill(slow))
    await connector.aclose()
    assert [job.state for job in jobs(slow)] == ["Aborted"]


async def test_nothing_is_written_while_an_old_job_may_go_on(slow: Lab) -> None:
    ids = fill(slow)
    connector = await cut_off(slow, ids)
    fault = slow.sandbox.arm("error_before", route="job", status=503)
    with pytest.raises(RetryLater) as caught:
        await connector.write(renamed(ids[:1]))
    assert fault.fired
    assert not caught.value.uncertain
    assert titles(slow, ids) == ["old"] * 4
    (done,) = await connector.write(renamed(ids[:1]))
    assert isinstance(done, Accepted)
    assert [job.state for job in jobs(slow)] == ["Aborted"]


async def test_a_job_that_has_begun_is_left_to_end_before_anything_else_is_written(slow: Lab) -> None:
    ids = fill(slow)
    connector = bulky(slow)
    now = [0.0]
    advance = slow.sandbox.api.bulk.advance  # type: ignore[union-attr]

    async def sleep(seconds: float) -> None:
        now[0] += 7
        await advance(jobs(slow)[0].id, "InProgress" if now[0] < 50 else "JobComplete")

    connector.sleep, connector.clock = sleep, lambda: now[0]
    with pytest.raises(RetryLater, match="still under way") as caught:
        await connector.write(renamed(ids, "first"))
    assert caught.value.uncertain
    with pytest.raises(RetryLater, match="still under way") as caught:
        await connector.write(renamed(ids[:1], "second"))
    assert not caught.value.uncertain
    assert titles(slow, ids) == ["old"] * 4
    while now[0] < 50:
        await sleep(0)
    (done,) = await connector.write(renamed(ids[:1], "second"))
    assert isinstance(done, Accepted)
    assert titles(slow, ids) == ["second", "first", "first", "first"]


async def test_an_org_whose_jobs_wait_is_written_to_without_them(slow: Lab) -> None:
    ids = fill(slow)
    connector = bulky(slow)
    now = [0.0]

    async def sleep(seconds: float) -> None:
        now[0] += 7

    connector.sleep, connector.clock = sleep, lambda: now[0]
    got = await connector.write(renamed(ids))
    assert all(isinstance(result, Deferred | Uncertain) for result in got)
    got = await connector.write(renamed(ids))
    assert all(isinstance(result, Accepted) for result in got)
    assert titles(slow, ids) == ["new"] * 4
    assert [job.state for job in jobs(slow)] == ["Aborted"]


async def test_a_field_that_went_away_is_told_by_its_name(lab: Lab) -> None:
    ids = fill(lab)
    connector = bulky(lab)
    await connector.describe()
    lab.sandbox.set_quirks(hide_fields=["Contact.Title"])
    got = by_id(await connector.write([*renamed(ids[:3]), update(3, "Contact", ids[3], FirstName="Ann")]))
    assert [(got[n].code, got[n].field) for n in range(3)] == [(UNKNOWN_FIELD, "Title")] * 3
    assert isinstance(got[3], Deferred), "it was in the same job, and is not to blame"


@pytest.mark.parametrize("state", NOW_UNDER_WAY)
async def test_a_job_that_a_killed_process_left_writes_nothing_over_what_is_newer(
    slow: Lab, state: Literal["UploadComplete", "InProgress"]
) -> None:
    ids = fill(slow)
    killed = await cut_off(slow, ids)
    slow.open.remove(killed)
    await killed.client.aclose()
    (job,) = jobs(slow)
    advance = slow.sandbox.api.bulk.advance  # type: ignore[union-attr]
    await advance(job.id, state)

    async def sleep(seconds: float) -> None:
        await advance(job.id, "JobComplete")

    connector = bulky(slow)
    connector.sleep = sleep
    (done,) = await connector.write(renamed(ids[:1], "newer"))
    assert isinstance(done, Accepted)
    if job.state not in OVER:
        await sleep(0)
    assert titles(slow, ids) == ["newer", "cut off", "cut off", "cut off"]
    before = slow.calls
    await connector.write(renamed(ids[:1], "newest"))
    assert slow.calls - before == 2, "jobs of before are asked for once"


async def test_jobs_of_others_and_of_other_objects_hold_nothing_up(slow: Lab) -> None:
    ids = fill(slow)
    killed = await cut_off(slow, ids)
    slow.open.remove(killed)
    await killed.client.aclose()
    (job,) = jobs(slow)
    job.user = "005000000000000AAA"
    (done,) = await bulky(slow).write(renamed(ids[:1], "newer"))
    assert isinstance(done, Accepted)
    assert job.state == "UploadComplete"
