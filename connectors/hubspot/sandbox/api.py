"""The portal's API: which code answers which path, the scopes that it needs, what is left of limits."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import format_datetime

from aiohttp import web

from connectors.hubspot.sandbox.account import Account
from connectors.hubspot.sandbox.ask import Ask, Paths, Route, Task, matched
from connectors.hubspot.sandbox.batch import Batches
from connectors.hubspot.sandbox.face import Face
from connectors.hubspot.sandbox.hookapi import HookApi
from connectors.hubspot.sandbox.journal import Journal
from connectors.hubspot.sandbox.limits import JOURNAL, SEARCHES, Rates
from connectors.hubspot.sandbox.links import Links
from connectors.hubspot.sandbox.objects import Objects
from connectors.hubspot.sandbox.options import HubProfile
from connectors.hubspot.sandbox.portal import Portal
from connectors.hubspot.sandbox.properties import Properties
from connectors.hubspot.sandbox.refusals import NO_CREDENTIALS, Refused, missing
from connectors.hubspot.sandbox.schemas import Schemas
from connectors.hubspot.sandbox.search import Search
from connectors.hubspot.sandbox.stages import Stages
from connectors.hubspot.sandbox.tokens import Tokens
from connectors.sandboxes.door import Answer, Door
from connectors.sandboxes.faults import Call
from connectors.sandboxes.shape import Refusal


class Api:
    """All routes of one portal but those of OAuth."""

    def __init__(
        self,
        portal: Portal,
        face: Face,
        door: Door,
        tokens: Tokens,
        rates: Rates,
        profile: HubProfile,
        hooks: HookApi,
        journal: Journal,
    ) -> None:
        self.portal, self.door, self.tokens, self.rates, self.profile = portal, door, tokens, rates, profile
        self.paths = Paths(profile.versions)
        self.table: list[tuple[frozenset[str], tuple[str, ...], Route]] = []
        self.hooks, self.journal = hooks, journal
        objects = Objects(portal, face)
        self._objects(objects, Batches(objects), Search(objects))
        self._associations(Links(objects))
        self._properties(Properties(portal, face))
        self._schemas(Schemas(portal, profile.key_field), Stages(portal))
        self._account(Account(portal, rates, profile))
        self._webhooks(hooks)
        self._journal(journal)

    def _objects(self, objects: Objects, batches: Batches, search: Search) -> None:
        self.add("GET", "objects/{object}", objects.listed)
        self.add("POST", "objects/{object}", objects.create)
        self.add("POST", "objects/{object}/search", search.run)
        self.add("POST", "objects/{object}/merge", objects.merge)
        self.add("POST", "objects/{object}/gdpr-delete", objects.forget)
        for word in ("read", "create", "update", "upsert", "archive"):
            self.add("POST", f"objects/{{object}}/batch/{word}", getattr(batches, word))
        self.add("GET", "objects/{object}/{id}", objects.get)
        self.add("PATCH", "objects/{object}/{id}", objects.update)
        self.add("DELETE", "objects/{object}/{id}", objects.archive)

    def _associations(self, links: Links) -> None:
        place = "objects/{object}/{id}/associations"
        self.add("GET", place + "/{to}", links.listed)
        self.add("PUT", place + "/default/{to}/{other}", links.default)
        self.add("PUT", place + "/{to}/{other}", links.label)
        self.add("DELETE", place + "/{to}/{other}", links.remove)
        pair = "associations/{object}/{to}"
        self.add("POST", pair + "/batch/read", links.read)
        self.add("POST", pair + "/batch/create", links.create)
        self.add("POST", pair + "/batch/associate/default", links.defaults)
        self.add("POST", pair + "/batch/archive", links.archive)
        self.add("POST", pair + "/batch/labels/archive", links.archive_labels)
        self.add("GET", pair + "/labels", links.labels)
        self.add("POST", pair + "/labels", links.make_label)
        self.add("DELETE", pair + "/labels/{id}", links.drop_label)

    def _properties(self, properties: Properties) -> None:
        self.add("GET", "properties/{object}", properties.listed)
        self.add("POST", "properties/{object}", properties.create)
        self.add("POST", "properties/{object}/batch/read", properties.read)
        self.add("POST", "properties/{object}/batch/create", properties.create_many)
        self.add("POST", "properties/{object}/batch/archive", properties.archive_many)
        self.add("GET", "properties/{object}/groups", properties.groups)
        self.add("POST", "properties/{object}/groups", properties.make_group)
        self.add("GET PATCH DELETE", "properties/{object}/groups/{name}", properties.group)
        self.add("GET", "properties/{object}/{name}", properties.get)
        self.add("PATCH", "properties/{object}/{name}", properties.update)
        self.add("DELETE", "properties/{object}/{name}", properties.archive)

    def _schemas(self, schemas: Schemas, stages: Stages) -> None:
        self.add("GET", "schemas", schemas.listed)
        self.add("POST", "schemas", schemas.create)
        self.add("GET", "schemas/{object}", schemas.get)
        self.add("DELETE", "schemas/{object}", schemas.delete)
        self.add("GET POST", "pipelines/{object}", stages.pipelines)
        self.add("GET PATCH PUT DELETE", "pipelines/{object}/{id}", stages.pipeline)
        self.add("GET", "pipelines/{object}/{id}/audit", stages.audit)
        self.add("GET POST", "pipelines/{object}/{id}/stages", stages.stages)
        self.add("GET PATCH PUT DELETE", "pipelines/{object}/{id}/stages/{stage}", stages.stage)
        self.add("GET", "pipelines/{object}/{id}/stages/{stage}/audit", stages.stage_audit)

    def _account(self, account: Account) -> None:
        self.add("GET", "owners", account.owners)
        self.add("GET", "owners/{id}", account.owner)
        self.add("GET", "account/details", account.details)
        self.add("GET", "account/api-usage/daily/private-apps", account.usage)

    def _webhooks(self, hooks: HookApi) -> None:
        self.add("GET PUT DELETE", "webhooks/{app}/settings", hooks.settings)
        self.add("GET POST", "webhooks/{app}/subscriptions", hooks.subscriptions)
        self.add("POST", "webhooks/{app}/subscriptions/batch/update", hooks.update_many)
        self.add("GET PATCH DELETE", "webhooks/{app}/subscriptions/{id}", hooks.subscription)

    def _journal(self, journal: Journal) -> None:
        self.add("GET", "journal/offset/{offset}/next", journal.next)
        self.add("POST", "journal/batch/read", journal.read)
        self.add("GET", "journal/batch/{offset}/next/{count}", journal.some_after)
        self.add("GET", "journal/batch/{which}/{count}", journal.some)
        self.add("GET", "journal/status/{id}", journal.status)
        self.add("GET", "journal/{which}", journal.one)
        self.add("GET POST", "journal-subscriptions", journal.subscribe)
        self.add("GET DELETE", "journal-subscriptions/{id}", journal.subscription)
        self.add("POST", "journal-snapshots/crm", journal.snapshot)

    def add(self, methods: str, pattern: str, handler: Route) -> None:
        """The code of a path; the first that fits counts."""
        self.table.append((frozenset(methods.split()), tuple(pattern.split("/")), handler))

    def resolve(self, ask: Ask) -> Task:
        """What a request is; `Refused` 404 or 405."""
        there = False
        for methods, words, handler in self.table:
            found = matched(words, ask.path)
            if found is not None:
                there = True
                if ask.method in methods:
                    return handler(ask, **found)
        if there:
            raise Refused(405, "METHOD_NOT_ALLOWED", f"{ask.method} is not allowed here")
        raise missing()

    # over the wire -----------------------------------------------------------------------------------------

    def routes(self, app: web.Application) -> None:
        """Add the paths to the server."""
        app.router.add_get("/webhooks-journal/files/{offset}", self._file)
        app.router.add_route("*", "/{rest:.+}", self.serve)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        offset, query = request.match_info["offset"], request.query

        def work() -> Answer:
            told = self.journal.content(offset, query.get("expires", ""), query.get("signature", ""))
            return Answer.json(told)

        return await self.door.run(request, Call("journal"), work, guarded=False)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        body = await request.read()
        family = ""
        try:
            if len(request.raw_path) > self.profile.longest_url:
                raise Refused(414, "URI_TOO_LONG", "The requested URL is too long")
            ask = self.paths.read(request.method, request.raw_path, body)
            family = ask.path[0]
            call, scopes, work = self.resolve(ask)
        except Refusal as refusal:
            call, scopes, work = Call("unknown"), (), _refuses(refusal)

        def checked() -> Answer:
            self._may(request, family, scopes)
            return work()

        searching = call.route.endswith(".find")
        self.rates.next = SEARCHES if searching else JOURNAL if family.startswith("journal") else ""
        answer = await self.door.run(request, call, checked, guarded=family != "webhooks")
        answer.headers["Date"] = format_datetime(self.portal.clock.now(), usegmt=True)
        if not searching:
            answer.headers.update(self.rates.told(daily=self.tokens.private(request)))
        return answer

    def _may(self, request: web.Request, family: str, scopes: tuple[str, ...]) -> None:
        """`Refused` 401 or 403: the app's own APIs take a developer's key, or a token of the app itself."""
        if family == "webhooks":
            if request.query.get("hapikey") != self.tokens.options.developer_key:
                raise Refused(401, "INVALID_AUTHENTICATION", NO_CREDENTIALS)
            return
        grant = self.tokens.grants.get(self.tokens.given(request))
        of_app = grant is not None and grant.journal
        if of_app != family.startswith("journal"):
            raise Refused(403, "FORBIDDEN", "This API cannot be called with a token of this kind.")
        self.tokens.needs(request, scopes)
        self.portal.scopes = self.tokens.scopes_of(request)


def _refuses(refusal: Refusal) -> Callable[[], Answer]:
    def work() -> Answer:
        raise refusal

    return work
