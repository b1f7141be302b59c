"""The canonical types: what a remote value means, in one normal form, and how to say it again.

A canonical value is kept in *JSON normal form*, so that `==` is canonical equality and it can be stored
unchanged. `None` means cleared; remotes differ on ''/null/[], so a blank reads as `None` in every type.

| type | canonical form |
|---|---|
| text, email, phone, enum | str |
| integer | int of at most 64 bits |
| decimal | str in plain notation: "12.5", never "12.50", "1e3" or "-0" |
| boolean | bool |
| date | "YYYY-MM-DD" |
| datetime | RFC 3339 in UTC, "2026-01-31T10:00:00Z"; a fraction only where it is not zero |
| set | sorted list of str without repeats, never empty |
| ref | int, our record id; see `Ref` |

`phone` needs a library and stands in `syncd.mapping.types`; numbers and times have modules beside this.
"""

from __future__ import annotations

import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from syncd.core.equality import value_hash
from syncd.core.errors import ParseError
from syncd.core.nouns import Value
from syncd.core.storable import stands_in

Convert: TypeAlias = Callable[[Value], Value]

# Unicode's White_Space. `str.strip()` alone would also eat U+001C to U+001F, which are data.
SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
SPACE += "\u2028\u2029\u202f\u205f\u3000"


class FieldType(ABC):
    """One canonical type. Errors are `ParseError`s that hold the type and the reason, never the value."""

    __slots__ = ()
    name: ClassVar[str]

    @abstractmethod
    def parse(self, raw: Value) -> Value:
        """The canonical value of a remote JSON value; raises `ParseError`.

        A canonical value parses to itself.
        """

    def writer(self, remote_type: str | None) -> Convert | None:
        """What turns a canonical value that is not None into the remote's form; None: nothing to do.

        `remote_type` is the canonical type's name nearest to the remote field, None where unknown. Raises
        `ParseError` where no value of this type fits such a field; the converter does for single values.
        """
        return None

    def format(self, value: Value, remote_type: str | None = None) -> Value:
        """The remote JSON value of a canonical one, in the remote's default form; raises `ParseError`."""
        write = self.writer(remote_type)
        return value if write is None or value is None else write(value)

    def hash(self, value: Value) -> str:
        """A hash of a canonical value, equal for equal values."""
        return value_hash(value)

    @property
    def signature(self) -> str:
        """The type with its options, for the hashes of mappings."""
        return self.name


def clean_text(kind: str, raw: Value) -> str:
    """The text of a scalar: NFC, outer white space trimmed, inner kept; '' for None. Raises `ParseError`."""
    text = (raw if raw.__class__ is str else _scalar_text(kind, raw)).strip(SPACE)
    if not text.isascii():
        text = _composed(kind, text)
    if "\0" in text:
        raise ParseError(f"{kind}: holds a NUL character, which PostgreSQL cannot store")
    return text


def are_clean(values: tuple[Value, ...]) -> bool:
    """Whether all are texts that `Text` reads as they are; may say no of some that are.

    They are looked at together: ASCII without NUL, none empty, no white space at an end.
    """
    try:
        text = "".join(values)
    except TypeError:
        return False
    return text.isascii() and "\0" not in text and all(values) and tuple(map(str.strip, values)) == values


def _scalar_text(kind: str, raw: Value) -> str:
    if raw is None:
        return ""
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, int | float):
        return repr(raw)
    if stands_in(raw):
        raise ParseError(
            f"{kind}: holds a NUL character or half a surrogate pair, which no store of JSON keeps"
        )
    raise ParseError(f"{kind}: expected text, got a {json_kind(raw)}")


