"""Whether this process may still send what it is about to send.

Whoever stalls loses its lease to a successor, which takes its writes for sent. The engine looks before a
call; a connector asks again as late as it can, right before bytes leave or a transaction is committed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from syncd.core.errors import RetryLater

_held: ContextVar[Callable[[], bool]] = ContextVar("held", default=lambda: True)


@contextmanager
def turn(held: Callable[[], bool]) -> Iterator[None]:
    """Calls within the block are made only while `held` says so."""
    token = _held.set(held)
    try:
        yield
    finally:
        _held.reset(token)


def check_turn(what: str) -> None:
    """Raise `RetryLater` where a write may not leave now; outside of a turn it always may."""
    if not _held.get()():
        raise RetryLater(f"{what}: the process stalled, and another one may have its work")
