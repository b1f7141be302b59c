"""Random schedules of two people who turn out to be one: edits, reads, writes, merges and conversions.

Systems keep two texts, take writes by compare-and-set and answer at once: what is tried here is what becomes
of values and links when records join. Reads are delivered late, twice and out of order. A merge keeps, per
field, either copy's value, or one that is typed over both. A conversion gives a copy a new id.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from conflict.due import due
from conflict.join import Copy, disown, ended, first_sight, has_ended, unite
from conflict.link import Gate, gate, see
from conflict.rules import RuleBook
from conflict.scope import entered, left
from conflict.settle import accepted
from conflict.verdict import verdict
from syncd.core.nouns import Accepted, Change, Clash, LinkState, Op, Rule, Stamp, StoredBy
from syncd.core.state import Agreed, Link, Record, Stamps
from tests.sim.history import History, edit_of
from tests.sim.maps import PlainEntry, PlainMap

FIELDS = {"Name": "name", "Phone": "phone"}
Place = tuple[str, str]
"""A system and the id of a copy there."""


@dataclass
class Copied:
    """One remote record. `heir` is the id that took its place; `inside` says that it takes part."""

    values: dict[str, Any]
    version: int = 1
    heir: str | None = None
    inside: bool = True


@dataclass
class Told:
    """A change on its way to us."""

    change: Change
    tries: int = 0


@dataclass
class Ways:
    """How two records become one; the mutants of the tests are other ways."""

    unite: Callable[..., Any] = unite
    ended: Callable[..., Link] = ended
    first_sight: Callable[[Link], Link] = first_sight
    disown: Callable[[Record, str], Record] = disown
    left: Callable[[Link, Change], Link] = lambda link, change: left(link, change.evidence)
    entered: Callable[[Link], Link] = entered


@dataclass
class JoinModel:
    """One schedule. `clashes` are all entries, `seen` the edits that a read showed us."""

    seed: int
    ways: Ways = field(default_factory=Ways)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.history = History()
        self.happened: Counter[str] = Counter()
        self.clashes: list[Clash] = []
        self.seen: set[int] = set()
        self.seq, self.last_id = 10, 0
        self.names = [f"s{n}" for n in range(self.random.randint(2, 4))]
        rule = self.random.choice([Rule("ask"), Rule("prefer", args={"systems": tuple(self.names)})])
        self.book = RuleBook([rule, Rule("ask")])
        entries = tuple(PlainEntry(ours, theirs) for theirs, ours in FIELDS.items())
        self.maps = {name: PlainMap(name, entries) for name in self.names}
        self.remotes: dict[Place, Copied] = {}
        self.links: dict[Place, Link] = {}
        self.records: dict[int, Record] = {}
        self.redirects: dict[int, int] = {}
        self.feed: list[Told] = []
        self.converted: set[Place] = set()
        self.faults: list[str] = []
        self._begin()

    def _begin(self) -> None:
        """Two people, each in some systems; one system has both."""
        both = self.random.choice(self.names)
        for record_id in (1, 2):
            values: dict[str, Any] = {}
            for theirs, ours in FIELDS.items():
                blank = self.random.random() < 0.25
                values[theirs] = None if blank else f"E{self.history.new_text(ours, 'start'):02d}"
            self.seen |= {edit_of(value) for value in values.values()}
            fields = {ours: values[theirs] for theirs, ours in FIELDS.items()}
            self.records[record_id] = Record(record_id, "contact", 1, fields, Stamps(Stamp(1, both, None, 1)))
            for name in self.names:
                if name == both or self.random.random() < 0.6:
                    place = (name, self._new_id())
                    self.remotes[place] = Copied(dict(values))
                    self.links[place] = Link(
                        name, "o", place[1], record_id, shadow=dict(values), agreed=Agreed(1),
                        remote_version="1", evidence=1,
                    )  # fmt: skip

    def _new_id(self) -> str:
        self.last_id += 1
        return f"r{self.last_id}"

    # -- what happens --------------------------------------------------------------------------------

    def run(self) -> None:
        """A schedule, and all that is left of it afterwards."""
        steps = [self._edit] * 4 + [self._deliver] * 5 + [self._push] * 4 + [self._merge, self._convert]
        steps += [self._cross] * 2
        for _ in range(self.random.randint(15, 40)):
            self.random.choice(steps)()
        for place, copy in self.remotes.items():
            if copy.heir is None and not copy.inside:
                self._cross(place)
        for _ in range(200):
            if not self._drain():
                return
        raise AssertionError("the systems never came to rest")

    def there(self) -> list[Place]:
        """The copies that are there, and of which somebody may know."""
        return [place for place, copy in self.remotes.items() if copy.heir is None]

    def _edit(self) -> None:
        place = self.random.choice(self.there())
        theirs = self.random.choice(list(FIELDS))
        copy = self.remotes[place]
        edit = self.history.new_text(FIELDS[theirs], place[0], [edit_of(copy.values[theirs])])
        copy.values[theirs] = f"E{edit:02d}"
        self._changed(place)

    def _cross(self, place: Place | None = None) -> None:
        """A copy takes part no more, or again, by a field that is not mapped."""
        place = place or self.random.choice(self.there())
        copy = self.remotes[place]
        copy.inside = not copy.inside
        self.happened["copy inside" if copy.inside else "copy outside"] += 1
        self._changed(place)

    def _changed(self, place: Place) -> None:
        self.remotes[place].version += 1
        self.feed.append(Told(self._snapshot(place)))

    def _snapshot(self, place: Place) -> Change:
        copy = self.remotes[place]
        self.seq += 1
        if copy.heir is not None:
            return self._gone(place, copy.heir)
        return Change(
            place[0], "o", place[1], fields=dict(copy.values), remote_version=str(copy.version),
            evidence=self.seq, actor="inside" if copy.inside else "outside",
        )  # fmt: skip

    def _gone(self, place: Place, heir: str) -> Change:
        op = Op.CONVERT if place in self.converted else Op.MERGE
        return Change(place[0], "o", place[1], op, survivor_id=heir, evidence=self.seq)

    def _merge(self) -> None:
        """Somebody merges two copies of one system; per field one value is kept, or a new one typed."""
        twos = [(a, b) for a in self.there() for b in self.there() if a != b and a[0] == b[0]]
        if not twos:
            return
        loser, winner = self.random.choice(twos)
        gone, left = self.remotes[loser], self.remotes[winner]
        for theirs, ours in FIELDS.items():
            fate = self.random.choice(["theirs", "theirs", "other", "typed"])
            if fate == "other" and gone.values[theirs] is not None:
                self.history.again(edit_of(gone.values[theirs]), edit_of(left.values[theirs]))
                left.values[theirs] = gone.values[theirs]
            elif fate == "typed":
                over = [edit_of(gone.values[theirs]), edit_of(left.values[theirs])]
                left.values[theirs] = f"E{self.history.new_text(ours, winner[0], over):02d}"
        gone.heir = winner[1]
        self.happened["merge"] += 1
        self.happened["merge with a write owed to the loser"] += self._owed(loser)
        self.feed.append(Told(self._snapshot(loser)))
        self._changed(winner)

    def _owed(self, place: Place) -> bool:
        link = self.links.get(place)
        if link is None or link.state is not LinkState.LIVE:
            return False
        return bool(due(self.records[link.record_id], link, self.maps[place[0]]).fields)

    def _convert(self) -> None:
        """A copy gets another id, as a lead that becomes a contact; or it becomes part of one."""
        place = self.random.choice(self.there())
        heir = (place[0], self._new_id())
        self.remotes[heir] = Copied(dict(self.remotes[place].values), inside=self.remotes[place].inside)
        self.remotes[place].heir = heir[1]
        self.converted.add(place)
        self.happened["conversion"] += 1
        self.feed.append(Told(self._snapshot(place)))

    # -- what we do ----------------------------------------------------------------------------------

    def _deliver(self) -> None:
        if not self.feed:
            return
        told = self.random.choice(self.feed)
        if self.random.random() < 0.8:
            self.feed.remove(told)
        else:
            self.happened["told twice"] += 1
        self._take(told.change)

    def _take(self, change: Change) -> None:
        place = (change.system, change.remote_id)
        if change.op is not Op.UPSERT:
            self._follow(place, change)
            return
        link = self.links.get(place)
        if link is None:
            self.happened["read of an id that nobody knows yet"] += 1
            if change.evidence >= self.seq or self._comes(place):
                self.feed += [] if self._comes(place) else [Told(self._snapshot(place))]
                return
            return
        inside, outside = change.actor == "inside", link.state is LinkState.OUT_OF_SCOPE
        if link.state in (LinkState.LIVE, LinkState.OUT_OF_SCOPE):
            if inside is outside and change.evidence < link.evidence:
                self._take(self._snapshot(place))
                return
            if not inside:
                if not outside:
                    self.links[place] = self.ways.left(link, change)
                    self.happened["link left"] += 1
                return
            if outside:
                self.happened["link entered"] += 1
                self._see(self.ways.entered(link), change)
                return
        decision = gate(link, change, in_flight=False, fetched=False)
        if decision is Gate.REFETCH:
            self._take(self._snapshot(place))
        elif decision is Gate.APPLY:
            self._see(link, change)
        else:
            self.happened["dropped"] += 1

    def _comes(self, place: Place) -> bool:
        """Whether a merge or conversion that leads to an id is still on its way."""
        return any(
            t.change.op is not Op.UPSERT and (t.change.system, t.change.survivor_id) == place
            for t in self.feed
        )

    def _see(self, link: Link, change: Change) -> None:
        self.seen |= {edit_of(value) for value in change.fields.values()}
        self.seq += 1
        record = self.records[link.record_id]
        outcome = see(record, link, change, self.maps[link.system], self.book, event=self.seq)
        self.clashes += outcome.clashes
        self.records[record.record_id] = outcome.record
        self.links[link.system, link.remote_id] = outcome.link

    def _follow(self, place: Place, change: Change) -> None:
        """A copy was merged into another, or became another."""
        heir = (place[0], str(change.survivor_id))
        link, goal = self.links.get(place), self.links.get(heir)
        if link is None:
            if goal is not None:
                self.links[place] = self.ways.ended(
                    Link(place[0], "o", place[1], goal.record_id), goal.record_id, change.evidence
                )
            else:  # neither is known: what led here comes first
                self.feed.append(Told(change))
            return
        if has_ended(link):
            self.happened["followed already"] += 1
            return
        if goal is None:
            if change.op is Op.MERGE:
                self._disown(link)
            moved = Link(heir[0], "o", heir[1], link.record_id, link.state)
            self.links[place] = self.ways.ended(link, link.record_id, change.evidence)
            self.links[heir] = moved if moved.state is not LinkState.OUT_OF_SCOPE else entered(moved)
            self.happened["link moved to an id that nobody knew"] += 1
        elif goal.record_id == link.record_id:
            self.links[place] = self.ways.ended(link, link.record_id, change.evidence)
            if link.state is LinkState.LIVE and not has_ended(goal):
                if change.op is Op.MERGE:
                    self._disown(link)
                self.links[heir] = self.ways.first_sight(goal)
                self.happened["duplicate promoted"] += 1
        else:
            self._unite(place, link, goal, change)
        if self.links[heir].state is LinkState.LIVE:
            self._take(self._snapshot(heir))

    def _disown(self, link: Link) -> None:
        self.records[link.record_id] = self.ways.disown(self.records[link.record_id], link.system)

    def _unite(self, place: Place, link: Link, goal: Link, change: Change) -> None:
        self.seq += 1
        record, other = self.records[goal.record_id], self.records[link.record_id]
        self.links[place] = self.ways.ended(link, record.record_id, change.evidence)
        rest = [x for p, x in self.links.items() if x.record_id == other.record_id and p != place]
        self.happened["copies of both in another system"] += any(
            x.system == y.system and x.state is y.state is LinkState.LIVE
            for x in rest for y in self.links.values() if y.record_id == record.record_id
        )  # fmt: skip
        kept = [x for x in self.links.values() if x.record_id == record.record_id]
        taken = {x.system for x in kept if x.state is not LinkState.DUPLICATE} | {place[0]}
        copies = [Copy(x, self.maps[x.system]) for x in rest]
        united = self.ways.unite(record, other, copies, taken, self.book, self.seq)
        for moved in [*united.moved, *(outcome.link for outcome in united.adopted)]:
            self.links[moved.system, moved.remote_id] = moved
        self.clashes += [clash for outcome in united.adopted for clash in outcome.clashes]
        self.clashes += united.inherited.clashes
        self.records[record.record_id] = united.record
        del self.records[other.record_id]
        self.redirects[other.record_id] = record.record_id
        self.happened["records joined"] += 1
        self.happened["copy adopted"] += len(united.adopted)
        self.happened["value inherited"] += len(united.inherited.changed)

    def _push(self) -> None:
        live = [place for place, link in self.links.items() if link.state is LinkState.LIVE]
        if live:
            self._write(self.random.choice(live))

    def _write(self, place: Place) -> bool:
        """Write what is due by compare-and-set; a stale one is read again."""
        link, copy = self.links[place], self.remotes[place]
        record = self.records[link.record_id]
        owed = due(record, link, self.maps[place[0]])
        if not owed.fields:
            return False
        if copy.heir is not None or link.remote_version != str(copy.version):
            self.happened["stale write"] += 1
            self._take(self._snapshot(place))
            return True
        if not copy.inside:
            self.faults.append(f"{place} was written to, and takes no part")
        copy.values.update(owed.fields)
        copy.version += 1
        self.seq += 1
        answer = Accepted(1, place[1], str(copy.version), dict(owed.fields), StoredBy.ANSWER)
        done = accepted(
            record, link, owed.fields, owed.versions, answer, self.maps[place[0]], self.seq, compared=True
        )
        self.records[record.record_id], self.links[place] = done.record, done.link
        self.happened["write"] += 1
        return True

    # -- the end -------------------------------------------------------------------------------------

    def _drain(self) -> bool:
        did = bool(self.feed)
        for told in list(self.feed):
            self.feed.remove(told)
            self._take(told.change)
        for record in list(self.records.values()):
            for name, held in record.contests.items():
                if held.open:
                    self._decide(record.record_id, name)
                    did = True
        for place, link in list(self.links.items()):
            if self.links[place].state is LinkState.LIVE and link.state is LinkState.LIVE:
                did = self._write(place) or did
        return did

    def _decide(self, record_id: int, name: str) -> None:
        """A person who has seen every candidate says what is right."""
        self.seq += 1
        candidates = self.records[record_id].contests[name].candidates
        edit = self.history.new_text(name, "person", [edit_of(c.value) for c in candidates])
        saw = [c.version for c in candidates]
        self.records[record_id] = verdict(
            self.records[record_id], name, f"E{edit:02d}", saw, time=0.0, event=self.seq
        )
        self.happened["verdict"] += 1


def judge(model: JoinModel) -> list[str]:
    """Everything that is wrong with a finished schedule."""
    return [*model.faults, *_links(model), *_divergences(model), *_lost(model)]


def _links(model: JoinModel) -> list[str]:
    found = []
    for (system, remote_id), link in model.links.items():
        copy = model.remotes[system, remote_id]
        if link.record_id not in model.records:
            found.append(f"{system}:{remote_id} belongs to record {link.record_id}, which is no more")
        if copy.heir is not None and not has_ended(link):
            found.append(f"{system}:{remote_id} was merged away, and its link is {link.state}")
        if copy.heir is None and has_ended(link):
            found.append(f"{system}:{remote_id} is there, and its link ended")
    live = Counter((x.system, x.record_id) for x in model.links.values() if x.state is LinkState.LIVE)
    found += [f"two live copies of record {record} in {name}" for (name, record), n in live.items() if n > 1]
    present = set(model.there())
    found += [f"{p[0]}:{p[1]} is there, and nobody knows it" for p in present - model.links.keys()]
    return found


def _divergences(model: JoinModel) -> list[str]:
    found = []
    for (system, remote_id), link in model.links.items():
        if link.state is not LinkState.LIVE:
            continue
        record = model.records.get(link.record_id)
        for theirs, ours in FIELDS.items():
            here = model.remotes[system, remote_id].values[theirs]
            if record is None or here != record.fields.get(ours):
                found.append(f"diverged: {theirs} is {here!r} in {system}:{remote_id}")
    return found


def _lost(model: JoinModel) -> list[str]:
    """A seen edit is current, superseded by what is current or listed, listed, or in a copy left alone."""
    kept = {edit_of(c.value) for clash in model.clashes for c in clash.candidates}
    kept |= {edit_of(value) for record in model.records.values() for value in record.fields.values()}
    second = [p for p, x in model.links.items() if x.state is LinkState.DUPLICATE and not has_ended(x)]
    kept |= {edit_of(value) for place in second for value in model.remotes[place].values.values()}
    covered = model.history.superseded_by(kept)
    return [f"lost: edit {edit} is neither current nor listed" for edit in sorted(model.seen - covered - {0})]
