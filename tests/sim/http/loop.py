"""The twin's loop for connections on this machine: the clock stands still while anything is under way.

Both ends of each connection to a sandbox live in this process, so what was sent and has not been received
can be counted to the byte. Time moves when no byte, no ending and no statement is on its way: all that is
left then waits for the time itself.
"""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Coroutine
from typing import Any, TypeVar

from tests.sim.twin.loop import STUCK_SECONDS, Stuck, TwinLoop

T = TypeVar("T")
End = tuple[Any, Any]
"""One end of a connection: its own address and that of the other end."""
TICK = 1e-6
GRACE = 0.2
"""How long, in real seconds, a connection's end may take to be noticed by who does not listen."""


class Book:
    """What is on its way on the connections of one loop."""

    def __init__(self) -> None:
        self.bytes: Counter[End] = Counter()
        self.endings: set[End] = set()
        self.closed: set[End] = set()
        self.others = 0

    def received(self, end: End, number: int) -> None:
        """So many bytes arrived; 0: the connection's end did."""
        if number:
            self.bytes[end[1], end[0]] -= number
        else:
            self.endings.discard((end[1], end[0]))

    def left(self, end: End) -> None:
        """This end is closed: what was sent to it is lost, and the other one will hear of it."""
        other = (end[1], end[0])
        self.bytes.pop(other, None)
        self.endings.discard(other)
        if other in self.closed:
            self.closed.discard(other)
            self.bytes.pop(end, None)
        else:
            self.closed.add(end)
            self.endings.add(end)

    def busy(self) -> bool:
        """Whether anything will happen by itself."""
        return bool(self.others or self.endings or any(self.bytes.values()))


class _Line(socket.socket):
    """A socket that tells what passes."""

    def __init__(self, raw: socket.socket, book: Book) -> None:
        self.book, self.end = book, (raw.getsockname(), raw.getpeername())
        super().__init__(raw.family, raw.type, raw.proto, fileno=raw.detach())
        self.setblocking(False)

    def send(self, data: Any, *flags: int) -> int:
        number = super().send(data, *flags)
        self.book.bytes[self.end] += number
        return number

    def sendmsg(self, buffers: Any, *more: Any) -> int:
        number = super().sendmsg(buffers, *more)
        self.book.bytes[self.end] += number
        return number

    def recv(self, size: int, *flags: int) -> bytes:
        try:
            data = super().recv(size, *flags)
        except ConnectionError:
            self.book.received(self.end, 0)
            raise
        self.book.received(self.end, len(data))
        return data

    def close(self) -> None:
        if self.fileno() != -1:
            self.book.left(self.end)
        super().close()


class HttpLoop(TwinLoop):
    """`ports` are those of the sandboxes; other connections are the store's, and waited for by `alone`."""

    def __init__(self) -> None:
        self.ports: set[int] = set()
        self.book = Book()
        self._turns = 0
        super().__init__()

    def begin_anew(self) -> None:
        super().begin_anew()
        self.ports, self.book = set(), Book()

    def _make_socket_transport(self, sock: socket.socket, *args: Any, **words: Any) -> Any:
        if sock.family == socket.AF_INET and self.ports & {sock.getsockname()[1], sock.getpeername()[1]}:
            sock = _Line(sock, self.book)
        return super()._make_socket_transport(sock, *args, **words)  # type: ignore[misc]

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        self.book.others += 1
        try:
            await super().sock_connect(sock, address)
        finally:
            self.book.others -= 1

    async def alone(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a statement to its end, at no time at all; others may go on beside it."""
        self.book.others += 1
        try:
            return await work
        finally:
            self.book.others -= 1

    def _run_once(self) -> None:
        """One handle; what has arrived; the next timer, once nothing is on its way."""
        self._turns += 1
        if not self._ready or self._turns % 50 == 0:
            self._listen(0)
        if self._ready:
            handle = self._ready.popleft()
            if not handle._cancelled:
                handle._run()
        elif self.book.busy():
            self._wait()
        elif not self._jump():
            self._listen(STUCK_SECONDS)
            if not self._ready:
                raise Stuck(f"at {self._virtual:.3f} s nothing is ready, and no timer runs")

    def _jump(self) -> bool:
        """To the next timer. Time goes on by a little even where that one is set for now.

        Else who waits for less than the clock can tell, as a limiter of calls may, would wait for ever.
        """
        before = self._virtual
        found = super()._jump()
        if self._virtual == before:
            self._virtual += TICK
        return found

    def _wait(self) -> None:
        """For what is on its way."""
        quiet = not (self.book.others or any(self.book.bytes.values()))
        self._listen(GRACE if quiet else STUCK_SECONDS)
        if self._ready:
            return
        if not quiet:
            raise Stuck(f"at {self._virtual:.3f} s nobody answers: {self.book.bytes}, {self.book.others}")
        self.book.endings.clear()  # who does not listen will see it when it does

    def _listen(self, seconds: float) -> None:
        self._process_events(self._selector.select(seconds))  # type: ignore[attr-defined]
