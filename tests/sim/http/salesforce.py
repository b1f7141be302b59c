"""A `salesforce` system of an HTTP run: its org, polled, with two objects of its own."""

from __future__ import annotations

from typing import Any

from connectors.salesforce.sandbox import SalesforceSandbox, standard
from connectors.salesforce.sandbox.fields import OrgObject
from syncd.core.clock import Clock
from tests.sim.http.crm import Names
from tests.sim.twin.plan import SystemPlan, has_key

NAMES = Names(
    {"firms": "firms", "people": "people"},
    {
        "firms": {"name": "name", "city": "city"},
        "people": {"email": "email", "name": "name", "phone": "phone", "firm": "firm"},
    },
)


def sandbox_of(plan: SystemPlan, clock: Clock) -> SalesforceSandbox:
    """The org, not yet served; nothing of it listens but HTTP."""
    return SalesforceSandbox(
        {
            "objects": {"firms": _firms(plan), "people": _people(plan)},
            "key_field": None,
            "pubsub": {"enabled": False},
            "quirks": plan.quirks,
        },
        clock=clock,
    )


def _firms(plan: SystemPlan) -> OrgObject:
    return _made(plan, "firms", "a0F", f"name string 255 required\n{_text(plan, 'city')}")


def _people(plan: SystemPlan) -> OrgObject:
    unique = "unique" if plan.unique else ""
    firm = "firm reference references=firms relationship=firm__r"
    lines = [f"email email {unique}", _text(plan, "name"), _text(plan, "phone"), firm]
    return _made(plan, "people", "a0P", "\n".join(lines))


def _made(plan: SystemPlan, name: str, prefix: str, lines: str) -> OrgObject:
    key = "\nsyncd_key string 64 unique external_id\n" if has_key(plan) else "\n"
    made = standard.made(name, prefix, lines + key, {})
    bent = {n: (plan.normalise[n],) for n in made.fields if n in plan.normalise}
    fields = {
        n: f.model_copy(update={"normalise": bent[n]}) if n in bent else f for n, f in made.fields.items()
    }
    return made.model_copy(update={"fields": fields})


def _text(plan: SystemPlan, name: str) -> str:
    return f"{name} string {5 if plan.short == name else 255}"


def words_of(plan: SystemPlan, sandbox: SalesforceSandbox) -> dict[str, Any]:
    """The system's settings but for its log-in's secret."""
    client = {"client_id": sandbox.auth.options.client_id, "client_secret": f"${{env:TOKEN_{plan.name}}}"}
    auth = {"flow": "client_credentials", **client}
    words = {"connector": "salesforce", "login_url": sandbox.url, "auth": auth, "page": plan.page}
    return {**words, "capture": "poll", "overlap": 30}


def token_of(sandbox: SalesforceSandbox) -> str:
    """The log-in's secret."""
    return sandbox.auth.options.client_secret


def bind(connector: Any, clock: Clock) -> None:
    """Hand in the virtual clock."""
    connector.clock, connector.client.now = clock.monotonic, clock.now
