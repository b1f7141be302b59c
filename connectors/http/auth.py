"""Ways to say who we are. A way adds headers or query parameters, and may be able to log in anew."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from connectors.http.client import HttpClient

Pairs = Mapping[str, str]
NONE: Pairs = {}


class Auth(Protocol):
    """`secrets` are kept out of every message; `query_names` out of addresses that a server gives us."""

    query_names: frozenset[str]

    async def apply(self, client: HttpClient) -> tuple[Pairs, Pairs]:
        """Headers and query parameters for the next request. Raises what a log-in may raise."""

    async def renew(self, client: HttpClient, used: Pairs) -> bool:
        """Log in anew after `used` headers were refused; False where that cannot help."""

    def secrets(self) -> list[str]:
        """What must not be shown."""

    async def aclose(self) -> None:
        """Let a log-in that is under way end; the connections close after that."""


class HeaderAuth:
    """Fixed headers: a token, a key, nothing at all."""

    query_names: frozenset[str] = frozenset()

    def __init__(self, headers: Pairs = NONE) -> None:
        self.headers = headers

    async def apply(self, client: HttpClient) -> tuple[Pairs, Pairs]:
        return self.headers, NONE

    async def renew(self, client: HttpClient, used: Pairs) -> bool:
        return False

    def secrets(self) -> list[str]:
        return [word for value in self.headers.values() for word in (value, value.rpartition(" ")[2])]

    async def aclose(self) -> None:
        pass


class BasicAuth(HeaderAuth):
    """User and password, as RFC 7617 has it, in UTF-8."""

    def __init__(self, user: str, password: str) -> None:
        self.password = password
        coded = base64.b64encode(f"{user}:{password}".encode()).decode()
        super().__init__({"Authorization": f"Basic {coded}"})

    def secrets(self) -> list[str]:
        return [*super().secrets(), self.password]


class QueryAuth(HeaderAuth):
    """Fixed query parameters."""

    def __init__(self, query: Pairs) -> None:
        super().__init__()
        self.query = query
        self.query_names = frozenset(query)

    async def apply(self, client: HttpClient) -> tuple[Pairs, Pairs]:
        return NONE, self.query

    def secrets(self) -> list[str]:
        return list(self.query.values())
