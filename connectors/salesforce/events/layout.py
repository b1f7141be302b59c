"""The layout of an event's schema: which field stands where, what its parts are called, how it is written.

Salesforce says a field's type in its `doc`, `Role:Type[:FieldId]`; the Avro type alone does not tell a date
from a time. Compound fields are nested records, or `null`, or (Account.Name) plain text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Write: TypeAlias = Callable[[Any], Any]
Places: TypeAlias = frozenset[tuple[int, int | None]]
"""Fields by position: (top-level, None), or (compound, part)."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One field of a record: its API name and how its value is written; `parts` where it is compound."""

    name: str
    write: Write
    parts: tuple[Slot, ...] = ()
    keys: tuple[str, ...] = ()


class Layout:
    """A schema's fields by position; position 0 is the header."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        named: dict[str, Mapping[str, Any]] = {}
        self.keys = tuple(str(field["name"]) for field in schema["fields"])
        self.slots = tuple(slot_of(field, named) for field in schema["fields"])
        self.entity = entity_of(str(schema.get("name", "")))

    def places(self, bitmaps: Iterable[str]) -> Places:
        """What bitmaps mark; bits past the schema mark nothing. `ValueError` for what is no bitmap.

        `0x…` marks top-level fields, `N-0x…` the parts of the compound field at position N; bit 0 is the
        least significant one (Event Deserialization Considerations).
        """
        found: set[tuple[int, int | None]] = set()
        for bitmap in bitmaps:
            place, dash, bits = bitmap.rpartition("-")
            if not dash:
                found.update((i, None) for i in set_bits(bits) if i < len(self.slots))
            elif int(place) < len(self.slots):
                parts = self.slots[int(place)].parts
                found.update((int(place), i) for i in set_bits(bits) if i < len(parts))
        return frozenset(found)


def entity_of(event: str) -> str:
    """`Contact` of `ContactChangeEvent`, `Project__c` of `Project__ChangeEvent`."""
    name = event.removesuffix("ChangeEvent")
    return f"{name}c" if name.endswith("__") else name


def set_bits(text: str) -> Iterable[int]:
    """The positions of the bits that are set, from `0x4001`."""
    if text[:2].lower() != "0x":
        raise ValueError("a bitmap begins with 0x")
    bits = int(text[2:], 16)
    return [i for i in range(bits.bit_length()) if bits >> i & 1]


def slot_of(field: Mapping[str, Any], named: dict[str, Mapping[str, Any]]) -> Slot:
    """The slot of one field; `named` collects the records that later fields refer to by name."""
    name, kind = str(field["name"]), str(field.get("doc", "")).split(":")
    record = record_of(field["type"], named)
    if record is None or name == "ChangeEventHeader":
        return Slot(name, WRITES.get(kind[1] if len(kind) > 1 else kind[0], plain))
    keys = tuple(str(part["name"]) for part in record["fields"])
    parts = tuple(Slot(part_name(name, str(record["name"]), key), plain) for key in keys)
    return Slot(name, plain, parts, keys)


def record_of(type: Any, named: dict[str, Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The record in a type or union, if any."""
    for one in type if isinstance(type, list) else [type]:
        if isinstance(one, Mapping) and one.get("type") == "record":
            named[str(one["name"]).rpartition(".")[2]] = one
            return one
        if isinstance(one, str) and one.rpartition(".")[2] in named:
            return named[one.rpartition(".")[2]]
    return None


def part_name(compound: str, record: str, part: str) -> str:
    """The API name of a compound field's part: `FirstName`, `MailingCity`, `Place__Latitude__s`."""
    if compound.endswith("__c"):
        return f"{compound.removesuffix('c')}{part}__s"
    if compound == "Name" or record.endswith("PersonName"):
        return part
    if compound.endswith("Address"):
        return compound.removesuffix("Address") + part
    return f"{compound}.{part}"


def plain(value: Any) -> Any:
    """As it is; bytes, which REST has no form for, as text."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def moment(value: int) -> str:
    """Milliseconds since 1970 as REST writes a date and time."""
    return (EPOCH + timedelta(milliseconds=value)).isoformat(timespec="milliseconds")[:-6] + "+0000"


def day(value: int) -> str:
    """Milliseconds since 1970 as REST writes a date."""
    return (EPOCH + timedelta(milliseconds=value)).date().isoformat()


def hour(value: int) -> str:
    """Milliseconds since midnight as REST writes a time."""
    return (EPOCH + timedelta(milliseconds=value)).time().isoformat(timespec="milliseconds") + "Z"


WRITES: Mapping[str, Write] = {"DateTime": moment, "DateOnly": day, "TimeOnly": hour}
