"""The gRPC channel: three calls, each with the session of the moment."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import grpc
import grpc.aio

from connectors.salesforce.events import messages as m
from connectors.salesforce.events.change import Session, Sessions
from connectors.salesforce.events.errors import is_auth, step
from syncd.core.errors import NeedsOperator, RetryLater

TIMEOUT = 30.0
"""Seconds for a call that is no stream."""
LARGEST = 128 * 1024 * 1024
"""Bytes of one answer: 100 events of 1 MB, and their frame."""
T = TypeVar("T")


class Channel:
    """One connection to one endpoint; made when it is first used."""

    def __init__(self, sessions: Sessions, endpoint: str, ca: Path | None) -> None:
        self.sessions, self.endpoint, self.ca = sessions, endpoint, ca
        self._channel: Any = None

    def _opened(self) -> Any:
        if self._channel is None:
            address, plain = address_of(self.endpoint)
            options = [("grpc.max_receive_message_length", LARGEST)]
            if plain:
                options.append(("grpc.enable_http_proxy", 0))
                self._channel = grpc.aio.insecure_channel(address, options)
            else:
                self._channel = grpc.aio.secure_channel(address, trusting(self.ca), options)
        return self._channel

    async def topic(self, name: str) -> Any:
        """`TopicInfo`."""
        return await self._unary("GetTopic", m.TopicRequest(topic_name=name), m.TopicInfo, name)

    async def schema(self, id: str, topic: str) -> str:
        """The JSON of a schema."""
        found = await self._unary("GetSchema", m.SchemaRequest(schema_id=id), m.SchemaInfo, topic)
        return str(found.schema_json)

    async def _unary(self, name: str, request: Any, answer: Any, topic: str) -> Any:
        call = self._opened().unary_unary(
            f"{m.SERVICE}/{name}", request.__class__.SerializeToString, answer.FromString
        )
        return await self.with_session(
            topic, lambda session: call(request, metadata=metadata(session), timeout=TIMEOUT)
        )

    def subscribe(self, session: Session) -> Any:
        """A call of Subscribe, not yet begun: its reads and writes begin it."""
        return self._opened().stream_stream(
            f"{m.SERVICE}/Subscribe", m.FetchRequest.SerializeToString, m.FetchResponse.FromString
        )(metadata=metadata(session))

    async def with_session(self, topic: str, do: Callable[[Session], Awaitable[T]]) -> T:
        """Do something, once more with a new session where the first one is refused."""
        session = await self.sessions(None)
        for last in (False, True):
            try:
                return await do(session)
            except grpc.aio.AioRpcError as error:
                if last or not is_auth(error):
                    raise step(error, topic) from None
            except grpc.aio.InternalError:
                raise RetryLater(f"change events of {topic}: gRPC failed within") from None
            session = await self.sessions(session)
        raise AssertionError("unreachable")

    async def aclose(self) -> None:
        """Hang up."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()
            await asyncio.sleep(0)


def metadata(session: Session) -> tuple[tuple[str, str], ...]:
    """Who calls. `NeedsOperator` for what no header can carry."""
    values = {
        "accesstoken": session.access_token,
        "instanceurl": session.instance_url,
        "tenantid": session.org_id,
    }
    for name, value in values.items():
        if not (value and value.isascii() and value.isprintable()):
            raise NeedsOperator(f"change events: {name} is empty, or holds odd characters", "Log in again")
    return tuple(values.items())


def address_of(endpoint: str) -> tuple[str, bool]:
    """Host and port, and whether without TLS. `NeedsOperator` where it is no such address."""
    parts = urlsplit(endpoint if "//" in endpoint else f"https://{endpoint}")
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if host is None or parts.scheme not in ("http", "https"):
        raise NeedsOperator(f"{endpoint!r} is no address of a Pub/Sub service", "Write https://HOST:PORT")
    if parts.scheme == "http" and not on_this_machine(host):
        raise NeedsOperator(f"{endpoint!r} would send the token unencrypted", "Write https://HOST:PORT")
    at = f"[{host}]" if ":" in host else host
    return f"{at}:{port or 7443}", parts.scheme == "http"


def on_this_machine(host: str) -> bool:
    """Whether it is a loopback address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def trusting(ca: Path | None) -> Any:
    """Credentials that believe the usual authorities, or those of a file."""
    if ca is None:
        return grpc.ssl_channel_credentials()
    try:
        return grpc.ssl_channel_credentials(ca.read_bytes())
    except OSError as error:
        raise NeedsOperator(f"{ca} cannot be read ({error.strerror})", "Mend `tls.ca`") from None
