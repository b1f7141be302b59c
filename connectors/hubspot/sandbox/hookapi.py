"""The webhooks API of a public app: where it is told, and of what."""

from __future__ import annotations

from typing import Any, get_args

from connectors.hubspot.sandbox.ask import Ask, Task
from connectors.hubspot.sandbox.batch import enveloped
from connectors.hubspot.sandbox.events import Kind
from connectors.hubspot.sandbox.hooks import Hooks, HubWanted, Listed, Target
from connectors.hubspot.sandbox.portal import UNHEARD, Portal
from connectors.hubspot.sandbox.refusals import Refused, missing, wrong
from connectors.hubspot.sandbox.values import iso
from connectors.sandboxes.door import Answer
from connectors.sandboxes.faults import Call

MOST = 1000
"""Subscriptions of one app."""
OTHERS = ("product", "line_item", "ticket", "conversation")


class HookApi:
    """The routes `webhooks/APP/…`."""

    def __init__(self, portal: Portal, hooks: Hooks) -> None:
        self.portal, self.hooks = portal, hooks
        self.listed: list[Listed] = []
        self.target: Target | None = None
        self.made = self.moved = 0

    def _task(self, ask: Ask, app: str, work: Any) -> Task:
        def checked() -> Answer:
            if app != str(self.portal.app_id):
                raise missing(f"App {app[:20]} does not exist")
            return work()  # type: ignore[no-any-return]

        return Call("webhooks", writes=ask.method != "GET"), (), checked

    # settings ----------------------------------------------------------------------------------------------

    def settings(self, ask: Ask, app: str) -> Task:
        """GET, PUT or DELETE settings."""

        def work() -> Answer:
            if ask.method == "PUT":
                self._point(ask.json())
            if self.target is None:
                raise missing("The app has no webhook settings")
            if ask.method == "DELETE":
                self.hooks.unsubscribe(self.target.number)
                self.target = None
                return Answer(204)
            return Answer.json(self._settings(self.target))

        return self._task(ask, app, work)

    def _point(self, body: dict[str, Any]) -> None:
        try:
            url, at_once = str(body["targetUrl"]), int(body["throttling"]["maxConcurrentRequests"])
        except (KeyError, TypeError, ValueError):
            raise wrong("targetUrl and throttling: {maxConcurrentRequests} are required") from None
        if not url.startswith(("https://", "http://127.0.0.1", "http://localhost")):
            raise wrong("targetUrl must be served over HTTPS")
        if at_once < 5:
            raise wrong("maxConcurrentRequests must be greater than five")
        self.moved = self.portal.clock.millis()
        self.made = self.made or self.moved
        if self.target is None:
            self.target = self.hooks.subscribe(url, listed=True, at_once=at_once)
            self.target.listed = self.listed
        else:
            words = {**self.target.hub.model_dump(), "url": url, "at_once": at_once}
            self.target.wanted = HubWanted(**words)

    def _settings(self, target: Target) -> dict[str, Any]:
        return {
            "targetUrl": target.hub.url,
            "throttling": {"maxConcurrentRequests": target.hub.at_once},
            "createdAt": iso(self.made),
            "updatedAt": iso(self.moved),
        }

    # subscriptions -----------------------------------------------------------------------------------------

    def subscriptions(self, ask: Ask, app: str) -> Task:
        """GET or POST subscriptions."""

        def work() -> Answer:
            if ask.method == "GET":
                return Answer.json({"results": [_told(one) for one in self.listed]})
            made = self._read(ask.json())
            self.listed.append(made)
            return Answer.json(_told(made), 201)

        return self._task(ask, app, work)

    def _read(self, body: dict[str, Any]) -> Listed:
        event, property = str(body.get("eventType") or ""), body.get("propertyName")
        if len(self.listed) >= MOST:
            raise wrong(
                "Couldn't create another subscription. You've reached the maximum number allowed per "
                f"application ({MOST})."
            )
        object, _, kind = event.partition(".")
        singular = [self.portal.hub_table(name).shape for name in self.portal.tables]
        known = {"object", *OTHERS, *(shape.singular for shape in singular if not shape.custom)}
        if object not in known or kind not in get_args(Kind):
            raise wrong(f"Invalid input JSON: {event[:60]} is no event type")
        if kind == "propertyChange" and (not property or property in UNHEARD):
            raise wrong(f"propertyName {property or ''} cannot be subscribed to".replace("  ", " "))
        if object == "object" and not body.get("objectTypeId"):
            raise wrong("objectTypeId is required for object events")
        twin = (event, property, body.get("objectTypeId"))
        if any((one.event, one.property, one.type_id) == twin for one in self.listed):
            raise Refused(409, "CONFLICT", "The subscription already exists.")
        now, active = self.portal.clock.millis(), bool(body.get("active", False))
        return Listed(self.hooks.new_id(), event, now, property, body.get("objectTypeId"), active)

    def _one(self, id: Any) -> Listed:
        for one in self.listed:
            if str(one.id) == str(id):
                return one
        raise missing(f"Subscription {str(id)[:20]} does not exist")

    def subscription(self, ask: Ask, app: str, id: str) -> Task:
        """GET, PATCH or DELETE subscriptions/ID."""

        def work() -> Answer:
            found = self._one(id)
            if ask.method == "DELETE":
                self.listed.remove(found)
                return Answer(204)
            if ask.method == "PATCH":
                self._switch(found, ask.json())
            return Answer.json(_told(found))

        return self._task(ask, app, work)

    def _switch(self, one: Listed, body: dict[str, Any]) -> None:
        if "active" in body:
            one.active, one.moved = bool(body["active"]), self.portal.clock.millis()

    def update_many(self, ask: Ask, app: str) -> Task:
        """POST subscriptions/batch/update."""

        def work() -> Answer:
            found = [(self._one(one.get("id")), one) for one in ask.inputs()]
            for sub, one in found:
                self._switch(sub, one)
            results = [_told(sub) for sub, _ in found]
            return Answer.json(enveloped(results, self.portal.clock.millis()))

        return self._task(ask, app, work)


def _told(one: Listed) -> dict[str, Any]:
    told: dict[str, Any] = {
        "id": str(one.id),
        "eventType": one.event,
        "active": one.active,
        "createdAt": iso(one.made),
    }
    more = {"propertyName": one.property, "objectTypeId": one.type_id}
    more |= {"updatedAt": iso(one.moved) if one.moved is not None else None}
    return told | {name: value for name, value in more.items() if value is not None}
