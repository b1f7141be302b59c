"""The authorization code grant (RFC 6749 4.1) with PKCE (RFC 7636): a page that asks, and its codes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from urllib.parse import urlencode, urlsplit

from connectors.sandboxes.auth import Auth
from connectors.sandboxes.door import Answer
from connectors.sandboxes.shape import Refusal

CODE_LIFE = 60.0
"""Seconds for which a code is taken."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")
ASKED = (
    "response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method"
)  # fmt: skip
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Sandbox: allow access</title>
<link rel="icon" href="data:,">
<h1>Allow access?</h1><p>{client} asks for: {scope}</p><p role="alert">{wrong}</p>
<form method="post" action="authorize">{hidden}
<label>User <input name="user" autocomplete="username"></label>
<label>Password <input name="password" type="password" autocomplete="current-password"></label>
<button name="answer" value="allow">Allow</button> <button name="answer" value="deny">Deny</button>
</form></html>"""


@dataclass(frozen=True, slots=True)
class Code:
    """A code that was given out, and what must come with it."""

    client: str
    redirect: str
    challenge: str
    scope: str
    until: float


class Consent:
    """The endpoints of one sandbox. A code serves once; used twice, the tokens that it gave are void."""

    def __init__(self, auth: Auth) -> None:
        self.auth = auth
        self.codes: dict[str, Code] = {}
        self.used: set[str] = set()
        auth.redeem = self.redeem

    def page(self, asked: Mapping[str, str], wrong: str = "") -> Answer:
        """The page that asks; or the way back with an error."""
        refused = self._refused(asked)
        if refused is not None:
            return refused
        hidden = "".join(
            f'<input type="hidden" name="{name}" value="{escape(asked[name])}">'
            for name in ASKED
            if name in asked
        )
        words = {"client": asked["client_id"], "scope": asked.get("scope") or "everything", "wrong": wrong}
        text = PAGE.format(hidden=hidden, **{name: escape(word) for name, word in words.items()})
        return Answer(200, text.encode(), {"Cache-Control": "no-store"}, "text/html")

    def decide(self, asked: Mapping[str, str]) -> Answer:
        """What the person answered: back with a code, back with an error, or the page again."""
        refused = self._refused(asked)
        if refused is not None:
            return refused
        if asked.get("answer") != "allow":
            return back(asked, error="access_denied", error_description="the person said no")
        try:
            self.auth.identify(asked.get("user"), asked.get("password"))
        except Refusal as refusal:
            return self.page(asked, refusal.message)
        code = secrets.token_urlsafe(24)
        until = self.auth.clock.monotonic() + CODE_LIFE
        scope = asked.get("scope", "")
        self.codes[code] = Code(
            asked["client_id"], asked["redirect_uri"], asked["code_challenge"], scope, until
        )
        return back(asked, code=code)

    def redeem(self, form: Mapping[str, str]) -> str:
        """The scope of a code that holds; `Refusal` else."""
        given = form.get("code", "")
        if given in self.used:
            self.auth.forget(given)
            raise Refusal(400, "invalid_grant", "the code was used before; what it gave is void")
        code = self.codes.pop(given, None)
        if code is None or code.until < self.auth.clock.monotonic():
            raise Refusal(400, "invalid_grant", "the code is void")
        if (form.get("client_id"), form.get("redirect_uri")) != (code.client, code.redirect):
            raise Refusal(400, "invalid_grant", "the code belongs to another client or redirect_uri")
        if not hmac.compare_digest(challenge(form.get("code_verifier", "")), code.challenge):
            raise Refusal(400, "invalid_grant", "the code_verifier does not fit")
        self.used.add(given)
        return code.scope

    def _refused(self, asked: Mapping[str, str]) -> Answer | None:
        """Without a known client and redirect nobody is sent anywhere (RFC 6749 4.1.2.1)."""
        redirect = urlsplit(asked.get("redirect_uri", ""))
        if asked.get("client_id") != self.auth.options.client_id:
            raise Refusal(400, "invalid_client", "no such client")
        if redirect.scheme != "http" or redirect.hostname not in LOOPBACK or redirect.fragment:
            raise Refusal(400, "invalid_request", "this redirect_uri is not registered")
        if asked.get("response_type") != "code":
            return back(asked, error="unsupported_response_type")
        if not asked.get("code_challenge") or asked.get("code_challenge_method") != "S256":
            return back(asked, error="invalid_request", error_description="a code_challenge (S256) is wanted")
        return None


def challenge(verifier: str) -> str:
    """S256 of a verifier."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def back(asked: Mapping[str, str], **told: str) -> Answer:
    """Send the browser back to the client."""
    told |= {"state": asked["state"]} if "state" in asked else {}
    redirect = asked["redirect_uri"]
    return Answer(303, headers={"Location": f"{redirect}{'&' if '?' in redirect else '?'}{urlencode(told)}"})