def _composed(kind: str, text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ParseError(f"{kind}: holds half a surrogate pair, which is no character") from None
    return unicodedata.normalize("NFC", text)


def json_kind(raw: Value) -> str:
    """JSON's word for the sort of a value, for messages."""
    names = {type(None): "null", bool: "boolean", int: "number", float: "number", str: "text", list: "list"}
    return names.get(type(raw), "object")


@dataclass(frozen=True, slots=True)
class Text(FieldType):
    """Any text. Control characters are data."""

    name: ClassVar[str] = "text"

    def parse(self, raw: Value) -> str | None:
        return clean_text("text", raw) or None

    def writer(self, remote_type: str | None) -> Convert | None:
        return {"integer": _as_number_id, "boolean": Boolean().parse}.get(remote_type or "")


def _as_number_id(value: str) -> int:
    """A text for an integer field, only where the text comes back the same: "012" does not."""
    if value.isascii() and value.lstrip("-").isdigit() and str(number := int(value)) == value:
        return number
    raise ParseError("text: the remote field holds whole numbers, and this is not written as one")


@dataclass(frozen=True, slots=True)
class Email(FieldType):
    """A mail address, checked for no more than one @ with something around it and no white space.

    The whole address is lower-cased: the part before the @ may differ by case in theory, but no provider
    tells two mailboxes apart by it, several CRMs lower-case it themselves, and people type it both ways.
    """

    name: ClassVar[str] = "email"

    def parse(self, raw: Value) -> str | None:
        text = clean_text("email", raw).lower()
        if not text:
            return None
        local, _at, domain = text.partition("@")
        if not local or not domain or "@" in domain or len(text.split()) != 1:
            raise ParseError("email: expected one @ with text on both sides and no white space")
        return text if text.isascii() else unicodedata.normalize("NFC", text)


_WORDS = dict.fromkeys(("true", "t", "yes", "y", "on", "1"), True)
_WORDS |= dict.fromkeys(("false", "f", "no", "n", "off", "0"), False)


@dataclass(frozen=True, slots=True)
class Boolean(FieldType):
    """True or false, also as 1/0 and as the usual English words."""

    name: ClassVar[str] = "boolean"

    def parse(self, raw: Value) -> bool | None:
        if raw is None or raw is True or raw is False:
            return raw
        if isinstance(raw, int | float) and raw in (0, 1):
            return raw == 1
        if not isinstance(raw, str):
            raise ParseError(f"boolean: expected true or false, got a {json_kind(raw)}")
        word = raw.strip(SPACE).lower()
        if word and word not in _WORDS:
            raise ParseError("boolean: expected true/false, yes/no, t/f, y/n, on/off or 1/0")
        return _WORDS[word] if word else None

    def writer(self, remote_type: str | None) -> Convert | None:
        if remote_type == "integer":
            return int
        return _truth_word if remote_type in ("text", "enum") else None


def _truth_word(value: bool) -> str:
    return "true" if value else "false"


@dataclass(frozen=True, slots=True)
class Enum(FieldType):
    """One of the options, compared exactly; any text where there are none."""

    name: ClassVar[str] = "enum"
    options: tuple[str, ...] = ()

    def parse(self, raw: Value) -> str | None:
        text = clean_text("enum", raw)
        if text and self.options and text not in self.options:
            raise ParseError(f"enum: not one of the {len(self.options)} options")
        return text or None

    def writer(self, remote_type: str | None) -> Convert | None:
        return Text().writer(remote_type)

    @property
    def signature(self) -> str:
        return f"enum{list(self.options)}"


@dataclass(frozen=True, slots=True)
class Set(FieldType):
    """Several values of a type whose canonical form is text; order and repeats mean nothing."""

    name: ClassVar[str] = "set"
    item: FieldType = Text()

    def parse(self, raw: Value) -> list[str] | None:
        if raw is None or raw == "":
            return None
        if not isinstance(raw, list):
            raise ParseError(f"set: expected a list, got a {json_kind(raw)}")
        items = {self.item.parse(item) for item in raw}
        return sorted(items - {None}) or None

    def writer(self, remote_type: str | None) -> Convert | None:
        if remote_type in (None, "set"):
            return _listed
        raise ParseError(f"set: the remote field is of type {remote_type}; say how with split")

    @property
    def signature(self) -> str:
        return f"set({self.item.signature})"


def _listed(value: list[str]) -> list[str] | None:
    return value or None


@dataclass(frozen=True, slots=True)
class Ref(FieldType):
    """A reference to a record of a kind.

    Its canonical form is our record id, but only a mapping with `Refs` at hand can know that: `parse` and
    `format` here stop at the remote id, compared as text because some remotes send 7 and "7" for one id.
    """

    name: ClassVar[str] = "ref"
    kind: str = ""

    def parse(self, raw: Value) -> str | None:
        if isinstance(raw, float) and raw.is_integer():
            raw = int(raw)
        if isinstance(raw, bool):
            raise ParseError("ref: expected an id, got a boolean")
        if isinstance(raw, list):
            raise ParseError("ref: it points at several records there, and here is room for one")
        return clean_text("ref", raw) or None

    def writer(self, remote_type: str | None) -> Convert | None:
        return _as_number_id if remote_type == "integer" else None

    @property
    def signature(self) -> str:
        return f"ref:{self.kind}"
