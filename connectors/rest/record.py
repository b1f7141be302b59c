"""Records in answers as changes: the hot path of every read, compiled for one object."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.base import FieldInfo
from connectors.rest.moments import form_of
from connectors.rest.options import ObjectWords
from connectors.rest.paths import MISSING, Get, getter, place, steps
from connectors.rest.values import emptied, readers, writers
from syncd.core.errors import RetryLater
from syncd.core.fieldmap import several
from syncd.core.nouns import Change, Fields, Op

NO = ("", "false", "0", "no", "n")
"""Texts at `record.deleted` that say that a record is there."""
Pick = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Record:
    """How one object's records are read and written.

    `names` are the remote fields that the mapping wants; `columns` those and what the connector itself
    needs, as paths into the record: `{fields}`.
    """

    system: str
    object: str
    names: tuple[str, ...]
    columns: tuple[str, ...]
    unwrap: Get | None
    id_at: Get
    inner: Get | None
    pick: Pick
    told: Pick
    version: Callable[[dict[str, Any]], str | None]
    moment: Callable[[dict[str, Any]], Any]
    deleted: Callable[[dict[str, Any]], bool] | None
    put: Callable[[Fields], dict[str, Any]]

    def changes(
        self, items: Sequence[Any], version: str | None = None, *, bare: bool = False
    ) -> list[Change]:
        """One change per item. `version` is that of the only one, told by a header; `bare`: unwrapped."""
        system, object, upsert, delete = self.system, self.object, Op.UPSERT, Op.DELETE
        unwrap, id_at, inner, pick = None if bare else self.unwrap, self.id_at, self.inner, self.pick
        version_of, moment, deleted = self.version, self.moment, self.deleted
        made: list[Change] = []
        for listed in items:
            item = listed if unwrap is None else unwrap(listed)
            remote_id = id_at(item)
            if type(remote_id) is not str:
                remote_id = self.id_text(remote_id)
            told = version_of(item) or version
            at = moment(item)
            if deleted is not None and deleted(item):
                made.append(Change(system, object, remote_id, delete, {}, False, told, at))
                continue
            fields = item if inner is None else inner(item)
            if type(fields) is not dict:
                raise RetryLater(f"system {system}: {object}: a listed record has no fields; check `record`")
            made.append(Change(system, object, remote_id, upsert, pick(fields), False, told, at))
        return made

    def item(self, listed: Any) -> Any:
        """A listed record without its wrapping."""
        return listed if self.unwrap is None else self.unwrap(listed)

    def inner_of(self, item: Any) -> Any:
        """A record's fields."""
        return item if self.inner is None else self.inner(item)

    def id_text(self, raw: Any) -> str:
        """An id as text; integers and texts are one id (facts/TRAPS.md 22)."""
        if isinstance(raw, int) and not isinstance(raw, bool):
            return str(raw)
        if isinstance(raw, str) and raw:
            return raw
        if isinstance(raw, float) and raw.is_integer():
            return str(int(raw))
        raise RetryLater(f"system {self.system}: {self.object}: a listed record has no id; check `record.id`")

    def stored(self, item: dict[str, Any]) -> dict[str, Any]:
        """The fields that a write's answer tells; what it leaves out says nothing, for it may be short."""
        fields = self.inner_of(item)
        return self.told(fields) if type(fields) is dict else {}

    def mapping(self, found: Any) -> dict[str, Any] | None:
        """The record that an answer holds, without the wrapping of lists; None where it holds none."""
        item = self.item(found)
        item = found if item is MISSING else item
        return item if type(item) is dict and self.id_at(item) is not MISSING else None


def compile_record(
    system: str, object: str, wanted: Sequence[str], words: ObjectWords, infos: Mapping[str, FieldInfo]
) -> Record:
    """Everything that depends on the configuration and the schema, once."""
    said, values, zone = words.record, words.values, words.feed.zone
    names = tuple(dict.fromkeys(wanted))
    version = None if said.version is None or said.version.startswith("header:") else said.version
    converters = readers(values, zone, names, infos)
    own = [path for path in (said.id, version, said.modified, said.deleted) if path]
    return Record(
        system,
        object,
        names,
        tuple(dict.fromkeys([*own, *names])),
        getter(said.unwrap) if said.unwrap else None,
        getter(said.id),
        getter(said.fields) if said.fields else None,
        _picker(names, converters, null=said.absent == "null"),
        _picker(names, converters, null=False),
        _version(version),
        _moment(said.modified, form_of(words.feed.modified_form, zone).read),
        _deleted(said.deleted, said.deleted_is, values.empty),
        _putter(writers(values, said, zone, infos), values.clear, deep=any(len(steps(n)) > 1 for n in names)),
    )


def _picker(names: tuple[str, ...], converters: Mapping[str, Callable[[Any], Any]], *, null: bool) -> Pick:
    """The wanted fields of a record; one that is absent is left out, or null where the API means that."""
    flat = tuple(name for name in names if len(steps(name)) == 1)
    deep = [(name, getter(name)) for name in names if len(steps(name)) > 1]

    take = several(flat)

    def pick(item: dict[str, Any]) -> dict[str, Any]:
        try:
            return dict(zip(flat, take(item), strict=True))
        except KeyError:
            return {name: item[name] for name in flat if name in item}

    def pick_null(item: dict[str, Any]) -> dict[str, Any]:
        get = item.get
        return {name: get(name) for name in flat}

    plain = pick_null if null else pick
    if not deep and not converters:
        return plain

    def pick_all(item: dict[str, Any]) -> dict[str, Any]:
        found = plain(item)
        for name, get in deep:
            value = get(item)
            if value is not MISSING or null:
                found[name] = None if value is MISSING else value
        for name, convert in converters.items():
            if name in found:
                found[name] = convert(found[name])
        return found

    return pick_all


def _version(path: str | None) -> Callable[[dict[str, Any]], str | None]:
    if path is None:
        return lambda item: None
    get = getter(path)

    def version(item: dict[str, Any]) -> str | None:
        raw = get(item)
        return raw if type(raw) is str else None if raw is None or raw is MISSING else str(raw)

    return version


def _moment(path: str | None, read: Callable[[Any], Any]) -> Callable[[dict[str, Any]], Any]:
    if path is None:
        return lambda item: None
    get = getter(path)
    return lambda item: read(get(item))


def _deleted(path: str | None, wanted: Any, empties: list[Any]) -> Callable[[dict[str, Any]], bool] | None:
    if path is None:
        return None
    get = getter(path)
    if wanted is not None:
        return lambda item: bool(get(item) == wanted)
    read = emptied(empties, boolean=True)

    def deleted(item: dict[str, Any]) -> bool:
        raw = read(get(item))
        return raw.strip().lower() not in NO if type(raw) is str else raw not in (MISSING, None, False)

    return deleted


def _putter(
    converters: Mapping[str, Callable[[Any], Any]], clear: Any, *, deep: bool
) -> Callable[[Fields], dict[str, Any]]:
    """Plain values as a body: converted, emptied in the API's way, nested where a name is a path."""

    if not converters and clear is None and not deep:
        return lambda fields: fields if type(fields) is dict else dict(fields)

    def put(fields: Fields) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for name, value in fields.items():
            if value is None:
                value = clear
            elif name in converters:
                value = converters[name](value)
            if "." in name or name[0] == "/":
                place(made, name, value)
            else:
                made[name] = value
        return made

    return put
