"""The org's rules and quirks: each seen to do what the page says, and to be counted."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from connectors.sandboxes.shape import Refusal
from tests.sandbox.salesforce.clients import Answer, Org, org

CONTACT = {"attributes": {"type": "Contact"}}
WON = {
    "object": "Opportunity",
    "condition": "StageName = 'Closed Won' AND Amount = null",
    "message": "A won deal needs an amount.",
    "field": "Amount",
}
DEAL = {"Name": "D", "StageName": "Prospecting", "CloseDate": "2026-01-31"}


def quirks(**words: Any) -> dict[str, Any]:
    return {"quirks": words}


async def create(crm: Org, object: str, headers: dict[str, str] | None = None, **fields: Any) -> Answer:
    return await crm.call("POST", f"sobjects/{object}", fields, headers=headers)


async def read(crm: Org, object: str, id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await crm.get(f"sobjects/{object}/{id}")).body
    return found


async def test_validation_rules_hold_for_people_too() -> None:
    async with org(quirks(validation=[WON])) as crm:
        got = await create(crm, "Opportunity", **{**DEAL, "StageName": "Closed Won"})
        assert got.body == [
            {
                "message": "A won deal needs an amount.",
                "errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION",
                "fields": ["Amount"],
            }
        ]
        id = (await create(crm, "Opportunity", **DEAL)).body["id"]
        with pytest.raises(Refusal, match="A won deal"):
            crm.edit("Opportunity", id, fields={"StageName": "Closed Won"})
        good = {"StageName": "Closed Won", "Amount": 3}
        assert (await crm.call("PATCH", f"sobjects/Opportunity/{id}", good)).status == 204
        assert crm.sandbox.fired.counts["validation"] == 2


async def test_duplicate_rules_alert_or_block() -> None:
    async with org(quirks(duplicates=[{"object": "Contact", "fields": ["Email"]}])) as crm:
        first = (await create(crm, "Contact", LastName="A", Email="a@x.example")).body["id"]
        got = await create(crm, "Contact", LastName="B", Email="A@x.example")
        assert (got.status, got.code, got.said) == (400, "DUPLICATES_DETECTED", "Use one of these records?")
        result = got.body[0]["duplicateResult"]
        (match,) = result["matchResults"][0]["matchRecords"]
        assert (result["allowSave"], match["record"]["Id"]) == (True, first)
        save = {"Sforce-Duplicate-Rule-Header": "allowSave=true; includeRecordDetails=true"}
        assert (await create(crm, "Contact", save, LastName="B", Email="a@x.example")).status == 201
        crm.sandbox.set_quirks(duplicates=[{"object": "Contact", "action": "block"}])
        assert (
            await create(crm, "Contact", save, LastName="C", Email="a@x.example")
        ).code == "DUPLICATES_DETECTED"
        assert (await crm.call("PATCH", f"sobjects/Contact/{first}", {"Title": "x"})).status == 204
        crm.made("Contact", LastName="D", Email="a@x.example")


async def test_field_level_security() -> None:
    async with org(quirks(hide_fields=["Contact.Phone"], read_only_fields=["Title"])) as crm:
        id = crm.made("Contact", LastName="A", Phone="1", Title="T")
        fields = {one["name"]: one for one in (await crm.get("sobjects/Contact/describe")).body["fields"]}
        assert "Phone" not in fields
        assert (fields["Title"]["createable"], fields["Title"]["updateable"]) == (False, False)
        assert "Phone" not in await read(crm, "Contact", id)
        assert (await crm.query("SELECT Phone FROM Contact")).code == "INVALID_FIELD"
        assert (await create(crm, "Contact", LastName="B", Phone="2")).code == "INVALID_FIELD"
        got = await create(crm, "Contact", LastName="B", Title="2")
        assert (got.code, got.body[0]["fields"]) == ("INVALID_FIELD_FOR_INSERT_UPDATE", ["Title"])
        assert crm.sandbox.record(crm.sandbox.world.table("Contact"), crm.sandbox.people.rows("Contact")[id])[
            "Phone"
        ]


@pytest.mark.parametrize(
    ("object", "field", "sent", "kept"),
    [
        ("Contact", "Email", "Ann@X.Example", "ann@x.example"),
        ("Contact", "Title", "  Boss ", "Boss"),
        ("Contact", "Title", "", None),
        ("Contact", "Phone", " (415) 555-1212", "(415) 555-1212"),
        ("Contact", "Interests__c", "Music;sport;Chess;Music", "Sport;Music;Chess"),
        ("Contact", "Lead_Score__c", 2.5, 3.0),
        ("Contact", "Birthdate", "1990-05-17T00:00:00Z", "1990-05-17"),
        ("Account", "Region__c", "north", "North"),
        ("Account", "Industry", "Own Word", "Own Word"),
        ("Account", "AnnualRevenue", "12", 12.0),
    ],
)
async def test_what_is_kept_of_a_value(object: str, field: str, sent: Any, kept: Any) -> None:
    async with org() as crm:
        name = {"Contact": "LastName", "Account": "Name"}[object]
        id = (await create(crm, object, **{name: "A", field: sent})).body["id"]
        assert (await read(crm, object, id))[field] == kept


@pytest.mark.parametrize(
    ("object", "fields", "code", "said"),
    [
        ("Account", {"Name": "A", "Region__c": "Up"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
         "Region: bad value for restricted picklist field: Up"),
        ("Account", {"Name": "A", "NumberOfEmployees": 123456789}, "NUMBER_OUTSIDE_VALID_RANGE",
         "Number Of Employees: value outside of valid range on numeric field: 123456789"),
        ("Account", {"Name": "x" * 256}, "STRING_TOO_LONG", "(max length=255)"),
        ("Lead", {"Company": ""}, "REQUIRED_FIELD_MISSING", "are missing: [LastName, Company]"),
        ("Opportunity", {**DEAL, "CloseDate": None}, "REQUIRED_FIELD_MISSING", "[CloseDate]"),
        ("Opportunity", {**DEAL, "AccountId": "003gK0000000001"},
         "FIELD_INTEGRITY_EXCEPTION", "Account ID: id value"),
        ("Contact", {"LastName": "A", "RecordTypeId": "012000000000000AAA"}, "INVALID_CROSS_REFERENCE_KEY",
         "Record Type ID: this ID value isn't valid for the user"),
        ("Contact", {"LastName": "A", "DoNotCall": None}, "INVALID_TYPE_ON_FIELD_IN_RECORD", "Do Not Call"),
        ("Contact", {"LastName": "A", "Account_City__c": "x"},
         "INVALID_FIELD_FOR_INSERT_UPDATE", "Account_City__c"),
        ("Contact", {"LastName": ["A"]}, "JSON_PARSER_ERROR", "Cannot deserialize instance of string"),
        ("Organization", {"Name": "A"}, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "Organization"),
    ],
)  # fmt: skip
async def test_what_is_refused(object: str, fields: dict[str, Any], code: str, said: str) -> None:
    async with org() as crm:
        got = await create(crm, object, **fields)
        assert (got.status, got.code) == (400, code)
        assert said in got.said


async def test_formulas_and_roll_ups_change_without_a_stamp() -> None:
    async with org() as crm:
        firm = crm.made("Account", Name="A", BillingCity="Porto")
        person = crm.made("Contact", LastName="L", AccountId=firm)
        before = await read(crm, "Contact", person)
        crm.sandbox.clock.advance(10)
        crm.edit("Account", firm, fields={"BillingCity": "Lille"})
        after = await read(crm, "Contact", person)
        assert (before["Account_City__c"], after["Account_City__c"]) == ("Porto", "Lille")
        assert before["SystemModstamp"] == after["SystemModstamp"]
        stamp = (await read(crm, "Account", firm))["SystemModstamp"]
        crm.sandbox.clock.advance(10)
        for amount in (100, 250):
            crm.made("Opportunity", **DEAL, AccountId=firm, Amount=amount)
        told = await read(crm, "Account", firm)
        assert (told["Open_Deals__c"], told["Deal_Volume__c"], told["SystemModstamp"]) == (2.0, 350.0, stamp)


async def test_a_stage_brings_its_probability() -> None:
    async with org() as crm:
        id = (await create(crm, "Opportunity", **DEAL, Amount=200)).body["id"]
        told = await read(crm, "Opportunity", id)
        assert (told["Probability"], told["ExpectedRevenue"], told["IsClosed"]) == (10, 20, False)
        await crm.call("PATCH", f"sobjects/Opportunity/{id}", {"StageName": "Closed Won"})
        told = await read(crm, "Opportunity", id)
        assert (told["Probability"], told["IsWon"]) == (100, True)


async def test_automations_run_after_a_save() -> None:
    rule = {"object": "Contact", "when": "Title", "set": {"Department": "Board"}}
    async with org(quirks(automations=[rule])) as crm:
        id = (await create(crm, "Contact", LastName="A", Title="Boss")).body["id"]
        assert (await read(crm, "Contact", id))["Department"] == "Board"
        told = [(one.op, one.cause, one.user) for one in crm.sandbox.journal.changes]
        api = crm.sandbox.world.users["api"]
        assert told == [("create", "", api), ("update", "automation", api)], "as the one who saved"
        assert len({one.transaction for one in crm.sandbox.journal.changes}) == 1


async def test_stamps_of_whole_seconds_and_saves_that_change_nothing() -> None:
    async with org() as crm:
        crm.sandbox.clock.stop()
        id = (await create(crm, "Contact", LastName="A")).body["id"]
        first = await read(crm, "Contact", id)
        assert first["SystemModstamp"].endswith(".000+0000")
        crm.sandbox.clock.advance(1)
        await crm.call("PATCH", f"sobjects/Contact/{id}", {"LastName": "A"})
        assert (await read(crm, "Contact", id))["SystemModstamp"] > first["SystemModstamp"]
        assert crm.sandbox.journal.changes[-1].changed == ()
        assert crm.sandbox.fired.counts["noop_bumps"] == 1


async def test_a_commit_that_becomes_visible_late() -> None:
    async with org() as crm:
        crm.sandbox.clock.stop()
        late = crm.sandbox.people.begin("Contact", fields={"LastName": "Late"})
        began = crm.sandbox.clock.now()
        crm.sandbox.clock.advance(30)
        soql = "SELECT LastName, SystemModstamp FROM Contact ORDER BY SystemModstamp"
        crm.made("Contact", LastName="Now")
        assert [row["LastName"] for row in await crm.rows(soql)] == ["Now"]
        crm.sandbox.people.commit(late)
        rows = await crm.rows(soql)
        assert [row["LastName"] for row in rows] == ["Late", "Now"]
        assert rows[0]["SystemModstamp"].startswith(began.isoformat()[:19])


async def test_calls_that_write_children_of_one_parent_lock_each_other_out() -> None:
    async with org(quirks(lock_parents=True)) as crm:
        firm, other = (crm.made("Account", Name=name) for name in "AB")
        hang = crm.sandbox.arm("hang", object="Contact")
        records = [{**CONTACT, "LastName": "A", "AccountId": firm}]
        first = asyncio.create_task(crm.call("POST", "composite/sobjects", {"records": records}))
        await hang.reached.wait()
        records += [{**CONTACT, "LastName": "B", "AccountId": other}]
        clash = (await crm.call("POST", "composite/sobjects", {"records": records})).body
        assert [one["success"] for one in clash] == [False, True]
        assert clash[0]["errors"][0]["statusCode"] == "UNABLE_TO_LOCK_ROW"
        assert clash[0]["errors"][0]["message"].endswith(f"records: {firm}")
        single = await create(crm, "Contact", LastName="C", AccountId=firm)
        assert single.code == "UNABLE_TO_LOCK_ROW"
        hang.release()
        assert (await first).body[0]["success"] is True
        assert (await create(crm, "Contact", LastName="C", AccountId=firm)).status == 201
        assert crm.sandbox.fired.counts["lock_parents"] == 2


async def test_too_many_calls_at_once() -> None:
    async with org(quirks(concurrent=1)) as crm:
        hang = crm.sandbox.arm("hang")
        first = asyncio.create_task(crm.get("limits"))
        await hang.reached.wait()
        got = await crm.get("limits")
        assert (got.status, got.code) == (403, "REQUEST_LIMIT_EXCEEDED")
        assert got.said.startswith("ConcurrentRequests")
        hang.release()
        await first
        assert (await crm.get("limits")).status == 200


async def test_the_quota_is_told_and_eaten_by_others() -> None:
    async with org({"limits": {"quota": 1000}}) as crm:
        assert (await crm.get("limits")).headers["Sforce-Limit-Info"] == "api-usage=1/1000"
        await crm.control("limits", left=0)
        got = await crm.get("limits")
        assert (got.status, got.code, got.said) == (
            403,
            "REQUEST_LIMIT_EXCEEDED",
            "TotalRequests Limit exceeded.",
        )
        assert got.headers["Sforce-Limit-Info"] == "api-usage=1000/1000"
        assert "Retry-After" not in got.headers
        crm.sandbox.clock.advance(12 * 3600)
        token = crm.sandbox.auth.open(crm.sandbox.world.users["api"])
        headers = {"Authorization": f"Bearer {token}"}
        assert (await crm.call("GET", "limits", headers=headers)).status == 403
        crm.sandbox.clock.advance(12 * 3600)
        token = crm.sandbox.auth.open(crm.sandbox.world.users["api"])
        headers = {"Authorization": f"Bearer {token}"}
        again = await crm.call("GET", "limits", headers=headers)
        assert (again.status, again.body["DailyApiRequests"]) == (200, {"Max": 1000, "Remaining": 999})


async def test_a_new_record_that_look_ups_do_not_show() -> None:
    async with org() as crm:
        fault = crm.sandbox.arm("hide_new", object="Contact")
        await create(crm, "Contact", LastName="A", Syncd_Id__c="k")
        soql = "SELECT Id FROM Contact WHERE Syncd_Id__c = 'k'"
        assert await crm.rows(soql) == []
        assert (await crm.get("sobjects/Contact/Syncd_Id__c/k")).status == 404
        fault.release()
        assert len(await crm.rows(soql)) == 1


async def test_unknown_fields_may_be_ignored_and_tombstones_lacking() -> None:
    async with org(quirks(ignore_unknown=True, no_tombstones=True)) as crm:
        id = (await create(crm, "Contact", LastName="A", Nope=1)).body["id"]
        await crm.call("DELETE", f"sobjects/Contact/{id}")
        assert await crm.rows("SELECT Id FROM Contact", "queryAll") == []
        assert (await crm.get(f"sobjects/Contact/{id}")).code == "NOT_FOUND"
        assert {"ignore_unknown", "no_tombstones"} <= set(crm.sandbox.fired.counts)


async def test_records_that_the_user_may_not_see() -> None:
    async with org() as crm:
        ids = [crm.made("Contact", LastName=name, Syncd_Id__c=name) for name in "AB"]
        crm.sandbox.set_quirks(hidden=[ids[0]])
        assert await crm.rows("SELECT LastName FROM Contact") == [{"LastName": "B"}]
        assert (await crm.get(f"sobjects/Contact/{ids[0]}")).code == "NOT_FOUND"
        got = await crm.call("PATCH", f"sobjects/Contact/{ids[0]}", {"Title": "x"})
        assert got.code == "INVALID_CROSS_REFERENCE_KEY"
        got = await crm.get("composite/sobjects/Contact", ids=",".join(ids), fields="LastName")
        assert [one and one["LastName"] for one in got.body] == [None, "B"]
        got = await crm.call("PATCH", "sobjects/Contact/Syncd_Id__c/A", {"LastName": "A"})
        assert (got.status, got.code) == (400, "DUPLICATE_VALUE"), "the key is taken all the same"


async def test_fields_that_change_while_it_runs() -> None:
    async with org() as crm:
        ids = [crm.made("Contact", LastName=name, Title=name) for name in ("12", "x")]
        await crm.control("schema", object="Contact", field="Title", shape={"type": "double", "scale": 1})
        rows = await crm.rows("SELECT Title FROM Contact WHERE Title > 1 OR Title = null ORDER BY Title")
        assert [row["Title"] for row in rows] == [None, 12.0], "what cannot be read is gone"
        assert (
            await crm.call("PATCH", f"sobjects/Contact/{ids[0]}", {"Title": "x"})
        ).code == "JSON_PARSER_ERROR"
        await crm.control("schema", object="Contact", field="Title", shape=None)
        assert (await crm.query("SELECT Title FROM Contact")).code == "INVALID_FIELD"
        await crm.control(
            "schema", object="Contact", field="Tier__c", shape={"type": "string", "required": True}
        )
        assert (await create(crm, "Contact", LastName="A")).body[0]["fields"] == ["Tier__c"]
        shape = {"type": "picklist", "options": ["North"], "restricted": True}
        await crm.control("schema", object="Account", field="Region__c", shape=shape)
        got = await create(crm, "Account", Name="A", Region__c="South")
        assert got.code == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"


async def test_faults_are_planned_over_http() -> None:
    async with org() as crm:
        fault = await crm.control("faults", fault="lose_answer", route="batch", object="Contact")
        records = [{**CONTACT, "LastName": "A", "Syncd_Id__c": "k"}]
        with pytest.raises(aiohttp.ClientError):
            await crm.call("POST", "composite/sobjects", {"records": records})
        told = (await crm.get("/_sandbox/fired")).body["faults"]
        assert [(one["id"], one["fired"]) for one in told] == [(fault["id"], 1)]
        assert len(await crm.rows("SELECT Id FROM Contact WHERE Syncd_Id__c = 'k'")) == 1, "it was committed"
        state = (await crm.get("/_sandbox/state", object="Contact")).body["Contact"]
        assert [one["LastName"] for one in state.values()] == ["A"]


async def test_the_hostile_profile_is_one_that_can_be_lived_with() -> None:
    async with org("hostile") as crm:
        for n in range(60):
            assert (await create(crm, "Contact", LastName=f"n{n}", Title="x")).status == 201
        rows = await crm.rows("SELECT LastName, Department FROM Contact")
        assert len(rows) == 60
        assert {"late_stamps", "automations", "page_cap"} <= set(crm.sandbox.fired.counts)
