"""What is connected, since when and by which account: for `syncd connect --status` and `syncd check`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from connectors.login import CanLogIn
from syncd.config import Settings
from syncd.core.clock import SystemClock
from syncd.core.errors import SyncdError
from syncd.service.logins import Logins, told
from syncd.service.stores import open_store
from syncd.service.vendors import make_connector
from syncd.store import tokens
from syncd.store.tokens import Owner, Sealed


@dataclass(frozen=True, slots=True)
class Connection:
    """One system's log-in. `state`: connected, refused (the vendor will not renew it), unreadable, missing.

    `by` is browser or configuration. Times are UTC, None where nothing is kept; no secret is in here.
    """

    system: str
    state: str
    by: str
    since: datetime | None
    renewed: datetime | None
    refused: datetime | None
    owner: Owner | None
    trouble: str | None

    def __str__(self) -> str:
        if self.state == "missing":
            return self.trouble or ""
        parts = [f"connected since {moment(self.since)}"]
        if self.owner is not None:
            person = f" as {self.owner.person}" if self.owner.person else ""
            parts[0] += f"{person} to {told(self.owner)}"
        return "; ".join([*parts, self.trouble] if self.trouble else parts)


def logging_in(settings: Settings) -> dict[str, tuple[str, bool]]:
    """The systems whose tokens are kept: their OAuth client, and whether a person logs in."""
    found = {}
    for system in settings.systems:
        try:
            connector = make_connector(settings, system, ())
        except SyncdError:
            continue  # told of where the system is looked at
        if isinstance(connector, CanLogIn) and (login := connector.login) is not None:
            found[system] = (login.client_id, login.browser is not None)
    return found


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Logins]:
    """The log-ins of a configuration over its store, for a command."""
    async with open_store(settings, SystemClock(), daemon=False) as found:
        yield Logins(found.store, settings)


@asynccontextmanager
async def opened_if_used(settings: Settings) -> AsyncIterator[Logins | None]:
    """The same, where some system needs it and the store can be opened."""
    async with AsyncExitStack() as stack:
        logins: Logins | None = None
        if logging_in(settings):
            logins = await stack.enter_async_context(opened(settings))
        yield logins


async def connections(logins: Logins, settings: Settings) -> list[Connection]:
    """How each system stands whose tokens are kept."""
    rows, owners = await tokens.every(logins.store), await tokens.owners(logins.store)
    return [
        _connection(logins, system, client, person, rows.get(system), owners.get(system))
        for system, (client, person) in logging_in(settings).items()
    ]


def _connection(
    logins: Logins, system: str, client: str, person: bool, row: Sealed | None, owner: Owner | None
) -> Connection:
    by = "browser" if person else "configuration"
    if row is None or row.client != client:
        return Connection(system, "missing", by, None, None, None, owner, _missing(system, person, row))
    state, trouble = "connected", None
    if row.refused is not None:
        state = "refused"
        trouble = f"its renewal is refused since {moment(row.refused)}. Run `syncd connect {system}`"
    try:
        logins.ring.open(row)
    except SyncdError as error:
        state, trouble = "unreadable", str(error)
    return Connection(system, state, by, row.connected, row.renewed, row.refused, owner, trouble)


def _missing(system: str, person: bool, row: Sealed | None) -> str:
    if not person:
        return "no token is kept yet: the configured refresh token is used first"
    what = "nobody has logged in yet" if row is None else "it was connected for another client_id"
    return f"{what}. Run `syncd connect {system}`"


def moment(at: datetime | None) -> str:
    """A time for people."""
    return "never" if at is None else f"{at:%Y-%m-%d %H:%M} UTC"
