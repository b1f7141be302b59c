"""The org's data from Salesforce into an ERP's database and back, by each way of capture, under faults.

Which faults: `salesforce_faults.SHOWN`. How they come about: `salesforce_acts` and `salesforce_schema`.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.scenarios.conftest import MakeSalesforceOrg
from tests.scenarios.salesforce_acts import (
    NEW,
    a_job_is_gone,
    a_lead_is_converted,
    edits,
    merges,
    newcomers,
    one_is_deleted_and_restored,
    trouble_in_the_first_reads,
)
from tests.scenarios.salesforce_faults import PROMISED, READING, SHOWN
from tests.scenarios.salesforce_org import LEADS, OBJECTS, WAYS, SalesforceOrg
from tests.scenarios.salesforce_schema import fields_change

WHOLE = {"account": 1223, "contact": 1024 + LEADS, "opportunity": 1517}
ACTS = (newcomers, edits, fields_change, merges, a_lead_is_converted, one_is_deleted_and_restored)


@pytest.mark.parametrize("way", WAYS)
async def test_everything_is_there_once_whatever_goes_wrong(
    make_salesforce_org: MakeSalesforceOrg, way: str
) -> None:
    org = await make_salesforce_org(way=way)
    trouble_in_the_first_reads(org)
    if way == "bulk":
        looked_at = org.evidence.arm("F13", "hang", object="Account", route="job", skip=1)
    async with org.running() as daemon:
        if way == "bulk":
            await a_job_is_gone(org, looked_at)
        await org.until(org.at_rest)
        assert [await org.counts(side) for side in ("org", "erp")] == [WHOLE, WHOLE]
        for act in ACTS:
            await act(org)
        await org.quiet()
        assert (await daemon.stop())[0] == 0
    assert org.evidence.proven() == SHOWN[way]
    _was_captured_by(org)
    await _the_same(org)


def test_each_fault_is_shown_and_those_of_reading_in_each_way() -> None:
    assert frozenset().union(*SHOWN.values()) == PROMISED
    assert all(SHOWN[way] >= READING for way in WAYS)


def _was_captured_by(org: SalesforceOrg) -> None:
    """The way that was asked for was gone, seen by the org."""
    jobs, events = org.jobs("query"), org.events()
    if org.way == "events":
        topics = org.sandbox.pubsub.delivered if org.sandbox.pubsub is not None else {}
        assert {f"/data/{name}ChangeEvent" for names in OBJECTS.values() for name in names} <= topics.keys()
        assert events > 500
    else:
        assert events == 0
    assert (jobs >= 3) == (org.way == "bulk"), jobs


async def _the_same(org: SalesforceOrg) -> None:
    """`syncd reconcile` finds nothing but what is listed as open; every key is there once."""
    done = await org.syncd("reconcile", "--json")
    report = done.json()
    assert done.code == 0, done.out
    found = Counter(found["reason"] for found in report["differences"])
    assert found.keys() <= {"conflict", "listed"}
    assert found["listed"] == len(await org.duplicates()), report["differences"]
    keys = [row.fields["Syncd_Id__c"] for kind in WHOLE for row in org.rows(kind).values()]
    ours = [key for key in keys if key is not None]
    assert len(ours) == len(set(ours)) >= 3 * NEW
