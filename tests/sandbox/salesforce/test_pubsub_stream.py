"""Reading on: cursors, flow control, keepalives, the bell, and streams that end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from connectors.salesforce.events import Batch, Session
from connectors.salesforce.events.stream import MOST, SILENT
from connectors.sandboxes.clock import MovableClock
from syncd.core.errors import CursorLost, NeedsOperator, RetryLater
from tests.sandbox.salesforce.listening import CONTACTS, LONG, Ear, listening

SUBSCRIBED = f"pubsub.subscribe {CONTACTS}"


def names(ear: Ear, count: int, first: int = 0) -> list[str]:
    """So many contacts, by last name."""
    made = [f"n{n}" for n in range(first, first + count)]
    for name in made:
        ear.contact(LastName=name)
    return made


async def heard(ear: Ear, count: int) -> list[str]:
    """The last names of the contacts that were made, at least so many."""
    return [event.fields["LastName"] for event in await ear.hear(count)]


async def test_a_quiet_read_ends_with_a_cursor_that_moved() -> None:
    async with listening() as ear:
        before = ear.after
        assert await ear.hear() == []
        assert ear.after > before
        made = names(ear, 1)
        assert await heard(ear, len(made)) == made


async def test_the_stream_stays_open_from_read_to_read() -> None:
    async with listening() as ear:
        for n in range(5):
            made = names(ear, 2, 10 * n)
            assert await heard(ear, len(made)) == made
        assert ear.sandbox.calls[SUBSCRIBED] == 1


async def test_reading_goes_on_after_any_event() -> None:
    async with listening(batch=1) as ear:
        made, cursors = names(ear, 6), []
        async for batch in ear.events.read(CONTACTS, ear.after):
            cursors += [(event.fields["LastName"], event.replay_id) for event in batch.events]
        for place, (name, cursor) in enumerate(cursors):
            assert name == made[place]
            ear.after = cursor
            assert await heard(ear, len(made[place + 1 :])) == made[place + 1 :]


async def test_a_batch_that_was_not_stored_is_read_again() -> None:
    async with listening() as ear:
        made = names(ear, 3)
        async for batch in ear.events.read(CONTACTS, ear.after):
            assert batch.events
            break  # a crash before the cursor was stored
        assert await heard(ear, len(made)) == made


async def test_more_than_may_be_asked_for_comes_in_turns() -> None:
    async with listening() as ear:
        made = names(ear, 350)
        assert await heard(ear, len(made)) == made


async def test_what_nobody_takes_stays_with_the_service() -> None:
    async with listening() as ear:
        await ear.hear()  # the stream is open
        made = names(ear, 350)
        feed = ear.events.feeds[CONTACTS][0]
        assert feed._stream is not None
        while sum(len(answer.events) for answer in feed._stream.waiting) < MOST:
            await asyncio.wait_for(ear.events.bell(), LONG)
        await ear.events.check(CONTACTS)  # a way to the service and back: what was sent is here
        assert sum(len(response.events) for response in feed._stream.waiting) == MOST
        assert await heard(ear, len(made)) == made


async def test_the_bell_rings_once_for_what_came() -> None:
    async with listening() as ear:
        await ear.hear()
        ringing = asyncio.create_task(ear.events.bell())
        await ear.events.check(CONTACTS)
        assert not ringing.done()
        made = names(ear, 1)
        await asyncio.wait_for(ringing, LONG)
        assert await heard(ear, len(made)) == made
        again = asyncio.create_task(ear.events.bell())
        before = ear.service.bus.tip
        async with asyncio.timeout(LONG):
            while ear.service.bus.tip == before:  # until a keepalive was sent, which is no ring
                await ear.events.check(CONTACTS)
        await ear.events.check(CONTACTS)
        assert not again.done()
        again.cancel()


async def test_a_position_is_known_after_a_while_and_nothing_later_is_missed() -> None:
    async with listening() as ear:
        names(ear, 2)  # before anybody listened
        assert await ear.events.position(CONTACTS) is None
        await asyncio.wait_for(ear.events.bell(), LONG)
        found = await ear.events.position(CONTACTS)
        assert found is not None
        made = names(ear, 3, 5)
        ear.after = found
        assert await heard(ear, len(made)) == made


async def test_a_position_that_an_event_told_is_past_that_event() -> None:
    async with listening() as ear:
        assert await ear.events.position(CONTACTS) is None
        await asyncio.wait_for(ear.events.bell(), LONG)
        assert await ear.events.position(CONTACTS) is not None
        names(ear, 1)
        await asyncio.wait_for(ear.events.bell(), LONG)  # it went by: whoever polls may look at once
        found = await ear.events.position(CONTACTS)
        assert found is not None
        ear.after = found
        made = names(ear, 1, 7)
        assert await heard(ear, len(made)) == made


async def test_without_keepalives_a_read_ends_when_all_is_quiet() -> None:
    async with listening(keepalive=270.0, settle=0.2) as ear:
        made = names(ear, 3)
        assert await heard(ear, len(made)) == made


async def test_a_position_waits_out_a_service_that_is_away() -> None:
    async with listening() as ear:
        fault = ear.sandbox.arm("drop", route="pubsub.subscribe", times=2)
        async with asyncio.timeout(LONG):
            while fault.fired < 2 or ear.events.trouble(CONTACTS) is None:
                assert await ear.events.position(CONTACTS) is None
                await ear.events.check(CONTACTS)
        assert isinstance(ear.events.trouble(CONTACTS), RetryLater)
        async with asyncio.timeout(LONG):
            while await ear.events.position(CONTACTS) is None:
                await ear.events.check(CONTACTS)
        assert ear.events.trouble(CONTACTS) is None


async def test_a_position_that_nobody_may_have_is_told() -> None:
    async with listening() as ear:
        async with asyncio.timeout(LONG):
            with pytest.raises(NeedsOperator, match="Select the object"):
                while await ear.events.position("/data/NothingChangeEvent") is None:
                    await ear.events.check(CONTACTS)


async def test_a_position_with_a_session_that_ended_gets_another() -> None:
    async with listening() as ear:
        ear.sandbox.auth.revoke()
        async with asyncio.timeout(LONG):
            while await ear.events.position(CONTACTS) is None:
                await asyncio.sleep(0)
        assert len(ear.refused) == 1


async def test_a_position_with_a_session_that_is_never_taken_is_told() -> None:
    async with listening(renew=False) as ear:
        ear.sandbox.auth.revoke()
        async with asyncio.timeout(LONG):
            with pytest.raises(NeedsOperator, match="Log in again"):
                while await ear.events.position(CONTACTS) is None:
                    await asyncio.sleep(0)


async def test_events_share_a_batch_when_they_come_together() -> None:
    async with listening(batch=1, settle=0.5, keepalive=270.0) as ear:
        reading = asyncio.create_task(_sizes(ear, 100))
        for n in range(100):
            ear.contact(LastName=f"n{n}")
            await asyncio.sleep(0)
        sizes = await asyncio.wait_for(reading, LONG)
        assert len(sizes) <= 5
        names(ear, 100, 100)
        sizes = await asyncio.wait_for(_sizes(ear, 100), LONG)
        assert len(sizes) <= 3


async def _sizes(ear: Ear, count: int) -> list[int]:
    """The sizes of the batches that so many events come in."""
    found: list[int] = []
    while sum(found) < count:
        async for batch in ear.events.read(CONTACTS, ear.after):
            ear.after = batch.replay_id
            found += [len(batch.events)] if batch.events else []
    return found


async def test_a_read_ends_though_it_never_falls_quiet() -> None:
    async with listening(keepalive=270.0, settle=0.3) as ear:
        stop = asyncio.Event()

        async def busy() -> None:
            while not stop.is_set():
                names(ear, 1, 0)
                await ear.events.check(CONTACTS)

        editing = asyncio.create_task(busy())
        heard = [event async for batch in _within(ear) for event in batch.events]
        stop.set()
        await editing
        assert len(heard) > 5


async def _within(ear: Ear) -> AsyncIterator[Batch]:
    async with asyncio.timeout(LONG):
        async for batch in ear.events.read(CONTACTS, ear.after):
            yield batch


async def test_a_newer_read_ends_an_older_one() -> None:
    async with listening(batch=1) as ear:
        made = names(ear, 3)
        older = ear.events.read(CONTACTS, ear.after)
        first = await anext(older)
        assert first.events[0].fields["LastName"] == made[0]
        assert await heard(ear, len(made)) == made
        assert [batch async for batch in older] == []


async def test_several_readers_do_not_end_each_other() -> None:
    async with listening(batch=1, readers=2) as ear:
        made = names(ear, 3)
        one = ear.events.read(CONTACTS, ear.after)
        first = await anext(one)
        assert await heard(ear, len(made)) == made
        rest = [event async for batch in one for event in batch.events]
        assert [e.fields["LastName"] for e in (*first.events, *rest)] == made
        assert ear.sandbox.calls[SUBSCRIBED] == 2
        assert await ear.events.position(CONTACTS) is not None, "where somebody reads is a place to begin"
        made = names(ear, 2)
        assert await heard(ear, len(made)) == made
        assert ear.sandbox.calls[SUBSCRIBED] == 2, "who comes back finds the stream where it stood"


async def test_topics_are_read_beside_each_other() -> None:
    async with listening() as ear:
        ear.made("Account", Name="Acme")
        made, contacts = names(ear, 2), ear.after
        ear.topic = "/data/AccountChangeEvent"
        assert [e.entity for e in await ear.hear(1)] == ["Account"]
        ear.topic, ear.after = CONTACTS, contacts
        assert await heard(ear, len(made)) == made


async def test_a_channel_carries_its_objects() -> None:
    async with listening(channels={"Sync__chn": ["Contact", "Campaign"]}, selected=["Lead"]) as ear:
        ear.listen("/data/Sync__chn")
        ear.contact()
        ear.made("Campaign", Name="Fair")
        ear.made("Account", Name="Acme")
        ear.made("Lead", LastName="A", Company="B")
        assert [e.entity for e in await ear.hear(2)] == ["Contact", "Campaign"]
        ear.listen("/data/ChangeEvents")
        ear.made("Lead", LastName="C", Company="D")
        ear.contact()
        assert [e.entity for e in await ear.hear(1)] == ["Lead"]
        ear.listen("/data/AccountChangeEvent")
        ear.made("Account", Name="Acme")
        assert await ear.hear() == []  # there is such a channel; the object is not selected


async def test_a_cursor_older_than_72_hours_is_lost() -> None:
    async with listening() as ear:
        names(ear, 2)
        await ear.hear(2)
        old = ear.after
        ear.sandbox.clock.advance(72 * 3600 - 60)
        assert await ear.hear() == []
        newer = ear.after
        ear.sandbox.clock.advance(120)
        ear.after = old
        with pytest.raises(CursorLost, match="72 hours"):
            await ear.hear()
        assert await ear.events.position(CONTACTS) is None  # the lost one is no position
        ear.after = newer  # a keepalive's id, younger than that
        assert await ear.hear() == []


@pytest.mark.parametrize("cursor", [b"", b"\x00" * 8, b"what is this"])
async def test_a_cursor_that_is_none_is_lost(cursor: bytes) -> None:
    async with listening() as ear:
        ear.after = cursor
        with pytest.raises(CursorLost):
            await ear.hear()


async def test_a_session_that_ended_is_replaced_once() -> None:
    async with listening() as ear:
        await ear.hear()
        ear.sandbox.auth.revoke()
        made = names(ear, 2)
        assert await heard(ear, len(made)) == made
        assert len(ear.refused) == 1
        await ear.events.check(CONTACTS)
        assert len(ear.refused) == 1


async def test_a_session_that_is_refused_twice_needs_a_person() -> None:
    async with listening(renew=False) as ear:
        ear.sandbox.auth.revoke()
        with pytest.raises(NeedsOperator, match="Log in again"):
            await ear.hear()
        with pytest.raises(NeedsOperator, match="Log in again"):
            await ear.events.check(CONTACTS)


async def test_a_topic_that_is_not_there_needs_a_person() -> None:
    async with listening() as ear:
        ear.topic = "/data/NothingChangeEvent"
        with pytest.raises(NeedsOperator, match="Select the object for Change Data Capture"):
            await ear.hear()
        with pytest.raises(NeedsOperator, match="Select the object"):
            await ear.events.check(ear.topic)
        with pytest.raises(NeedsOperator, match="Select the object"):
            await ear.events.check("/data/contactchangeevent")  # names are case-sensitive


async def test_a_right_that_is_missing_needs_a_person() -> None:
    async with listening() as ear:
        fault = ear.sandbox.arm("forbidden", route="pubsub.subscribe")
        with pytest.raises(NeedsOperator, match="View All"):
            await ear.hear()
        assert fault.fired == 1


@pytest.mark.parametrize(
    ("name", "args", "after"),
    [("drop", {}, 5.0), ("error_before", {}, 5.0), ("rate_limited", {}, 30.0), ("stream_reset", {}, 5.0)],
)
async def test_what_passes_is_tried_again_and_nothing_is_missed(
    name: str, args: dict[str, object], after: float
) -> None:
    async with listening() as ear:
        fault = ear.sandbox.arm(name, route="pubsub.subscribe", **args)
        made = names(ear, 2)
        with pytest.raises(RetryLater) as error:
            await ear.hear()
        assert error.value.after == after
        assert fault.fired == 1
        assert await heard(ear, len(made)) == made


async def test_a_schema_that_cannot_be_had_now_holds_the_cursor() -> None:
    async with listening() as ear:
        fault = ear.sandbox.arm("drop", route="pubsub.schema")
        made, before = names(ear, 2), ear.after
        with pytest.raises(RetryLater):
            await ear.hear()
        assert (fault.fired, ear.after) == (1, before)
        assert await heard(ear, len(made)) == made


async def test_an_allocation_that_is_used_up_asks_to_wait_long() -> None:
    async with listening(deliveries=3, batch=2) as ear:
        made, got = names(ear, 5), []
        with pytest.raises(RetryLater, match="allocation") as error:
            async for batch in ear.events.read(CONTACTS, ear.after):
                got += [event.fields["LastName"] for event in batch.events]
                ear.after = batch.replay_id
        assert (got, error.value.after) == (made[:2], 900.0)
        ear.sandbox.clock.advance(86_401)
        assert await heard(ear, len(made[2:])) == made[2:]


async def test_too_many_clients_are_told_so() -> None:
    async with listening(clients=1) as ear:
        await ear.hear()
        other = ear.events.read("/data/AccountChangeEvent", ear.after)
        with pytest.raises(RetryLater, match="too many clients"):
            await anext(other)


async def test_a_stream_that_fell_silent_is_given_up() -> None:
    clock = MovableClock()
    async with listening(clock=clock) as ear:
        await ear.hear()
        fault = ear.sandbox.arm("stream_silent")
        made = names(ear, 2)
        reading = asyncio.create_task(ear.hear())
        await asyncio.wait_for(fault.reached.wait(), LONG)
        clock.advance(SILENT + 1)
        told = await asyncio.wait_for(reading, LONG)
        assert [event.fields["LastName"] for event in told] == made


async def test_an_idle_stream_that_the_service_closed_is_begun_anew() -> None:
    async with listening(idle=0.05) as ear:
        made = names(ear, 2 * MOST)
        reading = ear.events.read(CONTACTS, ear.after)
        first = await anext(reading)  # with all that was asked for delivered, nothing more is asked for
        await asyncio.wait_for(ear.service.no_stream.wait(), LONG)
        assert len(first.events) == MOST
        ear.after = first.replay_id
        assert await heard(ear, len(made[MOST:])) == made[MOST:]


async def test_a_service_that_is_gone_is_tried_later() -> None:
    async with listening() as ear:
        await ear.hear()
        events, after = ear.events, ear.after
        sandbox = ear.sandbox
        ear.events = await _other(ear)
    with pytest.raises(RetryLater):
        async for _ in events.read(CONTACTS, after):
            pass
    with pytest.raises(RetryLater):
        await events.check(CONTACTS)
    await events.aclose()
    await events.aclose()
    assert sandbox.pubsub is not None


async def _other(ear: Ear) -> object:
    """A client that the harness may close in place of the one under test."""
    from connectors.salesforce.events import subscribe

    return subscribe(ear.events.channel.sessions, endpoint=ear.events.channel.endpoint)


async def test_closing_leaves_no_stream_behind() -> None:
    async with listening() as ear:
        await ear.hear()
        assert ear.service.streams == 1
        ringing = asyncio.create_task(ear.events.bell())
        await ear.events.aclose()
        await ear.events.aclose()
        await asyncio.wait_for(ear.service.no_stream.wait(), LONG)
        ringing.cancel()
        assert [t.get_name() for t in asyncio.all_tasks() if t.get_name().startswith("events ")] == []


@pytest.mark.parametrize("token", ["line\nbreak", "ключ", ""])
async def test_a_token_that_cannot_be_sent_needs_a_person(token: str) -> None:
    async with listening() as ear:

        async def sessions(stale: Session | None) -> Session:
            return Session(token, ear.sandbox.url, ear.sandbox.world.org_id)

        ear.events.channel.sessions = sessions
        with pytest.raises(NeedsOperator):
            await ear.events.check(CONTACTS)
        with pytest.raises(NeedsOperator):
            await ear.hear()


async def test_over_tls_the_certificate_is_believed_or_not() -> None:
    async with listening(tls=True) as ear:
        made = names(ear, 2)
        assert await heard(ear, len(made)) == made
        ear.events.channel.ca = None
        await ear.events.channel.aclose()
        with pytest.raises(RetryLater):
            await ear.events.check(CONTACTS)
