"""Associations that are records of their own, by the webhooks journal: which of them its events name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from connectors.hubspot.follow import ASSOCIATED, JournalFeed
from connectors.hubspot.journal import File

MOVES = ("MERGE", "RESTORE")
"""What happens to a record and concerns its associations, though no event names them."""


class PairFeed(JournalFeed):
    """Reads what happened to the records of the first object, and collects what else is to be looked at.

    `pairs` are ids of associations, and `seconds` records of the second object that came back or were merged,
    both of the page that was told last. An event that does not say both ends names the first record alone.
    """

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.pairs: dict[str, None] = {}
        self.seconds: dict[str, None] = {}

    def named(self) -> tuple[list[str], list[str]]:
        """`pairs` and `seconds`, which are forgotten with this."""
        told = list(self.pairs), list(self.seconds)
        self.pairs, self.seconds = {}, {}
        return told

    def _ids(self, file: File) -> Iterator[str]:
        for event in file.events:
            if not self._is_here(event):
                continue
            about = str(event.get("objectTypeId"))
            if event.get("action") in ASSOCIATED:
                pair = self._pair(event)
                if pair is not None:
                    self.pairs[pair] = None
                elif about == self.type_id and not _number(event.get("toObjectId")):
                    yield from self._named(event)
            elif about == self.type_id:
                yield from self._named(event)
            elif about in self.others and event.get("action") in MOVES:
                self.seconds.update(dict.fromkeys(self._named(event)))

    def _pair(self, event: Mapping[str, Any]) -> str | None:
        """The id of the association that an event names, from whichever end it is told."""
        one, other = _number(event.get("fromObjectId")), _number(event.get("toObjectId"))
        there = event.get("toObjectTypeId")
        if not one or not other:
            return None
        if str(event.get("objectTypeId")) == self.type_id and (there is None or str(there) in self.others):
            return f"{one}-{other}"
        if str(event.get("objectTypeId")) in self.others and str(there) == self.type_id:
            return f"{other}-{one}"
        return None

    def _wanted(self) -> Iterator[dict[str, Any]]:
        yield from super()._wanted()
        for other in self.others:
            yield self._of_objects(other, MOVES)


def _number(told: Any) -> str:
    return str(told) if str(told).isascii() and str(told).isdigit() else ""
