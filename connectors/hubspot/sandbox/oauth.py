"""`/oauth/…`: the page that asks a person, tokens, and what tokens are."""

from __future__ import annotations

import secrets
from html import escape
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from connectors.hubspot.sandbox.refusals import Refused
from connectors.hubspot.sandbox.tokens import CODE_LIFE, Code, Tokens
from connectors.sandboxes.auth import form_of
from connectors.sandboxes.door import Answer, Door
from connectors.sandboxes.faults import Call

PAGE = """<!doctype html><html><head><title>Connect app</title></head><body>
<h1>Connect syncd to HubSpot</h1><p>It asks for: {scope}</p>
<form method="post" action="/oauth/authorize">{fields}
<button name="decision" value="allow">Connect app</button>
<button name="decision" value="deny">Cancel</button></form></body></html>"""
ASKED = ("client_id", "redirect_uri", "scope", "optional_scope", "state")


class OAuth:
    """The OAuth routes of one portal."""

    def __init__(self, door: Door, tokens: Tokens, versions: tuple[str, ...]) -> None:
        self.door, self.tokens, self.versions = door, tokens, versions

    def routes(self, app: web.Application) -> None:
        """Add them."""
        add = app.router.add_route
        add("GET", "/oauth/authorize", self._ask)
        add("POST", "/oauth/authorize", self._decide)
        add("GET", "/oauth/v1/access-tokens/{token}", self._access)
        add("GET", "/oauth/v1/refresh-tokens/{token}", self._refresh)
        add("DELETE", "/oauth/v1/refresh-tokens/{token}", self._forget)
        add("POST", "/oauth/v2/private-apps/get/access-token-info", self._private)
        for version in ("v1", "v3", *self.versions):
            add("POST", f"/oauth/{version}/token", self._token)
        for version in ("v3", *self.versions):
            add("POST", f"/oauth/{version}/token/introspect", self._introspect)
            add("POST", f"/oauth/{version}/token/revoke", self._revoke)

    async def _run(self, request: web.Request, route: str, work: Any) -> web.StreamResponse:
        return await self.door.run(request, Call(route), work, guarded=False)

    async def _token(self, request: web.Request) -> web.StreamResponse:
        form = await form_of(request)

        def work() -> Answer:
            told = self.tokens.token(form)
            if request.path == "/oauth/v1/token":
                told.pop("token_use")
            return Answer.json(told, 200, {"Cache-Control": "no-store"})

        return await self._run(request, "token", work)

    async def _access(self, request: web.Request) -> web.StreamResponse:
        token = request.match_info["token"]
        return await self._run(request, "me", lambda: Answer.json(self.tokens.access_info(token)))

    async def _private(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        return await self._run(request, "me", lambda: Answer.json(self.tokens.private_info(body)))

    async def _refresh(self, request: web.Request) -> web.StreamResponse:
        token = request.match_info["token"]
        return await self._run(request, "me", lambda: Answer.json(self.tokens.refresh_info(token)))

    async def _forget(self, request: web.Request) -> web.StreamResponse:
        token = request.match_info["token"]

        def work() -> Answer:
            self.tokens.refresh.discard(token)
            return Answer(204)

        return await self._run(request, "me", work)

    async def _introspect(self, request: web.Request) -> web.StreamResponse:
        form, tokens = await form_of(request), self.tokens

        def work() -> Answer:
            tokens.check_client(form)
            kind = form.get("token_type_hint", "access_token")
            told = (tokens.access_info if kind == "access_token" else tokens.refresh_info)(form.get(kind, ""))
            ours = {"active": True, "token_use": kind, "token_type": "Bearer"}
            told |= {**ours, "client_id": tokens.options.client_id, "app_id": tokens.app}
            if kind == "access_token":
                told |= {"is_private_distribution": True, "signed_access_token": self._signed(told)}
            return Answer.json(told)

        return await self._run(request, "token", work)

    def _signed(self, told: dict[str, Any]) -> dict[str, Any]:
        texts = (
            "signature",
            "newSignature",
            "scopeToScopeGroupPks",
            "trialScopes",
            "trialScopeToScopeGroupPks",
        )
        return {
            **dict.fromkeys(texts, ""),
            "expiresAt": self.tokens.clock.millis() + told["expires_in"] * 1000,
            "scopes": "",
            "hubId": told["hub_id"],
            "userId": told["user_id"],
            "appId": told["app_id"],
            "appInstallId": "",
            "audience": "",
            "hublet": "na1",
            "installingUserId": told["user_id"],
            "isUserLevel": False,
            "isServiceAccount": False,
            "isPrivateDistribution": True,
        }

    async def _revoke(self, request: web.Request) -> web.StreamResponse:
        form, tokens = await form_of(request), self.tokens

        def work() -> Answer:
            tokens.check_client(form)
            given = form.get("token", "") or form.get("refresh_token", "") or form.get("access_token", "")
            tokens.refresh.discard(given)
            tokens.grants.pop(given, None)
            return Answer(204)

        return await self._run(request, "token", work)

    # the page ----------------------------------------------------------------------------------------------

    async def _ask(self, request: web.Request) -> web.StreamResponse:
        asked = dict(request.query)
        return await self._run(request, "authorize", lambda: self._page(asked))

    def _page(self, asked: dict[str, str]) -> Answer:
        self._check(asked)
        fields = "".join(
            f'<input type="hidden" name="{name}" value="{escape(asked[name])}">'
            for name in ASKED
            if name in asked
        )
        page = PAGE.format(scope=escape(asked.get("scope", "")), fields=fields)
        return Answer(200, page.encode(), type="text/html")

    def _check(self, asked: dict[str, str]) -> None:
        options, uri = self.tokens.options, asked.get("redirect_uri", "")
        if asked.get("client_id") != options.client_id:
            raise Refused(400, "VALIDATION_ERROR", "the client id is not known")
        good = uri == options.redirect_uri if options.redirect_uri else uri.startswith("http")
        if not good:
            raise Refused(400, "VALIDATION_ERROR", "the redirect URL is not one of the app's")

    async def _decide(self, request: web.Request) -> web.StreamResponse:
        asked = await form_of(request)
        return await self._run(request, "authorize", lambda: self._decided(asked))

    def _decided(self, asked: dict[str, str]) -> Answer:
        self._check(asked)
        told = {"state": asked["state"]} if "state" in asked else {}
        if asked.get("decision") != "allow":
            told |= {"error": "access_denied", "error_description": "The user cancelled"}
        else:
            wanted = set(f"{asked.get('scope', '')} {asked.get('optional_scope', '')}".split())
            scopes = tuple(one for one in self.tokens.options.scopes if one in wanted or one == "oauth")
            code = f"na1-{secrets.token_hex(18)}"
            until = self.tokens.clock.monotonic() + CODE_LIFE
            self.tokens.codes[code] = Code(asked["redirect_uri"], scopes, until)
            told |= {"code": code}
        glue = "&" if "?" in asked["redirect_uri"] else "?"
        return Answer(302, headers={"Location": f"{asked['redirect_uri']}{glue}{urlencode(told)}"})
