"""The webhooks journal: events kept for three days in files, to be fetched in their order."""

from __future__ import annotations

import hashlib
import hmac
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.hubspot.sandbox.ask import Ask, Task
from connectors.hubspot.sandbox.batch import enveloped
from connectors.hubspot.sandbox.events import Event
from connectors.hubspot.sandbox.face import Face
from connectors.hubspot.sandbox.portal import Portal
from connectors.hubspot.sandbox.refusals import Refused, missing, wrong
from connectors.hubspot.sandbox.values import iso
from connectors.sandboxes.door import Answer
from connectors.sandboxes.faults import Call

KEPT = 3 * 86_400_000
"""Milliseconds for which a file is there."""
LINK = 300_000
"""Milliseconds for which the link to a file is good."""
EVENTS, BATCH, SUBSCRIPTIONS, SNAPSHOTS = 100, 100, 50, 10
READ = ("developer.webhooks_journal.read",)
SUBSCRIBE = ("developer.webhooks_journal.subscriptions.write",)
SUBSCRIBED = ("developer.webhooks_journal.subscriptions.read", *SUBSCRIBE)
SNAPSHOT = ("developer.webhooks_journal.snapshots.write",)
ACTIONS = {"creation": "CREATE", "propertyChange": "UPDATE", "deletion": "DELETE", "merge": "MERGE"}
ACTIONS |= {"restore": "RESTORE", "privacyDeletion": "GDPR_DELETE"}
TYPES = {"OBJECT": "crmObject", "ASSOCIATION": "association", "GDPR_PRIVACY_DELETION": "gdprPrivacyDeletion"}

WORDS = (
    "actions",
    "associatedObjectTypeIds",
    "objectIds",
    "objectTypeId",
    "portalId",
    "properties",
    "subscriptionType",
)
"""What a subscription keeps of its request."""


@dataclass(slots=True)
class File:
    """Some events that were published together."""

    offset: str
    at: int
    events: list[dict[str, Any]]

    def told(self) -> dict[str, Any]:
        """Its content."""
        return {"offset": self.offset, "publishedAt": iso(self.at), "journalEvents": self.events}


