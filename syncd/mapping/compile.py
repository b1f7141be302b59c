"""Compiling the `fields:` section of one kind and system, with all its problems at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

from syncd.core.fieldmap import Copied, Direction, Drift, Entry
from syncd.core.problems import Problem, SpecError
from syncd.core.types import FieldType
from syncd.mapping.build import compile_line
from syncd.mapping.entries import Line, Plain
from syncd.mapping.lines import Defaults, draft, line_faults, names_of
from syncd.mapping.steps import Fault

MappingProblem = Problem


@dataclass(frozen=True, slots=True)
class CompiledMap:
    """The mapping of one kind to one object of one system; satisfies `syncd.core.fieldmap.FieldMap`.

    `by_canon` saves look-ups: for each canonical field the entries that hold it.
    """

    kind: str
    system: str
    object: str
    entries: tuple[Entry, ...]
    remote_fields: tuple[str, ...]
    hash: str
    by_canon: Mapping[str, tuple[Entry, ...]]
    copied: Copied
    computed: tuple[Entry, ...]

    def without(self, remote: Collection[str]) -> CompiledMap:
        """This mapping less the lines of those remote fields; shadows keep their order."""
        entries = tuple(entry for entry in self.entries if not any(name in remote for name in entry.remote))
        return replace(self, entries=entries, by_canon=_by_canon(entries), **_parted(entries))

    def directions(self) -> dict[str, Direction]:
        """Which canonical fields are mapped, and which way each goes, all its entries taken together."""
        return {name: _joint(entries) for name, entries in self.by_canon.items()}


def compile_map(
    kind: str,
    system: str,
    object: str,
    field_types: Mapping[str, FieldType],
    spec: Mapping[str, Any],
    *,
    remote_types: Mapping[str, str] | None = None,
    direction: Direction = Direction.BOTH,
    drift: Drift = Drift.RESTORE,
) -> CompiledMap:
    """The compiled mapping; raises `SpecError` with every problem, its path beginning inside `spec`.

    `field_types` are the kind's fields. `remote_types` gives the canonical type's name nearest to each
    remote field, where a live schema is at hand; it decides between a number and its text. `direction`
    and `drift` are the mapping's own, for lines that say nothing.
    """
    if not isinstance(spec, Mapping):
        raise SpecError([Problem((), "fields is a table", "write fields: {email: Email}")])
    problems: list[Problem] = []
    defaults = Defaults(direction, drift, remote_types or {})
    lines = [entry for key in spec if (entry := _line(key, spec[key], field_types, defaults, problems))]
    problems += _doubles(spec, lines)
    if problems:
        raise SpecError(problems)
    return _assembled(kind, system, object, lines)


def _line(
    key: str, spec: Any, field_types: Mapping[str, FieldType], defaults: Defaults, problems: list[Problem]
) -> Line | None:
    faults = list(line_faults(key, spec, field_types))
    if not faults:
        try:
            return compile_line(draft(key, spec, field_types, defaults), defaults.remote_types)
        except Fault as fault:
            faults = [fault]
    problems += [Problem((key, *fault.path), fault.message, fault.hint) for fault in faults]
    return None


def _doubles(spec: Mapping[str, Any], lines: list[Line]) -> list[Problem]:
    """Two lines that read one canonical field, or write one remote field, would fight for ever."""
    problems, read, written = list[Problem](), set[str](), set[str]()
    for line in lines:
        key = next(key for key in spec if names_of(key) == line.canon)
        ins = set(line.canon) if line.direction is not Direction.OUT else set()
        outs = set(line.remote) if line.direction is not Direction.IN else set()
        twice = [(name, "read", "out") for name in sorted(ins & read)]
        twice += [(name, "written", "in") for name in sorted(outs & written)]
        problems += [
            Problem((key,), f"{n} is {done} by two lines", f"make one direction: {way}")
            for n, done, way in twice
        ]
        read |= ins
        written |= outs
    return problems


def _assembled(kind: str, system: str, object: str, lines: list[Line]) -> CompiledMap:
    remote = tuple(dict.fromkeys(name for line in lines for name in line.remote))
    text = repr((kind, system, object, [line.signature for line in lines]))
    entries: tuple[Any, ...] = tuple(lines)
    return CompiledMap(
        kind=kind,
        system=system,
        object=object,
        entries=entries,
        remote_fields=remote,
        hash=blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest(),
        by_canon=_by_canon(entries),
        **_parted(entries),
    )


def _by_canon(entries: Iterable[Entry]) -> dict[str, tuple[Entry, ...]]:
    found: dict[str, tuple[Entry, ...]] = {}
    for entry in entries:
        for name in entry.canon:
            found[name] = (*found.get(name, ()), entry)
    return found


def _joint(entries: tuple[Entry, ...]) -> Direction:
    ways = {entry.direction for entry in entries}
    return ways.pop() if len(ways) == 1 else Direction.BOTH


def _parted(entries: Iterable[Any]) -> dict[str, Any]:
    """What is written, in two parts: lines that change nothing, and the others."""
    written = [entry for entry in entries if entry.direction is not Direction.IN]
    copies = [entry for entry in written if isinstance(entry, Plain) and entry.write is None]
    pairs = [(entry.canon[0], entry.remote[0]) for entry in copies]
    return {"copied": Copied(pairs), "computed": tuple(e for e in written if e not in copies)}
