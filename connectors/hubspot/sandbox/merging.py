"""Merges: a new record takes the place of two; their ids lead to it from then on (changelog of 2024)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.hubspot.sandbox import calculated
from connectors.hubspot.sandbox.associations import Type
from connectors.hubspot.sandbox.refusals import wrong
from connectors.hubspot.sandbox.table import HubTable
from connectors.sandboxes.table import Row
from connectors.sandboxes.world import Fields, Moment

if TYPE_CHECKING:
    from connectors.hubspot.sandbox.portal import Portal

MOST = 250
"""Records that may have gone into one (error handling guide)."""


def merge(portal: Portal, table: HubTable, row: Row, loser: Row, moment: Moment) -> Row:
    """The new record: the primary's values, the other's where it has none, both e-mails; `Refused`."""
    if row is loser or row.deleted or loser.deleted:
        raise wrong("The records cannot be merged: give two different ids of records that are not archived")
    ids = [one for old in (row, loser) for one in (*_absorbed(old), old.id)]
    if len(ids) > MOST:
        raise wrong(f"Cannot have more than {MOST} identities on a profile")
    fields, moved = _united(table, row, loser, ids)
    made = _take_place(portal, table, row, loser, fields, moment)
    primary, other = int(row.id), int(loser.id)
    words = {
        "primaryObjectId": primary,
        "mergedObjectIds": [other],
        "newObjectId": int(made.id),
        "numberOfPropertiesMoved": moved,
    }
    portal.tell("merge", table, row.id, moment, more=words)
    return made


def _absorbed(row: Row) -> list[str]:
    return [one for one in (row.fields.get("hs_merged_object_ids") or "").split(";") if one]


def _united(table: HubTable, row: Row, loser: Row, ids: list[str]) -> tuple[Fields, int]:
    fill = {n: v for n, v in loser.fields.items() if v is not None and row.fields.get(n) is None}
    fields = {**row.fields, **fill, "hs_merged_object_ids": ";".join(ids)}
    for name in table.mails:
        extra = [row.fields.get("hs_additional_emails"), loser.fields.get("hs_additional_emails")]
        if loser.fields.get(name) != fields[name]:
            extra.append(loser.fields.get(name))
        words = [one for some in extra for one in (some or "").split(";") if one]
        fields["hs_additional_emails"] = ";".join(dict.fromkeys(words)) or None
    return fields, len(fill)


def _take_place(portal: Portal, table: HubTable, row: Row, loser: Row, fields: Fields, moment: Moment) -> Row:
    keeps = portal.quirks.merge_keeps_id
    created = min(row.created, loser.created)
    links = [(old.id, *one) for old in (row, loser) for one in portal.associations.around(table.name, old.id)]
    for old in (loser,) if keeps else (row, loser):
        portal.associations.forget(table.name, old.id)
        table.take_out(old)
    if keeps:
        fields["hs_merged_object_ids"] = ";".join([*_absorbed(row), loser.id])
        changed = [name for name, value in fields.items() if row.fields.get(name) != value]
        portal.store(table, row, fields, changed, moment)
        made = row
    else:
        fields |= calculated.own(portal, table, fields)
        made = table.add(table.new_id(), fields, moment.stamp, moment.by, moment.seen)
        made.created = created
        table.note(made, [n for n, v in fields.items() if v is not None], moment.stamp, "MERGE_OBJECTS", None)
    for old in (loser,) if keeps else (row, loser):
        table.redirects[old.id] = made.id
    _take_links(portal, table, made, row.id, links, moment)
    return made


def _take_links(
    portal: Portal,
    table: HubTable,
    made: Row,
    first: str,
    links: list[tuple[str, str, str, set[Type]]],
    moment: Moment,
) -> None:
    """The primary record's first, whose primary associations win."""
    changes = []
    for old, to, other, types in links:
        pair, other = (table.name, to), portal.hub_table(to).resolve(other)
        if other == made.id and to == table.name:
            continue
        singles = {t for t in types if t.single} if old != first else set()
        had = any(t.single for ts in portal.associations.of(table.name, made.id, to).values() for t in ts)
        changes += portal.associations.add(pair, (made.id, other), types - singles if had else types)
    portal.tell_associations(changes, moment)
