"""Values of ours from a time when their field had another type."""

from __future__ import annotations

from dataclasses import replace

from syncd.core.errors import ParseError
from syncd.core.fieldmap import is_blank
from syncd.core.nouns import Fields, Value
from syncd.core.state import Link, Record
from syncd.core.types import FieldType, Ref
from syncd.engine.world import Kind, Stream

_NONE: frozenset[str] = frozenset()


def aliens(kind: Kind, stream: Stream, record: Record, link: Link, shown: Fields) -> frozenset[str]:
    """The canonical fields of a read without a base whose value in the record is none of their type.

    Only such a read can tell: where the shadow knows a field, it was read under its present type.
    """
    if shown.keys() <= link.shadow.keys():
        return _NONE
    first = [e for e in stream.map.entries if any(n in shown and n not in link.shadow for n in e.remote)]
    types = kind.settings.field_types
    return frozenset(
        name for e in first for name in e.canon if not _is_of(types[name], record.fields.get(name))
    )


def _is_of(kind: FieldType, value: Value) -> bool:
    if value is None or isinstance(kind, Ref):
        return value is None or isinstance(value, int)
    try:
        return bool(kind.parse(value) == value)
    except ParseError:
        return False


def without_blanks(link: Link, shown: Fields, back: frozenset[str]) -> Link:
    """The link without its memory of fields that are back and blank: a column made anew cleared nothing."""
    blank = {n for n in back & shown.keys() if is_blank(shown[n]) and not is_blank(link.shadow.get(n))}
    if not blank:
        return link
    return replace(link, shadow={n: v for n, v in link.shadow.items() if n not in blank})
