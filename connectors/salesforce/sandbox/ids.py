"""Record ids: 15 characters that tell upper from lower case, and 3 more that make 18 safe where case is lost.

The suffix has a character for each group of five: bit i of it is set where the group's character i is upper
case (Salesforce help, "Convert 15-character IDs to 18-character IDs").
"""

from __future__ import annotations

import re
from functools import lru_cache

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
POD = "gK0"
"""The instance's part of every id of this org."""
EMPTY = "000000000000000AAA"
_FORM = re.compile(r"[0-9A-Za-z]{15}(?:[A-Za-z0-5]{3})?\Z")


def make(prefix: str, number: int, pod: str = POD) -> str:
    """The 18-character id of the record with this running number: ids sort by it."""
    text = ""
    while number:
        number, digit = divmod(number, 62)
        text = DIGITS[digit] + text
    return whole(f"{prefix}{pod}00{text.rjust(7, '0')}")


@lru_cache(maxsize=1 << 16)
def whole(id: str) -> str:
    """15 characters as 18."""
    return id + "".join(
        SUFFIX[sum(1 << place for place in range(5) if id[start + place].isupper())] for start in (0, 5, 10)
    )


def read(id: object) -> str | None:
    """An id of 15 or 18 characters as 18.

    None for what is none. Of 18, the case of the first 15 may be lost.
    """
    if not isinstance(id, str) or not _FORM.match(id):
        return None
    if len(id) == 15:
        return whole(id)
    if whole(id[:15]) == id:
        return id
    made = "".join(_cased(id[start : start + 5], id[15 + start // 5]) for start in (0, 5, 10))
    return whole(made) if whole(made)[15:] == id[15:].upper() else None


def _cased(group: str, mark: str) -> str:
    bits = SUFFIX.find(mark.upper())
    return "".join(c.upper() if bits >> place & 1 else c.lower() for place, c in enumerate(group))
