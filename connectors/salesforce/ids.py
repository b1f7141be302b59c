"""Record ids: 15 characters that tell cases apart, and the 18 that survive a reader who does not.

The last three are a checksum of the case of the first 15: per five characters one letter or digit whose bits
say which of them are upper case. The API answers with 18, error texts often show 15.
"""

from __future__ import annotations

import re

_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")
_BITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
NO_RECORD = "000000000000000"
"""How an event names no record at all: "all of this object"."""


def is_id(text: str) -> bool:
    """Whether a text has the form of a record id."""
    return _ID.fullmatch(text) is not None


def long_id(text: str) -> str:
    """The 18 characters of an id; what is no id of 15 stays as it is."""
    if len(text) != 15 or not is_id(text):
        return text
    return text + "".join(_mark(text[start : start + 5]) for start in (0, 5, 10))


def _mark(five: str) -> str:
    return _BITS[sum(1 << place for place, letter in enumerate(five) if "A" <= letter <= "Z")]
