"""The way to the browser and back: an address to open, and the code that it brings."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import parse_qsl, urlsplit

from connectors.http.oauth import plain
from connectors.login import REDIRECT, Browser, Login
from syncd.core.errors import NeedsOperator, SyncdError
from syncd.service.callback import Callback, is_loopback, same

T = TypeVar("T")
MEANINGS: Mapping[str, str] = {
    "access_denied": "Log in again, and approve",
    "invalid_scope": "Mend `scope`: it asks for what this client may not have",
    "unauthorized_client": "Allow the authorization code flow for this client, at the vendor",
    "temporarily_unavailable": "Try again in a while",
    "server_error": "Try again in a while",
}
"""What to do about the errors of RFC 6749 4.1.2.1."""
MEND = "Look at what the vendor has on this client: its redirect address, scopes and flows"


@dataclass(frozen=True, slots=True)
class Asking:
    """How the person is reached. `show` is called with the address to open.

    `paste` brings the address that the browser came back to; None: syncd listens for it. `seconds` is how
    long to wait for the person.
    """

    show: Callable[[str], None]
    paste: Callable[[], Awaitable[str]] | None = None
    seconds: float = 300.0
    new_account: bool = False


class Consent:
    """To the browser and back: state and verifier (RFC 7636), and where the answer is waited for."""

    def __init__(self, login: Login, browser: Browser, asking: Asking, system: str) -> None:
        self.login, self.browser, self.asking, self.system = login, browser, asking, system
        self.state, self.verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(64)
        self.callback = Callback(self.state)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[tuple[str, str]]:
        """Listen where that is possible; yields the redirect and the address for the browser."""
        redirect = self.browser.redirect
        if self.asking.paste is not None:
            redirect = REDIRECT if urlsplit(redirect).port == 0 else redirect
            yield redirect, self._address(redirect)
        elif is_loopback(redirect):
            async with self.callback.listening(redirect) as taken:
                yield taken, self._address(taken)
        else:
            message = f"system {self.system}: its redirect {redirect} is not on this machine"
            raise NeedsOperator(message, "Use --paste")

    def _address(self, redirect: str) -> str:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        return self.browser.address(self.login.client_id, redirect, self.state, challenge)

    async def code(self) -> str:
        """The code that came back; `NeedsOperator` for an error, another log-in's answer, and for silence."""
        try:
            async with asyncio.timeout(self.asking.seconds):
                query = await (self.callback.wait() if self.asking.paste is None else self._pasted())
        except TimeoutError:
            message = f"system {self.system}: nobody came back within {self.asking.seconds:.0f} s"
            raise NeedsOperator(message, "Run it again") from None
        if (error := query.get("error")) is not None:
            said = plain(query.get("error_description", ""))
            message = f"system {self.system}: the log-in was refused ({plain(error)})"
            raise NeedsOperator(f"{message}: {said}" if said else message, MEANINGS.get(error, MEND))
        if not query.get("code"):
            raise NeedsOperator(f"system {self.system}: the answer holds no code", MEND)
        return query["code"]

    async def _pasted(self) -> Mapping[str, str]:
        assert self.asking.paste is not None
        query = dict(parse_qsl(urlsplit((await self.asking.paste()).strip()).query))
        if not query:
            message = f"system {self.system}: that is not the address that the browser came back to"
            raise NeedsOperator(message, "Run it again, and paste all of its address line")
        if not same(query.get("state", ""), self.state):
            message = f"system {self.system}: that address belongs to another log-in"
            raise NeedsOperator(message, "Run it again, and open the address that it prints then")
        return query

    async def told(self, work: Awaitable[T]) -> T:
        """Do the rest, and say on the page what came of it."""
        try:
            done = await work
        except SyncdError as error:
            self.callback.tell(False, str(error))
            raise
        self.callback.tell(True, f"syncd is connected to {self.system}. You can close this page.")
        return done
