"""Servers that nobody here wrote: installed once into a cache outside the repository, started on loopback."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from tests.support.services import missing_service

KINTO = ("kinto==26.5.0", "pyramid==2.1", "waitress==3.0.2", "setuptools<81")
JSON_SERVER = ("json-server@0.17.4",)
INSTALLING = 240
"""Seconds that an installation may take."""
KINTO_INI = """
[server:main]
use = egg:waitress#main
listen = 127.0.0.1:0
[app:main]
use = egg:kinto
kinto.storage_backend = kinto.core.storage.memory
kinto.cache_backend = kinto.core.cache.memory
kinto.permission_backend = kinto.core.permission.memory
kinto.includes = kinto.plugins.accounts
kinto.userid_hmac_secret = loopback
multiauth.policies = account
multiauth.policy.account.use = kinto.plugins.accounts.authentication.AccountsAuthenticationPolicy
kinto.account_create_principals = system.Everyone
kinto.bucket_create_principals = system.Authenticated
[loggers]
keys = root
[handlers]
keys = console
[formatters]
keys = plain
[logger_root]
level = INFO
handlers = console
[handler_console]
class = StreamHandler
args = (sys.stderr,)
formatter = plain
[formatter_plain]
format = %(message)s
"""


@asynccontextmanager
async def kinto(folder: Path) -> AsyncIterator[str]:
    """Kinto with its memory in memory, by its URL; people may make accounts."""
    home = await asyncio.to_thread(installed, "kinto", KINTO, pip)
    (folder / "kinto.ini").write_text(KINTO_INI)
    command = [home / "bin" / "python", "-m", "pyramid.scripts.pserve", folder / "kinto.ini"]
    async with serving(command, folder / "kinto.log", "Serving on ") as line:
        yield line.split("Serving on ")[1].strip() + "/v1"


@asynccontextmanager
async def json_server(folder: Path, data: Path) -> AsyncIterator[str]:
    """json-server on a file, by its URL; `json-server.log` in the folder names every request."""
    home = await asyncio.to_thread(installed, "json-server", JSON_SERVER, _npm)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    command = [home / "node_modules" / ".bin" / "json-server", "--host", "127.0.0.1", "--port", port, data]
    async with serving(command, folder / "json-server.log", "Type s + enter"):
        yield f"http://127.0.0.1:{port}"


def installed(name: str, wanted: Sequence[str], install: Callable[[Path, Sequence[str]], None]) -> Path:
    """The folder where it is, installed by the first who asks; skips the test where it cannot be had."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "syncd-tests"
    home = cache / name
    ready = home / ".ready"
    cache.mkdir(parents=True, exist_ok=True)
    with _alone(cache / f"{name}.lock"):
        if not ready.exists() or ready.read_text() != " ".join(wanted):
            shutil.rmtree(home, ignore_errors=True)
            try:
                install(home, wanted)
            except FileNotFoundError as error:
                missing_service(name, f"{error.filename} is not installed")
            except subprocess.TimeoutExpired:
                missing_service(name, f"not installed within {INSTALLING} s")
            except subprocess.CalledProcessError as error:
                said = (error.stderr or "").strip().splitlines()
                missing_service(name, f"cannot be installed: {said[-1] if said else error}")
            ready.write_text(" ".join(wanted))
    return home


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def pip(home: Path, wanted: Sequence[str]) -> None:
    run(sys.executable, "-m", "venv", str(home))
    run(str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", *wanted)


def _npm(home: Path, wanted: Sequence[str]) -> None:
    home.mkdir()
    run("npm", "install", "--prefix", str(home), "--no-audit", "--no-fund", *wanted)


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALLING)


@asynccontextmanager
async def serving(command: Sequence[object], log: Path, ready: str) -> AsyncIterator[str]:
    """A server for the length of the block; gives the line by which it says that it serves."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    served: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def read() -> None:
        assert process.stdout is not None
        with log.open("wb") as out:
            while line := await process.stdout.readline():
                out.write(line)
                out.flush()
                if ready in line.decode(errors="replace") and not served.done():
                    served.set_result(line.decode(errors="replace"))
        if not served.done():
            served.set_exception(AssertionError(f"{command[0]} ended before it served: see {log}"))

    reading = asyncio.create_task(read())
    try:
        async with asyncio.timeout(60):
            line = await served
        yield line
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        await reading
