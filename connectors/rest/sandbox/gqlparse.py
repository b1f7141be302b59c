"""Enough of GraphQL's syntax for clients that query: operations, aliases, arguments, variables, nesting."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from connectors.sandboxes.shape import Refusal

TOKEN = re.compile(r'[\s,]+|#[^\n]*|(\.\.\.|[!$():=@\[\]{|}]|"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?|[_A-Za-z]\w*)')
WORDS = {"true": True, "false": False, "null": None}


@dataclass(slots=True)
class Node:
    """One selected field; `name` is what is asked, `alias` how it is answered."""

    name: str
    alias: str
    args: dict[str, Any] = field(default_factory=dict)
    fields: list[Node] = field(default_factory=list)


def parse(query: str, variables: Mapping[str, Any]) -> tuple[str, list[Node]]:
    """The kind of operation (query or mutation), and what it selects, variables filled in."""
    return _Parser(query, variables).operation()


class _Parser:
    def __init__(self, query: str, variables: Mapping[str, Any]) -> None:
        self.variables, self.tokens, place = dict(variables), list[str](), 0
        while place < len(query):
            match = TOKEN.match(query, place)
            if match is None:
                raise _wrong(f"an unexpected character at {place}")
            if match[1]:
                self.tokens.append(match[1])
            place = match.end()
        self.tokens.append("")
        self.at = 0

    def operation(self) -> tuple[str, list[Node]]:
        kind = self._next() if self._is("query", "mutation") else "query"
        if not self._is("{", "("):
            self._next()
        if self._take("("):
            self._declarations()
        selected = self._selection()
        if not self._is(""):
            raise _wrong("one operation a call")
        return kind, selected

    def _declarations(self) -> None:
        while not self._take(")"):
            self._want("$")
            name = self._next()
            self._want(":")
            while self._is("[", "]", "!") or self.tokens[self.at].isidentifier():
                self._next()
            if self._take("="):
                self.variables.setdefault(name, self._value())

    def _selection(self) -> list[Node]:
        self._want("{")
        found = []
        while not self._take("}"):
            if self._is("...", "@"):
                raise _wrong("fragments and directives are not known here")
            alias = name = self._name()
            if self._take(":"):
                name = self._name()
            node = Node(name, alias)
            if self._take("("):
                node.args = self._pairs(")")
            if self._is("{"):
                node.fields = self._selection()
            found.append(node)
        return found

    def _pairs(self, end: str) -> dict[str, Any]:
        found = {}
        while not self._take(end):
            name = self._name()
            self._want(":")
            found[name] = self._value()
        return found

    def _value(self) -> Any:
        token = self._next()
        if token == "$":
            return self.variables.get(self._name())
        if token == "{":
            return self._pairs("}")
        if token == "[":
            found = []
            while not self._take("]"):
                found.append(self._value())
            return found
        if token in WORDS:
            return WORDS[token]
        if token.isidentifier():
            return token
        try:
            return orjson.loads(token)
        except orjson.JSONDecodeError:
            raise _wrong("a value is missing") from None

    def _name(self) -> str:
        token = self._next()
        if not token.isidentifier():
            raise _wrong(f"a name is missing before {token[:20]!r}")
        return token

    def _is(self, *tokens: str) -> bool:
        return self.tokens[self.at] in tokens

    def _take(self, token: str) -> bool:
        if self._is("") and token:
            raise _wrong("it ends too soon")
        if self._is(token):
            self.at += 1
            return True
        return False

    def _want(self, token: str) -> None:
        if not self._take(token):
            raise _wrong(f"{token} is missing before {self.tokens[self.at][:20]!r}")

    def _next(self) -> str:
        token = self.tokens[self.at]
        if not token:
            raise _wrong("it ends too soon")
        self.at += 1
        return token


def _wrong(why: str) -> Refusal:
    return Refusal(400, "bad_query", f"syntax error: {why}")
