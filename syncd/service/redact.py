"""What must never be written down: the configuration's secrets, and what looks like a person's address."""

from __future__ import annotations

import base64
import re
from collections import deque
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from connectors.login import Grant
from syncd.config import Settings

MASK = "***"
SHORTEST = 4
"""A secret below this length would blot out ordinary words."""

_EMAIL = re.compile(r"[\w.+%'-]+@[\w-]+(?:\.[\w-]+)+")
_PHONE = re.compile(
    r"(?<![\w.+])\+\d[\d ().\-/]{5,}\d(?!\w)"
    r"|(?<![\w.\-:/])\(?\d{2,5}\)?[ ./\-]{1,2}\d{3,4}[ ./\-]?\d{4}(?![\w\-:])"
)


_OAUTH = re.compile(
    r"((?:access|refresh|id)_token|client_secret|code_verifier)([\"']?\s*[=:]\s*[\"']?)[^\s\"'&,;}]+"
    r"|([?&]code=)[^\s\"'&]+"
    r"|(\bBearer\s+)[\w.~+/=!-]{8,}",
    re.IGNORECASE,
)


class LiveTokens:
    """The tokens that this process has used last: they come and go while the configuration stays."""

    def __init__(self) -> None:
        self._by_system: dict[str, deque[str]] = {}

    def note(self, system: str, grant: Grant) -> None:
        """Mask these from now on."""
        known = self._by_system.setdefault(system, deque(maxlen=8))
        words = (word for word in (grant.access_token, grant.refresh_token) if word)
        known.extend(word for word in words if len(word) >= SHORTEST and word not in known)

    def __iter__(self) -> Iterator[str]:
        for tokens in list(self._by_system.values()):
            yield from list(tokens)


LIVE = LiveTokens()
"""Of this process, like its log."""


class Redactor:
    """Masks secrets, e-mail addresses and phone numbers in text that leaves the process as a log."""

    def __init__(self, secrets: set[str] | None = None) -> None:
        words = sorted((s for s in secrets or () if len(s) >= SHORTEST), key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, words))) if words else None

    def __call__(self, text: str) -> str:
        if self._secrets is not None:
            text = self._secrets.sub(MASK, text)
        for token in LIVE:
            text = text.replace(token, MASK)
        text = _OAUTH.sub(lambda m: f"{m[1] or ''}{m[2] or ''}{m[3] or ''}{m[4] or ''}{MASK}", text)
        return _PHONE.sub(MASK, _EMAIL.sub(MASK, text))


def secrets_of(settings: Settings) -> set[str]:
    """Every text that a `${…}` of the configuration stands for, and passwords inside URLs, in all forms."""
    found: set[str] = set()
    for key in (settings.secrets.key, *settings.secrets.old_keys):
        if key is not None:
            found.update((key.hex(), base64.b64encode(key).decode(), base64.urlsafe_b64encode(key).decode()))
    if settings.store.url is not None:
        found.update(_forms(settings.store.url.get_secret_value()))
    systems = settings.written.get("systems", {})
    for name, system in settings.systems.items():
        for text in _resolved(systems.get(name, {}), system.connector_settings()):
            found.update(_forms(text))
    return found


def _resolved(written: Any, value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _resolved(written.get(key) if isinstance(written, dict) else written, item)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            inside = isinstance(written, list) and index < len(written)
            yield from _resolved(written[index] if inside else written, item)
    elif isinstance(value, str) and (value != written or "${" in value):
        yield value


def _forms(secret: str) -> Iterator[str]:
    """A secret as itself, line by line, as Python quotes it, and the password in it where it is a URL."""
    yield from (secret, repr(secret)[1:-1], *(line for line in secret.splitlines() if len(line) > 8))
    try:
        password = urlsplit(secret).password if "://" in secret else None
    except ValueError:
        return
    if password:
        yield from (password, unquote(password), quote(unquote(password), safe=""))
