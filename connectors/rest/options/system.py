"""A whole system: how to reach it, words for all its objects, and each object's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, field_validator, model_validator

from connectors.rest.options.auth import AuthWords
from connectors.rest.options.base import Words
from connectors.rest.options.calls import Calls, CallWords, PagingWords
from connectors.rest.options.checks import constants_of, refuse, slips_of
from connectors.rest.options.records import ErrorWords, FeedWords, RecordWords, SchemaWords, ValueWords
from connectors.rest.options.webhooks import WebhookWords


class TlsWords(Words):
    """Certificates, as files in PEM form."""

    ca: str | None = Field(default=None, description="Whose certificates are believed, beside the system's.")
    certificate: str | None = Field(default=None, description="The certificate that we show.")
    key: str | None = Field(default=None, description="Its private key, if it is in a file of its own.")


class AccountWords(Words):
    """How the API tells whose data it shows: with another account, nothing runs."""

    call: CallWords = Field(description="The call that tells it, such as `/me`.")
    id: str = Field(default="id", description="Where the id of the organisation is in the answer.")
    name: str | None = Field(default=None, description="Where its name is, for people.")
    user: str | None = Field(default=None, description="Where the user's name is who logged in.")


class RateWords(Words):
    """Headers by which each answer says how many requests are left; calls slow down before there are none."""

    remaining: str = Field(description="How many are left, such as X-RateLimit-Remaining, or RateLimit (r=).")
    limit: str | None = Field(
        default=None, description="How many there are in all; absent: as a parameter of the first."
    )
    reset: str | None = Field(
        default=None,
        description="When they are all there again: in seconds, or an instant (unix, ms, a date); likewise.",
    )


class ObjectWords(Words):
    """How an object is read and written. What is absent is taken from the system's words."""

    calls: Calls = Field(default=Calls(), description="The operations.")
    record: RecordWords = Field(default=RecordWords(), description="Where things are in a record.")
    paging: PagingWords = Field(default=PagingWords(), description="How lists go on.")
    feed: FeedWords = Field(default=FeedWords(), description="How changes are asked for.")
    values: ValueWords = Field(default=ValueWords(), description="How values are written.")
    errors: ErrorWords = Field(default=ErrorWords(), description="What errors mean.")
    fields: SchemaWords = Field(default=SchemaWords(), alias="schema", description="The fields there are.")
    constants: dict[str, Any] = Field(default={}, description="Placeholders of your own.")


class RestOptions(ObjectWords):
    """One API. Its words for calls, records and so on hold for every object that has none of its own."""

    url: str = Field(
        description="The address that all paths are added to; its host is the only one talked to."
    )
    auth: AuthWords | None = Field(default=None, description="How to log in; absent: not at all.")
    account: AccountWords | None = Field(default=None, description="How the API tells whose data it shows.")
    headers: dict[str, str] = Field(default={}, description="Headers of every request.")
    tls: TlsWords | None = Field(default=None, description="Certificates other than the usual.")
    timeout: float = Field(default=15.0, gt=0, le=19.0, description="Seconds for one request.")
    concurrency: int = Field(default=4, ge=1, le=64, description="Requests at the same time, at most.")
    rate: RateWords | None = Field(default=None, description="Where answers say how many requests are left.")
    write_batch: int | None = Field(
        default=None, ge=1, description="Records per write; absent: the batch's size, or 10 without batches."
    )
    read_batch: int = Field(default=100, ge=1, le=1000, description="Ids per `get_many` and keys per `find`.")
    probe: bool = Field(
        default=True, description="Whether `syncd check` tries the feed's filter, reading only."
    )
    objects: dict[str, ObjectWords] = Field(default={}, description="The objects, and where they differ.")
    webhooks: WebhookWords | None = Field(default=None, description="What its webhooks look like.")

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @field_validator("url")
    @classmethod
    def _is_http(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must begin with https:// or http:// and name a host")
        if parts.username is not None or parts.query or parts.fragment:
            raise ValueError("holds more than an address: put log-ins under auth")
        return url

    @model_validator(mode="after")
    def _fits_together(self) -> RestOptions:
        slips = list(slips_of(self, constants_of(self.objects, self)))
        for name, own in self.objects.items():
            words = merged(self, name)
            slips += slips_of(words, words.constants, own, name)
        refuse("rest", slips)
        return self


class RestObjectOptions(Words):
    """A kind in this system."""

    archive: dict[str, Any] | None = Field(
        default=None,
        min_length=1,
        description="Fields and values that archive a record, written by `update`.",
    )


DEFAULTS = tuple(ObjectWords.model_fields)
DEEP = ("calls",)


def merged(options: RestOptions, name: str) -> ObjectWords:
    """An object's words over the system's: section by section, key by key; in `calls`, call by call."""
    own = options.objects.get(name)
    if own is None:
        return ObjectWords(**{_alias(key): _said(getattr(options, key)) for key in DEFAULTS})
    told: dict[str, Any] = {}
    for key in DEFAULTS:
        ours, theirs = _said(getattr(own, key)), _said(getattr(options, key))
        told[_alias(key)] = _over(ours, theirs, 2 if key in DEEP else 1)
    return ObjectWords(**told)


def _said(section: Any) -> Any:
    return section.model_dump(exclude_unset=True, by_alias=True) if isinstance(section, Words) else section


def _over(ours: Any, theirs: Any, depth: int) -> Any:
    if depth == 0 or not isinstance(ours, Mapping) or not isinstance(theirs, Mapping):
        return ours
    both = {**theirs, **ours}
    return {k: _over(v, theirs[k], depth - 1) if k in ours and k in theirs else v for k, v in both.items()}


def _alias(key: str) -> str:
    return ObjectWords.model_fields[key].alias or key
