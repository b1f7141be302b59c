"""Reconcile: scan every system, compare every copy with its record, both ways, and list what differs.

It reads only, and may run beside the daemon: what differs is looked at twice, so that a change on its way is
not taken for a difference. Repairs are asked of the daemon: its sweep brings them in by the one door.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from syncd.engine.build import in_order
from syncd.engine.gatekeeper import Gatekeeper
from syncd.engine.paircheck import PairCheck
from syncd.engine.report import Difference, Pair, Report
from syncd.engine.world import Stream, World
from syncd.store.intents import ask
from syncd.store.store import Store

Progress = Callable[[str, str, int], None]
"""Called with kind, system and the number of remote records looked at so far."""

ASLEEP = "it cannot be used now; `syncd check` says why"

_WAITING = """
select (select count(*) from conflicts where state = 'open') as conflicts,
  (select count(*) from parked) as parked, (select count(*) from brakes where ended is null) as brakes,
  (select count(*) from outbox) as outbox, (select count(*) from inbox) as inbox"""


class Reconciler:
    """Compares everything. `limit` bounds the differences that are kept; all are counted."""

    def __init__(
        self,
        world: World,
        keepers: Mapping[str, Gatekeeper],
        *,
        limit: int = 10_000,
        progress: Progress | None = None,
    ) -> None:
        self.world, self.keepers, self.limit = world, keepers, limit
        self._progress = progress or _silent

    async def run(self, kinds: Collection[str] | None = None) -> Report:
        """Compare all kinds, or those named.

        Raises what a connector raises: an incomplete scan tells nothing, so there is no report of it.
        """
        report = Report(self.world.clock.now(), self.world.clock.now())
        kept: list[Difference] = []
        wanted = [k for k in in_order(self.world.kinds) if kinds is None or k.name in kinds]
        pairs = [await self._pair(stream, kept) for kind in wanted for stream in kind.streams]
        async with self.world.store.plain() as con:
            report.waiting = dict(await con.fetchrow(_WAITING))
        report.pairs, report.differences = pairs, kept
        report.ended = self.world.clock.now()
        return report

    async def _pair(self, stream: Stream, kept: list[Difference]) -> Pair:
        def keep(found: Difference) -> None:
            if len(kept) < self.limit:
                kept.append(found)

        if stream.id in self.world.asleep:
            return Pair(stream.kind, stream.system, stream.object, why_not=ASLEEP)
        check = PairCheck(self.world, stream, self.keepers[stream.system], keep)
        return await check.run(lambda seen: self._progress(stream.kind, stream.system, seen))


async def ask_for_sweeps(store: Store, report: Report) -> list[int]:
    """Ask the daemon to sweep every system in which something differs; returns the requests' numbers."""
    systems = sorted({pair.system for pair in report.pairs if sum(pair.reasons.values()) > pair.open})
    return [await ask(store, "sweep", {"system": system}) for system in systems]


def _silent(kind: str, system: str, seen: int) -> None:
    """Nobody watches."""
