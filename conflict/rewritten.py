"""What a remote stored in place of what it was sent: less of it, or something else. Pure.

A system that trims, cuts, folds or formats says nothing new: that is normalisation, known to the link alone.
One that stores what nobody sent (a rule of its own puts `Wien` for `Vienna`) has edited the record, and the
edit travels like any other.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from html import unescape

from conflict.work import ABSENT
from syncd.core.equality import reduces
from syncd.core.errors import ParseError, Unlinked
from syncd.core.fieldmap import NO_REFS, Direction, Entry, FieldMap, is_blank
from syncd.core.nouns import Fields, Value

_TAG = re.compile(r"<[^<>]*>")
_WORD = re.compile(r"\w+")
_PLAIN = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_A_NUMBER_TO_CALL = 5


def rewritten(
    before: Mapping[str, Value],
    sent: Fields,
    stored: Fields,
    fmap: FieldMap,
    fought: frozenset[str] = frozenset(),
) -> dict[str, Value]:
    """Of the fields that were sent, by remote name, those that hold an edit: what the edit was made from.

    `before` is what the remote held when it was written to. A field that holds what it held, or nothing, is
    a refusal without a word, and no reason to take from the others what they have. But where what was sent is
    another system's rewriting of what this one held (`fought`), to keep it is a word. A field that only we
    write tells nothing.
    """
    found: dict[str, Value] = {}
    for entry in fmap.entries:
        names = [name for name in entry.remote if name in sent and stored.get(name, sent[name]) != sent[name]]
        if not names or entry.direction is Direction.OUT:
            continue
        kept = {} if fought.issuperset(entry.canon) else before
        if all(_says_no_more(stored[name], sent[name], kept.get(name, ABSENT)) for name in names):
            continue
        found |= _base(entry, sent, stored) if entry.sets else {name: sent[name] for name in names}
    return found


def _says_no_more(stored: Value, sent: Value, before: Value) -> bool:
    if is_blank(stored) or stored == before or (is_blank(sent) and not stored):
        return True
    return reduces(stored, sent) or _fewer_words(stored, sent)


def _fewer_words(stored: Value, sent: Value) -> bool:
    """Whether a text has only words of the other, whatever its accents, tags and signs; or its digits."""
    if not isinstance(stored, str) or not isinstance(sent, str) or _PLAIN.fullmatch(sent):
        return False
    return _words(stored) <= _words(sent) or _same_number(stored, sent)


def _words(text: str) -> set[str]:
    bare = unescape(_TAG.sub(" ", text))
    bare = "".join(c for c in unicodedata.normalize("NFKD", bare) if not unicodedata.combining(c))
    return set(_WORD.findall(bare.casefold()))


def _same_number(stored: str, sent: str) -> bool:
    """A telephone number in another dress: `(01) 2345678` of `+43 1 234 5678`."""
    less, whole = ("".join(c for c in text if c.isdecimal()).lstrip("0") for text in (stored, sent))
    letters = any(c.isalpha() for c in stored + sent)
    return not letters and len(less) >= _A_NUMBER_TO_CALL and whole.endswith(less)


def _base(entry: Entry, sent: Fields, stored: Fields) -> dict[str, Value]:
    """For a set, that of what was sent which is left: an element that was not taken is no removal."""
    try:
        ours = entry.incoming(tuple(sent.get(name) for name in entry.remote), NO_REFS)
        theirs = entry.incoming(tuple(stored.get(name) for name in entry.remote), NO_REFS)
        left = tuple(sorted(set(a or ()) & set(b or ())) or None for a, b in zip(ours, theirs, strict=True))
        if all(set(b or ()) <= set(a or ()) for a, b in zip(ours, theirs, strict=True)):
            return {}
        return dict(zip(entry.remote, entry.outgoing(left, NO_REFS), strict=True))
    except (ParseError, Unlinked, TypeError, KeyError):
        return {}
