"""The link machine under random schedules: write start, remote commit, answer and lost answer are steps.

The model stands where the engine stands: it holds the inbox, starts pushes, loses answers. All decisions
are `conflict`'s own. `tests/sim/oracle.py` judges the end; `Model.happened` counts what a schedule held.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from conflict.due import Due, due
from conflict.link import Gate, gate, see
from conflict.rules import RuleBook
from conflict.settle import accepted, uncertain
from conflict.suspects import Sent, joined, overwritten, suspects
from conflict.verdict import Moved, verdict
from syncd.core.equality import reduces
from syncd.core.fieldmap import Direction, Drift, Refs
from syncd.core.nouns import Accepted, Candidate, Change, Clash, Rule, Stamp, StoredBy
from syncd.core.state import Agreed, Link, Record, Stamps
from tests.sim.history import BLANK, History, edit_of
from tests.sim.maps import Lane, PlainMap, plain_map
from tests.sim.people import People
from tests.sim.remote import Quirks, Remote

FIELDS = ("Name", "Held", "Tags", "Score")
LANES = (
    Lane(),
    Lane(),
    Lane(Direction.OUT),
    Lane(Direction.OUT, Drift.LEAVE),
    Lane(Direction.IN),
)
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
        self.rules = random.Random(-1 - seed)  # of their own, so that they move nothing else of a schedule
        self.edits_left = edits
        self.seq = 1
        self.now = 100.0
        self.happened: Counter[str] = Counter()
        self.history = History()
        self.seen: set[int] = set()
        self.known: dict[str, frozenset[int]] = {}
        self.clashes: list[Clash] = []
        self.blind: list[Clash] = []  # those where the system that speaks had no base
        self.faults: list[str] = []
        self.unanswered: set[tuple[str, str]] = set()
        self.excused: set[int] = set()
        self.first_elements: set[str] = set()
        self.coincided: set[str] = set()
        self.imitated: set[str] = set()
        self.looked: dict[str, tuple[Candidate, ...]] = {}
        self.stood: dict[str, set[int]] = {}
        self.again: set[int] = set()  # edits that stood, lost, and stand again
        self.book = RuleBook(self.random.choice(RULES))
        self.unblocked = False
        self.count = self.random.choice((2, 2, 3, 3, 4))
        self._begin()

    # -- the start -----------------------------------------------------------------------------------

    def _begin(self) -> None:
        names = [f"s{i}" for i in range(self.count)]
        lanes = {name: self.random.choice(LANES) if name != "s0" else Lane() for name in names}
        self.maps: dict[str, PlainMap] = {name: plain_map(name, lanes[name]) for name in names}
        self.lanes = lanes
        self.remotes = {name: Remote(name, self._quirks(), dict.fromkeys(FIELDS)) for name in names}
        self.people = People(self.random, self.history, self.remotes, self.happened)
        self.reads: dict[str, list[Read]] = {name: [] for name in names}
        self.held: dict[str, list[Read]] = {name: [] for name in names}
        self.fetch: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
        self.limbo: dict[str, list[Flight]] = {name: [] for name in names}
        self.flights: dict[str, Flight] = {}
        self.sent: dict[str, list[Sent]] = {name: [] for name in names}
        self.doubt: dict[str, int] = {}
        self.complete = dict.fromkeys(names, 0)
        self.told = dict.fromkeys(names, -1)
        based = self.random.random() < 0.8
        self._first_values(based)
        self.copies = set() if based else set(self.history.field_of)
        start = self.remotes["s0"].values if based else {}
        fields = {name.lower(): value for name, value in start.items()}
        self.record = Record(1, "contact", 1 if based else 0, fields, Stamps(Stamp(1, "s0", None, 0)))
        self.links = {name: self._link(name, based) for name in names}
        self._count_start(based)

    def _quirks(self) -> Quirks:
        pick = self.random
        return Quirks(
            normalise=pick.choice(("keep",) * 5 + ("fold", "fold", "cut")),
            guard=pick.choice(("compare", "compare", "compare", "read", "read", "none")),
            stored=pick.random() < 0.6,
            clock=pick.choice((0.0, 0.0, 1.0, -1.0)),
            rewrites=self.rules.choice((0.0,) * 7 + (0.4,)),
        )

    def _first_values(self, based: bool) -> None:
        """With a base all hold the same; without one, the same, another value or a blank."""
        texts = [target for target in FIELDS if target != "Tags"]
        for target in texts:
            self.people.write_text(self.remotes["s0"], target, (), self.now)
            first = self.remotes["s0"].values[target]
            for name in self.remotes:
                dice = 0.0 if based else self.random.random()
                if name == "s0" and dice > 0.8:
                    self.remotes[name].person(target, None)
                elif name != "s0" and dice < 0.4:
                    stored = self.remotes[name].person(target, first)
                    self.history.forms[edit_of(first)].add(stored)
                elif name != "s0" and dice < 0.8:
                    self.people.write_text(self.remotes[name], target, (), self.now)
        if not based:
            self._first_elements()
        for remote in self.remotes.values():
            remote.log.clear()

    def _first_elements(self) -> None:
        """What two systems hold from the start is one thing: without a base nobody could tell them apart."""
        made: dict[str, int] = {}
        self.first_elements = {"t0"}
        for name, remote in self.remotes.items():
            for element in self.random.sample(("t0", f"t{name}"), self.random.choice((0, 1, 2))):
                if element not in made:
                    made[element] = self.history.new_operation(element, True, name, frozenset())
                remote.elements[element] = frozenset({made[element]})
            remote.values["Tags"] = sorted(remote.elements) or None

    def _link(self, name: str, based: bool) -> Link:
        if not based:
            return Link(name, "contacts", name, 1)
        values, version = self.remotes[name].read()
        return Link(name, "contacts", name, 1, shadow=values, agreed=Agreed(1), remote_version=version)

    def _count_start(self, based: bool) -> None:
        self.happened[f"{self.count} systems"] += 1
        self.happened["with a base" if based else "first links without a base"] += 1
        for name, remote in self.remotes.items():
            self.happened[f"guard {remote.quirks.guard}"] += 1
            self.happened[f"system that normalises: {remote.quirks.normalise}"] += 1
            self.happened[f"lane {self.lanes[name].direction}"] += 1

    # -- steps ---------------------------------------------------------------------------------------

    def run(self, steps: int = 70) -> None:
        """A random schedule; quiet while the blocked field stays blocked; unblocked, and quiet again."""
        for _ in range(steps):
            self.step()
        self._land_late(everything=True)
        if not self.unblocked and self.random.random() < 0.5:
            self.happened["rest while blocked"] += 1
            self._rest()
            self.faults += self._blocked_faults()
        self.unblocked = True
        self._rest()

    def _rest(self) -> None:
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
        if self.limbo[name]:
            choices.append(self._land_one)
        if self.record.contests and self.random.random() < 0.1:
            choices.append(self._look)
        self.random.choice(choices)(name)

    def _person(self, name: str) -> None:
        self.edits_left -= 1
        self.happened["edit"] += 1
        self.happened["edit while a write is in flight"] += name in self.flights
        self.happened["edit of a field under an open conflict"] += bool(self._open())
        self.people.edit(name, self.now)
        self._notice_imitation(name)
        if self.random.random() < 0.3:  # a webhook: prompt, and told once
            self._start_read(name)
            self._deliver(name)

    def _notice_imitation(self, name: str) -> None:
        """A person typed what a write of ours that nobody answered says as well: the two look the same."""
        target, _, value, _ = self.remotes[name].log[-1]
        ghosts = self.links[name].ghosts.get(target, ())
        flying = [flight.due.fields for flight in (*self.limbo[name], *self.flights.values())]
        told = [g.value for g in ghosts] + [sent[target] for sent in flying if target in sent]
        if any(reduces(value, ours) for ours in told):
            self.happened["edit that looks like an unanswered write"] += 1
            self.imitated.add(target.lower())

    def _snapshot(self, name: str, **more: Any) -> Read:
        remote = self.remotes[name]
        values, version = remote.read()
        self.seq += 1
        when = datetime.fromtimestamp(remote.modified + remote.quirks.clock, UTC)
        change = Change(name, "contacts", name, fields=values, remote_version=version, occurred_at=when)
        return Read(replace(change, evidence=self.seq), dict(remote.elements), **more)

    def _start_read(self, name: str) -> None:
        if len(self.reads[name]) >= 3:
            return
        read = self._snapshot(name)
        if self.random.random() < 0.15:
            told = {key: v for key, v in read.change.fields.items() if self.random.random() < 0.5}
            read.change = replace(read.change, fields=told, partial=True)
            self.happened["partial read"] += 1
        else:
            self.told[name] = self.remotes[name].version
        self.reads[name].append(read)

    def _deliver(self, name: str) -> None:
        """Reads of one feed arrive in any order, some twice: pages, webhooks, look-ups, a crash between."""
        reads = self.reads[name]
        if not reads:
            return
        index = self.random.randrange(len(reads))
        self.happened["read that overtook another"] += index > 0
        read = reads[index]
        if self.random.random() < 0.05 and not read.fetched:
            self.happened["read delivered twice"] += 1
        else:
            reads.pop(index)
        self._see(name, read)

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
            suspected = joined(suspected, wanted)
        self.fetch[name] = []
        self.reads[name].append(self._snapshot(name, fetched=True, suspected=suspected))

    # -- what a read does ----------------------------------------------------------------------------

    def _see(self, name: str, read: Read) -> None:
        self._remember(name, read)
        link = self.links[name]
        decision = gate(link, read.change, in_flight=name in self.flights, fetched=read.fetched)
        self.happened[f"read {decision}"] += 1
        if decision is Gate.HOLD:
            self.held[name].append(read)
        elif decision is Gate.REFETCH:
            for write in self.sent[name]:
                read.suspected = joined(read.suspected, suspects(read.change, write))
            self.fetch[name].append(read.suspected)
        else:
            self._doubtful(name, read)
            self._list(overwritten(self.record, name, read.suspected, read.change.fields, self.maps[name]))
            if decision is Gate.APPLY:
                self._apply(name, read)

    def _remember(self, name: str, read: Read) -> None:
        """From here on syncd answers for these edits; those in a field that only we write never count."""
        for key, value in read.change.fields.items():
            if key != "Score" or self.lanes[name].direction is not Direction.OUT:
                self.seen.add(edit_of(value))
            if read.change.evidence > self.seq - 1 and key in self.remotes[name].covered:
                self._see_late(name, key, value)

    def _see_late(self, name: str, key: str, value: Any) -> None:
        if self.remotes[name].values[key] == value and name not in self.flights:
            self.remotes[name].covered.pop(key)

    def _doubtful(self, name: str, read: Read) -> None:
        """A set put back to what it was before a write whose answer was lost looks like no write at all."""
        if read.fetched and name in self.doubt:
            since = self.doubt.pop(name)
            here = frozenset().union(*read.elements.values()) if read.elements else frozenset()
            self.excused |= {op for op in here if op > since and self.history.made_in[op] == name}

    def _apply(self, name: str, read: Read) -> None:
        if "Tags" in read.change.fields:
            self._know_elements(name, read)
        if not read.change.partial:
            self.complete[name] = read.change.evidence
        self.seq += 1
        before = self.links[name]
        out = see(
            self.record,
            before,
            read.change,
            self.maps[name],
            self.book,
            refs=self._refs(),
            event=self.seq,
        )
        self._count_seen(before, read.change, out)
        self.record, self.links[name] = out.record, out.link
        self._stands(out.changed)
        self._list(out.clashes)
        self.blind += [clash for clash in out.clashes if clash.field.capitalize() not in before.shadow]
        if "Tags" in read.change.fields and read.change.fields["Tags"] == out.record.fields.get("tags"):
            self._coincide(read)

    def _stands(self, changed: Mapping[str, Any]) -> None:
        for name in changed.keys() - {"tags"}:
            stood, edit = self.stood.setdefault(name, set()), edit_of(changed[name])
            self.again |= stood & {edit}
            stood.add(edit)

    def _coincide(self, read: Read) -> None:
        """Equal sets agree, though an element may be there by another's hand than the one that we know of."""
        self.coincided |= {
            element
            for element, known in self.known.items()
            if known - read.elements.get(element, frozenset())
        }

    def _know_elements(self, name: str, read: Read) -> None:
        before = set(self.links[name].shadow.get("Tags") or ())
        after = set(read.change.fields["Tags"] or ())
        for element, history in read.elements.items():
            known = self.known.get(element, frozenset())
            if (element in before) == (element in after):
                # taken out and put back between two reads: a state that did not stand until the next read
                self.excused |= {op for op in history - known if self.history.made_in[op] == name}
            self.known[element] = known | history

    def _count_seen(self, before: Link, change: Change, out: Any) -> None:
        ghosts = [sum(map(len, link.ghosts.values())) for link in (before, out.link)]
        self.happened["unanswered write seen to have landed"] += ghosts[1] < ghosts[0]
        self.happened["open conflict closed by itself"] += len(out.closed)
        raised = any(out.link.agreed.of(f) > before.agreed.of(f) for f in ("name", "held", "score"))
        self.happened["agreed by a read"] += raised and not out.changed
        for key in before.unsure & change.fields.keys():
            was, now = before.shadow.get(key), change.fields[key]
            if was != now and reduces(now, was) and out.record.fields == self.record.fields:
                self.happened["reduction of what we sent, told by no answer"] += 1
        lane = self.lanes[change.system]
        if lane.direction is Direction.OUT and "Score" in change.fields and "Score" in before.shadow:
            self.happened[f"drift, {lane.drift}"] += before.shadow["Score"] != change.fields["Score"]

    def _list(self, clashes: list[Clash]) -> None:
        for clash in clashes:
            self.happened["clash open" if clash.open else f"clash decided: {clash.rule}"] += 1
            self.happened["contest of three or more"] += len(clash.candidates) > 2
        self.clashes += clashes

    def _refs(self) -> Refs:
        return Refs(outward={1: "1"}) if self.unblocked else Refs()

    # -- what a write does ---------------------------------------------------------------------------

    def _start_write(self, name: str) -> None:
        if self.reads_pending_by_id(name):
            return
        link, remote = self.links[name], self.remotes[name]
        todo = due(self.record, link, self.maps[name], self._refs())
        self.happened["blocked field"] += bool(todo.blocked)
        if not todo.fields:
            return
        if remote.quirks.guard == "read":
            guard = self._snapshot(name, fetched=True)
            if any(link.shadow.get(key) != value for key, value in guard.change.fields.items()):
                self.happened["guard read that differed"] += 1
                self._see(name, guard)
                return
        self.flights[name] = Flight(
            todo, link.remote_version, self.complete[name], dict(link.shadow), dict(self.known)
        )

    def reads_pending_by_id(self, name: str) -> bool:
        """A record that is to be read again is not written before that."""
        return bool(self.fetch[name]) or any(read.fetched for read in self.reads[name])

    def _commit(self, name: str, flight: Flight) -> None:
        remote = self.remotes[name]
        if self.random.random() < 0.08:
            flight.outcome = "never"
            if self.random.random() < 0.6:
                self.limbo[name].append(flight)
            return
        before = dict(remote.values)
        if not self._write(remote, flight):
            flight.outcome = "stale"
            self.happened["stale compare-and-set"] += 1
            return
        self._rewrite(remote, flight)
        flight.outcome = "committed"
        flight.edit = self.history.last
        flight.stored, flight.version = remote.read()
        flight.elements = dict(remote.elements)
        self._count_commit(remote, flight, before)

    def _rewrite(self, remote: Remote, flight: Flight) -> None:
        """In the very save, before anybody is answered. A field that only we write keeps to us.

        Not where an answer tells the new version and not what was stored: compare-and-set would then pass
        over the rule's word, and over its next one, which nobody ever saw.
        """
        if remote.quirks.guard == "compare" and not remote.quirks.stored:
            return
        for key in flight.due.fields:
            ours = key == "Score" and self.lanes[remote.name].direction is Direction.OUT
            if key != "Tags" and not ours and self.rules.random() < remote.quirks.rewrites:
                self.people.rewrite(remote, key, self.now)

    def _write(self, remote: Remote, flight: Flight, *, late: bool = False) -> bool:
        before = dict(remote.values)
        if not remote.write(flight.due.fields, flight.expected, self.now, late=late):
            return False
        self.faults += [
            f"sent {remote.name}.{key}, which was there and known"
            for key, value in flight.due.fields.items()
            if flight.old_shadow.get(key) == value
        ]
        if remote.quirks.guard == "compare":
            self.faults += _unseen_overwrites(remote, flight, before)
        if "Tags" in flight.due.fields:
            self._overwrite_set(remote, flight.known)
        return True

    def _count_commit(self, remote: Remote, flight: Flight, before: dict[str, Any]) -> None:
        self.happened["write"] += 1
        self.happened["write of a set"] += "Tags" in flight.due.fields
        self.happened["write of a field once blocked"] += "Held" in flight.due.fields
        for key, value in flight.due.fields.items():
            self.happened["value that the remote normalised"] += flight.stored[key] != value
            unseen = edit_of(before[key]) not in self.seen and edit_of(before[key]) != BLANK
            self.happened["unseen edit overwritten without compare-and-set"] += (
                unseen and remote.quirks.guard != "compare"
            )

    def _overwrite_set(self, remote: Remote, known: Mapping[str, frozenset[int]]) -> None:
        """Our write replaces the whole set: what it did not know of and no guard refused is gone unseen."""
        for element in {*remote.elements, *known}:
            here, ours = remote.elements.get(element, frozenset()), known.get(element, frozenset())
            if remote.quirks.guard != "compare":
                self.excused |= {op for op in here - ours if self.history.made_in[op] == remote.name}
            remote.elements[element] = here | ours

    def _land_one(self, name: str) -> None:
        """A write that was given up reaches the remote after all."""
        flight = self.limbo[name].pop(0)
        if self.flights.get(name) is flight:
            self.limbo[name].append(flight)  # nobody has given it up yet
        elif self._write(self.remotes[name], flight, late=True):
            self.happened["late landing"] += 1

    def _land_late(self, *, everything: bool) -> None:
        while everything and any(self.limbo.values()):
            for name in self.remotes:
                if self.limbo[name]:
                    if self.flights.get(name) is self.limbo[name][0]:
                        self._answer(name, self.flights[name])
                    self._land_one(name)

    def _answer(self, name: str, flight: Flight) -> None:
        del self.flights[name]
        link = self.links[name]
        self.seq += 1
        after: int | None = self.seq
        lost = flight.outcome != "stale" and (flight.outcome == "never" or self.random.random() < 0.15)
        if lost or flight.outcome == "committed":
            for edit, covered in self.remotes[name].answered(lost=lost and flight.outcome == "committed"):
                self.happened["text edited on top of an unanswered write"] += 1
                self.history.typed_over[edit].add(edit_of(covered))
        if flight.outcome == "stale":
            self.fetch[name].append({})
            return
        if lost:
            self.happened["answer lost"] += 1
            self.links[name] = uncertain(link, flight.due.fields, flight.due.versions)
            if flight.outcome == "committed":
                self.doubt[name] = flight.edit
            else:
                here = self.remotes[name].values
                said = {key for key, value in flight.due.fields.items() if reduces(here[key], value)}
                self.imitated |= {key.lower() for key in said}
            self.unanswered |= {(name, field) for field in flight.due.fields}
            self.fetch[name].append({})
            after = None
        else:
            self._accepted(name, flight)
        self.sent[name].append(Sent(flight.before, after, flight.old_shadow, flight.due.fields))

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
            self.happened["answer with news of other fields"] += 1
            change = Change(name, "contacts", name, fields=settled.read, partial=True, evidence=self.seq)
            self._see(name, Read(change, dict(flight.elements), fetched=True))

    # -- the end -------------------------------------------------------------------------------------

    def _drain(self) -> bool:
        """Let everything arrive; whether anything was still to be done."""
        for name in self._open():
            self._look(name)
            self._look(name)
        for name in self.remotes:
            self._settle_down(name)
            self._land_late(everything=True)
            if self.told[name] != self.remotes[name].version:  # the feed tells each state, but only once
                self.told[name] = self.remotes[name].version
                self._see(name, self._snapshot(name))
        for name in self.remotes:
            self._work(name)
        return bool(self.flights) or any(self.fetch.values()) or any(self.held.values()) or self._behind()

    def _settle_down(self, name: str) -> None:
        for _ in range(500):
            if not (self.flights.get(name) or self.fetch[name] or self.held[name] or self.reads[name]):
                return
            self._deliver(name)
            self._work(name)
        raise AssertionError(f"{name} never came to rest")

    def _behind(self) -> bool:
        todo = (due(self.record, link, self.maps[name], self._refs()) for name, link in self.links.items())
        return any(found.fields for found in todo) or bool(self._open())

    def _blocked_faults(self) -> list[str]:
        """All but the blocked field has arrived, and the blocked one is still owed."""
        found = []
        for name, remote in self.remotes.items():
            for key in ("Name", "Tags"):
                here, ours = remote.values[key], self.record.fields.get(key.lower())
                if (edit_of(here) or here) != (edit_of(ours) or ours):
                    found.append(f"held back: {name}.{key} is {here!r} in place of {ours!r}")
        return found

    def _open(self) -> Mapping[str, Any]:
        return {name: held for name, held in self.record.contests.items() if held.open}

    def _look(self, _name: str) -> None:
        """A person looks at what is open, and, once looked, says what is right: knowing every candidate."""
        for name, held in self._open().items():
            if name in self.looked:
                self._say(name, self.looked.pop(name))
            else:
                self.looked[name] = held.candidates

    def _say(self, name: str, looked: tuple[Candidate, ...]) -> None:
        self.seq += 1
        edit = self.history.new_text(name, "person", [edit_of(c.value) for c in looked])
        text = f"E{edit:02d}"
        self.history.forms[edit].add(text)
        saw = [c.version for c in looked]
        try:
            self.record = verdict(self.record, name, text, saw, time=self.now, event=self.seq)
            self.happened["verdict"] += 1
        except Moved:
            self.happened["verdict refused: candidates moved"] += 1


def _unseen_overwrites(remote: Remote, flight: Flight, before: dict[str, Any]) -> list[str]:
    """A compare-and-set that passed says that the remote was what the shadow says, up to a reduction."""
    return [
        f"compare-and-set passed in {remote.name}.{key}, though {before[key]!r} was there unseen"
        for key in flight.due.fields
        if before[key] != flight.old_shadow.get(key) and not reduces(before[key], flight.old_shadow.get(key))
    ]
