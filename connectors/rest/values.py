"""Values as this API writes them: converters per field, made once, and only where one is needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from connectors.base import FieldInfo
from connectors.rest.moments import form_of
from connectors.rest.options import RecordWords, ValueWords
from connectors.rest.template import HOLE, compile_tree

Convert = Callable[[Any], Any]
Converters = Mapping[str, Convert]


def readers(
    words: ValueWords, zone: str, names: tuple[str, ...], infos: Mapping[str, FieldInfo]
) -> Converters:
    """What turns this API's values into plain ones, by field; most fields need nothing."""
    objects = _object_reader(words, zone)
    made: dict[str, Convert] = {}
    for name in names:
        info = infos.get(name)
        steps = [objects] if objects else []
        if words.empty:
            steps.append(emptied(words.empty, boolean=info is not None and info.type == "boolean"))
        if info is not None and info.references is not None:
            steps.append(_id_text)
        if info is not None and info.type == "datetime" and isinstance(words.datetime, str):
            steps.append(_moment_reader(words.datetime, zone))
        if steps:
            made[name] = _chain(steps)
    return made


def writers(words: ValueWords, record: RecordWords, zone: str, infos: Mapping[str, FieldInfo]) -> Converters:
    """What turns plain values into this API's, by field; "" is for every field: how it is emptied."""
    ids = words.references or record.id_form
    made: dict[str, Convert] = {}
    for name, info in infos.items():
        convert = _writer(words, zone, info, ids)
        if convert is not None:
            made[name] = convert
    return made


def _writer(words: ValueWords, zone: str, info: FieldInfo, ids: str) -> Convert | None:
    if info.references is not None:
        return _as_number if ids == "integer" else None
    if info.type == "datetime" and words.datetime is not None:
        read, write = form_of("iso", zone).read, form_of(words.datetime, zone).write
        return lambda value: write(at) if (at := read(value)) is not None else value
    if info.type == "date" and isinstance(words.date, Mapping):
        fill = compile_tree(words.date, ("year", "month", "day")).fill
        return lambda value: fill(
            dict(zip(("year", "month", "day"), map(int, value.split("-")), strict=True))
        )
    if info.type == "decimal" and words.decimal is not None:
        return _decimal_writer(words.decimal)
    return None


def _decimal_writer(said: Any) -> Convert:
    if isinstance(said, Mapping):
        fill = compile_tree(said, ("text",)).fill
        return lambda value: fill({"text": str(value)})
    return str if said == "text" else lambda value: orjson.Fragment(str(value))  # no digit is lost


def _object_reader(words: ValueWords, zone: str) -> Convert | None:
    """Objects that stand for one value, known by their shape."""
    tries: list[Convert] = []
    if isinstance(words.datetime, Mapping):
        moment = form_of(words.datetime, zone).read
        tries.append(lambda raw: at.isoformat().replace("+00:00", "Z") if (at := moment(raw)) else None)
    if isinstance(words.date, Mapping):
        day = form_of(words.date, "UTC").read
        tries.append(lambda raw: at.date().isoformat() if (at := day(raw)) else None)
    if isinstance(words.decimal, Mapping):
        tries.append(_decimal_reader(words.decimal))
    if not tries:
        return None

    def read(raw: Any) -> Any:
        if type(raw) is not dict:
            return raw
        return next((found for one in tries if (found := one(raw)) is not None), raw)

    return read


def _moment_reader(said: str, zone: str) -> Convert:
    """Times in one form as ISO text; what is not in that form is left for the mapping to refuse."""
    read = form_of(said, zone).read
    return lambda raw: at.isoformat().replace("+00:00", "Z") if (at := read(raw)) is not None else raw


def _decimal_reader(said: Mapping[str, Any]) -> Convert:
    key = next(k for k, v in said.items() if isinstance(v, str) and HOLE.fullmatch(v))
    fixed = {k: v for k, v in said.items() if k != key}

    def read(raw: dict[str, Any]) -> str | None:
        return str(raw[key]) if key in raw and all(raw.get(k) == v for k, v in fixed.items()) else None

    return read


def emptied(empties: list[Any], *, boolean: bool) -> Convert:
    """Some values read as null; false is a value in a field of yes and no, and 0 is never false."""
    kinds = [(type(e), e) for e in empties if not (boolean and e is False)]

    def read(raw: Any) -> Any:
        return None if any(type(raw) is kind and raw == e for kind, e in kinds) else raw

    return read


def _id_text(raw: Any) -> Any:
    return raw if raw is None or isinstance(raw, str | bool) else str(raw)


def _as_number(value: Any) -> Any:
    text = str(value)
    return int(text) if text.isdigit() and str(int(text)) == text else value


def _chain(steps: list[Convert]) -> Convert:
    if len(steps) == 1:
        return steps[0]

    def convert(raw: Any) -> Any:
        for step in steps:
            raw = step(raw)
        return raw

    return convert
