"""What the engine's parts share: the streams and kinds it runs, and what is under way in this process."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Set
from dataclasses import dataclass, field, fields
from datetime import datetime
from itertools import islice

from conflict.deletes import Against, Policy
from conflict.rules import RuleBook
from conflict.suspects import Sent
from connectors.base import CanFetch, CanFind, CanHistory, Capabilities, Connector
from syncd.config import KindSettings, KindSystemSettings
from syncd.core.clock import Clock
from syncd.core.fieldmap import Direction
from syncd.core.nouns import Change, Fields, PushOp
from syncd.core.state import Link, Record
from syncd.engine.flaps import Flaps
from syncd.engine.places import Places
from syncd.engine.reading import Reader
from syncd.engine.signals import Bells, Hint
from syncd.engine.touched import Touched
from syncd.identity import Matcher
from syncd.mapping.compile import CompiledMap
from syncd.store.rows import LinkNames
from syncd.store.sends import Send
from syncd.store.store import Store, Tx

FRESH = 5_000
"""How many records are kept as they were last written, so that a push need not load them again.

Those that only a sleeping stream is owed are not among them, and after a failed push they make room.
"""
KEPT = 7
"""How many earlier writes to one link are remembered."""
RECENT = 20_000
"""How many answered writes are remembered, to judge reads that began before their answer."""


@dataclass(slots=True)
class Stream:
    """One object of one system as a copy of one kind. `refs` maps remote reference fields to kinds.

    `peers` are all objects of the kind in that system, this one among them, the first one first; `targets`
    the streams that its references of a kind may point into.
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
    historian: CanHistory | None = field(init=False)
    away: Mapping[str, str] = field(default_factory=dict)
    back: frozenset[str] = frozenset()
    uncreatable: str = ""
    sound: set[str] = field(default_factory=set)
    peers: list[Stream] = field(default_factory=list)
    targets: Mapping[str, list[Stream]] = field(default_factory=dict)

    def scope(self, fields: Fields, link: Link | None = None) -> bool | None:
        """Whether a remote record takes part, by what was read; None where that cannot be told.

        What was not read is taken from the link's memory, as far as it is mapped.
        """
        where = self.settings.where
        if where is None:
            return True
        return where.judge(fields if link is None else {**link.shadow, **fields})

    @property
    def label(self) -> str:
        """How it is called in logs and health: with its object where the kind has several in its system."""
        return f"{self.system}.{self.kind}" + (f".{self.object}" if len(self.peers) > 1 else "")

    @property
    def peer_ids(self) -> list[int]:
        """The numbers of all objects of the kind in this system."""
        return [peer.id for peer in self.peers] or [self.id]

    def __post_init__(self) -> None:
        self.due_map = self.map
        connector = self.connector  # asked once: to ask what a connector can costs more than many a call
        self.fetcher = connector if isinstance(connector, CanFetch) else None
        self.finder = connector if isinstance(connector, CanFind) else None
        keeps = isinstance(connector, CanHistory) and not self.can.compare_and_set
        self.historian = connector if isinstance(connector, CanHistory) and keeps else None
        self.reads = self.settings.direction is not Direction.OUT
        self.writes = self.settings.direction is not Direction.IN

    def version_told(self, change: Change, link: Link) -> str | None:
        """The version of which all that we know of the record was seen: none where a field was left out.

        Compare-and-set would pass over an edit of that field.
        """
        told = change.fields
        if told.keys() >= self.mapped:
            return change.remote_version
        left_out = self.hidden(link.shadow.keys() & self.mapped, told)
        return None if left_out else change.remote_version

    def hidden(self, names: Set[str], told: Fields) -> frozenset[str]:
        """Those of some remote fields that a read should have told of, and did not."""
        left_out = names - told.keys()
        if not left_out:
            return frozenset()
        return frozenset(
            n for e in self.map.entries if e.direction is not Direction.OUT for n in e.remote if n in left_out
        )

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

    `along` are copies that went with others which we deleted. `read_at` is when a read last came to its
    end, None before the first.
    """

    read: int = 0
    dropped: int = 0
    applied: int = 0
    held: int = 0
    pushed: int = 0
    calls: int = 0
    conflicts: int = 0
    parked: int = 0
    along: int = 0
    read_at: datetime | None = None

    def with_other(self, other: Counters) -> Counters:
        """Both together; the older end of a read counts."""
        ends = [end for end in (self.read_at, other.read_at) if end is not None]
        numbers = [item.name for item in fields(self) if item.name != "read_at"]
        sums = {name: getattr(self, name) + getattr(other, name) for name in numbers}
        return Counters(**sums, read_at=min(ends) if len(ends) == 2 else None)


@dataclass(frozen=True, slots=True)
class Doubt:
    """A create whose answer was lost, where our key can only be looked for.

    `batch` is its unsettled send, of `fields` under `versions`; not before `at` (seconds, monotonic) does a
    look-up count.
    """

    batch: int
    at: float
    fields: Fields
    versions: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Pointed:
    """A reference that a remote refused: by the remote field `name`, to the id `target`.

    The id is of an object among `streams`.
    """

    name: str
    target: str
    streams: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """The newest change of an id that waits in the inbox: its row and what it says."""

    row: int
    fields: Fields


@dataclass(slots=True)
class World:
    """The engine's shared state.

    `tags` are (first number, tag), ascending: what tells this store's keys from others; see `key_of`.
    `flying` holds (stream, record id) of writes under way, `flying_ids` the same by remote id. `creating`
    holds the open create calls per stream. `queued` keeps, per (stream, remote id), the newest change that
    waits in the inbox; `refetch` the ids that are to be read again, each with the newest inbox row that asks
    for it, `fetching` those whose read has begun, with the newest row that it answers, `hints` what is said
    of those for which nothing but a webhook asks and which a write of ours may
    explain. `landed` counts the calls that were settled. `stales` holds, per (stream, record id), the version
    by which a write was last called stale, and how often; `unread`, per (stream, remote id), how often a read
    by id failed; `pointed` the reference, per (stream, record id), for which a write was refused last, and
    whose target was to be looked at before the next try. `retrying` are creates whose answer was lost and
    that are made once more under the same id of our choice: until then they are open. `unanswered`: what such
    a create said, also one under a unique key, and its versions. `given_up` are ids
    that a person was told of, for they cannot be read. `asleep` are streams
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
    queued: Places[Waiting] = field(default_factory=Places)
    refetch: dict[tuple[int, str], int] = field(default_factory=dict)
    fetching: dict[tuple[int, str], int] = field(default_factory=dict)
    hints: Places[Hint] = field(default_factory=Places)
    sent: dict[tuple[int, str], list[Sent]] = field(default_factory=dict)
    touched: Touched = field(default_factory=Touched)
    fresh: dict[int, Record] = field(default_factory=dict)
    landed: int = 0
    doubts: dict[tuple[int, int], Doubt] = field(default_factory=dict)
    retrying: set[tuple[int, int]] = field(default_factory=set)
    unanswered: dict[tuple[int, int], tuple[Fields, Mapping[str, int]]] = field(default_factory=dict)
    parked: set[int] = field(default_factory=set)
    tries: dict[tuple[int, int], int] = field(default_factory=dict)
    stales: dict[tuple[int, int], tuple[str, int]] = field(default_factory=dict)
    unread: dict[tuple[int, str], int] = field(default_factory=dict)
    given_up: set[tuple[int, str]] = field(default_factory=set)
    pointed: dict[tuple[int, int], Pointed] = field(default_factory=dict)
    flaps: Flaps = field(default_factory=Flaps)
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
        for peer in self.streams[send.stream].peer_ids:
            if self.queued.any_of(peer) or self.hints.any_of(peer):
                self.bells.ring_inbox(peer)

    def in_flight(self, stream: int, remote_id: str) -> bool:
        """Whether a write of ours to a remote record is not answered, or may be what makes it now."""
        return (stream, remote_id) in self.flying_ids or bool(self.creating.get(stream))

    def will_read(self, stream: int, remote_id: str) -> bool:
        """Whether a remote record is to be read by id, from now on."""
        place = (stream, remote_id)
        return self.refetch.get(place, 0) > self.fetching.get(place, 0)

    def asked(self, stream: int, rows: Iterable[tuple[str, int]]) -> None:
        """Ids that are to be read again, each with the inbox row that says so.

        A row can be seen a moment before its transaction is known to be committed: its read may have begun.
        """
        for remote_id, row in rows:
            self.refetch[stream, remote_id] = max(row, self.refetch.get((stream, remote_id), 0))

    def answered(self, rows: Mapping[tuple[int, str], int]) -> dict[tuple[int, str], int]:
        """Ids that were read, each with the newest inbox row that the read answers; returns those forgotten.

        Who asked since is waited for. Call it in the writer's turn: who committed before has asked by then.
        """
        done = {
            place: self.refetch[place] for place, row in rows.items() if 0 < self.refetch.get(place, 0) <= row
        }
        for place in done:
            del self.refetch[place]
        return done

    def taken_up(self, rows: Mapping[tuple[int, str], int]) -> dict[tuple[int, str], Waiting]:
        """Changes that are applied now, each with the newest inbox row of them; returns those forgotten.

        Of an id for which a newer one waits, that one is kept. Call it in the writer's turn, too.
        """
        done = {
            p: self.queued[p] for p, row in rows.items() if p in self.queued and self.queued[p].row <= row
        }
        for place in done:
            del self.queued[place]
        return done

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
        """Whether reads wait to be applied among which may be records that nobody knows yet."""
        return any(self.queued.any_of(peer) for peer in self.streams[stream].peer_ids)

    def creatable(self, stream: int, records: Collection[int]) -> Collection[int]:
        """Of which records a copy may be made now: it may be among the strangers that wait to be looked at.

        Those whose create was not answered are made all the same: the strangers wait for them.
        """
        if not self.strangers_wait(stream):
            return records
        return set(self.open_creates(stream, records))

    def open_creates(self, stream: int, records: Iterable[int]) -> list[int]:
        """Those of which nobody knows yet whether a copy was made: no answer came."""
        return [n for n in records if (stream, n) in self.retrying or (stream, n) in self.doubts]

    def create_open(self, stream: int) -> bool:
        """Whether an unknown id may be what a create of ours made, or whom it is made for, in any object."""
        peers = self.streams[stream].peer_ids
        return any(self.creating.get(n) for n in peers) or any(n in peers for n, _ in self.retrying)

    def sure(self, stream: int, record: int) -> None:
        """What became of a create is known."""
        self.doubts.pop((stream, record), None)
        if (stream, record) in self.retrying:
            self.retrying.remove((stream, record))
            for peer in self.streams[stream].peer_ids:
                self.bells.ring_inbox(peer)

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
        self.touched.note(records, seq)

    def remember(self, stream: int, remote_id: str, link: Link, sent: Fields, after: int | None) -> None:
        """Keep a write to `link` for reads that were on their way; the oldest are forgotten."""
        write = self.written(stream, remote_id, link, sent, after)
        known = self.sent.pop((stream, remote_id), [])
        self.sent[stream, remote_id] = [*known[-KEPT:], write]
        if len(self.sent) > RECENT:
            self.sent.pop(next(iter(self.sent)))

    def written(self, stream: int, remote_id: str, link: Link, sent: Fields, after: int | None) -> Sent:
        """What is to be kept of a write.

        A write on top of another counts from where that one began: an answer shows nothing of what a
        person did meanwhile.
        """
        known = self.sent.get((stream, remote_id), [])
        over = bool(known) and known[-1].after in (None, link.evidence)
        return Sent(known[-1].before if over else link.evidence, after, link.shadow, sent)
