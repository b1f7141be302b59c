"""Send one batch: intent, call, settlement. One that is refused whole is halved until one row is alone."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Sequence
from dataclasses import replace

from syncd.core.errors import BatchRefused, Fenced, NeedsOperator, RetryLater, StoreUnavailable
from syncd.core.nouns import Accepted, Push, PushOp, PushResult, Rejected, Uncertain
from syncd.core.storable import storable
from syncd.core.turn import turn
from syncd.engine.gatekeeper import Gatekeeper
from syncd.engine.owed import Todo
from syncd.engine.recover import reopen
from syncd.engine.settle import idempotent, settle
from syncd.engine.world import Stream, World
from syncd.store.sends import Send, SentItem, begin_send, end_send

LOOK_STANDS = 10.0
"""Seconds after which a guarding read is too old to write by: the process stalled, or its turn came late."""
FAILURES_BEFORE_HALVING = 5
"""Calls that fail in a row before the batch is halved, so that one bad record is left alone at last."""


class Sender:
    """Sends to one stream. `limit` is how many pushes go into a call now."""

    def __init__(self, world: World, stream: Stream, keeper: Gatekeeper) -> None:
        self.world, self.stream, self.keeper = world, stream, keeper
        self.limit = stream.can.write_batch
        self._failures = 0
        self._put_off = False

    async def send(self, batch: list[Todo], looked: float | None = None) -> int:
        """One call: intent, call, settlement. `looked` is when the guarding read began that it relies on."""
        await self.keeper.ready()
        send = await self._intend(batch)
        if send is None:
            return 0
        pushes = [todo.push for todo in batch if todo.push is not None]
        begun = False

        async def write() -> Sequence[PushResult] | None:
            nonlocal begun
            # whoever stalled since the intent may have a successor, who takes these rows for sent already
            await self.world.store.ensure_lease(self.keeper.call_seconds)
            if self._too_late(looked):
                return None
            begun = True
            with turn(lambda: self.world.store.lease_left() > 0):
                return [_storable(result) for result in await self.stream.connector.write(pushes)]

        try:
            results = await self.keeper.call(write, about=self.stream.object)
        except CancelledError:
            if not begun:  # it waited for its turn: nothing was sent, and nobody need wonder
                await self._give_back(send, batch)
            raise
        except BatchRefused as error:
            return await self._bisect(send, batch, error)
        except (RetryLater, NeedsOperator) as error:
            if not (isinstance(error, RetryLater) and error.uncertain):
                await self._give_back(send, batch)
                self._failed(batch)
                raise
            results = [Uncertain(push.push_id, str(error)) for push in pushes]
            self.limit = len(batch) // 2 or self.limit  # whose fault it is, smaller ones tell
            return await self._settle(send, batch, results)
        except (Fenced, StoreUnavailable):
            raise
        except Exception:  # a bug of a connector: nobody knows what was written
            await self._reopen(send)
            raise
        if results is None:  # its rows are planned again, and looked at again
            await self._give_back(send, batch)
            return 0
        self._failures = 0
        self.limit = min(self.stream.can.write_batch, self.limit * 2)
        return await self._settle(send, batch, results)

    def _too_late(self, looked: float | None) -> bool:
        """Whether what was looked at must be looked at again; not twice in a row, for a pace may be slow."""
        late = looked is not None and self.world.clock.monotonic() - looked > LOOK_STANDS
        self._put_off = late and not self._put_off
        return self._put_off

    async def _settle(self, send: Send, batch: list[Todo], results: Sequence[PushResult]) -> int:
        """Settle a call. A settlement that fails must not leave its records in the air until a restart."""
        try:
            return await settle(self.world, self.stream, send, batch, results)
        except (Fenced, StoreUnavailable):
            raise
        except Exception:
            await self._reopen(send)
            raise

    async def _reopen(self, send: Send) -> None:
        self.world.land(send)
        await reopen(self.world, send)

    async def _intend(self, batch: list[Todo]) -> Send | None:
        """Write down what is about to be sent; from here on no read is applied to these links.

        What was written since it was planned is left out of `batch`: its outbox row stays, and it is
        planned anew.
        """
        store, stream, world = self.world.store, self.stream, self.world
        async with store.alone(numbers=len(batch) + 10) as one:
            batch[:] = [t for t in batch if world.touched.stands(stream.id, t.record.record_id)]
            if not batch:
                return None
            for todo in batch:
                todo.push = self._build(todo)
            send = Send(store.seq(), stream.id, batch[0].op, [_item(self.stream, todo) for todo in batch])
            await begin_send(one, send)
            world.take_off(send)
        world.counters[stream.id].calls += 1
        return send

    def _build(self, todo: Todo) -> Push:
        link = todo.link
        version = link.remote_version or todo.version if link else None
        return Push(
            self.world.store.seq(),
            self.stream.object,
            todo.op,
            todo.record.record_id,
            todo.record.version,
            todo.due.fields,
            remote_id=link.remote_id if link else None,
            key=self.world.key_of(todo.record.record_id) if todo.op is PushOp.CREATE else None,
            expected_version=version if self.stream.guard != "none" else None,
            expected={name: link.shadow.get(name) for name in todo.due.fields} if link else {},
        )

    async def _give_back(self, send: Send, batch: Sequence[Todo]) -> None:
        """Nothing was written: the intent goes, the outbox rows stay."""
        async with self.world.store.write(numbers=10) as tx:
            await end_send(tx, send.batch)
        self.world.land(send)

    def _failed(self, batch: list[Todo]) -> None:
        """One bad record must not hold up the others for ever: after some failures, smaller batches."""
        self._failures += 1
        if self._failures >= FAILURES_BEFORE_HALVING:
            self._failures = 0
            self.limit = max(1, min(self.limit, len(batch)) // 2)

    async def _bisect(self, send: Send, batch: list[Todo], error: BatchRefused) -> int:
        """The remote refused the whole batch for one row that it does not name: halve until it is alone."""
        if len(batch) == 1:
            push = batch[0].push
            assert push is not None
            refusal: Sequence[PushResult] = [Rejected(push.push_id, error.code, str(error))]
            return await self._settle(send, batch, refusal)
        await self._give_back(send, batch)
        middle = len(batch) // 2
        return await self.send(batch[:middle]) + await self.send(batch[middle:])


def _storable(result: PushResult) -> PushResult:
    if not isinstance(result, Accepted):
        return result
    stored = storable(result.stored)
    return result if stored is result.stored else replace(result, stored=stored)


def _item(stream: Stream, todo: Todo) -> SentItem:
    """One write of the intent. Whether a create landed is told by its key or id, never by its values; what it
    sent tells our own values from an edit, in a copy that is looked for."""
    due, record = todo.due, todo.record.record_id
    if todo.link is None and idempotent(stream):
        return SentItem(record, None, {}, {}, todo.outbox)
    remote_id = todo.link.remote_id if todo.link is not None else None
    return SentItem(record, remote_id, due.fields, due.versions, todo.outbox)
