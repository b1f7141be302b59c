"""What happens in the org while it is read, each act under faults that depend on how changes are captured.

Each one begins and ends at rest, arms its faults by their numbers, and waits for what must come of them.
"""

from __future__ import annotations

import asyncio
from collections import Counter

from connectors.sandboxes.faults import Fault
from tests.scenarios.edits import People
from tests.scenarios.salesforce_org import SalesforceOrg

NEW = 30


def trouble_in_the_first_reads(org: SalesforceOrg) -> None:
    """A session that is over, errors that pass, pages that end early or in the middle."""
    arm, pages = org.evidence.arm, "bulk.list" if org.way == "bulk" else "list"
    counted = {"skip": 0 if org.way == "bulk" else 1}  # a count comes before the pages
    arm("F21", "unauthorized", object="Account", route="schema")
    arm("F16", "error_before", object="Lead", route=pages, status=503)
    arm("F16", "rate_limited", object="Lead", route=pages, code="TOO_MANY_REQUESTS", retry_after=1.0)
    arm("F12", "short_page", object="Opportunity", route=pages)
    arm("F12", "cut_body", object="Contact", route=pages, **counted)


async def a_job_is_gone(org: SalesforceOrg, looked_at: Fault) -> None:
    """Somebody deletes a Bulk job before its result is fetched."""
    assert org.sandbox.api is not None
    jobs = org.sandbox.api.bulk.jobs.all
    await org.reached(looked_at)
    (id,) = (job.id for job in jobs.values() if job.object == "Account")
    del jobs[id]
    looked_at.release()


async def newcomers(org: SalesforceOrg) -> None:
    """People whom the ERP meets first, with a firm and a deal each.

    The answer to their creates is lost (F2), look-ups hide them for a while (F3), or it lacks a result (F18).
    """
    arm, before = org.evidence.arm, await org.counts("org")
    arm("F2", "lose_answer", object="Contact", route="batch")
    hidden = arm("F3", "hide_new", object="Contact", lists=True)
    arm("F18", "fewer", object="Account", route="batch")
    await org.hands["erp"].execute(
        f"""with firm as (insert into customers (title, town) select 'Newcomer ' || n, 'Graz'
            from generate_series(1, {NEW}) n returning cust_no),
        person as (insert into persons (name, mail, customer)
            select 'Nea Neu' || n, 'NEW' || n || '@x.example', f.cust_no
            from (select cust_no, row_number() over () as n from firm) f returning pid, customer)
        insert into deals (subject, value, stage, closing, no_payments, customer, person)
            select 'New deal', 10.5, 'pledged', '2031-01-31', false, customer, pid from person"""
    )
    wanted = {kind: count + NEW for kind, count in before.items()}

    async def there() -> bool:
        return [await org.counts(side) for side in ("org", "erp")] == [wanted] * 2 and await org.at_rest()

    await org.until(there)
    if org.way == "bulk":
        await org.swept()  # nobody else looks for them for sure
    await org.reached(hidden)  # all may be there before the next poll
    hidden.release()


async def edits(org: SalesforceOrg) -> None:
    """All at once: one by one on both sides, all deals by one transaction, one account in the past."""
    people = People(org, seed=7)
    people.elsewhere["org"] = org.change
    arm = org.evidence.arm
    arm("F5", "late_commit", object="Account", route="batch", seconds=1.0)
    arm("F18", "partial", object="Opportunity", route="batch", code="UNABLE_TO_LOCK_ROW")
    _trouble_in_reading_on(org)
    made = await people.edits(alone=200, together=50)
    await asyncio.gather(*(people.do(side, found) for side, found in made.items()))
    org.sandbox.people.edit("Opportunity", "bulk", fields={"dont_create_payments__c": True})
    stamps = Counter(row.stamp for row in org.rows("opportunity").values())
    org.evidence.saw("F8", max(stamps.values()) > 1000)
    await org.comes(org.at_rest)
    assert await org.erp("select bool_and(no_payments) from deals")
    await _one_appears_in_the_past(org)
    assert await people.lost() == []


def _trouble_in_reading_on(org: SalesforceOrg) -> None:
    arm, way = org.evidence.arm, org.way
    pages = "bulk.list" if way == "bulk" else "list"
    if way == "events":
        arm("F13", "event_gap", object="Contact")
        arm("F13", "event_overflow", object="Opportunity")
        arm("F13", "stream_reset", object="/data/AccountChangeEvent")
        arm("F13", "cursor_expired", object="/data/AccountChangeEvent", route="pubsub.subscribe")
        arm("F16", "rate_limited", object="Contact", route="ids", code="TOO_MANY_REQUESTS", retry_after=None)
        arm("F12", "cut_body", object="Account", route="list")
        return
    arm("F12", "empty_page", object="Opportunity", route=pages)
    arm("F16", "rate_limited", object="Contact", route=pages, code="TOO_MANY_REQUESTS", retry_after=None)
    if way == "poll":
        arm("F13", "cursor_expired", object="Account", route="list")


