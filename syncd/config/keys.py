"""The keys under which tokens are kept: 32 random bytes each, written as text."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from syncd.config.places import Report

LENGTH = 32
VARIABLE = "SYNCD_KEY"
"""The environment variable that stands for `secrets.key` where the file has none."""
HOW = "make one with `syncd connect --make-key FILE`, and write `${file:FILE}`"
_HEX = re.compile(r"[0-9a-fA-F]{64}")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{43}=?")


def key_of(text: str) -> bytes:
    """The key that a text says in base64 or hex; `ValueError` for anything else, a passphrase among it."""
    text = text.strip()
    try:
        if _HEX.fullmatch(text):
            return bytes.fromhex(text)
        if _BASE64.fullmatch(text):
            return base64.urlsafe_b64decode(text.rstrip("=").replace("+", "-").replace("/", "_") + "=")
    except binascii.Error:
        pass
    raise ValueError(f"is not a key: {LENGTH} random bytes are wanted, in base64; {HOW}")


def is_key(text: SecretStr) -> SecretStr:
    """For pydantic: the text, if it is a key."""
    key_of(text.get_secret_value())
    return text


def add_from(env: Mapping[str, str], tree: dict[str, Any], report: Report, found: set[str]) -> None:
    """Put the variable's key where the file has none; it joins the texts that no message may show."""
    section, text = tree.get("secrets", {}), env.get(VARIABLE, "")
    if not text or not isinstance(section, dict) or "key" in section:
        return
    found.add(text)
    try:
        key_of(text)
    except ValueError as error:
        said, _, hint = str(error).partition("; ")
        report.value(("secrets", "key"), f"the environment variable {VARIABLE} {said}", f"M{hint[1:]}.")
    else:
        tree["secrets"] = {"key": text, **section}
