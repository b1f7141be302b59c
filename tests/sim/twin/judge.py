"""The judges: what the CRMs hold, what people did and what the store says, held against the invariants.

What is not held against the daemon, and why:

* **Deleted and merged people.** Whether an edit of a record that somebody deleted or merged is kept is
  decided by the policy of the run; such edits are not judged here.
* **Unseen edits.** Where a system has no compare-and-set, an edit that no read ever showed may be written
  over in the moment between our guarding read and our write: the exception of promise 4. A page that was
  told to a process that was killed before it could commit it is no read: the write was on its way by then.
* **Cascades.** What was typed into a child since it was last read goes with the parent that we delete; and if
  it came to that parent since then, nobody can know that its delete follows from ours.
* **Fields that move no date.** What was typed there may be written over until a sweep has shown it.
* **Unanswered writes.** Where an answer was lost, an edit made on top of our write looks like one made
  beside it: a value that goes back there is no fault if what it went over is listed. A copy that
  we made under no key, and that is met again after its answer was lost, counts as typed there: what it wins
  over is listed, and what that was made from goes with it.
* **Typed at once.** Who is typed in a system in the moment in which we make the same one there is a
  duplicate, and listed as one.
* **What is listed.** A record or field that an open conflict or a parked item names may differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from syncd.engine.send import LOOK_STANDS
from tests.sim.history import edit_of
from tests.sim.twin import worlds
from tests.sim.twin.census import Census
from tests.sim.twin.crm import Crm, Touch
from tests.sim.twin.facts import Facts
from tests.sim.twin.finer import finer
from tests.sim.twin.plan import FaultPlan
from tests.sim.twin.references import References
from tests.sim.twin.shape import number_of, wide
from tests.sim.twin.troubles import FIELD
from tests.sim.twin.watch import judged

if TYPE_CHECKING:
    from tests.sim.twin.run import Run

OBJECTS = {"company": ("firms",), "contact": ("people", "leads")}
DOUBTS = {"lost", "lost_row", "cut_off", "late", "slow_answer"} | {
    *("drop", "lose_answer", "error_after", "hang_answer", "late_commit", "partial", "fewer"),
    *("hang", "slow", "error_before"),
}
"""Faults after which nobody can know whether a write happened; the second half are the sandboxes'."""


async def judge(run: Run) -> list[str]:
    """Everything that is wrong with a run that came to rest, in words."""
    facts = await Facts.load(run.server, run.loop, run.names)
    bench = Bench(run, facts)
    run.outcome.happened["a change without its date"] += sum(crm.undated for crm in run.crms.values())
    for touch in (touch for crm in run.crms.values() for touch in crm.touches):
        if touch.what in ("cascade", "became"):
            run.outcome.happened[f"{touch.what} by {touch.by}"] += 1
    for row in facts.conflicts:
        run.outcome.happened[f"conflict {row['state']}"] += 1
    for row in facts.parked:
        run.outcome.happened[f"parked {row['code']}"] += 1
    for row in facts.links:
        run.outcome.happened[f"link {row['state']} {row['gone_by'] or ''}".strip()] += 1
    bench.moved_in()
    run.handbrake.caught(facts)
    census = Census(bench)
    return [
        *bench.diverged(),
        *bench.unlinked(),
        *bench.doubled(),
        *census.made_twice(),
        *census.deleted_over_edits(),
        *bench.lost(),
        *bench.flipped(),
        *bench.deleted(),
        *bench.unproven(),
        *References(bench).broken(),
        *finer(bench),
        *await run.handbrake.judged(),
        *await judged(run, facts),
        *run.daemons.judged(),
    ]


async def late(run: Run) -> list[str]:
    """What only a sweep can find, though the feeds of all systems tell everything that people do.

    A feed that does not tell of deletes, or of a field, leaves them to the sweep; so does one whose answers
    left a field out for a while, where nothing waits for it: the link has never seen it, or no version whole,
    or the feed tells of each change only what it changed.
    """
    told = all(crm.features.deletes_reported for crm in run.crms.values())
    silent = any(crm.quirks.silent_fields for crm in run.crms.values())
    if silent or (run.people.gone and not told):
        return []
    bench = Bench(run, await Facts.load(run.server, run.loop, run.names))
    left = [fault for fault in run.plan.faults if fault.what == "unseen_field"]
    systems = {fault.system for fault in left}
    links = bench.facts.of_row.items()
    bench.unheard = {place for place, link in links if place[0] in systems and link["in_part"]}
    bench.unheard |= {place for fault in left for place in _never_told(run, fault)}
    return [f"I1 late: {fault}" for fault in (*bench.diverged(), *bench.unlinked())]


