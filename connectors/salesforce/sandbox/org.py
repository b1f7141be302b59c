"""The org: the kit's world with the vendor's way to save, delete, restore and merge, and a journal of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import cast

from connectors.salesforce.sandbox import look
from connectors.salesforce.sandbox.fields import OrgObject
from connectors.salesforce.sandbox.journal import Cause, Change, Journal, Op
from connectors.salesforce.sandbox.locks import Locks
from connectors.salesforce.sandbox.options import SalesforceQuirks
from connectors.salesforce.sandbox.refusals import Refused
from connectors.salesforce.sandbox.rules import Rules
from connectors.salesforce.sandbox.saving import Saver
from connectors.salesforce.sandbox.table import OrgTable
from connectors.salesforce.sandbox.transaction import Caller, Transaction, new_key, stamped
from connectors.salesforce.sandbox.values import check, written
from connectors.sandboxes.clock import MovableClock
from connectors.sandboxes.faults import Plan
from connectors.sandboxes.shape import ObjectShape
from connectors.sandboxes.table import Row, Table
from connectors.sandboxes.world import Fields, Moment, World

DAY = 86_400_000


class Org(World):
    """All tables, and the transaction that is open. `caller` is set while an API call is worked on."""

    quirks: SalesforceQuirks

    def __init__(
        self, objects: Mapping[str, OrgObject], quirks: SalesforceQuirks, clock: MovableClock, faults: Plan
    ) -> None:
        self.journal = Journal()
        self.caller: Caller | None = None
        self.org_id = "00DgK0000000001EAA"
        self.users: dict[str, str] = {}
        self.saver, self.rules, self.locks = Saver(self), Rules(self), Locks(self)
        self._open: Transaction | None = None
        self._deleted_with: dict[str, list[tuple[OrgTable, Row]]] = {}
        self._getters: dict[tuple[str, str], look.Getter] = {}
        super().__init__(objects, quirks, clock, faults)

    # tables ------------------------------------------------------------------------------------------------

    def new_table(self, name: str, shape: ObjectShape) -> Table:
        """An empty one."""
        return OrgTable(name, shape)

    def refresh(self) -> None:
        """Take changed quirks and shapes to heart."""
        super().refresh()
        self._getters = {}
        self.rules.forget()
        for table in self.tables.values():
            assert isinstance(table, OrgTable)
            table.plain = {}
            table.checks = {
                name: self._check(table, name, table.checks[name])
                for name in table.fields
                if name in table.checks
            }

    def _check(
        self, table: OrgTable, name: str, kit: Callable[[object], object]
    ) -> Callable[[object], object]:
        """The vendor's check, then what a `normalise` quirk makes of the value."""
        field = table.fields[name]
        own = check(table.name, name, field, lambda: self.quirks.lower_emails)
        bent = field.normalise or {name, f"{table.name}.{name}"} & set(self.quirks.normalise)
        return (lambda value: kit(own(value))) if bent else own

    def org_table(self, name: str) -> OrgTable:
        """By name as it is spelled; `Refused` 404 where there is none."""
        return cast(OrgTable, self.table(name))

    def getter(self, table: OrgTable, name: str) -> look.Getter:
        """What reads a field."""
        key = (table.name, name)
        found = self._getters.get(key)
        if found is None:
            found = self._getters[key] = look.getter(self, table, name)
        return found

    def sees(self, table: OrgTable, name: str) -> bool:
        """Whether field-level security shows the field to the integration user."""
        if self.quirks.names(self.quirks.hide_fields, table.name, name):
            self.fired("hide_fields")
            return False
        return True

    def writes(self, table: OrgTable, name: str) -> bool:
        """Whether it lets the integration user write it."""
        return not self.quirks.names(self.quirks.read_only_fields, table.name, name)

    def views_all(self, object: str) -> bool:
        """Whether the integration user has View All Records on an object: no record of it is hidden."""
        hidden = self.quirks.hidden
        rows = self.tables[object].rows if object in self.tables else {}
        return self.quirks.view_all and not any(id in rows or id.startswith(f"{object}/") for id in hidden)

    def user(self, by: str) -> str:
        """The User id behind an author: of the kit's words, a user's id or name; a stranger is a person."""
        if by in ("api", "automation") and self.caller is not None:
            return self.caller.user
        users = self.tables.get("User")
        if users is not None and by in users.rows:
            return by
        return self.users.get(by) or self.users.get("person", "")

    @contextmanager
    def calling(self, caller: Caller) -> Iterator[None]:
        """The block is the work of an API call."""
        self.caller, before = caller, self.caller
        try:
            yield
        finally:
            self.caller = before

    def user_named(self, name: object) -> str | None:
        """The id of an active user by its username."""
        found = self.org_table("User").with_key("Username", name)
        return next((row.id for row in found if row.fields["IsActive"]), None)

    def rename_org(self, id: str) -> None:
        """Be another org."""
        table = self.tables.get("Organization")
        if table is not None and self.org_id in table.rows:
            row = table.rows.pop(self.org_id)
            row.id, table.rows[id] = id, row
        self.org_id = id

    # transactions ------------------------------------------------------------------------------------------

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """All that is saved in the block is committed at its end, or not at all.

        One inside another is part of it.
        """
        if self._open is not None:
            with self._open.whole():
                yield self._open
            return
        made = self._open = Transaction(new_key())
        try:
            yield made
        except BaseException:
            made.back_to((0, 0, 0))
            raise
        finally:
            self._open = None
        self._commit(made)

    def _commit(self, done: Transaction) -> None:
        changes = done.numbered(self.journal.last + 1, self.clock.millis())
        self.journal.last += len(changes)
        self.journal.commit(changes)
        for table, row, op in done.told:
            super()._tell(table, row, op)

    def _tell(self, table: Table, row: Row, op: str) -> None:
        assert self._open is not None
        self._open.told.append((cast(OrgTable, table), row, op))

    def _note(
        self,
        table: OrgTable,
        row: Row,
        op: Op,
        moment: Moment,
        *,
        before: Fields | None = None,
        changed: tuple[str, ...] = (),
        cause: Cause = "",
        master: str | None = None,
    ) -> None:
        assert self._open is not None
        if not cause and moment.by == "automation":
            cause = "automation"
        origin = self.caller.origin if self.caller is not None else ""
        self._open.changes.append(
            Change(
                number=0,
                object=table.name,
                id=row.id,
                op=op,
                changed=changed,
                fields=row.fields,
                before=before,
                user=self.user(moment.by),
                origin=origin,
                at=0,
                stamp=row.stamp,
                transaction=self._open.key,
                sequence=0,
                cause=cause,
                master=master,
            )
        )

    # writes ------------------------------------------------------------------------------------------------

    def vet(self, table: Table, fields: Fields, row: Row | None = None, *, by: str = "api") -> Fields:
        """What would be stored; `Refused` where it cannot be."""
        return self.saver.vet(cast(OrgTable, table), fields, row, by)

    def create(
        self, table: Table, fields: Fields, moment: Moment, *, id: str | None = None, cause: Cause = ""
    ) -> Row:
        """A new record."""
        org_table = cast(OrgTable, table)
        with self.transaction() as open_:
            made = self.vet(table, fields, by=moment.by)
            full = self.saver.filled(org_table, made, self.user(moment.by))
            when, user = written(moment.stamp / 1000), self.user(moment.by)
            full = stamped({**full, "CreatedById": full.get("CreatedById") or user}, when, user)
            self.saver.judge(org_table, full, None, moment.by)
            row = table.add(id or table.new_id(), full, moment.stamp, moment.by, moment.seen)
            open_.keep(org_table, row, made=True)
            self._note(org_table, row, "create", moment, cause=cause)
            self._tell(table, row, "created")
            if moment.by == "api" and self.quirks.automations:
                self._automate(table, row, made, moment)
        return row

    def update(
        self,
        table: Table,
        row: Row,
        fields: Fields,
        moment: Moment,
        *,
        base: Fields | None = None,
        cause: Cause = "",
    ) -> bool:
        """Save a record; whether anything moved. `base`: see the kit."""
        org_table = cast(OrgTable, table)
        with self.transaction() as open_:
            made = self.vet(table, fields, row, by=moment.by)
            new = self.saver.derived(org_table, {**(base or row.fields), **made}, made)
            before = row.fields
            changed = tuple(name for name, value in new.items() if before.get(name) != value)
            self.saver.judge(org_table, new, row, moment.by)
            if not changed:
                if not self.quirks.noop_bumps:
                    return False
                self.fired("noop_bumps")
            open_.keep(org_table, row)
            if changed and self._silently(org_table, changed):
                table.change(row, new)
                return True
            table.change(row, stamped(new, written(moment.stamp / 1000), self.user(moment.by)))
            self._move(table, row, moment)
            self._note(org_table, row, "update", moment, before=before, changed=changed, cause=cause)
            self._tell(table, row, "updated")
            if self.quirks.cascade_bumps:
                self._cascade(table, row, moment)
            if moment.by == "api" and self.quirks.automations:
                self._automate(table, row, made, moment)
        return True

    def _silently(self, table: OrgTable, changed: tuple[str, ...]) -> bool:
        quiet = self.quirks.silent_fields
        if not self.silent or not all(self.quirks.names(quiet, table.name, name) for name in changed):
            return False
        self.fired("silent_fields")
        return True

    def delete(
        self, table: Table, row: Row, moment: Moment, *, cause: Cause = "", master: str | None = None
    ) -> None:
        """To the recycle bin; children that cannot be without it go along, others lose their reference."""
        org_table = cast(OrgTable, table)
        automatic = Moment(moment.stamp, moment.seen, "automation")
        with self.transaction() as open_:
            along = self._deleted_with[row.id] = []
            for child, name, rule, other in list(self._children(table, row)):
                if rule == "cascade":
                    along.append((cast(OrgTable, child), other))
                    self.delete(child, other, moment, cause="cascade")
                elif not other.deleted:
                    self.update(child, other, {name: None}, automatic, cause="cascade")
            open_.keep(org_table, row)
            before = row.fields
            table.drop(row)
            when = stamped(row.fields, written(moment.stamp / 1000), self.user(moment.by))
            table.change(row, {**when, "MasterRecordId": master} if org_table.shape.mergeable else when)
            self._move(table, row, moment)
            self._note(org_table, row, "delete", moment, before=before, cause=cause, master=master)
            self._tell(table, row, "deleted")

    def restore(self, table: Table, row: Row, moment: Moment) -> None:
        """Back from the recycle bin, with those that went along."""
        org_table = cast(OrgTable, table)
        if not row.deleted:
            raise Refused("UNDELETE_FAILED", "Entity is not in the recycle bin", [])
        with self.transaction() as open_:
            self.saver.check_unique(org_table, row.fields, row)
            open_.keep(org_table, row)
            before = row.fields
            table.drop(row, deleted=False)
            new = stamped(row.fields, written(moment.stamp / 1000), self.user(moment.by))
            table.change(row, {**new, "MasterRecordId": None} if org_table.shape.mergeable else new)
            self._move(table, row, moment)
            self._note(org_table, row, "undelete", moment, before=before)
            self._tell(table, row, "created")
            for child, other in self._deleted_with.pop(row.id, []):
                if other.deleted and other.id in child.rows:
                    self.restore(child, other, moment)

    def merge(self, table: Table, row: Row, loser: Row, moment: Moment, *, fill: bool = True) -> None:
        """The loser's children go to the winner, it is deleted and names it.

        `fill`: blanks of the winner, too.
        """
        org_table = cast(OrgTable, table)
        if not org_table.shape.mergeable or row is loser:
            raise Refused("INVALID_OPERATION", f"{table.name} records cannot be merged like this", [])
        automatic = Moment(moment.stamp, moment.seen, "automation")
        with self.transaction():
            for child, name, _, other in list(self._children(table, loser)):
                self.update(child, other, {name: row.id}, automatic, cause="merge")
            values = loser.fields
            self.delete(table, loser, moment, cause="merge", master=row.id)
            blanks = {
                name: values.get(name)
                for name, field in org_table.fields.items()
                if fill
                and not field.read_only
                and row.fields.get(name) is None
                and values.get(name) is not None
            }
            self.update(table, row, blanks, moment, cause="merge")

    def _cascade(self, table: Table, row: Row, moment: Moment) -> None:
        """Children get a new SystemModstamp, and stay the same."""
        assert self._open is not None
        for child, _, _, other in list(self._children(table, row)):
            self.fired("cascade_bumps")
            self._open.keep(cast(OrgTable, child), other)
            self._move(child, other, moment)

    def archive(self, table: Table, row: Row, moment: Moment, archived: bool = True) -> None:
        """Records of this kind are not archived."""
        raise Refused("INVALID_OPERATION", f"{table.name} records cannot be archived", [])

    def purge(self, table: OrgTable, row: Row) -> None:
        """Gone for good: out of the recycle bin, without a trace."""
        self._deleted_with.pop(row.id, None)
        table.take_out(row)

    def binned(self, row: Row) -> bool:
        """Whether a deleted row is still in the recycle bin."""
        if self.quirks.no_tombstones:
            self.fired("no_tombstones")
            return False
        return row.deleted and self.clock.millis() - row.seen <= self.quirks.bin_days * DAY
