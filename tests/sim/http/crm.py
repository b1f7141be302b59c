"""The CRMs of HTTP runs: sandboxes as the twin's people and judges see them, in the twin's own words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from types import SimpleNamespace
from typing import Any

import aiohttp

from connectors.http import Answer, HttpClient, Request
from connectors.memory.table import Refusal
from connectors.sandboxes import shape
from connectors.sandboxes.server import Sandbox
from connectors.sandboxes.table import Row, Table
from connectors.sandboxes.world import Moment
from tests.sim.history import edit_of
from tests.sim.twin.crm import Touch
from tests.sim.twin.life import Dead, Life
from tests.sim.twin.loop import TwinLoop
from tests.sim.twin.plan import SystemPlan

AUTHORS = {"api": "syncd"}
_EDIT = re.compile(rb'[">][Ee](\d{3,4})[" <-]')
_FIRM, _PERSON = re.compile(rb'"Firm (\d+)"'), re.compile(rb'"p(\d+)@x\.org"')


def in_passing(request: Request) -> bool:
    """Whether an answer shows values that nobody takes up: HubSpot's searches say which records to read, and
    its histories what was there before."""
    return request.path.endswith("/search") or b'"propertiesWithHistory":["' in (request.body or b"")


@dataclass(frozen=True, slots=True)
class Names:
    """How a vendor calls the twin's objects, and by object their fields."""

    objects: Mapping[str, str]
    fields: Mapping[str, Mapping[str, str]]

    def ours(self, object: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """A record's fields in the twin's words."""
        return {name: fields.get(theirs) for name, theirs in self.fields[object].items()}

    def theirs(self, object: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The twin's fields in the vendor's words."""
        return {self.fields[object][name]: value for name, value in fields.items()}


class HttpCrm:
    """One CRM: what people do there, and who did what to which record (`touches`).

    `spans` are the times in which a fault hid whatever was made since its beginning; `tried` are our creates
    as they were sent, but for those that were refused: when, the object, and whose number.
    """

    def __init__(
        self, plan: SystemPlan, sandbox: Sandbox, names: Names, loop: TwinLoop, say: Callable[[str], object]
    ) -> None:
        self.plan, self.sandbox, self.names, self.loop, self.say = plan, sandbox, names, loop, say
        self.touches: list[Touch] = []
        self.undated = 0
        self.spans: list[tuple[float, float]] = []
        self.tried: list[tuple[float, str, int]] = []
        self.looks: list[tuple[float, str, frozenset[str]]] = []
        self.shown: dict[tuple[str, str, str, Any], float] = {}
        self.taken_up: set[str] = set()
        self.limit: None = None  # a sandbox counts its calls itself
        self.answered: Callable[[str, str], None] | None = None
        self.author, self.late, self.writes = "syncd", False, 0
        self.life = 0  # the last that was given a client: what it sent lands before the next one begins
        self.features = SimpleNamespace(
            compare_and_set=plan.features["compare_and_set"],
            deletes_reported=plan.features["deletes_reported"],
            partial_fields=False,
            read_lag=plan.features["read_lag"],
        )
        self._last: dict[tuple[str, str], dict[str, Any]] = {}
        self._objects = {theirs: ours for ours, theirs in names.objects.items()}
        sandbox.world.listeners.append(self._heard)

    @property
    def quirks(self) -> Any:
        """What judges and accounts ask of a CRM's quirks."""
        fired = set(self.sandbox.fired.counts)
        no_stamps = bool(self.plan.quirks.get("no_stamps"))
        return SimpleNamespace(no_stamps=no_stamps, silent_fields=frozenset(), fired=fired)

    # -- what it holds ---------------------------------------------------------------------------------

    def rows(self, object: str) -> dict[str, dict[str, Any]]:
        """The truth: live records by id."""
        return {id: row.fields for id, row in self._table(object).items() if not row.deleted}

    @property
    def tables(self) -> dict[str, Any]:
        """All records, in the shape of the twin's tables."""
        return {name: SimpleNamespace(rows=self._table(name)) for name in self.names.objects}

    def _table(self, object: str) -> dict[str, Any]:
        rows = self.sandbox.people.rows(self.names.objects[object], deleted=True)
        return {id: self._row(object, row) for id, row in rows.items()}

    def _row(self, object: str, row: Row) -> Any:
        fields = self.names.ours(object, row.fields)
        return SimpleNamespace(id=row.id, deleted=row.deleted, heir=None, fields=fields)

    # -- what people do --------------------------------------------------------------------------------

    def create(self, object: str, fields: Mapping[str, Any]) -> None:
        self._edit(object, "create", fields=self.names.theirs(object, fields))

    def update(self, object: str, remote_id: str, fields: Mapping[str, Any]) -> None:
        self._edit(object, "update", id=remote_id, fields=self.names.theirs(object, fields))

    def delete(self, object: str, remote_id: str) -> None:
        self._edit(object, "delete", id=remote_id)

    def restore(self, object: str, remote_id: str) -> None:
        self._edit(object, "restore", id=remote_id)

    def merge(self, object: str, loser: str, winner: str) -> None:
        gone = {id: fields for id, fields in self.rows(object).items() if id in (loser, winner)}
        self._edit(object, "merge", id=winner, loser=loser)
        there = self.rows(object)
        for id, fields in gone.items():
            if id not in there:
                self.touches.append(Touch(self.loop.time(), "person", "merge", object, id, fields, {}))
                self.say(f"{self.plan.name} person merge {object} {id} into {winner}")
        for id, fields in there.items():
            self._last[object, id] = fields

    def begin(self) -> Transaction:
        """A transaction of a person: its stamp is that of its beginning."""
        return Transaction(self, self.sandbox.world.moment("person"))

    def _edit(self, object: str, op: str, **words: Any) -> None:
        try:
            self.sandbox.people.edit(self.names.objects[object], op, **words)
        except shape.Refusal as refusal:
            raise Refusal(refusal.code, refusal.message, refusal.field, refusal.other) from None

    # -- what happened ---------------------------------------------------------------------------------

    def _heard(self, table: Table, row: Row, op: str) -> None:
        object = self._objects.get(table.name)
        if object is None:
            return
        place = object, row.id
        before = self._last.get(place, {})
        after = {} if row.deleted else self.names.ours(object, row.fields)
        self._last[place] = after
        moved = sorted(n for n in {**before, **after} if before.get(n) != after.get(n))
        old, new = ({name: fields.get(name) for name in moved} for fields in (before, after))
        by = AUTHORS.get(row.by, row.by)
        what = "delete" if row.deleted else op.removesuffix("d")
        life = self.life if by == "syncd" else 0
        self.touches.append(Touch(self.loop.time(), by, what, object, row.id, old, new, self.late, life=life))
        self.writes += by == "syncd"
        self.say(f"{self.plan.name} {by} {what} {object} {row.id} {old} -> {new}")
        if self.answered is not None and by == "syncd" and what == "update" and moved:
            self.answered(object, row.id)

    def told_of(self, object: str, remote_id: str) -> float:
        """When an answer showed something of a record first: any edit that anybody made of it."""
        touches = [t for t in self.touches if (t.object, t.id) == (object, remote_id)]
        texts = (str(value) for touch in touches for value in touch.after.values())
        edits = {f"E{edit_of(text):03d}" for text in texts if text[:1] in ("E", "e")}
        return min((at for (*_, edit), at in self.shown.items() if edit in edits), default=inf)

    def _creates(self, request: Request) -> list[tuple[float, str, int]]:
        """All that makes records is posted, and nothing else that is posted says who somebody is."""
        body = (request.body or b"") if request.writes and request.method == "POST" else b""
        found = (("firms", _FIRM), ("people", _PERSON))
        return [(self.loop.time(), object, int(who)) for object, one in found for who in one.findall(body)]

    def watch(self, client: HttpClient, life: Life) -> None:
        """Put the points of a life around each request, and note the edits that answers show."""
        exchange, name, self.life = client._exchange, self.plan.name, life.number

        async def exchanged(request: Request, url: str, headers: Mapping[str, str]) -> Answer:
            what = f"{'write' if request.writes else 'read'} of {name}"
            try:
                await life.reach(f"before {what}")
                self.tried += (creates := self._creates(request))
                task = self.loop.create_task(exchange(request, url, headers))
                try:
                    await life.reach(f"during {what}")
                    answer = await task
                finally:
                    task.cancel()
                await life.reach(f"after {what}")
            except Dead:
                raise aiohttp.ServerDisconnectedError from None
            if 400 <= answer.status < 500:
                self.tried = [one for one in self.tried if one not in creates]
            life.say(f"{name} {request.method} {url.partition('//')[2]} {answer.status}")
            for edit in _EDIT.findall(answer.body):
                self.shown.setdefault(("", "", "", f"E{edit.decode()}"), self.loop.time())
                if not in_passing(request):
                    self.taken_up.add(f"E{edit.decode()}")
            return answer

        client._exchange = exchanged  # type: ignore[method-assign]


class Transaction:
    """Several edits by a person that are seen at once, under the stamp of the transaction's beginning.

    HubSpot knows no transactions: what is done there is stamped when it is done, as its history is.
    """

    def __init__(self, crm: HttpCrm, moment: Moment) -> None:
        self.crm, self.moment = crm, moment
        self._edits: list[tuple[str, str, Mapping[str, Any]]] = []

    def __enter__(self) -> Transaction:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.commit()

    def update(self, object: str, remote_id: str, fields: Mapping[str, Any]) -> None:
        self._edits.append((object, remote_id, fields))

    def rollback(self) -> None:
        self._edits.clear()

    def commit(self) -> None:
        seen = self.crm.sandbox.clock.millis()
        stamp = seen if self.crm.plan.features["connector"] == "hubspot" else self.moment.stamp
        moment = Moment(stamp, seen, self.moment.by)
        for object, remote_id, fields in self._edits:
            theirs = self.crm.names.theirs(object, fields)
            self.crm._edit(object, "update", id=remote_id, fields=theirs, moment=moment)
