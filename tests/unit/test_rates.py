"""How many requests are left, as servers say it."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict

from connectors.http import MAX_WAIT, Answer, RateHeaders
from connectors.http.rates import Counted

NOW = "Fri, 02 Jan 2026 03:04:05 GMT"
AT = 1767323045
PLAIN = RateHeaders("X-RateLimit-Remaining", "X-RateLimit-Limit", "X-RateLimit-Reset")
DRAFT = RateHeaders("RateLimit")


def heard(names: RateHeaders | None, status: int = 200, **headers: str) -> Counted:
    """What is known after an answer with these headers."""
    told = Counted(names)
    told.heard(
        Answer(
            status, CIMultiDict({"Date": NOW, **{k.replace("_", "-"): v for k, v in headers.items()}}), b""
        )
    )
    return told


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [
        ("30", 30.0),
        ("0.5", 0.5),
        (str(AT + 30), 30.0),
        (str((AT + 30) * 1000), 30.0),
        ("Fri, 02 Jan 2026 03:04:35 GMT", 30.0),
        ("2026-01-02T03:04:35Z", 30.0),
        (str(AT - 30), 0.0),
        ("soon", None),
        ("", None),
    ],
)
def test_when_it_is_full_again(reset: str, seconds: float | None) -> None:
    meter = heard(PLAIN, X_RateLimit_Remaining="7", X_RateLimit_Limit="100", X_RateLimit_Reset=reset).meter
    assert (meter.heard, meter.remaining, meter.limit, meter.resets_in) == (1, 7, 100, seconds)


@pytest.mark.parametrize(
    ("said", "remaining", "limit", "seconds"),
    [
        ('"default";r=50;t=30', 50, None, 30.0),
        ('"day";r=5000;t=3600, "second";q=10;r=2;t=1', 2, 10, 1.0),
        ("limit=100, remaining=50, reset=30", 50, 100, 30.0),
    ],
)
def test_the_drafts(said: str, remaining: int, limit: int | None, seconds: float) -> None:
    meter = heard(DRAFT, RateLimit=said).meter
    assert (meter.remaining, meter.limit, meter.resets_in) == (remaining, limit, seconds)


@pytest.mark.parametrize("said", ["", "many", "-3", "1e9", "9" * 40])
def test_what_is_no_number_says_nothing(said: str) -> None:
    assert heard(PLAIN, X_RateLimit_Remaining=said, X_RateLimit_Reset="5").meter.heard == 0


def test_a_wait_is_heard_without_any_words() -> None:
    assert heard(None, 429, Retry_After="7").meter.wait == 7.0
    assert heard(None, 200, Retry_After="7").meter.heard == 0
    assert heard(None, 429).meter.heard == 0


def test_a_reset_that_is_far_away_is_asked_about_every_hour() -> None:
    told = heard(PLAIN, X_RateLimit_Remaining="0", X_RateLimit_Reset="99999999")
    assert told.meter.resets_in == MAX_WAIT


def test_of_waits_side_by_side_the_longer_stands() -> None:
    at = [100.0]
    told = Counted(PLAIN, lambda: at[0])

    def hear(status: int, **headers: str) -> float | None:
        told.heard(Answer(status, CIMultiDict(headers), b""))
        return told.meter.wait

    assert hear(429, **{"Retry-After": "60"}) == 60.0
    at[0] += 10.0
    assert hear(429, **{"Retry-After": "1"}) == 50.0
    assert hear(200, **{"X-RateLimit-Remaining": "5"}) == 50.0
    assert hear(503, **{"Retry-After": "70"}) == 70.0
    at[0] += 100.0
    assert hear(200, **{"X-RateLimit-Remaining": "5"}) is None
