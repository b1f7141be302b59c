"""A `rest` system of an HTTP run: its sandbox, and what the configuration says of it."""

from __future__ import annotations

from typing import Any

from connectors.rest.sandbox import RestSandbox
from syncd.core.clock import Clock
from tests.contract.rest_subject import RestSubject
from tests.sim.http.crm import Names
from tests.sim.http.hooks import WORDS
from tests.sim.twin.plan import SystemPlan, has_key

NAMES = Names(
    {"firms": "firms", "people": "people"},
    {
        "firms": {"name": "name", "city": "city"},
        "people": {"email": "email", "name": "name", "phone": "phone", "firm": "firm"},
    },
)


def sandbox_of(plan: SystemPlan, clock: Clock) -> RestSandbox:
    """The sandbox, not yet served."""
    length = {plan.short: {"length": 5}} if plan.short else {}

    def text(name: str) -> dict[str, Any]:
        return {**length.get(name, {}), "normalise": [plan.normalise[name]] if name in plan.normalise else []}

    prefix = "" if plan.quirks.get("integer_ids") else "P"
    firms = {"name": {"required": True}, "city": text("city")}
    people = {
        "email": {"type": "email", "unique": plan.unique},
        "name": text("name"),
        "phone": text("phone"),
        "firm": {"type": "ref", "references": "firms"},
    }
    return RestSandbox(
        {
            "objects": {
                "firms": {"prefix": prefix.replace("P", "F"), "fields": firms},
                "people": {"prefix": prefix, "fields": people},
            },
            "key_field": "syncd_key" if has_key(plan) else None,
            "prefixes": bool(prefix),
            "batch": plan.features["batch"],
            "compare_and_set": plan.features["compare_and_set"],
            "quirks": plan.quirks,
            "webhooks": plan.more.get("webhooks", {}),
        },
        clock=clock,
    )


def words_of(plan: SystemPlan, sandbox: RestSandbox) -> dict[str, Any]:
    """The system's settings but for its log-in's secret."""
    words = RestSubject(sandbox).words
    words["paging"]["limit"] = plan.page
    calls = words["calls"]
    if not plan.features["batch"]:
        calls.pop("batch")
    if not plan.features["compare_and_set"]:
        for call in ("update", "delete"):
            calls[call].pop("headers")
        if "batch" in calls:
            calls["batch"]["each"]["operations"].pop("if_version")
    if not has_key(plan):
        words["schema"].pop("fields")
    if "batch" in calls:
        words["write_batch"] = plan.features["batch"]
    if "webhooks" in plan.more:
        words["webhooks"] = WORDS
    auth = {"by": "bearer", "token": f"${{env:TOKEN_{plan.name}}}"}
    return {"connector": "rest", "url": f"{sandbox.url}/api", "auth": auth, **words}


def token_of(sandbox: RestSandbox) -> str:
    """The log-in's secret."""
    return sandbox.auth.options.token


def bind(connector: Any, clock: Clock) -> None:
    """Hand in the virtual clock: nothing of this connector has one of its own."""
