"""Looks held against what the store remembers: a field that is not what it was does not stop its kind.

While syncd runs such a field is left alone (`syncd.engine.schemas`); so it is when syncd starts again. What
never was as its mapping wants it is a mistake in the mapping, and refuses the kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from connectors.base import ObjectInfo, Schema
from syncd.config import Problem, Settings, check_schema
from syncd.config.remotemap import recompiled
from syncd.core.problems import SpecError
from syncd.engine.drift import Known, as_remembered, written_fields
from syncd.engine.schemas import remembered
from syncd.service.logins import Logins
from syncd.service.look import Look, kind_of, look_at_all
from syncd.store.store import Store


async def looked(store: Store, settings: Settings, systems: list[str]) -> dict[str, Look]:
    """Look at systems; of what they refuse, only what they always refused. Their tokens are the store's."""
    looks = await look_at_all(settings, systems, Logins(store, settings))
    for name, look in looks.items():
        if look.refused:
            async with store.read() as con:
                known = await remembered(con, name)
            looks[name] = forgiving(settings, look, known)
    return looks


def forgiving(settings: Settings, look: Look, known: Mapping[tuple[str, str], Known]) -> Look:
    """The look without the refusals of kinds whose mapping is as it was when their object still fitted it.

    Their findings become warnings, and their objects are described as they were.
    """
    was = dict(_as_they_were(settings, look, known))
    if not was:
        return look
    objects = {**look.schema.objects, **{info.name: info for info in was.values()}}
    still = [found for found in check_schema(settings, look.system, Schema(objects)) if not found.warning]
    forgiven = was.keys() - {kind_of(found) for found in still}
    return replace(
        look,
        schema=Schema({**look.schema.objects, **{was[kind].name: was[kind] for kind in forgiven}}),
        refused={kind: why for kind, why in look.refused.items() if kind not in forgiven},
        findings=[_warning(found) if kind_of(found) in forgiven else found for found in look.findings],
    )


def _as_they_were(
    settings: Settings, look: Look, known: Mapping[tuple[str, str], Known]
) -> Iterator[tuple[str, ObjectInfo]]:
    """Kinds that are refused, with their objects as their present mapping was taken up with them."""
    for name in look.refused:
        kind = settings.kinds[name]
        section = kind.systems[look.system]
        described, before = look.schema.objects.get(section.object), known.get((name, section.object))
        if described is None or before is None:
            continue
        info = as_remembered(before, described, written_fields(section.map))
        try:
            if recompiled(kind, section, info.fields).hash == before.map:
                yield name, info
        except SpecError:
            continue


def _warning(found: Problem) -> Problem:
    message = f"{found.message}; what it concerns is left alone, and the rest flows"
    return found if found.warning else replace(found, message=message, warning=True)
