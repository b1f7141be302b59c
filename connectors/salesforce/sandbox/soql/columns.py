"""Fields by path, as the user sees them: `Account.Owner.Email` from a contact is a way over two parents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from connectors.salesforce.sandbox.fields import OrgField
from connectors.salesforce.sandbox.refusals import Refused
from connectors.salesforce.sandbox.soql.lex import at
from connectors.salesforce.sandbox.soql.tree import Path
from connectors.salesforce.sandbox.soql.wrong import no_column, no_way
from connectors.salesforce.sandbox.table import OrgTable
from connectors.sandboxes.table import Row

if TYPE_CHECKING:
    from connectors.salesforce.sandbox.org import Org

DEEPEST = 5


@dataclass(frozen=True, slots=True)
class Step:
    """From a row to its parent: the name of the way, and the objects that it may lead to."""

    name: str
    go: Callable[[Row], tuple[OrgTable, Row] | None]


@dataclass(frozen=True, slots=True)
class Column:
    """A field at the end of a way; `read` takes a row of the object that the query is from."""

    name: str
    field: OrgField
    table: OrgTable
    steps: tuple[Step, ...]
    read: Callable[[Row], Any]


class Columns:
    """The fields of one query's object."""

    def __init__(self, org: Org, table: OrgTable, text: str, alias: str = "") -> None:
        self.org, self.table, self.text, self.alias = org, table, text, alias

    def column(self, path: Path) -> Column:
        """The field at a path; `Refused` INVALID_FIELD."""
        words, table, steps = list(path.words), self.table, list[Step]()
        if len(words) > 1 and words[0].lower() in (self.alias.lower(), table.name.lower()) and words[0]:
            words.pop(0)
        if len(words) > DEEPEST + 1:
            raise self._refused(path, "cannot navigate more than 5 parent relationships")
        for word in words[:-1]:
            step, table = self._step(table, word, path)
            steps.append(step)
        name = table.named(words[-1])
        if name is None or not self.org.sees(table, name):
            raise no_column(self.text, path.place, words[-1], table.name)
        return Column(name, table.fields[name], table, tuple(steps), self._reader(steps, table, name))

    def plain(self, name: str) -> Column:
        """A field of the object itself, by its own name."""
        table = self.table
        return Column(name, table.fields[name], table, (), self.org.getter(table, name))

    def _step(self, table: OrgTable, word: str, path: Path) -> tuple[Step, OrgTable]:
        field = table.relations.get(word.lower())
        if field is None or not self.org.sees(table, field):
            raise no_way(self.text, path.place, word)
        told = table.fields[field]
        targets = [
            self.org.org_table(name) for name in (told.references, *told.also) if name in self.org.tables
        ]

        def go(row: Row) -> tuple[OrgTable, Row] | None:
            id = row.fields.get(field)
            found = ((target, target.rows[id]) for target in targets if id in target.rows)
            return next(found, None)

        return Step(told.relationship, go), targets[0]

    def _reader(self, steps: list[Step], table: OrgTable, name: str) -> Callable[[Row], Any]:
        if not steps:
            return self.org.getter(table, name)

        def read(row: Row) -> Any:
            there, parent = self.table, row
            for step in steps:
                found = step.go(parent)
                if found is None:
                    return None
                there, parent = found
            return self.org.getter(there, name)(parent) if name in there.fields else None

        return read

    def _refused(self, path: Path, said: str) -> Refused:
        return Refused("INVALID_FIELD", at(self.text, path.place, said))
