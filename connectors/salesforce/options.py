"""The settings of a `connector: salesforce` system, and those of one object in it."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from connectors.login import REDIRECT

OLDEST = 46
"""The version of the API that syncd needs at least."""
_VERSION = re.compile(r"([0-9]{2,3})\.0")
Capture = Literal["auto", "poll", "events"]


class Words(BaseModel):
    """A part of the file: unknown keys are problems, values are never shown."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ClientCredentials(Words):
    """The app's own log-in, as the user that it runs as. Needs the org's My Domain as `login_url`."""

    flow: Literal["client_credentials"]
    client_id: str = Field(description="The app's consumer key.")
    client_secret: SecretStr = Field(description="The app's consumer secret.")


class JwtBearer(Words):
    """A token that we sign, for a user whom the app is approved for in advance."""

    flow: Literal["jwt_bearer"]
    client_id: str = Field(description="The app's consumer key.")
    username: str = Field(description="The integration user.")
    private_key: SecretStr = Field(
        description="The PEM key whose certificate the app has; best as ${file:PATH}."
    )
    audience: str | None = Field(
        default=None,
        description="Who is asked; absent: https://test.salesforce.com for a sandbox's address, "
        "https://login.salesforce.com else.",
    )


class RefreshToken(Words):
    """A person logs in once, by `syncd connect SYSTEM`; or a refresh token that you have."""

    flow: Literal["refresh_token"]
    client_id: str = Field(description="The app's consumer key.")
    client_secret: SecretStr = Field(default=SecretStr(""), description="Its secret, if it must be sent.")
    refresh_token: SecretStr | None = Field(default=None, description="Absent: `syncd connect` fetches one.")
    redirect: str = Field(default=REDIRECT, description="The app's callback URL.")


class Session(Words):
    """A session that somebody else opened: for tries, for it ends."""

    flow: Literal["session"]
    access_token: SecretStr = Field(description="The session id or access token.")


Login = Annotated[ClientCredentials | JwtBearer | RefreshToken | Session, Field(discriminator="flow")]


EXAMPLE = (
    '{flow: jwt_bearer, client_id: "${env:NAME_CLIENT_ID}", username: "${env:NAME_USER}", '
    'private_key: "${env:NAME_PRIVATE_KEY}"}'
)
"""What `syncd init` writes."""


class TlsWords(Words):
    """Certificates, as a file in PEM form."""

    ca: str | None = Field(default=None, description="Whose certificates are believed, beside the system's.")


class SalesforceOptions(Words):
    """One org."""

    login_url: str = Field(
        default="https://login.salesforce.com",
        description="Where to log in: https://login.salesforce.com, https://test.salesforce.com, "
        "or the org's My Domain.",
    )
    auth: Login = Field(
        description="How to log in.",
        examples=[EXAMPLE],
    )
    api_version: str = Field(default="62.0", description="The version of the API, 46.0 or later.")
    capture: Capture = Field(
        default="auto",
        description="How changes are found: `poll` (SOQL on SystemModstamp), `events` (Change Data Capture), "
        "or `auto`: events for the objects that are selected for them, if the extra is installed.",
    )
    pubsub: str = Field(
        default="https://api.pubsub.salesforce.com:7443", description="The Pub/Sub API's address."
    )
    overlap: float = Field(
        default=60.0,
        ge=0,
        le=3600,
        description="How late a change may become visible after its stamp; seconds.",
    )
    refresh: float = Field(
        default=3600.0,
        ge=0,
        description="Seconds between reads of formula and roll-up fields, which change without a stamp; "
        "0: never.",
    )
    bulk_above: int = Field(
        default=100_000,
        ge=0,
        description="Records from which on a whole object is read by the Bulk API.",
    )
    bulk_writes_above: int | None = Field(
        default=None,
        ge=1,
        description="Records of one write from which on the Bulk API does it; absent: never. It knows "
        "nothing of `duplicates: allow`, with which it is not used.",
    )
    page: int = Field(default=2000, ge=1, le=2000, description="Records asked for at once.")
    write_batch: int | None = Field(
        default=None,
        ge=1,
        le=10_000,
        description="Records per write; absent: 200, or what `bulk_writes_above` needs.",
    )
    read_back: bool = Field(
        default=True, description="Whether to read what was stored after each write: one call per batch."
    )
    sees_all: bool = Field(
        default=False,
        description="This user has View All on every mapped object, so that a record that is not found, "
        "not even in the recycle bin, is deleted; a lead is not, for it may have been converted.",
    )
    duplicates: Literal["block", "allow"] = Field(
        default="block", description="Whether to save what a duplicate rule only warns of."
    )
    client: str = Field(
        default="syncd",
        pattern=r"^[A-Za-z0-9_.-]{1,64}$",
        description="How the org's change events name our writes.",
    )
    timeout: float = Field(default=15.0, gt=0, le=19.0, description="Seconds for one request.")
    concurrency: int = Field(default=4, ge=1, le=25, description="Requests at the same time, at most.")
    tls: TlsWords | None = Field(default=None, description="Certificates other than the usual.")

    @property
    def bulk_writes(self) -> int | None:
        """From which on the Bulk API writes. Its jobs have no header for duplicate rules."""
        return None if self.duplicates == "allow" else self.bulk_writes_above

    @field_validator("api_version", mode="before")
    @classmethod
    def _is_a_version(cls, told: Any) -> str:
        """46.0 brought updates of many records together; YAML takes a version without quotes for a number."""
        found = _VERSION.fullmatch(str(told))
        if found is None or int(found[1]) < OLDEST:
            raise ValueError(f'must be a version of the API from {OLDEST}.0 on; write it like "62.0"')
        return str(told)

    @field_validator("login_url", "pubsub")
    @classmethod
    def _is_an_origin(cls, url: str) -> str:
        parts = urlsplit(url)
        try:
            parts.port  # noqa: B018  # reading it is the check
        except ValueError:
            raise ValueError("has no port from 1 to 65535") from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must begin with https:// and name a host")
        if parts.username is not None or parts.query or parts.fragment or parts.path.strip("/"):
            raise ValueError("holds more than a host: leave the path away")
        if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
            raise ValueError("must begin with https://: tokens are sent there")
        return url.rstrip("/")

    @model_validator(mode="after")
    def _fits(self) -> SalesforceOptions:
        host = urlsplit(self.login_url).hostname or ""
        if self.auth.flow in ("client_credentials", "session") and host in (
            "login.salesforce.com",
            "test.salesforce.com",
        ):
            raise ValueError(
                f"flow {self.auth.flow} needs the org's My Domain as login_url; "
                "write login_url: https://YOURS.my.salesforce.com"
            )
        return self


class SalesforceObjectOptions(Words):
    """One object. `archive` are fields and values that stand for "archived"."""

    archive: dict[str, Any] | None = Field(
        default=None, min_length=1, description="Fields and values that archive a record."
    )
    capture: Capture | None = Field(default=None, description="As the system's, for this object.")
    refresh: float | None = Field(default=None, ge=0, description="As the system's, for this object.")
    parent: str | None = Field(
        default=None,
        description="The reference whose records are locked by a write: calls that share one wait for each "
        "other; absent: AccountId where there is one.",
    )
