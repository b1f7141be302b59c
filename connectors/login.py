"""Log-ins that outlive a run: what a connector says of its own, and what is kept for it.

A connector that is let in by OAuth 2 with a refresh token, or that a person connects in the browser, has a
property `login` (`CanLogIn`); `connectors.http.OAuthLogin` is one for any server that follows RFC 6749.
Before anything else is asked of the connector, syncd hands that log-in a `TokenKeeper`: the encrypted store.
The connector does not know where tokens lie.

A connector that can tell whose data it sees (`CanIdentify`) is kept from another org's: what was read of one
is never compared with, or written to, another.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, runtime_checkable
from urllib.parse import urlencode

REDIRECT = "http://127.0.0.1:8688/callback"
"""Where a browser comes back to, unless the vendor wants another address. A fixed port: few vendors follow
RFC 8252 in taking any port of a registered loopback address."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token endpoint gave.

    `expires_at` in UTC, None where it was not told. `answer` is all else that the endpoint said, then or in
    an earlier answer: `instance_url`, `scope`. `seed` is a digest of the refresh token that was
    configured when it was granted; empty where none was. Another one there begins anew.
    """

    access_token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None
    answer: Mapping[str, Any] = field(default_factory=dict, repr=False)
    seed: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """Whose data a log-in shows. `id` is the org's (company, portal, tenant): with another one, nothing runs.

    `name` is the org's and `user` the person's or integration's, for people to read. All three are shown and
    stored in clear.
    """

    id: str
    name: str = ""
    user: str = ""


@dataclass(frozen=True, slots=True)
class Browser:
    """Where a person grants access, and where the browser comes back to with the code.

    `scope` is separated by spaces; `params` are the vendor's own, such as `access_type: offline`. `redirect`
    must be registered with the vendor; port 0 takes any that is free, where the vendor follows RFC 8252 7.3.
    The address of one that is not on this machine can only be pasted.
    """

    authorize_url: str
    scope: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    redirect: str = REDIRECT

    def address(self, client_id: str, redirect: str, state: str, challenge: str) -> str:
        """The address to open: authorization code (RFC 6749 4.1.1) with an S256 challenge (RFC 7636)."""
        query = {
            **self.params,
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": redirect,
            **({"scope": self.scope} if self.scope else {}),
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{self.authorize_url}{'&' if '?' in self.authorize_url else '?'}{urlencode(query)}"


class TokenKeeper(Protocol):
    """Keeps one system's grant, encrypted, for all processes. syncd hands it in; connectors only call it.

    Both calls raise `NeedsOperator` where there is no key, or a wrong one, and `StoreUnavailable`.
    """

    system: str

    async def load(self) -> Grant | None:
        """The newest grant, whichever process stored it; None where nobody has logged in."""

    async def renewed(self, old: Grant | None, renew: Callable[[], Awaitable[Grant]]) -> Grant:
        """The grant that follows `old` (what `load` gave): by `renew`, or by another process that was first.

        Only one process renews at a time, so that a refresh token that serves once is not burnt by a race;
        its result is durable before it is returned. What `renew` raises gets out.
        """


class Login(Protocol):
    """A log-in by tokens that are kept. `browser` is None where no person is needed for it.

    The connector makes it from its settings alone; nothing is asked of a server before `redeem`.
    """

    @property
    def client_id(self) -> str: ...

    @property
    def browser(self) -> Browser | None: ...

    def keep(self, keeper: TokenKeeper) -> None:
        """Load from, and store in, this keeper from now on."""

    async def redeem(self, code: str, redirect: str, verifier: str) -> Grant:
        """The grant for a code that the browser brought to `redirect`.

        Raises `NeedsOperator` or `RetryLater`.
        """

    async def revoke(self, grant: Grant) -> bool:
        """Have the server forget a grant; False where it has no way to. Raises as `redeem` does."""


@runtime_checkable
class CanLogIn(Protocol):
    """A connector with a log-in that is kept, or None where it is configured to be let in otherwise."""

    @property
    def login(self) -> Login | None: ...


@runtime_checkable
class CanIdentify(Protocol):
    """Tell whose data this is."""

    async def identify(self) -> Account | None:
        """The account as the server knows it; None where it cannot be asked. Raises as any call does."""
