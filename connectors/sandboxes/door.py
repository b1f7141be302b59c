"""The way of a call through a sandbox: counted, let in or not, worked on, answered or not."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from email.utils import format_datetime
from typing import Any

import orjson
from aiohttp import web

from connectors.sandboxes.auth import Auth
from connectors.sandboxes.faults import Call, Fault
from connectors.sandboxes.limits import Limits
from connectors.sandboxes.shape import Refusal
from connectors.sandboxes.world import World

JSON = "application/json"
CODES = {500: "internal", 502: "bad_gateway", 503: "unavailable", 504: "timeout", 423: "locked"}


@dataclass(slots=True)
class Answer:
    """What the vendor's code says to a call."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    type: str = JSON

    @classmethod
    def json(cls, data: Any, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
        """An answer of JSON."""
        return cls(status, orjson.dumps(data), headers or {})


Work = Callable[[], Answer]
"""The vendor's code: does it all at once, without waiting, or raises `Refusal` with nothing done."""


def plain_error(call: Call, refusal: Refusal) -> Answer:
    """The error as the plain wire says it; a vendor's sandbox brings its own."""
    return Answer.json({"error": refusal.told()}, refusal.status, refusal.headers)


class Door:
    """`run` takes each API call. `calls` counts by `route object`, refused ones too."""

    def __init__(self, world: World, auth: Auth, limits: Limits) -> None:
        self.world, self.auth, self.limits = world, auth, limits
        self.calls: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.error: Callable[[Call, Refusal], Answer] = plain_error
        self._writes = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Something that goes on beside the calls, until `aclose`."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def aclose(self) -> None:
        """End what goes on, and let go of calls that hang."""
        self.world.faults.disarm()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def run(
        self, request: web.BaseRequest, call: Call, work: Work, *, guarded: bool = True
    ) -> web.StreamResponse:
        """Answer one call; not `guarded`: a log-in, which needs none."""
        self.calls[f"{call.route} {call.object}".rstrip()] += 1
        faults = self.world.faults
        try:
            if guarded:
                self.auth.check(request)
                self.limits.take()
            if faults.armed and await self._before(request, call):
                return self._closed(request)
            late = faults.take("late_commit", call)
            if late is not None:
                return self._late(request, call, late, work)
            answer = self._worked(call, work)
        except Refusal as refusal:
            return self._sent(self.refused(call, refusal))
        if faults.armed and await self._after(request, call, answer):
            return self._closed(request)
        return self._sent(answer)

    def refused(self, call: Call, refusal: Refusal) -> Answer:
        """A refusal as it is dressed. What says "try later" keeps its status."""
        dress = self.world.quirks.dress_errors
        if dress is not None and refusal.status < 500 and refusal.status not in (401, 403, 412, 423, 429):
            self.world.fired("dress_errors")
            answer = self.error(call, refusal)
            answer.status = dress
            return answer
        return self.error(call, refusal)

    def _worked(self, call: Call, work: Work) -> Answer:
        answer = work()
        if call.writes:
            self._writes += 1
            each = self.world.quirks.fail_after_commit
            if each and self._writes % each == 0:
                self.world.fired("fail_after_commit")
                raise Refusal(500, "internal", "something went wrong")
        return answer

    def _sent(self, answer: Answer) -> web.Response:
        self.statuses[answer.status] += 1
        headers = {"Date": format_datetime(self.world.clock.now(), usegmt=True), **answer.headers}
        if self.limits.left is not None or self.limits.options.per_second is not None:
            headers = {**headers, **self.limits.headers()}
        return web.Response(body=answer.body, status=answer.status, headers=headers, content_type=answer.type)

    def _closed(self, request: web.BaseRequest) -> web.Response:
        """Close the line without an answer."""
        self.statuses[0] += 1
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    async def _before(self, request: web.BaseRequest, call: Call) -> bool:
        """Fire what is to happen before the work; True: the line is to be closed."""
        take = self.world.faults.take
        if (fault := take("slow", call)) is not None:
            await self.world.clock.sleep(float(fault.args.get("seconds", 1.0)))
        if (fault := take("hang", call)) is not None:
            await fault.go.wait()
            if request.transport is None or request.transport.is_closing():
                return True
        if take("drop", call) is not None:
            return True
        if (fault := take("error_before", call)) is not None:
            raise self._error(fault)
        if (fault := take("rate_limited", call)) is not None:
            wait = float(fault.args.get("seconds", 1.0))
            code = fault.args.get("code", "rate_limited")
            raise self.limits.refuse(code, wait, 429, fault.args.get("retry_after", "unsaid"))
        if take("unauthorized", call) is not None:
            self.auth.revoke()
            raise self.auth.refuse("token_expired")
        if take("forbidden", call) is not None:
            raise Refusal(403, "forbidden", "this account may not do that")
        if call.route != "batch" and take("row_lock", call) is not None:
            raise Refusal(423, "locked", "another one is writing this record")
        if take("cursor_expired", call) is not None:
            raise Refusal(410, "cursor_expired", "the cursor is no longer known")
        return False

    def _error(self, fault: Fault, default: int = 500) -> Refusal:
        status = int(fault.args.get("status", default))
        code = fault.args.get("code", CODES.get(status, "error"))
        return Refusal(status, code, fault.args.get("message", "something went wrong"))

    async def _after(self, request: web.BaseRequest, call: Call, answer: Answer) -> bool:
        """Fire what is to happen once all is done; True: the line is to be closed."""
        take = self.world.faults.take
        if (fault := take("hang_answer", call)) is not None:
            await fault.go.wait()
        if take("lose_answer", call) is not None:
            return True
        if (fault := take("error_after", call)) is not None:
            self.world.fired("error_after")
            told = self.error(call, self._error(fault))
            answer.status, answer.body, answer.headers = told.status, told.body, told.headers
        if take("wrong_json", call) is not None:
            answer.body, answer.type = b"<html><body>maintenance</body></html>", "text/html"
        if take("cut_body", call) is not None:
            await self._cut(request, answer)
            return True
        return False

    async def _cut(self, request: web.BaseRequest, answer: Answer) -> None:
        """Promise the whole body, send half."""
        if request.transport is None:
            return
        size = len(answer.body)
        head = f"HTTP/1.1 {answer.status} OK\r\nContent-Type: {answer.type}\r\nContent-Length: {size}\r\n\r\n"
        request.transport.write(head.encode() + answer.body[: size // 2])
        request.transport.close()  # sends what is buffered first
        await asyncio.sleep(0)

    def _late(self, request: web.BaseRequest, call: Call, fault: Fault, work: Work) -> web.StreamResponse:
        """Keep the work for later; no answer now, or the one asked for."""

        def commit() -> None:
            try:
                self._worked(call, work)
            except Refusal as refusal:
                fault.args["refused"] = refusal.code

        fault.later(commit)
        if fault.args.get("seconds") is not None:
            self.spawn(self._release(fault, float(fault.args["seconds"])))
        if "status" in fault.args:
            return self._sent(self.error(call, self._error(fault)))
        return self._closed(request)

    async def _release(self, fault: Fault, seconds: float) -> None:
        await self.world.clock.sleep(seconds)
        fault.release()
