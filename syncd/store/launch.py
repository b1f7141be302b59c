"""Become PostgreSQL: drop root, arrange to die with the daemon, execute. Run as a script of its own.

A script rather than a `preexec_fn`, which is unsafe in a process with threads; and it starts as root,
because the user that it turns into may not be able to reach the interpreter.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(uid: str, gid: str, parent: str, *command: str) -> None:
    """Execute `command` as `uid` and `gid` (empty: as we are), a child of `parent`."""
    if uid:
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))
    if sys.platform == "linux":  # after setuid, which clears it; SIGINT is PostgreSQL's fast shutdown
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)
    if os.getppid() != int(parent):
        sys.exit("the daemon is gone")
    os.umask(0o077)
    os.execv(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
