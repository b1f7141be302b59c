"""A vendor's question before its first webhook: a value that is to be sent back."""

from __future__ import annotations

import hmac
from typing import Any

import orjson

from connectors.base import Delivery, Greeting, Refused
from connectors.rest.options import HandshakeWords
from connectors.rest.paths import getter, steps

LONGEST = 1_000
"""Characters that are sent back, at most."""


class Handshake:
    """Answers by the configured words. What is sent back is data to us: it is neither kept nor believed."""

    def __init__(self, words: HandshakeWords) -> None:
        self.words = words
        self.name = (
            words.query if words.query is not None else (steps(words.body or "") or ("challenge",))[-1]
        )

    def answer(self, delivery: Delivery) -> Greeting | None:
        """The value, sent back; None where the delivery holds none. Raises `Refused` for a wrong token."""
        body = None if self.words.query is not None and self.words.token is None else _json(delivery.body)
        found = self._at(self.words.query, self.words.body, delivery, body)
        if isinstance(found, bool) or not isinstance(found, str | int):
            return None
        said = str(found)
        if not 0 < len(said) <= LONGEST or not said.isprintable():
            return None
        self._known(delivery, body)
        if self.words.answer == "json":
            return Greeting(orjson.dumps({self.name: found}), "application/json")
        return Greeting(said.encode("utf-8", "replace"))

    def _known(self, delivery: Delivery, body: Any) -> None:
        if self.words.token is None:
            return
        wanted, at = self.words.token.get_secret_value(), self.words.token_at or ""
        told = self._at(at if self.words.query is not None else None, at, delivery, body)
        if not isinstance(told, str) or not told:
            raise Refused("unsigned", f"the handshake comes without a token at `handshake.token_at` ({at})")
        if not hmac.compare_digest(told.encode("utf-8", "surrogateescape"), wanted.encode()):
            raise Refused("forged", "the handshake's token is wrong")

    @staticmethod
    def _at(query: str | None, path: str | None, delivery: Delivery, body: Any) -> Any:
        return delivery.query.get(query) if query is not None else getter(path or "")(body)


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
