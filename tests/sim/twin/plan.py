"""What one run is made of, drawn from its seed: the systems and their quirks, what people do, what fails."""

from __future__ import annotations

import random
from typing import Any

from tests.sim.twin.drawings import embellished
from tests.sim.twin.lives import lived
from tests.sim.twin.shape import Event, FaultPlan, Plan, SystemPlan, wide
from tests.sim.twin.worlds import enlarged

__all__ = ["Event", "FaultPlan", "Plan", "SystemPlan", "config", "draw", "drawn", "has_key"]

KINDS = ("firms", "people")
RULES = (
    "[{strategy: prefer, systems: [a, b]}]",
    "[{strategy: prefer, systems: [b, a]}]",
    "[{strategy: newest, skew: 1s}, {strategy: ask}]",
    "[{strategy: newest, skew: 1s}, {strategy: prefer, systems: [a, b]}]",
    "[{strategy: ask}]",
)
KEYS = ("upsert", "findable", "client_ids", "keyless")
TEXTS = {"firms": ("city",), "people": ("name", "phone")}
NORMALISERS = ("trim", "lower", "cut:6")


def draw(seed: int, events: int = 50) -> Plan:
    """The plan of a seed; every fourth tells of more than edits, faults at points and kills, and every
    twelfth of the daemon itself."""
    plan = drawn(seed, events)
    if seed % 24 in (4, 12):
        return lived(plan)
    return embellished(plan) if seed % 4 == 2 else plan


def drawn(seed: int, events: int) -> Plan:
    """The same without its chapter."""
    pick = random.Random(f"plan {seed}")
    systems = tuple(_system(pick, name) for name in ("a", "b", "c")[: pick.choice((2, 2, 3))])
    names = [system.name for system in systems]
    told = all(system.features["deletes_reported"] for system in systems)
    pace = pick.choice((0.1, 0.5, 2.0))
    people = tuple(_events(pick, names, events, pace, merges=told))
    length = sum(event.after for event in people)
    faults = tuple(_faults(pick, names, length))
    deaths = tuple(_death(pick) for _ in range(pick.choice((0, 0, 1, 1, 2, 4))))
    policy = pick.choice(("propagate", "propagate", "propagate", "ignore", "unlink"))
    against = pick.choice(("ask", "delete-wins", "edit-wins"))
    return Plan(
        seed,
        systems,
        pick.choice(RULES),
        f"{{policy: {policy}, against_edit: {against}}}",
        people,
        faults,
        deaths,
        poll=pick.choice((1.0, 3.0, 5.0)),
        sweep=pick.choice((15.0, 600.0, 600.0)),
        slow=pick.choice((0.0, 0.02, 0.3)),
    )


def _death(pick: random.Random) -> int:
    """At any point, or at one around a write."""
    return pick.randint(1, 1500) if pick.random() < 0.5 else -pick.randint(1, 25)


def _system(pick: random.Random, name: str) -> SystemPlan:
    keys = pick.choice(KEYS)
    tells = pick.random() < 0.8
    features = {
        "compare_and_set": pick.random() < 0.6,
        "stored_in_answer": pick.random() < 0.7,
        "partial_fields": pick.random() < 0.2,
        "deletes_reported": tells,
        "read_lag": pick.choice((0.0, 0.0, 1.5)),
        "find_lag": pick.choice((0.0, 0.0, 3.0)) if keys == "findable" else 0.0,
        "read_batch": pick.choice((2, 100)),
        "write_batch": pick.choice((1, 3, 100)),
    }
    odd: dict[str, Any] = {
        "stamp_resolution": 1.0,
        "clock_skew": pick.choice((-90.0, 90.0)),
        "noop_bumps": True,
        "bump_children": True,
        "no_stamps": True,
        "missing": pick.choice(("error", "404")),
        "dress_errors": pick.choice((200, 500)),
        "empty_is_404": True,
        "empty_as": "",
        "integer_ids": True,
        "ignore_unknown": True,
        "page_cap": 2,
    }
    quirks = {what: odd[what] for what in odd if pick.random() < 0.12}
    if keys == "client_ids":
        quirks.pop("integer_ids", None)
    bent = {name: pick.choice(NORMALISERS) for name in ("name", "phone", "city") if pick.random() < 0.15}
    return SystemPlan(
        name,
        keys,
        pick.choice((2, 100)),
        features,
        quirks,
        bent,
        unique=pick.random() < 0.15,
        short=pick.choice(("name", "phone", "city")) if pick.random() < 0.1 else "",
        rules=pick.choice((1, 4)) if pick.random() < 0.1 else 0,
    )


