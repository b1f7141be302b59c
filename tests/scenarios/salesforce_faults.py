"""Which faults of the promises a run with the org's data shows, and the proof that each one happened."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from connectors.salesforce.sandbox import SalesforceSandbox
from connectors.sandboxes.faults import Fault


def numbers(text: str) -> frozenset[str]:
    """`F2 F18-F20` as a set."""
    found: set[str] = set()
    for word in text.split():
        first, _, last = word.replace("F", "").partition("-")
        found |= {f"F{n}" for n in range(int(first), int(last or first) + 1)}
    return frozenset(found)


PROMISED = numbers("F2 F3 F5 F8 F9 F12 F13 F16 F18-F24 F32-F34 F36 F51")
"""Those under which the org's data must sync."""
READING = numbers("F8 F9 F12 F13 F16 F21 F22 F23 F32 F33 F34")
"""Those that depend on how changes are captured: they are shown in each way."""
SHOWN = {
    "poll": READING | numbers("F2 F3 F5 F18"),
    "events": READING | numbers("F2 F3 F5 F18"),
    "bulk": READING | numbers("F2 F3 F5 F18"),
    "collections": numbers("F16 F18-F21 F24 F36 F51"),
    "ingest": numbers("F2 F18 F20"),
    "quota": numbers("F16"),
}
"""By run: what it shows, no less and no more."""


class Evidence:
    """What was to go wrong in a run, by number, and what of it did."""

    def __init__(self, sandbox: SalesforceSandbox) -> None:
        self.sandbox = sandbox
        self._armed: defaultdict[str, list[Fault]] = defaultdict(list)
        self._seen: set[str] = set()

    def arm(self, number: str, fault: str, **args: Any) -> Fault:
        """Arm a fault of the sandbox for a number."""
        armed = self.sandbox.arm(fault, **args)
        self._armed[number].append(armed)
        return armed

    def saw(self, number: str, times: int) -> None:
        """What is no armed fault, but done by people, by rules or by the org itself, happened so often."""
        assert times > 0, f"{number} did not happen"
        self._seen.add(number)

    def proven(self) -> frozenset[str]:
        """The numbers that were shown. Fails where an armed fault never fired."""
        idle = [(number, f.told()) for number, faults in self._armed.items() for f in faults if not f.fired]
        assert not idle, f"never fired: {idle}"
        return frozenset(self._seen | self._armed.keys())
