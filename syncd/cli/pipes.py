"""Output whose reader has left, as `syncd schema | head` does: no failure, and nothing to say to anybody."""

from __future__ import annotations

import os
import select
import sys

UNREAD = 141
"""The exit code: what a shell shows for a command that a broken pipe ended (128 and SIGPIPE)."""


def nobody_reads() -> bool:
    """Whether standard output is the pipe that broke, and not, say, a connection to a system."""
    if not hasattr(select, "poll"):
        return True
    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), select.POLLOUT)
        return any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0))
    except (OSError, ValueError):
        return False


def fall_silent() -> None:
    """Send what is still buffered nowhere, or Python complains of it at the end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
