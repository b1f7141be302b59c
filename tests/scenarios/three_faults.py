"""What goes wrong while three systems are kept the same, by the numbers of the promises' faults."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Coroutine
from contextlib import suppress
from random import Random
from typing import Any

import orjson
from aiohttp import ClientSession

from connectors.hubspot.sandbox import signing
from connectors.sandboxes.faults import Fault
from tests.scenarios.three_people import Row
from tests.scenarios.three_way import PLACES, SIDES, ThreeWay
from tests.support.commands import Running

POISON: Row = {
    "salutation": None,
    "first_name": "Polly",
    "last_name": "Poison",
    "email": "polly@x.example",
    "phone": None,
    "title": "Poison",
}


# -- F1: a kill ----------------------------------------------------------------------------------------


async def one_life(three: ThreeWay, random: Random, work: Coroutine[Any, Any, None] | None = None) -> bool:
    """Start, wait until it is at work (there is some, or `work` makes it) and for some events more, kill -9.

    Answers whether something was left undone.
    """
    sql = "select coalesce((select max(seq) from pages), 0) + coalesce((select max(batch) from sends), 0)"
    mark = await three.store.fetchval(sql)

    async def moved() -> bool:
        return bool(await three.store.fetchval(sql) > mark)

    async with three.running() as daemon:
        working = asyncio.create_task(work) if work is not None else None
        await three.until(moved)
        for _ in range(random.choice((3, 10, 30))):
            with suppress(TimeoutError):  # while it waits to try again, nothing moves
                await three.ring(within=0.5)
        daemon.process.kill()
        await daemon.process.wait()
    if working is not None:
        await working
    return bool(await three.left())


# -- F2 to F5, F16, F18, F20: what the systems do with calls ----------------------------------------------


def in_the_first_sync(three: ThreeWay) -> list[Fault]:
    """F16: limits and failures of reads; F2, F3: answers to creates that are lost while look-ups hide who was
    made; F18: results that are shuffled and left out."""
    sales, hub = three.sales.arm, three.marketing.arm
    return [
        sales("rate_limited", object="Account", route="list", retry_after="seconds"),
        sales("error_before", object="Contact", route="list", status=503),
        hub("error_before", object="companies", route="list", status=500),
        hub("rate_limited", object="contacts", route="list", retry_after=None),
        sales("lose_answer", object="Contact", route="batch"),
        sales("fewer", object="Account", route="batch"),
        hub("lose_answer", object="contacts", route="create.batch"),
        hub("hide_new", object="contacts", lists=True),
        hub("shuffle", object="companies", route="create.batch"),
        hub("fewer", object="companies", route="create.batch", skip=1),
    ]


def in_the_edits(three: ThreeWay) -> list[Fault]:
    """F4, F5: answers to updates that are lost, writes that come late; F16, F18, F25."""
    for fault in (*three.sales.faults.armed, *three.marketing.faults.armed):
        fault.release()
    sales, hub = three.sales.arm, three.marketing.arm
    rules = [{"object": "Contact", "when": "Title", "set": {"Salutation": "Prof."}}]
    three.sales.set_quirks(automations=rules)
    return [
        sales("lose_answer", object="Contact", route="batch"),
        sales("late_commit", object="Account", route="batch", seconds=1.0),
        sales("partial", object="Contact", route="batch", skip=1, code="UNABLE_TO_LOCK_ROW"),
        hub("lose_answer", object="companies", route="update.batch"),
        hub("late_commit", object="contacts", route="update.batch", seconds=1.0),
        hub("error_after", object="contacts", route="update.batch", status=502, skip=1),
        hub("rate_limited", object="companies", route="update.batch", skip=1, retry_after=1.0),
        hub("partial", object="contacts", route="update.batch", skip=2, status=500),
    ]


async def ate_the_quota(three: ThreeWay, daemon: Running) -> None:
    """F17: another tool used half of the org's calls; the limiter hears of it with the next answer."""
    before = three.sales.calls.total()
    left = three.sales.limits.left = 50_000
    await three.swept()
    told = json.loads((await daemon.get("/readyz"))[1])["quota"]["sales"]
    assert left - (three.sales.calls.total() - before) <= told["remaining"] <= left, told


# -- F19: one row that its whole batch is refused for -------------------------------------------------------


async def poison(three: ThreeWay) -> Fault:
    """Somebody whom HubSpot refuses together with all who are in her batch."""
    await three.insert("contact", POISON)
    return three.marketing.arm("poison", object="contacts", field="jobtitle", value=POISON["title"])


async def all_but_the_poison(three: ThreeWay) -> bool:
    """Nothing waits, and she alone is listed, and missing in HubSpot."""
    if await three.left():
        return False
    missing = [(side, n) for kind, side, said, n in await three.differences() if "polly" in str(said).lower()]
    return sorted(missing) == [("crm", 1), ("sales", 1)] and len(await three.differences()) == 2


async def cured(three: ThreeWay) -> None:
    """The rule is gone; what was set aside is sent again."""
    for one in three.marketing.faults.armed:  # who was made is seen from now on, too
        one.release()
    rows = await three.store.fetch("select parked, code from parked where code <> 'merge_candidate'")
    assert len(rows) == 1, rows
    assert (await three.syncd("parked", "retry", str(rows[0]["parked"]))).code == 0
    await three.until(three.at_rest)


# -- F6, F7: webhooks --------------------------------------------------------------------------------------


async def forged(three: ThreeWay, daemon: Running) -> None:
    """Nobody is believed who does not know the secret; and the portal's own were as unreliable as planned."""
    url = f"http://127.0.0.1:{three.hooks}/hooks/marketing"
    body = orjson.dumps([{"subscriptionType": "contact.deletion", "objectId": 1, "portalId": 62515}])
    fine = signing.headers("v3", three.marketing.ready()["auth"]["client_secret"], url, body, _millis())
    false = signing.headers("v3", "another-secret", url, body, _millis())
    stale = signing.headers(
        "v3", three.marketing.ready()["auth"]["client_secret"], url, body, 1_700_000_000_000
    )
    async with ClientSession() as http:
        for headers in ({}, false, stale, fine):
            async with http.post(
                url, data=body + (b" " if headers is fine else b""), headers=headers
            ) as answer:
                assert 400 <= answer.status < 500, (answer.status, headers)
    told = json.loads((await daemon.get("/readyz"))[1])["webhooks"]["marketing"]
    assert sum(n for word, n in told.items() if word != "taken" and word != "accepted") >= 4, told
    counts = three.marketing.fired.counts
    for name in ("webhook_duplicate", "webhook_reorder", "webhook_drop", "webhook_delay", "normalise"):
        assert counts[name], (name, counts)


def _millis() -> int:
    return time.time_ns() // 1_000_000


# -- what must be left --------------------------------------------------------------------------------


async def nobody_twice(three: ThreeWay) -> None:
    """Who is in each system is who there is, each once, by what was known when the overlap was made."""
    for kind in PLACES:
        wanted = three.people.who[kind]
        for side in SIDES:
            found = await three.who(side, kind)
            twice = Counter(three.people.twice if (side, kind) == ("marketing", "contact") else ())
            assert found - wanted <= EXTRA, (side, kind, found - wanted)
            assert wanted - found == twice, (side, kind, wanted - found)


EXTRA = Counter({str(POISON["email"]): 1})
