"""Children that go with a parent that we delete: foreseen, and spread nothing (DESIGN §1a, cascades)."""

from __future__ import annotations

from collections.abc import Sequence

from conflict.deletes import may_be_ours
from syncd.core.nouns import LinkState
from syncd.core.state import Link
from syncd.engine.batch import Batch, Incoming, Known
from syncd.engine.reading import read_remote
from syncd.engine.world import Stream, World
from syncd.store.rows import load_links
from syncd.store.store import Conn

_ALONG = """
select count(*) from links where stream = $1 and layout = $2 and state = 'live'
and exists (select from unnest($3::int[]) place where shadow->>place = any($4::text[]))"""


async def taken_along(con: Conn, world: World, stream: Stream, ids: Sequence[str]) -> dict[int, int]:
    """How many live copies the system may delete along with these of a stream, by their stream.

    By what the copies were last seen to refer to; a reference that does not cascade counts, too, where
    another one of the same object does.
    """
    found: dict[int, int] = {}
    for child in world.streams.values():
        goes = child.object in stream.can.cascades.get(stream.object, ())
        if not ids or not goes or child.system != stream.system:
            continue
        refs = world.kind_of(child).refs.items()
        names = {name for name, kind in refs if stream in child.targets.get(kind, ())}
        fields = [n for e in child.map.entries if names & set(e.canon) for n in e.remote]
        places = [child.names.fields.index(n) for n in fields if n in child.names.fields]
        number = await con.fetchval(_ALONG, child.id, child.names.layout, places, list(ids))
        if number:
            found[child.id] = int(number)
    return found


async def mark_cascades(con: Conn, world: World, batch: Batch, deletes: Sequence[Incoming]) -> None:
    """Find the deletes that follow from a delete of ours: those whose parent we deleted in this system.

    A child goes with the parent that its copy there referred to, whatever our record refers to by now.
    """
    stream = batch.stream
    parents = [
        (name, target)
        for name, kind in world.kind_of(stream).refs.items()
        for target in stream.targets.get(kind, ())
        if stream.object in target.can.cascades.get(target.object, ())
    ]
    for name, target in parents:
        children = {
            item.change.remote_id: _parents(batch, known, name)
            for item in deletes
            if (known := batch.known.get(item.change.remote_id)) is not None
        }
        wanted = sorted(set().union(*children.values()))
        links = await load_links(con, target.names, wanted)
        ours = {record for record, link in links.items() if _deleted_by_us(link)}
        ours |= {record for stream_id, record in world.flying if stream_id == target.id}
        batch.cascaded |= {remote for remote, parents in children.items() if parents & ours}


def _deleted_by_us(link: Link) -> bool:
    """Also by a delete that nobody answered: its children may be seen to be gone before it is."""
    return (link.state is LinkState.GONE and link.gone_by == "us") or may_be_ours(link)


def _parents(batch: Batch, known: Known, name: str) -> set[int]:
    """Our records that a child's copy refers to, by what it last showed and by what our record says."""
    shown = {} if known.link is None else known.link.shadow
    entries = [entry for entry in batch.stream.map.entries if name in entry.canon]
    refers = (read_remote(entries, shown, batch.refs).values, batch.records[known.record_id].fields)
    return {fields[name] for fields in refers if fields.get(name) is not None}
