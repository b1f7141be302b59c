"""The embedded server as processes and files: make its folder, start it, ask how it is. No waiting here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from syncd.core.errors import StoreUnavailable
from syncd.store import launch
from syncd.store.home import Home

USER = DATABASE = "syncd"
LOG_LIMIT = 5_000_000
SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "max_connections": "40",
    "shared_buffers": "64MB",
    "work_mem": "8MB",
    "max_wal_size": "256MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_parallel_workers_per_gather": "0",
    "huge_pages": "off",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # statements and details hold people's values: of errors inside the database nothing is logged
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
}
"""What our use needs beside PostgreSQL's defaults; commits stay durable."""


def url_of(home: Home) -> str:
    """The server's address, complete, so that nobody's PG environment variables join in."""
    return f"postgresql://{USER}@/{DATABASE}?host={quote(str(home.sockets))}&port=5432"


def set_aside(home: Home) -> None:
    """Keep the log from growing for ever: one old one, one present one."""
    if home.log.exists() and home.log.stat().st_size > LOG_LIMIT:
        home.log.replace(home.log.with_suffix(".log.old"))


def spawn(home: Home, settings: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start the server as a child of ours; it writes to the home's log."""
    set_aside(home)
    with home.log.open("ab") as log:
        return subprocess.Popen(
            _as_user(home, "postgres", *_options(home, settings)),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=_environment(),
            start_new_session=True,  # Ctrl-C is for the daemon, which drains before it stops the store
        )


def _as_user(home: Home, program: str, *args: str) -> list[str]:
    uid = "" if home.uid is None else str(home.uid)
    gid = "" if home.gid is None else str(home.gid)
    starter = [sys.executable, "-I", "-S", launch.__file__, uid, gid, str(os.getpid())]
    return [*starter, str(home.bin / program), *args]


def _environment() -> dict[str, str]:
    return {"PATH": os.defpath, "LANG": "C", "LC_ALL": "C", "TZ": "UTC"}


def _options(home: Home, settings: Mapping[str, str]) -> list[str]:
    wanted = {**settings, "unix_socket_directories": str(home.sockets)}
    if int((home.data / "PG_VERSION").read_text()) >= 18:
        wanted.setdefault("io_method", "sync")  # three worker processes less
    return ["-D", str(home.data), *(f"--{name}={value}" for name, value in wanted.items())]


def initialise(home: Home, *, durable: bool) -> None:
    """Make the data folder beside its place and move it there whole, so that a kill leaves none half made."""
    making = home.data.with_name("postgres.new")
    shutil.rmtree(making, ignore_errors=True)
    home.own(making)
    options = ["-U", USER, "-A", "trust", "-E", "UTF8", "--no-locale", "--no-instructions"]
    sync = [] if durable else ["--no-sync"]
    _run(home, "initdb", "-D", str(making), *options, *sync)
    _run(home, "postgres", "--single", "-D", str(making), "template1", say=f"create database {DATABASE}\n")
    making.rename(home.data)
    if durable:
        _sync_folder(home.data.parent)


def _run(home: Home, program: str, *args: str, say: str = "") -> None:
    done = subprocess.run(
        _as_user(home, program, *args),
        input=say.encode(),
        capture_output=True,
        cwd="/",
        env=_environment(),
        check=False,
    )
    if done.returncode != 0:
        words = done.stderr.decode(errors="replace").strip().splitlines()
        raise StoreUnavailable(
            f"{program} could not make the embedded store in {home.data}: {(words or ['no word'])[-1]}. Free"
            " room there or mend its rights, or set `store` to a PostgreSQL of your own."
        )


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_ready(home: Home, pid: int | None = None) -> bool:
    """Whether the server (`pid`, or any) says so in the eighth line of its postmaster.pid."""
    try:
        lines = (home.data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and lines[7].strip() == "ready" and (pid is None or lines[0] == str(pid))


def in_folder(data: Path) -> bool:
    """Whether a server process, ours or an orphan, still works in the data folder (Linux; else unknown)."""
    for process in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if process.readlink() == data:
                return True
        except OSError:
            continue
    return False


def forget_the_dead(home: Home) -> bool:
    """Remove the pid files of a server that is gone, whose pid now belongs to somebody else.

    PostgreSQL takes any living process of that pid for itself, and in a container pids repeat. We hold the
    lock and nobody works in the folder, so nobody can own those files.
    """
    files = [home.data / "postmaster.pid", home.sockets / ".s.PGSQL.5432.lock"]
    there = [file for file in files if file.exists()]
    if sys.platform == "linux":
        for file in there:
            file.unlink()
    return bool(there)


def last_words(home: Home) -> str:
    """The log's last fatal line, or its last one."""
    lines = home.log.read_text(errors="replace")[-4000:].splitlines()
    fatal = [line for line in lines if "FATAL" in line or "PANIC" in line]
    return (fatal or lines or ["it said nothing"])[-1].strip()
