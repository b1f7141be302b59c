"""The words of a SOQL text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from connectors.salesforce.sandbox.refusals import Refused

Kind = Literal["word", "text", "number", "date", "datetime", "sign", "end"]
WORD = re.compile(
    r"""\s*(?:
    (?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))
    |(?P<date>\d{4}-\d\d-\d\d)
    |(?P<number>[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
    |(?P<word>[A-Za-z_][A-Za-z0-9_]*(?::\d+)?)
    |(?P<text>'(?:[^'\\]|\\.)*')
    |(?P<sign><=|>=|!=|<>|[=<>(),.])
    )""",
    re.X | re.S,
)
LITERAL = 4_000
"""Characters of a text at most. Source: Salesforce Developer Limits, "SOQL and SOSL Limits"."""
ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\"}


@dataclass(frozen=True, slots=True)
class Token:
    """One word; `value` is a text without quotes and escapes, `place` counts characters from 0.

    `raw` is as it was written; of a text in LIKE, `%` and `_` behind a backslash are told from it.
    """

    kind: Kind
    value: str
    place: int
    raw: str = ""


def tokens(text: str) -> list[Token]:
    """All of them, an `end` last; `Refused` MALFORMED_QUERY."""
    found, place = list[Token](), 0
    while place < len(text):
        match = WORD.match(text, place)
        if match is None:
            rest = text[place:]
            if not rest.strip():
                break
            place += len(rest) - len(rest.lstrip())
            raise malformed(text, place, _strange(text[place]))
        kind = match.lastgroup
        raw = match[kind or 0]
        value = unescaped(text, match.start("text"), raw[1:-1]) if kind == "text" else raw
        if kind == "text" and len(value) > LITERAL:
            raise malformed(text, match.start("text"), f"String literal exceeds {LITERAL} characters")
        found.append(Token(kind, value, match.start(kind or 0), raw))  # type: ignore[arg-type]
        place = match.end()
    return [*found, Token("end", "<EOF>", len(text), "<EOF>")]


def _strange(character: str) -> str:
    if character == "'":
        return "line 1:0 no viable alternative at character '<EOF>'"
    return f"line 1:0 no viable alternative at character '{character}'"


def unescaped(text: str, place: int, inner: str) -> str:
    """A text without its escapes; `\\%` and `\\_` stay as they are, for LIKE."""

    def one(match: re.Match[str]) -> str:
        if match[1] in "%_":
            return match[0]
        if match[1].lower() == "u" and re.match(r"[0-9a-fA-F]{4}", inner[match.end() : match.end() + 4]):
            return match[0]
        if match[1] not in ESCAPES:
            raise malformed(text, place + match.start() + 1, f"Illegal escape sequence '\\{match[1]}'")
        return ESCAPES[match[1]]

    made = re.sub(r"\\(.)", one, inner, flags=re.S)
    return re.sub(r"\\[uU]([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), made)


def at(text: str, place: int, said: str) -> str:
    """A message that shows the place in the query, as the service writes it."""
    line_start = text.rfind("\n", 0, place) + 1
    line_end = text.find("\n", place)
    line = text[line_start : line_end if line_end >= 0 else len(text)]
    row, column = text.count("\n", 0, place) + 1, place - line_start + 1
    return f"\n{line}\n{' ' * (column - 1)}^\nERROR at Row:{row}:Column:{column}\n{said}"


def malformed(text: str, place: int, said: str) -> Refused:
    """MALFORMED_QUERY at a place of the query."""
    return Refused("MALFORMED_QUERY", at(text, place, said))


def unexpected(text: str, token: Token) -> Refused:
    """MALFORMED_QUERY: this word cannot stand here."""
    return malformed(text, token.place, f"unexpected token: '{token.raw}'")
