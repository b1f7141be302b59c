"""What a poll by stamps remembers: what was told, where to begin again, and by whose clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.salesforce.cursors import cursor, of_events, polled, state_of
from connectors.salesforce.window import KEPT, Window, window_from
from syncd.core.errors import CursorLost, NeedsOperator
from syncd.core.nouns import Cursor

AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
MARGIN = timedelta(seconds=60)
ONE, OTHER = "00328000004ffFXAAY", "00328000004ffFYAAY"


def row(id: str, **fields: Any) -> dict[str, Any]:
    return {"attributes": {"url": "…"}, "Id": id, **fields}


def test_a_row_is_told_once_and_again_when_it_differs_within_one_second() -> None:
    window = Window(MARGIN)
    assert window.is_news(ONE, AT, row(ONE, Name="a"))
    assert not window.is_news(ONE, AT, row(ONE, Name="a"))
    assert window.is_news(ONE, AT, row(ONE, Name="b"))


def test_the_next_poll_begins_before_the_newest_stamp() -> None:
    window = Window(MARGIN)
    window.is_news(ONE, AT, row(ONE))
    assert window.since() == AT - MARGIN


def test_a_quiet_window_moves_on_with_the_servers_clock() -> None:
    window = Window(MARGIN, AT, AT, AT)
    window.began(AT + timedelta(seconds=31), AT + timedelta(seconds=31))
    assert window.high == AT + timedelta(seconds=30), "a Date header is exact to a second"
    window.began(AT - timedelta(days=1), AT + timedelta(seconds=41))
    assert window.high == AT + timedelta(seconds=30), "a clock that steps back moves nothing"


def test_a_stamp_far_ahead_hides_nothing() -> None:
    window = Window(MARGIN, None, AT)
    window.is_news(ONE, AT + timedelta(days=365), row(ONE))
    assert window.high is not None
    assert window.high < AT + timedelta(seconds=6)


AFTER = timedelta(seconds=600)


@pytest.mark.parametrize("lasting", [False, True])
def test_a_server_clock_that_steps_ahead_hides_nothing(lasting: bool) -> None:
    """Its stamps may step with it or not: the end is never ahead of what time really passed."""
    window = Window(MARGIN, AT, AT, AT)
    for poll in range(1, 120):
        now = AT + timedelta(seconds=10 * poll)
        window.began(now + AFTER if lasting or poll == 1 else now, now)
        assert window.high is not None
        assert window.high <= now
    assert window.high is not None
    assert window.high > now - timedelta(seconds=180), "and it goes on"


def test_a_server_clock_that_stepped_ahead_is_believed_in_the_end() -> None:
    window = Window(MARGIN, AT, AT, AT)
    for poll in range(1, 70):
        now = AT + timedelta(seconds=10 * poll)
        window.began(now + AFTER, now)
        window.is_news(ONE, now + AFTER, row(ONE, Name=str(poll)))
    assert window.high == now + AFTER


def test_our_own_clock_that_steps_hides_nothing() -> None:
    window = Window(MARGIN, AT, AT, AT)
    for poll, step in enumerate((0, 3600, 3600, -3600, -3600, 0), 1):
        now = AT + timedelta(seconds=10 * poll)
        window.began(now, now + timedelta(seconds=step))
        assert window.high is not None
        assert window.high <= now


def test_a_first_answer_that_is_ahead_hides_nothing() -> None:
    window = Window(MARGIN)
    window.began(AT + AFTER, AT)
    assert window.begins() == AT


def test_what_is_behind_the_window_is_forgotten() -> None:
    window = Window(MARGIN)
    window.is_news(ONE, AT, row(ONE))
    window.is_news(OTHER, AT + timedelta(seconds=61), row(OTHER))
    window.prune()
    assert list(window.marks) == [OTHER[:15]]


def test_a_window_survives_its_cursor() -> None:
    window = Window(MARGIN, None, AT, AT)
    for n in range(500):
        id = f"003{n:012}AAA"
        window.is_news(id, AT + timedelta(seconds=n % 3), row(id))
    found = window_from(window.state(), MARGIN)
    assert found == window


def test_a_mass_change_does_not_grow_the_cursor_without_end() -> None:
    window = Window(MARGIN)
    for n in range(KEPT + 10):
        id = f"003{n:012}AAA"
        window.is_news(id, AT, row(id))
    assert len(window_from(window.state(), MARGIN).marks) == KEPT


def test_a_cursor_of_another_org_is_refused() -> None:
    since = cursor({"mode": "poll", "org": "00D1"})
    assert state_of(since, "00D1") == {"mode": "poll", "org": "00D1"}
    with pytest.raises(NeedsOperator, match="org 00D2") as caught:
        state_of(since, "00D2")
    assert "log-in of before" in caught.value.todo


@pytest.mark.parametrize("token", ["", "rubbish", "[]", "{}", '{"mode":"x"}', "null"])
def test_rubbish_is_no_cursor(token: str) -> None:
    with pytest.raises(CursorLost):
        state_of(Cursor(token), "00D1")


def test_time_that_a_long_walk_took_is_not_counted_twice() -> None:
    """Later pages show stamps newer than the first one's date: the next poll must not begin ahead of them."""
    window = Window(MARGIN, AT, AT, AT)
    window.began(AT + timedelta(seconds=10), AT + timedelta(seconds=10))
    for second in range(20, 210, 10):
        now = AT + timedelta(seconds=second)
        window.is_news(ONE, now, row(ONE, Name=str(second)))
        window.passed(now, now)
    window.began(AT + timedelta(seconds=210), AT + timedelta(seconds=210))
    assert window.high is not None
    assert window.high <= AT + timedelta(seconds=210)


def test_servers_whose_clocks_differ_do_not_push_the_window_ahead() -> None:
    window = Window(MARGIN, AT, AT, AT)
    for poll in range(1, 100):
        now = AT + timedelta(seconds=5 * poll)
        window.began(now + timedelta(seconds=8 if poll % 2 else 0), now)
        assert window.high is not None
        assert window.high <= now


AWAY = {"mode": "poll", "high": "2026-03-01T09:31:00+00:00", "seen": {}}
LATER: list[tuple[dict[str, Any], dict[str, Any] | None]] = [
    ({"poll": {"mode": "first"}}, None),
    ({"poll": {"mode": "poll", "again": "x"}, "at": "t"}, {"mode": "poll", "again": "x"}),
    ({"poll": None, "at": "t"}, {"mode": "poll", "high": "t"}),
    (
        {"poll": None, "at": "t", "refresh": {"last": "r"}},
        {"mode": "poll", "high": "t", "refresh": {"last": "r"}},
    ),
    ({"poll": None, "at": None}, {"mode": "poll", "again": None}),
    ({"poll": None, "at": "t", "away": AWAY}, AWAY),
]


@pytest.mark.parametrize(("words", "state"), LATER)
def test_who_read_events_polls_on_from_what_is_known(
    words: dict[str, Any], state: dict[str, Any] | None
) -> None:
    before = {"mode": "events", "org": "00D1", "replay": "r", **words}
    assert of_events(cursor(before))
    assert polled(before) == (None if state is None else {"org": "00D1", **state})
