"""What an HTTP run is made of: the twin's people, deaths and rules, and sandboxes with their own quirks.

A `SystemPlan` is the twin's; its `features` name the connector and what the sandbox can do.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from tests.sim.http.forgery import FORGERIES
from tests.sim.twin.plan import NORMALISERS, FaultPlan, Plan, SystemPlan, drawn

FAULTS: dict[str, tuple[str, ...]] = {
    "rest": (
        *("drop", "error_before", "rate_limited", "unauthorized", "forbidden", "hang", "slow", "row_lock"),
        *("lose_answer", "lose_answer", "error_after", "hang_answer", "late_commit", "hide_new", "cut_body"),
        *("wrong_json", "empty_page", "short_page", "lose_next", "cursor_expired", "partial", "shuffle"),
        "fewer",
    ),
    "hubspot": (
        *("drop", "error_before", "rate_limited", "unauthorized", "forbidden", "hang", "slow", "hide_new"),
        *(
            "lose_answer",
            "lose_answer",
            "error_after",
            "hang_answer",
            "late_commit",
            "cut_body",
            "wrong_json",
        ),
        *("empty_page", "short_page", "lose_next", "partial", "fewer"),
    ),
    "salesforce": (
        *("drop", "error_before", "rate_limited", "unauthorized", "forbidden", "hang", "slow", "row_lock"),
        *("lose_answer", "lose_answer", "error_after", "hang_answer", "late_commit", "hide_new", "cut_body"),
        *("wrong_json", "empty_page", "short_page", "lose_next", "partial", "shuffle", "fewer"),
    ),
}
"""By connector: the faults of its sandbox that a call of the connector can meet."""
BATCHED = {"partial", "shuffle", "fewer"}
ALL = 99
"""A number of faults that means one of each, in every system."""


def draw_http(seed: int, events: int = 50, connectors: tuple[str, ...] = tuple(FAULTS)) -> Plan:
    """The plan of a seed."""
    plan = drawn(seed, events)
    pick = random.Random(f"http {seed}")
    merges = any(event.what == "merge" for event in plan.events)
    told = merges or any(event.what == "delete" for event in plan.events)
    systems = tuple(_system(pick, s.name, pick.choice(connectors), told=told) for s in plan.systems)
    length = sum(event.after for event in plan.events)
    return replace(plan, systems=systems, faults=tuple(_faults(pick, systems, length)))


def _faults(pick: random.Random, systems: tuple[SystemPlan, ...], length: float) -> list[FaultPlan]:
    """None, one, a pair, some, or everything at once."""
    number = pick.choice((0, 1, 1, 2, 2, 4, ALL))
    every = [(system, what) for system in systems for what in faults_of(system)]
    chosen = every if number == ALL else [pick.choice(every) for _ in range(number)]
    return [
        FaultPlan(
            round(pick.random() * length, 3),
            what,
            system.name,
            pick.choice((0, 0, 1, 3)) if number < ALL else 0,
            pick.choice((1, 1, 1, 3)) if number < ALL else 1,
            round(pick.choice((0.5, 5.0, 25.0)) * pick.random(), 3),
        )
        for system, what in chosen
    ]


def faults_of(system: SystemPlan) -> list[str]:
    """Those that a system can meet."""
    batches = system.features["batch"] > 0
    names = sorted(set(FAULTS[system.features["connector"]]))
    forged = sorted(FORGERIES) if "webhooks" in system.more else []
    return [*(name for name in names if batches or name not in BATCHED), *forged]


def _system(pick: random.Random, name: str, connector: str, *, told: bool) -> SystemPlan:
    return {"rest": _rest, "hubspot": _hubspot, "salesforce": _salesforce}[connector](pick, name, told=told)


def _rest(pick: random.Random, name: str, *, told: bool) -> SystemPlan:
    batch = pick.choice((0, 3, 100))
    features = {
        "connector": "rest",
        "compare_and_set": pick.random() < 0.6,
        "deletes_reported": True,
        "read_lag": 0.0,
        "batch": batch,
    }
    odd: dict[str, Any] = {
        "stamp_resolution": 1.0,
        "clock_skew": pick.choice((-90.0, 90.0)),
        "noop_bumps": True,
        "cascade_bumps": True,
        "missing": "404",
        "dress_errors": 500,
        "empty_is_404": True,
        "empty_as": "",
        "integer_ids": True,
        "page_cap": 2,
        "no_tombstones": True,
        "record_key": "data",
    }
    if told:
        odd.pop("no_tombstones")
    bent = {what: pick.choice(NORMALISERS) for what in ("name", "phone", "city") if pick.random() < 0.15}
    return SystemPlan(
        name,
        pick.choice(("upsert", "upsert", "keyless")),
        pick.choice((2, 100)),
        features,
        {what: odd[what] for what in odd if pick.random() < 0.12},
        bent,
        unique=pick.random() < 0.15,
        short=pick.choice(("name", "phone", "city")) if pick.random() < 0.1 else "",
        rules=pick.choice((1, 4)) if pick.random() < 0.1 else 0,
        more={"webhooks": _webhooks(pick)} if pick.random() < 0.5 else {},
    )


def _webhooks(pick: random.Random) -> dict[str, Any]:
    """How unreliably the system tells of its changes: each so many-th delivery, 0 for none."""
    every = (0, 0, 2, 3, 5)
    words: dict[str, Any] = {what: pick.choice(every) for what in ("drop", "duplicate", "reorder", "delay")}
    return {**words, "seconds": pick.choice((3.0, 20.0, 60.0)), "replay_id": pick.random() < 0.5}


def _salesforce(pick: random.Random, name: str, *, told: bool) -> SystemPlan:
    features = {
        "connector": "salesforce",
        "compare_and_set": False,
        "deletes_reported": True,
        "read_lag": 0.0,
        "batch": 200,
    }
    odd: dict[str, Any] = {
        "late_stamps": 2.0,
        "noop_bumps": False,
        "cascade_bumps": True,
        "lock_parents": True,
        "lower_emails": False,
    }
    bent = {what: pick.choice(NORMALISERS) for what in ("name", "phone", "city") if pick.random() < 0.15}
    return SystemPlan(
        name,
        pick.choice(("upsert", "upsert", "keyless")),
        pick.choice((2, 100)),
        features,
        {what: odd[what] for what in odd if pick.random() < 0.12},
        bent,
        unique=pick.random() < 0.15,
        short=pick.choice(("name", "phone", "city")) if pick.random() < 0.1 else "",
        rules=pick.choice((1, 4)) if pick.random() < 0.1 else 0,
    )


def _hubspot(pick: random.Random, name: str, *, told: bool) -> SystemPlan:
    lag = pick.choice((0.0, 0.0, 2.0))
    features = {
        "connector": "hubspot",
        "compare_and_set": False,
        "deletes_reported": False,
        "read_lag": lag,
        "batch": 100,
    }
    odd: dict[str, Any] = {
        "noop_bumps": True,
        "page_cap": 2,
        "merge_keeps_id": True,
        "unordered": False,
        "batch_merged": False,
    }
    quirks = {what: odd[what] for what in odd if pick.random() < 0.12}
    quirks |= {"index_lag": lag} if lag else {}
    page = pick.choice((2, 100))
    return SystemPlan(
        name, pick.choice(("upsert", "upsert", "keyless")), page, features, quirks, {}, unique=True
    )
