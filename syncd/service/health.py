"""`/healthz`, `/readyz` and `/metrics`, and the file in the state folder that says where they are."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
from aiohttp import ClientError, ClientSession, ClientTimeout, web

from connectors.base import CanNote
from syncd.config import Settings
from syncd.core.errors import StoreUnavailable, SyncdError
from syncd.engine.supervise import Health
from syncd.service.daemon import Daemon
from syncd.service.listen import bracketed, serving
from syncd.service.metrics import installed_version, metrics
from syncd.store import views

ADDRESS_FILE = "daemon.json"
STORE_SECONDS = 3.0
"""How long the store may take before a probe calls it away."""


@asynccontextmanager
async def listening(daemon: Daemon) -> AsyncIterator[str]:
    """Serve for the length of the block; yields the URL. Raises `NeedsOperator` where the port is taken."""
    settings = daemon.service.settings
    host, port = settings.service.host, settings.service.port
    async with serving(_app(daemon), host, port, "service.listen") as (_, url):
        file = _write_address(settings, url)
        try:
            yield url
        finally:
            file.unlink(missing_ok=True)


async def ask_daemon(settings: Settings) -> dict[str, Any] | None:
    """What a daemon of this configuration says of itself on `/readyz`; None where none answers."""
    url = f"http://{bracketed(settings.service.host)}:{settings.service.port}"
    with suppress(OSError, orjson.JSONDecodeError, KeyError):
        url = orjson.loads((settings.state_dir / ADDRESS_FILE).read_bytes())["url"]
    try:
        async with ClientSession(timeout=ClientTimeout(total=3)) as session:
            body = orjson.loads(await (await session.get(f"{url}/readyz")).read())
    except (ClientError, OSError, TimeoutError, orjson.JSONDecodeError):
        return None
    return body if isinstance(body, dict) and "ready" in body else None


def _app(daemon: Daemon) -> web.Application:
    async def healthz(_: web.Request) -> web.Response:
        return _json({"status": "ok", "version": installed_version()})

    async def readyz(_: web.Request) -> web.Response:
        body = await readiness(daemon)
        return _json(body, 200 if body["ready"] else 503)

    async def scrape(_: web.Request) -> web.Response:
        try:
            async with asyncio.timeout(STORE_SECONDS):
                text = await metrics(daemon)
        except (SyncdError, TimeoutError) as error:
            return web.Response(status=503, text=f"{_store_trouble(error)}\n")
        return web.Response(body=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", scrape)
    return app


async def readiness(daemon: Daemon) -> dict[str, Any]:
    """`ready` while the engine runs and holds a store that answers. `failing` names what goes wrong.

    `status` is starting, ok, degraded, stopping, or down. One system in trouble, or one loop that fails, is
    `degraded` and yet ready: the others are in sync, and to take the only daemon out of service, or to start
    it again, would stop them too and mend no remote. Alert on `degraded`, or on `syncd_loop_failures`.
    """
    store = await _store_state(daemon)
    systems = daemon.troubles()
    failing = [_failing(health) for health in daemon.healths() if health.trouble is not None]
    status = _status(daemon, store, troubled=bool(systems or failing))
    return {
        "ready": status in ("ok", "degraded"),
        "status": status,
        "store": store or "ok",
        "config": daemon.world.config if daemon.world is not None else None,
        "lease_left": round(daemon.service.store.lease_left(), 1),
        "systems": {name: systems.get(name) for name in daemon.service.looks} | systems,
        "failing": failing,
        "loops": [{"name": h.name, "failures": h.failures, "rounds": h.rounds} for h in daemon.healths()],
        "quota": _quotas(daemon),
        "notes": _notes(daemon),
        "webhooks": _deliveries(daemon),
    }


def _failing(health: Health) -> dict[str, Any]:
    """A loop whose rounds fail, since when, how often in a row, and why."""
    return {
        "loop": health.name,
        "system": health.system,
        "since": health.since,
        "failures": health.failures,
        "trouble": health.trouble,
    }


def _quotas(daemon: Daemon) -> dict[str, dict[str, Any]]:
    """What is used of the systems' quotas, where a limit is known or was asked for."""
    usages = {name: keeper.budget.usage() for name, keeper in daemon.service.keepers.items()}
    wanted = {name for name, keeper in daemon.service.keepers.items() if keeper.budget.limits}
    return {n: asdict(usage) for n, usage in usages.items() if n in wanted or usage.limit is not None}


def _notes(daemon: Daemon) -> dict[str, list[str]]:
    """What goes on in another way than configured, by system."""
    able = {n: c for n, c in daemon.service.connectors.items() if isinstance(c, CanNote)}
    return {name: list(notes) for name, connector in able.items() if (notes := connector.notes())}


def _deliveries(daemon: Daemon) -> dict[str, dict[str, int]]:
    """How many webhooks came, by system and outcome; those for no system of ours under an empty name."""
    found: dict[str, dict[str, int]] = {}
    for (system, outcome), number in sorted(daemon.deliveries.items()):
        found.setdefault(system, {})[outcome] = number
    return found


def _status(daemon: Daemon, store: str | None, *, troubled: bool) -> str:
    if daemon.stopping.is_set():
        return "stopping"
    if store is not None:
        return "down"
    if daemon.engine is None or not daemon.engine.running:
        return "starting"
    return "degraded" if troubled else "ok"


async def _store_state(daemon: Daemon) -> str | None:
    """None where the store answers and is ours."""
    if daemon.service.store.lease_left() <= 0:
        return "the lease is lost"
    try:
        async with asyncio.timeout(STORE_SECONDS):
            await views.holder(daemon.service.store)
    except (StoreUnavailable, TimeoutError) as error:
        return _store_trouble(error)
    return None


def _store_trouble(error: Exception) -> str:
    return str(error) or "the store does not answer"


def _json(body: dict[str, Any], status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")


def _write_address(settings: Settings, url: str) -> Path:
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    file = settings.state_dir / ADDRESS_FILE
    file.write_bytes(orjson.dumps({"url": url, "process": os.getpid()}))
    return file
