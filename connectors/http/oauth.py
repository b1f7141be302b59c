"""OAuth 2: client credentials, refresh token, password, and signed assertion (RFC 6749, 7523)."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from connectors.http.answer import Answer
from connectors.http.client import Request
from connectors.http.steps import retry_after
from connectors.http.tokens import Token, TokenAuth
from syncd.core.errors import NeedsOperator, RetryLater

if TYPE_CHECKING:
    from connectors.http.client import HttpClient

RELOGIN = "Check the client id and secret; where a refresh token is used, grant access anew"


class OAuth(TokenAuth):
    """A token endpoint. `form` is what is posted to it, `grant_type` among it.

    `basic` sends client id and secret as Basic, else they stand in the form. `assertion` makes the signed
    `assertion` of each request. A refresh token that the server changes is kept for as long as we run.
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

    def fixed_secrets(self) -> list[str]:
        hidden = ("refresh_token", "password", "assertion")
        return [self.client_secret, *(v for k, v in self.form.items() if k in hidden)]

    async def fetch(self, client: HttpClient) -> Token:
        answer = await client.bare(self._request(), self.url)
        granted = answer.json(f"{client.name}: log-in")
        self._refused(client.name, answer, granted)
        if not isinstance(granted, dict) or not isinstance(granted.get("access_token"), str):
            raise RetryLater(f"{client.name}: the token endpoint answered without an access_token")
        if isinstance(granted.get("refresh_token"), str) and "refresh_token" in self.form:
            self.form["refresh_token"] = granted["refresh_token"]
        if self.on_token is not None:
            self.on_token(granted)
        return Token({"Authorization": f"Bearer {granted['access_token']}"}, seconds=_life(granted))

    def _request(self) -> Request:
        form, headers = dict(self.form), {"Content-Type": "application/x-www-form-urlencoded"}
        if self.assertion is not None:
            form["assertion"] = self.assertion()
        if self.basic:  # RFC 6749 2.3.1: both are form-encoded first
            pair = f"{quote(self.client_id, safe='')}:{quote(self.client_secret, safe='')}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        else:
            form |= {"client_id": self.client_id} if self.client_id else {}
            form |= {"client_secret": self.client_secret} if self.client_secret else {}
        return Request("POST", "", headers, urlencode(form).encode())

    def _refused(self, name: str, answer: Answer, told: Any) -> None:
        if answer.ok:
            return
        said = told.get("error") if isinstance(told, dict) else None
        code = said if isinstance(said, str) and said.replace("_", "").isalnum() else str(answer.status)
        message = f"{name}: the log-in was refused ({code})"
        if answer.status == 429 or answer.status >= 500:
            raise RetryLater(message, retry_after(answer))
        raise NeedsOperator(message, RELOGIN)


def _life(granted: Mapping[str, Any]) -> float | None:
    try:
        return float(granted["expires_in"])
    except (KeyError, TypeError, ValueError):
        return None
