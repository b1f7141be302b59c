"""The people who work in the CRM: their edits, and the ground truth of what it holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from connectors.sandboxes.shape import Refusal
from connectors.sandboxes.table import Row, Table
from connectors.sandboxes.world import Moment, World

OPS = ("create", "update", "delete", "archive", "unarchive", "restore", "merge", "bulk")


class People:
    """Edits by hand. They pass the same checks as the API's, but no faults, and may write what it may not."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._late: dict[int, Callable[[], Row | None]] = {}
        self._last = 0

    def edit(
        self,
        object: str,
        op: str = "update",
        *,
        id: str | None = None,
        fields: Mapping[str, Any] | None = None,
        ids: Iterable[str] | None = None,
        loser: str | None = None,
        by: str = "person",
        moment: Moment | None = None,
    ) -> Row | None:
        """One edit of `OPS`, now or at a given moment; the record. `bulk`: `fields` for `ids`, or for all.

        `Refusal` where the CRM refuses it, `ValueError` for another op.
        """
        table = self.world.table(object)
        moment = moment or self.world.moment(by)
        values = dict(fields or {})
        if op == "create":
            return self.world.create(table, values, moment, id=id)
        if op == "bulk":
            for row in [table.rows[i] for i in ids] if ids is not None else list(table.rows.values()):
                if not row.deleted:
                    self.world.update(table, row, values, moment)
            return None
        return self._one(op, table, self._row(table, id), values, loser, moment)

    def _one(
        self, op: str, table: Table, row: Row, values: dict[str, Any], loser: str | None, moment: Moment
    ) -> Row:
        world = self.world
        if op == "update":
            world.update(table, row, values, moment)
        elif op == "delete":
            world.delete(table, row, moment)
        elif op in ("archive", "unarchive"):
            world.archive(table, row, moment, op == "archive")
        elif op == "restore":
            world.restore(table, row, moment)
        elif op == "merge":
            world.merge(table, row, self._row(table, loser), moment)
        else:
            raise ValueError(f"no edit {op!r}; there are: {', '.join(OPS)}")
        return row

    def _row(self, table: Table, id: str | None) -> Row:
        row = table.rows.get(str(id))
        if row is None:
            raise Refusal(404, "not_found", f"{table.name} has no record of this id")
        return row

    def begin(self, object: str, op: str = "create", **edit: Any) -> int:
        """Begin an edit that is committed by `commit`, under the stamp of now: it appears in the past."""
        moment = self.world.moment(edit.pop("by", "person"))
        self._last += 1

        def commit() -> Row | None:
            late = Moment(moment.stamp, self.world.clock.millis(), moment.by)
            self.world.fired("late_commit")
            return self.edit(object, op, moment=late, **edit)

        self._late[self._last] = commit
        return self._last

    def commit(self, number: int) -> Row | None:
        """Commit what was begun; `KeyError` for another number."""
        return self._late.pop(number)()

    def rows(self, object: str, *, deleted: bool = False) -> dict[str, Row]:
        """The truth: all records of an object that are live, or also the deleted ones."""
        rows = self.world.table(object).rows
        return {id: row for id, row in rows.items() if deleted or not row.deleted}
