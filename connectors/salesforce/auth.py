"""The ways in. A log-in tells the org's own address, and whose org it is.

Sources: Salesforce Help, "OAuth Authorization Flows"; the identity URL of a token answer ends in the ids of
org and user. There is no `expires_in`: that a session has ended is learnt from a 401.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from connectors.http import Auth, HeaderAuth, OAuth, signed
from connectors.login import Browser
from connectors.salesforce.ids import is_id, long_id
from connectors.salesforce.options import (
    ClientCredentials,
    JwtBearer,
    RefreshToken,
    SalesforceOptions,
    Session,
)
from syncd.core.errors import NeedsOperator

TOKEN_PATH = "/services/oauth2/token"
REVOKE_PATH = "/services/oauth2/revoke"
AUTHORIZE_PATH = "/services/oauth2/authorize"
SCOPE = "api refresh_token"
ASSERTION_SECONDS = 180.0
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_IDENTITY = re.compile(r"/id/(\w{15,18})/(\w{15,18})$")


class Place:
    """What a log-in told: the org's address, its id, the user's. Empty before the first.

    The org stays the one of the first log-in: a later one that leads elsewhere is refused, for what waits to
    be written is meant for records of that org.
    """

    def __init__(self, login_url: str) -> None:
        self.login_url = login_url
        self.instance_url = self.org = self.user = ""

    def told(self, answer: Mapping[str, Any]) -> None:
        """Take an answer of the token endpoint. Raises `NeedsOperator` for an address of no use."""
        found = _IDENTITY.search(str(answer.get("id") or ""))
        if found is not None:
            self.known(found[1], found[2])
        self.instance_url = self._address(str(answer.get("instance_url") or self.login_url))

    def known(self, org: str, user: str) -> None:
        """Whose log-in it is, by ids in either form. Raises `NeedsOperator` for another org than before."""
        if not (is_id(org) and is_id(user)):
            return
        if self.org and long_id(org) != self.org:
            todo = "Give it the log-in of before, or name a new system for the other org"
            raise NeedsOperator(
                f"this log-in leads to org {long_id(org)}, and what is linked is in org {self.org}", todo
            )
        self.org, self.user = long_id(org), long_id(user)

    def _address(self, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme == "https" or (parts.scheme == "http" and self.login_url.startswith("http://")):
            return f"{parts.scheme}://{parts.netloc}"
        raise NeedsOperator(
            "the log-in names an address without https as the org's own", "Set `login_url` to the My Domain"
        )


class SalesforceOAuth(OAuth):
    """Renews after a 401 only: Salesforce says 403 for limits and rights, which no log-in mends."""

    def __init__(self, place: Place, form: Mapping[str, str], **more: Any) -> None:
        super().__init__(place.login_url + TOKEN_PATH, form, on_token=place.told, **more)


class SessionAuth(HeaderAuth):
    """A session that was opened elsewhere, at the address of `login_url`."""

    def __init__(self, place: Place, token: str) -> None:
        super().__init__({"Authorization": f"Bearer {token}"})
        place.told({})


def auth_of(options: SalesforceOptions, place: Place) -> Auth:
    """The configured way in."""
    match options.auth:
        case ClientCredentials() as said:
            secret = said.client_secret.get_secret_value()
            form = {"grant_type": "client_credentials"}
            return SalesforceOAuth(place, form, client_id=said.client_id, client_secret=secret, basic=True)
        case JwtBearer() as said:
            return SalesforceOAuth(
                place, {"grant_type": JWT_GRANT}, assertion=lambda: _assertion(options, said)
            )
        case RefreshToken() as said:
            form = {"grant_type": "refresh_token"}
            if said.refresh_token is not None:
                form["refresh_token"] = said.refresh_token.get_secret_value()
            secret = said.client_secret.get_secret_value()
            return SalesforceOAuth(place, form, client_id=said.client_id, client_secret=secret)
        case Session() as said:
            return SessionAuth(place, said.access_token.get_secret_value())


def browser_of(options: SalesforceOptions) -> Browser | None:
    """Where a person grants access, for the flow that needs one."""
    if not isinstance(options.auth, RefreshToken):
        return None
    return Browser(options.login_url + AUTHORIZE_PATH, SCOPE, redirect=options.auth.redirect)


def _assertion(options: SalesforceOptions, said: JwtBearer) -> str:
    """RS256 with `iss`, `sub`, `aud` and an end three minutes ahead."""
    claims = {
        "iss": said.client_id,
        "sub": said.username,
        "aud": said.audience or _audience(options.login_url),
    }
    return signed(said.private_key.get_secret_value(), "RS256", claims, ASSERTION_SECONDS)


def _audience(login_url: str) -> str:
    """A sandbox's users are known to test.salesforce.com, all others to login.salesforce.com."""
    host = urlsplit(login_url).hostname or ""
    sandbox = host == "test.salesforce.com" or ".sandbox." in host
    return f"https://{'test' if sandbox else 'login'}.salesforce.com"
