"""Where the CPU goes: the stack, looked at each 4 ms of CPU that the process used (the kernel's own step).

It costs a few per cent and distorts little, unlike a profiler that is called at each function. What C code
uses (orjson, asyncpg, sockets) counts for the Python line that called it.
"""

from __future__ import annotations

import signal
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType

EVERY = 0.004
"""CPU seconds between two looks."""
SHOWN = 45
EVERYWHERE = 0.95
ROOT = Path(__file__).parents[3]
OURS = tuple(f"{ROOT / package}/" for package in ("syncd", "connectors", "conflict"))

Place = tuple[str, int, str]
"""File, line and function."""


@dataclass(slots=True)
class Samples:
    """Looks by function, of the innermost frame and of all; by line, of the innermost one of ours."""

    looks: int = 0
    lines: Counter[Place] = field(default_factory=Counter)
    functions: Counter[CodeType] = field(default_factory=Counter)
    within: Counter[CodeType] = field(default_factory=Counter)


class Sampler:
    """Looks at the main thread while it is on. Names of parts are the report's headings."""

    def __init__(self) -> None:
        self.parts: dict[str, tuple[Samples, float, int]] = {}
        self._now = Samples()

    def start(self) -> None:
        """Begin a part."""
        self._now = Samples()
        signal.signal(signal.SIGPROF, self._look)
        signal.setitimer(signal.ITIMER_PROF, EVERY, EVERY)

    def stop(self, part: str, cpu: float, records: int) -> None:
        """End it; `cpu` is what it used in all, in seconds."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        self.parts[part] = (self._now, cpu, records)

    def _look(self, _: int, frame: FrameType | None) -> None:
        now = self._now
        now.looks += 1
        if frame is not None:
            now.functions[frame.f_code] += 1
        seen: set[CodeType] = set()
        ours = False
        while frame is not None:
            code = frame.f_code
            if not ours and code.co_filename.startswith(OURS):
                ours = True
                now.lines[code.co_filename, frame.f_lineno, code.co_qualname] += 1
            seen.add(code)
            frame = frame.f_back
        now.within.update(seen)

    def write(self, file: Path) -> None:
        """All parts as text."""
        file.write_text("\n".join(line for part in self.parts for line in self._told(part)))

    def _told(self, part: str) -> list[str]:
        samples, cpu, records = self.parts[part]
        if not samples.looks:
            return [f"{part}: too short to look into", ""]
        each = cpu / samples.looks / records * 1e6
        lines = [f"{part}: {cpu / records * 1e6:.1f} µs a record, {samples.looks} looks", ""]
        tables = {
            "in the function itself": _named(samples.functions),
            "in the function and all that it calls": _named(self._below(samples)),
            "on the line of syncd's, what it calls elsewhere included": Counter(
                {_line(place): count for place, count in samples.lines.items()}
            ),
        }
        for title, counts in tables.items():
            lines.append(f"  µs a record {title}")
            lines += [f"  {count * each:8.2f}  {name}" for name, count in counts.most_common(SHOWN)]
            lines.append("")
        return lines

    def _below(self, samples: Samples) -> Counter[CodeType]:
        """Without what is on nearly every stack: it says nothing."""
        most = samples.looks * EVERYWHERE
        return Counter({code: count for code, count in samples.within.items() if count < most})


def _named(counts: Counter[CodeType]) -> Counter[str]:
    """Several may share a name."""
    named: Counter[str] = Counter()
    for code, count in counts.items():
        named[_function(code)] += count
    return named


def _function(code: CodeType) -> str:
    if code.co_filename == "<string>":  # what dataclasses make; its arguments tell whose it is
        return f"{code.co_name}({', '.join(code.co_varnames[1:5])}, …) of a dataclass"
    return f"{_short(code.co_filename)}:{code.co_firstlineno} {code.co_qualname}"


def _line(place: Place) -> str:
    file, line, function = place
    return f"{_short(file)}:{line} {function}"


def _short(file: str) -> str:
    """A path from its package on."""
    path = Path(file)
    if path.is_relative_to(ROOT) and "site-packages" not in path.parts:
        return str(path.relative_to(ROOT))
    for anchor in ("site-packages", "lib"):
        if anchor in path.parts:
            return "/".join(path.parts[len(path.parts) - path.parts[::-1].index(anchor) :])
    return file
