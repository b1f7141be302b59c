"""What is done in the ERP reaches Salesforce, whatever goes wrong: by collections, and in bulk."""

from __future__ import annotations

from tests.scenarios.conftest import MakeSalesforceOrg
from tests.scenarios.salesforce_faults import SHOWN
from tests.scenarios.salesforce_writes import (
    a_parent_takes_its_children,
    ids_are_odd,
    locks_and_limits,
    one_row_poisons_its_batch,
    people_join,
    the_session_ends,
    there,
    values_are_rewritten,
)

ACTS = (
    one_row_poisons_its_batch,
    locks_and_limits,
    the_session_ends,
    values_are_rewritten,
    ids_are_odd,
    a_parent_takes_its_children,
)


async def test_writes_by_collections(make_salesforce_org: MakeSalesforceOrg) -> None:
    org = await make_salesforce_org(way="poll")
    async with org.running() as daemon:
        await org.until(org.at_rest)
        for act in ACTS:
            await act(org)
        await org.quiet()
        assert (await daemon.stop())[0] == 0
    assert org.evidence.proven() == SHOWN["collections"]
    assert org.jobs("ingest") == 0


async def test_writes_in_bulk(make_salesforce_org: MakeSalesforceOrg) -> None:
    org = await make_salesforce_org(way="poll", options=["bulk_writes_above: 40"])
    arm = org.evidence.arm
    async with org.running() as daemon:
        await org.until(org.at_rest)
        arm("F2", "lose_answer", object="Contact", route="write", skip=1)  # not of the upload
        await people_join(org, "Bulk", 150)
        await there(org, "bulk", 150)
        await org.until(org.at_rest)
        assert org.jobs("ingest") >= 1
        arm("F20", "row_lock", object="Contact", route="bulk.batch")
        arm("F18", "partial", object="Contact", route="bulk.batch", skip=1, reasons={3: "UNKNOWN_EXCEPTION"})
        arm("F18", "shuffle", object="Contact", route="bulk.batch")
        for n in range(3):
            await org.hands["erp"].execute(f"update persons set job = '{n} ' || mail where mail like 'Bulk%'")
            await org.until(org.at_rest)
        await org.quiet()
        assert (await daemon.stop())[0] == 0
    assert org.evidence.proven() == SHOWN["ingest"]
    assert org.jobs("ingest") >= 4
