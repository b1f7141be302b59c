"""A call, compiled: values in, request out; and the answer's parts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

import orjson

from connectors.http import Answer, HttpClient, Request
from connectors.rest.judge import Judge, Verdict
from connectors.rest.names import CALLS, COMMON, EACH, unknown
from connectors.rest.options import BatchWords, CallWords, RequestWords
from connectors.rest.paths import MISSING, Get, getter
from connectors.rest.template import (
    HOLE,
    Template,
    Unsayable,
    Values,
    as_text,
    compile_path,
    compile_query,
    compile_tree,
)
from syncd.core.errors import NeedsOperator, RetryLater

METHODS = {"create": "POST", "upsert": "PUT", "update": "PATCH", "delete": "DELETE", "deleted": "GET"}
NAMES = frozenset().union(COMMON, EACH, *CALLS.values())
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Call:
    """`name` is its name in `calls`, `names` the placeholders that it uses; `find` finds its records, at
    `at_path`, a mapping by ids where `keyed`; `said` is how its request is written down, no value in it."""

    name: str
    what: str
    method: str
    path: Callable[[Values], Any]
    query: Callable[[Values], str]
    headers: Mapping[str, Callable[[Values], Any]]
    body: Template | None
    form: bool
    find: Get
    names: frozenset[str]
    writes: bool
    fixed: Mapping[str, Any]
    at_path: str
    said: str
    keyed: bool

    def request(self, values: Values) -> Request:
        """The request for these values, the constants added."""
        filled = {**self.fixed, **values}
        path = self.path(filled)
        if path is None:
            raise NeedsOperator(
                f"{self.what}: its path uses a placeholder that has no value", "Mend the path"
            )
        headers = {n: as_text(v) for n, f in self.headers.items() if (v := f(filled)) is not None}
        body = self._body(self.body.fill(filled)) if self.body is not None else None
        if body is not None:
            headers.setdefault("Content-Type", "application/x-www-form-urlencoded" if self.form else JSON)
        return Request(self.method, path, headers, body, self.query(filled), self.writes)

    def parts(self, values: Values) -> dict[str, Any]:
        """The request as a part of a batch: method, path, headers, body."""
        filled = {**self.fixed, **values}
        path, query = self.path(filled), self.query(filled)
        headers = {n: as_text(v) for n, f in self.headers.items() if (v := f(filled)) is not None}
        body = None if self.body is None else self.body.fill(filled)
        whole = f"{path}?{query}" if query else path
        return {"method": self.method, "path": whole, "headers": headers or None, "body": body}

    def _body(self, tree: Any) -> bytes:
        if self.form:
            return urlencode({k: as_text(v) for k, v in (tree or {}).items()}).encode()
        return orjson.dumps(tree)

    async def ask(self, client: HttpClient, values: Values, judge: Judge) -> Reply:
        """Send it, read the answer, judge it. Raises what the client raises, nothing for a status."""
        try:
            request = self.request(values)
        except Unsayable as error:
            raise RetryLater(f"{self.what}: {error}") from None
        return self.reply(await client.send(request), judge)

    def reply(self, answer: Answer, judge: Judge) -> Reply:
        """An answer as this call's reply."""
        body = answer.json(self.what, writes=self.writes)
        return Reply(self, answer, body, judge.judge(self.name, answer, body))

    def at(self, path: str) -> Call:
        """The same call to an address that the server gave."""
        return replace(self, path=lambda values: path, query=lambda values: "")


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; `verdict` is None where all is well."""

    call: Call
    answer: Answer
    body: Any
    verdict: Verdict | None

    @property
    def found(self) -> Any:
        """What stands where the call says that its records are; None where nothing does."""
        found = self.call.find(self.body)
        return None if found is MISSING else found


def compile_call(
    name: str,
    words: CallWords | RequestWords,
    constants: Mapping[str, Any],
    what: str,
    extra: Collection[str] = (),
) -> Call:
    """Compile one call; `extra` are placeholders that only it has. Raises `NeedsOperator` for a slip."""
    known = NAMES | constants.keys() | set(extra)
    names: set[str] = set()
    for text in (words.path, *words.headers.values()):
        _no_slip(text, known, what)
    path = compile_path(words.path, known, names)
    query = compile_query(words.query, known, names)
    headers = {n: compile_tree(v, known) for n, v in words.headers.items()}
    body = None if words.body is None else compile_tree(words.body, known)
    used = names | (body.names if body else set())
    used |= {n for h in headers.values() for n in h.names}
    method = words.method or METHODS.get(name, "POST" if isinstance(words, BatchWords) else "GET")
    return Call(
        name,
        what,
        method,
        path,
        query,
        {n: h.fill for n, h in headers.items()},
        body,
        words.form,
        getter(getattr(words, "at", "")),
        frozenset(used),
        name in ("create", "upsert", "update", "delete") or isinstance(words, BatchWords),
        constants,
        getattr(words, "at", ""),
        f"{method} {words.path}",
        getattr(words, "keyed", False),
    )


def _no_slip(text: str, known: Collection[str], what: str) -> None:
    """In addresses and headers every {word} must be a placeholder."""
    for match in HOLE.finditer(text):
        if match[2] is not None and match[2] not in known:
            said, _, todo = unknown(match[2], known).partition("; ")
            raise NeedsOperator(f"{what}: {said}", todo)
