"""Mappings compiled anew once the remotes' types are known, which decide between a number and its text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from syncd.config.settings import KindSettings, KindSystemSettings, Settings
from syncd.config.shape import FieldLike, SchemaLike
from syncd.mapping.compile import CompiledMap, compile_map


def with_schemas(settings: Settings, schemas: Mapping[str, SchemaLike]) -> Settings:
    """The same settings with the maps of the systems named in `schemas` compiled for their remote types.

    Raises `SpecError` where `check_schema` has problems to tell.
    """
    kinds = {name: with_types(kind, schemas) for name, kind in settings.kinds.items()}
    return replace(settings, kinds=kinds)


def with_types(kind: KindSettings, schemas: Mapping[str, SchemaLike]) -> KindSettings:
    """A kind with its maps compiled anew; an object that is not described keeps its map."""
    systems = {}
    for name, section in kind.systems.items():
        schema = schemas.get(name)
        first, *others = [typed(kind, item, schema) for item in section.objects]
        systems[name] = replace(first, others=tuple(others))
    return replace(kind, systems=systems)


def typed(kind: KindSettings, section: KindSystemSettings, schema: SchemaLike | None) -> KindSystemSettings:
    """One object with its map compiled anew, where it is described."""
    described = schema.objects.get(section.object) if schema is not None else None
    if described is None:
        return section
    pointed = {name: info.references for name, info in described.fields.items() if info.references}
    types = {name: info.type for name, info in described.fields.items()}
    where = section.where.typed(types) if section.where is not None else None
    return replace(section, map=recompiled(kind, section, described.fields), pointed=pointed, where=where)


def recompiled(
    kind: KindSettings, section: KindSystemSettings, described: Mapping[str, FieldLike]
) -> CompiledMap:
    """A kind's map in one system with the remote's types at hand. Raises `SpecError`."""
    return compile_map(
        kind.name,
        section.system,
        section.object,
        kind.field_types,
        section.spec,
        remote_types={name: info.type for name, info in described.items()},
        direction=section.direction,
        drift=section.drift,
    )
