"""Merges, conversions, the recycle bin and cascades: by a person, and over SOAP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from xml.etree import ElementTree

import pytest

from connectors.sandboxes.shape import Refusal
from tests.sandbox.salesforce.clients import Org, org

ENVELOPE = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:u="urn:partner.soap.sforce.com">'
    "<s:Header><u:SessionHeader><u:sessionId>{session}</u:sessionId></u:SessionHeader>"
    "<u:CallOptions><u:client>tests</u:client></u:CallOptions></s:Header><s:Body>{body}</s:Body></s:Envelope>"
)


@pytest.fixture
async def crm() -> AsyncIterator[Org]:
    async with org() as made:
        yield made


async def soap(crm: Org, body: str, session: str | None = None) -> tuple[int, dict[str, Any]]:
    """A SOAP call: the status, and the first result (or the fault) as text by element."""
    session = session or crm.sandbox.ready()["auth"]["access_token"]
    text = ENVELOPE.format(session=session, body=body)
    got = await crm.call("POST", "/services/Soap/u/62.0", text, headers={"SOAPAction": '""'})
    found: dict[str, Any] = {}
    for element in ElementTree.fromstring(got.body).iter():
        if element.text:
            found.setdefault(element.tag.rpartition("}")[2], element.text)
    return got.status, found


def journal(crm: Org) -> list[tuple[str, str, str]]:
    return [(one.object, one.op, one.cause) for one in crm.sandbox.journal.changes]


async def test_a_merge_by_a_person(crm: Org) -> None:
    winner, loser = (crm.made("Account", Name=name) for name in ("A", "B"))
    crm.edit("Account", loser, fields={"Phone": "1"})
    person = crm.made("Contact", LastName="L", AccountId=loser)
    crm.sandbox.journal.changes.clear()
    crm.edit("Account", winner, "merge", loser=loser)
    rows = await crm.rows("SELECT Id, IsDeleted, MasterRecordId, Phone FROM Account ORDER BY Id", "queryAll")
    assert [(row["IsDeleted"], row["MasterRecordId"]) for row in rows] == [(False, None), (True, winner)]
    assert rows[0]["Phone"] == "1", "a blank of the winner's is filled"
    assert crm.sandbox.people.rows("Contact")[person].fields["AccountId"] == winner
    assert journal(crm) == [
        ("Contact", "update", "merge"),
        ("Account", "delete", "merge"),
        ("Account", "update", "merge"),
    ]
    assert crm.sandbox.journal.changes[1].master == winner
    assert len({one.transaction for one in crm.sandbox.journal.changes}) == 1


async def test_a_merge_over_soap(crm: Org) -> None:
    winner, loser = (crm.made("Contact", LastName=name) for name in ("A", "B"))
    status, told = await soap(
        crm,
        f"<u:merge><u:request><u:masterRecord><type>Contact</type><Id>{winner[:15]}</Id><Title>Boss</Title>"
        f"</u:masterRecord><u:recordToMergeIds>{loser}</u:recordToMergeIds></u:request></u:merge>",
    )
    assert (status, told["success"], told["id"], told["mergedRecordIds"]) == (200, "true", winner, loser)
    assert crm.sandbox.people.rows("Contact")[winner].fields["Title"] == "Boss"
    assert crm.sandbox.journal.changes[-1].origin == "com/salesforce/api/soap/62.0;client=tests"
    status, told = await soap(
        crm,
        f"<u:merge><u:request><u:masterRecord><type>Contact</type><Id>{winner}</Id></u:masterRecord>"
        f"<u:recordToMergeIds>{loser}</u:recordToMergeIds></u:request></u:merge>",
    )
    assert (status, told["success"], told["statusCode"]) == (200, "false", "ENTITY_IS_DELETED")


async def test_deals_are_not_merged(crm: Org) -> None:
    deals = [crm.made("Opportunity", Name=n, StageName="Prospecting", CloseDate="2026-01-01") for n in "AB"]
    with pytest.raises(Refusal, match="cannot be merged"):
        crm.edit("Opportunity", deals[0], "merge", loser=deals[1])


async def test_a_lead_is_converted(crm: Org) -> None:
    lead = crm.made(
        "Lead", LastName="Li", Company="Acme", Email="li@x.example", City="Porto", Lead_Score__c=5
    )
    crm.sandbox.journal.changes.clear()
    status, told = await soap(
        crm,
        f"<u:convertLead><u:leadConverts><u:leadId>{lead}</u:leadId><u:opportunityName>Big</u:opportunityName>"
        "<u:convertedStatus>Closed - Converted</u:convertedStatus></u:leadConverts></u:convertLead>",
    )
    assert (status, told["success"]) == (200, "true")
    (one,) = await crm.rows(
        "SELECT IsConverted, ConvertedAccount.Name, ConvertedContact.Email, ConvertedContact.MailingCity, "
        "ConvertedContact.Lead_Score__c, ConvertedOpportunity.Name, ConvertedContact.AccountId FROM Lead"
    )
    contact = one["ConvertedContact"]
    assert (one["IsConverted"], one["ConvertedAccount"]["Name"]) == (True, "Acme")
    assert (contact["Email"], contact["MailingCity"], contact["Lead_Score__c"]) == (
        "li@x.example",
        "Porto",
        5,
    )
    assert (one["ConvertedOpportunity"]["Name"], contact["AccountId"]) == ("Big", told["accountId"])
    made = [name for name, op, cause in journal(crm) if (op, cause) == ("create", "convert")]
    assert made == ["Account", "Contact", "Opportunity", "OpportunityContactRole"]
    assert journal(crm)[-1] == ("Lead", "update", "convert")
    got = await crm.call("PATCH", f"sobjects/Lead/{lead}", {"Title": "x"})
    assert (got.code, got.said) == ("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")


async def test_a_lead_becomes_part_of_what_is_there(crm: Org) -> None:
    firm = crm.made("Account", Name="Acme")
    person = crm.made("Contact", LastName="Li", AccountId=firm, Phone="1")
    lead = crm.made("Lead", LastName="Li", Company="Acme", Phone="2", Title="Boss")
    into = {"account_id": firm, "contact_id": person, "no_opportunity": True}
    await crm.control("edit", object="Lead", op="convert", id=lead, fields=into)
    fields = crm.sandbox.people.rows("Contact")[person].fields
    assert (fields["Phone"], fields["Title"]) == ("1", "Boss"), "blanks are filled, nothing is written over"
    assert crm.sandbox.people.rows("Opportunity") == {}
    with pytest.raises(Refusal, match="cannot reference converted lead"):
        crm.edit("Lead", lead, "convert")
    other = crm.made("Lead", LastName="L", Company="C")
    with pytest.raises(Refusal, match="invalid convertedStatus"):
        crm.edit("Lead", other, "convert", fields={"status": "Working - Contacted"})


async def test_a_delete_takes_children_along_and_undelete_brings_them_back(crm: Org) -> None:
    firm = crm.made("Account", Name="A")
    boss = crm.made("Contact", LastName="B", AccountId=firm)
    loose = crm.made("Contact", LastName="L", ReportsToId=boss)
    deal = crm.made("Opportunity", Name="D", StageName="Prospecting", CloseDate="2026-01-01", AccountId=firm)
    role = crm.made("OpportunityContactRole", OpportunityId=deal, ContactId=boss)
    assert (await crm.call("DELETE", f"sobjects/Account/{firm}")).status == 204
    gone = {
        name: [row.id for row in crm.sandbox.people.rows(name, deleted=True).values() if row.deleted]
        for name in ("Account", "Contact", "Opportunity", "OpportunityContactRole")
    }
    assert gone == {
        "Account": [firm],
        "Contact": [boss],
        "Opportunity": [deal],
        "OpportunityContactRole": [role],
    }
    assert crm.sandbox.people.rows("Contact")[loose].fields["ReportsToId"] is None
    assert {one.cause for one in crm.sandbox.journal.changes if one.op == "delete"} == {"", "cascade"}
    status, told = await soap(crm, f"<u:undelete><u:ids>{firm}</u:ids></u:undelete>")
    assert (status, told["success"], told["id"]) == (200, "true", firm)
    assert set(crm.sandbox.people.rows("Contact")) == {boss, loose}
    assert set(crm.sandbox.people.rows("OpportunityContactRole")) == {role}
    assert crm.sandbox.journal.changes[-1].op == "undelete"
    status, told = await soap(crm, f"<u:undelete><u:ids>{firm}</u:ids></u:undelete>")
    assert (told["success"], told["statusCode"]) == ("false", "UNDELETE_FAILED")


async def test_a_hard_delete_leaves_no_trace(crm: Org) -> None:
    first, second = (crm.made("Contact", LastName=name) for name in "AB")
    for id in (first, second):
        crm.edit("Contact", id, "delete")
    before = crm.sandbox.journal.last
    crm.edit("Contact", first, "purge")
    status, told = await soap(crm, f"<u:emptyRecycleBin><u:ids>{second}</u:ids></u:emptyRecycleBin>")
    assert (status, told["success"]) == (200, "true")
    assert await crm.rows("SELECT Id FROM Contact", "queryAll") == []
    assert crm.sandbox.journal.last == before, "nothing is told"
    assert (await crm.get(f"sobjects/Contact/{first}")).code == "NOT_FOUND"


async def test_faults_of_soap(crm: Org) -> None:
    status, told = await soap(crm, "<u:getServerTimestamp/>", session="stranger")
    assert (status, told["exceptionCode"]) == (500, "INVALID_SESSION_ID")
    for body, code in (
        ("<u:paint/>", "INVALID_OPERATION"),
        ("", "UNKNOWN_EXCEPTION"),
        ("<x", "UNKNOWN_EXCEPTION"),
    ):
        assert (await soap(crm, body))[1]["exceptionCode"] == code
    crm.sandbox.arm("error_before", status=503)
    status, told = await soap(crm, "<u:getServerTimestamp/>")
    assert (status, told["exceptionCode"]) == (500, "SERVER_UNAVAILABLE")


async def test_who_may_be_told_of_it_all(crm: Org) -> None:
    heard: list[list[str]] = []
    stop = crm.sandbox.journal.subscribe(lambda changes: heard.append([one.object for one in changes]))
    firm = crm.made("Account", Name="A")
    with pytest.raises(Refusal):
        crm.made("Contact", FirstName="lacks a last name", AccountId=firm)
    with crm.sandbox.world.transaction():
        crm.made("Contact", LastName="A", AccountId=firm)
        crm.made("Contact", LastName="B", AccountId=firm)
    stop()
    crm.made("Account", Name="B")
    assert heard == [["Account"], ["Contact", "Contact"]]
    last = crm.sandbox.journal.changes[-1].number
    assert [one.object for one in crm.sandbox.journal.since(last - 2)] == ["Contact", "Account"]
    assert crm.sandbox.journal.changes[-2].user == crm.sandbox.world.users["person"]
