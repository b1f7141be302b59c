"""What a part of the benchmark costs: CPU of this process and of the store's server, and peak memory."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

MB = 1e6


@dataclass(slots=True)
class Cost:
    """CPU and wall-clock in seconds, memory in bytes; `calls` are those that each remote counted."""

    records: int
    seconds: float
    syncd: float
    server: float
    peak: int
    calls: dict[str, int] = field(default_factory=dict)

    def __add__(self, other: Cost) -> Cost:
        """Both for the same records."""
        return Cost(
            self.records,
            self.seconds + other.seconds,
            self.syncd + other.syncd,
            self.server + other.server,
            max(self.peak, other.peak),
            {name: self.calls[name] + other.calls[name] for name in self.calls},
        )


class Meter:
    """Measures from when it is made. `aside` gives the CPU seconds so far that are not syncd's own."""

    def __init__(self, server: int, aside: Callable[[], float]) -> None:
        self._server, self._aside = server, aside
        forget_peak()
        self._began = time.monotonic()
        self._server_cpu = server_cpu(server)  # before our own, for looking costs some
        self._cpu = self._own()

    def read(self, records: int, ended: float) -> Cost:
        """The cost until now; the wall-clock stopped at `ended`, when something last happened."""
        own, theirs = self._own() - self._cpu, server_cpu(self._server) - self._server_cpu
        return Cost(records, max(ended - self._began, 1e-3), own, theirs, peak())

    def _own(self) -> float:
        return time.process_time() - self._aside()


def server_cpu(pid: int) -> float:
    """CPU seconds of a PostgreSQL server and all its processes, those that ended included."""
    main = psutil.Process(pid)
    own = main.cpu_times()
    total = own.user + own.system + own.children_user + own.children_system
    for child in main.children(recursive=True):
        try:
            times = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return float(total)


def forget_peak() -> None:
    """Begin the peak of this process's memory anew, where the system can."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def peak() -> int:
    """The most memory that this process held, in bytes (resident)."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:  # not Linux: since the process began
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
