"""The fault plan: what shall go wrong with the next calls that match, once or some times, and whether it did.

`FAULTS` names them all. A fault that waits (`hang`, `hang_answer`, `late_commit`, `hide_new`) goes on with
`release`; `reached` is set when a fault fires, so nobody need look again and again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

FAULTS: dict[str, tuple[str, str]] = {
    "drop": ("any", "the connection is closed before anything is done"),
    "error_before": ("any", "`status` (500) before anything is done; `code`, `message`"),
    "rate_limited": ("any", "429; `retry_after`: seconds, `date`, `absurd`, or null for no header; `code`"),
    "unauthorized": ("any", "401, and the token is revoked until a new log-in"),
    "forbidden": ("any", "403"),
    "hang": ("any", "the call waits, nothing is done, until it is released"),
    "slow": ("any", "the call waits `seconds` of the sandbox's clock first"),
    "row_lock": ("write", "423 for the records `ids`, or for all of the call"),
    "lose_answer": ("write", "it is committed, then the connection is closed"),
    "error_after": ("write", "it is committed, then `status` (500)"),
    "hang_answer": ("write", "it is committed, the answer waits until it is released"),
    "late_commit": (
        "write",
        "no answer; it is committed when released, or after `seconds`; `status` answers that first",
    ),
    "partial": ("batch", "the rows at the places `rows` (else every second) are refused with `status` (500)"),
    "shuffle": ("batch", "the results come in another order"),
    "fewer": ("batch", "the last `count` (1) results are left out"),
    "poison": ("batch", "a row whose `field` is `value` fails the whole batch with 400; until disarmed"),
    "hide_new": (
        "look",
        "records made from now on are not in look-ups (`lists`: nor in lists) until released",
    ),
    "cut_body": ("read", "half the body, then the connection is closed"),
    "wrong_json": ("read", "200 with a page of HTML in place of JSON"),
    "empty_page": ("list", "200 with an empty page and no next one"),
    "short_page": ("list", "200 with half the page and no next one"),
    "lose_next": ("list", "200 with the whole page and no next one"),
    "cursor_expired": ("list", "410: the cursor, or the window to read changes from, is gone"),
}
"""By name: which calls it meets when `route` is not said, and what it does."""
WHILE_ARMED = ("poison", "hide_new")
"""These go on until disarmed or released, unless `times` says otherwise."""
READS = ("schema", "me", "list", "ids", "find", "get")
GROUPS: dict[str, tuple[str, ...]] = {
    "read": READS,
    "list": ("list",),
    "look": ("find", "list"),
    "write": ("create", "update", "delete", "upsert", "batch"),
    "batch": ("batch",),
}


@dataclass(slots=True)
class Call:
    """One API call as faults and counts see it: `route` is a name of `GROUPS`, or of the vendor's own.

    A prefix counts apart and is no matter for faults: `graphql.list` is a `list`. `tag` is what the vendor's
    errors need to know.
    """

    route: str
    object: str = ""
    ids: tuple[str, ...] = ()
    writes: bool = False
    tag: Any = None

    def within(self, wanted: str) -> bool:
        """Whether a fault's `route` means this call."""
        kind = self.route.rpartition(".")[2]
        if wanted in ("any", self.route, kind):
            return True
        if wanted == "write":
            return self.writes
        return kind in GROUPS.get(wanted, ()) or (wanted == "read" and not self.writes)


@dataclass(slots=True)
class Fault:
    """One armed fault. `times` firings are left (None: no end), `skip` matching calls go by first."""

    number: int
    name: str
    route: str
    object: str | None = None
    ids: frozenset[str] = frozenset()
    times: int | None = 1
    skip: int = 0
    args: dict[str, Any] = field(default_factory=dict)
    fired: int = 0
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)
    _late: list[Callable[[], Any]] = field(default_factory=list)

    def takes(self, call: Call) -> bool:
        """Whether this call is one that it means."""
        return (
            self.times != 0
            and call.within(self.route)
            and self.object in (None, call.object)
            and (not self.ids or not self.ids.isdisjoint(call.ids))
        )

    def fire(self) -> bool:
        """Count; False while it lets calls go by."""
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        self.fired += 1
        self.reached.set()
        return True

    def later(self, commit: Callable[[], Any]) -> None:
        """Keep a commit for `release`."""
        self._late.append(commit)

    def release(self) -> None:
        """Let what waits go on, and what is late be committed now."""
        self.go.set()
        if self.name in WHILE_ARMED:
            self.times = 0
        while self._late:
            self._late.pop(0)()

    def told(self) -> dict[str, Any]:
        """As the control route shows it."""
        return {
            "id": self.number,
            "fault": self.name,
            "route": self.route,
            "object": self.object,
            "ids": sorted(self.ids),
            "times": self.times,
            "fired": self.fired,
            **self.args,
        }


class Plan:
    """The faults of one sandbox; may be changed while it runs. `more`: those that a vendor's has beside."""

    def __init__(self, more: Mapping[str, tuple[str, str]] | None = None) -> None:
        self.known = {**FAULTS, **(more or {})}
        self.armed: list[Fault] = []
        self._last = 0

    def arm(
        self,
        name: str,
        *,
        times: int | None = -1,
        skip: int = 0,
        route: str | None = None,
        object: str | None = None,
        ids: Iterable[str] = (),
        **args: Any,
    ) -> Fault:
        """Arm one fault that is known for the next `times` matching calls; `ValueError` for other names."""
        if name not in self.known:
            raise ValueError(f"no fault {name!r}; there are: {', '.join(self.known)}")
        if times == -1:
            times = None if name in WHILE_ARMED else 1
        self._last += 1
        fault = Fault(
            self._last,
            name,
            route or self.known[name][0],
            object,
            frozenset(map(str, ids)),
            times,
            skip,
            args,
        )
        self.armed.append(fault)
        return fault

    def take(self, name: str, call: Call) -> Fault | None:
        """The fault of this name that fires at this call, if any."""
        if not self.armed:
            return None
        return next((f for f in self.armed if f.name == name and f.takes(call) and f.fire()), None)

    def standing(self, name: str) -> list[Fault]:
        """Those of a name that are armed, without firing one."""
        return [f for f in self.armed if f.name == name and f.times != 0] if self.armed else []

    def get(self, number: int) -> Fault:
        """By number; `KeyError`."""
        for fault in self.armed:
            if fault.number == number:
                return fault
        raise KeyError(number)

    def disarm(self) -> None:
        """Forget all; what waits goes on."""
        for fault in self.armed:
            fault.release()
        self.armed.clear()

    def unfired(self) -> list[Fault]:
        """Those that never fired; a test that armed them proves nothing."""
        return [fault for fault in self.armed if not fault.fired]
