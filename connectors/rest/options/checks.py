"""What shows only when the sections of a system are held against each other, before anything is asked."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import InitErrorDetails

from connectors.rest.names import CALLS, COMMON, EACH, PAGED, TEMPLATES, Loc, holes, unknown
from connectors.rest.options.base import Words
from connectors.rest.options.calls import BatchWords, RequestWords
from connectors.rest.options.records import ErrorRule, ErrorWords

Slip = tuple[Loc, str]
"""Where something is wrong, and a sentence; after "; " what to do."""
SILENT = (
    "nobody could tell whether a record of this batch was written; say where a result has its `status`, "
    "or in `errors.where` what stands in an answer that is an error"
)


def refuse(title: str, slips: Collection[Slip]) -> None:
    """Raise all of them as one of pydantic's errors, each at its place."""
    if slips:
        details = [
            InitErrorDetails(type="value_error", loc=loc, input=None, ctx={"error": ValueError(said)})
            for loc, said in dict.fromkeys(slips)
        ]
        raise ValidationError.from_exception_data(title, details)


def slips_of(words: Any, constants: Collection[str], own: Any = None, name: str = "") -> Iterator[Slip]:
    """What is wrong with the words of the system, or with those of one object over them.

    `own` are what an object says itself: what is wrong with the others is told for the system.
    """
    known = COMMON | set(constants)
    for call in CALLS:
        said = getattr(words.calls, call)
        if said is None:
            continue
        ours = own is not None and getattr(own.calls, call) is not None
        at: Loc = ("objects", name, "calls", call) if ours else ("calls", call)
        slips = list(_holes_of(call, said, known, at))
        yield from slips or _unpaged(call, said, words.paging.by, at)
        if isinstance(said, BatchWords) and said.status is None and not _tells(words.errors):
            yield at, SILENT


def unknown_in(words: RequestWords, known: Collection[str], at: Loc) -> Iterator[Slip]:
    """Placeholders in a request that nothing fills."""
    for part in TEMPLATES:
        for loc, name in holes(getattr(words, part), (*at, part)):
            if name not in known:
                yield loc, unknown(name, known)


def _holes_of(call: str, said: RequestWords, known: frozenset[str], at: Loc) -> Iterator[Slip]:
    each = said.each if isinstance(said, BatchWords) else {}
    yield from unknown_in(said, known | CALLS[call] | each.keys(), at)
    for loc, name in holes(each, (*at, "each")):
        if name not in known | EACH:
            yield loc, unknown(name, known | EACH)


def _unpaged(call: str, said: RequestWords, by: str, at: Loc) -> Iterator[Slip]:
    """A list that is asked for page after page without saying which."""
    wanted = PAGED.get(by)
    written = {name for part in TEMPLATES for _, name in holes(getattr(said, part))}
    if call == "list" and wanted is not None and wanted not in written:
        how = f'write it into the query, such as {{{wanted}: "{{{wanted}}}"}}, or say paging: {{by: none}}'
        yield at, f"pages are counted by {by}, and this call does not send {{{wanted}}}; {how}"


def _tells(errors: ErrorWords) -> bool:
    """Whether an error can be told from a success in an answer with a status of success."""
    return errors.where is not None or any(_of_success(rule) for rule in errors.rules)


def _of_success(rule: ErrorRule) -> bool:
    return rule.status is None or any(200 <= status < 300 for status in rule.status)


def constants_of(sections: Mapping[str, Any], own: Words) -> set[str]:
    """The constants of the system and of all its objects: a call of the system may use either."""
    found = set(getattr(own, "constants", {}))
    for section in sections.values():
        found |= set(section.constants)
    return found
