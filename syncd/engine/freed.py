"""Creates that were refused for a record that stood in their way, once that one is gone by our own delete."""

from __future__ import annotations

from collections.abc import Sequence

from syncd.engine.world import World
from syncd.store import queues
from syncd.store.store import Tx

_FREED = """
with listed as (
    delete from parked where stream = $1 and remote_id = any($2::text[])
    and code = 'merge_candidate' and direction = 'out' and record_id is not null returning record_id, at
)
select record_id, bool_or(counted) as counted from (
    select record_id, at > now() - make_interval(secs => $3) as counted from listed
    union all select (suspects->>'record')::bigint, true from inbox
    where stream = $1 and remote_id = any($2::text[]) and reason = 'exists'
) as either group by record_id order by record_id"""

_BURY = """
delete from links l where l.stream = $1 and l.remote_id = any($2::text[]) and l.state = 'gone'
and exists (select from records r where r.record_id = l.record_id and r.deleted)"""


async def bury(tx: Tx, stream: int, ids: Sequence[str]) -> None:
    """Forget that these ids were deleted records'; one that is made of fields can be given anew."""
    await tx.execute(_BURY, stream, list(ids))


async def freed(tx: Tx, world: World, stream: int, gone: Sequence[str]) -> None:
    """Queue the copies that can be made now; what was listed of them is listed no more.

    A role that is deleted and entered again is such a one where a record's id is made of its fields: its
    create comes first, and meets the old one. So is whoever takes over a unique value.

    The create passed its brake before it was refused, and made nothing. Where that was within the brake's
    window it is counted there already; later, while a delete waits for a person, it counts when it is made.
    """
    if not gone:
        return
    brake = world.kind_of(world.streams[stream]).settings.brakes.create
    window = brake.per if brake is not None else 0.0
    rows = await tx.fetch(_FREED, stream, list(gone), window)
    for counted in (True, False):
        copies = [(stream, row["record_id"]) for row in rows if row["counted"] is counted]
        await queues.add_outbox(tx, world.store, copies, approved="create" if counted else None)
    if rows:
        tx.after_commit(lambda: world.bells.ring_push([stream]))
