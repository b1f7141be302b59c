"""The settings of a HubSpot system."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from connectors.login import REDIRECT


class Words(BaseModel):
    """A part of the file: unknown keys are problems, values are never shown."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class HubSpotAuth(Words):
    """A private app's token or service key; or an app that a person lets in, by `syncd connect`."""

    token: SecretStr | None = Field(default=None, description="A private app's token, or a service key.")
    client_id: str | None = Field(default=None, description="The app's client id.")
    client_secret: SecretStr | None = Field(default=None, description="Its secret.")
    refresh_token: SecretStr | None = Field(
        default=None, description="What its log-in gave; absent: `syncd connect` fetches one."
    )
    scopes: tuple[str, ...] = Field(
        default=(),
        description="What the app asks for, as in its settings; absent: what the mapped objects need.",
    )
    redirect: str = Field(default=REDIRECT, description="The app's redirect URL.")
    authorize_url: str | None = Field(default=None, description="The page that asks the person.")

    @model_validator(mode="after")
    def _one_way(self) -> HubSpotAuth:
        app = (self.client_id, self.client_secret)
        if (self.token is not None) == any(part is not None for part in (*app, self.refresh_token)):
            raise ValueError("give a token, or client_id and client_secret")
        if self.token is None and None in app:
            raise ValueError("client_id and client_secret go together")
        return self


EXAMPLE = '{token: "${env:NAME_TOKEN}"}'
"""What `syncd init` writes."""


class TlsWords(Words):
    """Certificates, as a file in PEM form."""

    ca: str | None = Field(default=None, description="Whose certificates are believed, beside the system's.")


class HubSpotWebhooks(Words):
    """How deliveries are signed."""

    secret: SecretStr | None = Field(
        default=None, min_length=1, description="The app's client secret; absent: that of `auth`."
    )
    signature: Literal["v3", "v2", "v1"] = Field(
        default="v3", description="What HubSpot signs by: v3; v1 for private apps."
    )
    url: str | None = Field(
        default=None,
        description="The address as it stands in the app's settings; absent: what the call itself shows, "
        "which a proxy may change.",
    )
    tolerance: float = Field(default=300.0, gt=0, description="How old a signature may be, in seconds.")


class HubSpotObjectOptions(Words):
    """One object."""

    integers: tuple[str, ...] = Field(
        default=(), description="Number properties that hold whole numbers: HubSpot does not say which do."
    )


class HubSpotOptions(Words):
    """One portal."""

    url: str = Field(default="https://api.hubapi.com", description="The API's address.")
    auth: HubSpotAuth = Field(description="How to log in.", examples=[EXAMPLE])
    api_version: str = Field(
        default="v3",
        pattern=r"^(v3|20\d\d-(03|09))$",
        description="The version in paths: `v3`, or a date such as `2026-09`.",
    )
    capture: Literal["search", "journal"] = Field(
        default="search",
        description="How polls find changes: by search on the modified date, or by the journal of webhooks, "
        "which needs an app by OAuth.",
    )
    overlap: float = Field(
        default=60.0, ge=0, le=3600, description="How late search may show a change; seconds."
    )
    refresh: float = Field(
        default=3600.0,
        ge=0,
        description="Seconds between walks through all records whose associations are synced, which may "
        "change without a modified date; 0: never.",
    )
    page: int = Field(default=200, ge=1, le=200, description="Records asked for at once.")
    sees_all: bool = Field(
        default=True,
        description="This app sees every record, so that one that is not found, archived or not, is gone.",
    )
    webhooks: HubSpotWebhooks | None = Field(default=None, description="How its webhooks are believed.")
    timeout: float = Field(default=15.0, gt=0, le=19.0, description="Seconds for one request.")
    concurrency: int = Field(default=4, ge=1, le=25, description="Requests at the same time, at most.")
    searches: float = Field(
        default=4.0,
        gt=0,
        description="Searches per second, at most: HubSpot allows five to all apps of an account together.",
    )
    tls: TlsWords | None = Field(default=None, description="Certificates other than the usual.")

    @model_validator(mode="after")
    def _fits(self) -> HubSpotOptions:
        if self.webhooks is not None and self.webhook_secret is None:
            raise ValueError("webhooks needs a secret: the app's client secret")
        if self.capture == "journal" and self.auth.client_id is None:
            raise ValueError("capture: journal needs an app by OAuth: auth: {client_id: …, client_secret: …}")
        return self

    @property
    def webhook_secret(self) -> str | None:
        """What deliveries are signed with."""
        own = self.webhooks.secret if self.webhooks is not None else None
        found = own or self.auth.client_secret
        return found.get_secret_value() if found is not None else None

    @field_validator("url")
    @classmethod
    def _is_an_origin(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
            raise ValueError("must begin with https:// and name a host, without a path")
        if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
            raise ValueError("must begin with https://: tokens are sent there")
        return url.rstrip("/")
