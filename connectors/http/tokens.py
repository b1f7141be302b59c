"""A token that is fetched, lives for a while, and is renewed by one task while the others wait."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from connectors.http.auth import Pairs

if TYPE_CHECKING:
    from connectors.http.client import HttpClient

EARLY = 30.0
"""Seconds before its end at which a token is renewed, so that it does not end on the way."""


@dataclass(frozen=True, slots=True)
class Token:
    """What a log-in gave: headers and query parameters to send, `seconds` of life where it is known."""

    headers: Pairs = field(default_factory=dict)
    query: Pairs = field(default_factory=dict)
    seconds: float | None = None


class TokenAuth(ABC):
    """Single flight: however many requests find the token refused, one log-in follows."""

    query_names: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self._token: Token | None = None
        self._until: float | None = None
        self._lock = asyncio.Lock()

    @abstractmethod
    async def fetch(self, client: HttpClient) -> Token:
        """Log in. Raises `NeedsOperator` where the credentials are refused, `RetryLater` else."""

    @abstractmethod
    def fixed_secrets(self) -> list[str]:
        """The credentials that log in."""

    async def apply(self, client: HttpClient) -> tuple[Pairs, Pairs]:
        token = self._token
        if token is None or self._ended():
            token = await self._renewed(client, token)
        return token.headers, token.query

    async def renew(self, client: HttpClient, used: Pairs) -> bool:
        """Log in anew, unless another task did so since `used` was sent."""
        token = self._token
        if token is not None and used == {**token.headers, **token.query}:
            await self._renewed(client, token)
        return True

    def secrets(self) -> list[str]:
        token = self._token
        sent = [] if token is None else [*token.headers.values(), *token.query.values()]
        return [*self.fixed_secrets(), *sent, *(value.rpartition(" ")[2] for value in sent)]

    async def aclose(self) -> None:
        """A log-in ends with the request that needs it, unless a subclass says otherwise."""
        return

    def _ended(self) -> bool:
        return self._until is not None and asyncio.get_running_loop().time() >= self._until

    async def _renewed(self, client: HttpClient, old: Token | None) -> Token:
        async with self._lock:
            if self._token is not None and self._token is not old and not self._ended():
                return self._token
            token = await self.fetch(client)
            life = None if token.seconds is None else max(token.seconds - EARLY, token.seconds / 2)
            self._until = None if life is None else asyncio.get_running_loop().time() + life
            self._token = token
            return token
