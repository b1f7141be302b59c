"""`/oauth/…`: the page that asks a person, tokens, and their end."""

from __future__ import annotations

from aiohttp import web

from connectors.sandboxes.auth import Auth, form_of
from connectors.sandboxes.consent import Consent
from connectors.sandboxes.door import Answer, Door
from connectors.sandboxes.faults import Call


class OAuth:
    """The routes of one sandbox."""

    def __init__(self, door: Door, auth: Auth) -> None:
        self.door, self.auth, self.consent = door, auth, Consent(auth)

    def routes(self, app: web.Application) -> None:
        """Add them."""
        app.router.add_post("/oauth/token", self._token)
        app.router.add_get("/oauth/authorize", self._ask)
        app.router.add_post("/oauth/authorize", self._decide)
        app.router.add_post("/oauth/revoke", self._revoke)

    async def _token(self, request: web.Request) -> web.StreamResponse:
        form = await form_of(request)
        return await self.door.run(
            request, Call("token"), lambda: Answer.json(self.auth.token(form)), guarded=False
        )

    async def _ask(self, request: web.Request) -> web.StreamResponse:
        asked = dict(request.query)
        return await self.door.run(
            request, Call("authorize"), lambda: self.consent.page(asked), guarded=False
        )

    async def _decide(self, request: web.Request) -> web.StreamResponse:
        asked = await form_of(request)
        return await self.door.run(
            request, Call("authorize"), lambda: self.consent.decide(asked), guarded=False
        )

    async def _revoke(self, request: web.Request) -> web.StreamResponse:
        form = await form_of(request)

        def work() -> Answer:
            self.auth.revoke_by(form)
            return Answer()

        return await self.door.run(request, Call("revoke"), work, guarded=False)
