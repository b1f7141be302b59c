"""What a remote's description must look like; `connectors.base.Schema` does, without being imported here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol


class FieldLike(Protocol):
    """A field of a remote, such as `connectors.base.FieldInfo`."""

    @property
    def type(self) -> str: ...
    @property
    def required(self) -> bool: ...
    @property
    def read_only(self) -> bool: ...
    @property
    def unique(self) -> bool: ...
    @property
    def length(self) -> int | None: ...
    @property
    def options(self) -> Sequence[str] | None: ...
    @property
    def references(self) -> str | None: ...
    @property
    def default(self) -> bool: ...


class ObjectLike(Protocol):
    """An object of a remote, such as `connectors.base.ObjectInfo`."""

    @property
    def fields(self) -> Mapping[str, FieldLike]: ...


class SchemaLike(Protocol):
    """What a remote describes, such as `connectors.base.Schema`."""

    @property
    def objects(self) -> Mapping[str, ObjectLike]: ...
