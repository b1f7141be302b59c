"""The placeholders that there are, call by call."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from connectors.rest.template import HOLE

COMMON = frozenset(("object", "key_field", "fields", "limit"))
LISTS = frozenset(("since", "cursor", "page", "offset", "after"))
WRITES = frozenset(("id", "values", "version", "key"))
HTTP = ("method", "path", "headers", "body")
EACH = WRITES | {"ref", "op", *HTTP}
"""In the template per record of a batch."""
CALLS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("list", "changes", "deleted"), LISTS),
    "get": frozenset(("id",)),
    "get_many": frozenset(("ids",)),
    "find": frozenset(("field", "key", "keys")),
    **dict.fromkeys(("create", "upsert", "update", "delete"), WRITES),
    **dict.fromkeys(("batch", "create_many", "update_many", "delete_many"), frozenset(("op",))),
}
"""What each call knows beside `COMMON`, the constants, and for a batch the names under `each`."""
PAGED = {"page": "page", "offset": "offset", "cursor": "cursor", "keyset": "after"}
"""The placeholder without which a way of paging asks for the first page for ever."""
TEMPLATES = ("path", "query", "headers", "body")
"""The parts of a request that may hold placeholders."""
Loc = tuple[str | int, ...]


def holes(tree: Any, at: Loc = ()) -> Iterator[tuple[Loc, str]]:
    """The placeholders written in a tree of texts, keys too, and where they stand; `{{word}}` is none."""
    if isinstance(tree, str):
        yield from ((at, match[2]) for match in HOLE.finditer(tree) if match[2] is not None)
    elif isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from holes(key, (*at, key))
            yield from holes(value, (*at, key))
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            yield from holes(value, (*at, index))


def unknown(name: str, known: Collection[str]) -> str:
    """A sentence about a placeholder that is none, and after "; " what to write in its place."""
    close = get_close_matches(name, known, n=1, cutoff=0.6)
    meant = f"did you mean {{{close[0]}}}? " if close else ""
    listed = " ".join(f"{{{word}}}" for word in sorted(known))
    said = f"{meant}Known here: {listed}. For the braces themselves write {{{{{name}}}}}"
    return f"there is no placeholder {{{name}}} here; {said}"
