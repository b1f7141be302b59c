"""What the engine's parts share: the streams and kinds it runs, and what is under way in this process."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, islice
from typing import Any

from conflict.deletes import Against, Policy
from conflict.rules import RuleBook
from conflict.suspects import Sent
from connectors.base import CanFetch, CanFind, Capabilities, Connector
from syncd.config import KindSettings, KindSystemSettings
from syncd.core.clock import Clock
from syncd.core.fieldmap import Direction
from syncd.core.nouns import Fields, PushOp
from syncd.core.state import Link, Record
from syncd.engine.reading import Reader
from syncd.engine.signals import Bells, Hint
from syncd.identity import Matcher
from syncd.mapping.compile import CompiledMap
from syncd.store.rows import LinkNames
from syncd.store.sends import Send
from syncd.store.store import Store, Tx

FRESH = 5_000
"""How many records are kept as they were last written, so that a push need not load them again."""
KEPT = 7
"""How many earlier writes to one link are remembered."""
RECENT = 20_000
"""How many answered writes are remembered, to judge reads that began before their answer."""


@dataclass(slots=True)
class Stream:
    """One object of one system as a copy of one kind. `refs` maps remote reference fields to kinds.

    `mapped` are the remote fields of its mapping. `reads` says whether its changes come in, `writes` whether
    anything is written to it. `away` says why fields are left alone, `back` names those that came back and
    wait for a sweep; `due_map` is the mapping without either, for what is written. `uncreatable` says why
    nothing can be created. `sound` are fields that were suspected, and that the remote describes as ever.
    """

    id: int
    system: str
    kind: str
    object: str
    map: CompiledMap
    names: LinkNames
    connector: Connector
    can: Capabilities
    settings: KindSystemSettings
    guard: str
    refs: Mapping[str, str]
    mapped: frozenset[str]
    reader: Reader
    reads: bool = field(init=False)
    writes: bool = field(init=False)
    due_map: CompiledMap = field(init=False)
    fetcher: CanFetch | None = field(init=False)
    finder: CanFind | None = field(init=False)
    away: Mapping[str, str] = field(default_factory=dict)
    back: frozenset[str] = frozenset()
    uncreatable: str = ""
    sound: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.due_map = self.map
        connector = self.connector  # asked once: to ask what a connector can costs more than many a call
        self.fetcher = connector if isinstance(connector, CanFetch) else None
        self.finder = connector if isinstance(connector, CanFind) else None
        self.reads = self.settings.direction is not Direction.OUT
        self.writes = self.settings.direction is not Direction.IN

    def quarantine(self, away: Mapping[str, str], back: Iterable[str], uncreatable: str) -> None:
        """Leave fields alone: neither read nor written while away, not written until swept when back."""
        self.away, self.back, self.uncreatable = dict(away), frozenset(back), uncreatable
        self.mapped = frozenset(self.map.remote_fields) - away.keys()
        self.sound -= away.keys()
        waits = self.back | away.keys()
        self.due_map = self.map.without(waits) if waits else self.map


@dataclass(slots=True)
class Kind:
    """One kind and its rules. `refs` maps canonical reference fields to the kinds they point at."""

    name: str
    book: RuleBook
    matcher: Matcher
    policy: Policy
    against: Against
    settings: KindSettings
    streams: list[Stream]
    refs: Mapping[str, str]


@dataclass(slots=True)
class Counters:
    """What this process did since it began, for metrics and the benchmark.

    `read_at` is when a read last came to its end, None before the first.
    """

    read: int = 0
    dropped: int = 0
    applied: int = 0
    held: int = 0
    pushed: int = 0
    calls: int = 0
    conflicts: int = 0
    parked: int = 0
    read_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Doubt:
    """A create whose answer was lost, where our key can only be looked for.

    `batch` is its unsettled send; not before `at` (seconds, monotonic) does a look-up count.
    """

    batch: int
    at: float


@dataclass(slots=True)
class World:
    """The engine's shared state.

    `tags` are (first number, tag), ascending: what tells this store's keys from others; see `key_of`.
    `flying` holds (stream, record id) of writes under way, `flying_ids` the same by remote id. `creating`
    holds the open create calls per stream. `queued` keeps, per (stream, remote id), the newest change that
    waits in the inbox; `refetch` the ids that are to be read again, `fetching` those of them whose read has
    begun, `hints` what is said of those for which nothing but a webhook asks and which a write of ours may
    explain. `landed` counts the calls that were settled. `retrying` are creates whose answer was lost and
    that are made once more under the same id of our choice: until then they are open. `asleep` are streams
    whose system cannot be used yet: what they are owed queues up, and nothing of theirs runs. `pruned`
    counts the rows that retention removed, by table.
    """

    store: Store
    clock: Clock
    config: int
    streams: dict[int, Stream]
    kinds: dict[str, Kind]
    tags: list[tuple[int, str]]
    bells: Bells = field(default_factory=Bells)
    counters: dict[int, Counters] = field(default_factory=dict)
    flying: set[tuple[int, int]] = field(default_factory=set)
    flying_ids: set[tuple[int, str]] = field(default_factory=set)
    creating: dict[int, set[int]] = field(default_factory=dict)
    queued: dict[tuple[int, str], Mapping[str, Any]] = field(default_factory=dict)
    refetch: set[tuple[int, str]] = field(default_factory=set)
    fetching: set[tuple[int, str]] = field(default_factory=set)
    hints: dict[tuple[int, str], Hint] = field(default_factory=dict)
    sent: dict[tuple[int, str], list[Sent]] = field(default_factory=dict)
    touched: dict[int, int] = field(default_factory=dict)
    fresh: dict[int, Record] = field(default_factory=dict)
    planning: dict[int, int] = field(default_factory=dict)
    landed: int = 0
    doubts: dict[tuple[int, int], Doubt] = field(default_factory=dict)
    retrying: set[tuple[int, int]] = field(default_factory=set)
    parked: set[int] = field(default_factory=set)
    tries: dict[tuple[int, int], int] = field(default_factory=dict)
    asleep: set[int] = field(default_factory=set)
    pruned: dict[str, int] = field(default_factory=dict)

    def key_of(self, record_id: int) -> str:
        """The key of a record that a create leaves in the remote.

        Its tag is that of the run in which the record was made. So the key stays the same over restarts,
        and a store restored from a backup, whose numbers begin again, makes other keys than those it lost.
        """
        place = bisect_right(self.tags, (record_id, "\uffff")) - 1
        return f"{self.tags[place][1]}-{record_id}"

    def record_of(self, key: object) -> int | None:
        """The record that a key names; None for a key that is not of this store."""
        if not isinstance(key, str):
            return None
        _, _, number = key.rpartition("-")
        known = number.isascii() and number.isdigit() and len(number) < 19
        return int(number) if known and self.key_of(int(number)) == key else None

    def kind_of(self, stream: Stream) -> Kind:
        return self.kinds[stream.kind]

    def sibling(self, stream: Stream, kind: str) -> Stream | None:
        """The stream of another kind in the same system, where references of that kind point."""
        return next((s for s in self.kinds[kind].streams if s.system == stream.system), None)

    def take_off(self, send: Send) -> None:
        """From here on no read is applied to the links of this call."""
        for item in send.items:
            self.flying.add((send.stream, item.record_id))
            if item.remote_id is not None:
                self.flying_ids.add((send.stream, item.remote_id))
        if send.op is PushOp.CREATE:
            self.creating.setdefault(send.stream, set()).add(send.batch)

    def land(self, send: Send) -> None:
        """The call is settled: what waited for it may be looked at."""
        if not self.flying.intersection((send.stream, item.record_id) for item in send.items):
            return  # landed already
        self.landed += 1
        for item in send.items:
            self.flying.discard((send.stream, item.record_id))
            if item.remote_id is not None:
                self.flying_ids.discard((send.stream, item.remote_id))
        if send.op is PushOp.CREATE:
            self.creating[send.stream].discard(send.batch)
        if any(stream == send.stream for stream, _ in chain(self.queued, self.hints)):
            self.bells.ring_inbox(send.stream)

    def in_flight(self, stream: int, remote_id: str) -> bool:
        """Whether a write of ours to a remote record is not answered, or may be what makes it now."""
        return (stream, remote_id) in self.flying_ids or bool(self.creating.get(stream))

    def will_read(self, stream: int, remote_id: str) -> bool:
        """Whether a remote record is to be read by id, from now on."""
        return (stream, remote_id) in self.refetch and (stream, remote_id) not in self.fetching

    def asked(self, stream: int, ids: Iterable[str]) -> None:
        """Ids that are to be read again; a read that has begun does not count for them."""
        places = {(stream, remote_id) for remote_id in ids}
        self.refetch |= places
        self.fetching -= places

    def hinted(self, hints: Mapping[int, Mapping[str, Hint]]) -> None:
        """Webhooks named these ids while a write of ours was under way, which may be all that they tell."""
        for stream, told in hints.items():
            for remote_id, hint in told.items():
                if self.in_flight(stream, remote_id):
                    self.hints[stream, remote_id] = hint

    def explained_soon(self, stream: int, remote_id: str) -> bool:
        """Whether a create that is still open may turn out to be what a hint tells of."""
        hint = self.hints.get((stream, remote_id))
        return hint is not None and not hint.creates.isdisjoint(self.creating.get(stream, ()))

    def strangers_wait(self, stream: int) -> bool:
        """Whether reads of a stream wait to be applied, among which may be records that nobody knows yet."""
        return any(number == stream for number, _ in self.queued)

    def creatable(self, stream: int, records: Collection[int]) -> Collection[int]:
        """Of which records a copy may be made now: it may be among the strangers that wait to be looked at.

        Those whose create was not answered are made all the same: the strangers wait for them.
        """
        if not self.strangers_wait(stream):
            return records
        return {n for n in records if (stream, n) in self.retrying or (stream, n) in self.doubts}

    def create_open(self, stream: int) -> bool:
        """Whether an unknown id in a stream may be what a create of ours made, and says nothing of it."""
        return bool(self.creating.get(stream)) or any(number == stream for number, _ in self.retrying)

    def sure(self, stream: int, record: int) -> None:
        """What became of a create is known."""
        self.doubts.pop((stream, record), None)
        if (stream, record) in self.retrying:
            self.retrying.remove((stream, record))
            self.bells.ring_inbox(stream)

    def touch(self, tx: Tx, records: Iterable[int], fresh: Iterable[Record] = ()) -> None:
        """Records whose row or links this transaction writes: what was planned on their old state is void.

        The number is taken after the commit: a plan that was loaded before it has a lower one. `fresh`
        are those of them that are known as they are written now, and are behind somewhere: a push needs
        them next.
        """
        tx.after_commit(lambda: self._touched(list(records), self.store.seq(), fresh))

    def _touched(self, records: list[int], seq: int, fresh: Iterable[Record]) -> None:
        for record in records:
            self.fresh.pop(record, None)
        room = max(0, FRESH - len(self.fresh))  # the oldest stay: they are pushed first
        self.fresh.update((record.record_id, record) for record in islice(fresh, room))
        if len(self.touched) > RECENT:
            oldest = min(self.planning.values(), default=seq)
            self.touched = {record: at for record, at in self.touched.items() if at >= oldest}
        self.touched.update(dict.fromkeys(records, seq))

    def remember(self, stream: int, remote_id: str, link: Link, sent: Fields, after: int | None) -> None:
        """Keep a write to `link` for reads that were on their way; the oldest are forgotten.

        A write on top of another counts from where that one began: an answer shows nothing of what a
        person did meanwhile.
        """
        known = self.sent.pop((stream, remote_id), [])
        before = link.evidence
        if known and known[-1].after in (None, link.evidence):
            before = known[-1].before
        self.sent[stream, remote_id] = [*known[-KEPT:], Sent(before, after, link.shadow, sent)]
        if len(self.sent) > RECENT:
            self.sent.pop(next(iter(self.sent)))
