"""What waits by (stream, remote id), with what each stream has told apart: asked of every call that ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, MutableMapping
from typing import TypeAlias, TypeVar

Place: TypeAlias = tuple[int, str]
"""A remote record: its stream's number and its id."""
V = TypeVar("V")


class Places(MutableMapping[Place, V]):
    """A mapping that knows without a search whether anything of a stream is in it."""

    __slots__ = ("_counts", "_things")

    def __init__(self) -> None:
        self._things: dict[Place, V] = {}
        self._counts: Counter[int] = Counter()

    def any_of(self, stream: int) -> bool:
        """Whether there is something of this stream."""
        return self._counts[stream] > 0

    def __getitem__(self, place: Place) -> V:
        return self._things[place]

    def __setitem__(self, place: Place, thing: V) -> None:
        if place not in self._things:
            self._counts[place[0]] += 1
        self._things[place] = thing

    def __delitem__(self, place: Place) -> None:
        del self._things[place]
        self._counts[place[0]] -= 1

    def __contains__(self, place: object) -> bool:
        return place in self._things

    def __iter__(self) -> Iterator[Place]:
        return iter(self._things)

    def __len__(self) -> int:
        return len(self._things)
