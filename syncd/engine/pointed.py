"""A reference that a remote refuses: its target is looked at before the refusal is believed.

A parent that was deleted a moment ago is still linked here. Read by its id it turns out to be gone, by the
one door; then its reference is blocked like any that has no target, so the rest of the record is written, and
the reference follows when the parent is back. A target that is there after all makes the refusal one like any
other: it is parked, and nothing is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from syncd.core.nouns import Rejected
from syncd.engine.batch import Hold
from syncd.engine.save import hold
from syncd.engine.world import Pointed, Stream, World
from syncd.store.store import Tx

if TYPE_CHECKING:
    from syncd.engine.owed import Todo

_LINKED = """
select stream, remote_id from links
where remote_id = any($1::text[]) and stream = any($2::smallint[]) and state = 'live'"""


def refused_reference(world: World, stream: Stream, todo: Todo, result: Rejected) -> Pointed | None:
    """The reference to look at for a refusal; None for what is none, or was looked at since."""
    name = result.field
    value = todo.due.fields.get(name) if name is not None else None
    if name is None or not isinstance(value, str | int) or name not in stream.refs:
        return None
    targets = stream.targets.get(stream.refs[name], ())
    found = Pointed(name, str(value), tuple(target.id for target in targets if target.fetcher is not None))
    known = world.pointed.get((stream.id, todo.record.record_id))
    return found if found.streams and found != known else None


def must_wait(world: World, stream: int, record: int) -> bool:
    """Whether a record's target is still to be looked at."""
    pointed = world.pointed.get((stream, record))
    return pointed is not None and any((n, pointed.target) in world.refetch for n in pointed.streams)


def waiting_for(world: World, stream: int) -> set[int]:
    """The streams of records that wait for a look at a target in `stream`."""
    return {waits for (waits, _), pointed in world.pointed.items() if stream in pointed.streams}


async def look_at_targets(tx: Tx, world: World, doubted: Mapping[tuple[int, int], Pointed]) -> None:
    """Have the targets of refused references, by (stream, record id), read by their ids."""
    if not doubted:
        return
    ids = sorted({pointed.target for pointed in doubted.values()})
    streams = sorted({stream for pointed in doubted.values() for stream in pointed.streams})
    tx.after_commit(lambda: _wait(world, doubted))
    for row in await tx.fetch(_LINKED, ids, streams):
        await hold(tx, world, row["stream"], 0, [Hold(row["remote_id"], "fetch", None)])


def _wait(world: World, doubted: Mapping[tuple[int, int], Pointed]) -> None:
    """Without a link to look at, its reference is not even said again: it is planned anew at once."""
    world.pointed.update(doubted)
    world.bells.ring_push(sorted({stream for stream, _ in doubted}))
