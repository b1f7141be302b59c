"""Tokens under a key: AES-256-GCM, bound to the system and the OAuth client that they belong to."""

from __future__ import annotations

import hashlib
import os
from datetime import datetime
from typing import TYPE_CHECKING

import orjson

from connectors.login import Grant
from syncd.config import SecretSettings
from syncd.core.errors import NeedsOperator
from syncd.store.tokens import Sealed

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE = 12
MAKE = (
    'Make one with `syncd connect --make-key FILE` and set `secrets: {key: "${file:FILE}"}`, or give it in '
    "the environment variable SYNCD_KEY"
)


class KeyRing:
    """The present key seals; it and those of before open. Keys are told apart by a digest of theirs."""

    def __init__(self, secrets: SecretSettings) -> None:
        keys = [secrets.key] if secrets.key is not None else []
        self._keys = {name_of(key): key for key in (*secrets.old_keys, *keys)}
        self._present = name_of(secrets.key) if secrets.key is not None else None

    def present(self, system: str) -> str:
        """The name of the key that seals. Raises `NeedsOperator` where there is none."""
        if self._present is None:
            raise NeedsOperator(f"system {system}: there is no key to keep its tokens under", MAKE)
        return self._present

    def seal(self, system: str, client: str, grant: Grant) -> tuple[str, bytes]:
        """The key's name, and the sealed grant."""
        name, nonce = self.present(system), os.urandom(NONCE)
        return name, nonce + _cipher(self._keys[name]).encrypt(nonce, _written(grant), _bound(system, client))

    def open(self, row: Sealed) -> Grant:
        """What a row holds. Raises `NeedsOperator` for a key that is not at hand, and for a changed row."""
        from cryptography.exceptions import InvalidTag

        what, body = f"system {row.system}: its tokens", row.body or b""
        key = self._keys.get(row.key or "")
        if key is None and self._present is None:
            raise NeedsOperator(f"{what} are encrypted, and there is no key", MAKE)
        if key is None:
            raise NeedsOperator(
                f"{what} are encrypted under another key than those of `secrets`",
                f"Name that one under `secrets.old_keys`, or run `syncd connect {row.system}`",
            )
        try:
            text = _cipher(key).decrypt(body[:NONCE], body[NONCE:], _bound(row.system, row.client))
        except (InvalidTag, ValueError):
            message = f"{what} cannot be read: somebody changed the row, or moved it from another system"
            raise NeedsOperator(message, f"Run `syncd connect {row.system}`") from None
        return _read(text)

    def is_old(self, row: Sealed) -> bool:
        """Whether a row is under a key of before, and could be under the present one."""
        return self._present is not None and row.key != self._present


def name_of(key: bytes) -> str:
    """A key's name: tells it from others, and nothing of it."""
    return hashlib.blake2b(key, digest_size=8, person=b"syncd key").hexdigest()


def _cipher(key: bytes) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # here: few commands need it

    return AESGCM(key)


def _bound(system: str, client: str) -> bytes:
    """What the seal is good for; a row that is moved elsewhere does not open."""
    return orjson.dumps(["syncd tokens 1", system, client])


def _written(grant: Grant) -> bytes:
    return orjson.dumps(
        {
            "access": grant.access_token,
            "refresh": grant.refresh_token,
            "expires": grant.expires_at,
            "answer": dict(grant.answer),
            "seed": grant.seed,
        }
    )


def _read(text: bytes) -> Grant:
    told = orjson.loads(text)
    ends = told["expires"]
    return Grant(
        told["access"],
        told["refresh"],
        None if ends is None else datetime.fromisoformat(ends),
        told["answer"],
        told["seed"],
    )
