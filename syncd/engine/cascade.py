"""Children that vanish because we deleted their parent spread nothing (DESIGN §1a, cascades)."""

from __future__ import annotations

from collections.abc import Sequence

from syncd.engine.batch import Batch, Incoming
from syncd.engine.world import World
from syncd.store.store import Conn

_DELETED_BY_US = """
select record_id from links
where record_id = any($1::bigint[]) and stream = $2 and state = 'gone' and gone_by = 'us'"""


async def mark_cascades(con: Conn, world: World, batch: Batch, deletes: Sequence[Incoming]) -> None:
    """Find the deletes that follow from a delete of ours: those whose parent we deleted in this system."""
    stream = batch.stream
    parents = [
        (name, target)
        for name, kind in world.kind_of(stream).refs.items()
        if (target := world.sibling(stream, kind)) is not None
        and stream.object in target.can.cascades.get(target.object, ())
    ]
    for name, target in parents:
        children = {
            item.change.remote_id: batch.records[known.record_id].fields.get(name)
            for item in deletes
            if (known := batch.known.get(item.change.remote_id)) is not None
        }
        wanted = [record for record in children.values() if record is not None]
        rows = await con.fetch(_DELETED_BY_US, wanted, target.id) if wanted else []
        ours = {row["record_id"] for row in rows}
        ours |= {record for stream_id, record in world.flying if stream_id == target.id}
        batch.cascaded |= {remote for remote, parent in children.items() if parent in ours}
