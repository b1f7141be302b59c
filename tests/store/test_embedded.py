"""The embedded server with real processes and real kills."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from syncd.core.errors import StoreUnavailable
from syncd.store import server as processes
from syncd.store.embedded import EmbeddedPostgres
from syncd.store.home import _copied, _wheel_binaries, find_home, others_reach
from tests.support.postgres import reachable_folder
from tests.support.services import DEBIAN_BIN, require_service


@pytest.fixture
def folder() -> Iterator[Path]:
    with reachable_folder() as made:
        yield made


def quick(folder: Path, *, share: bool = False) -> EmbeddedPostgres:
    """For what has nothing to do with durability: a disk that others use makes syncing slow."""
    return EmbeddedPostgres(folder, share=share, settings={"fsync": "off"})


async def made(folder: Path) -> None:
    """Make the data folder quickly, for a durable server to work in."""
    async with quick(folder):
        pass


async def ask(url: str, sql: str) -> object:
    con = await asyncpg.connect(url)
    try:
        return await con.fetchval(sql)
    finally:
        await con.close()


class Doomed:
    """The child of `tests.support.embedded_child`, and what it said it had committed."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-m", "tests.support.embedded_child", str(folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.said = self.process.stdout
        self.server = int(self.said.readline())
        self.last = 0

    def run_until(self, number: int) -> None:
        while self.last < number:
            self.last = int(self.said.readline())

    def kill(self) -> int:
        """Kill the daemon; answers the last number that it had said."""
        self.process.kill()
        whole = [line for line in self.said.read().splitlines(keepends=True) if line.endswith("\n")]
        self.process.wait()
        self.said.close()
        return int(whole[-1]) if whole else self.last


def working_in(data: Path) -> list[int]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() == data:
                found.append(int(process.name))
        except OSError:
            continue
    return found


async def test_it_starts_durable_keeps_its_data_and_leaves_no_process(folder: Path) -> None:
    async with EmbeddedPostgres(folder) as url:
        assert await ask(url, "show fsync") == "on"
        assert await ask(url, "show synchronous_commit") == "on"
        assert await ask(url, "select current_setting('listen_addresses')") == ""
        await ask(url, "create table kept as select 42 as n")
    assert working_in(folder / "postgres") == []
    async with EmbeddedPostgres(folder) as url:
        assert await ask(url, "select n from kept") == 42


async def test_after_a_kill_of_the_daemon_all_that_was_said_is_there(folder: Path) -> None:
    await made(folder)
    doomed = Doomed(folder)
    doomed.run_until(50)
    last = doomed.kill()
    async with EmbeddedPostgres(folder) as url:
        assert await ask(url, "select max(n) from said") in (last, last + 1)
    assert last >= 50


async def test_after_a_kill_of_everything_all_that_was_said_is_there(folder: Path) -> None:
    await made(folder)
    doomed = Doomed(folder)
    doomed.run_until(50)
    servers = working_in(folder / "postgres")
    assert doomed.server in servers
    for pid in servers:
        os.kill(pid, signal.SIGKILL)
    last = doomed.kill()
    async with EmbeddedPostgres(folder) as url:
        assert await ask(url, "select count(distinct n) >= 50 and max(n) = count(*) from said") is True
        assert await ask(url, "select max(n) from said") in (last, last + 1)


async def test_a_second_daemon_is_told_who_holds_the_folder(folder: Path) -> None:
    async with quick(folder) as url:
        with pytest.raises(StoreUnavailable, match=f"in use by another syncd .*process {os.getpid()}"):
            await quick(folder).__aenter__()
        async with quick(folder, share=True) as shared:
            assert shared == url
        assert await ask(url, "select 1") == 1  # a command that leaves does not take the server along


async def test_a_command_starts_a_server_where_none_runs(folder: Path) -> None:
    async with quick(folder, share=True) as url:
        assert await ask(url, "select 1") == 1
    assert working_in(folder / "postgres") == []


async def test_a_daemon_waits_for_a_command_that_holds_the_folder(folder: Path) -> None:
    command = quick(folder, share=True)
    await command.__aenter__()
    waiting = asyncio.create_task(quick(folder).__aenter__())
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await command.__aexit__(None, None, None)


@contextmanager
def stranger_as(uid: int | None) -> Iterator[subprocess.Popen[bytes]]:
    """A living process of the server's user that is no server."""
    user = os.geteuid() if uid is None else uid
    with subprocess.Popen(["sleep", "600"], cwd="/", user=user) as process:
        try:
            yield process
        finally:
            process.kill()


async def test_a_pid_that_belongs_to_another_process_now_does_not_stop_it(folder: Path) -> None:
    home = find_home(folder)
    async with quick(folder):
        pass
    home.own(home.sockets)
    with stranger_as(home.uid) as stranger:
        (home.data / "postmaster.pid").write_text(f"{stranger.pid}\n{home.data}\n0\n5432\n\n\n0 0\nready\n")
        (home.sockets / ".s.PGSQL.5432.lock").write_text(f"{stranger.pid}\n")
        async with quick(folder) as url:
            assert await ask(url, "select 1") == 1


async def test_a_folder_that_was_half_made_is_made_again(folder: Path) -> None:
    (folder / "postgres.new" / "base").mkdir(parents=True)
    async with quick(folder) as url:
        assert await ask(url, "select 1") == 1
    assert not (folder / "postgres.new").exists()


async def test_an_end_of_the_server_is_noticed(folder: Path) -> None:
    server = quick(folder)
    async with server:
        assert server.pid is not None
        os.kill(server.pid, signal.SIGQUIT)
        with pytest.raises(StoreUnavailable, match=r"ended by itself.*Start syncd again"):
            await asyncio.wait_for(server.watch(), 30)


async def test_a_long_path_moves_only_the_socket(folder: Path) -> None:
    deep = folder / ("x" * 120)
    async with quick(deep) as url:
        assert await ask(url, "select 1") == 1
        assert (deep / "postgres" / "PG_VERSION").exists()
        sockets = find_home(deep).sockets
        assert sockets.exists()
        assert str(sockets) in url
        assert not sockets.is_relative_to(folder)
    assert not sockets.exists()


async def test_environment_variables_of_postgresql_change_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"PGPORT": "1", "PGHOST": "/nowhere", "PGUSER": "x", "PGDATABASE": "x"}.items():
        monkeypatch.setenv(name, value)
    async with quick(folder) as url:
        assert await ask(url, "select current_database()") == "syncd"


