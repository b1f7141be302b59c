"""The sandbox's Pub/Sub API before clients that others wrote, in Python and in Node."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from tests.sandbox.salesforce.listening import CONTACTS, Ear, listening
from tests.support import foreign

HERE = Path(__file__).parent
NODE_CLIENT = ("salesforce-pubsub-api-client@5.5.2", "underscore@1.13.7")  # avro-js does not name it


async def python_judge(ear: Ear, *tasks: dict[str, Any]) -> list[dict[str, Any]]:
    """What `aiosfpubsub` hears in each task."""
    base = {
        "topic": CONTACTS,
        "preset": "EARLIEST",
        "count": 1,
        "ca": str(ear.sandbox.ca),
        "pubsub": ear.sandbox.ready()["pubsub"],
        "metadata": metadata(ear),
    }
    told = json.dumps([{**base, **task} for task in tasks])
    found: list[dict[str, Any]] = await judged([sys.executable, str(HERE / "judge.py")], told)
    return found


async def node_judge(ear: Ear, **words: Any) -> dict[str, Any]:
    """What `salesforce-pubsub-api-client` hears."""
    home = await asyncio.to_thread(foreign.installed, "salesforce-pubsub", NODE_CLIENT, foreign._npm)
    told = {"topic": CONTACTS, "pubsub": ear.sandbox.ready()["pubsub"], **metadata(ear), **words}
    found: dict[str, Any] = await judged(["node", str(HERE / "judge.mjs"), str(home), json.dumps(told)])
    return found


async def judged(command: list[str], given: str = "") -> Any:
    """A judge's verdict."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(given.encode()), 60)
    assert process.returncode == 0, err.decode()
    return json.loads(out)


def metadata(ear: Ear) -> dict[str, str]:
    """Who calls."""
    world = ear.sandbox.world
    session = ear.sandbox.auth.open(world.users["api"])
    return {"accesstoken": session, "instanceurl": ear.sandbox.url, "tenantid": world.org_id}


def story(ear: Ear) -> str:
    """A contact's life; its id."""
    id = ear.contact(FirstName="Joe", MailingCity="Bonn", MailingStreet="Markt 1", Birthdate="1970-02-03")
    ear.edit(id, FirstName="Jo", MailingCity="Köln", MailingStreet=None, Phone="1")
    ear.edit(id, MailingCity=None, Phone=None, Lead_Score__c=7)
    ear.edit(id, "delete")
    return id


async def test_a_python_client_reads_what_happened() -> None:
    async with listening(tls=True) as ear:
        id = story(ear)
        (told,) = await python_judge(ear, {"count": 4})
        ours = await ear.hear(4)
    topic = told["topic"]
    assert (topic["topic_name"], topic["tenant_guid"]) == (CONTACTS, ear.sandbox.world.org_id)
    assert (topic["can_subscribe"], topic["can_publish"]) == (True, False)
    made, changed, emptied, deleted = [one["body"] for one in told["events"]]
    heads = [body["ChangeEventHeader"] for body in (made, changed, emptied, deleted)]
    assert [head["changeType"] for head in heads] == ["CREATE", "UPDATE", "UPDATE", "DELETE"]
    assert {head["entityName"] for head in heads} == {"Contact"}
    assert [head["recordIds"] for head in heads] == [[id]] * 4
    assert made["Name"] == {"Salutation": None, "FirstName": "Joe", "LastName": "Bloggs"}
    assert made["MailingAddress"]["City"] == "Bonn"
    assert (made["Birthdate"], made["OtherAddress"]) == (2851200000, None)
    assert heads[0]["changedFields"] == []
    assert sorted(heads[1]["changedFields"]) == [
        "LastModifiedDate",
        "MailingAddress.City",
        "MailingAddress.Street",
        "Name.FirstName",
        "Phone",
    ]
    assert heads[1]["nulledFields"] == ["MailingAddress.Street"]
    assert changed["Name"] == {"Salutation": None, "FirstName": "Jo", "LastName": None}
    assert sorted(heads[2]["nulledFields"]) == ["MailingAddress", "Phone"]
    assert emptied["Lead_Score__c"] == 7.0
    assert all(value is None for name, value in deleted.items() if name != "ChangeEventHeader")
    assert [bytes.fromhex(one["replay_id"]) for one in told["events"]] == [e.replay_id for e in ours]
    assert told["latest"] == told["events"][-1]["replay_id"]
    assert told["pending"] == 100 - 4


