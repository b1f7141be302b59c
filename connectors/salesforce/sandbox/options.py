"""The words of a profile: the org's rules, and how it misbehaves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from connectors.salesforce.sandbox.fields import OrgField, OrgObject
from connectors.salesforce.sandbox.pubsub.options import PubSubOptions
from connectors.sandboxes.auth import AuthOptions
from connectors.sandboxes.limits import LimitOptions, RetryAfter
from connectors.sandboxes.profile import Profile
from connectors.sandboxes.quirks import Quirks
from connectors.sandboxes.shape import Strict


class ValidationRule(Strict):
    """A record that meets `condition`, the text of a SOQL WHERE, is refused with `message` at `field`."""

    object: str
    condition: str
    message: str
    field: str | None = None


class DuplicateRule(Strict):
    """A record whose `fields` equal another's is a duplicate: blocked, or refused unless `allowSave` is said.

    `against` are objects to compare with, the record's own where there are none.
    """

    object: str
    fields: tuple[str, ...] = ("Email",)
    against: tuple[str, ...] = ()
    action: Literal["alert", "block"] = "alert"
    name: str = "Standard_Rule"


class OrgQuirks(Strict):
    """What only an org of this kind does. Times in seconds unless said otherwise."""

    lower_emails: bool = Field(default=True, description="e-mail fields are stored in lower case")
    read_only_fields: frozenset[str] = Field(
        default=frozenset(), description="fields that the user may see but not write"
    )
    validation: tuple[ValidationRule, ...] = Field(default=(), description="validation rules")
    duplicates: tuple[DuplicateRule, ...] = Field(default=(), description="duplicate rules")
    lock_parents: bool = Field(
        default=False,
        description="a write call fails rows whose parent another call works on at that time",
    )
    concurrent: int | None = Field(default=None, description="so many calls at once, more are refused")
    bin_days: float = Field(default=15.0, description="how long deleted records stay in the recycle bin")
    covered_lag: float = Field(
        default=0.0, description="latestDateCovered of getUpdated and getDeleted is so long ago"
    )
    view_all: bool = Field(
        default=True,
        description="the integration user has View All Records on all objects without `hidden` ones",
    )
    bulk_steps: bool = Field(
        default=False, description="Bulk jobs stay in their state until POST /_sandbox/jobs moves them on"
    )


class SalesforceQuirks(Quirks, OrgQuirks):
    """Those of all sandboxes, and the org's own; `hide_fields` is field-level security."""

    stamp_resolution: float = Field(default=1.0, description="time stamps are cut to so many seconds")
    noop_bumps: bool = Field(
        default=True, description="a save that changes nothing moves LastModifiedDate and SystemModstamp"
    )


class SalesforceAuth(AuthOptions):
    """`user` is the integration user's name. Sessions end `expires_in` seconds after their last call."""

    way: Literal["oauth2"] = "oauth2"
    user: str = "sync@sandbox.example"
    token: str = ""
    expires_in: float = 7200.0
    approved: bool = True
    """Whether an admin approved the app for the user: else JWT log-ins are refused."""
    redirect_uri: str | None = None
    """The one that is registered; null: any on this machine."""


class SalesforceLimits(LimitOptions):
    """`quota` is the org's calls in a day."""

    quota: int | None = 100_000
    quota_status: int = 403
    retry_after: RetryAfter = "absent"


class SalesforceProfile(Profile):
    """`fields` adds to the org's objects.

    `{Contact: {Score__c: {type: double}}}`; null takes a field away.
    """

    objects: dict[str, OrgObject] | None = None  # type: ignore[assignment]
    key_field: str | None = "Syncd_Id__c"
    auth: SalesforceAuth = Field(default_factory=SalesforceAuth)
    limits: SalesforceLimits = Field(default_factory=SalesforceLimits)
    quirks: SalesforceQuirks = Field(default_factory=SalesforceQuirks)
    fields: dict[str, dict[str, OrgField | None]] = Field(default_factory=dict)
    pubsub: PubSubOptions = Field(default_factory=PubSubOptions)
    records: int = 0
    """So many contacts are made up, with accounts, leads and opportunities."""


NAMED: Mapping[str, Mapping[str, Any]] = {
    "plain": {},
    "hostile": {
        "quirks": {
            "late_stamps": 2.0,
            "lock_parents": True,
            "covered_lag": 60.0,
            "automations": [{"object": "Contact", "when": "Title", "set": {"Department": "Assigned"}}],
            "validation": [
                {
                    "object": "Opportunity",
                    "condition": "StageName = 'Closed Won' AND Amount = null",
                    "message": "A won deal needs an amount.",
                    "field": "Amount",
                }
            ],
            "duplicates": [{"object": "Lead", "fields": ["Email"], "against": ["Lead"]}],
            "page_cap": 25,
        },
    },
}
"""`hostile` turns on what a client can live with; field-level security, quotas and the like go alone."""
