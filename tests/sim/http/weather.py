"""The faults of HTTP runs: those of the sandboxes, armed when their time comes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, cast

from connectors.memory import Fault
from syncd.core.clock import Clock
from tests.sim.http.crm import HttpCrm
from tests.sim.http.forgery import FORGERIES, Forgery
from tests.sim.http.hooks import Hooks
from tests.sim.twin.faults import Weather
from tests.sim.twin.plan import FaultPlan

HOLDING = ("hang", "hang_answer", "late_commit", "hide_new")
"""These go on until they are released."""
ARGS: dict[str, dict[str, Any]] = {"hide_new": {"lists": True, "times": None}}


IN_LISTS = ("empty_page", "short_page", "lose_next", "cursor_expired")
"""Where changes are found by search, only a sweep reads lists."""
SOMETIMES = ("partial", "shuffle", "fewer")
"""These wait for a call with several rows, which may never be made."""


class Storm(Weather):
    """The faults of one run."""

    crms: Mapping[str, Any]

    def __init__(self, crms: Mapping[str, Any], hooks: Hooks, clock: Clock) -> None:
        super().__init__(crms)
        self.hooks, self.clock = hooks, clock
        self.since: dict[tuple[str, int], float] = {}

    async def _one(self, plan: FaultPlan) -> None:
        await asyncio.sleep(plan.at)
        crm: HttpCrm = self.crms[plan.system]
        crm.say(f"{plan.system} fault {plan.what}")
        if plan.what in FORGERIES:
            forgery = Forgery(plan.what, plan.times)
            self.armed.append((plan, cast(Fault, forgery)))
            await forgery.send(crm, self.hooks, self.clock)
            return
        words = {"times": plan.times, "skip": plan.skip, **ARGS.get(plan.what, {})}
        if plan.what == "rate_limited":
            words |= {"seconds": plan.lasts, "retry_after": "seconds"}
        if plan.what == "slow":
            words["seconds"] = plan.lasts
        fault: Any = crm.sandbox.arm(plan.what, **words)
        self.since[plan.system, fault.number] = crm.loop.time()
        self.armed.append((plan, fault))
        if plan.what in HOLDING:
            await fault.reached.wait()
            await asyncio.sleep(plan.lasts)
            self._land(crm, fault)
        while plan.what == "unauthorized" and not fault.go.is_set():
            await fault.reached.wait()
            await asyncio.sleep(plan.lasts)
            crm.sandbox.auth.grant()
            if not fault.times:
                fault.release()
            fault.reached.clear()  # while the token is revoked no call gets as far as the fault

    def unfired(self) -> list[FaultPlan]:
        return [plan for plan in super().unfired() if plan.what not in SOMETIMES]

    def believed(self) -> list[str]:
        """What was told to the daemon by nobody, and taken."""
        told = (fault for _, fault in self.armed if isinstance(fault, Forgery))
        return [said for forgery in told for said in forgery.believed]

    def never(self) -> list[str]:
        """What might have fired and did not."""
        return [plan.what for plan, fault in self.armed if not fault.fired]

    def _land(self, crm: Any, fault: Any) -> None:
        if fault.name == "hide_new" and not fault.go.is_set():
            crm.spans.append((self.since[crm.plan.name, fault.number], crm.loop.time()))
        crm.late = fault.name == "late_commit"
        fault.release()
        crm.late = False
