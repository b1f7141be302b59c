"""The people: they do what the plan says, and the history of every value is kept outside the daemon."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import contextmanager
from typing import Any

from connectors.memory import FieldDef
from connectors.memory.table import Refusal
from tests.sim.history import History, edit_of
from tests.sim.twin.acts import ACTS, find, place
from tests.sim.twin.crm import Crm
from tests.sim.twin.plan import TEXTS, Event
from tests.sim.twin.shape import number_of
from tests.sim.twin.troubles import is_bystander


class People:
    """Everybody who works in the CRMs. `happened` counts what was really done.

    `words` are the edits of values that cannot show their number, in each form that a system may hold.
    """

    def __init__(self, crms: Mapping[str, Crm], happened: Counter[str]) -> None:
        self.crms, self.happened = crms, happened
        self.history = History()
        self.gone: set[tuple[str, int]] = set()
        self.made: dict[int, tuple[str, str, int]] = {}
        self.words: dict[Any, int] = {}
        self.decide: Callable[[int, int], Awaitable[bool]] | None = None
        self.release: Callable[[Event], Awaitable[bool]] | None = None
        self._slow: list[asyncio.Task[None]] = []
        for crm in crms.values():
            if crm.plan.rules:
                self._automate(crm, crm.plan.rules)

    async def act(self, event: Event) -> None:
        """Do one thing, if it can be done."""
        await asyncio.sleep(event.after)
        if event.what in ("release", "discard"):
            self._count(event, self.release is not None and await self.release(event))
        elif event.what == "decide":
            self._count(event, self.decide is not None and await self.decide(event.who, event.to))
        elif event.hold and event.what == "edit":
            self._slow.append(asyncio.get_running_loop().create_task(self._late(event)))
        else:
            self._count(event, self._do(event))

    async def finish(self) -> None:
        """Until no transaction is open any more."""
        for task in self._slow:
            await task

    def _automate(self, crm: Crm, times: int) -> None:
        """A rule of the system itself: when we write to a person, it writes the person's phone."""
        left = times

        def answer(object: str, remote_id: str) -> None:
            nonlocal left
            if object == "people" and left > 0:
                left -= 1
                crm.loop.call_later(0.01, write, remote_id)

        def write(remote_id: str) -> None:
            old = crm.rows("people").get(remote_id)
            if old is not None:
                self.happened["automation"] += 1
                before = self.history.last
                text = self.text(crm, "phone", old, ("people", number_of("people", old)))
                try:
                    with _as_person(crm):
                        crm.update("people", remote_id, {"phone": text[:4]})
                except Refusal:
                    self._never(before)

        crm.answered = answer

    def _count(self, event: Event, done: bool) -> None:
        self.happened[event.what if done else f"{event.what} (could not)"] += 1

    def _do(self, event: Event) -> bool:
        crm, before = self.crms[event.system], self.history.last
        try:
            with _as_person(crm):
                act = ACTS.get(event.what)
                return act(self, crm, event) if act else bool(getattr(self, f"_{event.what}")(crm, event))
        except Refusal:
            self._never(before)
            return False

    def _never(self, before: int) -> None:
        """What was typed after an edit was refused: it never happened."""
        self.made = {edit: where for edit, where in self.made.items() if edit <= before}

    async def _late(self, event: Event) -> None:
        """A transaction that is begun now and seen later: its number and stamp are old by then."""
        crm = self.crms[event.system]
        there = place(crm, event.object, event.who)
        if there is None:
            return
        object, found = there
        edit = crm.begin()
        await asyncio.sleep(event.hold)
        old = crm.tables[object].rows.get(found)
        if old is None or old.deleted:
            edit.rollback()
            return
        before = self.history.last
        text = self.text(crm, event.field, old.fields, (event.object, event.who))
        edit.update(object, found, {event.field: text})
        try:
            with _as_person(crm):
                edit.commit()
        except Refusal:  # its field is gone meanwhile
            self._never(before)
            return
        self._count(event, True)
        self.happened["late visibility"] += 1

    # -- what people do --------------------------------------------------------------------------------

    def _create(self, crm: Crm, event: Event) -> bool:
        texts = {name: self.text(crm, name, {}, (event.object, event.who)) for name in TEXTS[event.object]}
        if event.object == "firms":
            fields: dict[str, str | None] = {"name": f"Firm {event.who}", **texts}
        else:
            firm = find(crm, "firms", event.to)
            fields = {"email": f"p{event.who}@x.org", "firm": firm, **texts}
        if place(crm, event.object, event.who) is not None:
            self.happened["typed twice in one system"] += 1
        crm.create(event.object, fields)
        return True

    def _edit(self, crm: Crm, event: Event) -> bool:
        there = place(crm, event.object, event.who)
        if there is None:
            return False
        object, found = there
        old, who = crm.rows(object)[found], (event.object, event.who)
        crm.update(object, found, {event.field: self.text(crm, event.field, old, who)})
        return True

    def _swell(self, crm: Crm, event: Event) -> bool:
        """A text of `to` characters is put into a field."""
        found = find(crm, event.object, event.who)
        if found is None:
            return False
        old, who = crm.rows(event.object)[found], (event.object, event.who)
        text = self.text(crm, event.field, old, who)
        crm.update(event.object, found, {event.field: f"{text} {'long ' * (event.to // 5)}."})
        return True

    def _fill(self, crm: Crm, event: Event) -> bool:
        """Every field of somebody is typed at once."""
        found = find(crm, event.object, event.who)
        if found is None:
            return False
        old, who = crm.rows(event.object)[found], (event.object, event.who)
        names = [n for n, field in crm.tables[event.object].fields.items() if _is_text(n, field)]
        crm.update(event.object, found, {name: self.text(crm, name, old, who) for name in names})
        return True

    def _clear(self, crm: Crm, event: Event) -> bool:
        there = place(crm, event.object, event.who)
        if there is None:
            return False
        object, found = there
        old = crm.rows(object)[found].get(event.field)
        self.history.again(0, edit_of(old))
        crm.update(object, found, {event.field: None})
        return True

    def _move(self, crm: Crm, event: Event) -> bool:
        found, firm = find(crm, "people", event.who), find(crm, "firms", event.to)
        if found is None:
            return False
        crm.update("people", found, {"firm": firm})
        return True

    def _bulk(self, crm: Crm, event: Event) -> bool:
        """Everybody in one transaction, with one stamp."""
        rows = crm.rows(event.object)
        with crm.begin() as edit:
            for remote_id, old in rows.items():
                who = (event.object, number_of(event.object, old))
                if is_bystander(who[1]):
                    continue
                edit.update(event.object, remote_id, {event.field: self.text(crm, event.field, old, who)})
        return len(rows) > 1

    def _delete(self, crm: Crm, event: Event) -> bool:
        there = place(crm, event.object, event.who)
        if there is None:
            return False
        object, found = there
        self.gone.add((event.object, event.who))
        before = len(crm.touches)
        crm.delete(object, found)
        along = [touch for touch in crm.touches[before:] if touch.what == "cascade"]
        self.gone |= {(touch.object, number_of(touch.object, touch.before)) for touch in along}
        return True

    def _restore(self, crm: Crm, event: Event) -> bool:
        table = crm.tables[event.object]
        rows = [row for row in table.rows.values() if row.deleted and row.heir is None]
        found = next((row for row in rows if number_of(event.object, row.fields) == event.who), None)
        if found is None or not crm.features.deletes_reported or crm.plan.keys == "client_ids":
            return False
        crm.restore(event.object, found.id)
        return True

    def _merge(self, crm: Crm, event: Event) -> bool:
        loser, winner = find(crm, event.object, event.who), find(crm, event.object, event.to)
        if loser is None or winner is None or loser == winner:
            return False
        self.gone |= {(event.object, event.who), (event.object, event.to)}
        crm.merge(event.object, loser, winner)
        return True

    def edit(self, value: Any) -> int:
        """The edit that made a value, 0 for a blank."""
        return self.words.get(value) or edit_of(value)

    def text(self, crm: Crm, name: str, old: Mapping[str, Any], who: tuple[str, int]) -> str:
        """A new text for a field, made by somebody who had the `old` ones before their eyes."""
        edit = self.history.new_text(name, crm.plan.name, [edit_of(old.get(name))] if old else ())
        self.made[edit] = (crm.plan.name, *who)
        text = f"E{edit:03d}{('', ' ', '-Long')[edit % 3]}"
        return text[:4] if name == crm.plan.short else text


def _is_text(name: str, field: FieldDef) -> bool:
    return field.type == "text" and name != "syncd_key"


@contextmanager
def _as_person(crm: Crm) -> Any:
    crm.author = "person"
    try:
        yield
    finally:
        crm.author = "syncd"
