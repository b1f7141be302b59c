"""Read a remote record into canonical values, field by field: what cannot be read holds up nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from syncd.core.errors import ParseError, Unlinked
from syncd.core.fieldmap import Entry, Refs, several
from syncd.core.nouns import Value
from syncd.core.types import are_clean
from syncd.mapping.entries import Plain


@dataclass(slots=True)
class Reading:
    """The canonical values of a remote record.

    `unreadable` lists (remote field, reason), `waits` the targets of references that are not linked yet,
    `unapplied` the remote values of both. `keys` are its match keys.
    """

    values: dict[str, Value] = field(default_factory=dict)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    waits: list[object] = field(default_factory=list)
    unapplied: dict[str, Value] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)


class Reader:
    """How one stream's remote records are read."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        plain = [entry for entry in entries if isinstance(entry, Plain)]
        texts = [entry for entry in plain if entry.text]
        self._entries = entries
        self._texts = several([entry.remote[0] for entry in texts])
        self._named = tuple(entry.canon[0] for entry in texts)
        self._plain = tuple((x.remote[0], x.canon[0], x.read) for x in plain if not x.text)
        self._others = tuple(entry for entry in entries if not isinstance(entry, Plain))

    def read(self, fields: Mapping[str, Any], refs: Refs) -> Reading:
        """Read a record. One whose texts are all clean, as of nearly all records, takes the short way."""
        try:
            texts = self._texts(fields)
            if texts and not are_clean(texts):
                return read_remote(self._entries, fields, refs)
            values: dict[str, Value] = dict(zip(self._named, texts, strict=True))
            for remote, canon, parse in self._plain:
                values[canon] = parse(fields[remote])
        except (KeyError, ParseError):
            return read_remote(self._entries, fields, refs)
        reading = read_remote(self._others, fields, refs) if self._others else Reading()
        reading.values = {**values, **reading.values} if reading.values else values
        return reading


def read_remote(entries: Sequence[Entry], fields: Mapping[str, Any], refs: Refs) -> Reading:
    """Read `fields` through those `entries` whose remote fields are all reported."""
    reading = Reading()
    values = reading.values
    for entry in entries:
        remote = entry.remote
        if len(remote) == 1:
            if remote[0] not in fields:
                continue
            raw = (fields[remote[0]],)
        elif any(name not in fields for name in remote):
            continue
        else:
            raw = tuple(fields[name] for name in remote)
        try:
            found = entry.incoming(raw, refs)
        except (ParseError, Unlinked) as error:
            _set_aside(reading, remote, raw, error)
            continue
        if len(found) == 1:
            values[entry.canon[0]] = found[0]
        else:
            values.update(zip(entry.canon, found, strict=True))
    return reading


def _set_aside(
    reading: Reading, remote: tuple[str, ...], raw: tuple[Value, ...], error: ParseError | Unlinked
) -> None:
    reading.unapplied.update(zip(remote, raw, strict=True))
    if isinstance(error, Unlinked):
        reading.waits.append(error.target)
    else:
        reading.unreadable.append((remote[0], str(error)))
