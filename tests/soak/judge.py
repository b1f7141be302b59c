"""What must hold at the end, by what people did: it is compared with what the systems hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from tests.scenarios.three_people import Row
from tests.scenarios.three_way import PLACES, SIDES, ThreeWay, plain
from tests.soak.crowd import Crowd, Seen
from tests.soak.population import WHO

Place = tuple[str, str]
"""A side and a kind."""
TWINS = frozenset({"duplicate: listed", "missing: parked (merge_candidate)"})
"""What `syncd reconcile` says of two records that may be one."""


@dataclass
class Touches:
    """What syncd made and deleted in the sandboxes, as they tell it."""

    made: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    deleted: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def watch(self, three: ThreeWay) -> None:
        """Listen from now on."""
        for side in ("sales", "marketing"):
            for kind, said in WHO.items():
                name = said if (side, kind) == ("marketing", "account") else said.title()

                def told(
                    table: Any, row: Any, op: str, side: str = side, kind: str = kind, name: str = name
                ) -> None:
                    if table.name == PLACES[kind][side] and row.by == "api":
                        who = (side, kind, str(row.fields.get(name) or row.fields.get(name.lower())))
                        self.made[who] += op == "created"
                        self.deleted[who] += op == "deleted"

                three.sandbox(side).world.listeners.append(told)


@dataclass
class Verdict:
    """Sentences, each about something that should not be; and counts of what is allowed and told."""

    lost: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    diverged: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    became: Counter[str] = field(default_factory=Counter)
    open_items: Counter[str] = field(default_factory=Counter)
    listed: list[str] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        """All of it."""
        return [*self.lost, *self.duplicates, *self.diverged, *self.deleted]


@dataclass
class Judge:
    """`everybody`: by kind, who was there at first. `listed`: by side and id what `syncd reconcile` lists as
    open. `unknown`: whose copy was deleted before syncd knew that its create had landed. `clashes`: of whom
    the store keeps an edit against a delete, and what was decided."""

    three: ThreeWay
    crowd: Crowd
    touches: Touches
    everybody: dict[str, set[str]]
    listed: dict[tuple[str, str], str]
    rows: dict[Place, dict[str, Row]] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    clashes: dict[str, str] = field(default_factory=dict)

    async def judge(self) -> Verdict:
        """The systems are to be at rest."""
        for kind in self.three.kinds:
            for side in SIDES:
                self.rows[side, kind] = await self.three.rows(side, kind)
        self.unknown, self.clashes = await self._unknown(), await self._clashes()
        verdict = Verdict()
        await self._edits(verdict)
        for kind in self.three.kinds:
            self._people(kind, verdict)
        verdict.duplicates += [
            f"I4: syncd made {who} {n} times in {side}"
            for (side, _, who), n in self.touches.made.items()
            if n > 1
        ]
        verdict.deleted += [
            f"I5: syncd deleted {who} in {side}, which nobody asked for"
            for (side, _, who), n in self.touches.deleted.items()
            if n and who not in self.crowd.gone
        ]
        verdict.open_items.update(self.listed.values())
        return verdict

    # -- I3 --------------------------------------------------------------------------------------------

    async def _edits(self, verdict: Verdict) -> None:
        """Each edit is current, or superseded by who saw it, or a conflict's loser; or was never read."""
        current = {
            (kind, side, row[WHO[kind]], name, _same(name, value))
            for (side, kind), rows in self.rows.items()
            for row in rows.values()
            for name, value in row.items()
        }
        seen = {(e.kind, e.who, e.name, _same(e.name, e.base)) for e in self.crowd.edits}
        kept = await self._kept()
        for edit in self.crowd.edits:
            value = _same(edit.name, edit.value)
            if edit.who in self.crowd.blurred:
                verdict.became["of who was merged"] += 1
            elif any((edit.kind, side, edit.who, edit.name, value) in current for side in SIDES):
                verdict.became["current"] += 1
            elif (edit.kind, edit.who, edit.name, value) in seen:
                verdict.became["superseded"] += 1
            elif value in kept:
                verdict.became["kept as a conflict's loser"] += 1
            elif edit.who in self.crowd.gone:
                verdict.became["of who was deleted"] += 1
            elif not await self._read(edit):
                verdict.became["overwritten before anybody could read it"] += 1
                verdict.listed.append(f"never read: {_told(edit)}")
            else:
                verdict.lost.append(f"I3 lost: {_told(edit)}")

    async def _kept(self) -> set[Any]:
        found = set()
        for row in await self.three.store.fetch("select field, candidates from conflicts"):
            found |= {_same(row["field"], one["value"]) for one in orjson.loads(row["candidates"])}
        return found

    async def _read(self, edit: Seen) -> bool:
        """Whether the daemon ever read it: the journal holds what brought news, as it came.

        Where a system has no compare-and-set, what is typed between the look and the write is lost unseen.
        """
        sql = """select exists (select from pages where position($1::bytea in body) > 0)
        or exists (select from inbox
            where position($2 in coalesce(change::text, '') || coalesce(suspects::text, '')) > 0)"""
        return bool(await self.three.store.fetchval(sql, edit.value.encode(), edit.value))

    async def _unknown(self) -> set[str]:
        """A kill took the answer, nobody read the copy before a person deleted it: it is made once more."""
        sql = """select s.system, l.remote_id from links l join streams s using (stream)
        where s.kind = 'contact'"""
        known = {(row["system"], row["remote_id"]) for row in await self.three.store.fetch(sql)}
        return {who for who, place in self.crowd.deleted.items() if place not in known}

    async def _clashes(self) -> dict[str, str]:
        """By e-mail."""
        sql = """select r.fields ->> 'email' as who, c.why, c.candidates::text as sides
        from conflicts c join records r using (record_id) where c.field = '' order by c.conflict"""
        return {row["who"]: f"{row['why']}: {row['sides']}" for row in await self.three.store.fetch(sql)}

    # -- I1, I4 ----------------------------------------------------------------------------------------

    def _people(self, kind: str, verdict: Verdict) -> None:
        there: dict[str, list[tuple[str, str, Row]]] = {}
        for side in SIDES:
            for id, row in self.rows[side, kind].items():
                there.setdefault(str(row[WHO[kind]]), []).append((side, id, row))
        wanted = self.everybody[kind] | (set(self.crowd.born) if kind == "contact" else set())
        for who in sorted(wanted | there.keys()):
            copies = there.get(who, [])
            sides = Counter(side for side, _, _ in copies)
            open_ones = [self.listed[side, id] for side, id, _ in copies if (side, id) in self.listed]
            if open_ones:
                verdict.listed.append(f"open: {kind} {who}, {dict(sides)}: {sorted(set(open_ones))}")
            if copies and who in self.unknown:
                verdict.open_items["deleted before its create was known, made once more"] += 1
                continue
            twins = self._typed_meanwhile(who, sides, open_ones)
            if twins:
                verdict.open_items["typed by two at once, made twice"] += 1
            for fault in self._one(who, who in wanted, sides, copies, twins=twins):
                if not open_ones or fault.startswith("I4"):
                    (verdict.duplicates if fault.startswith("I4") else verdict.diverged).append(
                        f"{fault} ({kind} {who}, {dict(sides)}, {open_ones})"
                    )

    def _typed_meanwhile(self, who: str, sides: Counter[str], open_ones: list[str]) -> bool:
        """Whether two typed the same person at one moment, it was made once more, and the two are listed.

        What is typed between our look and our create cannot be known: there are two, and never a third.
        """
        at_once = len(self.crowd.born.get(who, ())) > 1
        return at_once and max(sides.values(), default=0) == 2 and not TWINS.isdisjoint(open_ones)

    def _one(
        self, who: str, wanted: bool, sides: Counter[str], copies: list[tuple[str, str, Row]], *, twins: bool
    ) -> Iterator[str]:
        if who in self.crowd.gone:
            if copies:
                clash = self.clashes.get(who, "no clash is kept")
                yield f"I1: still there, though {self.crowd.gone[who]}; {clash}"
            return
        if not wanted:
            yield "I4: nobody of that name was ever made"
        twice = [side for side, n in sides.items() if n > 1]
        if twice and not twins:
            yield f"I4: twice in {twice}"
        if missing := [side for side in SIDES if not sides[side]]:
            yield f"I1: missing in {missing}"
        said = {plain(row) for _, _, row in copies}
        if len(said) > 1:
            yield f"I1: they say different things: {[(side, row) for side, _, row in copies]}"


def _told(edit: Seen) -> str:
    moved = f"{edit.base!r} to {edit.value!r}"
    return f"{edit.name} of {edit.kind} {edit.who}, {moved} in {edit.side}, at {edit.at:.3f}"


def _same(name: str, value: Any) -> Any:
    """A value without what is only spelling."""
    return plain({name: str(value)}) if value is not None else None
