"""Whatever a client sends, it gets one of the service's errors: the sandbox itself never falls over."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.sandbox.salesforce.clients import Org, org

SOQL = """
SELECT FROM WHERE AND OR NOT IN LIKE ORDER BY GROUP LIMIT OFFSET NULLS LAST DESC ALL ROWS ( ) , . = != < >=
Id Name LastName Account Account.Name Contact Contacts FIELDS ALL COUNT SUM Lead_Score__c SystemModstamp
CreatedDate Birthdate Interests__c DoNotCall null true TODAY LAST_N_DAYS:3 LAST_N_DAYS 2020-01-01 2020-13-45
2020-01-01T00:00:00Z 'x' '003gK0000000001' 3 -1 1e9 99999 INCLUDES EXCLUDES :bind ; % " é
"""
VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1e308,
    2**60,
    "",
    "x",
    "é" * 300,
    "003gK0000000001QAA",
    "2020-02-30",
    "1e400",
    "NaN",
    [],
    [1],
    {},
    {"a": 1},
    {"attributes": 3},
    {"type": "Contact"},
    {"Syncd_Id__c": {"x": []}},
    "@{a.id}",
    "\x00",
)
KEYS = """
attributes type Id id LastName Name Account AccountId Email Birthdate DoNotCall Lead_Score__c Interests__c
OwnerId RecordTypeId Syncd_Id__c Nope records allOrNone compositeRequest batchRequests method url body
referenceId richInput operation object query state externalIdFieldName ids fields MailingLatitude
"""
PLACES = (
    ("POST", "sobjects/Contact"),
    ("PATCH", "sobjects/Contact/{id}"),
    ("PATCH", "sobjects/Contact/Syncd_Id__c/k"),
    ("POST", "composite/sobjects"),
    ("PATCH", "composite/sobjects"),
    ("PATCH", "composite/sobjects/Contact/Syncd_Id__c"),
    ("POST", "composite/sobjects/Contact"),
    ("POST", "composite"),
    ("POST", "composite/batch"),
    ("POST", "jobs/query"),
    ("POST", "jobs/ingest"),
    ("PATCH", "jobs/ingest/{job}"),
    ("PUT", "jobs/ingest/{job}/batches"),
)


def thing(chance: random.Random, depth: int = 3) -> Any:
    """Some JSON."""
    kind = chance.random()
    if depth and kind < 0.4:
        return {chance.choice(KEYS.split()): thing(chance, depth - 1) for _ in range(chance.randrange(5))}
    if depth and kind < 0.6:
        return [thing(chance, depth - 1) for _ in range(chance.randrange(4))]
    return chance.choice(VALUES)


def some(chance: random.Random) -> dict[str, Any]:
    """Some fields."""
    return {chance.choice(KEYS.split()): thing(chance, 2) for _ in range(3)}


def body(chance: random.Random) -> Any:
    """What a call may want, with nonsense in it."""
    record = (
        {"attributes": {"type": "Contact"}, "LastName": "x", **some(chance)}
        if chance.random() < 0.5
        else thing(chance)
    )
    wrap = chance.choice((None, "records", "compositeRequest", "batchRequests"))
    return record if wrap is None else {wrap: [record, some(chance)], "allOrNone": chance.choice(VALUES)}


async def job(crm: Org) -> str:
    made = await crm.call(
        "POST",
        "jobs/ingest",
        {"object": "Contact", "operation": "upsert", "externalIdFieldName": "Syncd_Id__c"},
    )
    return str(made.body["id"])


@pytest.mark.parametrize("seed", range(3))
async def test_bodies(seed: int) -> None:
    chance = random.Random(seed)
    async with org() as crm:
        id = crm.made("Contact", LastName="L")
        statuses = set()
        for _ in range(150):
            method, path = chance.choice(PLACES)
            path = path.replace("{id}", id).replace("{job}", await job(crm))
            sent = body(chance)
            got = await crm.call(method, path, sent)
            assert got.status < 500, (method, path, sent, got.body)
            statuses.add(got.status)
        assert {200, 400} <= statuses


@pytest.mark.parametrize("seed", range(3))
async def test_queries(seed: int) -> None:
    chance = random.Random(seed)
    async with org({"records": 5}) as crm:
        statuses = set()
        for _ in range(200):
            words = [chance.choice(SOQL.split()) for _ in range(chance.randrange(1, 9))]
            soql = chance.choice(
                ("", "SELECT Id FROM Contact WHERE ", "SELECT Id FROM Contact ORDER BY ", "SELECT ")
            )
            soql += " ".join(words) + chance.choice(("", " FROM Contact"))
            got = await crm.query(soql)
            assert got.status in (200, 400), (soql, got.body)
            statuses.add(got.status)
        assert 400 in statuses
