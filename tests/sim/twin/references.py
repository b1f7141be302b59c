"""The judge of references: what somebody said once, and nobody else touched, stands in every system.

It looks only at firms and people, hardly at the store: at those that are there once in each system, take part
in all of them, and were never deleted or merged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tests.sim.twin import worlds
from tests.sim.twin.acts import POINTS
from tests.sim.twin.shape import number_of

if TYPE_CHECKING:
    from tests.sim.twin.judge import Bench

Who = tuple[str, int]
NOBODY = -1
"""The number of who is gone: 0 is a firm's."""


class References:
    """Those of one run."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.people = bench, bench.run.people
        self.copies: defaultdict[tuple[str, Who], list[str]] = defaultdict(list)
        for (system, object), rows in bench.rows.items():
            for remote_id, row in rows.items():
                self.copies[system, (object, number_of(object, row))].append(remote_id)

    def broken(self) -> Iterator[str]:
        """I3: a reference that was said once is not what was said."""
        for (who, field), targets in self._said().items():
            if len(targets) == 1 and self._plain(who) and self._plain(targets[0]):
                self.bench.run.outcome.happened["reference said once"] += 1
                for system in self.bench.crms:
                    yield from self._one(system, who, field, targets[0])

    def _said(self) -> dict[tuple[Who, str], list[Who]]:
        """Whom people pointed to, from whom and with which field; in the order of their saying."""
        said: defaultdict[tuple[Who, str], list[Who]] = defaultdict(list)
        for system, crm in self.bench.crms.items():
            for touch in crm.touches:
                for field, target in POINTS.get(touch.object, {}).items():
                    if touch.by == "person" and field in touch.after:
                        who = self._who(system, touch.object, touch.id)
                        said[who, field].append(self._who(system, target, str(touch.after[field])))
                    elif (
                        touch.after.get(field) and touch.before.get(field) is None and touch.what == "update"
                    ):
                        self.bench.run.outcome.happened["reference attached later"] += 1
        return said

    def _who(self, system: str, object: str, remote_id: str) -> Who:
        """Who a record is."""
        row = self.bench.rows[system, object].get(remote_id)
        return object, NOBODY if row is None else number_of(object, row)

    def _plain(self, who: Who) -> bool:
        return who not in self.people.gone and all(
            len(self.copies[name, who]) == 1 and worlds.takes_part(crm.plan, who[0], self._row(name, who))
            for name, crm in self.bench.crms.items()
        )

    def _row(self, system: str, who: Who) -> Any:
        return self.bench.rows[system, who[0]][self.copies[system, who][0]]

    def _one(self, system: str, who: Who, field: str, target: Who) -> Iterator[str]:
        held, meant = self._row(system, who).get(field), self.copies[system, target][0]
        link = self.bench.facts.of_row.get((system, who[0], self.copies[system, who][0]))
        listed = link is None or self.bench.facts.named(self.bench.facts.now(link["record_id"]))
        if held != meant and not listed:
            yield f"I3 reference: {who} in {system}: {field} is {held!r}, not {meant!r} of {target}"