@dataclass(slots=True)
class Journal:
    """The files and subscriptions of one app. A file is closed when somebody reads, or when it is full."""

    portal: Portal
    face: Face
    url: Callable[[], str]
    secret: str
    files: list[File] = field(default_factory=list)
    pending: list[dict[str, Any]] = field(default_factory=list)
    subscriptions: dict[int, dict[str, Any]] = field(default_factory=dict)
    snapshots: dict[str, int] = field(default_factory=dict)
    last: int = 7000

    # what is kept ------------------------------------------------------------------------------------------

    def hear(self, event: Event) -> None:
        """Something happened."""
        type_id = self.portal.hub_table(event.object).shape.type_id
        action, kind = ACTIONS.get(event.kind, ""), "OBJECT"
        if event.kind == "associationChange":
            action = "ASSOCIATION_REMOVED" if event.more["associationRemoved"] else "ASSOCIATION_ADDED"
            kind = "ASSOCIATION"
        elif event.kind == "privacyDeletion":
            kind = "GDPR_PRIVACY_DELETION"
        for sub in self.subscriptions.values():
            if _wants(sub, kind, type_id, action, event):
                self._keep(kind, type_id, action, event, sub)
                return

    def _keep(self, kind: str, type_id: str, action: str, event: Event, sub: dict[str, Any]) -> None:
        head = {"type": TYPES[kind], "portalId": self.portal.id, "occurredAt": iso(event.at)}
        told: dict[str, Any] = {**head, "action": action, "objectTypeId": type_id, "objectId": int(event.id)}
        if event.kind == "propertyChange":
            listed = sub.get("properties") or ()
            if listed and event.property not in listed:
                return
            value = "REDACTED" if event.sensitive else event.value
            if not self._joined(told, event.property, value):
                self._add({**told, "propertyChanges": {event.property: value}})
        else:
            self._add({**told, **event.more})

    def _joined(self, told: dict[str, Any], name: str, value: str | None) -> bool:
        """Values that were written together are one event."""
        last = self.pending[-1] if self.pending else {}
        same = all(last.get(word) == told[word] for word in ("objectTypeId", "objectId", "occurredAt"))
        if not same or last.get("action") not in ("CREATE", "UPDATE"):
            return False
        last.setdefault("propertyChanges", {})[name] = value
        return True

    def _add(self, told: dict[str, Any]) -> None:
        if len(self.pending) >= EVENTS:
            self._close()
        self.pending.append(told)

    def _close(self) -> None:
        now = self.portal.clock.millis()
        if self.pending:
            self.files.append(File(str(uuid.uuid4()), now, self.pending))
            self.pending = []
        self.files = [file for file in self.files if file.at > now - KEPT]

    # reading -----------------------------------------------------------------------------------------------

    def _link(self, file: File) -> dict[str, Any]:
        until = self.portal.clock.millis() + LINK
        signed = self._signed(file.offset, until)
        query = f"expires={until}&signature={signed}"
        link = f"{self.url()}/webhooks-journal/files/{file.offset}?{query}"
        return {"currentOffset": file.offset, "url": link, "expiresAt": iso(until)}

    def _signed(self, offset: str, until: int) -> str:
        return hmac.new(self.secret.encode(), f"{offset}.{until}".encode(), hashlib.sha256).hexdigest()

    def content(self, offset: str, expires: str, signature: str) -> dict[str, Any]:
        """A file, by its link; `Refused` for one that is too old or was not made here."""
        now = self.portal.clock.millis()
        good = expires.isdigit() and hmac.compare_digest(self._signed(offset, int(expires or 0)), signature)
        if not good or int(expires) < now:
            raise Refused(403, "FORBIDDEN", "The link is not valid, or has expired")
        return self._at(offset).told()

    def _at(self, offset: str) -> File:
        for file in self.files:
            if file.offset == offset:
                return file
        raise missing(f"There is no journal entry at offset {offset[:40]}")

    def _after(self, offset: str) -> list[File]:
        self._close()
        return self.files[self.files.index(self._at(offset)) + 1 :]

    def one(self, ask: Ask, which: str) -> Task:
        """GET earliest or latest; 204 where there is nothing."""

        def work() -> Answer:
            self._close()
            return self._told(self.files[:1] if which == "earliest" else self.files[-1:])

        return Call("journal"), READ, work

    def next(self, ask: Ask, offset: str) -> Task:
        """GET offset/OFFSET/next."""
        return Call("journal"), READ, lambda: self._told(self._after(offset)[:1])

    def _told(self, files: Sequence[File]) -> Answer:
        return Answer.json(self._link(files[0])) if files else Answer(204)

    def some(self, ask: Ask, which: str, count: str) -> Task:
        """GET batch/earliest/N or batch/latest/N."""

        def work() -> Answer:
            self._close()
            most = _count(count)
            return self._batch(self.files[:most] if which == "earliest" else self.files[-most:])

        return Call("journal"), READ, work

    def some_after(self, ask: Ask, offset: str, count: str) -> Task:
        """GET batch/OFFSET/next/N."""
        return Call("journal"), READ, lambda: self._batch(self._after(offset)[: _count(count)])

    def read(self, ask: Ask) -> Task:
        """POST batch/read."""

        def work() -> Answer:
            wanted = ask.json().get("inputs") or []
            results, errors = [], []
            for offset in wanted:
                try:
                    results.append(self._link(self._at(str(offset))))
                except Refused as refused:
                    errors.append(refused.one({"offset": [str(offset)]}))
            told = enveloped(results, self.portal.clock.millis())
            told |= {"numErrors": len(errors), "errors": errors} if errors else {}
            return Answer.json(told, 207 if errors else 200)

        return Call("journal"), READ, work

    def _batch(self, files: Sequence[File]) -> Answer:
        return Answer.json(enveloped([self._link(file) for file in files], self.portal.clock.millis()))

    # subscriptions and snapshots ---------------------------------------------------------------------------

    def subscribe(self, ask: Ask) -> Task:
        """GET or POST subscriptions."""

        def work() -> Answer:
            if ask.method == "GET":
                return Answer.json({"results": list(self.subscriptions.values())})
            body = ask.json()
            if len(self.subscriptions) >= SUBSCRIPTIONS:
                raise wrong(f"At most {SUBSCRIPTIONS} subscriptions are allowed")
            if body.get("subscriptionType") not in TYPES:
                raise wrong(f"subscriptionType must be one of {', '.join(TYPES)}")
            self.portal.named(str(body.get("objectTypeId")))
            self.last += 1
            at = iso(self.portal.clock.millis())
            told = {name: body[name] for name in WORDS if name in body}
            told |= {"actions": body.get("actions") or [], "id": self.last, "appId": self.portal.app_id}
            self.subscriptions[self.last] = {**told, "createdAt": at, "updatedAt": at}
            return Answer.json(self.subscriptions[self.last])

        return Call("journal", writes=ask.method != "GET"), SUBSCRIBED, work

    def subscription(self, ask: Ask, id: str) -> Task:
        """GET or DELETE subscriptions/ID."""

        def work() -> Answer:
            number = int(id) if id.isdigit() else -1
            if number not in self.subscriptions:
                raise missing(f"Subscription {id[:20]} does not exist")
            if ask.method == "DELETE":
                del self.subscriptions[number]
                return Answer(204)
            return Answer.json(self.subscriptions[number])

        return Call("journal", writes=ask.method != "GET"), SUBSCRIBED, work

    def snapshot(self, ask: Ask) -> Task:
        """POST snapshots/crm: how records are now, as SNAPSHOT events."""

        def work() -> Answer:
            wanted = ask.json().get("snapshotRequests") or []
            if not isinstance(wanted, list) or len(wanted) > SNAPSHOTS:
                raise wrong(f"snapshotRequests must be a list of at most {SNAPSHOTS}")
            return Answer.json({"snapshotResponses": [self._snapshot(one) for one in wanted]})

        return Call("journal", writes=True), SNAPSHOT, work

    def _snapshot(self, one: dict[str, Any]) -> dict[str, Any]:
        table, id = self.portal.named(str(one.get("objectTypeId"))), str(one.get("objectId"))
        row = self.portal.at(table, id)
        if row is None or row.deleted:
            raise missing(f"There is no record {id[:20]}")
        now = self.portal.clock.millis()
        values = {name: self.face.value(table, row, name) for name in one.get("properties") or ()}
        head = {"type": "crmObject", "portalId": self.portal.id, "occurredAt": iso(now)}
        place = {"objectTypeId": table.shape.type_id, "objectId": int(row.id)}
        self._add({**head, "action": "SNAPSHOT", **place, "propertyChanges": values})
        status = str(uuid.uuid4())
        self.snapshots[status] = now
        return {"portalId": self.portal.id, **place, "snapshotStatusId": status}

    def status(self, ask: Ask, id: str) -> Task:
        """GET status/ID."""

        def work() -> Answer:
            if id not in self.snapshots:
                raise missing(f"There is no snapshot {id[:40]}")
            at = self.snapshots[id]
            return Answer.json({"id": id, "status": "SUCCESS", "initiatedAt": at, "completedAt": at})

        return Call("journal"), READ, work


def _wants(sub: dict[str, Any], kind: str, type_id: str, action: str, event: Event) -> bool:
    ids = sub.get("objectIds")
    return (
        sub["subscriptionType"] == kind
        and sub.get("objectTypeId") == type_id
        and (not sub["actions"] or action in sub["actions"])
        and (not ids or int(event.id) in ids)
    )


def _count(said: str) -> int:
    if not said.isdigit() or not 1 <= int(said) <= BATCH:
        raise wrong(f"count must be a number from 1 to {BATCH}")
    return int(said)
