"""A `hubspot` system of an HTTP run: its portal, and what the configuration says of it."""

from __future__ import annotations

from functools import partial
from typing import Any

from connectors.hubspot.memory import Memory
from connectors.hubspot.sandbox import HubSpotSandbox
from syncd.core.clock import Clock
from tests.sim.http.crm import Names
from tests.sim.twin.plan import SystemPlan, has_key

NAMES = Names(
    {"firms": "companies", "people": "contacts"},
    {
        "firms": {"name": "name", "city": "city"},
        "people": {"email": "email", "name": "firstname", "phone": "phone", "firm": "firm"},
    },
)
"""A person's firm is a property that holds the company's id."""


def sandbox_of(plan: SystemPlan, clock: Clock) -> HubSpotSandbox:
    """The portal, not yet served."""
    return HubSpotSandbox(
        {
            "fields": {"contacts": {"firm": {"type": "string"}}},
            "key_field": "syncd_key" if has_key(plan) else None,
            "quirks": plan.quirks,
        },
        clock=clock,
    )


def words_of(plan: SystemPlan, sandbox: HubSpotSandbox) -> dict[str, Any]:
    """The system's settings but for its log-in's secret."""
    auth = {"token": f"${{env:TOKEN_{plan.name}}}"}
    return {"connector": "hubspot", "url": sandbox.url, "auth": auth, "page": plan.page}


def token_of(sandbox: HubSpotSandbox) -> str:
    """The log-in's secret."""
    return str(sandbox.ready()["auth"]["token"])


def bind(connector: Any, clock: Clock) -> None:
    """Hand in the virtual clock."""
    connector.client.now = clock.now
    connector._memories.default_factory = partial(Memory, clock=clock.monotonic)
