"""A subscriber that nobody here wrote, run beside the tests: `aiosfpubsub`, decoding with Apache's `avro`.

Reads a JSON list of tasks from standard input, writes a list of findings. Bitmaps are read as the vendor's
guide describes them (Event Deserialization Considerations), by the schema that `avro` parsed.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import avro.schema
import certifi
import grpc


def main() -> None:
    """See the module."""
    tasks = json.load(sys.stdin)
    certifi.where = lambda: tasks[0]["ca"]
    json.dump([found(told) for told in tasks], sys.stdout)


def found(told: dict[str, Any]) -> dict[str, Any]:
    """What came of one task."""
    from aiosfpubsub import Client

    host, port = told["pubsub"].split(":")
    client = Client("https://unused.example", "user", "password", host, int(port))
    client.metadata = tuple(told["metadata"].items())
    answer: dict[str, Any] = {"events": []}
    try:
        topic = client.get_topic(told["topic"])
        names = ("topic_name", "tenant_guid", "can_publish", "can_subscribe", "schema_id")
        answer["topic"] = {name: getattr(topic, name) for name in names}
        asyncio.run(listen(client, told, answer))
    except grpc.RpcError as error:
        trailers = dict(error.trailing_metadata() or ())
        answer["error"] = {"status": error.code().name, "trailers": trailers, "details": error.details()}
    return answer


async def listen(client: Any, told: dict[str, Any], answer: dict[str, Any]) -> None:
    """Until as many events came as were wanted."""
    enough = asyncio.Event()

    def came(response: Any, client: Any) -> None:
        answer["latest"] = response.latest_replay_id.hex()
        answer["pending"] = response.pending_num_requested
        answer["events"] += [decoded(client, one) for one in response.events]
        if len(answer["events"]) >= told["count"]:
            enough.set()

    preset, replay_id = told["preset"], bytes.fromhex(told.get("replay_id", ""))
    asking = told.get("asking", 100)
    subscription = asyncio.create_task(client.subscribe(told["topic"], preset, replay_id, asking, came))
    waiting = asyncio.create_task(enough.wait())
    done, _ = await asyncio.wait({subscription, waiting}, timeout=30, return_when=asyncio.FIRST_COMPLETED)
    for task in {subscription, waiting} - done:
        task.cancel()
    if subscription in done:
        await subscription  # raises what ended it


def decoded(client: Any, one: Any) -> dict[str, Any]:
    """An event's body, its bitmaps as names."""
    text = client.get_schema_json(one.event.schema_id)
    body: dict[str, Any] = client.decode(text, one.event.payload)
    schema = avro.schema.parse(text)
    header = body["ChangeEventHeader"]
    for name in ("changedFields", "nulledFields", "diffFields"):
        header[name] = [field for bitmap in header[name] for field in named(schema, bitmap)]
    return {"replay_id": one.replay_id.hex(), "id": one.event.id, "body": body}


def named(schema: Any, bitmap: str) -> list[str]:
    """The fields of a bitmap: `Phone`, or `Name.FirstName`."""
    place, _, bits = bitmap.rpartition("-")
    fields, prefix = schema.fields, ""
    if place:
        parent = schema.fields[int(place)]
        record = next(one for one in parent.type.schemas if one.type == "record")
        fields, prefix = record.fields, f"{parent.name}."
    marks = f"{int(bits, 16):b}"[::-1]
    return [prefix + fields[i].name for i, mark in enumerate(marks) if mark == "1"]


if __name__ == "__main__":
    main()
