"""A sandbox's life: made from a profile and a seed, served on this machine only, ended cleanly.

In a test: `async with RestSandbox("hostile").serving() as sandbox: …` with `sandbox.url`, `.faults.arm(…)`,
`.people.edit(…)`, `.set_quirks(…)`, `.fired`, `.calls`.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar, Self

import orjson
from aiohttp import web

from connectors.sandboxes.auth import Auth
from connectors.sandboxes.clock import MovableClock
from connectors.sandboxes.door import Door
from connectors.sandboxes.faults import Fault, Plan
from connectors.sandboxes.lag import mark
from connectors.sandboxes.limits import Limits
from connectors.sandboxes.people import People
from connectors.sandboxes.profile import Profile, load
from connectors.sandboxes.seed import seed as seed_world
from connectors.sandboxes.shape import FieldShape, ObjectShape, Refusal
from connectors.sandboxes.table import Row, Table
from connectors.sandboxes.webhooks import Webhooks
from connectors.sandboxes.world import World
from syncd.core.clock import Clock

LARGEST = 64 * 1024 * 1024
"""Bytes of a request."""
LONGEST = 32 * 1024
"""Bytes of a request's first line; a vendor's own limit may be lower."""


class Sandbox:
    """The base of every vendor's: give it profiles, objects, routes, and the look of a record."""

    PROFILE: ClassVar[type[Profile]] = Profile
    NAMED: ClassVar[Mapping[str, Mapping[str, Any]]] = {"plain": {}}
    FIELD: ClassVar[type[FieldShape]] = FieldShape
    MORE_FAULTS: ClassVar[Mapping[str, tuple[str, str]]] = {}

    def __init__(
        self,
        profile: str | Mapping[str, Any] = "plain",
        *,
        seed: Path | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.profile = load(self.PROFILE, self.NAMED, profile)
        self.clock = MovableClock(clock)
        self.faults = Plan(self.MORE_FAULTS)
        self.quirks = self.profile.quirks.model_copy(deep=True)
        self.world = self.make_world()
        self.fired = self.world.fired
        self.people = People(self.world)
        self.auth = Auth(self.profile.auth, self.quirks, self.clock, self.fired)
        self.limits = Limits(self.profile.limits, self.clock)
        self.door = Door(self.world, self.auth, self.limits)
        self.calls = self.door.calls
        self.webhooks = Webhooks(self.profile.webhooks, self.clock, self.fired, self.door.spawn, self.record)
        self.world.listeners.append(self.webhooks)
        self.account = "sandbox"
        self.url = ""
        self.ca: Path | None = None
        self._client: dict[str, str] = {}
        self._more: dict[str, Any] = {}
        self._seed = seed
        self._fill()

    # what a vendor's sandbox says --------------------------------------------------------------------------

    def objects(self) -> dict[str, ObjectShape]:
        """The objects where the profile declares none."""
        return {}

    def routes(self, app: web.Application) -> None:
        """Add the vendor's routes."""

    def make_world(self) -> World:
        """The CRM itself; a vendor's may have rules of its own."""
        return World(self.shapes(), self.quirks, self.clock, self.faults)

    def plant(self, source: Path | None) -> None:
        """Fill the world from a seed, if there is one."""
        if source is not None:
            seed_world(self.world, source, self.profile.key_field)

    def record(self, table: Table, row: Row) -> Any:
        """A record as plain JSON values, for the ground truth and for webhooks that carry values."""
        return {"id": row.id, "version": row.version, "deleted": row.deleted, **row.fields}

    def quirks_changed(self) -> None:
        """Quirks or shapes are others now."""

    @asynccontextmanager
    async def beside(self) -> AsyncIterator[dict[str, Any]]:
        """Servers of other protocols for as long as this one runs; what is yielded joins the ready line."""
        yield {}

    # the rest ----------------------------------------------------------------------------------------------

    def shapes(self) -> dict[str, ObjectShape]:
        """The objects that this sandbox begins with."""
        found = self.objects() if self.profile.objects is None else self.profile.objects
        return {name: shape.keyed(self.profile.key_field) for name, shape in found.items()}

    def _fill(self) -> None:
        self.plant(self._seed)
        self._restamp()
        self.fired.counts.clear()

    def set_quirks(self, **quirks: Any) -> None:
        """Change quirks while it runs; pydantic's `ValidationError` and no change where one is wrong."""
        good = type(self.quirks).model_validate({**self.quirks.model_dump(), **quirks})
        for name in quirks:
            setattr(self.quirks, name, getattr(good, name))
        self._restamp()

    def reshape(self, object: str, shape: ObjectShape) -> None:
        """Change an object while it runs."""
        self.world.declare(object, shape)
        self._restamp()

    def _restamp(self) -> None:
        self.world.refresh()
        self.quirks_changed()
        whole = int(self.quirks.stamp_resolution * 1000)
        for table in self.world.tables.values():
            for row in table.rows.values():
                row.sent = None
                if whole:
                    row.stamp -= row.stamp % whole
            table.relog()

    def arm(self, fault: str, **args: Any) -> Fault:
        """Arm a fault of `faults.FAULTS` for the next matching calls."""
        if fault == "hide_new":
            args |= mark(self.world)
        return self.faults.arm(fault, **args)

    def reset(self, *, records: bool = False) -> None:
        """No faults, counts and fired quirks; quirks as in the profile. `records`: those of the seed only."""
        self.faults.disarm()
        self.auth.grant()
        self.calls.clear()
        self.door.statuses.clear()
        if records:
            for name, shape in self.shapes().items():
                self.world.tables[name] = self.world.new_table(name, shape)
        self.set_quirks(**self.profile.quirks.model_dump())
        if records:
            self._fill()
        self.fired.counts.clear()

    def ready(self) -> dict[str, Any]:
        """All that a client needs, as the ready line says it."""
        return {
            "url": self.url,
            "auth": self.auth.told(self.url, self._client),
            "ca": str(self.ca) if self.ca else None,
            **self._more,
        }

    @asynccontextmanager
    async def serving(self, port: int = 0, *, tls: bool = False) -> AsyncIterator[Self]:
        """Serve on 127.0.0.1 for the time of the block; port 0: any that is free."""
        from connectors.sandboxes.control import Control

        app = web.Application(client_max_size=LARGEST)
        Control(self).routes(app)
        self.routes(app)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2, max_line_size=LONGEST)
        await runner.setup()
        with tempfile.TemporaryDirectory(prefix="syncd-sandbox-") as folder:
            try:
                await self._listen(runner, port, Path(folder), tls)
                async with self.beside() as self._more:
                    yield self
            finally:
                await self.webhooks.aclose()
                await self.door.aclose()
                await _hang_up(runner)
                await runner.cleanup()

    async def _listen(self, runner: web.AppRunner, port: int, folder: Path, tls: bool) -> None:
        context = None
        if tls:
            from connectors.sandboxes.tls import Certificates

            made = Certificates.made(folder, ask_client=self.profile.auth.way == "certificate")
            context, self.ca = made.context, made.ca
            self._client = {"certificate": str(made.client), "key": str(made.client_key)}
        site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=context)
        await site.start()
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"

    async def run(self, port: int, *, tls: bool) -> None:
        """Serve until SIGTERM or SIGINT; print the ready line first."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, stop.set)
        async with self.serving(port, tls=tls):
            gc.freeze()  # a great many records that refer to nothing: looking through them is for nothing
            gc.set_threshold(100_000, 50, 1000)
            sys.stdout.write(orjson.dumps(self.ready()).decode() + "\n")
            sys.stdout.flush()
            await stop.wait()


async def _hang_up(runner: web.AppRunner) -> None:
    """Let go of connections that a client keeps: over TLS a polite end would wait for the client's answer."""
    lines = [line.transport for line in runner.server.connections] if runner.server is not None else []
    for transport in lines:
        if transport is not None:
            transport.abort()
    await asyncio.sleep(0)


def refused(refusal: Refusal) -> web.Response:
    """A refusal of a control route."""
    return web.json_response({"error": refusal.told()}, status=refusal.status)
