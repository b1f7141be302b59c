"""The log-in by OAuth 2 as `syncd connect` needs it, for any server that follows RFC 6749, 7009 and 7636."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.http.oauth import OAuth

if TYPE_CHECKING:
    from connectors.http.client import HttpClient
    from connectors.login import Browser, Grant, TokenKeeper


class OAuthLogin:
    """`connectors.login.Login` over a client and its `OAuth`.

    `revoke_url` is the endpoint of RFC 7009; None: the server has none.
    """

    def __init__(
        self, client: HttpClient, auth: OAuth, browser: Browser | None = None, revoke_url: str | None = None
    ) -> None:
        self.client, self.auth, self.browser, self.revoke_url = client, auth, browser, revoke_url

    @property
    def client_id(self) -> str:
        return self.auth.client_id

    def keep(self, keeper: TokenKeeper) -> None:
        self.auth.keeper = keeper

    async def redeem(self, code: str, redirect: str, verifier: str) -> Grant:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect}
        return await self.auth.granted(self.client, {**form, "code_verifier": verifier}, told=True)

    async def revoke(self, grant: Grant) -> bool:
        if self.revoke_url is None:
            return False
        token, hint = grant.refresh_token, "refresh_token"
        if token is None:
            token, hint = grant.access_token, "access_token"
        form = {"token": token, "token_type_hint": hint}
        await self.auth.asked(self.client, self.revoke_url, form, "revocation")
        return True
