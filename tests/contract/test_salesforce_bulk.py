"""Bulk jobs that take their time, fail, or are aborted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count
from typing import Any

import pytest

from connectors.salesforce import SalesforceConnector
from syncd.core.errors import RetryLater
from syncd.core.nouns import Accepted, Deferred, Op, Rejected, Uncertain
from tests.contract.salesforce_lab import Lab, Reader, by_id, create, update

CONTACT = {"Contact": ("FirstName", "LastName", "Title")}


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    """An org whose jobs wait until they are moved on."""
    async with Lab.running(quirks={"bulk_steps": True}) as lab:
        yield lab


def bulky(lab: Lab, then: Callable[[str], Awaitable[None]] | None = None) -> SalesforceConnector:
    """A connector for which everything is much; `then` happens to its newest job whenever it would wait."""
    connector = lab.connect(fields=CONTACT, bulk_above=1, bulk_writes_above=1)
    ticks = count(0, 5)

    async def sleep(seconds: float) -> None:
        if then is not None:
            await then(newest(lab))

    connector.sleep, connector.clock = sleep, lambda: float(next(ticks))
    return connector


def newest(lab: Lab) -> str:
    assert lab.sandbox.api is not None
    return list(lab.sandbox.api.bulk.jobs.all)[-1]


def step(lab: Lab, state: str) -> Callable[[str], Awaitable[None]]:
    """Moves a job on."""

    async def then(id: str) -> None:
        await advance(lab, id, state)

    return then


async def advance(lab: Lab, id: str, state: Any) -> None:
    assert lab.sandbox.api is not None
    await lab.sandbox.api.bulk.advance(id, state)


async def fill(lab: Lab) -> list[str]:
    return [lab.edit("Contact", "create", fields={"LastName": f"A{n}"}) for n in range(4)]


async def test_a_first_read_waits_for_its_job_and_then_polls(lab: Lab) -> None:
    ids = await fill(lab)
    reader = Reader(bulky(lab, step(lab, "JobComplete")), "Contact")
    assert sorted({change.remote_id for change in await reader.read()}) == ids
    lab.edit("Contact", id=ids[1], fields={"Title": "Dr"})
    assert "Dr" in [change.fields["Title"] for change in await reader.read()]


@pytest.mark.parametrize("state", ["Failed", "Aborted"])
async def test_a_first_read_goes_on_without_a_job_that_failed(lab: Lab, state: str) -> None:
    ids = await fill(lab)
    reader = Reader(bulky(lab, step(lab, state)), "Contact")
    assert sorted({change.remote_id for change in await reader.read()}) == ids


async def test_a_first_read_finds_its_job_again_after_a_crash(lab: Lab) -> None:
    ids = await fill(lab)
    walk = bulky(lab).read_changes("Contact", None)
    counted, first = await anext(walk), await anext(walk)
    await walk.aclose()
    assert (counted.changes, first.changes) == ([], [])
    reader = Reader(bulky(lab, step(lab, "JobComplete")), "Contact")
    reader.cursor = first.cursor
    assert sorted({change.remote_id for change in await reader.read()}) == ids
    assert lab.sandbox.api is not None
    assert len(lab.sandbox.api.bulk.jobs.all) == 1, "no second job was made"


@pytest.mark.parametrize("fault", ["short_page", "empty_page"])
async def test_a_result_that_ends_early_is_read_again_page_by_page(lab: Lab, fault: str) -> None:
    """F12: the job says how many records it found."""
    ids = await fill(lab)
    connector = bulky(lab, step(lab, "JobComplete"))
    first = lab.sandbox.arm(fault, route="bulk.list")
    assert {change.remote_id for change in await Reader(connector, "Contact").read()} == set(ids)
    again = lab.sandbox.arm(fault, route="bulk.list")
    pages = [page async for page in connector.scan("Contact")]
    assert {change.remote_id for page in pages for change in page.changes} == set(ids)
    assert [page.complete for page in pages][-1:] == [True]
    assert sum(page.complete for page in pages) == 1
    assert (first.fired, again.fired) == (1, 1)


async def test_a_job_that_is_gone_before_its_result_was_fetched_is_done_without(lab: Lab) -> None:
    ids = await fill(lab)
    reader = Reader(bulky(lab, step(lab, "JobComplete")), "Contact")
    assert lab.sandbox.api is not None
    gone = lab.sandbox.arm("error_before", route="bulk.list", status=404, code="NOT_FOUND")
    with pytest.raises(RetryLater, match="the job is gone"):
        await reader.read()
    lab.sandbox.api.bulk.jobs.all.clear()
    assert {change.remote_id for change in await reader.read()} == set(ids)
    assert gone.fired


@pytest.mark.parametrize("answer", [("QUERY_TIMEOUT", 400), ("SERVER_UNAVAILABLE", 503)])
async def test_what_cannot_be_counted_in_time_is_read_by_a_job(lab: Lab, answer: tuple[str, int]) -> None:
    ids = await fill(lab)
    connector = bulky(lab, step(lab, "JobComplete"))
    await connector.describe()
    code, status = answer
    slow = lab.sandbox.arm("error_before", route="list", code=code, status=status)
    assert {change.remote_id for change in await Reader(connector, "Contact").read()} == set(ids)
    again = lab.sandbox.arm("error_before", route="list", code=code, status=status)
    pages = [page async for page in connector.scan("Contact")]
    assert {change.remote_id for page in pages for change in page.changes} == set(ids)
    assert pages[0].changes == [], "what took the time of a call is a call of its own"
    assert (slow.fired, again.fired) == (1, 1)


async def test_a_sweep_tells_what_moved_since_its_job_began_as_it_is(lab: Lab) -> None:
    ids = await fill(lab)

    async def then(id: str) -> None:
        await advance(lab, id, "JobComplete")
        lab.edit("Contact", id=ids[0], fields={"Title": "Meanwhile"})
        lab.edit("Contact", "delete", id=ids[1])

    pages = [page async for page in bulky(lab, then).scan("Contact")]
    told = {change.remote_id: change for page in pages for change in page.changes}
    assert pages[-1].complete
    assert set(told) == {ids[0], *ids[2:]}
    assert {change.op for change in told.values()} == {Op.UPSERT}
    assert told[ids[0]].fields["Title"] == "Meanwhile"


async def test_a_sweep_whose_job_fails_is_no_sweep(lab: Lab) -> None:
    await fill(lab)
    with pytest.raises(RetryLater):
        async for page in bulky(lab, step(lab, "Failed")).scan("Contact"):
            assert not page.complete


async def test_a_write_that_takes_too_long_is_aborted_and_waits(lab: Lab) -> None:
    ids = await fill(lab)
    got = by_id(await bulky(lab).write([update(n, "Contact", id, Title="Dr") for n, id in enumerate(ids)]))
    assert all(isinstance(result, Deferred | Uncertain) for result in got.values())
    assert {lab.row("Contact", id)["Title"] for id in ids} == {None}


async def test_each_row_of_a_job_has_its_own_result(lab: Lab) -> None:
    rows = [create(n, "Contact", LastName=f"A{n}") for n in range(3)]
    rows.append(create(3, "Contact", FirstName="no last name"))
    got = by_id(await bulky(lab, step(lab, "JobComplete")).write(rows))
    assert [type(got[n]) for n in range(4)] == [Accepted, Accepted, Accepted, Rejected]
    refused = got[3]
    assert isinstance(refused, Rejected)
    assert refused.code == "REQUIRED_FIELD_MISSING"
    assert len(lab.sandbox.people.rows("Contact")) == 3