async def test_a_python_client_goes_on_from_a_replay_id() -> None:
    async with listening(tls=True) as ear:
        story(ear)
        events = await ear.hear(4)
        after = events[1].replay_id.hex()
        task = {"preset": "CUSTOM", "replay_id": after, "count": 2, "asking": 2}
        (told,) = await python_judge(ear, task)
    assert [one["replay_id"] for one in told["events"]] == [e.replay_id.hex() for e in events[2:]]
    assert told["pending"] == 0


WRONG: list[tuple[dict[str, Any], str, str]] = [
    (
        {"preset": "CUSTOM", "replay_id": "00" * 8},
        "INVALID_ARGUMENT",
        "subscription.fetch.replayid.corrupted",
    ),
    ({"preset": "CUSTOM"}, "INVALID_ARGUMENT", "subscription.fetch.replayid.validation.failed"),
    ({"asking": 0}, "INVALID_ARGUMENT", "subscription.fetch.requested.events.invalid"),
    ({"topic": "/data/NoneChangeEvent"}, "NOT_FOUND", "topic.not.found"),
    (
        {"metadata": {"accesstoken": "stale", "instanceurl": "https://a", "tenantid": "00D"}},
        "UNAUTHENTICATED",
        "service.auth.error",
    ),
    ({"metadata": {"accesstoken": "stale"}}, "UNAUTHENTICATED", "service.auth.headers.invalid"),
]


async def test_a_python_client_is_told_what_is_wrong() -> None:
    async with listening(tls=True) as ear:
        told = await python_judge(ear, *(task for task, _, _ in WRONG))
    for found, (_, status, code) in zip(told, WRONG, strict=True):
        error = found["error"]
        assert error["status"] == status
        assert error["trailers"]["error-code"] == f"sfdc.platform.eventbus.grpc.{code}"
        assert f"rpcId: {error['trailers']['rpc-id']}" in error["details"]


async def test_a_node_client_reads_what_happened() -> None:
    async with listening(tls=True) as ear:
        id = story(ear)
        told = await node_judge(ear, count=4)
        ours = await ear.hear(4)
    assert told["errors"] == []
    made, changed, emptied, deleted = [one["payload"] for one in told["events"]]
    heads = [body["ChangeEventHeader"] for body in (made, changed, emptied, deleted)]
    assert [head["changeType"] for head in heads] == ["CREATE", "UPDATE", "UPDATE", "DELETE"]
    assert [head["recordIds"] for head in heads] == [[id]] * 4
    assert (made["Birthdate"], made["MailingAddress"]["City"]) == (2851200000, "Bonn")
    assert sorted(heads[1]["changedFields"]) == [
        "LastModifiedDate",
        "MailingAddress.City",
        "MailingAddress.Street",
        "Name.FirstName",
        "Phone",
    ]
    assert (changed["Phone"], changed["Name"]["FirstName"]) == ("1", "Jo")
    assert sorted(heads[2]["nulledFields"]) == ["MailingAddress", "Phone"]
    assert emptied["Lead_Score__c"] == 7
    replay_ids = [int.from_bytes(event.replay_id, "big") for event in ours]
    assert [one["replayId"] for one in told["events"]] == replay_ids


async def test_a_node_client_goes_on_from_a_replay_id_and_is_told_what_is_wrong() -> None:
    async with listening(tls=True) as ear:
        story(ear)
        events = await ear.hear(4)
        after = int.from_bytes(events[2].replay_id, "big")
        told = await node_judge(ear, count=1, replayId=after)
        wrong = await node_judge(ear, count=1, replayId=12345)
    assert told["events"][0]["payload"]["ChangeEventHeader"]["changeType"] == "DELETE"
    assert "replay_id is not valid" in " ".join(wrong["errors"])
