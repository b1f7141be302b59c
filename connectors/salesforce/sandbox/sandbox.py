"""The Salesforce sandbox: an org, and the servers that speak for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

from aiohttp import web

from connectors.salesforce.sandbox import ids, look, planting, refusals, soap, standard
from connectors.salesforce.sandbox.api import Api
from connectors.salesforce.sandbox.bulk.jobs import STATES
from connectors.salesforce.sandbox.fields import OrgField, OrgObject
from connectors.salesforce.sandbox.journal import Journal
from connectors.salesforce.sandbox.oauth import OAuth
from connectors.salesforce.sandbox.options import NAMED, SalesforceProfile, SalesforceQuirks
from connectors.salesforce.sandbox.org import Org
from connectors.salesforce.sandbox.people import OrgPeople
from connectors.salesforce.sandbox.pubsub import EVENT_FAULTS, lacking
from connectors.salesforce.sandbox.quota import Quota
from connectors.salesforce.sandbox.soap import Soap
from connectors.salesforce.sandbox.table import OrgTable
from connectors.salesforce.sandbox.tokens import Tokens
from connectors.sandboxes.control import wrong
from connectors.sandboxes.door import Answer
from connectors.sandboxes.faults import Call
from connectors.sandboxes.server import Sandbox
from connectors.sandboxes.shape import ObjectShape, Refusal
from connectors.sandboxes.table import Row, Table
from connectors.sandboxes.world import World
from syncd.core.clock import Clock

if TYPE_CHECKING:
    from connectors.salesforce.sandbox.pubsub.server import PubSub


def error(call: Call, refusal: Refusal) -> Answer:
    """An error as the API that was spoken to says it."""
    return soap.fault(refusal) if call.tag == "soap" else refusals.answer(call, refusal)


class SalesforceSandbox(Sandbox):
    """See docs/sandbox-salesforce.md; `journal` tells of every change."""

    PROFILE = SalesforceProfile
    NAMED = NAMED
    FIELD = OrgField
    MORE_FAULTS = EVENT_FAULTS
    profile: SalesforceProfile
    quirks: SalesforceQuirks
    world: Org

    def __init__(
        self,
        profile: str | Mapping[str, Any] = "plain",
        *,
        seed: Path | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.api: Api | None = None
        super().__init__(profile, seed=seed, clock=clock)
        self.auth: Tokens = Tokens(self.auth, self.world, self.profile.auth, lambda: self.url)
        self.limits = Quota(self.profile.limits, self.clock)
        self.door.auth, self.door.limits, self.door.error = self.auth, self.limits, error
        self.people: OrgPeople = OrgPeople(self.world)
        self.oauth = OAuth(self.door, self.auth, self.world)
        self.api = Api(self.world, self.door, self.auth, self.limits)
        self.soap = Soap(self.world, self.api.rows, self.door, self.auth, self.limits)
        self.pubsub: PubSub | None = None

    @property
    def journal(self) -> Journal:
        """What was changed, transaction by transaction."""
        return self.world.journal

    @property
    def account(self) -> str:
        """The name of the org; another name makes it another org, with another id."""
        return self._account

    @account.setter
    def account(self, name: str) -> None:
        self._account = name
        number = 1 if name == "sandbox" else crc32(name.encode())
        self.world.rename_org(ids.make("00D", number))

    def shapes(self) -> dict[str, ObjectShape]:
        """The org's objects, with the fields that the profile adds or takes away."""
        found = standard.objects()
        for name, shape in (self.profile.objects or {}).items():
            found[name] = standard.completed(name, shape, found)
        for name, fields in self.profile.fields.items():
            shape = found.get(name) or standard.completed(name, OrgObject(), found)
            kept = {n: f for n, f in {**shape.fields, **fields}.items() if f is not None}
            found[name] = shape.model_copy(update={"fields": kept})
        return dict(found)

    def make_world(self) -> World:
        """The org."""
        shapes = {name: shape for name, shape in self.shapes().items() if isinstance(shape, OrgObject)}
        return Org(shapes, self.quirks, self.clock, self.faults)

    def plant(self, source: Path | None) -> None:
        """Users and the like, then a seed's records and made-up ones. The journal begins after that."""
        pubsub = self.profile.pubsub
        planting.begin(self.world, self.profile.auth.user, pubsub.selected if pubsub.enabled else ())
        if source is not None:
            planting.from_files(self.world, source)
        if self.profile.records:
            planting.generate(self.world, self.profile.records)
        self.journal.changes.clear()

    def quirks_changed(self) -> None:
        """What describe tells may be another."""
        if self.api is not None:
            self.api.describe.changed = self.clock.millis()

    @asynccontextmanager
    async def beside(self) -> AsyncIterator[dict[str, Any]]:
        """The Pub/Sub API, where its libraries are installed."""
        if lacking() or not self.profile.pubsub.enabled:
            yield {"pubsub": None, "org_id": self.world.org_id}
            return
        from connectors.salesforce.sandbox.pubsub.server import PubSub

        auth = self.auth
        self.pubsub = PubSub(self.world, self.profile.pubsub, self.door, auth.user_of_token, auth.revoke)
        async with self.pubsub.serving(self.ca) as told:
            yield told

    def record(self, table: Table, row: Row) -> Any:
        """A record as it is, all fields."""
        assert isinstance(table, OrgTable)
        told = look.record(self.world, table, row)
        return {"id": row.id, "version": row.version, "deleted": row.deleted, **told}

    def routes(self, app: web.Application) -> None:
        """The wire."""
        assert self.api is not None
        self.oauth.routes(app)
        self.api.routes(app)
        self.soap.routes(app)
        app.router.add_post("/_sandbox/jobs", self._advance)

    async def _advance(self, request: web.Request) -> web.StreamResponse:
        """`{"id": "750…", "to": "InProgress"}`: a Bulk job moves on."""
        assert self.api is not None
        body = await request.json()
        jobs = self.api.bulk.jobs.all
        if body.get("id") not in jobs or body.get("to") not in STATES:
            return wrong(f"a job's id, and `to`: one of {', '.join(STATES)}, are wanted")
        return web.json_response(await self.api.bulk.advance(body["id"], body["to"]))
