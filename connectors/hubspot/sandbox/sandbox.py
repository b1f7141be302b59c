"""The HubSpot sandbox: a portal, and the server that speaks for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zlib import crc32

from aiohttp import web

from connectors.hubspot.sandbox import planting, refusals, standard
from connectors.hubspot.sandbox.api import Api
from connectors.hubspot.sandbox.face import Face
from connectors.hubspot.sandbox.fields import HubObject, HubProperty
from connectors.hubspot.sandbox.hookapi import HookApi
from connectors.hubspot.sandbox.hooks import Hooks
from connectors.hubspot.sandbox.journal import Journal
from connectors.hubspot.sandbox.limits import Rates
from connectors.hubspot.sandbox.oauth import OAuth
from connectors.hubspot.sandbox.options import NAMED, HubProfile, HubQuirks
from connectors.hubspot.sandbox.portal import Portal
from connectors.hubspot.sandbox.table import HubTable
from connectors.hubspot.sandbox.tokens import Tokens
from connectors.sandboxes.server import Sandbox
from connectors.sandboxes.shape import ObjectShape
from connectors.sandboxes.table import Row, Table
from connectors.sandboxes.world import World
from syncd.core.clock import Clock


class HubSpotSandbox(Sandbox):
    """See docs/sandbox-hubspot.md."""

    PROFILE = HubProfile
    NAMED = NAMED
    FIELD = HubProperty
    profile: HubProfile
    quirks: HubQuirks
    world: Portal

    def __init__(
        self,
        profile: str | Mapping[str, Any] = "plain",
        *,
        seed: Path | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(profile, seed=seed, clock=clock)
        secret = self.profile.auth.client_secret
        self.auth: Tokens = Tokens(self.auth, self.profile)
        self.limits: Rates = Rates(self.profile.limits, self.clock, self.profile.time_zone)
        self.door.auth, self.door.limits, self.door.error = self.auth, self.limits, refusals.answer
        self.world.listeners.remove(self.webhooks)
        self.webhooks: Hooks = Hooks(
            self.webhooks, self.profile.webhooks, self.world, secret, self.door.spawn
        )
        self.face = Face(self.world)
        self.journal = Journal(self.world, self.face, lambda: self.url, secret)
        self.world.hearers += [self.webhooks.hear, self.journal.hear]
        self.oauth = OAuth(self.door, self.auth, self.profile.versions)
        self.api = Api(
            self.world,
            self.face,
            self.door,
            self.auth,
            self.limits,
            self.profile,
            HookApi(self.world, self.webhooks),
            self.journal,
        )

    @property
    def account(self) -> str:
        """The name of the account; another name makes it another, with another portal id."""
        return self._account

    @account.setter
    def account(self, name: str) -> None:
        self._account = name
        known = self.profile.portal_id
        self.world.id = known if name == "sandbox" else crc32(name.encode()) % 90_000_000 + 1_000_000

    def shapes(self) -> dict[str, ObjectShape]:
        """The portal's objects, with the properties that the profile adds or takes away, and their keys."""
        found = standard.objects() if self.profile.objects is None else dict(self.profile.objects)
        for name, fields in self.profile.fields.items():
            shape = found.setdefault(name, HubObject(label=name, custom=True))
            kept = {n: f for n, f in {**shape.fields, **fields}.items() if f is not None}
            found[name] = shape.model_copy(update={"fields": kept})
        return {name: shape.keyed(self.profile.key_field) for name, shape in found.items()}

    def make_world(self) -> World:
        """The portal."""
        shapes = {name: shape for name, shape in self.shapes().items() if isinstance(shape, HubObject)}
        return Portal(shapes, self.quirks, self.clock, self.faults, self.profile)

    def plant(self, source: Path | None) -> None:
        """A seed's records and made-up ones, of which nobody is told."""
        shapes = self.shapes()
        with self.world.quiet():
            self.world.begin(shapes)
            if source is not None:
                planting.from_files(self.world, source)
            if self.profile.records:
                planting.generate(self.world, self.profile.records)

    def record(self, table: Table, row: Row) -> Any:
        """A record as it is, all properties; `associations` by object."""
        assert isinstance(table, HubTable)
        head: dict[str, Any] = {"id": row.id, "version": row.version, "deleted": row.deleted}
        if row.id in table.redirects:
            return {**head, "merged_into": table.resolve(row.id)}
        face = Face(self.world)
        links: dict[str, list[str]] = {}
        for to, other, _ in self.world.associations.around(table.name, row.id):
            links.setdefault(to, []).append(other)
        return {**head, **{n: face.value(table, row, n) for n in table.fields}, "associations": links}

    def routes(self, app: web.Application) -> None:
        """The wire."""
        self.oauth.routes(app)
        self.api.routes(app)
