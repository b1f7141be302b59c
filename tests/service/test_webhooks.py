"""Webhooks over real HTTP to the real daemon: F6 and F7, kills, limits.

What happens in `crm` moves no timestamp here, so polls see none of it: only a webhook or a sweep can.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from aiohttp import ClientConnectionError, ClientSession

from connectors.signatures import signed
from tests.service.test_daemon import value
from tests.support.commands import ROOT, Running
from tests.support.deliveries import SECRET, Sender, body_of, event
from tests.support.hooked import announce
from tests.support.pair import Pair, run_sql
from tests.support.watching import Watch

FreshDatabase = Callable[[], Awaitable[str]]
CRM = """
create table people (id serial primary key, email text, name text, syncd_id text unique,
  changed timestamptz not null default '2020-01-01');
insert into people (email, name) values ('a@x.example', 'Ann'), ('b@x.example', 'Bob')"""
ERP = "create table contacts (id serial primary key, mail text, given text, syncd_id text unique)"
CONFIG = """\
store: "${env:STORE}"
systems:
  crm:
    connector: hooked
    url: "${env:CRM}"
    capture: updated_at
    webhooks: {secret: "${env:SECRET}", rate: 100000, max_bytes: 4096}
  erp: {connector: sql, url: "${env:ERP}", capture: triggers, poll: 1s}
kinds:
  contact:
    fields: {email: email, name: text}
    match: [email]
    systems:
      crm: {object: people, updated_at: changed, key_field: syncd_id, fields: {email: email, name: name}}
      erp: {object: contacts, key_field: syncd_id, fields: {email: mail, name: given}}
    deletes: {policy: propagate}
