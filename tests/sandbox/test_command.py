"""`syncd sandbox` as a process: the ready line, the end by a signal, what is wrong with its options."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

import pytest

from tests.sandbox.client import session
from tests.sandbox.test_login import context
from tests.support.commands import SYNCD, _env, syncd


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
async def test_it_says_when_it_is_ready_and_ends_cleanly(tmp_path: Path, end: signal.Signals) -> None:
    (tmp_path / "contacts.csv").write_text("id,name\n1,Li\n")
    process = await asyncio.create_subprocess_exec(
        *SYNCD,
        "sandbox",
        "rest",
        "--port",
        "0",
        "--seed",
        "contacts.csv",
        "--profile",
        "hostile",
        "--tls",
        cwd=tmp_path,
        env=_env({}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(60):
        ready = json.loads(await process.stdout.readline())
    token = {"Authorization": f"Bearer {ready['auth']['token']}"}
    async with session(ready["url"], token, await context(ready["ca"])) as client:
        assert (await client.get("/api/contacts")).body["contacts"][0]["data"]["name"] == "Li"
        fault = await client.control("faults", fault="hang")
        hanging = asyncio.create_task(client.get("/api/contacts"))
        await client.get("/_sandbox/wait", fault=fault["id"])
        process.send_signal(end)
        async with asyncio.timeout(20):
            out, err = await process.communicate()
        await asyncio.gather(hanging, return_exceptions=True)
    assert (process.returncode, out, err) == (0, b"", b"")


async def test_it_says_what_is_wrong(tmp_path: Path) -> None:
    listed = await syncd(tmp_path, "sandbox")
    assert (listed.code, "rest" in listed.out.split()) == (0, True)
    for args, said in (
        (["nope"], "there is no sandbox 'nope'; installed are: "),
        (["rest", "--profile", "nope"], "no profile 'nope'"),
        (["rest", "--seed", "nope"], "nope: there is no such file"),
    ):
        done = await syncd(tmp_path, "sandbox", *args)
        assert (done.code, done.out) == (2, "")
        assert said in done.err


async def test_a_port_that_is_taken(tmp_path: Path) -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        done = await syncd(tmp_path, "sandbox", "rest", "--port", str(port))
    assert done.code == 2
    assert f"cannot listen on 127.0.0.1:{port}" in done.err
    assert "Traceback" not in done.err
