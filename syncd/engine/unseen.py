"""Edits that a write of ours went over unseen, found in the history that the remote keeps of its fields.

Where a remote offers no compare-and-set, an edit may fall between our guard read and our write. The write is
remembered in its own settlement; a while later the histories of many records are read at once, and what stood
there just before our write, and was not what the guard read had shown, is listed as overwritten.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson
from loguru import logger

from conflict.past import Wrote, lost, unseen
from syncd.core.errors import BatchRefused, NeedsOperator
from syncd.core.nouns import Clash, Fields, Past
from syncd.core.state import Link, Record
from syncd.engine.gatekeeper import Gatekeeper
from syncd.engine.world import Stream, World
from syncd.store import queues
from syncd.store.looks import Row, drop_looks, listed_values, waiting_looks
from syncd.store.rows import load_links, load_records
from syncd.store.store import Tx

if TYPE_CHECKING:
    from syncd.engine.owed import Todo

EVERY = 60.0
"""Seconds between two looks: many writes share a call."""
SETTLED = 5.0
"""Seconds after a write from which on its history is believed to show it."""
AT_ONCE = 500


def look_for(stream: Stream, todo: Todo, after: Fields, version: str | None) -> list[Row]:
    """What to remember of an update: nothing where the remote keeps no history, or its write was compared."""
    link = todo.link
    if stream.historian is None or link is None:
        return []
    known = [name for name in todo.due.fields if name in link.shadow and name not in link.unsure]
    fields = {name: [link.shadow[name], after[name]] for name in known if name in after}
    body = {"since": link.remote_version, "until": version, "fields": fields}
    return [(stream.id, link.remote_id, link.record_id, body)] if fields else []


class Historian:
    """Looks back at the writes to one stream. `settled` in seconds."""

    def __init__(self, world: World, stream: Stream, keeper: Gatekeeper, *, settled: float = SETTLED) -> None:
        self.world, self.stream, self.keeper, self.settled = world, stream, keeper, settled
        self._told = ""

    async def work(self) -> int:
        """Look at all that waits; returns the number of edits that were found. Raises `RetryLater`."""
        found = 0
        while looks := await self._waiting():
            size = self.stream.can.history_batch
            by_id: dict[str, list[Any]] = defaultdict(list)
            for look in looks:
                by_id[look["remote_id"]].append(look)
            ids = list(by_id)
            for start in range(0, len(ids), size):
                some = {id: by_id[id] for id in ids[start : start + size]}
                told = await self._asked(some)
                if told is None:
                    return found
                found += await self._judge(some, told)
            if len(looks) < AT_ONCE:
                break
        return found

    async def wait(self) -> None:
        """Until the next look."""
        await self.world.clock.sleep(EVERY)

    async def _waiting(self) -> list[Any]:
        async with self.world.store.read() as con:
            return await waiting_looks(con, self.stream.id, self.settled, AT_ONCE)

    async def _asked(
        self, looks: Mapping[str, Sequence[Any]]
    ) -> Mapping[str, Mapping[str, Sequence[Past]]] | None:
        """The histories; None where we may not look: it is tried again until the row is pruned."""
        stream, historian = self.stream, self.stream.historian
        wanted = {id: {n for look in of for n in _body(look)["fields"]} for id, of in looks.items()}
        if historian is None:
            return {}
        try:
            return await self.keeper.call(
                lambda: historian.field_history(stream.object, wanted),
                about=stream.object,
                sweep=True,
                suspect=True,
            )
        except (BatchRefused, NeedsOperator) as error:
            if str(error) != self._told:
                self._told = str(error)
                logger.warning("{}: no history to find overwritten edits in: {}", stream.label, error)
            return None

    async def _judge(
        self, looks: Mapping[str, Sequence[Any]], told: Mapping[str, Mapping[str, Sequence[Past]]]
    ) -> int:
        rows = [look for of in looks.values() for look in of]
        async with self.world.store.write(numbers=10 * len(rows) + 100) as tx:
            records = await load_records(tx, {row["record_id"] for row in rows})
            links = await load_links(tx, self.stream.names, records)
            clashes = [
                (number, clash)
                for id, of in looks.items()
                for number, clash in self._found(of, told.get(id, {}), records, links)
            ]
            fresh = await self._fresh(tx, clashes)
            await queues.note_clashes(tx, self.world.store, self.world.config, fresh)
            await drop_looks(tx, [row["look"] for row in rows])
        return len(fresh)

    def _found(
        self,
        looks: Sequence[Any],
        told: Mapping[str, Sequence[Past]],
        records: Mapping[int, Record],
        links: Mapping[int, Link],
    ) -> Iterable[tuple[int, Clash]]:
        """What the writes to one remote record went over."""
        number = looks[-1]["record_id"]
        record, link = records.get(number), links.get(number)
        if record is None or link is None:
            return
        found = {}
        for name, history in told.items():
            writes = [write for look in looks for write in self._writes(_body(look), name)]
            if over := unseen(history, writes, self.stream.can.clock_skew):
                found[name] = over
        for clash in lost(record, self.stream.system, found, link.shadow, self.stream.map):
            yield number, clash

    def _writes(self, body: Mapping[str, Any], name: str) -> Iterable[Wrote]:
        """What a look says of one field."""
        if name in body["fields"]:
            before, after = body["fields"][name]
            yield Wrote(before, after, self._moment(body["since"]), self._moment(body["until"]))

    def _moment(self, version: str | None) -> float | None:
        historian = self.stream.historian
        return None if version is None or historian is None else historian.moment(version)

    async def _fresh(self, tx: Tx, clashes: Sequence[tuple[int, Clash]]) -> list[tuple[int, Clash]]:
        """Those that were not listed already, for a read showed the edit while our write was under way."""
        if not clashes:
            return []
        listed = await listed_values(tx, {number for number, _ in clashes})
        return [
            (number, clash)
            for number, clash in clashes
            if clash.candidates[1].value not in listed.get((number, clash.field), ())
        ]


def _body(look: Any) -> dict[str, Any]:
    body: dict[str, Any] = orjson.loads(look["body"])
    return body
