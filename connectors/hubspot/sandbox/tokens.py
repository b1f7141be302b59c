"""Who calls: the private app's token, the tokens that OAuth gives, and what each may do."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web

from connectors.hubspot.sandbox.options import JOURNAL_SCOPES, HubAuth, HubProfile
from connectors.hubspot.sandbox.refusals import NO_CREDENTIALS, Refused, scopeless
from connectors.hubspot.sandbox.values import iso
from connectors.sandboxes.auth import Auth

CODE_LIFE = 60.0
"""Seconds for which a code of the consent page is taken."""
SECONDS_SINCE_1970 = "20000 day(s)"


@dataclass(frozen=True, slots=True)
class Code:
    """A code of the consent page."""

    redirect_uri: str
    scopes: tuple[str, ...]
    until: float


@dataclass(frozen=True, slots=True)
class Grant:
    """An access token. `journal`: of client credentials, good for the webhooks journal only."""

    until: float
    scopes: tuple[str, ...]
    journal: bool = False


class Tokens(Auth):
    """The log-ins of one portal. `options.scopes` are the private app's, and those that OAuth may give."""

    options: HubAuth

    def __init__(self, kit: Auth, profile: HubProfile) -> None:
        super().__init__(profile.auth, kit.quirks, kit.clock, kit.fired)
        self.options, self.portal, self.app = profile.auth, profile.portal_id, profile.app_id
        self.grants: dict[str, Grant] = {}
        self.codes: dict[str, Code] = {}
        self.refresh = set()
        self.refresh_scopes: dict[str, tuple[str, ...]] = {}
        self._first: str | None = None

    def told(self, url: str, files: dict[str, str]) -> dict[str, Any]:
        """All that a client may log in with."""
        if self._first is None:
            self._first = self.new_refresh(self.options.scopes)
        return {
            "way": "bearer",
            "token": self.options.token,
            "client_id": self.options.client_id,
            "client_secret": self.options.client_secret,
            "refresh_token": self._first,
            "token_url": f"{url}/oauth/v3/token",
            "authorize_url": f"{url}/oauth/authorize",
            "developer_key": self.options.developer_key,
            "portal_id": self.portal,
            "app_id": self.app,
        }

    # who is it ---------------------------------------------------------------------------------------------

    def given(self, request: web.BaseRequest) -> str:
        """The token that a request shows."""
        said = request.headers.get("Authorization", "")
        return said[7:].strip() if said[:7].lower() == "bearer " else ""

    def private(self, request: web.BaseRequest) -> bool:
        """Whether it is the private app's."""
        return self.given(request) == self.options.token

    def check(self, request: web.BaseRequest) -> None:
        """Let the request in, or `Refused` 401."""
        token = self.given(request)
        if not token:
            raise Refused(401, "INVALID_AUTHENTICATION", NO_CREDENTIALS)
        if self.revoked or (token != self.options.token and not self._open(token)):
            raise self.expired(token)

    def _open(self, token: str) -> bool:
        found = self.grants.get(token)
        return found is not None and found.until > self.clock.monotonic()

    def expired(self, token: str) -> Refused:
        """The 401 of a token that is not good any more, or never was: expired since 1970, they say."""
        found = self.grants.get(token)
        ago = self.clock.monotonic() - found.until if found is not None else None
        said = SECONDS_SINCE_1970 if ago is None else f"{max(1, int(ago))} second(s)"
        at = 0 if ago is None else self.clock.millis() - int(ago * 1000)
        text = f"The OAuth token used to make this call expired {said} ago."
        return Refused(401, "EXPIRED_AUTHENTICATION", text, context={"expire time": [iso(at)]})

    def refuse(self, code: str = "unauthorized") -> Refused:
        """The same for the kit's faults."""
        return self.expired("")

    def revoke(self) -> None:
        """All access tokens are void: those of OAuth for good, the private app's until `grant`."""
        self.grants.clear()
        self.revoked = not self.refresh

    def needs(self, request: web.BaseRequest, scopes: Iterable[str]) -> None:
        """`Refused` 403 where the token has not one of the scopes."""
        wanted = list(scopes)
        if wanted and not set(wanted) & set(self.scopes_of(request)):
            raise scopeless(wanted)

    def scopes_of(self, request: web.BaseRequest) -> tuple[str, ...]:
        """What the token of a request may do."""
        found = self.grants.get(self.given(request))
        return found.scopes if found is not None else self.options.scopes

    # tokens ------------------------------------------------------------------------------------------------

    def open(self, scopes: tuple[str, ...], *, journal: bool = False) -> str:
        """A new access token."""
        token = f"C{secrets.token_urlsafe(60)}"
        self.grants[token] = Grant(self.clock.monotonic() + self.options.expires_in, scopes, journal)
        self.revoked = False
        return token

    def new_refresh(self, scopes: tuple[str, ...]) -> str:
        """A new refresh token."""
        token = f"na1-{secrets.token_hex(18)}"
        self.refresh.add(token)
        self.refresh_scopes[token] = scopes
        return token

    def token(self, form: dict[str, str]) -> dict[str, Any]:
        """The answer of the token endpoint (OAuth guide); `Refused` whose code is the RFC's."""
        self._check_lock()
        grants: dict[str, Callable[[dict[str, str]], dict[str, Any]]] = {
            "refresh_token": self._by_refresh,
            "authorization_code": self._by_code,
            "client_credentials": self._by_client,
        }
        grant = grants.get(form.get("grant_type", ""))
        if grant is None:
            raise self.bad("unsupported_grant_type", "grant type is not supported", "BAD_GRANT_TYPE")
        self.check_client(form)
        self._failures = 0
        return grant(form)

    def check_client(self, form: dict[str, str]) -> None:
        """`Refused` for another client or secret."""
        if form.get("client_id") != self.options.client_id:
            raise self._failed(self.bad("invalid_client", "missing or unknown client id", "BAD_CLIENT_ID"))
        if form.get("client_secret") != self.options.client_secret:
            raise self._failed(
                self.bad("invalid_client", "missing or invalid client secret", "BAD_CLIENT_SECRET")
            )

    def bad(self, code: str, text: str, status: str) -> Refused:
        """A 400 in the words of the RFC and the older ones beside them."""
        return Refused(400, code, text, said=status)

    def _by_refresh(self, form: dict[str, str]) -> dict[str, Any]:
        given = form.get("refresh_token", "")
        if given not in self.refresh:
            text = "refresh token is invalid, expired or revoked"
            raise self.bad("invalid_grant", text, "BAD_REFRESH_TOKEN")
        scopes = self.refresh_scopes[given]
        if self.options.rotate_refresh:
            self.refresh.discard(given)
            given = self.new_refresh(scopes)
        return self._told(self.open(scopes), scopes) | {"refresh_token": given}

    def _by_code(self, form: dict[str, str]) -> dict[str, Any]:
        code = self.codes.pop(form.get("code", ""), None)
        if code is None or code.until < self.clock.monotonic():
            raise self.bad("invalid_grant", "missing or unknown auth code", "BAD_AUTH_CODE")
        if code.redirect_uri != form.get("redirect_uri"):
            text = "missing or wrong redirect uri"
            raise self.bad("invalid_grant", text, "MISMATCH_REDIRECT_URI_AUTH_CODE")
        told = self._told(self.open(code.scopes), code.scopes)
        return {**told, "refresh_token": self.new_refresh(code.scopes)}

    def _by_client(self, form: dict[str, str]) -> dict[str, Any]:
        wanted = tuple(form.get("scope", "").split()) or JOURNAL_SCOPES
        unknown = [one for one in wanted if one not in JOURNAL_SCOPES]
        if unknown:
            raise self.bad("invalid_scope", f"scope is not allowed: {unknown[0]}", "BAD_SCOPE")
        told = self._told(self.open(wanted, journal=True), wanted)
        return {**told, "token_use": "client_credentials"}

    def _told(self, token: str, scopes: tuple[str, ...]) -> dict[str, Any]:
        return {
            "token_type": "bearer",
            "access_token": token,
            "hub_id": self.portal,
            "user_id": 2_620_022,
            "scopes": list(scopes),
            "expires_in": int(self.options.expires_in),
            "token_use": "access_token",
            **self.options.answer,
        }

    # about tokens ------------------------------------------------------------------------------------------

    def access_info(self, token: str) -> dict[str, Any]:
        """What a token is; `Refused` 404."""
        if not self._open(token):
            raise Refused(404, "OBJECT_NOT_FOUND", "the access token is not known, or has expired")
        grant = self.grants[token]
        left = int(grant.until - self.clock.monotonic())
        return self._info(token, grant.scopes, "access") | {"expires_in": left, "app_id": self.app}

    def private_info(self, body: bytes) -> dict[str, Any]:
        """What the private app's token is, by `tokenKey` of a body (page on private apps); `Refused` 404."""
        try:
            given = orjson.loads(body)["tokenKey"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise Refused(400, "VALIDATION_ERROR", "tokenKey is missing") from None
        if given != self.options.token or self.revoked:
            raise Refused(404, "OBJECT_NOT_FOUND", "the access token is not known")
        ours = {"userId": 2_620_022, "hubId": self.portal, "appId": self.app}
        return {**ours, "scopes": list(self.options.scopes)}

    def refresh_info(self, token: str) -> dict[str, Any]:
        """What a refresh token is; `Refused` 404."""
        if token not in self.refresh:
            raise Refused(404, "OBJECT_NOT_FOUND", "the refresh token is not known")
        told = self._info(token, self.refresh_scopes[token], "refresh")
        return told | {"client_id": self.options.client_id}

    def _info(self, token: str, scopes: tuple[str, ...], kind: str) -> dict[str, Any]:
        return {
            "token": token,
            "user": self.options.user,
            "hub_domain": "sandbox.example",
            "scopes": list(scopes),
            "hub_id": self.portal,
            "user_id": 2_620_022,
            "token_type": kind,
        }