service: {listen: "127.0.0.1:0", webhooks: "127.0.0.1:0"}
"""


@pytest.fixture
async def pair(tmp_path: Path, fresh_database: FreshDatabase) -> Pair:
    crm, erp, store = [await fresh_database() for _ in range(3)]
    plugin = announce(tmp_path / "plugin")
    path = os.pathsep.join([str(ROOT), str(plugin)])
    env = {"CRM": crm, "ERP": erp, "STORE": store, "SECRET": SECRET, "PYTHONPATH": path}
    made = Pair(tmp_path, crm, erp, store, env)
    await run_sql(crm, CRM)
    await run_sql(erp, ERP)
    made.write(CONFIG)
    return made


@asynccontextmanager
async def synced(pair: Pair) -> AsyncIterator[tuple[Running, Sender, Watch]]:
    """The daemon after its first sync, a sender to it, and a watch on `erp`."""
    async with Watch.on(pair.erp, "contacts") as erp, pair.running() as daemon:
        line = await daemon.said("webhooks are taken on ")
        url = line.split("webhooks are taken on ")[1].strip().replace("SYSTEM", "crm")
        await erp.until("select count(*) = 2 from contacts")
        await rest(pair)
        async with Sender.to(url) as sender:
            yield daemon, sender, erp


async def rest(pair: Pair) -> None:
    """Wait until nothing waits in the store."""
    async with Watch.on(pair.store, "inbox", "outbox", "sends") as store:
        await store.until("select not exists (select from inbox) and not exists (select from outbox)")
        await store.until("select not exists (select from sends)")


async def counts(daemon: Running) -> dict[str, int]:
    """Deliveries for `crm` by outcome."""
    found: dict[str, dict[str, int]] = json.loads((await daemon.get("/readyz"))[1])["webhooks"]
    return found.get("crm", {})


async def writes(daemon: Running) -> float:
    _, metrics = await daemon.get("/metrics")
    return sum(value(metrics, "syncd_writes_total", kind="contact", system=s) for s in ("crm", "erp"))


async def test_a_record_that_no_poll_can_see_is_synced_at_once(pair: Pair) -> None:
    async with synced(pair) as (daemon, sender, erp):
        await run_sql(pair.crm, "insert into people (email, name) values ('c@x.example', 'Cyd')")
        assert await sender.tell(event("3", "created")) == 202
        await erp.until("select 1 from contacts where given = 'Cyd'")
        await run_sql(
            pair.crm, "update people set name = 'Anna' where id = 1; delete from people where id = 2"
        )
        assert await sender.tell(event("1"), event("2", "deleted")) == 202
        await erp.until("select 1 from contacts where given = 'Anna'")
        await erp.until("select not exists (select from contacts where given = 'Bob')")
        assert await counts(daemon) == {"accepted": 2}
        _, metrics = await daemon.get("/metrics")
        assert value(metrics, "syncd_webhooks_total", outcome="accepted", system="crm") == 2
        told = await pair.syncd("status")
        assert "webhooks of crm: 2 accepted" in told.out


async def test_twice_out_of_order_a_day_late_and_never(pair: Pair) -> None:
    """F6: what is told in whatever order, nothing goes back, nothing is written twice."""
    async with synced(pair) as (daemon, sender, erp), Watch.on(pair.crm) as crm:
        versions = []
        for name in ("first", "second"):
            sql = "update people set name = $1 where id = 1 returning xmin::text"
            versions.append(await crm.con.fetchval(sql, name))
        newest = body_of(event("1", version=versions[1]), number=77)
        headers = signed(SECRET, newest, time.time())
        assert await sender.send(newest, headers) == 202
        await erp.until("select 1 from contacts where given = 'second'")
        await rest(pair)
        before = await writes(daemon), await tables(pair.store)
        assert await sender.send(newest, headers) == 202  # an honest retry, its answer was lost
        assert await sender.tell(event("1", version=versions[1])) == 202  # sent anew
        assert await sender.tell(event("1", version=versions[0])) == 202  # out of order, or a day late
        assert await sender.tell(event("1", "deleted"), event("1", "created")) == 202  # of another life
        assert await sender.tell(event("999"), event("998", "deleted")) == 202
        await rest(pair)
        assert (await writes(daemon), await tables(pair.store)) == before
        assert await counts(daemon) == {"accepted": 5, "replayed": 1}
        await crm.con.execute("update people set name = 'untold' where id = 1")
        assert (await pair.syncd("sweep")).code == 0
        await erp.until("select 1 from contacts where given = 'untold'")


async def test_our_own_write_told_back_costs_no_read(pair: Pair) -> None:
    async with synced(pair) as (daemon, sender, erp), Watch.on(pair.crm, "people") as crm:
        await erp.con.execute("update contacts set given = 'Anita' where given = 'Ann'")
        version = await crm.until("select xmin::text from people where name = 'Anita'")
        await rest(pair)
        calls = value((await daemon.get("/metrics"))[1], "syncd_calls_total", kind="contact", system="crm")
        async with Watch.on(pair.store, "inbox") as store:
            rows: list[Any] = []
            await store.con.add_listener("test_bell", lambda *_: rows.append(1))
            assert await sender.tell(event("1", version=version)) == 202
            await store.con.fetchval("select 1")
        assert rows == [], "a version that is known is no news"
        now = value((await daemon.get("/metrics"))[1], "syncd_calls_total", kind="contact", system="crm")
        assert now - calls < 2  # a poll may have come between, a read by id has not


async def test_ten_thousand_that_must_not_be_believed_change_nothing(pair: Pair) -> None:
    """F7: forged, unsigned, stale, replayed, malformed, oversized: refused, counted, no state change."""
    async with synced(pair) as (daemon, sender, erp):
        taken = body_of(event("2"), number=1)
        sound = signed(SECRET, taken, time.time())
        assert await sender.send(taken, sound) == 202
        await rest(pair)
        await run_sql(pair.crm, "update people set name = 'secret edit' where id = 1")
        before = await tables(pair.store)
        expected: dict[str, int] = {"accepted": 1}
        queue = iter(bad_deliveries(sender, taken, sound))
        await asyncio.gather(*(work(queue, expected) for _ in range(16)))
        assert sum(expected.values()) == 10_001
        assert await counts(daemon) == expected
        await rest(pair)
        assert await tables(pair.store) == before
        assert await erp.con.fetchval("select count(*) from contacts where given = 'secret edit'") == 0
        for outcome in ("forged", "unsigned", "stale", "malformed", "oversized"):
            assert daemon.log.count(f"is refused as {outcome}") == 1, "said once a minute, not each time"
        assert SECRET not in daemon.log
        assert await sender.tell(event("1")) == 202
        await erp.until("select 1 from contacts where given = 'secret edit'")


Bad = tuple[str, int, Callable[[], Awaitable[int]]]


def bad_deliveries(sender: Sender, taken: bytes, sound: dict[str, str]) -> list[Bad]:
    """10,000 deliveries in turn: the outcome that each must have, its status, and how to send it."""
    now, found = time.time(), []
    target = body_of(event("1"))
    huge = body_of(event("1"), *[event("x" * 50)] * 100)

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(huge), 1000):
            yield huge[start : start + 1000]

    for n in range(1000):
        other = body_of(event("1"), number=n)
        right = signed(SECRET, other, now)
        garbage = (b"", b"[", b"[]", b'{"events": 5}', b'{"events": [{"id": 1}]}', other[: -n % 20 - 1])[
            n % 6
        ]
        nul = body_of(event("\0" * (n % 2) + "a\nb"))
        found += [
            ("forged", 401, lambda o=other, w=n: sender.send(o, signed(f"wrong{w}", o, now))),
            ("forged", 401, lambda o=other, r=right: sender.send(o + b" ", r)),
            ("forged", 401, lambda o=other, r=right: sender.send(o, {**r, "X-Timestamp": str(int(now) + 1)})),
            ("unsigned", 401, lambda o=other: sender.send(o, {})),
            ("stale", 401, lambda o=other, s=n: sender.send(o, at=now - 400 - s)),
            ("stale", 401, lambda o=other, s=n: sender.send(o, at=now + 4000 + s)),
            ("replayed", 202, lambda: sender.send(taken, {**sound, "X-Other": "1"})),
            ("malformed", 400, lambda g=garbage: sender.send(g)),
            ("malformed", 400, lambda b=nul: sender.send(b)),
            ("oversized", 413, lambda s=n: sender.send(huge) if s % 2 else sender.send(chunks(), {})),
        ]
    assert len(target) < 4096 < len(huge)
    return found


async def work(queue: Any, expected: dict[str, int]) -> None:
    for outcome, status, send in queue:
        expected[outcome] = expected.get(outcome, 0) + 1
        assert await send() == status, outcome


async def tables(url: str) -> dict[str, list[str]]:
    """Every row of the store as text, but the lease, and how far polls have come: both move by themselves."""
    con = await asyncpg.connect(url)
    try:
        names = await con.fetch("select tablename from pg_tables where schemaname = 'public'")
        found = {}
        for (name,) in names:
            if name not in ("lease", "streams"):
                rows = await con.fetch(f'select t::text from "{name}" t order by 1')
                found[name] = [row[0] for row in rows]
        return found
    finally:
        await con.close()


async def test_nobody_elses_paths_objects_and_methods(pair: Pair) -> None:
    async with synced(pair) as (daemon, sender, _):
        assert await sender.tell(event("1", object="firms")) == 404
        elsewhere = ("/hooks/nobody", "/hooks/erp", "/hooks/crm/more", "/", "/metrics")
        async with ClientSession() as session:
            for path, status in zip(elsewhere, (404,) * 5, strict=True):
                async with session.post(sender.url.replace("/hooks/crm", path), data=b"x") as answer:
                    assert answer.status == status, path
            async with session.get(sender.url) as answer:
                assert answer.status == 405
        packed = {**signed(SECRET, b"x", time.time()), "Content-Encoding": "gzip"}
        assert await sender.send(b"x", packed) == 415
        assert await counts(daemon) == {"unknown": 1, "method": 1, "encoded": 1}


async def test_a_kill_after_the_answer_loses_nothing(pair: Pair) -> None:
    locked = await asyncpg.connect(pair.crm)
    try:
        async with synced(pair) as (daemon, sender, erp):
            await locked.execute("update people set name = 'before the kill' where id = 1")
            await locked.execute("begin; lock table people in access exclusive mode")
            assert await sender.tell(event("1")) == 202  # it cannot be read yet
            await daemon.stop(signal.SIGKILL)
            assert await erp.con.fetchval("select count(*) from contacts where given like 'before%'") == 0
        await locked.execute("rollback")
        await run_sql(pair.store, "delete from lease")  # its time need not run out here
        async with Watch.on(pair.erp, "contacts") as erp, pair.running() as daemon:
            await erp.until("select 1 from contacts where given = 'before the kill'")
            assert (await daemon.stop())[0] == 0
    finally:
        await locked.close()


async def test_who_calls_too_often_is_told_when_to_come_again(pair: Pair) -> None:
    pair.write(CONFIG.replace("rate: 100000", "rate: 3"))
    async with synced(pair) as (daemon, sender, _):
        numbers = count()
        answers = []
        for _ in range(12):
            body = body_of(event("1"), number=next(numbers))
            headers = signed(SECRET, body, time.time())
            async with sender.session.post(sender.url, data=body, headers=headers) as answer:
                answers.append((answer.status, answer.headers.get("Retry-After")))
        assert answers[:3] == [(202, None)] * 3
        assert (429, "1") in answers
        assert {status for status, _ in answers} == {202, 429}
        found = await counts(daemon)
        assert found == {
            "accepted": sum(status == 202 for status, _ in answers),
            "limited": sum(status == 429 for status, _ in answers),
        }


async def test_a_stopping_daemon_takes_no_more(pair: Pair) -> None:
    locked = await asyncpg.connect(pair.crm)
    try:
        async with synced(pair) as (daemon, sender, _):
            await locked.execute("begin; lock table people in access exclusive mode")
            assert await sender.tell(event("1")) == 202  # the read of it is what the daemon waits for
            daemon.process.send_signal(signal.SIGTERM)
            await daemon.said("SIGTERM: ending what is under way")
            try:
                status = await sender.tell(event("2"))
            except ClientConnectionError:
                status = 503
            assert status == 503
            await locked.execute("rollback")
            assert await daemon.ended() == 0
    finally:
        await locked.close()
