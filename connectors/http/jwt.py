"""Tokens that we sign ourselves: sent as a bearer, or traded for an access token."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from connectors.http.tokens import Token, TokenAuth
from syncd.core.errors import NeedsOperator

if TYPE_CHECKING:
    from connectors.http.client import HttpClient


def signed(key: str, algorithm: str, claims: Mapping[str, Any], seconds: float) -> str:
    """A JWT with `iat`, `exp` and `jti` added, signed with a secret (HS…) or a PEM key (RS…, PS…, ES…).

    Raises `NeedsOperator` where the key is not one of that algorithm.
    """
    from joserfc import jwt  # here: it takes a tenth of a second to import, and few systems need it
    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey, OctKey, RSAKey

    keys: Mapping[str, Any] = {"H": OctKey, "R": RSAKey, "P": RSAKey, "E": ECKey}
    now = int(time.time())
    full = {"iat": now, "exp": now + int(seconds), "jti": uuid4().hex, **claims}
    try:
        return jwt.encode({"alg": algorithm, "typ": "JWT"}, full, keys[algorithm[0]].import_key(key))
    except (JoseError, ValueError, TypeError, KeyError):
        message = f"the key cannot sign with {algorithm}"
        raise NeedsOperator(message, "Give a PEM private key for RS, PS and ES, a secret for HS") from None


class JwtAuth(TokenAuth):
    """A bearer that we sign ourselves, made anew before it ends."""

    def __init__(self, key: str, algorithm: str, claims: Mapping[str, Any], seconds: float) -> None:
        super().__init__()
        self.key, self.algorithm, self.claims, self.seconds = key, algorithm, claims, seconds

    async def fetch(self, client: HttpClient) -> Token:
        bearer = signed(self.key, self.algorithm, self.claims, self.seconds)
        return Token({"Authorization": f"Bearer {bearer}"}, seconds=self.seconds)

    def fixed_secrets(self) -> list[str]:
        return [self.key]
