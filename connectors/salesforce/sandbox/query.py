"""`query`, `queryAll` and what comes after the first page."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from connectors.salesforce.sandbox import ids
from connectors.salesforce.sandbox.ask import Ask, Task
from connectors.salesforce.sandbox.org import Org
from connectors.salesforce.sandbox.refusals import Refused
from connectors.salesforce.sandbox.soql import run
from connectors.salesforce.sandbox.soql.compile import Compiled, Compiler
from connectors.salesforce.sandbox.soql.parse import parse
from connectors.sandboxes.door import Answer
from connectors.sandboxes.faults import Call
from connectors.sandboxes.lag import young
from connectors.sandboxes.table import Row

SMALLEST, LARGEST = 200, 2000
"""Rows of a page: what batchSize may ask for, and what comes if nothing is asked for."""
LIFE = 2 * 24 * 3600.0
"""Seconds for which a locator is good."""
MOST_LOCATORS = 1000
Listed = Sequence[Any]


@dataclass(slots=True)
class Walk:
    """A result that is handed out page by page: rows as they were found, shown as they are when asked for."""

    rows: Listed
    show: Callable[[Any], dict[str, Any]]
    size: int
    until: float
    object: str
    word: str


class Queries:
    """The queries of one org, and the locators of those that are not read to the end."""

    def __init__(self, org: Org) -> None:
        self.org = org
        self.compiler, self.tooling = Compiler(org), Compiler(org, tooling=True)
        self.walks: dict[str, Walk] = {}
        self._number = count(1)

    # the work ----------------------------------------------------------------------------------------------

    def compiled(self, text: str) -> Compiled:
        """A query made ready; `Refused`."""
        return self.compiler.query(parse(text))

    def tools(self, ask: Ask) -> Task:
        """GET tooling/query?q=…"""
        made = self.tooling.query(parse(ask.query.get("q", "")))
        call = Call("list", made.table.name)

        def work() -> Answer:
            walk = self._walk(ask, made, self.found(made, call, deleted=False), "tooling/query")
            told = {"totalSize": len(walk.rows), "size": len(walk.rows), "done": True, "queryLocator": None}
            records = [walk.show(row) for row in walk.rows]
            return Answer.json({**told, "entityTypeName": made.table.name, "records": records})

        return call, work

    def found(self, made: Compiled, call: Call, *, deleted: bool) -> list[Row]:
        """Its rows as this call sees them."""
        hidden = young(self.org, made.table, call)
        return run.rows(self.org, made, deleted=deleted or made.query.all_rows, hidden=hidden)

    def call(self, made: Compiled) -> Call:
        """What a query is for faults and counts: a list, a look-up by key, or a read by ids."""
        route = "ids" if made.by_ids is not None else "find" if made.by_key else "list"
        return Call(route, made.table.name, made.by_ids or ())

    # the routes --------------------------------------------------------------------------------------------

    def first(self, ask: Ask) -> Task:
        """GET query?q=…, or queryAll."""
        word = ask.path[0]
        text = ask.query.get("q")
        if text is None:
            raise Refused("MALFORMED_QUERY", "SOQL statements cannot be empty or null")
        made = self.compiled(text)
        call = self.call(made)

        def work() -> Answer:
            found = self.found(made, call, deleted=word.lower() == "queryall")
            if made.counts:
                return Answer.json({"totalSize": len(found), "done": True, "records": []})
            walk = self._walk(ask, made, found, word)
            return self._page(ask, walk, 0, None, call)

        return call, work

    def more(self, ask: Ask, locator: str) -> Task:
        """GET query/LOCATOR-OFFSET."""
        match = re.fullmatch(r"(\w{15,18})-(\d+)", locator)
        walk = self.walks.get(match[1]) if match else None
        call = Call("list", walk.object if walk is not None else "")

        def work() -> Answer:
            if match is None or walk is None or walk.until < self.org.clock.monotonic():
                raise Refused("INVALID_QUERY_LOCATOR", "invalid query locator")
            life = self.org.quirks.cursor_life
            if life is not None and walk.until - LIFE + life < self.org.clock.monotonic():
                self.org.fired("cursor_life")
                raise Refused("INVALID_QUERY_LOCATOR", "invalid query locator")
            return self._page(ask, walk, int(match[2]), match[1], call)

        return call, work

    def _walk(self, ask: Ask, made: Compiled, found: list[Row], word: str) -> Walk:
        size = batch_size(ask)
        cap = self.org.quirks.page_cap
        if cap is not None and len(found) > cap:
            self.org.fired("page_cap")
            size = min(size, cap)
        if made.children or any(one.all for one in made.query.selected):
            size = min(size, LARGEST // 4 if made.children else SMALLEST)
        until = self.org.clock.monotonic() + LIFE
        if made.aggregates or made.groups:
            grouped = run.aggregate(made, found)
            return Walk(grouped, lambda told: told, LARGEST, until, made.table.name, word)
        show = run.show(self.org, made, ask.base)
        return Walk(found, show, size, until, made.table.name, word)

    def _page(self, ask: Ask, walk: Walk, start: int, locator: str | None, call: Call) -> Answer:
        page = walk.rows[start : start + walk.size]
        end = start + len(page)
        done = end >= len(walk.rows)
        take = self.org.faults.take
        if take("empty_page", call) is not None:
            page, done = [], True
        elif take("short_page", call) is not None:
            page, done = page[: len(page) // 2], True
        elif take("lose_next", call) is not None:
            done = True
        told: dict[str, Any] = {"totalSize": len(walk.rows), "done": done}
        if not done:
            told["nextRecordsUrl"] = f"{ask.base}/{walk.word}/{locator or self._keep(walk)}-{end}"
        told["records"] = [walk.show(row) for row in page]
        return Answer.json(told)

    def _keep(self, walk: Walk) -> str:
        locator = ids.make("01g", next(self._number))
        self.walks[locator] = walk
        if len(self.walks) > MOST_LOCATORS:
            del self.walks[next(iter(self.walks))]
        return locator


def batch_size(ask: Ask) -> int:
    """What the header Sforce-Query-Options asks for, within its bounds."""
    asked = re.search(r"batchSize\s*=\s*(\d+)", ask.headers.get("sforce-query-options", ""), re.I)
    return min(LARGEST, max(SMALLEST, int(asked[1]))) if asked else LARGEST
