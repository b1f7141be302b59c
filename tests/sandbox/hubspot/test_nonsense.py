"""Nonsense is refused in the vendor's words, whatever it is: never a crash of the sandbox."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest

from tests.sandbox.hubspot.portal import V3, Portal, portal

CRM4 = "/crm/v4/associations/contacts/companies"
CALLS = (
    ("POST", f"{V3}/contacts"),
    ("POST", f"{V3}/contacts/search"),
    ("POST", f"{V3}/contacts/merge"),
    ("POST", f"{V3}/contacts/gdpr-delete"),
    ("POST", f"{V3}/contacts/batch/read"),
    ("POST", f"{V3}/contacts/batch/create"),
    ("POST", f"{V3}/contacts/batch/update"),
    ("POST", f"{V3}/contacts/batch/upsert"),
    ("POST", f"{V3}/contacts/batch/archive"),
    ("PATCH", f"{V3}/contacts/ID"),
    ("PUT", "/crm/v4/objects/contacts/ID/associations/companies/ID"),
    ("POST", f"{CRM4}/batch/read"),
    ("POST", f"{CRM4}/batch/create"),
    ("POST", f"{CRM4}/batch/associate/default"),
    ("POST", f"{CRM4}/batch/archive"),
    ("POST", f"{CRM4}/batch/labels/archive"),
    ("POST", f"{CRM4}/labels"),
    ("POST", "/crm/v3/properties/contacts"),
    ("POST", "/crm/v3/properties/contacts/batch/create"),
    ("POST", "/crm/v3/properties/contacts/batch/read"),
    ("PATCH", "/crm/v3/properties/contacts/syncd_id"),
    ("POST", "/crm/v3/properties/contacts/groups"),
    ("POST", "/crm/v3/pipelines/deals"),
    ("PATCH", "/crm/v3/pipelines/deals/default"),
    ("POST", "/crm/v3/pipelines/deals/default/stages"),
    ("PATCH", "/crm/v3/pipelines/deals/default/stages/closedwon"),
    ("POST", "/crm-object-schemas/v3/schemas"),
    ("PUT", "/webhooks/v3/54321/settings"),
    ("POST", "/webhooks/v3/54321/subscriptions"),
    ("POST", "/webhooks/v3/54321/subscriptions/batch/update"),
)
WORDS = re.findall(
    r"\w+",
    """
    inputs id properties idProperty objectWriteTraceId associations to from types associationCategory name
    associationTypeId filterGroups filters propertyName operator value values highValue sorts limit after
    query email firstname lifecyclestage label type fieldType groupName options displayOrder stages metadata
    probability throttling targetUrl maxConcurrentRequests eventType primaryObjectId objectIdToMerge
    direction objectId labels requiredProperties searchableProperties active propertiesWithHistory archived
    """,
)
VALUES: tuple[Any, ...] = (
    *(
        "",
        "x",
        "EQ",
        "IN",
        "BETWEEN",
        "createdate",
        "email",
        "1",
        "99999999999999999999",
        "ann@acme.com",
        "\x00;",
    ),
    *(None, True, 0, -1, 1.5, "HUBSPOT_DEFINED", "enumeration", "select", "contact.creation", "é😀"),
)


def nonsense(chance: random.Random, ids: list[str], depth: int = 0) -> Any:
    """Some JSON that may look like what is wanted."""
    kind = chance.random()
    if depth > 4 or kind < 0.35:
        return chance.choice((*VALUES, *ids))
    if kind < 0.55:
        return [nonsense(chance, ids, depth + 1) for _ in range(chance.randrange(3))]
    return {chance.choice(WORDS): nonsense(chance, ids, depth + 1) for _ in range(chance.randrange(1, 6))}


async def throw(made: Portal, chance: random.Random, ids: list[str], method: str, path: str) -> int:
    """One call; its status."""
    if "batch" in path and chance.random() < 0.8:
        body: Any = {"inputs": [nonsense(chance, ids, 1) for _ in range(2)]}
    else:
        body = nonsense(chance, ids)
    path = path.replace("ID", chance.choice(ids))
    key = {"hapikey": "developer-key"} if "webhooks" in path else {}
    got = await made.call(method, path, body, **key)
    assert got.status < 500, (method, path, body)
    if got.status >= 400:
        assert got.body["status"] == "error", (method, path, body)
        assert got.body["message"], (method, path, body)
    return got.status


@pytest.mark.parametrize("seed", range(3))
async def test_nonsense_never_crashes_it(seed: int) -> None:
    chance, statuses = random.Random(seed), set[int]()
    async with portal({"limits": {"burst": 100_000, "search": None}}) as made:
        ids = [made.person(email="ann@acme.com"), made.person("companies", name="Acme"), "7"]
        for _ in range(15):
            for method, path in CALLS:
                statuses.add(await throw(made, chance, ids, method, path))
    assert 400 in statuses
    assert min(statuses) < 300, "some of it makes sense"
