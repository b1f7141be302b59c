"""A Tryton server with parties and currencies on SQLite, and a person at work in it."""

from __future__ import annotations

import asyncio
import shutil
from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from aiohttp import ClientSession

from tests.support.foreign import installed, pip, run, serving

WANTED = ("trytond==8.2.1", "trytond_party==8.2.0", "trytond_currency==8.2.0")
USER, PASSWORD = "admin", "loopback-password"
CONFIG = "[database]\nuri = sqlite://\npath = {folder}\n[web]\nlisten = 127.0.0.1:0\n"
SHOWN = {"active_test": False, "language": "en"}


@asynccontextmanager
async def tryton(folder: Path) -> AsyncIterator[Tryton]:
    """A server of its own, with a database as it is after the installation."""
    home = await asyncio.to_thread(installed, "tryton", WANTED, _install)
    shutil.copy(home / "crm.sqlite", folder / "crm.sqlite")
    (folder / "trytond.conf").write_text(CONFIG.format(folder=folder))
    command = [home / "bin" / "trytond", "-c", folder / "trytond.conf", "-d", "crm"]
    async with (
        serving(command, folder / "trytond.log", "Running on ") as line,
        ClientSession(raise_for_status=True) as http,
    ):
        person = Tryton(http, line.split("Running on ")[1].strip() + "/crm/rpc")
        await person.log_in()
        yield person


def _install(home: Path, wanted: Sequence[str]) -> None:
    """The packages, and a database made once: making one takes ten times as long as copying it."""
    pip(home, wanted)
    (home / "password").write_text(PASSWORD)
    (home / "trytond.conf").write_text(CONFIG.format(folder=home))
    (home / "crm.sqlite").touch()
    admin = [str(home / "bin" / "trytond-admin"), "-c", str(home / "trytond.conf"), "-d", "crm"]
    known = ("env", f"TRYTONPASSFILE={home / 'password'}")
    run(*known, *admin, "--all", "--email", "a@example.org", "-l", "en")
    run(*known, *admin, "-u", "party", "currency", "--activate-dependencies")


class Tryton:
    """Calls as a client of Tryton's own makes them; values are plain ones of Python."""

    def __init__(self, http: ClientSession, url: str) -> None:
        self.http, self.url, self.headers = http, url, dict[str, str]()

    @property
    def env(self) -> dict[str, str]:
        """What the example takes from the environment."""
        return {"TRYTON_URL": self.url, "TRYTON_USER": USER, "TRYTON_PASSWORD": PASSWORD}

    async def log_in(self) -> None:
        uid, token, _ = await self._rpc("common.db.login", USER, {"password": PASSWORD})
        session = b64encode(f"{USER}:{uid}:{token}".encode()).decode()
        self.headers["Authorization"] = f"Session {session}"

    async def call(self, model: str, method: str, *params: Any) -> Any:
        """A method of a model; an error fails the test."""
        return await self._rpc(f"model.{model}.{method}", *params, SHOWN)

    async def _rpc(self, method: str, *params: Any) -> Any:
        body = {"id": 1, "method": method, "params": _sent(list(params))}
        async with self.http.post(self.url + "/", json=body, headers=self.headers) as answer:
            told = await answer.json()
        assert "error" not in told, (method, told)
        return _plain(told["result"])

    async def rows(self, model: str, *fields: str) -> dict[int, Any]:
        """All records by id, the archived too."""
        found = await self.call(model, "search_read", [], 0, None, None, ["id", *fields])
        return {row["id"]: row for row in found}


def _sent(value: Any) -> Any:
    """Values as Tryton's JSON has them."""
    match value:
        case dict():
            return {key: _sent(item) for key, item in value.items()}
        case list():
            return [_sent(item) for item in value]
        case Decimal():
            return {"__class__": "Decimal", "decimal": str(value)}
        case date():
            return {"__class__": "date", "year": value.year, "month": value.month, "day": value.day}
    return value


def _plain(value: Any) -> Any:
    match value:
        case {"__class__": "Decimal", "decimal": text}:
            return Decimal(text)
        case {"__class__": "date", "year": year, "month": month, "day": day}:
            return date(year, month, day)
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case list():
            return [_plain(item) for item in value]
    return value
