"""The CRMs of the twin: those of `memory`, which also write down who did what to which record and when."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextvars import Context, ContextVar
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from math import inf
from typing import Any, TypeVar

from connectors.base import Meter, ObjectSpec
from connectors.memory import Features, FieldDef, MemoryConnector, MemoryRemote, ObjectDef, Transaction
from connectors.memory.table import Row, Table
from connectors.memory.wire import Sent
from syncd.core.errors import RetryLater
from syncd.core.nouns import Accepted, Change, Cursor, Fields, Page, Push, PushOp, PushResult, Value
from tests.sim.twin import worlds
from tests.sim.twin.index import IndexWire, Past
from tests.sim.twin.life import Dead, Life
from tests.sim.twin.loop import TwinLoop
from tests.sim.twin.plan import SystemPlan, has_key
from tests.sim.twin.quota import Limit
from tests.sim.twin.shape import number_of
from tests.sim.twin.troubles import Troubles

CALLER: ContextVar[int] = ContextVar("caller", default=0)
"""The number of the life whose call it is."""
START = datetime(2026, 1, 1, tzinfo=UTC)
PREFIX = {"firms": "F", "people": "P", "leads": "L"}
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Touch:
    """One change of one record. `late` says that the write's answer had been given up before, `along` that it
    came with the delete of what the record refers to; `life` is the daemon's life that wrote, 0 for people.
    """

    at: float
    by: str
    what: str
    object: str
    id: str
    before: dict[str, Value]
    after: dict[str, Value]
    late: bool = False
    along: bool = False
    life: int = 0


class Crm(MemoryRemote):
    """One CRM. `say` writes the log; `touches` is the ground truth.

    `shown` is what it told to anybody, and when first; `taken_up` what of it did not die with its reader;
    `undated` counts the edits that moved no date; `more` are further texts that people have. `spans` are the
    transactions, from their begin to their end: while one is open the feed hides all that began later.
    `tried` are our creates as they were sent: when, the object, and whose number; `heard` the answers that
    came to a life that is not over: when, the object, and the id; `looks` our reads by id, when they began.
    """

    def __init__(
        self,
        plan: SystemPlan,
        seed: int,
        loop: TwinLoop,
        say: Callable[[str], object],
        more: Iterable[str] = (),
    ) -> None:
        bent = {name: (rule,) for name, rule in plan.normalise.items()}
        key = "syncd_key" if has_key(plan) else None
        length = {plan.short: 5}
        firms = {"name": FieldDef(required=True), "city": _text("city", bent, length)}
        people = {
            "email": FieldDef(type="email", unique=plan.unique),
            "name": _text("name", bent, length),
            "phone": _text("phone", bent, length),
            "firm": FieldDef(type="ref", references="firms"),
            **{name: FieldDef() for name in more},
        }
        fields = worlds.objects(plan, {"firms": firms, "people": people})
        shapes = [
            ObjectDef(name, fields[name], key, "" if plan.quirks.get("integer_ids") else PREFIX[name])
            for name in fields
        ]
        features = Features(
            **plan.features, upsert_key=plan.keys == "upsert", client_ids=plan.keys == "client_ids"
        )
        super().__init__(shapes, clock=self._clock, seed=seed, features=features)
        for name, value in plan.quirks.items():
            setattr(self.quirks, name, frozenset(value) if name == "silent_fields" else value)
        self.plan, self.loop, self.say = plan, loop, say
        self.pasts = {name: Past() for name in self.tables}
        self.touches: list[Touch] = []
        self.shown: dict[tuple[str, str, str, Any], float] = {}
        self.taken_up: set[Any] = set()
        self.author = "syncd"
        self.answered: Callable[[str, str], None] | None = None
        self.called: Callable[[str, int], object] = lambda _what, _life: None
        self.late = False
        self.writes = self.undated = 0
        self._began: dict[int, float] = {}
        self.spans: list[tuple[float, float]] = []
        self.tried: list[tuple[float, str, int]] = []
        self.heard: list[tuple[float, str, str]] = []
        self.looks: list[tuple[float, str, frozenset[str]]] = []
        self.troubles = Troubles(self)
        words = plan.more.get("quota")
        self.limit = None if words is None else Limit(**words, now=loop.time)

    def who(self, push: Push) -> int:
        """The number of the person or firm that a push is about; 0 where it tells none."""
        row = self.tables[push.object].rows.get(push.remote_id or "")
        return number_of(push.object, push.fields if row is None else row.fields)

    def number(self, object: str, remote_id: str) -> int:
        """The number of the person or firm that a record is or was."""
        row = self.tables[object].rows.get(remote_id)
        return 0 if row is None else number_of(object, row.fields)

    def told_of(self, object: str, remote_id: str) -> float:
        """When an answer showed a record first."""
        place = object, remote_id
        return min((at for (*here, _, _), at in self.shown.items() if tuple(here) == place), default=inf)

    def _clock(self) -> datetime:
        return START + timedelta(seconds=self.loop.time())

    def begin(self) -> Transaction:
        made = super().begin()
        self._began[made.number] = self.loop.time()
        return _Logged(self, made.number, made.stamp)

    def closed(self, number: int) -> None:
        if self.plan.index:
            for name, past in self.pasts.items():
                past.note(self.tables[name], number)
        if number in self._began:
            self.spans.append((self._began.pop(number), self.loop.time()))
        super().closed(number)

    def note(
        self,
        what: str,
        object: str,
        row: Row,
        before: dict[str, Value],
        after: dict[str, Value],
        *,
        along: bool = False,
    ) -> None:
        """Write down what happened to a record."""
        moved = {name for name in {**before, **after} if before.get(name) != after.get(name)}
        old = {name: before.get(name) for name in sorted(moved)}
        new = {name: after.get(name) for name in sorted(moved)}
        at = self.loop.time()
        life = CALLER.get() if self.author == "syncd" else 0
        self.touches.append(Touch(at, self.author, what, object, row.id, old, new, self.late, along, life))
        self.writes += self.author == "syncd"
        self.say(f"{self.plan.name} {self.author} {what} {object} {row.id} {_brief(old)} -> {_brief(new)}")


def _brief(fields: dict[str, Value]) -> dict[str, Value]:
    return {n: f"{v[:9]}, {len(v)}" if isinstance(v, str) and len(v) > 99 else v for n, v in fields.items()}


def _text(name: str, bent: dict[str, tuple[str]], length: dict[str, int]) -> FieldDef:
    return FieldDef(normalise=bent.get(name, ()), length=length.get(name))


class _Logged(Transaction):
    """A transaction that tells what it does. `inner`: how deep in a cascade it is."""

    remote: Crm
    inner = 0
    converting = False

    def _create(self, object: str, remote_id: str, fields: dict[str, Value]) -> Row:
        if self.remote.plan.loose:
            self._loosen(self.remote.tables[object], fields.get("syncd_key"))
        row = super()._create(object, remote_id, fields)
        self.remote.note("convert" if self.converting else "create", object, row, {}, dict(row.fields))
        return row

    def _convert(self, *args: Any) -> Row | None:
        self.converting = True
        return super()._convert(*args)

    def _let_go(self, object: str, remote_id: str) -> None:
        self.inner += 1
        super()._let_go(object, remote_id)
        self.inner -= 1

    def _update(self, object: str, remote_id: str, fields: dict[str, Value]) -> Row:
        old = self._live(self.remote.tables[object], remote_id)
        before, version = dict(old.fields), old.version
        row = super()._update(object, remote_id, fields)
        person = self.remote.author == "person"
        self.remote.undated += person and row.version == version and row.fields != before
        self.remote.note("update", object, row, before, dict(row.fields), along=self.inner > 0)
        if self.remote.answered is not None and self.remote.author == "syncd" and before != row.fields:
            self.remote.answered(object, remote_id)
        return row

    def _delete(self, object: str, remote_id: str) -> Row | None:
        row = self._live(self.remote.tables[object], remote_id)
        before = dict(row.fields)
        left = super()._delete(object, remote_id)
        self.remote.note(self._end_of(object, row), object, row, before, {})
        return left

    def _end_of(self, object: str, row: Row) -> str:
        if row.heir is not None:
            return "merge" if row.heir[0] == object else "became"
        return "cascade" if self.inner else "delete"

    def _restore(self, object: str, remote_id: str) -> Row:
        row = super()._restore(object, remote_id)
        self.remote.note("restore", object, row, {}, dict(row.fields))
        return row

    def _loosen(self, table: Table, key: Value) -> None:
        """A key that is no unique one: who carries it is not looked up any more, and keeps it."""
        other = table.unique["syncd_key"].pop(key, None)
        if other is not None:
            table._held.pop(("syncd_key", other), None)

    def _live(self, table: Table, remote_id: str) -> Row:
        return super()._live(table, remote_id)


class Wire(MemoryConnector):
    """The reference connector in one life: each call takes its time, and outlives the one who made it."""

    def __init__(self, name: str, settings: Fields, objects: Sequence[ObjectSpec], life: Life) -> None:
        super().__init__(name, settings, objects)
        self._life = life
        self._before = len(self._crm.limit.ours) if self._crm.limit is not None else 0
        if isinstance(self.remote, Crm) and self.remote.plan.index:
            self._wire = IndexWire(self.remote, self.remote.pasts)

    async def _apart(self, what: str, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Make a call that goes on at the remote when its caller dies."""
        try:
            await self._life.reach(f"before {what} of {self.name}")
        except Dead:
            raise RetryLater("this process is no more") from None
        context = Context()
        context.run(CALLER.set, self._life.number)
        self._crm.called(what, self._life.number)
        task = context.run(asyncio.get_running_loop().create_task, call())
        try:
            await self._life.reach(f"during {what} of {self.name}")
            answer = await asyncio.shield(task)
        except Dead:
            task.add_done_callback(_heard)
            raise RetryLater("this process is no more") from None
        except asyncio.CancelledError:
            task.add_done_callback(_heard)
            raise
        try:
            await self._life.reach(f"after {what} of {self.name}")
        except Dead:
            raise RetryLater("this process is no more") from None
        return answer

    def meter(self) -> Meter:
        """How many calls this life has made, and what is left."""
        limit = self._crm.limit
        return Meter() if limit is None else limit.meter(self._before)

    async def write(self, batch: Sequence[Push]) -> Sequence[PushResult]:
        crm = self._crm
        await crm.troubles.enter(batch[0].object)
        crm.tried += [(crm.loop.time(), p.object, crm.who(p)) for p in batch if p.op is PushOp.CREATE]
        going, later = crm.troubles.write(batch)
        answer = [*await self._apart("write", partial(super().write, going)), *later]
        for one in answer:
            self._take_up_fields(one.stored if isinstance(one, Accepted) else {})
            if isinstance(one, Accepted):
                crm.heard.append((crm.loop.time(), batch[0].object, one.remote_id))
        told = [(type(a).__name__, a.push_id) for a in answer]
        self._life.say(f"{self.name} answers {told}")
        return answer

    async def fetch(self, object: str, ids: Sequence[str]) -> Sequence[Change]:
        self._crm.looks.append((self._crm.loop.time(), object, frozenset(ids)))
        await self._crm.troubles.enter(object)
        found = await self._apart("fetch", partial(super().fetch, object, ids))
        self._take_up(found)
        return found

    async def find(self, object: str, keys: Sequence[str]) -> Mapping[str, Change]:
        found = await super().find(object, keys)
        self._take_up(found.values())
        return found

    async def read_changes(self, object: str, since: Cursor | None) -> AsyncIterator[Page]:
        troubles = self._crm.troubles
        await troubles.enter(object)
        troubles.read(object, since)
        pages = super().read_changes(object, since)
        while (page := await self._apart("read", lambda: _next(pages))) is not None:
            yield page
            self._take_up(page.changes)

    async def scan(self, object: str) -> AsyncIterator[Page]:
        troubles = self._crm.troubles
        await troubles.enter(object)
        troubles.read(object, None)
        pages = super().scan(object)
        while (page := await self._apart("scan", lambda: _next(pages))) is not None:
            page = replace(page, changes=troubles.listed(object, page.changes))
            yield page
            self._take_up(page.changes)

    def _take_up(self, changes: Iterable[Change]) -> None:
        """Who asks for the next page has committed what the last one did; one that died with it did not."""
        for change in changes:
            self._take_up_fields(change.fields)

    def _take_up_fields(self, fields: Fields) -> None:
        if not self._life.succeeded:  # else it can keep nothing of it
            self._crm.taken_up.update(_texts(fields))

    @property
    def _crm(self) -> Crm:
        assert isinstance(self.remote, Crm)
        return self.remote

    def _change(self, object: str, row: Sent) -> Change:
        told, crm = super()._change(object, row), self._crm
        fields = {name: value for name, value in told.fields.items() if crm.troubles.shows(object, name)}
        for name, value in fields.items():
            crm.shown.setdefault((object, told.remote_id, name, value), crm.loop.time())
        return replace(told, fields=fields)


def _texts(fields: Mapping[str, Value]) -> Iterator[Any]:
    return (value for value in fields.values() if isinstance(value, str | int))


async def _next(pages: AsyncIterator[Page]) -> Page | None:
    return await anext(pages, None)


def _heard(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()


def distances(crm: Crm, pick: random.Random, longest: float) -> None:
    """Let each point of a call take a while, so that anything may happen in between."""

    async def wait(point: str, object: str, remote_id: str | None) -> None:
        often = 0.05 if point in ("write.commit", "write.uncertain") else 0.6  # a batch has many rows
        if longest and pick.random() < often:
            await asyncio.sleep(pick.random() * longest)

    crm.faults.hook = wait