def _never_told(run: Run, fault: FaultPlan) -> Iterator[tuple[str, str, str]]:
    """The records whose field moved while it was left out of a feed that tells changed fields only."""
    crm = run.crms[fault.system]
    since = fault.at - run.plan.poll - run.moment()
    for touch in crm.touches if crm.features.partial_fields else ():
        if FIELD in touch.after and since <= touch.at <= fault.at + fault.lasts:
            yield fault.system, touch.object, touch.id


class Bench:
    """All judges of one run. `moment` is how long a guarding read and the write after it take at most (s)."""

    def __init__(self, run: Run, facts: Facts) -> None:
        self.run, self.facts, self.crms = run, facts, run.crms
        self.edit = run.people.edit
        self.unread: list[tuple[float, str, Touch]] = []
        self.unheard: set[tuple[str, str, str]] = set()
        facts.words = run.people.words
        self.rows = {
            (name, object): crm.rows(object) for name, crm in run.crms.items() for object in crm.tables
        }
        self.doubtful = bool(DOUBTS & set(run.weather.fired())) or len(run.lives) > 1
        self.moment = run.moment()
        self.texts = ("name", "phone", "city", *worlds.TYPED, *wide(run.plan))
        self.bent = {name for system in run.plan.systems for name in system.normalise}

    # -- I1: everybody holds the same -----------------------------------------------------------------

    def diverged(self) -> Iterator[str]:
        for number, record in self.facts.records.items():
            if number in self.facts.redirects:
                continue
            for system in self.crms:
                yield from self._copies(record, system, self._links(number, system))

    def _links(self, record: int, system: str) -> list[Any]:
        return [link for link in self.facts.of_record[record] if self._place(link)[0] == system]

    def _copies(self, record: Any, system: str, links: list[Any]) -> Iterator[str]:
        number = record["record_id"]
        live = [link for link in links if link["state"] == "live"]
        where = f"record {number} in {system}"
        if self.facts.asked(number):
            return
        synced = any(link["state"] == "live" for link in self.facts.of_record[number])
        if not links and synced and not record["deleted"] and not self.facts.named(number):
            yield f"I1 missing: {where} has no copy, and nothing says why"
        if len(live) > 1:
            yield f"I4 live twice: {where}, as {[link['remote_id'] for link in live]}"
        for link in live:
            _, object = self._place(link)
            row = self.rows[system, object].get(link["remote_id"])
            if row is None and not self.facts.named(number, (system, object, link["remote_id"])):
                yield f"I1 gone unnoticed: {where}, {link['remote_id']}"
            elif row is not None and record["deleted"] and not self.facts.named(number):
                yield f"I1 still there: {where} is deleted, {link['remote_id']} is not"
            elif row is not None:
                yield from self._fields(record, (system, object, link["remote_id"]), row)

    def _fields(self, record: Any, place: tuple[str, str, str], row: Any) -> Iterator[str]:
        system, object, remote_id = place
        number, kinds = record["record_id"], worlds.referring(self.run.plan, object)
        many = {name: name for name in wide(self.run.plan) if object == "people"}
        for ours, theirs in (worlds.mapped(self.run.plan, object) | many).items():
            here, there = record["fields"].get(ours), row.get(theirs)
            kind = kinds.get(ours)
            if kind is None:
                same = self._same(ours, here, there)
            else:
                same = self._leads(system, kind, here, there)
                same = same or self._held_on(number, ours, kind, place, there)
            if same or self.facts.asked(number, ours):
                continue
            if theirs == FIELD and place in self.unheard:
                continue
            if not self.facts.named(number):
                where = f"record {number} in {system}.{object}, {remote_id}"
                yield f"I1 diverged: {where}: {theirs} is {there!r} there, {ours} is {here!r} with us"

    def _same(self, name: str, ours: Any, theirs: Any) -> bool:
        if name in worlds.TYPED:
            return self.edit(ours) == self.edit(theirs) and (ours is None) == self._blank(theirs)
        ours, theirs = (ours or "").strip(), (theirs or "").strip()
        if name in self.bent:
            return edit_of(ours) == edit_of(theirs)
        return bool(ours == theirs)

    def _blank(self, value: Any) -> bool:
        return value is None or (isinstance(value, str) and not value.strip())

    def _leads(self, system: str, kind: str, ours: Any, theirs: Any) -> bool:
        """Whether a reference leads to the same one; what is not known or not there cannot be said."""
        target = self.facts.now(int(ours)) if ours is not None else None
        record = self.facts.records.get(target) if target is not None else None
        link = self._target(system, kind, theirs)
        if link is not None and target is not None and self.facts.now(link["record_id"]) == target:
            return True
        if theirs is not None and self._apart(system, kind, theirs):
            return True
        if record is None or record["deleted"]:
            return theirs is None or all(theirs not in self.rows.get((system, o), ()) for o in OBJECTS[kind])
        return not any(x["state"] == "live" for x in self._links(record["record_id"], system))

    def _held_on(self, number: int, name: str, kind: str, place: tuple[str, str, str], theirs: Any) -> bool:
        """Whether a copy keeps a reference of ours from before: the present one leads to who is deleted, and
        cannot be said there."""
        said = [row["changes"].get(name) for row in self.facts.versions if row["record_id"] == number]
        now = self.facts.records[number]["fields"].get(name)
        target = None if now is None else self.facts.records.get(self.facts.now(int(now)))
        link = self._target(place[0], kind, theirs)
        if target is None or not target["deleted"] or link is None:
            return False
        return self.facts.now(link["record_id"]) in [self.facts.now(int(x)) for x in said if x is not None]

    def _target(self, system: str, kind: str, theirs: Any) -> Any:
        places = [(system, object, str(theirs)) for object in OBJECTS[kind]]
        return next((self.facts.of_row[place] for place in places if place in self.facts.of_row), None)

    def _apart(self, system: str, kind: str, theirs: str) -> bool:
        """Whether a record is there, and takes no part."""
        rows = [self.rows.get((system, object), {}).get(theirs) for object in OBJECTS[kind]]
        plan = self.crms[system].plan
        return any(r is not None and not worlds.takes_part(plan, OBJECTS[kind][0], r) for r in rows)

    def _place(self, link: Any) -> tuple[str, str]:
        return self.facts.streams[link["stream"]]

    # -- I1, I4: every copy is known, and there is one of each -----------------------------------------

    def unlinked(self) -> Iterator[str]:
        for (system, object), rows in self.rows.items():
            for remote_id, row in rows.items():
                place = (system, object, remote_id)
                link = self.facts.of_row.get(place)
                if not worlds.takes_part(self.crms[system].plan, object, row):
                    if link is not None and link["state"] == "live":
                        yield f"I1 takes no part: {place} is linked all the same"
                elif link is None:
                    if not self.facts.named(None, place):
                        yield f"I1 unknown: {place} is linked to nothing, and nothing says why"
                elif link["state"] in ("gone", "out_of_scope") and not self._open(link, place):
                    how = f"{link['state']} {link['gone_by'] or ''}"
                    yield f"I1 back unnoticed: {place} is there, its link is {how}"

    def _open(self, link: Any, place: tuple[str, str, str]) -> bool:
        record = self.facts.now(link["record_id"])
        return self.facts.asked(record) or self.facts.named(record, place)

    def doubled(self) -> Iterator[str]:
        """Of what we made in a system no two stand for one record, unless two records became one."""
        joined = set(self.facts.redirects.values())
        for name, crm in self.crms.items():
            ours = {(t.object, t.id): t for t in crm.touches if t.what == "create" and t.by == "syncd"}
            for (object, remote_id), made in sorted(ours.items(), key=lambda pair: pair[0]):
                link = self.facts.of_row.get((name, object, remote_id))
                if remote_id not in self.rows[name, object] or link is None:
                    continue
                if link["state"] != "duplicate" or self.facts.now(link["record_id"]) in joined:
                    continue
                if not (self._at_once(crm, made) or self._landed_late(crm, made) or self._back(crm, made)):
                    yield f"I4 doubled: we made {remote_id} in {name}.{object}, and it is a duplicate"

    def _at_once(self, crm: Crm, made: Touch) -> bool:
        """Whether a person typed the same one there in the moment of our create and the read before it, or
        since we had sent it first and nobody answered.

        Or before, and then edited it so that a lagging feed had not shown it at all by then, or while a
        transaction that was open until then hid all that began later.
        """
        moment = 1.5 + crm.features.read_lag + 30 * self.run.plan.slow
        number = number_of(made.object, made.after)
        kind = worlds.KINDS[made.object]
        first = self._first_try(crm, made, number)
        there = [
            touch
            for touch in crm.touches
            if worlds.KINDS[touch.object] == kind and first - moment < touch.at < made.at + moment
        ]
        typed = [
            touch
            for touch in crm.touches
            if (touch.by, touch.what, worlds.KINDS[touch.object]) == ("person", "create", kind)
            and number_of(touch.object, touch.after) == number
            and (
                touch in there
                or self._hidden(crm, touch.id, made, there)
                or any(b < touch.at <= e and made.at - moment < e for b, e in crm.spans)
            )
        ]
        self.run.outcome.happened["typed there at once"] += len(typed)
        return bool(typed)

    def _first_try(self, crm: Crm, made: Touch, number: int) -> float:
        """When we sent a create first, of those tries since the last that is known to have landed."""
        landed = [
            touch.at
            for touch in crm.touches
            if (touch.by, touch.what, touch.object) == ("syncd", "create", made.object)
            and touch.at < made.at
            and number_of(touch.object, touch.after) == number
        ]
        since = max(landed, default=0.0)
        tried = [at for at, object, who in crm.tried if (object, who) == (made.object, number) and at > since]
        return min([*tried, made.at])

    def _landed_late(self, crm: Crm, made: Touch) -> bool:
        """Whether one of two creates of ours landed after it was looked for, where a key is not unique, or
        a person had deleted the other by then, so that the key was free."""
        number = number_of(made.object, made.after)
        same = [
            t
            for t in crm.touches
            if t.object == made.object
            and number in (number_of(t.object, t.after), number_of(t.object, t.before))
        ]
        late = [t.at for t in same if t.late and t.what == "create"]
        freed = [t.at for t in same if (t.by, t.what) == ("person", "delete")]
        return bool(late) and (crm.plan.loose or any(at < max(late) for at in freed))

    def _back(self, crm: Crm, made: Touch) -> bool:
        """Whether a person took it out of the bin, where we had made another in its place by then."""
        number = number_of(made.object, made.after)
        made_again = [
            touch.at
            for touch in crm.touches
            if (touch.by, touch.what, touch.object) == ("syncd", "create", made.object)
            and touch.at > made.at
            and number_of(touch.object, touch.after) == number
        ]
        restored = [t.at for t in crm.touches if (t.by, t.what, t.id) == ("person", "restore", made.id)]
        return any(min(made_again, default=at) < at for at in restored)

    def _hidden(self, crm: Crm, remote_id: str, made: Touch, there: list[Touch]) -> bool:
        """Whether a record moved in that moment, and was in no read before our create."""
        moved = any(touch.id == remote_id and touch.at <= made.at for touch in there)
        return moved and crm.told_of(made.object, remote_id) >= made.at

    # -- I3, I7: nothing is lost, nothing goes back ----------------------------------------------------

    def lost(self) -> Iterator[str]:
        people = self.run.people
        there = {
            self.edit(row.get(name))
            for (_, object), rows in self.rows.items()
            for row in rows.values()
            for name in self.texts
            if (object, name) != ("firms", "name")  # which nobody edits
        }
        listed = self.facts.listed() | self.run.backup.forgotten
        kept = there | self.facts.standing() | listed | {0}
        unseen = {edit for edit, (system, *_) in people.made.items() if self._unseen(system, edit)}
        covered = people.history.superseded_by(kept | unseen)
        for edit, (system, object, who) in people.made.items():
            if edit in covered or (object, who) in people.gone:
                continue
            name = people.history.field_of[edit]
            yield f"I3 lost: edit {edit} of {name} of {object} {who}, made in {system}"

    def _unseen(self, system: str, edit: int) -> bool:
        """Written over by us where nothing could prevent it, before any read showed it to us for good."""
        crm = self.crms[system]
        silent = self.run.people.history.field_of[edit] in crm.quirks.silent_fields
        can = crm.features.compare_and_set and not crm.quirks.no_stamps and not silent
        made = min((t.at for t in crm.touches if edit in map(self.edit, t.after.values())), default=0.0)
        over = [
            t
            for t in crm.touches
            if t.by == "syncd"
            and edit in map(self.edit, t.before.values())
            and (t.late or silent or t.what == "cascade" or self._looked_before(crm, t, made))
        ]
        if over and not self._taken_up(crm, edit) and (not can or over[0].what == "cascade"):
            self.run.outcome.happened["unseen edit written over"] += 1
            return True
        return False

    def _looked_before(self, crm: Crm, over: Touch, made: float) -> bool:
        """Whether the look that a write went by began before the edit that it went over."""
        if over.at < made + self.moment:
            return True
        looks = [at for at, object, ids in crm.looks if object == over.object and over.id in ids]
        last = max((at for at in looks if at <= over.at), default=0.0)
        return bool(looks) and last <= made and over.at < last + LOOK_STANDS

    def flipped(self) -> Iterator[str]:
        listed = self.facts.listed()
        covered = self.run.people.history.superseded_by(listed)
        for name, crm in self.crms.items():
            for touch in crm.touches:
                if touch.by != "syncd" or touch.what != "update" or touch.late:
                    continue
                for field, old, new in self._moves(touch):
                    if new not in self.run.people.history.parents.get(old, ()):
                        continue
                    if self.doubtful and (old in listed or not self._taken_up(crm, old)):
                        continue
                    if self.doubtful and old in covered and self._met_again(new):
                        continue
                    if not self._went(touch) and not self._decided(name, touch, old, new):
                        where = f"{name} {touch.object} {touch.id} {field} at {touch.at:.3f}"
                        yield f"I7 back: {where}, from edit {old} to {new}"

    def _moves(self, touch: Touch) -> Iterator[tuple[str, int, int]]:
        """The texts that a write of ours changed: field, and the edits before and after."""
        for name in self.texts:
            if name in touch.after:
                old, new = touch.before.get(name), touch.after[name]
                if all(v in self.facts.words or (isinstance(v, str) and v[:1] in "Ee") for v in (old, new)):
                    yield name, self.edit(old), self.edit(new)

    def _taken_up(self, crm: Crm, edit: int) -> bool:
        return any(self.edit(value) == edit for value in crm.taken_up)

    def _met_again(self, edit: int) -> bool:
        """Whether a value went into a create of ours where no key tells later that it was ours."""
        return any(
            (touch.by, touch.what) == ("syncd", "create") and edit in map(self.edit, touch.after.values())
            for crm in self.crms.values()
            if crm.plan.keys == "keyless"
            for touch in crm.touches
        )

    def _decided(self, system: str, touch: Touch, old: int, new: int) -> bool:
        """Whether a person chose the older one: the flap brake asks about one that is made from another."""
        link = self.facts.of_row.get((system, touch.object, touch.id))
        record = None if link is None else self.facts.now(link["record_id"])
        return any(
            self.facts.now(c["record_id"]) == record
            and (c["verdict"] or {}).get("rule") == "person"
            and self.edit(c["verdict"]["value"]) == new
            and old in [self.edit(x["value"]) for x in c["candidates"]]
            for c in self.facts.conflicts
        )

    def _went(self, touch: Touch) -> bool:
        """Whether a person deleted or merged that record: its values may come from another one."""
        number = edit_of(touch.before.get("email"))
        return bool(self.run.people.gone) and number == 0

    # -- I5: who deleted ------------------------------------------------------------------------------

    def deleted(self) -> Iterator[str]:
        asked = [
            (touch.at, self._who(name, touch))
            for name, crm in self.crms.items()
            for touch in crm.touches
            if touch.by == "person" and touch.what in ("delete", "merge", "cascade")
        ]
        asked += [(at, self._who(name, touch)) for at, name, touch in self.unread]
        for name, crm in self.crms.items():
            for touch in crm.touches:
                if touch.by != "syncd" or touch.what != "delete":
                    continue
                if not any(at <= touch.at and who & self._who(name, touch) for at, who in asked):
                    yield f"I5 deleted: {name} {touch.object} {touch.id}, which nobody asked for"

    def moved_in(self) -> None:
        """Who came to a firm since the last read goes with it, and seems to be deleted by somebody."""
        for crm in self.crms.values():
            since = 2 * self.run.plan.poll + crm.features.read_lag + self.moment
            for touch in [t for t in crm.touches if (t.by, t.what) == ("syncd", "cascade")]:
                mine = [t for t in crm.touches if t.id == touch.id and t.at <= touch.at and "firm" in t.after]
                if any(t.by == "person" and t.at > touch.at - since for t in mine):
                    self.run.outcome.happened["moved there and gone with a cascade"] += 1
                    self.unread.append((touch.at, crm.plan.name, touch))
                    self.run.people.gone.add((touch.object, number_of(touch.object, touch.before)))

    def _who(self, system: str, touch: Touch) -> set[object]:
        """Whom a delete meant: our record, and the firm or person, for a restore ends what we know of it."""
        link = self.facts.of_row.get((system, touch.object, touch.id))
        who: set[object] = {(worlds.KINDS[touch.object], number_of(touch.object, touch.before))}
        return who if link is None else who | {self.facts.now(link["record_id"])}

    # -- I10: the history replays ---------------------------------------------------------------------

    def unproven(self) -> Iterator[str]:
        told: dict[int, dict[str, Any]] = {}
        for row in self.facts.versions:
            told.setdefault(row["record_id"], {}).update(row["changes"])
        for number, record in self.facts.records.items():
            if number in self.facts.redirects:
                continue
            for name, value in record["fields"].items():
                if told.get(number, {}).get(name) != value:
                    yield f"I10 unproven: record {number}: {name} is {value!r}, not what its history says"
