"""What the configuration wants of each object."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.base import ObjectSpec


def by_name(objects: Sequence[ObjectSpec]) -> dict[str, ObjectSpec]:
    """The objects by name; one that several kinds use is read for all of them at once."""
    found: dict[str, ObjectSpec] = {}
    for spec in objects:
        known = found.get(spec.name)
        if known is not None:
            fields = tuple(dict.fromkeys((*known.fields, *spec.fields)))
            key = known.key_field or spec.key_field
            spec = ObjectSpec(spec.name, fields, key, {**spec.options, **known.options})
        found[spec.name] = spec
    return found
