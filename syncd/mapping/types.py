"""The type that needs a library, and the reading of types as the configuration writes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import phonenumbers

from syncd.core.nouns import Value
from syncd.core.numbers import Decimal, Integer
from syncd.core.problems import Problem, SpecError, nearest
from syncd.core.times import Date, Datetime
from syncd.core.types import Boolean, Convert, Email, Enum, FieldType, Ref, Set, Text, clean_text


@dataclass(frozen=True, slots=True)
class Phone(FieldType):
    """A phone number: E.164 with `;ext=` where it can be one, else the text with white space collapsed.

    `region` (ISO 3166, two letters) reads numbers without a country code; without it they stay text.
    """

    name: ClassVar[str] = "phone"
    region: str | None = None

    def parse(self, raw: Value) -> str | None:
        text = clean_text("phone", raw)
        return _phone(text, self.region) or None

    def writer(self, remote_type: str | None) -> Convert | None:
        return Text().writer(remote_type)

    @property
    def signature(self) -> str:
        return f"phone:{self.region or ''}"


@lru_cache(maxsize=16_384)
def _phone(text: str, region: str | None) -> str:
    text = " ".join(text.split())
    number = _e164(text, region)
    # a number that would read as another one is not normal; the text at least stays what it is
    return number if number is not None and _e164(number, region) == number else text


def _e164(text: str, region: str | None) -> str | None:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    plain = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return f"{plain};ext={number.extension}" if number.extension else plain


PLAIN_TYPES: Mapping[str, type[FieldType]] = {
    kind.name: kind for kind in (Text, Email, Phone, Integer, Decimal, Boolean, Date, Datetime, Enum, Set)
}
_ITEMS = ("text", "email", "phone", "enum")


def field_type(spec: Any, path: tuple[str | int, ...] = ()) -> FieldType:
    """The type that a line under `fields:` of a kind names.

    A name, or one of `{ref: KIND}`, `{set: TYPE}`, `{enum: [OPTION, …]}`, `{phone: {region: DE}}`.
    Raises `SpecError` with paths that begin with `path`.
    """
    if isinstance(spec, str) and spec in PLAIN_TYPES:
        return PLAIN_TYPES[spec]()
    if isinstance(spec, Mapping) and len(spec) == 1:
        (name, option), *_ = spec.items()
        if name in _WITH_OPTION:
            return _WITH_OPTION[name](option, (*path, name))
    name = next(iter(spec), "") if isinstance(spec, Mapping) else spec
    raise _refused(path, f"{name} is not a type", nearest(name, (*PLAIN_TYPES, "ref")))


def _refused(path: tuple[str | int, ...], message: str, hint: str) -> SpecError:
    return SpecError([Problem(path, message, hint)])


def _ref(option: Any, path: tuple[str | int, ...]) -> FieldType:
    if isinstance(option, str) and option:
        return Ref(option)
    raise _refused(path, "a reference names one kind", "write {ref: company}")


def _set(option: Any, path: tuple[str | int, ...]) -> FieldType:
    item = field_type(option, path)
    if item.name in _ITEMS:
        return Set(item)
    raise _refused(path, f"a set of {item.name} is not possible", f"its elements are {', '.join(_ITEMS)}")


def _enum(option: Any, path: tuple[str | int, ...]) -> FieldType:
    if not isinstance(option, list) or not option or not all(isinstance(word, str) for word in option):
        raise _refused(path, "an enum lists its options as texts", "write {enum: [new, won, lost]}")
    options = tuple(clean_text("enum", word) for word in option)
    if len(set(options)) < len(options) or "" in options:
        raise _refused(path, "the options of an enum are different and not blank", "remove the repeat")
    return Enum(options)


def _phone_type(option: Any, path: tuple[str | int, ...]) -> FieldType:
    region = option.get("region") if isinstance(option, Mapping) and set(option) == {"region"} else None
    return Phone(phone_region(region, path))


def phone_region(region: Any, path: tuple[str | int, ...]) -> str:
    """The region's code in capitals; raises `SpecError` for what is none."""
    if isinstance(region, str) and region.upper() in phonenumbers.SUPPORTED_REGIONS:
        return region.upper()
    raise _refused(path, "a phone's region is a country's two letters", "write {phone: {region: DE}}")


_WITH_OPTION = {"ref": _ref, "set": _set, "enum": _enum, "phone": _phone_type}
