"""YAML's syntax errors in words that say what to do, without snippets, which may hold secrets."""

from __future__ import annotations

import re

from ruamel.yaml.error import MarkedYAMLError

from syncd.config.places import Report
from syncd.config.problems import Place

COLON = "a colon that does not fit: a second one, a wrong indent, or none in the line above"
SPACES = "Indent with spaces: YAML allows no tabs."
QUOTES = 'Put the text in double quotes: "…".'
CLOSE = "Close it with the same quote, on the same line."

LIST_OPEN = ("a list is opened with [ here and not closed", "Add the closing ].")
MAPPING_OPEN = ("a mapping is opened with { here and not closed", "Add the closing }.")
BRACKETS = {"[": LIST_OPEN, "{": MAPPING_OPEN}
QUOTED = re.compile(r"\"(\\.|[^\"\\])*\"|'[^']*'")

INERT = re.compile(r"\\.|'[^']*'")
"""Escapes and single-quoted texts, in which a double quote opens nothing."""

TABLE = (
    # (pattern in "context problem", message, hint, report the context's place)
    (r"character '\\t'", "a tab where only spaces may stand", SPACES, False),
    (r"quoted scalar found unexpected end", "a quote is opened here and never closed", CLOSE, True),
    (r"unknown escape", "a backslash inside double quotes", "Use single quotes.", False),
    (r"character '(.)' that cannot start", r'text may not start with "\1"', QUOTES, False),
    (r"flow \w+ expected .* got '\{'", "a brace inside {…} without quotes", 'Write "${env:NAME}".', False),
    (r"flow sequence", *LIST_OPEN, True),
    (r"flow mapping", *MAPPING_OPEN, True),
    (r"mapping values are not allowed", COLON, QUOTES, False),
    (r"sequence entries are not allowed", "a list item must start on a line of its own", "", False),
    (r"block \w+ expected <block end>", "this line is indented differently from its neighbours",
     "Line it up with the keys that it belongs to.", False),
    (r"simple key", 'a line without "key: value"', "Add the colon, or indent it under its key.", True),
    (r"undefined alias", "an alias (*name) without an anchor (&name) before it", QUOTES, False),
    (r"single document", "more than one document (---) in one file", "Use one file for each.", False),
)  # fmt: skip


def syntax_problem(error: MarkedYAMLError, text: str, file: str, report: Report) -> None:
    """Add what a syntax error means to the report."""
    unclosed = open_quote(text, error.problem_mark)
    if unclosed:
        report.at(Place(file, *unclosed), (), "a quote is opened here and never closed", CLOSE)
        return
    said = f"{error.context or ''} {error.problem or ''}"
    for pattern, message, hint, use_context in TABLE:
        found = re.search(pattern, said)
        if found:
            mark = error.context_mark if use_context and error.context_mark else error.problem_mark
            report.at(place_of(mark, file), (), found.expand(message), hint or QUOTES)
            return
    bracket = open_bracket(text)
    if bracket is not None:
        line, column, sign = bracket
        message, hint = BRACKETS[sign]
        report.at(Place(file, line, column), (), message, hint)
        return
    report.at(place_of(error.problem_mark, file), (), "this is not valid YAML", QUOTES)


def open_bracket(text: str) -> tuple[int, int, str] | None:
    """Line, column and sign of the innermost bracket that the text leaves open: at its end YAML says only
    that something is missing."""
    opened: list[tuple[int, int, str]] = []
    for number, line in enumerate(text.splitlines(), 1):
        bare = QUOTED.sub(lambda found: " " * len(found[0]), line).split(" #")[0]
        for column, sign in enumerate(bare, 1):
            if sign in BRACKETS:
                opened.append((number, column, sign))
            elif sign in "]}" and opened:
                opened.pop()
    return opened[-1] if opened else None


def open_quote(text: str, mark: object) -> tuple[int, int] | None:
    """Line and column of the first double quote, up to an error, that its own line leaves open.

    The parser only stumbles over it where the next quote stands, lines later.
    """
    for number, line in enumerate(text.splitlines()[: getattr(mark, "line", 0) + 1], 1):
        bare = INERT.sub(lambda found: " " * len(found[0]), line).split(" #")[0]
        if bare.count('"') % 2:
            return number, bare.rindex('"') + 1
    return None


def place_of(mark: object, file: str) -> Place:
    """A parser's mark as a place; tolerant, because some errors carry none."""
    line, column = getattr(mark, "line", None), getattr(mark, "column", None)
    return Place(file) if line is None or column is None else Place(file, line + 1, column + 1)
