"""Associations in the portal as its people see and make them, without syncd."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.hubspot.sandbox import HubSpotSandbox
from connectors.hubspot.sandbox.associations import Type

ADVISER = "Adviser"
"""A label of the portal's own."""


def others(hub: HubSpotSandbox, object: str, id: str, to: str) -> Mapping[str, set[Type]]:
    """The associated records that are there, with the types."""
    return hub.world.associated(object, id, to)


def pointed(hub: HubSpotSandbox, object: str, id: str, to: str) -> str | None:
    """The primary one, else the one without a label of the portal's own; several are told as several."""
    found = others(hub, object, id, to)
    first = [other for other, types in found.items() if any(type.primary for type in types)]
    plain = [other for other, types in found.items() if not any(type.label == ADVISER for type in types)]
    return " and ".join(first or plain) or None


def tie(hub: HubSpotSandbox, object: str, id: str, to: str, other: str) -> None:
    """As the one that counts: the primary one beside those that are there, or else in place of them."""
    world, pair = hub.world, (object, to)
    primary = world.associations.primary(pair)
    if primary is None:
        for old in others(hub, object, id, to):
            untie(hub, object, id, to, old)
    world.associate(pair, (id, other), [] if primary is None else [primary], world.moment("person"))


def untie(hub: HubSpotSandbox, object: str, id: str, to: str, other: str) -> None:
    """Associate them no more."""
    world = hub.world
    world.tell_associations(world.associations.remove((object, to), (id, other)), world.moment("person"))


def advise(hub: HubSpotSandbox, object: str, id: str, to: str, other: str) -> None:
    """Put the portal's own label between two."""
    world, pair = hub.world, (object, to)
    types = [type for type in world.associations.types[pair] if type.label == ADVISER]
    types = types or world.associations.make_label(pair, ADVISER, None)
    world.associate(pair, (id, other), types[:1], world.moment("person"))


def advised(hub: HubSpotSandbox, object: str, id: str, to: str) -> set[str]:
    """Those that have the label."""
    found = others(hub, object, id, to).items()
    return {other for other, types in found if any(type.label == ADVISER for type in types)}
