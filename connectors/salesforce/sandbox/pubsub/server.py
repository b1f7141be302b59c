"""The gRPC server: who calls, what is asked, and faults on the way."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from connectors.salesforce.sandbox.org import Org
from connectors.salesforce.sandbox.pubsub import wire
from connectors.salesforce.sandbox.pubsub.bus import Bus
from connectors.salesforce.sandbox.pubsub.faults import take
from connectors.salesforce.sandbox.pubsub.options import PubSubOptions
from connectors.salesforce.sandbox.pubsub.publish import Publisher
from connectors.salesforce.sandbox.pubsub.refusals import (
    Refusal,
    Status,
    abort,
    bad_argument,
    bad_headers,
    no_topic,
    unauthenticated,
    unavailable,
)
from connectors.salesforce.sandbox.pubsub.subscription import Subscription
from connectors.salesforce.sandbox.pubsub.topics import Topics
from connectors.sandboxes.door import Door
from connectors.sandboxes.faults import Call

DAY = 86_400.0
GRACE = 0.5
"""Seconds that streams have to end when the service goes."""
LARGEST = 4 * 1024 * 1024
"""Bytes of a request, gRPC's own limit."""


class PubSub:
    """The service of one org. `users` gives the User id of an open session, `revoke` ends all sessions."""

    def __init__(
        self,
        org: Org,
        options: PubSubOptions,
        door: Door,
        users: Callable[[str], str | None],
        revoke: Callable[[], None],
    ) -> None:
        self.org, self.options, self.door, self.users, self.revoke = org, options, door, users, revoke
        self.topics = Topics(org, options)
        self.bus = Bus(org.clock, options.retention)
        self.publisher = Publisher(org, options, self.topics, self.bus, door.spawn)
        self.streams = 0
        self.delivered: Counter[str] = Counter()
        """Events that were sent, by topic."""
        self.no_stream = asyncio.Event()
        self._delivered: deque[tuple[float, int]] = deque()

    @asynccontextmanager
    async def serving(self, ca: Path | None = None) -> AsyncIterator[dict[str, Any]]:
        """Serve for the time of the block; `ca`: the authority's file, beside which the certificate lies."""
        server = grpc.aio.server(options=[("grpc.max_receive_message_length", LARGEST)])
        server.add_generic_rpc_handlers((self._handlers(),))
        if ca is None:
            port = server.add_insecure_port("127.0.0.1:0")
        else:
            pair = (ca.parent / "server-key.pem").read_bytes(), (ca.parent / "server.pem").read_bytes()
            port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
        await server.start()
        stop = self.org.journal.subscribe(self.publisher)
        try:
            yield {"pubsub": f"127.0.0.1:{port}", "org_id": self.org.org_id}
        finally:
            stop()
            self.bus.close()
            await server.stop(GRACE)

    def _handlers(self) -> Any:
        def one(do: Any, request: Any, answer: Any) -> Any:
            return grpc.unary_unary_rpc_method_handler(do, request.FromString, answer.SerializeToString)

        subscribe = grpc.stream_stream_rpc_method_handler(
            self._subscribe, wire.FetchRequest.FromString, wire.FetchResponse.SerializeToString
        )
        methods = {
            "GetTopic": one(self._topic, wire.TopicRequest, wire.TopicInfo),
            "GetSchema": one(self._schema, wire.SchemaRequest, wire.SchemaInfo),
            "Subscribe": subscribe,
        }
        return grpc.method_handlers_generic_handler(wire.SERVICE, methods)

    # the calls ---------------------------------------------------------------------------------------------

    async def _topic(self, request: Any, context: Any) -> Any:
        try:
            await self._enter(context, Call("pubsub.topic", request.topic_name))
            return self._told(request.topic_name)
        except Refusal as refusal:
            await abort(context, refusal)

    def _told(self, name: str) -> Any:
        entities = self.topics.entities(name)
        if not name:
            raise bad_argument("topic.validation.empty", "The topic name is blank.")
        if entities is None:
            raise no_topic(name)
        schema = self.topics.schema(min(entities)) if len(entities) == 1 else None
        return wire.TopicInfo(
            topic_name=name,
            tenant_guid=self.org.org_id,
            can_publish=False,
            can_subscribe=True,
            schema_id=schema.id if schema is not None else "",
            rpc_id=str(uuid.uuid4()),
        )

    async def _schema(self, request: Any, context: Any) -> Any:
        try:
            await self._enter(context, Call("pubsub.schema", request.schema_id))
            if not request.schema_id:
                raise bad_argument("schema.validation.failed", "The schema ID is blank.")
            found = self.topics.by_id.get(request.schema_id)
            if found is None:
                text = "There is no schema with this ID, or no permission to see it."
                raise Refusal(Status.NOT_FOUND, "schema.meta.permission", text)
            return wire.SchemaInfo(schema_json=found.text, schema_id=found.id, rpc_id=str(uuid.uuid4()))
        except Refusal as refusal:
            await abort(context, refusal)

    async def _subscribe(self, requests: Any, context: Any) -> AsyncIterator[Any]:
        self.streams += 1
        self.no_stream.clear()
        listening: asyncio.Task[None] | None = None
        try:
            subscription = Subscription(self.bus, self.topics, self.options, self._allow)
            first = await anext(aiter(requests), None)
            if first is None:
                return
            await self._enter(context, Call("pubsub.subscribe", first.topic_name))
            if self.streams > self.options.clients:
                text = "The maximum number of concurrent clients has been exceeded."
                raise Refusal(Status.RESOURCE_EXHAUSTED, "concurrent.client.limit.exceeded", text)
            subscription.begin(first)
            listening = asyncio.create_task(subscription.listen(requests))
            async for answer in subscription.answers():
                await self._meanwhile(context, subscription.topic)
                self.delivered[subscription.topic] += len(answer.events)
                yield answer
        except Refusal as refusal:
            await abort(context, refusal)
        finally:
            self.streams -= 1
            if not self.streams:
                self.no_stream.set()
            if listening is not None:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)

    # who may, and what goes wrong --------------------------------------------------------------------------

    async def _enter(self, context: Any, call: Call) -> None:
        self.door.calls[f"{call.route} {call.object}".rstrip()] += 1
        self._check(context)
        plan = self.org.faults
        if (fault := take(plan, "slow", call)) is not None:
            await self.org.clock.sleep(float(fault.args.get("seconds", 1.0)))
        if (fault := take(plan, "hang", call)) is not None:
            await fault.go.wait()
        if take(plan, "unauthorized", call) is not None:
            self.revoke()
            raise unauthenticated()
        if take(plan, "forbidden", call) is not None:
            code = (
                "topic.meta.permission"
                if call.route == "pubsub.topic"
                else "subscription.topic.cannot.subscribe"
            )
            raise Refusal(Status.PERMISSION_DENIED, code, "Insufficient permissions for the topic.")
        if take(plan, "rate_limited", call) is not None:
            text = "Too many requests: retry with reduced load."
            raise Refusal(Status.RESOURCE_EXHAUSTED, "service.protection.triggered", text)
        if take(plan, "cursor_expired", call) is not None:
            text = "The replay_id is not valid, or refers to an event outside of the retention window."
            raise bad_argument("subscription.fetch.replayid.corrupted", text)
        if take(plan, "drop", call) is not None or take(plan, "error_before", call) is not None:
            raise unavailable()

    def _check(self, context: Any) -> None:
        """The session; one that was revoked ends its streams, too."""
        shown = dict(context.invocation_metadata() or ())
        token, url, org = (str(shown.get(name, "")) for name in ("accesstoken", "instanceurl", "tenantid"))
        if not (token and url and org):
            raise bad_headers()
        if self.users(token) is None or org[:15] != self.org.org_id[:15]:
            raise unauthenticated()

    async def _meanwhile(self, context: Any, topic: str) -> None:
        """What may go wrong before an answer of a stream leaves."""
        self._check(context)
        call = Call("pubsub.subscribe", topic)
        if take(self.org.faults, "stream_reset", call) is not None:
            raise Refusal(Status.UNAVAILABLE, "service.unavailable", "RST_STREAM closed stream.")
        if (fault := take(self.org.faults, "stream_silent", call)) is not None:
            await fault.go.wait()

    def _allow(self, count: int) -> None:
        """Count deliveries of the last 24 hours; `Refusal` above the allocation."""
        if self.options.deliveries is None:
            return
        now = self.org.clock.monotonic()
        while self._delivered and self._delivered[0][0] <= now - DAY:
            self._delivered.popleft()
        if sum(n for _, n in self._delivered) + count > self.options.deliveries:
            text = "The org's allocation of delivered events in 24 hours is used up."
            raise Refusal(Status.RESOURCE_EXHAUSTED, "subscription.limit.exceeded", text)
        self._delivered.append((now, count))
