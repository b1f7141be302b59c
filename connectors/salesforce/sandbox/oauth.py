"""`/services/oauth2/…` and `/id/…`: tokens, the page that asks a person, who one is, the end of a session."""

from __future__ import annotations

import secrets
from html import escape
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from aiohttp import web

from connectors.salesforce.sandbox.org import Org
from connectors.salesforce.sandbox.refusals import IDENTITY
from connectors.salesforce.sandbox.tokens import CODE_LIFE, Code, Tokens
from connectors.sandboxes.auth import form_of
from connectors.sandboxes.door import Answer, Door
from connectors.sandboxes.faults import Call
from connectors.sandboxes.shape import Refusal

PAGE = """<!doctype html><html><head><title>Allow Access?</title></head><body>
<h1>Allow Access?</h1><p>{app} is asking to: {scope}</p>
<form method="post" action="/services/oauth2/authorize">{fields}
<button name="save" value="Allow">Allow</button> <button name="save" value="Deny">Deny</button>
</form></body></html>"""
ASKED = (
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
)


class OAuth:
    """The OAuth routes of one org."""

    def __init__(self, door: Door, tokens: Tokens, org: Org) -> None:
        self.door, self.tokens, self.org = door, tokens, org

    def routes(self, app: web.Application) -> None:
        """Add them."""
        add = app.router.add_route
        add("POST", "/services/oauth2/token", self._token)
        add("GET", "/services/oauth2/authorize", self._ask)
        add("POST", "/services/oauth2/authorize", self._decide)
        add("*", "/services/oauth2/revoke", self._revoke)
        add("*", "/services/oauth2/userinfo", self._userinfo)
        add("POST", "/services/oauth2/introspect", self._introspect)
        add("GET", "/id/{org}/{user}", self._identity)

    async def _token(self, request: web.Request) -> web.StreamResponse:
        form = await form_of(request)
        return await self.door.run(
            request,
            Call("token"),
            lambda: Answer.json(self.tokens.token(form, request.host), 200, {"Cache-Control": "no-store"}),
            guarded=False,
        )

    # the page ----------------------------------------------------------------------------------------------

    async def _ask(self, request: web.Request) -> web.StreamResponse:
        return await self.door.run(
            request, Call("authorize"), lambda: self._page(dict(request.query)), guarded=False
        )

    def _page(self, asked: dict[str, str]) -> Answer:
        wrong = self._wrong(asked)
        if wrong is not None:
            return wrong
        fields = "".join(
            f'<input type="hidden" name="{name}" value="{escape(asked[name])}">'
            for name in ASKED
            if name in asked
        )
        body = PAGE.format(
            app=escape(asked["client_id"]), scope=escape(asked.get("scope", "api")), fields=fields
        )
        return Answer(200, body.encode(), type="text/html")

    def _wrong(self, asked: dict[str, str]) -> Answer | None:
        options, uri = self.tokens.options, asked.get("redirect_uri", "")
        if asked.get("client_id") != options.client_id:
            return _bare("invalid_client_id", "client identifier invalid")
        loopback = urlsplit(uri).hostname in ("localhost", "127.0.0.1", "::1")
        if uri != options.redirect_uri and (options.redirect_uri is not None or not loopback):
            return _bare("redirect_uri_mismatch", "redirect_uri must match configuration")
        if asked.get("response_type") != "code":
            return _back(
                asked, error="unsupported_response_type", error_description="response type not supported"
            )
        if asked.get("code_challenge_method", "S256") != "S256":
            return _back(
                asked, error="invalid_request", error_description="code challenge method not supported"
            )
        return None

    async def _decide(self, request: web.Request) -> web.StreamResponse:
        asked = dict(parse_qsl((await request.read()).decode()))
        return await self.door.run(request, Call("authorize"), lambda: self._decided(asked), guarded=False)

    def _decided(self, asked: dict[str, str]) -> Answer:
        wrong = self._wrong(asked)
        if wrong is not None:
            return wrong
        if asked.get("save") != "Allow":
            return _back(asked, error="access_denied", error_description="end-user denied authorization")
        code = f"aPrx{secrets.token_urlsafe(40)}"
        self.tokens.codes[code] = Code(
            self.org.users["api"],
            asked["redirect_uri"],
            asked.get("scope", "api refresh_token"),
            asked.get("code_challenge"),
            self.tokens.clock.monotonic() + CODE_LIFE,
        )
        return _back(asked, code=code)

    # who one is --------------------------------------------------------------------------------------------

    async def _revoke(self, request: web.Request) -> web.StreamResponse:
        given = {**request.query, **await form_of(request)}

        def work() -> Answer:
            if not self.tokens.revoke_token(given.get("token", "")):
                raise Refusal(400, "invalid_token", "invalid token: " + given.get("token", "")[:8])
            return Answer(200)

        return await self.door.run(request, Call("token"), work, guarded=False)

    async def _introspect(self, request: web.Request) -> web.StreamResponse:
        form = await form_of(request)

        def work() -> Answer:
            user = self.tokens.user_of_token(form.get("token", ""))
            if user is None:
                return Answer.json({"active": False})
            client, name = (
                self.tokens.options.client_id,
                self.org.tables["User"].rows[user].fields["Username"],
            )
            return Answer.json(
                {"active": True, "client_id": client, "username": name, "sub": self.tokens.identity_url(user)}
            )

        return await self.door.run(request, Call("token"), work, guarded=False)

    async def _userinfo(self, request: web.Request) -> web.StreamResponse:
        return await self.door.run(request, Call("me", tag=IDENTITY), lambda: Answer.json(self._who(request)))

    async def _identity(self, request: web.Request) -> web.StreamResponse:
        return await self._userinfo(request)

    def _who(self, request: web.Request) -> dict[str, Any]:
        user = self.tokens.user_of(request) or ""
        fields, url = self.org.tables["User"].rows[user].fields, self.tokens.url()
        rest = f"{url}/services/data/v{{version}}/"
        return {
            "id": self.tokens.identity_url(user),
            "sub": self.tokens.identity_url(user),
            "asserted_user": True,
            "user_id": user,
            "organization_id": self.org.org_id,
            "username": fields["Username"],
            "preferred_username": fields["Username"],
            "display_name": self.org.getter(self.org.org_table("User"), "Name")(
                self.org.tables["User"].rows[user]
            ),
            "email": fields["Email"],
            "active": fields["IsActive"],
            "user_type": "STANDARD",
            "language": "en_US",
            "locale": "en_US",
            "utcOffset": 0,
            "urls": {
                "rest": rest,
                "sobjects": f"{rest}sobjects/",
                "query": f"{rest}query/",
                "custom_domain": url,
            },
        }


def _bare(error: str, text: str) -> Answer:
    body = f"error={error}&error_description={text.replace(' ', '%20')}"
    return Answer(400, body.encode(), type="text/html")


def _back(asked: dict[str, str], **told: str) -> Answer:
    """Send the browser back to the client."""
    if "state" in asked:
        told["state"] = asked["state"]
    glue = "&" if "?" in asked["redirect_uri"] else "?"
    return Answer(302, headers={"Location": f"{asked['redirect_uri']}{glue}{urlencode(told)}"})
