"""`/_sandbox/…`: the ground truth, edits as a person, faults, quirks. No log-in, no faults, never counted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web
from pydantic import ValidationError

from connectors.sandboxes.faults import FAULTS
from connectors.sandboxes.shape import Refusal

if TYPE_CHECKING:
    from connectors.sandboxes.server import Sandbox

Body = dict[str, Any]


class Control:
    """The control routes of one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def routes(self, app: web.Application) -> None:
        """Add them."""
        get: dict[str, Callable[[web.Request], Any]] = {
            "state": self._state,
            "calls": self._calls,
            "faults": lambda _: [fault.told() for fault in self.sandbox.faults.armed],
            "quirks": lambda _: self.sandbox.quirks.model_dump(mode="json"),
            "fired": self._fired,
            "webhooks": self._hooks,
            "ready": lambda _: self.sandbox.ready(),
            "clock": lambda _: {"now": self.sandbox.clock.now().isoformat()},
        }
        post: dict[str, Callable[[Body], Any]] = {
            "edit": self._edit,
            "late": lambda body: {"late": self.sandbox.people.begin(**body)},
            "release": self._release,
            "faults": lambda body: self.sandbox.arm(**body).told(),
            "quirks": self._set_quirks,
            "webhooks": self._subscribe,
            "limits": self._limits,
            "schema": self._schema,
            "auth": self._auth,
            "clock": self._clock,
            "reset": self._reset,
        }
        for name, read in get.items():
            app.router.add_get(f"/_sandbox/{name}", self._reader(read))
        for name, do in post.items():
            app.router.add_post(f"/_sandbox/{name}", self._doer(do))
        app.router.add_get("/_sandbox/wait", self._wait)
        app.router.add_delete("/_sandbox/faults", self._doer(lambda _: self.sandbox.faults.disarm()))
        app.router.add_delete("/_sandbox/webhooks", self._doer(self._unsubscribe))

    def _reader(
        self, read: Callable[[web.Request], Any]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handler(request: web.Request) -> web.StreamResponse:
            try:
                return answer(read(request))
            except Refusal as refusal:
                return wrong(refusal.message, refusal.status)

        return handler

    def _doer(self, do: Callable[[Body], Any]) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handler(request: web.Request) -> web.StreamResponse:
            text = await request.read()
            try:
                body = orjson.loads(text) if text else {}
                if not isinstance(body, dict):
                    return wrong("a JSON object is wanted")
                return answer(do(body))
            except Refusal as refusal:
                return web.json_response({"error": refusal.told()}, status=refusal.status)
            except (ValidationError, ValueError, TypeError, KeyError) as error:
                return wrong(f"{type(error).__name__}: {error}")

        return handler

    def _state(self, request: web.Request) -> Any:
        people, wanted = self.sandbox.people, request.query.get("object")
        names = [wanted] if wanted else list(self.sandbox.world.tables)
        deleted = "deleted" in request.query
        return {name: self._rows(name, people.rows(name, deleted=deleted)) for name in names}

    def _rows(self, name: str, rows: dict[str, Any]) -> Body:
        table = self.sandbox.world.table(name)
        return {id: self.sandbox.record(table, row) for id, row in rows.items()}

    def _calls(self, _: web.Request) -> Body:
        door = self.sandbox.door
        statuses = {str(status): n for status, n in door.statuses.items()}
        return {"total": door.calls.total(), "routes": dict(door.calls), "statuses": statuses}

    def _fired(self, _: web.Request) -> Body:
        fired = self.sandbox.fired
        faults = [fault.told() for fault in self.sandbox.faults.armed]
        return {"quirks": dict(fired.counts), "traps": fired.traps(), "faults": faults}

    def _edit(self, body: Body) -> Any:
        row = self.sandbox.people.edit(**body)
        return None if row is None else self._shown(str(body["object"]), row)

    def _shown(self, object: str, row: Any) -> Any:
        return self.sandbox.record(self.sandbox.world.table(object), row)

    def _release(self, body: Body) -> Any:
        if "late" in body:
            row = self.sandbox.people.commit(int(body["late"]))
            return {"id": row.id if row is not None else None}
        self.sandbox.faults.get(int(body["fault"])).release()
        return None

    def _set_quirks(self, body: Body) -> Any:
        self.sandbox.set_quirks(**body)
        return self.sandbox.quirks.model_dump(mode="json")

    def _subscribe(self, body: Body) -> Any:
        made = self.sandbox.webhooks.subscribe(**body)
        return {"subscription": made.number}

    def _unsubscribe(self, body: Body) -> None:
        self.sandbox.webhooks.unsubscribe(body.get("subscription"))

    def _hooks(self, _: web.Request) -> Body:
        hooks = self.sandbox.webhooks
        told = [
            {"subscription": s.number, **s.wanted.model_dump(exclude={"secret"})} for s in hooks.subscriptions
        ]
        return {"subscriptions": told, "deliveries": list(hooks.log), "idle": hooks.idle.is_set()}

    def _limits(self, body: Body) -> Any:
        limits = self.sandbox.limits
        if "left" in body:
            limits.left = body.pop("left")
        if body:
            limits.options = type(limits.options).model_validate({**limits.options.model_dump(), **body})
            if "quota" in body:
                limits.left = limits.options.quota
        return {**limits.options.model_dump(), "left": limits.left}

    def _schema(self, body: Body) -> Any:
        """`{"object", "field", "shape": {…} | null}`: add, change or remove a field."""
        shape = self.sandbox.world.table(body["object"]).shape
        fields = dict(shape.fields)
        if body.get("shape") is None:
            fields.pop(body["field"], None)
        else:
            fields[body["field"]] = self.sandbox.FIELD.model_validate(body["shape"])
        self.sandbox.reshape(body["object"], shape.model_copy(update={"fields": fields}))
        return {name: field.told() for name, field in fields.items()}

    def _auth(self, body: Body) -> Any:
        auth = self.sandbox.auth
        if body.get("revoke"):
            auth.revoke()
        if body.get("revoke_refresh"):
            auth.refresh.clear()
        if body.get("grant"):
            auth.grant()
        self.sandbox.account = body.get("account", self.sandbox.account)
        return {"account": self.sandbox.account, "revoked": auth.revoked}

    def _clock(self, body: Body) -> Any:
        clock = self.sandbox.clock
        if body.get("stop"):
            clock.stop()
        if body.get("go"):
            clock.go()
        if "advance" in body:
            clock.advance(float(body["advance"]))
        return {"now": clock.now().isoformat()}

    def _reset(self, body: Body) -> None:
        self.sandbox.reset(records=bool(body.get("records")))

    async def _wait(self, request: web.Request) -> web.StreamResponse:
        """Answer when a fault fires, or when all webhooks are out; 408 after `seconds` (30)."""
        query = request.query
        try:
            event = (
                self.sandbox.faults.get(int(query["fault"])).reached
                if "fault" in query
                else self.sandbox.webhooks.idle
            )
        except (KeyError, ValueError):
            return wrong(f"no such fault is armed; faults are: {', '.join(FAULTS)}", 404)
        try:
            async with asyncio.timeout(float(query.get("seconds", "30"))):
                await event.wait()
        except TimeoutError:
            return wrong("it did not happen in time", 408)
        return answer(None)


def answer(data: Any) -> web.Response:
    """JSON; nothing to say is `{}`."""
    body = orjson.dumps({} if data is None else data, default=str)
    return web.Response(body=body, content_type="application/json")


def wrong(message: str, status: int = 400) -> web.Response:
    """Why a control call makes no sense."""
    return web.json_response({"error": {"code": "bad_request", "message": message}}, status=status)
