"""What an org holds at first: made-up records, files of many shapes, a real org's export."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

import pytest

from connectors.salesforce.sandbox import SalesforceSandbox
from syncd.core.errors import ConfigError
from tests.sandbox.client import session
from tests.sandbox.salesforce.clients import org
from tests.sandbox.test_login import context
from tests.scenarios.org import DATA
from tests.support.commands import SYNCD, _env


def test_made_up_records_are_always_the_same() -> None:
    made = [SalesforceSandbox({"records": 12}) for _ in range(2)]
    told = [
        {
            name: [row.fields["LastName"] for row in one.people.rows(name).values()]
            for name in ("Contact", "Lead")
        }
        for one in made
    ]
    assert told[0] == told[1]
    assert {name: len(rows) for name, rows in told[0].items()} == {"Contact": 12, "Lead": 6}
    assert made[0].journal.changes == [], "they were always there"


async def test_files_of_any_shape(tmp_path: Path) -> None:
    (tmp_path / "Account.csv").write_text("id,name,parent_id,colour\n1,Acme,,red\n2,Sub,1,blue\n")
    (tmp_path / "contact.csv").write_text("Id,last_name,AccountId,Do_Not_Call\n7,Li,2,true\n")
    (tmp_path / "Pet__c.csv").write_text("id,Name,contact_id\n1,Rex,7\n")
    async with org(seed=tmp_path) as crm:
        (sub,) = await crm.rows("SELECT Parent.Name, colour__c FROM Account WHERE Name = 'Sub'")
        assert (sub["Parent"]["Name"], sub["colour__c"]) == ("Acme", "blue")
        (pet,) = await crm.rows(
            "SELECT Name, contact_id__r.Account.Name, contact_id__r.DoNotCall FROM Pet__c"
        )
        assert pet["contact_id__r"]["Account"]["Name"] == "Sub"
        assert pet["contact_id__r"]["DoNotCall"] is True
        await crm.control("reset", records=True)
        assert len(await crm.rows("SELECT Id FROM Account")) == 2


def test_a_file_that_does_not_fit(tmp_path: Path) -> None:
    (tmp_path / "Contact.csv").write_text("id,LastName\n1,Li\n2,\n")
    with pytest.raises(ConfigError, match=r"Contact, record 2: Required fields are missing: \[LastName\]"):
        SalesforceSandbox(seed=tmp_path)


async def test_a_real_orgs_export() -> None:
    if not DATA.exists():
        pytest.skip(f"no export of an org in {DATA}")
    async with org(seed=DATA) as crm:
        counts = {
            name: (await crm.query(f"SELECT COUNT() FROM {name}")).body["totalSize"]
            for name in ("Account", "Contact", "Opportunity", "OpportunityContactRole", "CampaignMember")
        }
        assert counts == {
            "Account": 1223,
            "Contact": 1024,
            "Opportunity": 1517,
            "OpportunityContactRole": 3499,
            "CampaignMember": 1699,
        }
        (deal,) = await crm.rows(
            "SELECT Amount, CloseDate, IsWon, Account.Name, primary_contact__r.Name FROM Opportunity LIMIT 1"
        )
        assert (deal["Amount"], deal["CloseDate"], deal["IsWon"]) == (811.0, "2016-11-25", True)
        assert deal["Account"]["Name"] == "Porter Household"
        assert deal["primary_contact__r"]["Name"] == "Rebecca Porter"
        kind, *_ = await crm.rows("SELECT RecordTypeId FROM Account GROUP BY RecordTypeId")
        assert kind["RecordTypeId"] == "0122a000000PCxAAAW"


def test_objects_and_fields_of_a_profile(tmp_path: Path) -> None:
    file = tmp_path / "org.yaml"
    file.write_text(
        "fields:\n"
        "  Contact: {Tier__c: {type: picklist, options: [Gold, Silver], restricted: true}, Fax: null}\n"
        "  Pet__c: {Owner__c: {type: reference, references: Contact}, Age__c: {type: int, precision: 3}}\n"
    )
    sandbox = SalesforceSandbox(str(file))
    contact, pet = (sandbox.world.org_table(name) for name in ("Contact", "Pet__c"))
    assert contact.fields["Tier__c"].restricted is True
    assert "Fax" not in contact.fields
    assert {"Id", "Name", "SystemModstamp", "Owner__c"} <= set(pet.fields)
    assert pet.relations["owner__r"] == "Owner__c"
    file.write_text("fields:\n  Contact: {Tier__c: {type: colour}}\n")
    with pytest.raises(ConfigError, match=r"org.yaml:2: fields.Contact.Tier__c.type"):
        SalesforceSandbox(str(file))


async def test_the_command(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *SYNCD,
        "sandbox",
        "salesforce",
        "--tls",
        cwd=tmp_path,
        env=_env({}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(60):
        ready = json.loads(await process.stdout.readline())
    auth = ready["auth"]
    words = {"client_id", "client_secret", "username", "private_key", "access_token", "refresh_token"}
    assert words | {"instance_url"} <= set(auth)
    assert auth["instance_url"] == ready["url"]
    token = {"Authorization": f"Bearer {auth['access_token']}"}
    async with session(ready["url"], token, await context(ready["ca"])) as client:
        got = await client.get("/services/data/v62.0/query", q="SELECT Name FROM User ORDER BY Id LIMIT 1")
        assert got.body["records"][0]["Name"] == "Integration User"
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(20):
        out, err = await process.communicate()
    assert (process.returncode, out, err) == (0, b"", b"")
