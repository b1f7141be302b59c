"""What a write names by a word and Salesforce by an id: record types, and who owns a record, users or queues.

Sources: Object Reference, "Name" (of a queue that owns a record its name can be read, and none of a user's
other fields), "Group" (a queue is a group of type Queue, its ids begin with 00G).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from connectors.salesforce import soql
from connectors.salesforce.client import QueryRefused, SalesforceClient
from connectors.salesforce.columns import Column
from connectors.salesforce.describe import record_types
from connectors.salesforce.ids import is_id, long_id
from syncd.core.errors import LoginNeeded, SyncdError

AMBIGUOUS = ""
"""Stands for the id of what several users have in common."""
KNOWN_FOR = 600.0
"""Seconds for which an answer is believed: people are hired, leave, and change their names."""
USER, QUEUE = "005", "00G"
"""How the ids of those begin who may own a record."""
ROOM = soql.ADDRESS - 1000
"""Bytes of words in one query."""
Place = tuple[str, str, bool]
"""The field by which an owner is named, the word in small letters, and whether queues are meant too."""


class Owners:
    """Ids of owners by word, as one batch of writes needs them. `failed`: look-ups that did not succeed."""

    def __init__(self, found: Mapping[Place, str], failed: Mapping[Place, SyncdError] | None = None) -> None:
        self._found, self._failed = found, failed or {}

    def trouble(self, named: Iterable[tuple[Column, Any]]) -> SyncdError | None:
        """Why nothing can be said of one of these owners now."""
        places = (_place(column, word) for column, word in named if isinstance(word, str))
        return next((self._failed[place] for place in places if place in self._failed), None)

    def id_of(self, column: Column, value: str, told: Mapping[str, Any]) -> str | None:
        """The id that a word stands for: `AMBIGUOUS` for several, None for none. An owner's id is itself."""
        if (column.target or "").startswith("RecordType"):
            return record_types(told).get(value)
        if _is_owner(column, value):
            return long_id(value)
        return self._found.get(_place(column, value))


class Names:
    """Asks who is meant by a word. A word that was not found is asked for again; `clock` in seconds."""

    def __init__(self, client: SalesforceClient, clock: Callable[[], float]) -> None:
        self.client, self.clock = client, clock
        self._known: dict[Place, tuple[str, float]] = {}
        self._one = asyncio.Lock()

    async def load(self, wanted: Iterable[tuple[Column, Any]]) -> Owners:
        """The owners that a batch of writes names: one query for each way of naming them.

        Batches that need the same at the same time ask once. A look-up that fails is the trouble of those
        who are named in it, not of the batch. Raises `LoginNeeded` alone.
        """
        words = _words(wanted)
        if not words:
            return Owners({})
        async with self._one:
            found = {place: id for place in words if (id := self._fresh(place)) is not None}
            failed: dict[Place, SyncdError] = {}
            missing = {place: word for place, word in words.items() if place not in found}
            for key, queues in sorted({(key, queues) for key, _, queues in missing}):
                asked = sorted(w for p, w in missing.items() if (p[0], p[2]) == (key, queues))
                for part in soql.chunks(asked, ROOM):
                    try:
                        found |= await self._asked(key, part, queues=queues)
                    except LoginNeeded:
                        raise
                    except SyncdError as error:
                        failed |= {(key, word.casefold(), queues): error for word in part}
            now = self.clock()
            self._known |= {place: (found[place], now) for place in missing if place in found}
        return Owners(found, failed)

    def forget(self) -> None:
        """Users may have been made inactive since they were asked for."""
        self._known.clear()

    def _fresh(self, place: Place) -> str | None:
        id, at = self._known.get(place, (None, 0.0))
        return id if self.clock() - at < KNOWN_FOR else None

    async def _asked(self, key: str, words: list[str], *, queues: bool) -> dict[Place, str]:
        """Who has one of the words; one by which the query is refused, found by halving, is no one's."""
        try:
            return await self._ask(key, words, queues=queues)
        except QueryRefused:
            if len(words) == 1:
                return {}
            half = len(words) // 2
            first = await self._asked(key, words[:half], queues=queues)
            return first | await self._asked(key, words[half:], queues=queues)

    async def _ask(self, key: str, words: list[str], *, queues: bool) -> dict[Place, str]:
        """Who has one of the words, in answers that are whole: what comes twice in them is no one's."""
        of_users = soql.select(("Id", key), "User", soql.both("IsActive = true", soql.among(key, words)))
        rows = await self._rows(of_users)
        if queues:
            of_queues = soql.both("Type = 'Queue'", soql.among(key, words))
            rows += await self._rows(soql.select(("Id", key), "Group", of_queues))
        found: dict[Place, str] = {}
        for row in rows:
            place = key, str(row.get(key)).casefold(), queues
            id = long_id(str(row["Id"]))
            found[place] = id if found.get(place, id) == id else AMBIGUOUS
        return found

    async def _rows(self, query: str) -> list[Mapping[str, Any]]:
        return await self.client.rows(query, "look-up of owners")


def _words(wanted: Iterable[tuple[Column, Any]]) -> dict[Place, str]:
    """The words that must be asked for, as they were written."""
    return {
        _place(column, value): value
        for column, value in wanted
        if (column.target or "").startswith("User.") and isinstance(value, str) and value
        if not _is_owner(column, value) and _can_be_one(column, value)
    }


def _can_be_one(column: Column, word: str) -> bool:
    """Whether somebody can have this word, and a query can say it."""
    literal = soql.text(word)
    fits = len(word) <= (column.info.length or soql.LITERAL) and len(literal) - 2 <= soql.LITERAL
    return fits and len(soql.encoded(literal)) <= ROOM


def _place(column: Column, word: str) -> Place:
    key = (column.target or "").partition(".")[2]
    return key, word.casefold(), column.queues and key == "Name"


def _is_owner(column: Column, value: str) -> bool:
    """Whether a word is an owner's id already: of a user, or of a queue where one may own the record."""
    if not (column.target or "").startswith("User.") or not is_id(value):
        return False
    return value.startswith(USER) or (column.queues and value.startswith(QUEUE))
