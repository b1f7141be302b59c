"""What a CRM in memory looks like and how it misbehaves: objects, fields, features, quirks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

from connectors.base import FieldInfo, ObjectInfo
from syncd.core.nouns import Value


@dataclass(frozen=True, slots=True)
class FieldDef:
    """One field. `normalise` lists what a write does to a value, in order: trim, lower, cut:N, round:N.

    `on_delete` says what happens to this record when the one that it `references` is deleted:
    restrict, cascade or null.
    """

    type: str = "text"
    required: bool = False
    read_only: bool = False
    unique: bool = False
    length: int | None = None
    scale: int | None = None
    options: tuple[str, ...] | None = None
    references: str | None = None
    on_delete: str = "null"
    default: Value = None
    normalise: tuple[str, ...] = ()

    def info(self, name: str) -> FieldInfo:
        """The field as `describe` reports it."""
        return FieldInfo(
            name,
            self.type,
            required=self.required,
            read_only=self.read_only,
            unique=self.unique,
            length=self.length,
            scale=self.scale,
            options=self.options,
            references=self.references,
            default=self.default is not None,
            native=self.type,
        )


@dataclass(frozen=True, slots=True)
class ObjectDef:
    """One object. `key_field` takes our key and is unique; `id_prefix` goes before the running number."""

    name: str
    fields: Mapping[str, FieldDef]
    key_field: str | None = None
    id_prefix: str = ""

    def info(self) -> ObjectInfo:
        """The object as `describe` reports it."""
        return ObjectInfo(self.name, {name: f.info(name) for name, f in self.all_fields().items()})

    def all_fields(self) -> dict[str, FieldDef]:
        """The fields with the key field, which is declared like any other or made here."""
        made = dict(self.fields)
        if self.key_field is not None and self.key_field not in made:
            made[self.key_field] = FieldDef(unique=True)
        return made


@dataclass(slots=True)
class Features:
    """What this CRM offers; the connector's capabilities follow. Lags in seconds of the injected clock."""

    compare_and_set: bool = True
    upsert_key: bool = True
    client_ids: bool = False
    stored_in_answer: bool = True
    partial_fields: bool = False
    deletes_reported: bool = True
    archives: bool = False
    read_lag: float = 0.0
    find_lag: float = 0.0
    read_batch: int = 100
    write_batch: int = 100


@dataclass(slots=True)
class Quirks:
    """How this CRM misbehaves; the numbers are those of the list of traps. May be changed while it runs.

    1 `stamp_resolution` (s) · 4 `noop_bumps` · 5 `bump_children` · 6, 18 `silent_fields` (changed without a
    new version or stamp) · 7 `no_stamps` · 11 `hidden` (ids the account may not see) · 12 `missing`
    (absent, error or 404) · 13 `dress_errors` (a refusal comes as status 500 or 200) · 14 `empty_is_404` ·
    17 `empty_as` (what an empty field reads as) · 19 `rewrite_rows` (a write puts back the whole row as it
    was when the write began) · 20 `ignore_unknown` · 22 `integer_ids` · 23 `page_cap`.
    2, 3, 8, 9, 10 and 15 are made by `MemoryRemote.begin`, `bulk_edit`, `FieldDef.normalise`,
    `Features.archives`, `Features.deletes_reported` and the fault `write.after_commit`.
    `fired` collects the numbers that really happened.
    """

    stamp_resolution: float = 0.0
    clock_skew: float = 0.0
    noop_bumps: bool = False
    bump_children: bool = False
    silent_fields: frozenset[str] = frozenset()
    no_stamps: bool = False
    hidden: frozenset[str] = frozenset()
    missing: str = "absent"
    dress_errors: int | None = None
    empty_is_404: bool = False
    empty_as: Value = None
    rewrite_rows: bool = False
    ignore_unknown: bool = False
    integer_ids: bool = False
    page_cap: int | None = None
    fired: set[int] = field(default_factory=set)


def normalised(value: Value, rules: tuple[str, ...]) -> Value:
    """What the CRM stores for a value."""
    for rule in rules:
        name, _, argument = rule.partition(":")
        value = _normalise(value, name, argument)
    return value


def _normalise(value: Value, name: str, argument: str) -> Value:
    if name == "round":
        return _rounded(value, int(argument))
    if not isinstance(value, str):
        return value
    if name == "trim":
        return value.strip()
    if name == "lower":
        return value.lower()
    if name == "cut":
        return value[: int(argument)]
    raise ValueError(f"no normaliser {name!r}; there are: trim, lower, cut:N, round:N")


def _rounded(value: Value, places: int) -> Value:
    if value is None or isinstance(value, bool):
        return value
    try:
        return str(Decimal(str(value)).quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN))
    except InvalidOperation:
        return value