async def test_binaries_of_another_release_are_refused_by_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_service("debian_postgres")
    monkeypatch.setenv("SYNCD_PG_BIN", str(DEBIAN_BIN))
    async with quick(folder) as url:
        assert str(await ask(url, "show server_version")).startswith("15.")
    monkeypatch.delenv("SYNCD_PG_BIN")
    with pytest.raises(StoreUnavailable, match="incompatible with server"):
        await quick(folder).__aenter__()


async def test_missing_binaries_are_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCD_PG_BIN", "/nowhere")
    with pytest.raises(StoreUnavailable, match="no PostgreSQL in /nowhere"):
        await quick(folder).__aenter__()


def test_a_state_folder_that_nobody_can_reach_gets_its_data_elsewhere(folder: Path) -> None:
    require_service("root")
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    first = find_home(closed / "state", fallback=folder / "lib")
    assert first.data.is_relative_to(folder / "lib")
    assert (closed / "state" / "postgres").is_symlink()
    assert find_home(closed / "state", fallback=folder / "other").data == first.data


def test_a_folder_that_became_unreachable_is_never_taken_for_a_new_one(folder: Path) -> None:
    require_service("root")
    state = folder / "state"
    assert find_home(state).data == state / "postgres"
    (state / "postgres").mkdir()
    state.chmod(0o700)
    with pytest.raises(StoreUnavailable, match="open the folders above it"):
        find_home(state, fallback=folder / "lib")


def test_binaries_that_nobody_can_reach_are_copied_whole(folder: Path) -> None:
    require_service("root")
    copied = _copied(_wheel_binaries(), folder / "lib")
    assert others_reach(copied)
    asked = subprocess.run([copied / "initdb", "--version"], user="nobody", capture_output=True, check=True)
    assert asked.stdout.startswith(b"initdb (PostgreSQL) 18")
    assert _copied(_wheel_binaries(), folder / "lib") == copied


async def test_the_log_holds_no_statement_and_no_value(folder: Path) -> None:
    async with quick(folder) as url:
        await ask(url, "create table people (email text primary key)")
        await ask(url, "insert into people values ('canary@example.com')")
        for sql in ("insert into people values ('canary@example.com')", "select 'canary'::int"):
            with pytest.raises(asyncpg.PostgresError):
                await ask(url, sql)
    said = find_home(folder).log.read_text()
    assert "ready to accept connections" in said
    assert "canary" not in said


def test_a_log_that_grew_is_put_aside(folder: Path) -> None:
    home = find_home(folder)
    home.log.write_bytes(b"x" * (processes.LOG_LIMIT + 1))
    processes.set_aside(home)
    assert not home.log.exists()
    assert home.log.with_suffix(".log.old").stat().st_size == processes.LOG_LIMIT + 1
