"""OAuth 2: client credentials, refresh token, password, and signed assertion (RFC 6749, 7523)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from connectors.http.answer import Answer
from connectors.http.client import Request
from connectors.http.steps import retry_after
from connectors.http.tokens import EARLY, Token, TokenAuth
from connectors.login import Grant, TokenKeeper
from syncd.core.errors import LoginNeeded, RetryLater

if TYPE_CHECKING:
    from connectors.http.client import HttpClient

RELOGIN = "Check the client id and secret; where a refresh token is used, grant access anew"
TOKENS = ("access_token", "refresh_token", "id_token")
LONGEST = 200
"""Characters of a server's own sentence that are shown."""
CLOSING = 5.0
"""Seconds that closing waits for a renewal."""


class OAuth(TokenAuth):
    """A token endpoint. `form` is what is posted to it, `grant_type` among it.

    `basic` sends client id and secret as Basic, else they stand in the form. `assertion` makes the signed
    `assertion` of each request. `on_token` is told what else an answer said, such as `instance_url`, before
    its token is used: also when the token comes from the `keeper`.

    With the grant `refresh_token` the tokens live in the `keeper` that syncd hands in, a configured
    `refresh_token` in `form` only until the first answer. Without a keeper they are kept while we run.
    """

    def __init__(
        self,
        url: str,
        form: Mapping[str, str],
        *,
        client_id: str = "",
        client_secret: str = "",
        basic: bool = False,
        assertion: Callable[[], str] | None = None,
        on_token: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> None:
        super().__init__()
        self.url, self.form, self.basic, self.assertion = url, dict(form), basic, assertion
        self.client_id, self.client_secret, self.on_token = client_id, client_secret, on_token
        self.keeper: TokenKeeper | None = None
        self._grant: Grant | None = None
        self._renewing: asyncio.Task[Grant] | None = None

    @property
    def answer(self) -> Mapping[str, Any]:
        """What else the token endpoint said of the token that is used; empty before the first."""
        return self._grant.answer if self._grant is not None else {}

    def fixed_secrets(self) -> list[str]:
        hidden = ("refresh_token", "password", "assertion")
        grant = [self._grant.refresh_token or ""] if self._grant is not None else []
        return [self.client_secret, *grant, *(v for k, v in self.form.items() if k in hidden)]

    async def fetch(self, client: HttpClient) -> Token:
        self._grant = grant = await self._next(client)
        if self.on_token is not None:
            self.on_token(grant.answer)
        return Token({"Authorization": f"Bearer {grant.access_token}"}, seconds=_left(grant))

    async def aclose(self) -> None:
        """Let a renewal that is under way end, lest its answer, and with it a refresh token, is lost."""
        if self._renewing is not None:
            await asyncio.wait({self._renewing}, timeout=CLOSING)

    async def granted(
        self, client: HttpClient, form: Mapping[str, str], *, after: Grant | None = None, told: bool = False
    ) -> Grant:
        """Post a form to the token endpoint; what its answer does not say anew stays as `after` has it.

        `told` adds the server's own sentence to a refusal. Raises `LoginNeeded` and `RetryLater`.
        """
        answer = await self.asked(client, self.url, form, "log-in", told=told)
        if not isinstance(answer, dict) or not isinstance(answer.get("access_token"), str):
            raise RetryLater(f"{client.name}: the token endpoint answered without an access_token")
        new = answer.get("refresh_token")
        rest = {name: value for name, value in answer.items() if name not in TOKENS}
        return Grant(
            answer["access_token"],
            new if isinstance(new, str) and new else (after.refresh_token if after is not None else None),
            _end(answer),
            {**(after.answer if after is not None else {}), **rest},
            after.seed if after is not None else self._seed,
        )

    async def asked(
        self, client: HttpClient, url: str, form: Mapping[str, str], what: str, *, told: bool = False
    ) -> Any:
        """Post a form under the client's id and secret; the answer's JSON, None where it has none."""
        answer = await client.bare(self._request(form), url)
        said = answer.json(f"{client.name}: {what}", writes=url != self.url)
        self._refused(client, what, answer, said, told=told)
        return said

    # -- where the next token comes from ---------------------------------------------------------------

    async def _next(self, client: HttpClient) -> Grant:
        if self.form.get("grant_type") != "refresh_token":
            return await self.granted(client, self.form)
        if self.keeper is None:
            return await self._refreshed(client, self._grant)
        stored = await self.keeper.load()
        if stored is not None and stored.seed == self._seed and self._is_news(stored):
            return stored
        return await self._kept(client, self.keeper, stored)

    def _is_news(self, stored: Grant) -> bool:
        """Whether a stored token is another than the one that was refused or ended, and has time left."""
        used = self._grant
        left = _left(stored)
        return (used is None or stored.access_token != used.access_token) and (left is None or left > EARLY)

    async def _kept(self, client: HttpClient, keeper: TokenKeeper, stored: Grant | None) -> Grant:
        """Renew in a task of its own: whoever waits may give up, the answer is stored all the same."""
        if stored is None and not self._seed:
            raise LoginNeeded(f"{client.name}: nobody has logged in yet", _anew(keeper))

        async def renew() -> Grant:
            async with asyncio.timeout(client.timeout):
                return await self._refreshed(client, stored)

        async def renewed() -> Grant:
            try:
                return await keeper.renewed(stored, renew)
            except TimeoutError:
                raise RetryLater(f"{client.name}: no token within {client.timeout:.0f} s") from None

        task = self._renewing
        if task is None or task.done():
            task = self._renewing = asyncio.create_task(renewed())
            task.add_done_callback(_seen)
        return await asyncio.shield(task)

    async def _refreshed(self, client: HttpClient, old: Grant | None) -> Grant:
        """By the refresh token of `old`, unless another one was configured since."""
        if old is None or old.seed != self._seed:
            old = Grant("", self.form.get("refresh_token"), seed=self._seed)
        if old.refresh_token is None:
            message = f"{client.name}: the log-in has ended, and came without a refresh token"
            raise LoginNeeded(message, _anew(self.keeper))
        return await self.granted(client, {**self.form, "refresh_token": old.refresh_token}, after=old)

    @property
    def _seed(self) -> str:
        """A digest of the configured refresh token: another one there begins anew."""
        told = self.form.get("refresh_token")
        return hashlib.sha256(told.encode()).hexdigest()[:16] if told else ""

    # -- the wire --------------------------------------------------------------------------------------

    def _request(self, form: Mapping[str, str]) -> Request:
        form, headers = dict(form), {"Content-Type": "application/x-www-form-urlencoded"}
        if self.assertion is not None:
            form["assertion"] = self.assertion()
        if self.basic:  # RFC 6749 2.3.1: both are form-encoded first
            pair = f"{quote(self.client_id, safe='')}:{quote(self.client_secret, safe='')}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        else:
            form |= {"client_id": self.client_id} if self.client_id else {}
            form |= {"client_secret": self.client_secret} if self.client_secret else {}
        return Request("POST", "", headers, urlencode(form).encode())

    def _refused(self, client: HttpClient, what: str, answer: Answer, said: Any, *, told: bool) -> None:
        if answer.ok:
            return
        word = said.get("error") if isinstance(said, dict) else None
        code = word if isinstance(word, str) and word.replace("_", "").isalnum() else str(answer.status)
        message = f"{client.name}: the {what} was refused ({code})"
        if told and isinstance(said, dict) and isinstance(said.get("error_description"), str):
            message += f": {client.clean(plain(said['error_description']))}"
        if answer.status == 429 or answer.status >= 500:
            raise RetryLater(message, retry_after(answer))
        raise LoginNeeded(message, _anew(None if word == "invalid_client" else self.keeper))


def _anew(keeper: TokenKeeper | None) -> str:
    return RELOGIN if keeper is None else f"Run `syncd connect {keeper.system}`"


def plain(text: str) -> str:
    """A server's sentence without control characters and full stop, and not too long."""
    line = "".join(c if c.isprintable() else " " for c in text).strip().rstrip(".")
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def _seen(task: asyncio.Task[Grant]) -> None:
    """Whoever waited may be gone: an error that nobody fetches is no news."""
    if not task.cancelled():
        task.exception()


def _end(answer: Mapping[str, Any]) -> datetime | None:
    try:
        return datetime.now(UTC) + timedelta(seconds=float(answer["expires_in"]))
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def _left(grant: Grant) -> float | None:
    """Seconds that an access token lives yet."""
    return None if grant.expires_at is None else (grant.expires_at - datetime.now(UTC)).total_seconds()