async def _one_appears_in_the_past(org: SalesforceOrg) -> None:
    """Its stamp is of before what was read; it is committed after."""
    late, other = sorted(org.rows("account"))[7:9]
    begun = org.sandbox.people.begin("Account", "update", id=late, fields={"Name": "From the past"})
    org.edit(other, BillingCity="Later than the past")
    await org.erp_says("select count(*) from customers where town = 'Later than the past'")
    org.sandbox.people.commit(begun)
    org.evidence.saw("F9", org.sandbox.fired.counts["late_commit"])
    await org.erp_says("select count(*) from customers where title = 'From the past'")


async def merges(org: SalesforceOrg) -> None:
    """Two who are linked, a chain of three, and one to whom we write meanwhile."""
    cast = [org.make("Contact", LastName=f"Merge{n}", Email=f"merge{n}@x.example") for n in range(7)]
    await org.erp_says("select count(*) = 7 from persons where mail like 'merge_@x.example'")
    await org.until(org.at_rest)
    hanging = org.evidence.arm("F32", "hang", object="Contact", route="write", ids=[cast[6]])
    await org.hands["erp"].execute("update persons set tel = '6' where mail = 'merge6@x.example'")
    await org.reached(hanging)
    merge = org.sandbox.people.edit
    merge("Contact", "merge", id=cast[0], loser=cast[1])
    merge("Contact", "merge", id=cast[3], loser=cast[2])
    merge("Contact", "merge", id=cast[4], loser=cast[3])
    merge("Contact", "merge", id=cast[5], loser=cast[6])
    hanging.release()

    async def listed() -> bool:
        return len(await org.duplicates()) == 4 and await org.at_rest()

    await org.comes(listed)
    org.edit(cast[4], Title="Who is left")
    await org.erp_says("select count(*) = 1 from persons where job = 'Who is left'")
    await org.hands["erp"].execute("update persons set job = 'And back' where job = 'Who is left'")

    async def back() -> bool:
        return org.in_org("contact", "Title", "And back") == [cast[4]] and await org.at_rest()

    await org.until(back)
    assert len([row for row in org.rows("contact").values() if "Merge" in str(row.fields["LastName"])]) == 3


async def a_lead_is_converted(org: SalesforceOrg) -> None:
    """The person stays one in the ERP, and is written to as a contact from then on."""
    lead = org.make("Lead", LastName="Convert", Company="X", Email="convert@x.example")
    one = "select count(*) = 1 from persons where mail = 'convert@x.example'"
    await org.erp_says(one)
    told = {"account_id": sorted(org.rows("account"))[3], "no_opportunity": True}
    org.sandbox.people.edit("Lead", "convert", id=lead, fields=told)
    org.evidence.saw("F34", org.sandbox.people.rows("Lead")[lead].fields["IsConverted"])
    await org.comes(org.at_rest)
    await org.hands["erp"].execute("update persons set job = 'Contact' where mail = 'convert@x.example'")

    async def written() -> bool:
        found = org.in_org("contact", "Title", "Contact")
        return [id[:3] for id in found] == ["003"] and await org.at_rest()

    await org.until(written)
    assert org.sandbox.people.rows("Lead")[lead].fields["Title"] is None
    assert await org.erp(one)


async def one_is_deleted_and_restored(org: SalesforceOrg) -> None:
    """It is gone in the ERP, and there again; in the org it is the same record."""
    id = org.make("Contact", LastName="Lazarus", Email="l@x.example")
    await org.erp_says("select count(*) from persons where mail = 'l@x.example'")
    org.sandbox.people.edit("Contact", "delete", id=id)
    await org.erp_says("select count(*) = 0 from persons where mail = 'l@x.example'")
    before = org.sandbox.journal.last
    org.sandbox.people.edit("Contact", "restore", id=id)
    restored = [c for c in org.sandbox.journal.since(before) if (c.op, c.id) == ("undelete", id)]
    org.evidence.saw("F33", len(restored))
    await org.erp_says("select count(*) from persons where mail = 'l@x.example'")
    await org.until(org.at_rest)
    assert org.in_org("contact", "LastName", "Lazarus") == [id]