def _events(pick: random.Random, names: list[str], number: int, pace: float, *, merges: bool) -> list[Event]:
    many = pick.choice((3, 5, 8))
    events = [
        Event(
            pick.random() * pace, "create", pick.choice(names), KINDS[i % 3 > 0], i // 3 if i % 3 == 0 else i
        )
        for i in range(many)
    ]
    numbers = {kind: [event.who for event in events if event.object == kind] for kind in KINDS}
    weights = {
        "edit": 50,
        "clear": 3,
        "move": 6,
        "bulk": 4,
        "create": 5,
        "again": 4,
        "decide": 4,
        "delete": pick.choice((0, 0, 3, 6)),
        "restore": pick.choice((0, 2)),
        "merge": pick.choice((0, 0, 3)) if merges else 0,
    }
    while len(events) < number:
        what = pick.choices(list(weights), list(weights.values()))[0]
        kind = "people" if what in ("move", "again") else pick.choice(("firms", "people", "people"))
        who = pick.choice(numbers[kind])
        if what == "create":
            who = max(numbers[kind]) + 1
            numbers[kind].append(who)
        events.append(
            Event(
                round(pick.expovariate(1 / pace), 3),
                "create" if what == "again" else what,
                pick.choice(names),
                kind,
                who,
                pick.choice(TEXTS[kind]),
                pick.choice(numbers["firms" if what == "move" else kind]),
                pick.choice((0.0, 0.0, 0.0, pick.random() * 5)),
            )
        )
    return events


FAULTS = (
    "lost", "lost", "lost_row", "cut_off", "refused", "throttled", "late", "truncate", "broken_read",
    "offline", "logged_out", "slow_answer",
)  # fmt: skip


def _faults(pick: random.Random, names: list[str], length: float) -> list[FaultPlan]:
    number = pick.choice((0, 0, 1, 1, 2, 2, 6))
    return [
        FaultPlan(
            round(pick.random() * length, 3),
            pick.choice(FAULTS),
            pick.choice(names),
            pick.choice((0, 0, 1, 3)),
            pick.choice((1, 1, 1, 3)),
            round(pick.choice((0.5, 5.0, 25.0)) * pick.random(), 3),
        )
        for _ in range(number)
    ]


CONFIG = """\
systems:
{systems}
kinds:
  company:
    fields: {{name: text, city: text}}
    {match_name}
    systems:
{firms}
    conflicts: {rules}
    deletes: {deletes}
    brakes: {{delete: {{count: 10000}}}}
  contact:
    fields: {{email: email, name: text, phone: text, company: {{ref: company}}{types}}}
    {match_email}
    systems:
{people}
    conflicts: {rules}
    deletes: {deletes}
    brakes: {{delete: {{count: 10000}}}}
"""


def config(plan: Plan) -> str:
    """The daemon's configuration."""
    key = {s.name: ", key_field: syncd_key" if has_key(s) else "" for s in plan.systems}
    same = "".join(f", {name}: {name}" for name in wide(plan))
    text = CONFIG.format(
        types="".join(f", {name}: text" for name in wide(plan)),
        systems="\n".join(
            f"  {s.name}: {{connector: memory, remote: twin-{s.name}, page: {s.page}, "
            f"poll: {plan.poll}s, sweep: {plan.sweep}s, webhooks: {{secret: '${{env:TWIN_SECRET}}'}}}}"
            for s in plan.systems
        ),
        firms="\n".join(
            f"      {s.name}: {{object: firms, fields: {{name: name, city: city}}{key[s.name]}}}"
            for s in plan.systems
        ),
        people="\n".join(
            f"      {s.name}: {{object: people, "
            f"fields: {{email: email, name: name, phone: phone, company: firm{same}}}{key[s.name]}}}"
            for s in plan.systems
        ),
        rules=plan.rules,
        deletes=plan.deletes,
        match_name="match: [name]",
        match_email="match: [email]",
    )
    return enlarged(text, plan)


def has_key(system: SystemPlan) -> bool:
    """Whether its objects have a field for our key."""
    return system.keys in ("upsert", "findable")
