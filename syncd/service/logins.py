"""The keepers of tokens: one per system, over the store, for all processes that use it."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

from connectors.base import Connector
from connectors.login import CanIdentify, CanLogIn, Grant
from syncd.config import Settings
from syncd.core.clock import Clock, SystemClock
from syncd.core.errors import LoginNeeded, NeedsOperator, StoreUnavailable
from syncd.service.redact import LIVE
from syncd.service.seal import KeyRing
from syncd.service.stores import holder
from syncd.store import tokens
from syncd.store.store import Store
from syncd.store.tokens import Owner, Sealed

HOLD_SECONDS = 60.0
"""How long a renewal may take before another process may try; a request takes 19 s at most."""
LOOK_EVERY = 0.25
"""Seconds between looks at what another process renews."""
SAVE_SECONDS = 30.0
"""How long to go on trying to store what was renewed, where the store is away."""


class Logins:
    """What connectors need of the store to log in, and whose data each system may show."""

    def __init__(self, store: Store, settings: Settings, clock: Clock | None = None) -> None:
        self.store, self.ring, self.clock = store, KeyRing(settings.secrets), clock or SystemClock()

    def attach(self, system: str, connector: Connector) -> None:
        """Give a connector that logs in by tokens its keeper."""
        if isinstance(connector, CanLogIn) and (login := connector.login) is not None:
            login.keep(StoreKeeper(self, system, login.client_id))

    async def recognise(self, system: str, connector: Connector) -> None:
        """See that a connector shows the data of the same account as ever; raises `LoginNeeded` where not.

        An account that is seen for the first time is the right one: the daemon writes it down. Raises what
        the connector raises.
        """
        here = await owner_of(system, connector)
        if here is None:
            return
        known = (await tokens.owners(self.store)).get(system)
        if known is not None and known.account != here.account:
            raise wrong_account(known, here)
        if known is None and self.store.lease_left() > 0:
            await tokens.own(self.store, here)


class StoreKeeper:
    """`connectors.login.TokenKeeper` of one system and OAuth client."""

    def __init__(self, logins: Logins, system: str, client: str) -> None:
        self.system, self.client = system, client
        self._store, self._ring, self._clock = logins.store, logins.ring, logins.clock
        self._me = f"{holder()}, {secrets.token_hex(4)}"
        self._account: str | None = None

    async def load(self) -> Grant | None:
        row = await tokens.load(self._store, self.system)
        return None if row is None else await self._opened(row)

    async def renewed(self, old: Grant | None, renew: Callable[[], Awaitable[Grant]]) -> Grant:
        self._ring.present(self.system)
        while True:
            row = await tokens.load(self._store, self.system)
            now = None if row is None else await self._opened(row)
            if now is not None and (old is None or now.access_token != old.access_token):
                return now
            version = 0 if row is None else row.version
            if await tokens.hold(self._store, self.system, self.client, version, self._me, HOLD_SECONDS):
                return await self._renew(version, renew)
            await self._clock.sleep(LOOK_EVERY)

    async def _opened(self, row: Sealed) -> Grant | None:
        """A row's grant, moved to the present key; None for another client's, and for an empty place."""
        if row.body is None or row.client != self.client:
            return None
        if self._account is not None and row.account != self._account:
            message = f"system {self.system}: it was connected with another account while this ran"
            raise NeedsOperator(message, "Run `syncd reload`")
        self._account = row.account
        grant = self._ring.open(row)
        LIVE.note(self.system, grant)
        if self._ring.is_old(row):
            await tokens.seal_anew(self._store, row, *self._ring.seal(self.system, self.client, grant))
        return grant

    async def _renew(self, version: int, renew: Callable[[], Awaitable[Grant]]) -> Grant:
        try:
            grant = await renew()
        except BaseException as error:
            refused = isinstance(error, NeedsOperator)
            await tokens.let_go(self._store, self.system, self._me, refused=refused)
            newer = await self._after(version) if refused else None
            if newer is None:
                raise
            return newer
        LIVE.note(self.system, grant)
        return await self._saved(version, grant)

    async def _saved(self, version: int, grant: Grant) -> Grant:
        """Durable, or what a person put there meanwhile. The old refresh token may be void: so try on."""
        sealed = self._ring.seal(self.system, self.client, grant)
        end = self._clock.monotonic() + SAVE_SECONDS
        while True:
            try:
                if await tokens.save(self._store, self.system, self.client, version, *sealed):
                    return grant
                newer = await self._after(version)
                break
            except StoreUnavailable:
                if self._clock.monotonic() >= end:
                    raise
                await self._clock.sleep(1.0)
        if newer is None:
            message = f"system {self.system}: it was disconnected meanwhile"
            raise NeedsOperator(message, f"Run `syncd connect {self.system}`")
        return newer

    async def _after(self, version: int) -> Grant | None:
        """What took the place of a version, such as a person's new log-in."""
        row = await tokens.load(self._store, self.system)
        return None if row is None or row.version == version else await self._opened(row)


async def owner_of(system: str, connector: Connector) -> Owner | None:
    """Whose data a connector shows; None where it cannot tell."""
    account = await connector.identify() if isinstance(connector, CanIdentify) else None
    return None if account is None else Owner(system, account.id, account.name, account.user)


def wrong_account(known: Owner, here: Owner) -> LoginNeeded:
    """Another account than that of the links."""
    return LoginNeeded(
        f"system {known.system}: this log-in shows the data of {told(here)}, and what is linked belongs to "
        f"{told(known)}",
        "Log in to that one again, or give the other account a system of its own. If it is a copy with the "
        f"same ids, run `syncd connect {known.system} --new-account`",
    )


def told(owner: Owner) -> str:
    """An account for people."""
    name = owner.name
    return f"{name} ({owner.account})" if name and name != owner.account else owner.account
