"""What a soak came to, in numbers and in text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

QUICK = 5.0
"""Seconds within which a restart is to be back at work. Told, for it depends on the machine."""


@dataclass
class Report:
    """Times in seconds. `faults` are all that should not be; the figures tell what was done."""

    seed: int
    seconds: float
    load: tuple[float, float]
    kills: dict[str, int]
    stalls: dict[str, int]
    back: dict[str, float]
    computing: dict[str, float]
    taken_over: dict[str, float]
    slow_restarts: int
    acts: dict[str, int]
    edits: int
    became: dict[str, int]
    lost: list[str]
    duplicates: list[str]
    open_items: dict[str, int]
    listed: list[str]
    faults: list[str] = field(default_factory=list)

    def text(self) -> str:
        """For a terminal."""
        slow = f"{self.slow_restarts} took {QUICK:.0f} s or more"
        lines = [
            f"seed {self.seed}: {self.seconds:.0f} s; load {self.load[0]:.1f} to {self.load[1]:.1f}",
            f"kill -9: {_words(self.kills)}",
            f"SIGSTOP past the lease: {_words(self.stalls)}",
            f"back at work after a start: {_times(self.back)}; {slow}",
            f"  of that computing: {_times(self.computing)}",
            f"from SIGSTOP until the successor is at work: {_times(self.taken_over)}",
            f"people: {_words(self.acts)}; {self.edits} edits: {_words(self.became)}",
            f"lost: {len(self.lost)}; duplicates: {len(self.duplicates)}",
            f"open items: {_words(self.open_items)}",
            *(f"  {line}" for line in self.listed),
            "all held" if not self.faults else f"{len(self.faults)} things did not hold:",
            *(f"  {fault}" for fault in self.faults),
        ]
        return "\n".join(lines)


def quantiles(found: Sequence[float]) -> dict[str, float]:
    """Of times: how many, the middle, the 99th of 100, the longest."""
    if not found:
        return {"n": 0, "p50": 0.0, "p99": 0.0, "max": 0.0}
    times = sorted(found)
    last = len(times) - 1
    return {
        "n": len(times),
        "p50": round(times[len(times) // 2], 3),
        "p99": round(times[min(last, int(len(times) * 0.99))], 3),
        "max": round(times[last], 3),
    }


def _words(counts: dict[str, Any]) -> str:
    return ", ".join(f"{n} {what}" for what, n in counts.items()) or "none"


def _times(times: dict[str, float]) -> str:
    return f"{times['n']:.0f}, p50 {times['p50']:.2f} s, p99 {times['p99']:.2f} s, max {times['max']:.2f} s"
