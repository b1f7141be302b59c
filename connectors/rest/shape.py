"""One object, compiled: its calls, its records, its errors. Made anew when the schema is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid5

from connectors.base import FieldInfo, ObjectSpec
from connectors.http import HttpClient
from connectors.rest.call import Call, Reply, compile_call
from connectors.rest.doubt import Doubts
from connectors.rest.judge import Judge, compile_errors
from connectors.rest.names import EACH, HTTP
from connectors.rest.options import BatchWords, Calls, ObjectWords
from connectors.rest.record import Record, compile_record
from connectors.rest.template import Template, compile_tree
from syncd.core.errors import NeedsOperator

_KEYS = UUID("6f0f9a4e-6a53-4c56-9a5c-0d3a4a0c8e57")


@dataclass(frozen=True, slots=True)
class Batch:
    """A call for several writes: its templates per record, by placeholder."""

    call: Call
    words: BatchWords
    each: Mapping[str, Template]

    @property
    def names(self) -> frozenset[str]:
        return frozenset(n for t in self.each.values() for n in t.names)

    @property
    def carries_calls(self) -> bool:
        """Whether a record's part is the request that would write it alone."""
        return not self.names.isdisjoint(HTTP)


@dataclass(frozen=True, slots=True)
class Shape:
    """`infos` are the fields as far as they are known; `closed` says that there are no others."""

    system: str
    object: str
    words: ObjectWords
    spec: ObjectSpec
    infos: Mapping[str, FieldInfo]
    closed: bool
    record: Record
    judge: Judge
    calls: Mapping[str, Call]
    batches: Mapping[str, Batch]
    writes: frozenset[str]
    fixed: frozenset[str]
    doubts: Doubts = field(default_factory=Doubts)

    def writable(self, fields: Mapping[str, Any]) -> bool:
        """Whether all fields are known, where all are known, and none is read-only."""
        names = fields.keys()
        return names <= self.writes if self.closed else names.isdisjoint(self.fixed)

    @property
    def what(self) -> str:
        return f"system {self.system}: {self.object}"

    def call(self, name: str) -> Call:
        """A call by its name; `NeedsOperator` where the configuration has none."""
        found = self.calls.get(name)
        if found is None:
            raise NeedsOperator(f"{self.what}: `calls` has no `{name}`", f"Say how: calls: {{{name}: …}}")
        return found

    async def ask(self, client: HttpClient, call: Call, values: Mapping[str, Any]) -> Reply:
        """Send a call of this object."""
        return await call.ask(client, values, self.judge)

    @property
    def feed(self) -> Call | None:
        """The call that asks for changes; None where there is no feed."""
        found = self.calls.get("changes")
        listed = self.calls.get("list")
        return found or (listed if listed is not None and "since" in listed.names else None)

    @property
    def compares(self) -> bool:
        """Whether every update can carry the version that it expects."""
        if self.words.record.version is None:
            return False
        batch = self.batches.get("update")
        single = self.calls.get("update")
        ways = [single.names] if single is not None else []
        ways += [batch.call.names | batch.names] if batch is not None and not batch.carries_calls else []
        return bool(ways) and all("version" in names for names in ways)

    @property
    def key_is_unique(self) -> bool:
        """Whether a second create with the same key fails or finds the first."""
        key = self.spec.key_field
        info = self.infos.get(key) if key is not None else None
        refuses = info is not None and info.unique and self.words.record.enforces_key
        return key is not None and ("upsert" in self.calls or refuses)

    def id_value(self, remote_id: str) -> Any:
        """An id as the API writes it."""
        return int(remote_id) if self.words.record.id_form == "integer" and remote_id.isdigit() else remote_id

    def version_value(self, version: str | None) -> Any:
        """A version as the API writes it."""
        number = self.words.record.version_form == "integer" and version is not None
        return int(version or "") if number and (version or "").lstrip("-").isdigit() else version

    def key_value(self, key: str) -> str:
        """Our key as the API takes it; always the same for a key."""
        return str(uuid5(_KEYS, key)) if self.words.record.key_form == "uuid" else key


def compile_shape(
    system: str,
    spec: ObjectSpec,
    words: ObjectWords,
    infos: Mapping[str, FieldInfo],
    *,
    closed: bool,
    clean: Callable[[str], str] = str,
) -> Shape:
    """Compile an object. Raises `NeedsOperator` for what cannot work, naming the word."""
    wanted = [
        f for f in (*spec.fields, *([spec.key_field] if spec.key_field else [])) if f in infos or not closed
    ]
    record = compile_record(system, spec.name, wanted, words, infos)
    own = {"object": spec.name, "key_field": spec.key_field, "fields": list(record.columns)}
    constants = {**words.constants, **own, "limit": words.paging.limit}
    what = f"system {system}: {spec.name}"
    calls, batches = {}, {}
    for name in Calls.model_fields:
        said = getattr(words.calls, name)
        if said is None:
            continue
        if isinstance(said, BatchWords):
            for op in ("create", "update", "delete") if name == "batch" else (name.removesuffix("_many"),):
                if name != "batch" or op not in batches:
                    batches[op] = _batch(name, said, constants, f"{what}: {name}")
        else:
            calls[name] = compile_call(name, said, constants, f"{what}: {name}")
    judge, fixed = compile_errors(words.errors, clean), frozenset(n for n, i in infos.items() if i.read_only)
    writes = infos.keys() - fixed
    return Shape(
        system, spec.name, words, spec, infos, closed, record, judge, calls, batches, frozenset(writes), fixed
    )


def _batch(name: str, words: BatchWords, constants: Mapping[str, Any], what: str) -> Batch:
    call = compile_call(name, words, constants, what, extra=words.each)
    known = EACH | constants.keys()
    each = {k: compile_tree(tree, known) for k, tree in words.each.items()}
    return Batch(call, words, each)


def header_version(words: ObjectWords, headers: Mapping[str, str]) -> str | None:
    """The version of the one record in an answer, where a header tells it."""
    kind, _, name = (words.record.version or "").partition(":")
    return headers.get(name) if kind == "header" else None
