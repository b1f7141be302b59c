"""A SOQL text as a tree; every mistake is told with its place."""

from __future__ import annotations

from typing import Literal, cast

from connectors.salesforce.sandbox.refusals import Refused
from connectors.salesforce.sandbox.soql.lex import Token, tokens, unexpected
from connectors.salesforce.sandbox.soql.ranges import RANGES
from connectors.salesforce.sandbox.soql.tree import (
    Compare,
    Condition,
    Many,
    Not,
    Op,
    Order,
    Path,
    Query,
    Selected,
    Value,
)

LONGEST = 100_000
AGGREGATES = ("count", "count_distinct", "sum", "avg", "min", "max")
STOPS = (
    "where",
    "group",
    "order",
    "limit",
    "offset",
    "all",
    "for",
    "having",
    "with",
    "using",
    "from",
    "update",
)
RESERVED = ("and", "from", "in", "like", "limit", "not", "null", "or", "select", "where")
SIGNS: dict[str, Op] = {"=": "=", "!=": "!=", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
LISTS: tuple[Op, ...] = ("like", "in", "includes", "excludes")


def parse(text: str) -> Query:
    """The query; `Refused` MALFORMED_QUERY."""
    if len(text) > LONGEST:
        raise Refused("QUERY_TOO_COMPLICATED", "SOQL statements cannot be longer than 100000 characters.")
    if not text.strip():
        raise Refused("MALFORMED_QUERY", "SOQL statements cannot be empty or null")
    parser = _Parser(text)
    query = parser.query()
    parser.end()
    return query


def parse_condition(text: str) -> Condition:
    """What may stand behind WHERE, alone."""
    parser = _Parser(text)
    condition = parser.condition()
    parser.end()
    return condition


class _Parser:
    def __init__(self, text: str) -> None:
        self.text, self.tokens, self.place = text, tokens(text), 0

    # words -------------------------------------------------------------------------------------------------

    @property
    def next(self) -> Token:
        return self.tokens[self.place]

    def take(self) -> Token:
        token = self.next
        self.place += 1
        return token

    def says(self, *words: str) -> bool:
        """Whether these words come next; if so they are taken."""
        ahead = self.tokens[self.place : self.place + len(words)]
        if [token.value.lower() for token in ahead if token.kind in ("word", "sign")] != list(words):
            return False
        self.place += len(words)
        return True

    def must(self, word: str) -> None:
        if not self.says(word):
            raise unexpected(self.text, self.next)

    def end(self) -> None:
        if self.next.kind != "end":
            raise unexpected(self.text, self.next)

    def name(self) -> Token:
        word = self.next.value.lower()
        if self.next.kind != "word" or ":" in word or word in RESERVED:
            raise unexpected(self.text, self.next)
        return self.take()

    def path(self) -> Path:
        first = self.name()
        words = [first.value]
        while self.says("."):
            words.append(self.name().value)
        return Path(tuple(words), first.place)

    # select ------------------------------------------------------------------------------------------------

    def query(self) -> Query:
        """SELECT … and all that may follow."""
        self.must("select")
        selected = [self.selected()]
        while self.says(","):
            selected.append(self.selected())
        self.must("from")
        source, alias = self.path(), ""
        if self.next.kind == "word" and self.next.value.lower() not in STOPS:
            self.says("as")
            alias = self.name().value
        where = self.condition() if self.says("where") else None
        groups = self.groups()
        orders = self.orders()
        limit = self.count() if self.says("limit") else None
        offset = self.count() if self.says("offset") else 0
        all_rows = self.says("all", "rows")
        return Query(
            self.text, tuple(selected), source, alias, where, groups, orders, limit, offset, all_rows
        )

    def selected(self) -> Selected:
        if self.says("("):
            children = self.query()
            self.must(")")
            return Selected(children=children)
        if self.next.value.lower() == "fields" and self.tokens[self.place + 1].value == "(":
            return self.fields()
        if self.next.value.lower() in AGGREGATES and self.tokens[self.place + 1].value == "(":
            return self.aggregate()
        path = self.path()
        return Selected(path, alias=self.alias())

    def fields(self) -> Selected:
        self.place += 2
        which = self.name()
        self.must(")")
        if which.value.upper() not in ("ALL", "STANDARD", "CUSTOM"):
            raise unexpected(self.text, which)
        return Selected(all=cast(Literal["ALL", "STANDARD", "CUSTOM"], which.value.upper()))

    def aggregate(self) -> Selected:
        function = self.take()
        self.must("(")
        path = None
        if self.next.value != ")":
            path = self.path()
        elif function.value.lower() != "count":
            raise unexpected(self.text, self.next)
        self.must(")")
        return Selected(path, function.value.lower(), self.alias())

    def alias(self) -> str:
        if self.next.kind == "word" and self.next.value.lower() not in STOPS:
            return self.take().value
        return ""

    def groups(self) -> tuple[Path, ...]:
        if not self.says("group", "by"):
            return ()
        found = [self.path()]
        while self.says(","):
            found.append(self.path())
        return tuple(found)

    def orders(self) -> tuple[Order, ...]:
        if not self.says("order", "by"):
            return ()
        found = [self.order()]
        while self.says(","):
            found.append(self.order())
        return tuple(found)

    def order(self) -> Order:
        path = self.path()
        descending = self.says("desc")
        if not descending:
            self.says("asc")
        last = self.says("nulls", "last")
        if not last:
            self.says("nulls", "first")
        return Order(path, descending, last)

    def count(self) -> int:
        if self.next.kind != "number" or not self.next.value.isdigit():
            raise unexpected(self.text, self.next)
        return int(self.take().value)

    # where -------------------------------------------------------------------------------------------------

    def condition(self) -> Condition:
        """AND and OR do not stand beside each other without parentheses."""
        found = [self.one()]
        word = self.next.value.lower() if self.next.kind == "word" else ""
        if word not in ("and", "or"):
            return found[0]
        while self.says(word):
            found.append(self.one())
        if self.next.kind == "word" and self.next.value.lower() in ("and", "or"):
            raise unexpected(self.text, self.next)
        return Many(cast(Literal["and", "or"], word), tuple(found))

    def one(self) -> Condition:
        if self.says("not"):
            return Not(self.one())
        if self.says("("):
            inner = self.condition()
            self.must(")")
            return inner
        path = self.path()
        op = self.op()
        if op in ("in", "not in", "includes", "excludes"):
            return Compare(path, op, self.listed())
        return Compare(path, op, self.value())

    def op(self) -> Op:
        token = self.next
        if token.kind == "sign" and token.value in SIGNS:
            self.take()
            return SIGNS[token.value]
        if self.says("not", "in"):
            return "not in"
        for word in LISTS:
            if self.says(word):
                return word
        raise unexpected(self.text, token)

    def listed(self) -> tuple[Value, ...] | Query:
        self.must("(")
        found: tuple[Value, ...] | Query
        if self.next.kind == "word" and self.next.value.lower() == "select":
            found = self.query()
        else:
            values = [self.value()]
            while self.says(","):
                values.append(self.value())
            found = tuple(values)
        self.must(")")
        return found

    def value(self) -> Value:
        token = self.take()
        if token.kind in ("text", "date", "datetime"):
            return Value(token.kind, token.value, token.place)
        if token.kind == "number":
            return Value("number", float(token.value), token.place)
        word = token.value.lower()
        if token.kind == "word" and word in ("true", "false"):
            return Value("bool", word == "true", token.place)
        if token.kind == "word" and word == "null":
            return Value("null", None, token.place)
        name, _, number = token.value.upper().partition(":")
        if token.kind == "word" and name in RANGES and bool(number) == ("_N_" in name):
            return Value("range", (name, int(number or 0)), token.place)
        raise unexpected(self.text, token)
