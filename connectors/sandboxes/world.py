"""A small CRM in memory: objects that refer to each other, written by the API, by people and by rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.sandboxes.clock import MovableClock
from connectors.sandboxes.faults import Plan
from connectors.sandboxes.quirks import Fired, Quirks
from connectors.sandboxes.shape import ObjectShape, Refusal
from connectors.sandboxes.table import Row, Table
from connectors.sandboxes.values import make_check

Fields = dict[str, Any]
Listener = Callable[[Table, Row, str], None]
"""Called after a commit with the op: created, updated or deleted."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When and by whom: `stamp` is what records show, `seen` when it is committed; both in ms."""

    stamp: int
    seen: int
    by: str


class World:
    """All tables. A write checks everything first, then cannot fail."""

    def __init__(
        self, objects: Mapping[str, ObjectShape], quirks: Quirks, clock: MovableClock, faults: Plan
    ) -> None:
        self.quirks, self.clock, self.faults = quirks, clock, faults
        self.fired = Fired()
        self.listeners: list[Listener] = []
        self.tables: dict[str, Table] = {}
        self._writes = 0
        for name, shape in objects.items():
            self.declare(name, shape)

    def declare(self, name: str, shape: ObjectShape) -> Table:
        """A new object, or another shape for one that is there."""
        table = self.tables.get(name)
        if table is None:
            table = self.tables[name] = self.new_table(name, shape)
        else:
            table.reshape(shape)
        self.refresh()
        return table

    def new_table(self, name: str, shape: ObjectShape) -> Table:
        """An empty table; a vendor's may be of its own class."""
        return Table(name, shape)

    def refresh(self) -> None:
        """Take changed quirks and shapes to heart."""
        self._inbound: dict[str, list[tuple[Table, str, str]]] = {}
        for table in self.tables.values():
            table.plain, table.checks = {}, {}
            for name, field in table.shape.fields.items():
                more = [
                    rule
                    for key, rules in self.quirks.normalise.items()
                    if key in (name, f"{table.name}.{name}")
                    for rule in rules
                ]
                table.checks[name] = make_check(
                    name, field, (*field.normalise, *more), lambda: self.fired("normalise")
                )
                if field.plain and not more:  # the short cut of the hot path: any text up to a length
                    table.plain[name] = field.length or 1 << 30
                if field.references:
                    self._inbound.setdefault(field.references, []).append((table, name, field.on_delete))
        self.silent = bool(self.quirks.silent_fields)

    def table(self, name: str) -> Table:
        """By name; `Refusal` 404."""
        table = self.tables.get(name)
        if table is None:
            raise Refusal(404, "no_object", f"there is no object {name[:60]!r}")
        return table

    def moment(self, by: str = "api") -> Moment:
        """Now, as this CRM's stamps tell it."""
        now, quirks = self.clock.millis(), self.quirks
        stamp = now + int(quirks.clock_skew * 1000)
        self._writes += 1
        if quirks.late_stamps and self._writes % 3 == 0:
            self.fired("late_stamps")
            stamp -= int(quirks.late_stamps * 1000)
        if quirks.stamp_resolution:
            whole = int(quirks.stamp_resolution * 1000)
            if stamp % whole:
                self.fired("stamp_resolution")
            stamp -= stamp % whole
        return Moment(stamp, now, by)

    def find(self, table: Table, id: str) -> Row | None:
        """The row, live or deleted, unless the account may not see it."""
        row = table.rows.get(id)
        return None if row is None or self.hides(table, row) else row

    def hides(self, table: Table, row: Row) -> bool:
        """Whether the account may not see it."""
        hidden = self.quirks.hidden
        if hidden and (row.id in hidden or f"{table.name}/{row.id}" in hidden):
            self.fired("hidden")
            return True
        return False

    # writes ------------------------------------------------------------------------------------------------

    def vet(self, table: Table, fields: Fields, row: Row | None = None, *, by: str = "api") -> Fields:
        """What would be stored; `Refusal` where it cannot be."""
        lenient = self.quirks.ignore_unknown
        made = table.stored(fields, lenient=lenient, forced=by != "api")
        if lenient and len(made) < len(fields):
            self.fired("ignore_unknown")
        table.check_unique(row, made)
        if row is None and table.required:
            table.check_required({**table.blank, **made})
        for name, target in table.refs.items():
            value = made.get(name)
            if value is not None and not self._is_there(target, value):
                raise Refusal(422, "bad_reference", f"{name} names no record of {target}", name)
        return made

    def _is_there(self, target: str, id: str) -> bool:
        table = self.tables.get(target)
        row = table.rows.get(id) if table is not None else None
        return row is not None and not row.deleted

    def create(self, table: Table, fields: Fields, moment: Moment, *, id: str | None = None) -> Row:
        """A new record."""
        made = self.vet(table, fields, by=moment.by)
        full = {**table.blank, **made}
        row = table.add(id or table.new_id(), full, moment.stamp, moment.by, moment.seen)
        self._tell(table, row, "created")
        if moment.by == "api" and self.quirks.automations:
            self._automate(table, row, made, moment)
        return row

    def update(
        self, table: Table, row: Row, fields: Fields, moment: Moment, *, base: Fields | None = None
    ) -> bool:
        """Change a record; whether anything moved. `base` is the record as a rewriting server read it."""
        made = self.vet(table, fields, row, by=moment.by)
        if base is not None:
            self.fired("rewrite_rows")
        new = {**(row.fields if base is None else base), **made}
        changed = [name for name, value in new.items() if row.fields.get(name) != value]
        if not changed:
            if not self.quirks.noop_bumps:
                return False
            self.fired("noop_bumps")
        silent = (
            self.silent
            and changed
            and all(self.quirks.names(self.quirks.silent_fields, table.name, name) for name in changed)
        )
        table.change(row, new)
        if silent:
            self.fired("silent_fields")
            return True
        self._move(table, row, moment)
        self._tell(table, row, "updated")
        if self.quirks.cascade_bumps:
            self._cascade(table, row, moment)
        if moment.by == "api" and self.quirks.automations:
            self._automate(table, row, made, moment)
        return True

    def delete(self, table: Table, row: Row, moment: Moment) -> None:
        """Delete a record; those that refer to it are emptied, go along, or forbid it."""
        children = list(self._children(table, row))
        if any(rule == "restrict" for _, _, rule, _ in children):
            raise Refusal(422, "referenced", "other records refer to this one")
        for child, name, rule, other in children:
            if rule == "cascade":
                self.delete(child, other, moment)
            elif not other.deleted:
                self.update(child, other, {name: None}, Moment(moment.stamp, moment.seen, "automation"))
        table.drop(row)
        self._move(table, row, moment)
        self._tell(table, row, "deleted")

    def restore(self, table: Table, row: Row, moment: Moment) -> None:
        """Bring a deleted record back."""
        table.check_unique(row, row.fields)
        table.drop(row, deleted=False)
        self._move(table, row, moment)
        self._tell(table, row, "created")

    def archive(self, table: Table, row: Row, moment: Moment, archived: bool = True) -> None:
        """Put a record aside, or take it back."""
        if row.archived != archived:
            row.archived = archived
            self._move(table, row, moment)
            self._tell(table, row, "updated")

    def merge(self, table: Table, row: Row, loser: Row, moment: Moment) -> None:
        """Two records become one: the loser's children go to the winner, then it is deleted."""
        for child, name, _, other in list(self._children(table, loser)):
            self.update(child, other, {name: row.id}, Moment(moment.stamp, moment.seen, "automation"))
        blanks = {
            n: v for n, v in loser.fields.items() if row.fields.get(n) is None and n not in table.unique
        }
        self.delete(table, loser, moment)
        self.update(table, row, blanks, moment)

    def _children(self, table: Table, row: Row) -> Iterable[tuple[Table, str, str, Row]]:
        for child, name, rule in self._inbound.get(table.name, ()):
            for other in list(child.children[name].get(row.id, {}).values()):
                yield child, name, rule, other

    def _move(self, table: Table, row: Row, moment: Moment) -> None:
        table.move(row, moment.stamp, moment.by, moment.seen)

    def _cascade(self, table: Table, row: Row, moment: Moment) -> None:
        for child, _, _, other in self._children(table, row):
            self.fired("cascade_bumps")
            self._move(child, other, moment)
            self._tell(child, other, "updated")

    def _automate(self, table: Table, row: Row, made: Fields, moment: Moment) -> None:
        for rule in self.quirks.automations:
            if rule.object == table.name and rule.when in made:
                self.fired("automations")
                self.update(table, row, rule.set, Moment(moment.stamp, moment.seen, "automation"))

    def _tell(self, table: Table, row: Row, op: str) -> None:
        for listener in self.listeners:
            listener(table, row, op)

    def live(self, table: Table, rows: Iterable[Row], deleted: bool = False) -> Iterator[Row]:
        """Those of the rows that a list shows: not hidden, not archived away; not deleted, unless wanted."""
        hidden, away = self.quirks.hidden, self.quirks.archived_hidden
        for row in rows:
            if (row.deleted and not deleted) or (hidden and self.hides(table, row)):
                continue
            if row.archived and away and not row.deleted:
                self.fired("archived_hidden")
                continue
            yield row
