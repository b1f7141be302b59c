"""`syncd connect`: a person grants access in the browser, and what comes of it is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from connectors.base import Connector
from connectors.login import Browser, CanLogIn, Grant, Login
from syncd.config import Settings
from syncd.core.errors import ConfigError, NeedsOperator, SyncdError
from syncd.service.consent import Asking, Consent
from syncd.service.logins import Logins, owner_of, wrong_account
from syncd.service.redact import LIVE
from syncd.service.vendors import make_connector
from syncd.store import tokens
from syncd.store.tokens import Owner


@dataclass(frozen=True, slots=True)
class Connected:
    """What came of it. `before` is the owner that `--new-account` replaced; `notes` are for the person."""

    system: str
    owner: Owner | None
    before: Owner | None
    notes: tuple[str, ...]


async def connect(logins: Logins, settings: Settings, system: str, asking: Asking) -> Connected:
    """Have a person log in to a system, and keep the tokens; a system that needs nobody is only recognised.

    Raises `ConfigError` where there is nothing to do, `NeedsOperator` where nothing came of it.
    """
    async with made(settings, system) as (connector, login):
        if login is None or login.browser is None:
            if not asking.new_account:
                raise nothing_to_connect(system)
            return await _adopted(logins, system, connector)
        logins.ring.present(system)  # rather now than after the person has logged in
        consent = Consent(login, login.browser, asking, system)
        async with consent.open() as (redirect, address):
            asking.show(address)
            return await consent.told(_Arriving(logins, system, connector, login).finish(consent, redirect))


@dataclass(frozen=True, slots=True)
class _Arriving:
    """A log-in from the code that came back to the row in the store."""

    logins: Logins
    system: str
    connector: Connector
    login: Login

    async def finish(self, consent: Consent, redirect: str) -> Connected:
        code = await consent.code()
        hand = InHand(self.system, await self.login.redeem(code, redirect, consent.verifier))
        LIVE.note(self.system, hand.grant)
        self.login.keep(hand)
        try:
            owner = await owner_of(self.system, self.connector)
            before = await self._replaced(owner, consent.asking.new_account)
            client = self.login.client_id
            sealed = self.logins.ring.seal(self.system, client, hand.grant)
            await tokens.put(self.logins.store, self.system, client, *sealed, owner)
        except BaseException:  # a failing store, or somebody who ends it: what is not kept is not left valid
            with suppress(SyncdError):
                await self.login.revoke(hand.grant)
            raise
        return Connected(self.system, owner, before, tuple(_notes(consent.browser, hand.grant)))

    async def _replaced(self, owner: Owner | None, new_account: bool) -> Owner | None:
        """The owner that is replaced; `NeedsOperator` for another one that nobody asked for."""
        known = (await tokens.owners(self.logins.store)).get(self.system)
        if known is None or owner is None or known.account == owner.account:
            return None
        if not new_account:
            raise wrong_account(known, owner)
        return known


async def _adopted(logins: Logins, system: str, connector: Connector) -> Connected:
    """Take the account that the configured log-in shows for the right one."""
    logins.attach(system, connector)
    owner = await owner_of(system, connector)
    if owner is None:
        raise ConfigError(f"system {system} does not tell whose data it shows: there is no account to take")
    before = (await tokens.owners(logins.store)).get(system)
    await tokens.own(logins.store, owner)
    changed = before is not None and before.account != owner.account
    return Connected(system, owner, before if changed else None, ())


async def disconnect(logins: Logins, settings: Settings, system: str, *, force: bool = False) -> bool:
    """Have the vendor revoke a system's tokens, and forget them; whether the vendor had a way to.

    `force` forgets them although the vendor cannot be asked. Raises `NeedsOperator`, `RetryLater`.
    """
    revoked = False
    async with made(settings, system) as (_, login):
        if login is None:
            raise nothing_to_connect(system)
        row = await tokens.load(logins.store, system)
        if row is None or row.body is None:
            raise NeedsOperator(f"system {system}: it is not connected", "There is nothing to do")
        try:
            revoked = await login.revoke(logins.ring.open(row))
        except SyncdError:
            if not force:
                raise
        await tokens.remove(logins.store, system)
    return revoked


@asynccontextmanager
async def made(settings: Settings, system: str) -> AsyncIterator[tuple[Connector, Login | None]]:
    """A connector of a system, and its log-in. Raises `ConfigError`."""
    if system not in settings.systems:
        known = ", ".join(settings.systems)
        raise ConfigError(f'there is no system "{system}" in the configuration: it has {known}')
    connector = _made(settings, system)
    try:
        yield connector, connector.login if isinstance(connector, CanLogIn) else None
    finally:
        await connector.aclose()


def nothing_to_connect(system: str) -> ConfigError:
    """A system that no person has to log in to."""
    return ConfigError(f"system {system} logs in by its configuration alone: there is nothing to connect")


class InHand:
    """A keeper of what is not in the store yet."""

    def __init__(self, system: str, grant: Grant) -> None:
        self.system, self.grant = system, grant

    async def load(self) -> Grant | None:
        return self.grant

    async def renewed(self, old: Grant | None, renew: Callable[[], Awaitable[Grant]]) -> Grant:
        self.grant = await renew()
        return self.grant


def _notes(browser: Browser, grant: Grant) -> list[str]:
    notes = []
    if grant.refresh_token is None:
        notes.append("the server gave no refresh token: this log-in ends with its first token")
    given = grant.answer.get("scope")
    if isinstance(given, str) and given:
        missing = [word for word in browser.scope.split() if word not in given.replace(",", " ").split()]
        if missing:
            notes.append(f"the server granted less than was asked for: {', '.join(missing)} is missing")
    return notes


def _made(settings: Settings, system: str) -> Connector:
    """With its objects, by which some know what to ask for; what is wrong with one keeps nobody out."""
    try:
        return make_connector(settings, system)
    except SyncdError:
        return make_connector(settings, system, ())
