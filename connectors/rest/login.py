"""The configured way to log in, as one of the client's."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Any

from connectors.http import (
    Answer,
    Auth,
    BasicAuth,
    HeaderAuth,
    HttpClient,
    JwtAuth,
    OAuth,
    OAuthLogin,
    QueryAuth,
    Request,
    TokenAuth,
    retry_after,
    signed,
)
from connectors.http.tokens import Token
from connectors.login import Browser
from connectors.rest.call import compile_call
from connectors.rest.options import (
    BasicWords,
    BearerWords,
    HeaderWords,
    JwtWords,
    OAuthWords,
    QueryWords,
    RestOptions,
    SessionWords,
)
from connectors.rest.paths import MISSING, getter, whereabouts
from connectors.rest.template import as_text, compile_tree
from syncd.core.errors import NeedsOperator, RetryLater

GRANTS = {"jwt_bearer": "urn:ietf:params:oauth:grant-type:jwt-bearer"}


def auth_of(system: str, words: RestOptions) -> Auth:
    """The way in. Raises `NeedsOperator` where it lacks something."""
    match words.auth:
        case None:
            return HeaderAuth()
        case HeaderWords() as said:
            return HeaderAuth({said.name: said.value.get_secret_value()})
        case BearerWords() as said:
            return HeaderAuth({"Authorization": f"Bearer {said.token.get_secret_value()}"})
        case QueryWords() as said:
            return QueryAuth({said.name: said.value.get_secret_value()})
        case BasicWords() as said:
            return BasicAuth(said.user, said.password.get_secret_value())
        case JwtWords() as said:
            return JwtAuth(said.key.get_secret_value(), said.algorithm, said.claims, said.life)
        case OAuthWords() as said:
            return _oauth(said)
        case SessionWords() as said:
            return SessionAuth(system, said)


def _oauth(said: OAuthWords) -> OAuth:
    form = {"grant_type": GRANTS.get(said.grant, said.grant), **said.form}
    if said.grant == "authorization_code":
        form["grant_type"] = "refresh_token"  # the code is traded once; this is how its tokens are renewed
    elif said.scope is not None:
        form["scope"] = said.scope
    if said.grant == "refresh_token":
        assert said.refresh_token is not None  # the options see to it
        form["refresh_token"] = said.refresh_token.get_secret_value()
    if said.grant == "password":
        form |= {"username": said.user, "password": said.password.get_secret_value() if said.password else ""}
    return OAuth(
        said.token_url,
        form,
        client_id=said.client_id,
        client_secret=said.client_secret.get_secret_value(),
        basic=said.client_in == "basic",
        assertion=_assertion(said),
    )


def login_of(client: HttpClient, words: RestOptions) -> OAuthLogin | None:
    """The log-in whose tokens are kept; None where none are."""
    said = words.auth
    if not isinstance(said, OAuthWords) or not isinstance(client.auth, OAuth):
        return None
    if said.grant == "refresh_token":
        return OAuthLogin(client, client.auth, None, said.revoke_url)
    if said.grant != "authorization_code" or said.authorize_url is None:
        return None
    browser = Browser(said.authorize_url, said.scope or "", said.authorize, said.redirect)
    return OAuthLogin(client, client.auth, browser, said.revoke_url)


def _assertion(said: OAuthWords) -> Callable[[], str] | None:
    if said.grant != "jwt_bearer":
        return None
    told = said.assertion
    assert told is not None  # the options see to it
    return lambda: signed(told.key.get_secret_value(), told.algorithm, told.claims, told.life)


class SessionAuth(TokenAuth):
    """Logs in by a configured call, and sends what its answer gave."""

    def __init__(self, system: str, said: SessionWords) -> None:
        super().__init__()
        self.what, self.said = f"system {system}: log-in", said
        self.password = said.password.get_secret_value()
        words = said.login.model_copy(update={"method": said.login.method or "POST"})
        self.own = {"user": said.user, "password": self.password}
        self.call = compile_call("login", words, self.own, self.what)
        self.query_names = frozenset(said.query)
        told = {*self.own, *said.take}
        self.base64 = {n: compile_tree(v, told) for n, v in said.base64.items()}
        known = {*told, *said.base64}
        self.headers = {n: compile_tree(v, known) for n, v in said.headers.items()}
        self.query = {n: compile_tree(v, known) for n, v in said.query.items()}

    def fixed_secrets(self) -> list[str]:
        return [self.password]

    async def fetch(self, client: HttpClient) -> Token:
        request = self.call.request({})
        bare = Request(request.method, "", request.headers, request.body, request.query)
        answer = await client.bare(bare, client.address(request.path))
        body = answer.json(self.what)
        self._refused(answer, body)
        kept = self.own | {name: self._found(path, body, answer) for name, path in self.said.take.items()}
        made = {n: b64encode(as_text(t.fill(kept)).encode()).decode() for n, t in self.base64.items()}
        kept |= made
        headers = {n: as_text(t.fill(kept)) for n, t in self.headers.items()}
        return Token(headers, {n: as_text(t.fill(kept)) for n, t in self.query.items()}, self.said.life)

    def _found(self, path: str, body: Any, answer: Answer) -> Any:
        kind, _, name = path.partition(":")
        found = _cookie(answer.headers, name) if kind == "cookie" else whereabouts(path)(body, answer.headers)
        if found in (MISSING, None, ""):
            todo = "Mend `take`, or the log-in"
            raise NeedsOperator(f"{self.what}: the answer has nothing at {path}", todo)
        return found

    def _refused(self, answer: Answer, body: Any) -> None:
        """A refusal may come with any status; 429 and 5xx pass by themselves (facts/TRAPS.md 21)."""
        told = self.said.error is not None and getter(self.said.error)(body) not in (MISSING, None, False, "")
        if answer.ok and not told:
            return
        message = f"{self.what}: the server answered {answer.status}"
        if answer.status == 429 or answer.status >= 500:
            raise RetryLater(message, retry_after(answer))
        raise NeedsOperator(f"{message} and let nobody in", "Check user and password of this system")


def _cookie(headers: Mapping[str, str], name: str) -> Any:
    lines = headers.getall("Set-Cookie", []) if hasattr(headers, "getall") else []
    for line in lines:
        try:
            jar = SimpleCookie(line)
        except CookieError:
            continue
        if name in jar:
            return jar[name].value
    return MISSING
