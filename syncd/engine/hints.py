"""Hints of webhooks: ids to be read, durable before anybody is answered, dropped where they are no news."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import groupby
from typing import Any

from syncd.core.errors import RetryLater
from syncd.core.nouns import Change, Op
from syncd.engine.batch import Hold
from syncd.engine.save import hold
from syncd.engine.signals import Hint
from syncd.engine.world import Stream, World
from syncd.store.store import Conn

MOST_WAITING = 100_000
"""Ids that may wait to be read before no more hints are taken."""
MOST_AT_ONCE = 1_000
"""Deliveries that may wait for one commit."""
MOST_NAMED = 10_000
"""Ids of one stream that a commit may ask for: beyond it the feed is read instead, which costs no more."""

_KNOWN = """
select remote_id, state, remote_version from links where remote_id = any($1::text[]) and stream = $2"""

Asked = list[tuple[Stream, Change]]


class Hints:
    """Puts hints into the inbox; those that come while a commit is under way share the next one.

    `world` gives the world that runs now: a daemon may make a new one of the same store.
    """

    def __init__(self, world: Callable[[], World | None]) -> None:
        self._world = world
        self._waiting: list[tuple[Asked, asyncio.Future[None]]] = []
        self._working: asyncio.Task[None] | None = None

    def streams(self, system: str, object: str) -> list[Stream]:
        """Where the records of an object go. Raises `RetryLater` before the first world is made."""
        return [s for s in self._running().streams.values() if (s.system, s.object) == (system, object)]

    async def take(self, asked: Asked) -> None:
        """Return once the hints are durable, or are known to be no news.

        Raises `RetryLater` when too much waits, else what the store raises.
        """
        if len(self._waiting) >= MOST_AT_ONCE or len(self._running().refetch) >= MOST_WAITING:
            raise RetryLater("too many webhooks wait to be worked off", 5.0)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, done))
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work(), name="hints")
        await done

    async def aclose(self) -> None:
        """Wait for the commit that is under way."""
        if self._working is not None:
            await self._working

    def _running(self) -> World:
        world = self._world()
        if world is None:
            raise RetryLater("the daemon is starting", 5.0)
        return world

    async def _work(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, []
            try:
                await _keep(self._running(), [pair for asked, _ in group for pair in asked])
            except Exception as error:
                told: Exception | None = error
            else:
                told = None
            for _, done in group:
                if not done.done():
                    done.set_exception(told) if told is not None else done.set_result(None)


async def _keep(world: World, asked: Asked) -> None:
    """Ask for the reads of all that is news, in one transaction; nothing is written where nothing is."""
    wanted: dict[int, dict[str, Hint]] = {}
    landed = world.landed
    for _, pairs in groupby(sorted(asked, key=_stream), key=_stream):
        listed = list(pairs)
        await _sort_out(world, listed[0][0], [change for _, change in listed], wanted)
    if not any(wanted.values()):
        return
    async with world.store.write(numbers=sum(map(len, wanted.values())) + 10) as tx:
        if world.landed != landed:  # while this waited for its turn, the write that it tells of was settled
            wanted = {stream: await _news(tx, world, stream, hints) for stream, hints in wanted.items()}
        alone = {  # somebody may have asked for the same reads before this transaction began
            stream: {i: hint for i, hint in hints.items() if not world.will_read(stream, i)}
            for stream, hints in wanted.items()
        }
        for stream, hints in wanted.items():
            await hold(tx, world, stream, 0, [Hold(remote_id, "fetch", None) for remote_id in hints])
        tx.after_commit(lambda: world.hinted(alone))


def _stream(pair: tuple[Stream, Change]) -> int:
    return pair[0].id


async def _sort_out(
    world: World, stream: Stream, changes: Sequence[Change], wanted: dict[int, dict[str, Hint]]
) -> None:
    """Hints of one stream: those that must be kept go to `wanted`."""
    if not stream.reads:
        return
    named = {change.remote_id for change in changes}
    if stream.fetcher is None or len(named) > MOST_NAMED:  # not by single records: read all that is new
        world.bells.read[stream.id].set()
        return
    hints: dict[str, Hint] = {}
    for change in changes:
        hint = _hint(world, stream, change)
        hints[change.remote_id] = hint.with_other(hints.get(change.remote_id))
    fresh = {i: hint for i, hint in hints.items() if not world.will_read(stream.id, i)}
    for remote_id in hints.keys() - fresh.keys():
        world.hints.pop((stream.id, remote_id), None)  # it waits already, and is to be read for sure
    if any(hint.can_be_known for hint in fresh.values()):
        async with world.store.read() as con:
            fresh = await _news(con, world, stream.id, fresh)
    wanted[stream.id] = fresh


async def _news(con: Conn, world: World, stream: int, hints: dict[str, Hint]) -> dict[str, Hint]:
    """Those that tell of something else than what their link knows."""
    known = await known_already(con, world.streams[stream], hints)
    return {i: hint for i, hint in hints.items() if i not in known}


def _hint(world: World, stream: Stream, change: Change) -> Hint:
    """What a change says of its record's version, as far as versions tell one state from another."""
    version = change.remote_version if stream.can.compare_and_set else None
    return Hint(version, change.op is Op.DELETE, frozenset(world.creating.get(stream.id, ())))


async def known_already(con: Conn, stream: Stream, hints: Mapping[str, Hint]) -> Collection[str]:
    """The ids whose hint tells what their link knows: our own writes, coming back."""
    ids = [remote_id for remote_id, hint in hints.items() if hint.can_be_known]
    rows = await con.fetch(_KNOWN, ids, stream.id) if ids else ()
    return {row["remote_id"] for row in rows if _is_known(hints[row["remote_id"]], row)}


def _is_known(hint: Hint, link: Any) -> bool:
    if hint.deleted:
        return bool(link["state"] == "gone")
    return bool(link["state"] == "live" and link["remote_version"] == hint.version)
