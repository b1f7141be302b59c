"""What goes wrong in a run, by name; each fault remembers whether it fired."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from connectors.memory import Fault
from syncd.core.errors import RetryLater
from tests.sim.twin.crm import Crm
from tests.sim.twin.shape import FaultPlan
from tests.sim.twin.troubles import NAMES

POINTS = {
    "lost": "write.after_commit",
    "lost_row": "write.uncertain",
    "cut_off": "write.before_commit",
    "refused": "write.start",
    "throttled": "read.start",
    "late": "write.late_commit",
    "truncate": "read.truncate",
    "broken_read": "read.start",
    "slow_answer": "write.answer",
}
"""Where each fault at a point is armed; `offline` and `logged_out` are states of the whole CRM."""


class Weather:
    """The faults of one run."""

    def __init__(self, crms: Mapping[str, Crm]) -> None:
        self.crms = crms
        self.armed: list[tuple[FaultPlan, Fault]] = []
        self.states: list[tuple[FaultPlan, int]] = []
        self.troubles: list[tuple[FaultPlan, int]] = []
        self._ending = False
        self._tasks: list[asyncio.Task[None]] = []

    async def pass_by(self, plans: tuple[FaultPlan, ...]) -> None:
        """Arm each when its time comes."""
        for plan in plans:
            loop = asyncio.get_running_loop()
            self._tasks.append(loop.create_task(self._one(plan)))

    async def clear(self) -> None:
        """The end of all that lasts."""
        for task in self._tasks:
            await task

    async def _one(self, plan: FaultPlan) -> None:
        await asyncio.sleep(plan.at)
        crm = self.crms[plan.system]
        crm.say(f"{plan.system} fault {plan.what}")
        if plan.what in ("offline", "logged_out"):
            await self._state(plan, crm)
            return
        if plan.what in NAMES:
            await self._trouble(plan, crm)
            return
        cut = plan.what == "cut_off"  # nothing was written, and nobody here can know
        error = RetryLater(f"{plan.system} says later", plan.lasts, uncertain=cut) if _fails(plan) else None
        hold = plan.what == "slow_answer"
        fault = crm.faults.arm(POINTS[plan.what], times=plan.times, skip=plan.skip, error=error, hold=hold)
        self.armed.append((plan, fault))
        if plan.what in ("late", "slow_answer"):
            await fault.reached.wait()
            await asyncio.sleep(plan.lasts)
            self._land(crm, fault)

    def _land(self, crm: Crm, fault: Fault) -> None:
        crm.late = not fault.hold
        fault.release()
        crm.late = False

    async def _state(self, plan: FaultPlan, crm: Crm) -> None:
        before = sum(crm.calls.values())
        name = "online" if plan.what == "offline" else "login_valid"
        setattr(crm, name, False)
        await asyncio.sleep(plan.lasts)
        setattr(crm, name, True)
        self.states.append((plan, sum(crm.calls.values()) - before))

    async def _trouble(self, plan: FaultPlan, crm: Crm) -> None:
        """For as long as it lasts, and until a call has met it."""
        before = crm.troubles.felt[plan.what]
        self.troubles.append((plan, before))
        crm.troubles.begin(plan)
        await asyncio.sleep(plan.lasts)
        while crm.troubles.felt[plan.what] == before and not self._ending:
            await asyncio.sleep(2.0)
        crm.troubles.end(plan)
        crm.say(f"{plan.system} fault {plan.what} is over")

    def _felt(self, plan: FaultPlan, before: int) -> bool:
        return self.crms[plan.system].troubles.felt[plan.what] > before

    def unfired(self) -> list[FaultPlan]:
        """Armed, and never passed."""
        at_points = [plan for plan, fault in self.armed if not fault.fired]
        return at_points + [plan for plan, before in self.troubles if not self._felt(plan, before)]

    def fired(self) -> list[str]:
        """The names of what happened, once per fault."""
        at_points = [plan.what for plan, fault in self.armed if fault.fired]
        at_points += [plan.what for plan, calls in self.states if calls]
        return at_points + [plan.what for plan, before in self.troubles if self._felt(plan, before)]

    def disarm(self) -> None:
        """No more of it: what has not fired will not, and late commits come now."""
        self._ending = True
        for plan, fault in self.armed:
            fault.times = 0
            fault.reached.set()
            self._land(self.crms[plan.system], fault)


def _fails(plan: FaultPlan) -> bool:
    return plan.what in ("refused", "throttled", "broken_read", "cut_off")
