"""HubSpot's webhooks to the real daemon: F6, F7, and how many reads a burst costs, counted by the portal."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import ClientSession

from connectors.hubspot.sandbox import HubSpotSandbox, signing
from tests.support.commands import Running
from tests.support.pair import Pair, run_sql
from tests.support.watching import Watch

FreshDatabase = Callable[[], Awaitable[str]]
ERP = "create table contacts (id serial primary key, mail text, given text, syncd_id text unique)"
CONFIG = """\
store: "${env:STORE}"
systems:
  hub:
    connector: hubspot
    url: "${env:HUB}"
    auth: {token: "${env:TOKEN}"}
    poll: 1h
    linger: @linger@
    webhooks: {secret: "${env:SECRET}", max_bytes: 65536}
  erp: {connector: sql, url: "${env:ERP}", capture: triggers, poll: 1h}
kinds:
  contact:
    fields: {email: email, name: text}
    match: [email]
    systems:
      hub: {object: contacts, key_field: syncd_id, fields: {email: email, name: firstname}}
      erp: {object: contacts, key_field: syncd_id, fields: {email: mail, name: given}}
    conflicts: [{strategy: prefer, systems: [hub, erp]}]
    deletes: {policy: propagate}
    brakes: {update: {share: 100%, per: 1m}}
