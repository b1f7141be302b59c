"""Records to begin with: a CSV file, a folder of them (a file an object), or JSON `{object: [record, …]}`.

A column `id` becomes the record's id. Objects that the profile does not declare are made up from the
columns: `account_id`, `AccountId` or `primary_contact__c` refers to the object Account or Contact if all its
values are ids there; `true` and `false` are boolean, ISO days dates, numbers with a point decimals, the rest
is text.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from connectors.sandboxes.shape import FieldShape, ObjectShape, Refusal
from connectors.sandboxes.table import Table
from connectors.sandboxes.world import World
from syncd.core.errors import ConfigError

Rows = list[dict[str, Any]]
_ID = ("id", "Id", "ID")
_GUESSES: tuple[tuple[str, str], ...] = (
    ("boolean", r"true|false"),
    ("date", r"\d{4}-\d\d-\d\d"),
    ("decimal", r"-?\d+\.\d+"),
)
_KINDS = {bool: "boolean", int: "integer", float: "decimal", list: "set"}
"""What values of JSON say of their field."""


def seed(world: World, source: Path, key_field: str | None) -> dict[str, int]:
    """Fill the world; how many records of each object. `ConfigError` says which file and record is wrong."""
    files = read(source)
    names = {name.lower(): name for name in world.tables}
    found = {names.get(name.lower(), name): rows for name, rows in files.items()}
    ids = {name: {_id_of(row) for row in rows} for name, rows in found.items()}
    for name, rows in found.items():
        if name not in world.tables:
            world.declare(name, _made_up(rows, ids).keyed(key_field))
    for name in _parents_first(world, found):
        _fill(world, world.tables[name], found[name], source)
    return {name: len(rows) for name, rows in found.items()}


def read(source: Path) -> dict[str, Rows]:
    """The files' rows by object."""
    if source.is_dir():
        files = sorted(source.glob("*.csv"))
        if not files:
            raise ConfigError(f"{source}: no *.csv file to seed from")
        return {file.stem: _csv(file) for file in files}
    if not source.exists():
        raise ConfigError(f"{source}: there is no such file or folder to seed from")
    return _json(source) if source.suffix == ".json" else {source.stem: _csv(source)}


def _csv(file: Path) -> Rows:
    with file.open(newline="", encoding="utf-8-sig") as text:
        return list(csv.DictReader(text))


def _json(file: Path) -> dict[str, Rows]:
    try:
        found = orjson.loads(file.read_bytes())
    except orjson.JSONDecodeError as error:
        raise ConfigError(f"{file}:{error.lineno}: not JSON: {error.msg}") from None
    if not isinstance(found, dict) or not all(isinstance(rows, list) for rows in found.values()):
        raise ConfigError(f"{file}: expected {{object: [record, …]}}")
    return found


def _made_up(rows: Rows, ids: Mapping[str, set[str | None]]) -> ObjectShape:
    columns = {column: None for row in rows for column in row if column not in _ID}
    return ObjectShape(fields={column: _guess(column, rows, ids) for column in columns})


def _guess(column: str, rows: Rows, ids: Mapping[str, set[str | None]]) -> FieldShape:
    found = [row[column] for row in rows if row.get(column) not in (None, "")]
    for python, kind in _KINDS.items():
        if found and all(type(value) is python for value in found):
            return FieldShape.model_validate({"type": kind})
    values = {str(value) for value in found}
    word = re.sub(r"(__c|_?id)$", "", column, flags=re.I).lower()
    if word != column.lower():
        for other, there in ids.items():
            if word.endswith(other.lower()) and values <= there:
                return FieldShape(type="ref", references=other)
    for kind, pattern in _GUESSES:
        if values and all(re.fullmatch(pattern, value) for value in values):
            return FieldShape.model_validate({"type": kind})
    return FieldShape()


def _id_of(row: Mapping[str, Any]) -> str | None:
    return next((str(row[name]) for name in _ID if row.get(name) not in (None, "")), None)


def _parents_first(world: World, names: Iterable[str]) -> list[str]:
    left, order = list(names), list[str]()
    while left:
        ready = [
            n for n in left if not any(r in left and r != n for r in world.tables[n].refs.values())
        ] or left
        order += ready
        left = [name for name in left if name not in ready]
    return order


def _fill(world: World, table: Table, rows: Rows, source: Path) -> None:
    """References come last: a record may name one that stands below it."""
    moment = world.moment("seed")
    made = []
    for place, row in enumerate(rows, start=1):
        fields = {
            table.shape.columns.get(column, column): value
            for column, value in row.items()
            if column not in _ID or column in table.shape.columns
        }
        values = {n: _read(table.shape.fields.get(n), v, world) for n, v in fields.items()}
        later = {n: v for n, v in values.items() if n in table.refs and v is not None}
        try:
            id = _own_id(table, _id_of(row))
            kept = world.create(table, {n: v for n, v in values.items() if n not in later}, moment, id=id)
        except Refusal as error:
            raise ConfigError(f"{source}: {table.name}, record {place}: {error.message}") from None
        made.append((place, kept, later))
    for place, kept, later in made:
        try:
            table.change(kept, {**kept.fields, **world.vet(table, later, kept, by="seed")})
        except Refusal as error:
            raise ConfigError(f"{source}: {table.name}, record {place}: {error.message}") from None


def _own_id(table: Table, given: str | None) -> str | None:
    if given is None:
        return None
    id = _prefixed(table, given)
    if id in table.rows:
        raise Refusal(409, "duplicate", f"the id {id} stands there twice", "id")
    number = id.removeprefix(table.shape.prefix)
    if number.isdigit():
        table.last_id = max(table.last_id, int(number))
    return id


def _prefixed(table: Table, id: str) -> str:
    return table.shape.prefix + id if id.isdigit() else id


_READERS: dict[str, Callable[[str], Any]] = {
    "integer": lambda text: int(text) if re.fullmatch(r"-?\d+", text) else text,
    "boolean": lambda text: {"true": True, "1": True, "false": False, "0": False}.get(text.lower(), text),
    "set": lambda text: text.split(";"),
}


def _read(field: FieldShape | None, value: Any, world: World) -> Any:
    if value == "" or value is None:
        return None
    if field is None:
        return value
    if field.references and field.references in world.tables:
        return _prefixed(world.tables[field.references], str(value))
    if isinstance(value, str) and field.type in _READERS:
        return _READERS[field.type](value)
    return value
