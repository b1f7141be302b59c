"""The link machine under random schedules: write start, remote commit, answer and lost answer are steps.

The model stands where the engine stands: it holds the inbox, starts pushes, loses answers. All decisions
are `conflict`'s own. `tests/sim/oracle.py` judges the end.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from conflict.due import Due, due
from conflict.link import Gate, gate, see
from conflict.rules import RuleBook
from conflict.settle import accepted, uncertain
from conflict.suspects import Sent, overwritten, suspects
from conflict.verdict import verdict
from syncd.core.fieldmap import Refs
from syncd.core.nouns import Accepted, Change, Clash, Rule, Stamp, StoredBy
from syncd.core.state import Agreed, Link, Record, Stamps
from tests.sim.maps import PlainMap, plain_map
from tests.sim.remote import Quirks, Remote, edit_of

RULES = (
    (Rule("prefer", args={"systems": ("s1", "s0")}), Rule("ask")),
    (Rule("newest", args={"skew": 2.0}), Rule("prefer", args={"systems": ("s0", "s1", "s2", "s3")})),
    (Rule("longest"), Rule("oldest"), Rule("ask")),
    (Rule("ask"),),
    (Rule("newest", args={"skew": 0.0}), Rule("prefer", args={"systems": ("s2", "s1", "s0", "s3")})),
)


@dataclass
class Read:
    """A read on its way: what it saw, when it began, and whether it was by id."""

    change: Change
    elements: dict[str, frozenset[int]]
    fetched: bool = False
    suspected: dict[str, Any] = field(default_factory=dict)


@dataclass
class Flight:
    """A write on its way."""

    due: Due
    expected: str | None
    before: int
    old_shadow: dict[str, Any]
    known: dict[str, frozenset[int]]
    elements: dict[str, frozenset[int]] = field(default_factory=dict)
    outcome: str = "started"  # then committed, stale or never
    edit: int = 0
    stored: dict[str, Any] = field(default_factory=dict)
    version: str | None = None


class Model:
    """One record, two to four remotes, one schedule."""

    def __init__(self, seed: int, edits: int = 10) -> None:
        self.random = random.Random(seed)
        self.edits_left = edits
        self.seq = 1
        self.edit = 0
        self.now = 100.0
        self.parents: dict[int, frozenset[int]] = {}
        self.ops: dict[int, tuple[str, bool, frozenset[int]]] = {}
        self.seen: set[int] = set()
        self.known: dict[str, frozenset[int]] = {}
        self.clashes: list[Clash] = []
        self.unanswered: set[tuple[str, str]] = set()
        self.field_of: dict[int, str] = {}
        self.author_of: dict[str, str] = {}
        self.made_in: dict[int, str] = {}
        self.excused: set[int] = set()
        self.book = RuleBook(self.random.choice(RULES))
        self.unblocked = False
        self.count = self.random.choice((2, 2, 3, 3, 4))
        self._begin()

    # -- the start -----------------------------------------------------------------------------------

    def _begin(self) -> None:
        names = [f"s{i}" for i in range(self.count)]
        self.maps: dict[str, PlainMap] = {name: plain_map(name) for name in names}
        self.remotes = {name: Remote(name, self._quirks(), {}) for name in names}
        self.reads: dict[str, list[Read]] = {name: [] for name in names}
        self.held: dict[str, list[Read]] = {name: [] for name in names}
        self.fetch: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
        self.flights: dict[str, Flight] = {}
        self.sent: dict[str, list[Sent]] = {name: [] for name in names}
        self.doubt: dict[str, int] = {}
        based = self.random.random() < 0.8
        first = self._values()
        for remote in self.remotes.values():
            for name, value in (first if based else self._values()).items():
                remote.person(name, value)
            remote.log.clear()
        start = self.remotes["s0"].values if based else {}
        fields = {name.lower(): value for name, value in start.items()}
        self.record = Record(1, "contact", 1 if based else 0, fields, Stamps(Stamp(1, "s0", None, 0)))
        self.links = {name: self._link(name, based) for name in names}

    def _quirks(self) -> Quirks:
        pick = self.random
        return Quirks(
            normalise=pick.random() < 0.3,
            guard=pick.choice(("compare", "compare", "read")),
            stored=pick.random() < 0.6,
            clock=pick.choice((0.0, 0.0, 1.0, -1.0)),
        )

    def _values(self) -> dict[str, Any]:
        return {"Name": self._text("Name"), "Held": self._text("Held"), "Tags": None}

    def _text(self, target: str, parents: frozenset[int] = frozenset()) -> str:
        self.edit += 1
        self.parents[self.edit] = parents
        self.field_of[self.edit] = target.lower()
        return f"E{self.edit}" + self.random.choice(("", "x", "-Long", " "))

    def _link(self, name: str, based: bool) -> Link:
        if not based:
            return Link(name, "contacts", name, 1)
        values, version = self.remotes[name].read()
        shadow = dict(values)
        if self.remotes[name].quirks.normalise:
            self.seen.update(e for v in values.values() if (e := edit_of(v)))
        return Link(name, "contacts", name, 1, shadow=shadow, agreed=Agreed(1), remote_version=version)

    # -- steps ---------------------------------------------------------------------------------------

    def run(self, steps: int = 70) -> None:
        """A random schedule, then quiet until nothing is left to do."""
        for _ in range(steps):
            self.step()
        self.unblocked = True
        for _ in range(60):
            if not self._drain():
                return
        raise AssertionError("the systems never came to rest")

    def step(self) -> None:
        """One random step of one system."""
        self.now += self.random.random() * 2
        name = self.random.choice(list(self.remotes))
        if self.random.random() < 0.02:
            self.unblocked = True
        choices = [self._start_read, self._deliver, self._deliver, self._work, self._work, self._work]
        if self.edits_left and self.random.random() < 0.6:
            choices.append(self._person)
        self.random.choice(choices)(name)

    def _person(self, name: str) -> None:
        self.edits_left -= 1
        remote = self.remotes[name]
        target = self.random.choice(("Name", "Name", "Held", "Tags"))
        if target == "Tags":
            self._edit_set(remote)
            return
        before = edit_of(remote.values[target])
        parents = frozenset() if before is None else self.parents[before] | {before}
        remote.person(target, self._text(target, parents))

    def _edit_set(self, remote: Remote) -> None:
        """Add a new element, take one out, or (its author only) put it back in."""
        tags = set(remote.values["Tags"] or ())
        mine = [e for e, author in self.author_of.items() if author == remote.name and e not in tags]
        element = self.random.choice([*sorted(tags), *mine, f"t{self.edit}"])
        self.author_of.setdefault(element, remote.name)
        self.edit += 1
        adding = element not in tags
        history = remote.elements.get(element, frozenset())
        self.ops[self.edit] = (element, adding, history)
        self.made_in[self.edit] = remote.name
        remote.elements[element] = history | {self.edit}
        remote.person("Tags", sorted(tags ^ {element}) or None)

    def _snapshot(self, name: str, **more: Any) -> Read:
        remote = self.remotes[name]
        values, version = remote.read()
        self.seq += 1
        when = datetime.fromtimestamp(self.now + remote.quirks.clock, UTC)
        change = Change(name, "contacts", name, fields=values, remote_version=version, occurred_at=when)
        return Read(replace(change, evidence=self.seq), dict(remote.elements), **more)

    def _start_read(self, name: str) -> None:
        if len(self.reads[name]) < 3:
            self.reads[name].append(self._snapshot(name))

    def _deliver(self, name: str) -> None:
        """Reads of one feed arrive in any order: pages, webhooks and look-ups overtake one another."""
        if self.reads[name]:
            self._see(name, self.reads[name].pop(self.random.randrange(len(self.reads[name]))))

    def _work(self, name: str) -> None:
        flight = self.flights.get(name)
        if flight is None:
            if self.fetch[name]:
                self._fetch(name)
            elif self.held[name]:
                self._see(name, self.held[name].pop(0))
            else:
                self._start_write(name)
        elif flight.outcome == "started":
            self._commit(name, flight)
        else:
            self._answer(name, flight)

    def _fetch(self, name: str) -> None:
        suspected: dict[str, Any] = {}
        for wanted in self.fetch[name]:
            suspected.update(wanted)
        self.fetch[name] = []
        self.reads[name].append(self._snapshot(name, fetched=True, suspected=suspected))

    # -- what a read does ----------------------------------------------------------------------------

    def _see(self, name: str, read: Read) -> None:
        self.seen.update(e for v in read.change.fields.values() if (e := edit_of(v)))
        link = self.links[name]
        decision = gate(link, read.change, in_flight=name in self.flights, fetched=read.fetched)
        if decision is Gate.HOLD:
            self.held[name].append(read)
        elif decision is Gate.REFETCH:
            for write in self.sent[name]:
                read.suspected |= suspects(read.change, write)
            self.fetch[name].append(read.suspected)
        else:
            self._doubtful(name, read)
            self.clashes += overwritten(
                self.record, name, read.suspected, read.change.fields, self.maps[name]
            )
            if decision is Gate.APPLY:
                self._apply(name, read)

    def _doubtful(self, name: str, read: Read) -> None:
        """A set put back to what it was before a write whose answer was lost looks like no write at all."""
        if read.fetched and name in self.doubt:
            since = self.doubt.pop(name)
            here = frozenset().union(*read.elements.values()) if read.elements else frozenset()
            self.excused |= {number for number in here if number > since and self.made_in[number] == name}

    def _apply(self, name: str, read: Read) -> None:
        before = set(self.links[name].shadow.get("Tags") or ())
        after = set(read.change.fields.get("Tags") or ())
        for element, history in read.elements.items():
            known = self.known.get(element, frozenset())
            if (element in before) == (element in after):
                # taken out and put back between two reads: a state that did not stand until the next read
                self.excused |= {op for op in history - known if self.made_in[op] == name}
            self.known[element] = known | history
        self.seq += 1
        out = see(
            self.record,
            self.links[name],
            read.change,
            self.maps[name],
            self.book,
            refs=self._refs(),
            event=self.seq,
        )
        self.record, self.links[name] = out.record, out.link
        self.clashes += out.clashes

    def _refs(self) -> Refs:
        return Refs(outward={1: "1"}) if self.unblocked else Refs()

    # -- what a write does ---------------------------------------------------------------------------

    def _start_write(self, name: str) -> None:
        if self.reads_pending_by_id(name):
            return
        link, remote = self.links[name], self.remotes[name]
        if not due(self.record, link, self.maps[name], self._refs()).fields:
            return
        if remote.quirks.guard == "read":
            guard = self._snapshot(name, fetched=True)
            if any(link.shadow.get(key) != value for key, value in guard.change.fields.items()):
                self._see(name, guard)
                return
        todo = due(self.record, link, self.maps[name], self._refs())
        self.flights[name] = Flight(
            todo, link.remote_version, link.evidence, dict(link.shadow), dict(self.known)
        )

    def reads_pending_by_id(self, name: str) -> bool:
        """A record that is to be read again is not written before that."""
        return bool(self.fetch[name]) or any(read.fetched for read in self.reads[name])

    def _commit(self, name: str, flight: Flight) -> None:
        remote = self.remotes[name]
        if self.random.random() < 0.06:
            flight.outcome = "never"
        elif remote.write(flight.due.fields, flight.expected):
            flight.outcome = "committed"
            flight.edit = self.edit
            flight.stored, flight.version = remote.read()
            if "Tags" in flight.due.fields:
                self._overwrite_set(remote, flight.known)
            flight.elements = dict(remote.elements)
        else:
            flight.outcome = "stale"

    def _overwrite_set(self, remote: Remote, known: Mapping[str, frozenset[int]]) -> None:
        """Our write replaces the whole set: what it did not know of and no guard refused is gone unseen."""
        for element in {*remote.elements, *known}:
            here, ours = remote.elements.get(element, frozenset()), known.get(element, frozenset())
            if remote.quirks.guard == "read":
                self.excused |= {op for op in here - ours if self.made_in[op] == remote.name}
            remote.elements[element] = here | ours

    def _answer(self, name: str, flight: Flight) -> None:
        del self.flights[name]
        link = self.links[name]
        self.seq += 1
        if flight.outcome == "stale":
            self.fetch[name].append({})
        elif flight.outcome == "never" or self.random.random() < 0.15:
            self.links[name] = uncertain(link, flight.due.fields, flight.due.versions)
            if flight.outcome == "committed":
                self.doubt[name] = flight.edit
            self.unanswered |= {(name, field) for field in flight.due.fields}
            self.fetch[name].append({})
        else:
            self._accepted(name, flight)
        if flight.outcome != "stale":
            self.sent[name].append(Sent(flight.before, self.seq, flight.old_shadow, flight.due.fields))

    def _accepted(self, name: str, flight: Flight) -> None:
        stored_by = StoredBy.ANSWER if self.remotes[name].quirks.stored else StoredBy.UNKNOWN
        stored = flight.stored if stored_by is StoredBy.ANSWER else {}
        answer = Accepted(1, name, flight.version, stored, stored_by)
        settled = accepted(
            self.record,
            self.links[name],
            flight.due.fields,
            flight.due.versions,
            answer,
            self.maps[name],
            self.seq,
            compared=self.remotes[name].quirks.guard == "compare",
        )
        self.record, self.links[name] = settled.record, settled.link
        if settled.read:
            change = Change(name, "contacts", name, fields=settled.read, partial=True, evidence=self.seq)
            self._see(name, Read(change, dict(flight.elements), fetched=True))

    # -- the end -------------------------------------------------------------------------------------

    def _drain(self) -> bool:
        """Let everything arrive; whether anything was still to be done."""
        self._decide_open()
        for name in self.remotes:
            while self.flights.get(name) or self.fetch[name] or self.held[name] or self.reads[name]:
                self._deliver(name)
                self._work(name)
            self._see(name, self._snapshot(name))
        for name in self.remotes:
            self._work(name)
        return bool(self.flights) or any(self.fetch.values()) or any(self.held.values()) or self._behind()

    def _behind(self) -> bool:
        todo = (due(self.record, link, self.maps[name], self._refs()) for name, link in self.links.items())
        return any(found.fields for found in todo) or bool(self._open())

    def _open(self) -> Mapping[str, Any]:
        return {name: held for name, held in self.record.contests.items() if held.open}

    def _decide_open(self) -> None:
        """A person looks at what is open and says what is right: an edit that knew every candidate."""
        for name, held in self._open().items():
            saw = [c.version for c in held.candidates]
            edits = {edit for c in held.candidates if (edit := edit_of(c.value))}
            parents = frozenset(edits.union(*(self.parents[edit] for edit in edits)))
            self.seq += 1
            value = self._text(name.title(), parents)
            self.record = verdict(self.record, name, value, saw, time=self.now, event=self.seq)
