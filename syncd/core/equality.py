"""Equality, hashes and reductions of JSON values.

Canonical values are kept in JSON normal form, so `==` is their equality. What this module adds is a hash
that can be stored, and the question whether a remote merely kept less of what it was sent.
"""

from __future__ import annotations

import json
import re
import unicodedata
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal
from hashlib import blake2b

from syncd.core.nouns import Value

_PLAIN_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,499})(?:\.[0-9]{1,500})?")
_MOMENT = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]+)?Z")
_WIDE = Context(prec=1200)
_FLOAT_DIGITS = 15  # from here on a float drops digits left of the point too
_LONG = 18  # more digits than any amount has: a card, a token, a text
_FEW = 50  # element by element is quadratic, so only for sets that people make


def value_hash(value: Value) -> str:
    """32 hex digits that are equal exactly when two JSON values are written the same."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def fold(text: str) -> str:
    """The text as a careless reader sees it: white space collapsed, case folded, composed; accents kept."""
    text = " ".join(text.split()).casefold()
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def reduces(stored: Value, sent: Value) -> bool:
    """Whether `stored` is all that is left of `sent`, and nothing else was put in: both remote values.

    A trim, collapsed white space, changed case, a cut (a prefix that is not blank), fewer digits of a
    number or of a second; for a list, the same elements so reduced. Equal values reduce each other.
    A value that vanished altogether is not reduced, but refused.
    """
    if stored == sent and isinstance(stored, bool) == isinstance(sent, bool):
        return True
    if isinstance(stored, list) and isinstance(sent, list):
        return _list_reduces(stored, sent)
    if not _is_scalar(stored) or not _is_scalar(sent):
        return stored in (None, "", []) and sent in (None, "", [])
    less, whole = _number(stored), _number(sent)
    texts = isinstance(stored, str) and isinstance(sent, str)
    if less is None or whole is None:
        return texts and _text_reduces(stored, sent)
    return _number_reduces(less, whole) or (texts and len(sent) > _LONG and _text_reduces(stored, sent))


def _is_scalar(value: Value) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _number(value: str | int | float) -> Decimal | None:
    """The number, also of a text that is one: there a shorter text is another number, not a cut."""
    if isinstance(value, str):
        return Decimal(value) if _PLAIN_NUMBER.fullmatch(value) else None
    number = Decimal(repr(value))
    return number if number.is_finite() else None


def _number_reduces(less: Decimal, whole: Decimal) -> bool:
    if less == whole:
        return True
    digits, exponent = less.normalize(_WIDE).as_tuple()[1:]
    assert isinstance(exponent, int)
    if exponent > 0 and len(digits) < _FLOAT_DIGITS:  # 1234 does not round to 1000 by itself
        exponent = 0
    unit = Decimal((0, (1,), exponent))
    modes = (ROUND_HALF_UP, ROUND_HALF_EVEN, ROUND_DOWN)
    return any(whole.quantize(unit, mode, _WIDE) == less for mode in modes)


def _text_reduces(stored: str, sent: str) -> bool:
    left, right = _MOMENT.fullmatch(stored), _MOMENT.fullmatch(sent)
    if left and right:
        return left[1] == right[1] and (right[2] or "").startswith(left[2] or "")
    less, whole = fold(stored), fold(sent)
    return whole.startswith(less) if less else not whole


def _list_reduces(stored: list[Value], sent: list[Value]) -> bool:
    if len(stored) > _FEW or len(sent) > _FEW:
        return {_folded(item) for item in stored} == {_folded(item) for item in sent}
    kept = all(any(reduces(item, whole) for whole in sent) for item in stored)
    return kept and all(any(reduces(item, whole) for item in stored) for whole in sent)


def _folded(item: Value) -> str:
    return fold(item) if isinstance(item, str) else value_hash(item)
