"""Writing associations in batches. Of a batch each pair is answered for (207); one that is not is made alone,
for to associate twice does no harm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from connectors.http import Request
from connectors.hubspot.associations import MOST, Type
from connectors.hubspot.client import JSON, HubSpotClient
from connectors.hubspot.verdict import category
from syncd.core.errors import RetryLater

Pair = tuple[str, str]
Refusals = dict[Pair, str]
"""By pair the category of the refusal."""


class LinkWriter:
    """Writes the associations of one object's records with one other object."""

    def __init__(self, client: HubSpotClient, object: str, to: str) -> None:
        self.client, self.object, self.to = client, object, to
        self.what = f"associations of {object} with {to}"

    async def make(self, wanted: Mapping[Pair, Sequence[Type]]) -> Refusals:
        """Associate pairs under exactly these labels; what is refused."""
        refused: Refusals = {}
        for some in _parts(list(wanted)):
            inputs = [{**_ends(pair), "types": [one.spec() for one in wanted[pair]]} for pair in some]
            done = _made(await self._post("create", inputs))
            for pair in some:
                why = None if pair in done else await self._one(pair, wanted[pair])
                if why is not None:
                    refused[pair] = why
        return refused

    async def drop(self, pairs: Mapping[Pair, Sequence[Type] | None]) -> None:
        """Take types away, or all that stands between two. What is not there is no error."""
        wholly = [pair for pair, types in pairs.items() if types is None]
        for some in _parts(wholly):
            await self._must("archive", [{"from": {"id": a}, "to": [{"id": b}]} for a, b in some])
        partly = {pair: types for pair, types in pairs.items() if types is not None}
        for some in _parts(list(partly)):
            inputs = [{**_ends(pair), "types": [one.spec() for one in partly[pair]]} for pair in some]
            await self._must("labels/archive", inputs)

    async def _one(self, pair: Pair, types: Sequence[Type]) -> str | None:
        """A pair alone; the category of its refusal, None where it is done."""
        path = self.client.path("links", self.object, pair[0], "associations", self.to, pair[1])
        status, body = await self._send("PUT", path, [one.spec() for one in types])
        return None if status < 300 else category(body) or str(status)

    async def _must(self, word: str, inputs: Sequence[Mapping[str, Any]]) -> None:
        body = await self._post(word, inputs)
        if body is None:
            raise RetryLater(
                f"{self.client.name}: {self.what}: HubSpot refused to remove some", uncertain=True
            )

    async def _post(self, word: str, inputs: Sequence[Mapping[str, Any]]) -> Any:
        """The body of an answer; None where the whole batch is refused."""
        path = self.client.path("associations", self.object, self.to, "batch", *word.split("/"))
        status, body = await self._send("POST", path, {"inputs": inputs})
        return (body or {}) if status < 300 else None

    async def _send(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        request = Request(method, path, JSON, orjson.dumps(body), writes=True)
        answer = await self.client.send(request)
        told = answer.json(f"{self.client.name}: {self.what}", writes=True)
        if not answer.ok and answer.status not in (400, 404, 409):
            raise self.client.failed(self.what, answer, told, writes=True)
        return answer.status, told


def _made(body: Any) -> set[Pair]:
    """The pairs that an answer shows."""
    rows = body.get("results") if isinstance(body, Mapping) else None
    return {
        (str(one.get("fromObjectId")), str(one.get("toObjectId")))
        for one in (rows if isinstance(rows, list) else ())
        if isinstance(one, Mapping)
    }


def _ends(pair: Pair) -> dict[str, Any]:
    return {"from": {"id": pair[0]}, "to": {"id": pair[1]}}


def _parts(pairs: Sequence[Pair]) -> list[Sequence[Pair]]:
    return [pairs[start : start + MOST] for start in range(0, len(pairs), MOST)]
