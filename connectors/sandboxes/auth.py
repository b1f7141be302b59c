"""Log-ins: nine ways to show who you are, tokens that run out, and a lock-out.

Secrets here are a sandbox's own and printed in its ready line; they guard nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from typing import Any, Literal
from urllib.parse import parse_qs

import orjson
from aiohttp import web
from pydantic import Field

from connectors.sandboxes.clock import MovableClock
from connectors.sandboxes.quirks import Fired, Quirks
from connectors.sandboxes.shape import Refusal, Strict

JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
Way = Literal["bearer", "header", "query", "basic", "session", "oauth2", "jwt", "certificate", "none"]


class AuthOptions(Strict):
    """How a client logs in. `expires_in` in seconds; `rotate_refresh`: a refresh token serves once.

    `reuse_revokes`: one that served already voids all that came of it. `answer` joins each token answer.
    """

    way: Way = "bearer"
    token: str = "sandbox-token"
    name: str | None = None
    user: str = "sync@sandbox.example"
    password: str = "sandbox-password"
    client_id: str = "sandbox-client"
    client_secret: str = "sandbox-client-secret"
    audience: str = "sandbox"
    expires_in: float = 3600.0
    rotate_refresh: bool = False
    reuse_revokes: bool = False
    answer: dict[str, Any] = Field(default_factory=dict)


class Auth:
    """The guard of one sandbox. Refused log-ins count towards the lock-out."""

    def __init__(self, options: AuthOptions, quirks: Quirks, clock: MovableClock, fired: Fired) -> None:
        self.options, self.quirks, self.clock, self.fired = options, quirks, clock, fired
        self.tokens: dict[str, float] = {}
        self.refresh = {"sandbox-refresh-token"}
        self.redeem: Callable[[dict[str, str]], str] | None = None
        self._families: dict[str, str] = {}
        self.revoked = False
        self._failures = 0
        self._locked_until = 0.0
        self._bearer = f"Bearer {options.token}"
        self._basic = basic(options.user, options.password)

    def told(self, url: str, files: dict[str, str]) -> dict[str, Any]:
        """What a client must know; `files` are those of the client's certificate."""
        o = self.options
        user = {"user": o.user, "password": o.password}
        known: dict[str, dict[str, Any]] = {
            "bearer": {"token": o.token},
            "header": {"name": self._name, "key": o.token},
            "query": {"name": self._name, "key": o.token},
            "basic": user,
            "session": {"login_url": f"{url}/auth/login", **user, "header": "X-Session"},
            "oauth2": {
                "token_url": f"{url}/oauth/token",
                "authorize_url": f"{url}/oauth/authorize",
                "revoke_url": f"{url}/oauth/revoke",
                **user,
                "client_id": o.client_id,
                "client_secret": o.client_secret,
                "refresh_token": min(self.refresh, default=None),
            },
            "jwt": {
                "algorithm": "HS256",
                "client_id": o.client_id,
                "secret": o.client_secret,
                "audience": o.audience,
            },
            "certificate": files,
        }
        return {"way": o.way, **known.get(o.way, {})}

    @property
    def _name(self) -> str:
        return self.options.name or ("api_key" if self.options.way == "query" else "X-Api-Key")

    def check(self, request: web.BaseRequest) -> None:
        """Let the request in, or `Refusal`."""
        if self.revoked or not self._known(request):
            raise self.refuse("token_expired" if self.revoked else "unauthorized")

    def _known(self, request: web.BaseRequest) -> bool:
        way, headers = self.options.way, request.headers
        given = headers.get("Authorization", "")
        if way == "bearer":
            return given == self._bearer
        if way == "header":
            return headers.get(self._name) == self.options.token
        if way == "query":
            return request.query.get(self._name) == self.options.token
        if way == "basic":
            return given == self._basic
        if way == "session":
            return self._valid(headers.get("X-Session") or request.cookies.get("session", ""))
        if way == "oauth2":
            return self._valid(given.removeprefix("Bearer "))
        if way == "jwt":
            return self.jwt_holds(given.removeprefix("Bearer "))
        return way == "none" or bool(request.get_extra_info("peercert"))

    def _valid(self, token: str) -> bool:
        return self.tokens.get(token, 0.0) > self.clock.monotonic()

    def refuse(self, code: str = "unauthorized") -> Refusal:
        """The error for a bad token, as this CRM dresses it."""
        status = self.quirks.bad_token_status
        if status != 401:
            self.fired("bad_token_status")
        refusal = Refusal(status, code, "the log-in is not valid")
        refusal.headers["WWW-Authenticate"] = "Bearer"
        return refusal

    def revoke(self) -> None:
        """All tokens are void until a new log-in; where there is no log-in, until `grant`."""
        self.tokens.clear()
        self.revoked = self.options.way not in ("session", "oauth2")

    def grant(self) -> None:
        """Take the fixed tokens again."""
        self.revoked = False

    def issue(self) -> str:
        """A new token."""
        token = secrets.token_urlsafe(18)
        self.tokens[token] = self.clock.monotonic() + self.options.expires_in
        return token

    def log_in(self, user: object, password: object) -> str:
        """A session; `Refusal` for a wrong password, and for the right one while locked out."""
        self.identify(user, password)
        return self.issue()

    def identify(self, user: object, password: object) -> None:
        """See that it is the user; `Refusal` as in `log_in`."""
        self._check_lock()
        if (user, password) != (self.options.user, self.options.password):
            raise self._failed(self.refuse("bad_login"))
        self._failures = 0

    def _check_lock(self) -> None:
        left = self._locked_until - self.clock.monotonic()
        if self.quirks.lockout is not None and left > 0:
            self.fired("lockout")
            refusal = Refusal(429, "locked_out", "too many refused log-ins")
            refusal.headers["Retry-After"] = str(int(left) + 1)
            raise refusal

    def _failed(self, refusal: Refusal) -> Refusal:
        self._failures += 1
        lockout = self.quirks.lockout
        if lockout is not None and self._failures >= lockout.after:
            self._failures = 0
            self._locked_until = self.clock.monotonic() + lockout.seconds
        return refusal

    def token(self, form: dict[str, str]) -> dict[str, Any]:
        """An OAuth2 token answer (RFC 6749); `Refusal` whose code is the RFC's."""
        self._check_lock()
        grant = form.get("grant_type")
        if grant == JWT_GRANT:
            if not self.jwt_holds(form.get("assertion", "")):
                raise self._failed(Refusal(400, "invalid_grant", "the assertion does not hold"))
            return self._answer()
        self._known_client(form)
        if grant == "client_credentials":
            return self._answer()
        if grant == "authorization_code" and self.redeem is not None:
            scope, family = self.redeem(form), form.get("code", "")
            return self._answer(family) | {"scope": scope, "refresh_token": self._refresh_token(family)}
        if grant != "refresh_token":
            raise Refusal(400, "unsupported_grant_type", "no such grant")
        return self._refreshed(form.get("refresh_token", ""))

    def _refreshed(self, given: str) -> dict[str, Any]:
        family = self._families.get(given, given)
        if given not in self.refresh:
            if self.options.reuse_revokes:
                self.forget(family)
            raise Refusal(400, "invalid_grant", "the refresh token is void")
        answer = self._answer(family)
        if self.options.rotate_refresh:
            self.refresh.discard(given)
            answer["refresh_token"] = self._refresh_token(family)
        return answer

    def _refresh_token(self, family: str) -> str:
        token = secrets.token_urlsafe(18)
        self.refresh.add(token)
        self._families[token] = family
        return token

    def forget(self, family: str) -> None:
        """All tokens of one log-in are void."""
        for token in [token for token, of in self._families.items() if of == family]:
            self.refresh.discard(token)
            self.tokens.pop(token, None)
        self.refresh.discard(family)

    def revoke_by(self, form: dict[str, str]) -> None:
        """RFC 7009: a token is void, with a refresh token all of its log-in; an unknown one is no error."""
        self._known_client(form)
        token = form.get("token", "")
        if token in self.refresh:
            self.forget(self._families.get(token, token))
        self.tokens.pop(token, None)

    def _known_client(self, form: dict[str, str]) -> None:
        ours = (self.options.client_id, self.options.client_secret)
        if (form.get("client_id"), form.get("client_secret")) != ours:
            raise self._failed(Refusal(401, "invalid_client", "no such client"))

    def _answer(self, family: str = "") -> dict[str, Any]:
        self._failures = 0
        token = self.issue()
        if family:
            self._families[token] = family
        return {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": int(self.options.expires_in),
            **self.options.answer,
        }

    def jwt_holds(self, token: str) -> bool:
        """Whether a JWT is signed (HS256, the client's secret), names client and audience, and is young."""
        try:
            signed, _, signature = token.rpartition(".")
            head, claims = (orjson.loads(_unbase64(part)) for part in signed.split("."))
            good = hmac.new(self.options.client_secret.encode(), signed.encode(), hashlib.sha256).digest()
            return (
                head.get("alg") == "HS256"
                and hmac.compare_digest(good, _unbase64(signature))
                and claims.get("iss") == self.options.client_id
                and claims.get("aud") == self.options.audience
                and float(claims["exp"]) > self.clock.now().timestamp()
            )
        except (ValueError, KeyError, AttributeError, TypeError):
            return False


def _unbase64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


async def form_of(request: web.BaseRequest) -> dict[str, str]:
    """A posted form, with the client's name and secret from HTTP basic where they stand there."""
    fields = {name: values[-1] for name, values in parse_qs((await request.read()).decode()).items()}
    given = request.headers.get("Authorization", "")
    if given.startswith("Basic "):
        user, _, secret = base64.b64decode(given[6:] + "==").decode().partition(":")
        fields |= {"client_id": user, "client_secret": secret}
    return fields


def basic(user: str, password: str) -> str:
    """The header of HTTP basic."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
