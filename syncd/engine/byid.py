"""Reads by id: the trouble of one id is told apart from that of its system, and holds up nobody else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from connectors.base import CanFetchEach, Looked
from syncd.core.errors import BatchRefused, LoginNeeded, NeedsOperator, RetryLater, SchemaMoved, SyncdError
from syncd.core.nouns import Change
from syncd.engine.batch import Incoming, Note
from syncd.engine.gatekeeper import Gatekeeper
from syncd.engine.save import park_notes
from syncd.engine.world import Stream, World
from syncd.store import queues
from syncd.store.store import Tx

TRIES = 5
"""Reads of one id that fail, while others of its system do not, before a person is told."""
FIRST_WAIT = 5.0
"""Seconds until such an id is tried again; twice as many after each failure."""
PATIENCE = 30.0
"""A server that asks for a longer wait than this, in seconds, means all of its callers."""
KEPT = timedelta(days=1)
"""How long what waits for such an id waits after a person was told."""
PROBES = 3

_KNOWN = """
select remote_id from links where stream = $1 and state = 'live' and not remote_id = any($2::text[])
order by evidence desc limit $3"""

Failure = BatchRefused | NeedsOperator | RetryLater


class ById:
    """Reads ids of one stream; where it serves a `sweep`, it waits as long as the quota is for others."""

    def __init__(self, world: World, stream: Stream, keeper: Gatekeeper, *, sweep: bool = False) -> None:
        self.world, self.stream, self.keeper, self._sweep = world, stream, keeper, sweep
        self._sound = False

    async def look(self, ids: Sequence[str]) -> Looked:
        """What can be said of each. Raises what the system's own trouble is.

        A read that fails whole is halved, as soon as another read shows that the system works.
        """
        self._sound = False
        return await self._look(list(ids))

    async def look_all(self, ids: Sequence[str]) -> Looked:
        """The same, and what there was no time for is asked again until there was."""
        changes: list[Change] = []
        failed: dict[str, str] = {}
        left = list(ids)
        while left:
            looked = await self.look(left)
            changes += looked.changes
            failed |= looked.failed
            left = [remote_id for remote_id in left if remote_id in looked.unasked]
        return Looked(changes, failed)

    async def _look(self, ids: list[str]) -> Looked:
        try:
            return await self._asked(ids, suspect=True)
        except (BatchRefused, NeedsOperator, RetryLater) as error:
            if _is_the_systems(error):
                raise
            await self._make_sure(ids, error)
            if len(ids) == 1:
                return Looked((), {ids[0]: str(error)})
        middle = len(ids) // 2
        first, last = await self._look(ids[:middle]), await self._look(ids[middle:])
        unasked = [*first.unasked, *last.unasked]
        return Looked([*first.changes, *last.changes], {**first.failed, **last.failed}, unasked)

    async def _asked(self, ids: list[str], *, suspect: bool) -> Looked:
        connector, name = self.stream.fetcher, self.stream.object
        assert connector is not None

        async def read() -> Looked:
            if isinstance(connector, CanFetchEach):
                return await connector.fetch_each(name, ids)
            return Looked(await connector.fetch(name, ids))

        self.world.counters[self.stream.id].calls += 1
        return await self.keeper.call(read, about=self.stream.object, suspect=suspect, sweep=self._sweep)

    async def _make_sure(self, ids: list[str], error: Failure) -> None:
        """Whether records can be read that were read before; else it is the system that fails."""
        if self._sound:
            return
        async with self.world.store.read() as con:
            rows = await con.fetch(_KNOWN, self.stream.id, ids, PROBES)
        if not rows and self.keeper.troubled(self.stream.object):
            raise error
        for left, row in reversed(list(enumerate(reversed(rows)))):
            try:
                await self._asked([row["remote_id"]], suspect=left > 0)
                break
            except (BatchRefused, NeedsOperator, RetryLater):
                if left == 0:
                    raise
        self._sound = True

    async def set_aside(self, tx: Tx, failed: dict[str, tuple[str, list[Any]]]) -> None:
        """Try ids again later, (why, inbox rows) each; after some tries tell a person, and hold nobody up.

        Rows that ask for nothing but the read go then; what others hold is kept, and looked at each day.
        """
        world, now, notes = self.world, self.world.clock.now(), []
        for remote_id, (why, rows) in failed.items():
            place = (self.stream.id, remote_id)
            tries = world.unread.get(place, 0) + 1
            later = now + timedelta(seconds=FIRST_WAIT * 2 ** (tries - 1))
            if tries >= TRIES:
                notes.append(self._note(remote_id, why))
                plain = [row["seq"] for row in rows if row["reason"] == "fetch" and row["suspects"] is None]
                await queues.drop_inbox(tx, plain)
                later = now + KEPT
            await queues.put_off_inbox(tx, [row["seq"] for row in rows], later)
            tx.after_commit(self._counted(place, tries))
        await park_notes(tx, world, self.stream.id, notes)

    def _counted(self, place: tuple[int, str], tries: int) -> Any:
        def count() -> None:
            self.world.unread[place] = tries
            if tries >= TRIES:  # whoever names it from now on has it read again
                del self.world.unread[place]
                self.world.given_up.add(place)
                self.world.refetch.pop(place, None)
                self.world.hints.pop(place, None)

        return count

    def _note(self, remote_id: str, why: str) -> Note:
        message = (
            f"{self.stream.system} failed {TRIES} times to give this record by its id, and gives others: "
            f"{why}; look at it there, then `syncd parked retry` reads it again"
        )
        return Note("unreadable", message, remote_id)


async def shown_after_all(tx: Tx, world: World, stream: Stream, items: Sequence[Incoming]) -> None:
    """Records that could not be read by their id are told again: what waits for them is taken up."""
    shown = {i.change.remote_id for i in items if (stream.id, i.change.remote_id) in world.given_up}
    if not shown:
        return
    await queues.unpark_reads(tx, stream.id, shown, fields=False)
    for remote_id in shown:
        await queues.take_up_inbox(tx, stream.id, remote_id)
    tx.after_commit(lambda: world.given_up.difference_update((stream.id, one) for one in shown))
    tx.after_commit(lambda: world.bells.ring_inbox(stream.id))


def _is_the_systems(error: SyncdError) -> bool:
    """Whether an error cannot be the fault of the ids that were asked for."""
    if isinstance(error, LoginNeeded | SchemaMoved):
        return True
    return isinstance(error, RetryLater) and (error.uncertain or (error.after or 0.0) > PATIENCE)
