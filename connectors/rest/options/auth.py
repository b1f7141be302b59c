"""Ways to log in, told apart by `by`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, model_validator

from connectors.login import REDIRECT
from connectors.rest.names import Loc, holes, unknown
from connectors.rest.options.base import Words
from connectors.rest.options.calls import RequestWords
from connectors.rest.options.checks import refuse, unknown_in


class HeaderWords(Words):
    """A fixed header."""

    by: Literal["header"]
    name: str = Field(default="Authorization", description="The header's name.")
    value: SecretStr = Field(description="Its whole value.")


class BearerWords(Words):
    """A fixed token, sent as `Authorization: Bearer …`."""

    by: Literal["bearer"]
    token: SecretStr = Field(description="The token.")


class QueryWords(Words):
    """A fixed query parameter."""

    by: Literal["query"]
    name: str = Field(description="The parameter's name.")
    value: SecretStr = Field(description="Its value.")


class BasicWords(Words):
    """User and password with each request (HTTP Basic)."""

    by: Literal["basic"]
    user: str = Field(description="The user's name, or the key that some APIs take in its place.")
    password: SecretStr = Field(default=SecretStr(""), description="The password.")


class SessionWords(Words):
    """Log in by a call; what its answer gives goes with each request."""

    by: Literal["session"]
    login: RequestWords = Field(description="The log-in; `{user}` and `{password}` stand for the two below.")
    user: str = Field(default="", description="The user's name.")
    password: SecretStr = Field(default=SecretStr(""), description="The password.")
    take: dict[str, str] = Field(
        default={"token": "token"},
        description="What to keep of the answer: a name, and where it is (`header:NAME`, `cookie:NAME`).",
        json_schema_extra={"secrets": False},
    )
    base64: dict[str, str] = Field(
        default={},
        description="More names: texts with those names, `{user}` and `{password}` in {}, encoded as base64.",
    )
    headers: dict[str, str] = Field(
        default={"Authorization": "Bearer {token}"},
        description="The headers to send, with all those names in {}.",
    )
    query: dict[str, str] = Field(default={}, description="The query parameters to send, likewise.")
    life: float | None = Field(
        default=None, gt=0, description="Seconds until a new log-in; absent: until 401."
    )
    error: str | None = Field(
        default=None, description="Where the answer of a refused log-in says so, if its status is 200."
    )

    @model_validator(mode="after")
    def _placeholders_exist(self) -> SessionWords:
        own = {"user", "password"}
        told = own | self.take.keys()
        slips = list(unknown_in(self.login, own, ("login",)))
        texts: list[tuple[Loc, Any, set[str]]] = [(("base64",), self.base64, told)]
        texts += [((part,), getattr(self, part), told | self.base64.keys()) for part in ("headers", "query")]
        for at, tree, known in texts:
            slips += [(loc, unknown(name, known)) for loc, name in holes(tree, at) if name not in known]
        refuse("session", slips)
        return self


Algorithm = Literal[
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"
]


class JwtWords(Words):
    """A bearer token that syncd signs itself."""

    by: Literal["jwt"]
    key: SecretStr = Field(description="The secret (HS…) or the private key in PEM form.")
    algorithm: Algorithm = Field(default="RS256", description="How it is signed.")
    claims: dict[str, Any] = Field(default={}, description="Its claims; iat, exp and jti are added.")
    life: float = Field(default=300.0, gt=0, description="Seconds that a token is good for.")


class OAuthWords(Words):
    """OAuth 2: a token from a token endpoint, renewed before it ends and after a 401."""

    by: Literal["oauth2"]
    token_url: str = Field(description="The full address of the token endpoint.")
    grant: Literal["client_credentials", "refresh_token", "password", "jwt_bearer", "authorization_code"] = (
        Field(
            default="client_credentials",
            description="How the token is asked for; `authorization_code`: a person runs `syncd connect`.",
        )
    )
    client_id: str = Field(default="", description="The client's id.")
    client_secret: SecretStr = Field(default=SecretStr(""), description="The client's secret.")
    client_in: Literal["form", "basic"] = Field(default="form", description="Where id and secret are sent.")
    refresh_token: SecretStr | None = Field(default=None, description="For grant refresh_token.")
    user: str = Field(default="", description="For grant password.")
    password: SecretStr | None = Field(default=None, description="For grant password.")
    scope: str | None = Field(default=None, description="The scopes, separated by spaces.")
    form: dict[str, str] = Field(default={}, description="More parameters, such as audience.")
    assertion: JwtWords | None = Field(default=None, description="For grant jwt_bearer: what is signed.")
    authorize_url: str | None = Field(
        default=None, description="For grant authorization_code: the full address of the page that asks."
    )
    authorize: dict[str, str] = Field(
        default={}, description="More parameters of that page, such as `access_type: offline`."
    )
    redirect: str = Field(
        default=REDIRECT,
        description="Where that page sends the browser back to, as registered with the vendor.",
    )
    revoke_url: str | None = Field(
        default=None, description="The endpoint by which `syncd disconnect` revokes (RFC 7009)."
    )

    @model_validator(mode="after")
    def _complete(self) -> OAuthWords:
        needed = {
            "refresh_token": "refresh_token",
            "password": "password",
            "jwt_bearer": "assertion",
            "authorization_code": "authorize_url",
        }
        word = needed.get(self.grant)
        if word is not None and getattr(self, word) is None:
            raise ValueError(f"grant {self.grant} needs `{word}`; add it to auth")
        return self


AuthWords = Annotated[
    HeaderWords | BearerWords | QueryWords | BasicWords | SessionWords | JwtWords | OAuthWords,
    Field(discriminator="by"),
]
