"""Events that come bent, late, twice or never: on demand, and each so many-th by the profile."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest

from connectors.salesforce.events import ChangeType
from connectors.salesforce.sandbox.pubsub import EVENT_FAULTS, PubSubOptions
from tests.sandbox.salesforce.listening import LONG, listening


@pytest.mark.parametrize(
    ("op", "gap"),
    [("update", "GAP_UPDATE"), ("delete", "GAP_DELETE"), ("restore", "GAP_UNDELETE")],
)
async def test_a_gap_names_the_record_and_no_field(op: str, gap: str) -> None:
    async with listening() as ear:
        id = ear.contact()
        if op == "restore":
            ear.edit(id, "delete")
        await ear.hear(2 if op == "restore" else 1)
        fault = ear.sandbox.arm("event_gap", object="Contact", ids=[id])
        ear.contact(LastName="Other")
        ear.edit(id, op, **({"Phone": "1"} if op == "update" else {}))
        other, gone = await ear.hear(2)
        assert fault.fired == 1
    assert (other.change, other.gap) == (ChangeType.CREATE, False)
    assert (gone.change, gone.gap, gone.lost, gone.record_ids, gone.fields) == (gap, True, False, (id,), {})


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("event_overflow", "GAP_OVERFLOW"),
        ("event_wildcard", "UPDATE"),
        ("event_garbled", "UNREADABLE"),
    ],
)
async def test_an_event_without_ids_says_that_all_is_to_be_read_again(name: str, change: str) -> None:
    async with listening() as ear:
        id = ear.contact()
        await ear.hear(1)
        fault = ear.sandbox.arm(name)
        ear.edit(id, Phone="1")
        ear.edit(id, Phone="2")
        lost, sound = await ear.hear(2)
        assert fault.fired == 1
    assert (lost.entity, lost.change, lost.gap, lost.lost) == ("Contact", change, True, True)
    assert lost.record_ids == ()
    assert sound.fields["Phone"] == "2"


async def test_a_late_event_comes_after_later_ones() -> None:
    async with listening() as ear:
        fault = ear.sandbox.arm("event_late")
        ear.contact(LastName="first")
        ear.contact(LastName="second")
        (second,) = await ear.hear(1)
        fault.release()
        (first,) = await ear.hear(1)
        assert fault.fired == 1
    assert (first.fields["LastName"], second.fields["LastName"]) == ("first", "second")
    assert first.replay_id > second.replay_id
    assert first.commit_number < second.commit_number


async def test_a_late_event_comes_when_its_time_has_come() -> None:
    async with listening() as ear:
        ear.sandbox.arm("event_late", seconds=3600)
        ear.contact()
        assert await ear.hear() == []
        ringing = asyncio.create_task(ear.events.bell())
        ear.sandbox.clock.advance(3601)
        await asyncio.wait_for(ringing, LONG)
        assert len(await ear.hear(1)) == 1


async def test_a_duplicate_has_a_replay_id_of_its_own() -> None:
    async with listening() as ear:
        fault = ear.sandbox.arm("event_duplicate")
        ear.contact()
        one, two = await ear.hear(2)
        assert fault.fired == 1
    assert one.replay_id < two.replay_id
    assert (one.record_ids, one.commit_number, one.fields) == (two.record_ids, two.commit_number, two.fields)


async def test_a_lost_event_never_comes() -> None:
    async with listening() as ear:
        fault = ear.sandbox.arm("event_lost")
        ear.contact(LastName="first")
        ear.contact(LastName="second")
        (second,) = await ear.hear(1)
        assert (fault.fired, second.fields["LastName"]) == (1, "second")


async def test_events_lag_behind_their_commit_in_order() -> None:
    async with listening(lag=600.0) as ear:
        for name in "ABC":
            ear.contact(LastName=name)
        assert await ear.hear() == []
        ear.sandbox.clock.advance(601)
        ringing = asyncio.create_task(ear.events.bell())
        await asyncio.wait_for(ringing, LONG)
        assert [e.fields["LastName"] for e in await ear.hear(3)] == ["A", "B", "C"]


async def test_a_hostile_bus_does_it_all_by_itself() -> None:
    words = {"gap_each": 3, "duplicate_each": 4, "lose_each": 5, "late_each": 7, "late": 60.0}
    async with listening(**words) as ear:
        for n in range(1, 15):
            ear.contact(LastName=f"n{n}")
        told = await ear.hear(13)
        fired = dict(ear.sandbox.fired.counts)
        ear.sandbox.clock.advance(61)
        ringing = asyncio.create_task(ear.events.bell())
        await asyncio.wait_for(ringing, LONG)
        late = await ear.hear(2)
    assert {name: fired[name] for name in sorted(fired) if name.startswith("event_")} == {
        "event_duplicate": 3,  # 4, 8, 12
        "event_gap": 4,  # 3, 6, 9, 12
        "event_late": 2,  # 7, 14
        "event_lost": 2,  # 5, 10
    }
    assert len(told) == 14 - 2 - 2 + 3
    assert [e.fields.get("LastName") for e in late] == ["n7", "n14"]


async def test_faults_of_events_are_armed_and_told_over_http() -> None:
    async with listening() as ear, aiohttp.ClientSession(ear.sandbox.url) as http:
        for name in EVENT_FAULTS:
            async with http.post("/_sandbox/faults", json={"fault": name, "times": 0}) as answer:
                assert (answer.status, (await answer.json())["fault"]) == (200, name)
        async with http.post("/_sandbox/faults", json={"fault": "event_typo"}) as answer:
            assert answer.status == 400
            assert "event_gap" in await answer.text()
        async with http.get("/_sandbox/ready") as answer:
            told = await answer.json()
        assert told["pubsub"].startswith("127.0.0.1:")
        assert len(told["org_id"]) == 18


async def test_a_fault_for_any_call_waits_for_rest() -> None:
    async with listening() as ear:
        fault = ear.sandbox.arm("drop")
        ear.contact()
        assert len(await ear.hear(1)) == 1
        assert fault.fired == 0


async def test_without_the_service_the_ready_line_says_so() -> None:
    from connectors.salesforce.sandbox import SalesforceSandbox

    sandbox = SalesforceSandbox({"pubsub": {"enabled": False}})
    async with sandbox.serving():
        assert sandbox.ready()["pubsub"] is None


def test_the_page_names_every_word_and_fault() -> None:
    page = Path(__file__).parents[3] / "docs" / "sandbox-salesforce-pubsub.md"
    text = page.read_text(encoding="utf-8")
    assert [name for name in (*PubSubOptions.model_fields, *EVENT_FAULTS) if f"`{name}`" not in text] == []
