"""Sessions and the OAuth grants that give them.

Client credentials, JWT bearer, refresh token, authorization code.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson
from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from connectors.salesforce.sandbox.options import SalesforceAuth
from connectors.salesforce.sandbox.org import Org
from connectors.sandboxes.auth import JWT_GRANT, Auth
from connectors.sandboxes.shape import Refusal

LOGIN_HOSTS = ("login.salesforce.com", "test.salesforce.com")
CODE_LIFE = 900.0
"""Seconds for which an authorization code is taken."""


@dataclass(slots=True)
class Code:
    """An authorization code that was given out."""

    user: str
    redirect_uri: str
    scope: str
    challenge: str | None
    until: float


@lru_cache(maxsize=1)
def key_pair() -> rsa.RSAPrivateKey:
    """The connected app's key: one for all sandboxes of a process, for making one takes a while."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def private_pem() -> str:
    """Its private half, as a client holds it."""
    return (
        key_pair()
        .private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        .decode()
    )


class Tokens(Auth):
    """The sessions of one org. A session lives for `expires_in` seconds after its last call."""

    options: SalesforceAuth

    def __init__(self, kit: Auth, org: Org, options: SalesforceAuth, url: Callable[[], str]) -> None:
        super().__init__(options, kit.quirks, kit.clock, kit.fired)
        self.options, self.org, self.url = options, org, url
        self.users: dict[str, str] = {}
        self.codes: dict[str, Code] = {}
        self.refreshing: dict[str, str] = {}
        self.refresh = set()
        self._first: tuple[str, str] | None = None

    # sessions ----------------------------------------------------------------------------------------------

    def told(self, url: str, files: dict[str, str]) -> dict[str, Any]:
        """All that a client may log in with, and a session that is open."""
        if self._first is None:
            user = self.org.users["api"]
            self._first = self.open(user, "first"), self.refresh_token(user, "first")
        options = self.options
        return {
            "way": "oauth2",
            "client_id": options.client_id,
            "client_secret": options.client_secret,
            "username": options.user,
            "password": options.password,
            "private_key": private_pem(),
            "access_token": self._first[0],
            "refresh_token": self._first[1],
            "instance_url": url,
            "token_url": f"{url}/services/oauth2/token",
            "authorize_url": f"{url}/services/oauth2/authorize",
        }

    def open(self, user: str, family: str = "") -> str:
        """A new session of a user; `family` names the log-in that it comes of."""
        token = f"{self.org.org_id[:15]}!{secrets.token_urlsafe(60)}"
        self.tokens[token] = self.clock.monotonic() + self.options.expires_in
        self.users[token] = user
        self._families[token] = family or token
        return token

    def refresh_token(self, user: str, family: str) -> str:
        """A new refresh token of a user."""
        token = f"5Aep861{secrets.token_urlsafe(50)}"
        self.refresh.add(token)
        self.refreshing[token] = user
        self._families[token] = family
        return token

    def user_of(self, request: web.BaseRequest) -> str | None:
        """The User id whose session the request shows."""
        return self.users.get(shown(request))

    def user_of_token(self, token: str) -> str | None:
        """The User id of a session that is open."""
        return self.users.get(token) if self._valid(token) else None

    def revoke(self) -> None:
        """All sessions are void."""
        self.tokens.clear()

    def revoke_token(self, token: str) -> bool:
        """A session is void, or a refresh token with all of its log-in; False for one that is not known."""
        if token in self.refresh:
            self.forget(self._families[token])
            return True
        return self.tokens.pop(token, None) is not None

    def _known(self, request: web.BaseRequest) -> bool:
        token = shown(request)
        if not self._valid(token):
            return False
        self.tokens[token] = self.clock.monotonic() + self.options.expires_in
        return True

    # grants ------------------------------------------------------------------------------------------------

    def token(self, form: dict[str, str], host: str = "") -> dict[str, Any]:
        """The answer of the token endpoint; `Refusal` whose code is the RFC's."""
        self._check_lock()
        grant = form.get("grant_type")
        if grant == JWT_GRANT:
            return self._answer_for(self._asserted(form.get("assertion", "")))
        if grant not in ("client_credentials", "refresh_token", "authorization_code", "password"):
            raise Refusal(400, "unsupported_grant_type", "grant type not supported")
        self._check_client(form, public=grant == "authorization_code" and "code_verifier" in form)
        if grant == "client_credentials":
            if host.split(":")[0] in LOGIN_HOSTS:
                raise Refusal(400, "invalid_grant", "request not supported on this domain")
            return self._answer_for(self.org.users["api"])
        if grant == "refresh_token":
            return self._refreshed(form.get("refresh_token", ""))
        if grant == "password":
            raise self._failed(Refusal(400, "invalid_grant", "authentication failure"))
        return self._exchanged(form)

    def _check_client(self, form: dict[str, str], *, public: bool) -> None:
        if form.get("client_id") != self.options.client_id:
            raise self._failed(Refusal(400, "invalid_client_id", "client identifier invalid"))
        secret = form.get("client_secret")
        if secret != self.options.client_secret and not (public and secret is None):
            raise self._failed(Refusal(400, "invalid_client", "invalid client credentials"))

    def _refreshed(self, given: str) -> dict[str, Any]:
        family = self._families.get(given, given)
        if given not in self.refresh:
            if self.options.reuse_revokes:
                self.forget(family)
            raise Refusal(400, "invalid_grant", "expired access/refresh token")
        user = self.refreshing[given]
        answer = self._answer_for(user, family)
        if self.options.rotate_refresh:
            self.refresh.discard(given)
            answer["refresh_token"] = self.refresh_token(user, family)
        return answer

    def _asserted(self, assertion: str) -> str:
        claims = self._claims(assertion)
        if claims.get("iss") != self.options.client_id:
            raise self._failed(Refusal(400, "invalid_client_id", "client identifier invalid"))
        hosts = (*(f"https://{host}" for host in LOGIN_HOSTS), self.url())
        if str(claims.get("aud")).rstrip("/") not in hosts:
            raise self._failed(Refusal(400, "invalid_grant", "audience is invalid"))
        user = self.org.user_named(claims.get("sub"))
        if user is None or not self.options.approved:
            raise self._failed(Refusal(400, "invalid_grant", "user hasn't approved this consumer"))
        return user

    def _claims(self, assertion: str) -> dict[str, Any]:
        bad = Refusal(400, "invalid_grant", "invalid assertion")
        try:
            signed, _, signature = assertion.rpartition(".")
            head, claims = (orjson.loads(_unbase64(part)) for part in signed.split("."))
            public = key_pair().public_key()
            public.verify(_unbase64(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
            late = float(claims["exp"]) <= self.clock.now().timestamp()
        except (ValueError, KeyError, TypeError, AttributeError, InvalidSignature):
            raise self._failed(bad) from None
        if head.get("alg") != "RS256" or late or not isinstance(claims, dict):
            raise self._failed(bad)
        return claims

    def _exchanged(self, form: dict[str, str]) -> dict[str, Any]:
        code = self.codes.pop(form.get("code", ""), None)
        if code is None:
            raise Refusal(400, "invalid_grant", "invalid authorization code")
        if code.until < self.clock.monotonic():
            raise Refusal(400, "invalid_grant", "expired authorization code")
        if form.get("redirect_uri") != code.redirect_uri:
            raise Refusal(400, "redirect_uri_mismatch", "redirect_uri must match configuration")
        if code.challenge is not None:
            digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
            if base64.urlsafe_b64encode(digest).decode().rstrip("=") != code.challenge.rstrip("="):
                raise Refusal(400, "invalid_grant", "invalid code verifier")
        answer = self._answer_for(code.user, form["code"])
        answer["scope"] = code.scope
        if {"refresh_token", "offline_access"} & set(code.scope.split()):
            answer["refresh_token"] = self.refresh_token(code.user, form["code"])
        return answer

    def _answer_for(self, user: str, family: str = "") -> dict[str, Any]:
        self._failures = 0
        issued, identity = str(self.clock.millis()), self.identity_url(user)
        signed = hmac.new(self.options.client_secret.encode(), (identity + issued).encode(), hashlib.sha256)
        return {
            "access_token": self.open(user, family),
            "signature": base64.b64encode(signed.digest()).decode(),
            "scope": "api refresh_token id",
            "instance_url": self.url(),
            "id": identity,
            "token_type": "Bearer",
            "issued_at": issued,
            **self.options.answer,
        }

    def identity_url(self, user: str) -> str:
        """Where the service tells who a user is."""
        return f"{self.url()}/id/{self.org.org_id}/{user}"


def shown(request: web.BaseRequest) -> str:
    """The session that a request shows."""
    given = request.headers.get("Authorization", "")
    for word in ("Bearer ", "OAuth "):
        if given.startswith(word):
            return given[len(word) :].strip()
    return request.headers.get("X-SFDC-Session", "")


def _unbase64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
