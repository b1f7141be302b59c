"""The words of a profile: the portal's rules, and how it misbehaves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from connectors.hubspot.sandbox.fields import HubObject, HubProperty
from connectors.hubspot.sandbox.standard import PORTAL
from connectors.sandboxes.auth import AuthOptions
from connectors.sandboxes.limits import LimitOptions, RetryAfter
from connectors.sandboxes.profile import Profile
from connectors.sandboxes.quirks import Quirks
from connectors.sandboxes.shape import Strict
from connectors.sandboxes.webhooks import HookOptions

APP = 54321
SCOPES = (
    "oauth",
    *(
        f"crm.objects.{name}.{right}"
        for name in ("contacts", "companies", "deals")
        for right in ("read", "write")
    ),
    *(
        f"crm.schemas.{name}.{right}"
        for name in ("contacts", "companies", "deals")
        for right in ("read", "write")
    ),
    *(f"crm.{what}.custom.{right}" for what in ("objects", "schemas") for right in ("read", "write")),
    "crm.objects.owners.read",
    "crm.objects.contacts.sensitive.read",
    "crm.objects.contacts.sensitive.write",
)
JOURNAL_SCOPES = (
    "developer.webhooks_journal.read",
    "developer.webhooks_journal.subscriptions.read",
    "developer.webhooks_journal.subscriptions.write",
    "developer.webhooks_journal.snapshots.write",
)


class PortalQuirks(Strict):
    """The portal's own."""

    trim: bool = Field(default=True, description="texts lose blanks at their ends")
    unordered: bool = Field(default=True, description="results of batches come in another order than inputs")
    null_clears: bool = Field(default=True, description="null clears a value; else it changes nothing")
    calculated_bumps: bool = Field(
        default=True,
        description="a property that the portal works out moves the modified date, also of other records",
    )
    first_is_primary: bool = Field(
        default=False, description="the first company that a contact or deal gets is its primary one"
    )
    default_lifecycle: str | None = Field(
        default=None, description="the lifecycle stage of contacts that come without one"
    )
    date_as_ms: bool = Field(default=False, description="date properties read as milliseconds")
    integer_ids: bool = Field(
        default=True, description="ids of the other record in associations are numbers, elsewhere strings"
    )
    merge_keeps_id: bool = Field(
        default=False, description="a merge keeps the primary record's id, as before 2024"
    )
    batch_merged: bool = Field(
        default=True, description="a batch read takes ids that were merged away; else they are not found"
    )
    trace_in_results: bool = Field(
        default=False, description="results of a batch show the objectWriteTraceId of their input"
    )
    search_cap: int = Field(default=10_000, description="results of a search that can be paged through")
    read_only_fields: frozenset[str] = Field(
        default=frozenset(), description="properties that the app may see but not write"
    )


class HubQuirks(PortalQuirks, Quirks):
    """Those of all sandboxes, and the portal's own. `index_lag` is that of search, for changes, too."""


class HubAuth(AuthOptions):
    """`token` is the private app's, which does not run out; `expires_in` is of those that OAuth gives."""

    way: Literal["bearer"] = "bearer"
    token: str = "pat-na1-5a4d6f81-2b1e-4f61-9a3c-7f0e2b9d1c55"
    user: str = "ada@sandbox.example"
    client_id: str = "5a4d6f81-0000-4000-8000-7f0e2b9d1c55"
    client_secret: str = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
    expires_in: float = 1800.0
    scopes: tuple[str, ...] = SCOPES
    developer_key: str = "developer-key"
    """What the webhooks API takes as `hapikey`."""
    redirect_uri: str | None = None
    """The one that is registered; null: any on this machine."""


class HubLimits(LimitOptions):
    """Calls: `burst` in any `window` seconds for one app, `search` searches a second, `quota` a day."""

    burst: int = 190
    window: float = 10.0
    search: int | None = 5
    quota: int | None = 625_000
    retry_after: RetryAfter = "absent"


class HubHooks(HookOptions):
    """Beside the kit's words: `timeout` and the first `retry` in seconds; `tries` after the first one."""

    timeout: float = 5.0
    retry: float = 60.0
    tries: int = 10


class HubProfile(Profile):
    """`fields` adds properties: `{contacts: {score__c: {type: number}}}`; null takes one away.

    `account` are words of the account's details. `records`: so many contacts are made up, with companies,
    deals and machines. `versions` are the dates that paths may name.
    """

    objects: dict[str, HubObject] | None = None  # type: ignore[assignment]
    key_field: str | None = "syncd_id"
    auth: HubAuth = Field(default_factory=HubAuth)
    limits: HubLimits = Field(default_factory=HubLimits)
    quirks: HubQuirks = Field(default_factory=HubQuirks)
    webhooks: HubHooks = Field(default_factory=HubHooks)
    fields: dict[str, dict[str, HubProperty | None]] = Field(default_factory=dict)
    portal_id: int = PORTAL
    app_id: int = APP
    versions: tuple[str, ...] = ("2025-09", "2026-03", "2026-09")
    currencies: tuple[str, ...] = ("USD", "EUR")
    time_zone: str = "US/Eastern"
    records: int = 0
    longest_url: int = 8000
    """Characters of a path with its query beyond which a call is answered with 414. HubSpot's own number is
    not published."""


NAMED: Mapping[str, Mapping[str, Any]] = {
    "plain": {},
    "hostile": {
        "quirks": {
            "index_lag": 2.0,
            "noop_bumps": True,
            "first_is_primary": True,
            "default_lifecycle": "lead",
            "date_as_ms": True,
            "page_cap": 25,
            "normalise": {"contacts.phone": ["phone"], "companies.domain": ["trim", "lower"]},
            "automations": [
                {"object": "contacts", "when": "jobtitle", "set": {"message": "Assigned by a workflow"}}
            ],
        },
        "webhooks": {"duplicate": 3, "reorder": 4, "drop": 7},
    },
}
"""`hostile` turns on what a client can live with; hidden properties, scopes and small quotas go alone."""