service: {listen: "127.0.0.1:0", webhooks: "127.0.0.1:0"}
"""


@dataclass
class Hub:
    """The daemon after its first sync, the portal that tells it, and a watch on the other side."""

    pair: Pair
    daemon: Running
    sandbox: HubSpotSandbox
    url: str
    erp: Watch
    store: Watch

    def edit(self, op: str = "update", **more: Any) -> Any:
        return self.sandbox.people.edit("contacts", op, **more)

    def fields(self, id: str) -> Any:
        return self.sandbox.people.rows("contacts")[id].fields

    def ids(self) -> list[str]:
        return list(self.sandbox.people.rows("contacts"))

    async def rest(self) -> None:
        """Nothing waits in the store."""
        sql = "select not exists (select from inbox) and not exists (select from outbox)"
        await self.store.until(f"{sql} and not exists (select from sends)")

    async def outcomes(self) -> dict[str, int]:
        found: dict[str, dict[str, int]] = json.loads((await self.daemon.get("/readyz"))[1])["webhooks"]
        return found.get("hub", {})

    def reads(self) -> int:
        """Calls since the last count, by which the portal was asked for anything."""
        found = {route: n for route, n in self.sandbox.calls.items() if not route.startswith("update")}
        self.sandbox.calls.clear()
        return sum(found.values())


@asynccontextmanager
async def hub(
    folder: Path, fresh: FreshDatabase, count: int, *, linger: str = "100ms", **profile: Any
) -> AsyncIterator[Hub]:
    sandbox = HubSpotSandbox({"limits": {"burst": 10_000, "search": None}, **profile})
    erp, store = await fresh(), await fresh()
    await run_sql(erp, ERP)
    token, secret = sandbox.auth.options.token, sandbox.auth.options.client_secret
    async with sandbox.serving(), Watch.on(erp, "contacts") as watch:
        for n in range(count):
            sandbox.people.edit("contacts", "create", fields={"email": f"p{n}@acme.com", "firstname": f"{n}"})
        env = {"HUB": sandbox.url, "TOKEN": token, "SECRET": secret, "ERP": erp, "STORE": store}
        pair = Pair(folder, "", erp, store, env)
        pair.write(CONFIG.replace("@linger@", linger))
        async with pair.running() as daemon:
            line = await daemon.said("webhooks are taken on ")
            url = line.split("webhooks are taken on ")[1].strip().replace("SYSTEM", "hub")
            await watch.until("select count(*) = $1 from contacts", count)
            async with Watch.on(store, "inbox", "outbox", "sends", "links") as queues:
                made = Hub(pair, daemon, sandbox, url, watch, queues)
                await made.rest()
                sandbox.calls.clear()
                yield made


@pytest.mark.slow
async def test_five_thousand_events_for_five_hundred_records_cost_few_reads(
    tmp_path: Path, fresh_database: FreshDatabase
) -> None:
    async with hub(tmp_path, fresh_database, 500, linger="1s") as one:
        one.sandbox.webhooks.subscribe(one.url, kinds=("propertyChange",))
        for n in range(10):
            one.edit("bulk", fields={"firstname": f"round {n}"})
        await one.erp.until("select count(*) = 500 from contacts where given = 'round 9'")
        await one.rest()
        told = [number for sent in one.sandbox.webhooks.log for number in sent["events"]]
        assert len(told) >= 5000
        reads = one.reads()
        print(f"{reads} reads for {len(told)} events of 500 records")
        assert reads <= 20
        assert await one.outcomes() == {"accepted": len(one.sandbox.webhooks.log)}


async def test_what_happens_to_records_is_told_and_followed(
    tmp_path: Path, fresh_database: FreshDatabase
) -> None:
    """F6: creation, change, deletion, restore, merge; twice, out of order, one never: a sweep finds it."""
    wire = {"duplicate": 2, "replay_id": True, "reorder": 1}
    async with hub(tmp_path, fresh_database, 6, webhooks=wire) as one:
        one.sandbox.webhooks.subscribe(one.url)
        ids = one.ids()
        one.edit("create", fields={"email": "new@acme.com", "firstname": "new"})
        await one.erp.until("select 1 from contacts where given = 'new'")
        one.edit(id=ids[0], fields={"firstname": "changed"})
        await one.erp.until("select 1 from contacts where given = 'changed'")
        one.edit("delete", id=ids[1])
        await one.erp.until("select not exists (select from contacts where given = '1')")
        one.edit("restore", id=ids[1])
        await one.erp.until("select 1 from contacts where given = '1'")
        one.edit("merge", id=ids[2], loser=ids[3])
        (link,) = [id for id in one.ids() if id not in ids and one.fields(id)["firstname"] == "2"]
        await one.store.until("select 1 from links where remote_id = $1 and state = 'live'", link)
        await one.rest()
        one.edit(id=link, fields={"firstname": "merged"})
        await one.erp.until("select 1 from contacts where given = 'merged'")
        await one.rest()
        assert len(one.ids()) == 6, "one more, one less by the merge, and nothing was made anew"
        assert await one.erp.con.fetchval("select count(*) from contacts") == 7, "the other stays, listed"
        for n in range(250):  # three deliveries, for one record: many would meet the brake
            one.edit(id=link, fields={"firstname": f"round {n}"})
        await one.erp.until("select 1 from contacts where given = 'round 249'")
        await one.sandbox.webhooks.idle.wait()
        await one.rest()
        assert set(await one.outcomes()) <= {"accepted", "replayed"}
        hooks, fired = one.sandbox.webhooks, one.sandbox.fired.counts
        assert fired["webhook_duplicate"] > 0
        assert fired["webhook_reorder"] > 0
        hooks.options = hooks.options.model_copy(update={"drop": 1})
        one.edit(id=link, fields={"firstname": "never told"})
        await hooks.idle.wait()
        assert fired["webhook_drop"] == 1
        assert (await one.pair.syncd("sweep")).code == 0
        await one.erp.until("select 1 from contacts where given = 'never told'")


async def test_what_must_not_be_believed_changes_nothing(
    tmp_path: Path, fresh_database: FreshDatabase
) -> None:
    """F7: each is refused and counted; and no read is made for any."""
    async with hub(tmp_path, fresh_database, 3) as one, ClientSession() as http:
        id = one.ids()[0]
        one.edit(id=id, fields={"firstname": "untold"})
        event = {
            "subscriptionType": "contact.creation",
            "portalId": 62515,
            "occurredAt": 1,
            "objectId": int(id),
        }
        body, secret = orjson.dumps([event]), one.sandbox.auth.options.client_secret

        async def send(body: bytes, *, key: str = secret, age: float = 0.0, version: Any = "v3") -> int:
            headers = signing.headers(version, key, one.url, body, int((time.time() - age) * 1000))
            return await post(body, headers)

        async def post(body: bytes, headers: dict[str, str]) -> int:
            async with http.post(one.url, data=body, headers=headers) as answer:
                return answer.status

        assert await send(body, key="wrong") == 401
        assert await post(body, {}) == 401
        assert await send(body, version="v1") == 401
        assert await send(body, age=301) == 401
        assert await send(body, age=-301) == 401
        for bad in (b"", b"{}", b"[]", b"[1]", b'[{"subscriptionType": "contact.creation"}]'):
            assert await send(bad) == 400
        assert await send(orjson.dumps([event] * 1000)) == 413
        assert await send(orjson.dumps([{**event, "subscriptionType": "ticket.creation"}])) == 404
        elsewhere = orjson.dumps([{**event, "portalId": 1}])
        assert await send(elsewhere) == 202, "the app's, of another portal: nothing is to be tried again"
        await one.rest()
        assert one.reads() == 0
        sound = signing.headers("v3", secret, one.url, body, int(time.time() * 1000))
        assert [await post(body, sound), await post(body, sound)] == [202, 202]
        await one.erp.until("select 1 from contacts where given = 'untold'")
        assert await one.outcomes() == {
            "forged": 1,
            "unsigned": 2,
            "stale": 2,
            "malformed": 5,
            "oversized": 1,
            "unknown": 1,
            "accepted": 2,
            "replayed": 1,
        }
