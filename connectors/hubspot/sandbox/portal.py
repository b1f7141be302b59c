"""The portal: the kit's world with the vendor's way to save, archive, restore and merge, and its events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

from connectors.hubspot.sandbox import calculated, merging
from connectors.hubspot.sandbox.associations import Associations, Change, Pair, Type
from connectors.hubspot.sandbox.events import Event, Kind, Listener, Source
from connectors.hubspot.sandbox.fields import HubObject
from connectors.hubspot.sandbox.options import HubProfile, HubQuirks
from connectors.hubspot.sandbox.people import Owners
from connectors.hubspot.sandbox.pipelines import Pipelines
from connectors.hubspot.sandbox.refusals import wrong
from connectors.hubspot.sandbox.saving import Saver
from connectors.hubspot.sandbox.table import HubTable
from connectors.sandboxes.clock import MovableClock
from connectors.sandboxes.faults import Plan
from connectors.sandboxes.shape import ObjectShape
from connectors.sandboxes.table import Row, Table
from connectors.sandboxes.world import Fields, Moment, World

UNHEARD = frozenset({"hs_lastmodifieddate", "lastmodifieddate", "num_unique_conversion_events"})
"""Properties whose changes no subscription tells (webhooks guide)."""

PERSON = Source("CRM_UI", "userId:2620022")
SOURCES = {
    "automation": Source("AUTOMATION_PLATFORM", "enrollmentId:1;actionExecutionIndex:0"),
    "seed": Source("IMPORT", "1"),
    "calculated": Source("CALCULATED", None),
}


class Portal(World):
    """All tables, associations, pipelines and owners. `hearers` are told of each event at once.

    `scopes` are those of the call that is worked on.
    """

    quirks: HubQuirks

    def __init__(
        self,
        objects: Mapping[str, HubObject],
        quirks: HubQuirks,
        clock: MovableClock,
        faults: Plan,
        profile: HubProfile,
    ) -> None:
        self.id, self.app_id = profile.portal_id, profile.app_id
        self.currencies = profile.currencies
        self.pipelines, self.owners = Pipelines(clock.millis()), Owners(clock.millis())
        self.associations = Associations(objects)
        self.hearers: list[Listener] = []
        self.scopes: tuple[str, ...] = ()
        self.saver = Saver(self)
        self._sources = {**SOURCES, "api": Source("INTEGRATION", str(self.app_id))}
        super().__init__(objects, quirks, clock, faults)

    # tables ------------------------------------------------------------------------------------------------

    def begin(self, objects: Mapping[str, ObjectShape]) -> None:
        """Be as new: these objects, no associations, the first pipelines and owners."""
        for name in [name for name in self.tables if name not in objects]:
            del self.tables[name]
        now = self.clock.millis()
        self.pipelines, self.owners = Pipelines(now), Owners(now)
        self.associations = Associations(self.tables)
        self.refresh()

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Nobody hears of what happens in the block."""
        self.hearers, heard = [], self.hearers
        try:
            yield
        finally:
            self.hearers = heard

    def new_table(self, name: str, shape: ObjectShape) -> Table:
        """An empty one."""
        return HubTable(name, shape)

    def declare(self, name: str, shape: ObjectShape) -> Table:
        """A new object, or another shape for one that is there."""
        made = super().declare(name, shape)
        self.associations.introduce(self.tables)
        return made

    def hub_table(self, name: str) -> HubTable:
        """By the name in paths."""
        return cast(HubTable, self.table(name))

    def named(self, said: str) -> HubTable:
        """By any of an object's names: `contacts`, `contact`, `0-1`, `p62515_machines`; `Refused` 400."""
        for table in self.tables.values():
            shape = cast(HubTable, table).shape
            if said.lower() in (table.name, shape.singular, shape.type_id, f"p{self.id}_{table.name}"):
                return cast(HubTable, table)
        raise wrong(f"Unable to infer object type from: {said[:80]}")

    def sees(self, table: HubTable, name: str) -> bool:
        """Whether the app is shown the property."""
        if self.quirks.names(self.quirks.hide_fields, table.name, name):
            self.fired("hide_fields")
            return False
        prop = table.fields.get(name)
        if prop is None or prop.sensitivity == "non_sensitive":
            return True
        object = "custom" if table.shape.custom else table.name
        return f"crm.objects.{object}.{prop.sensitivity}.read" in self.scopes

    def at(self, table: HubTable, id: str) -> Row | None:
        """The row of an id, also of one that was merged away; live or archived."""
        return self.find(table, table.resolve(id))

    def capped(self, limit: int) -> int:
        """So many records at once, or as many as a page takes."""
        cap = self.quirks.page_cap
        if cap is None or cap >= limit:
            return limit
        self.fired("page_cap")
        return cap

    # events ------------------------------------------------------------------------------------------------

    def source(self, by: str) -> Source:
        """Who an author of the kit is; a stranger is a person."""
        return self._sources.get(by, PERSON)

    def tell(self, kind: Kind, table: HubTable, id: str, moment: Moment, **words: Any) -> None:
        """Something happened; `words` are those of `Event`."""
        if not self.hearers:
            return
        event = Event(kind, table.name, id, moment.seen, self.source(moment.by), moment.by, **words)
        for hearer in self.hearers:
            hearer(event)

    def tell_values(self, table: HubTable, row: Row, names: Iterable[str], moment: Moment) -> None:
        """Remember and tell new values, those worked out by the portal as such."""
        split: dict[bool, list[str]] = {False: [], True: []}
        for name in names:
            split[name in table.fields and table.fields[name].calculated].append(name)
        for by_portal, some in split.items():
            when = Moment(moment.stamp, moment.seen, "calculated") if by_portal else moment
            source = self.source(when.by)
            table.note(row, some, when.stamp, source.name, source.id)
            for name in some:
                prop = table.fields[name]
                if name not in UNHEARD:
                    kept = row.fields[name]
                    secret = prop.sensitivity != "non_sensitive"
                    self.tell(
                        "propertyChange", table, row.id, when, property=name, value=kept, sensitive=secret
                    )

    # writes ------------------------------------------------------------------------------------------------

    def vet(self, table: Table, fields: Fields, row: Row | None = None, *, by: str = "api") -> Fields:
        """What would be stored; `Refused` where it cannot be."""
        return self.saver.vet(cast(HubTable, table), fields, row, by)

    def create(self, table: Table, fields: Fields, moment: Moment, *, id: str | None = None) -> Row:
        """A new record."""
        hub = cast(HubTable, table)
        made = self.saver.begun(hub, fields, moment.by)
        full = {**hub.blank, **made}
        full |= calculated.own(self, hub, full)
        row = hub.add(id or hub.new_id(), full, moment.stamp, moment.by, moment.seen)
        self.tell("creation", hub, row.id, moment)
        self.tell_values(hub, row, [name for name, value in full.items() if value is not None], moment)
        self._tell(hub, row, "created")
        if moment.by == "api" and self.quirks.automations:
            self._automate(hub, row, made, moment)
        return row

    def update(
        self, table: Table, row: Row, fields: Fields, moment: Moment, *, base: Fields | None = None
    ) -> bool:
        """Change a record; whether anything moved."""
        hub = cast(HubTable, table)
        made = self.vet(hub, fields, row, by=moment.by)
        new = {**(row.fields if base is None else base), **made}
        new |= calculated.own(self, hub, new)
        changed = [name for name, value in new.items() if row.fields.get(name) != value]
        if not changed:
            if not self.quirks.noop_bumps:
                return False
            self.fired("noop_bumps")
        self.store(hub, row, new, changed, moment)
        if moment.by == "api" and self.quirks.automations:
            self._automate(hub, row, made, moment)
        return True

    def store(self, table: HubTable, row: Row, new: Fields, changed: list[str], moment: Moment) -> None:
        """Put values in place, move the modified date, and tell."""
        if self.quirks.index_lag:
            table.remember(row)
        table.change(row, new)
        quiet = self.quirks.silent_fields
        if changed and self.silent and all(self.quirks.names(quiet, table.name, name) for name in changed):
            self.fired("silent_fields")
            row.seen = moment.seen
        else:
            self._move(table, row, moment)
        self.tell_values(table, row, changed, moment)
        self._tell(table, row, "updated")

    def delete(self, table: Table, row: Row, moment: Moment) -> None:
        """To the recycle bin. Associations are not shown meanwhile."""
        self._bin(cast(HubTable, table), row, moment, "deletion")

    def restore(self, table: Table, row: Row, moment: Moment) -> None:
        """Back from the recycle bin; `Refused` where another has its e-mail or key now."""
        hub = cast(HubTable, table)
        if row.deleted and row.id in hub.rows:
            self.saver.check_unique(hub, row.fields, row, row.fields)
            self._bin(hub, row, moment, "restore")

    def archive(self, table: Table, row: Row, moment: Moment, archived: bool = True) -> None:
        """The same as `delete`, or as `restore`."""
        if archived and not row.deleted:
            self.delete(table, row, moment)
        elif not archived:
            self.restore(table, row, moment)

    def _bin(self, table: HubTable, row: Row, moment: Moment, kind: Kind) -> None:
        if self.quirks.index_lag:
            table.remember(row)
        others = [(to, id) for to, id, _ in self.associations.around(table.name, row.id)]
        table.drop(row, deleted=kind == "deletion")
        self._move(table, row, moment)
        self.tell(kind, table, row.id, moment)
        self._tell(table, row, "deleted" if kind == "deletion" else "created")
        for to, id in others:
            self.recount(to, id, moment)

    def purge(self, table: HubTable, row: Row, moment: Moment) -> None:
        """GDPR delete: gone for good, and two events."""
        if not row.deleted:
            self.delete(table, row, moment)
        self.associations.forget(table.name, row.id)
        table.take_out(row)
        self.tell("privacyDeletion", table, row.id, moment)

    def merge(self, table: Table, row: Row, loser: Row, moment: Moment) -> None:
        """Two records become a new one."""
        merging.merge(self, cast(HubTable, table), row, loser, moment)

    # associations ------------------------------------------------------------------------------------------

    def associated(self, object: str, id: str, to: str) -> dict[str, set[Type]]:
        """The live others by id, with types."""
        rows = self.tables[to].rows
        found = self.associations.of(object, id, to)
        return {other: types for other, types in found.items() if other in rows and not rows[other].deleted}

    def associate(
        self, pair: Pair, ids: tuple[str, str], types: Iterable[Type], moment: Moment, *, whole: bool = False
    ) -> None:
        """Associate two records; `whole`: with these labels and no others."""
        wanted = set(types)
        primary = self.associations.primary(pair)
        alone = not self.associations.of(pair[0], ids[0], pair[1])
        if self.quirks.first_is_primary and primary is not None and primary.single and alone:
            self.fired("first_is_primary")
            wanted.add(primary)
        do = self.associations.replace if whole else self.associations.add
        self.tell_associations(do(pair, ids, wanted), moment)

    def tell_associations(self, changes: list[Change], moment: Moment) -> None:
        """Tell what changed between records, and count anew."""
        for change in changes:
            (one, other), (id, other_id) = change.pair, change.ids
            table = self.hub_table(one)
            kinds = (table.shape.singular, self.hub_table(other).shape.singular)
            words = {
                "associationType": "_TO_".join(kind.upper() for kind in kinds),
                "fromObjectId": int(id),
                "toObjectId": int(other_id),
                "associationRemoved": change.removed,
                "isPrimaryAssociation": change.type.primary,
                "toObjectTypeId": self.hub_table(other).shape.type_id,
            }
            if change.type.label is None or change.type.primary:
                self.tell("associationChange", table, id, moment, more=words)
        for object, id in dict.fromkeys((change.pair[0], change.ids[0]) for change in changes):
            self.recount(object, id, moment)

    def recount(self, object: str, id: str, moment: Moment) -> None:
        """Work out anew what depends on associations."""
        table = self.hub_table(object)
        row = table.rows.get(id)
        found = calculated.of_others(self, table, id) if row is not None else {}
        changed = [name for name, value in found.items() if row is not None and row.fields[name] != value]
        if row is None or row.deleted or not changed:
            return
        when = Moment(moment.stamp, moment.seen, "calculated")
        if self.quirks.calculated_bumps:
            self.store(table, row, {**row.fields, **found}, changed, when)
        else:
            table.change(row, {**row.fields, **found})
            self.tell_values(table, row, changed, when)
