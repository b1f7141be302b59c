"""Records to begin with, and profiles from files; what is wrong in them is said with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connectors.rest.sandbox import RestSandbox
from syncd.core.errors import ConfigError
from tests.sandbox.client import session

ORG = Path(__file__).parents[3] / "shared" / "data" / "salesforce-org-1k"


@pytest.mark.skipif(not ORG.exists(), reason=f"the organisation's data is not in {ORG}")
async def test_a_real_organisation() -> None:
    sandbox = RestSandbox(seed=ORG)
    tables = sandbox.world.tables
    assert {n: len(t.rows) for n, t in tables.items() if t.rows} == {
        "Account": 1223,
        "Campaign": 13,
        "CampaignMember": 1699,
        "Contact": 1024,
        "Opportunity": 1517,
        "OpportunityContactRole": 3499,
    }
    assert tables["Contact"].refs == {"account_id": "Account"}
    assert tables["Opportunity"].refs["primary_contact__c"] == "Contact"
    types = {n: f.type for n, f in tables["Opportunity"].shape.fields.items()}
    assert (types["amount"], types["close_date"], types["dont_create_payments"]) == (
        "decimal",
        "date",
        "boolean",
    )
    async with sandbox.serving(), session(sandbox.url, {"Authorization": "Bearer sandbox-token"}) as client:
        assert len(await client.walk("Contact", limit=1000)) == 1024
        one = (await client.get("/api/Contact/1")).body
        assert (one["FirstName"], one["LastName"], one["Email"], one["account_id"]) == (
            "Amy",
            "Diaz",
            None,
            "619",
        )
        assert (await client.call("POST", "/api/Contact", {"LastName": "x"})).body["id"] == "1025"
        assert (await client.call("DELETE", "/api/Account/619")).status == 204
        assert (await client.get("/api/Contact/1")).body["account_id"] is None


def test_declared_objects_take_their_columns(tmp_path: Path) -> None:
    (tmp_path / "Companies.csv").write_text("id,Firm\n7,ACME\n")
    (tmp_path / "people.csv").write_text("Id,Name,score,firm,no\n1,Ann,3,7,A1\n2,Bo,,,A2\n")
    objects: dict[str, Any] = {
        "companies": {"prefix": "o", "fields": {"name": {}}, "columns": {"Firm": "name"}},
        "people": {
            "fields": {
                "name": {},
                "score": {"type": "integer"},
                "ext": {},
                "boss": {},
                "firm": {"type": "ref", "references": "companies"},
            },
            "columns": {"Name": "name", "no": "ext"},
        },
    }
    sandbox = RestSandbox({"objects": objects}, seed=tmp_path)
    rows = sandbox.people.rows("people")
    assert rows["1"].fields == {
        "name": "Ann",
        "score": 3,
        "ext": "A1",
        "boss": None,
        "firm": "o7",
        "external_id": None,
    }
    assert list(sandbox.people.rows("companies")) == ["o7"]


def test_json_with_references_to_later_records(tmp_path: Path) -> None:
    file = tmp_path / "seed.json"
    file.write_text(
        '{"parts": [{"id": "1", "name": "a", "parts_id": "2"}, {"id": "2", "name": "b", "n": 2, "on": true}]}'
    )
    sandbox = RestSandbox(seed=file)
    fields = sandbox.world.tables["parts"].shape.fields
    assert {n: f.type for n, f in fields.items() if f.type != "text"} == {
        "parts_id": "ref",
        "n": "integer",
        "on": "boolean",
    }
    assert sandbox.people.rows("parts")["1"].fields["parts_id"] == "2"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("contacts.csv", "id,last_name,score\n1,x,3\n2,y,many\n", "contacts, record 2: score"),
        ("contacts.csv", "id,last_name\n1,x\n1,y\n", "record 2: the id c1 stands there twice"),
        ("contacts.csv", "id,last_name,company\n1,x,5\n", "record 1: company names no record"),
        ("contacts.csv", "id,colour\n1,red\n", "record 1: contacts has no field colour"),
        ("seed.json", "{", "seed.json:1: not JSON"),
        ("seed.json", "[]", "expected {object"),
    ],
)
def test_what_is_wrong_in_a_seed(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError) as caught:
        RestSandbox(seed=tmp_path / name)
    assert said in str(caught.value)


def test_a_seed_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        RestSandbox(seed=tmp_path / "nothing")
    with pytest.raises(ConfigError, match=r"no \*.csv"):
        RestSandbox(seed=tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("quirks:\n  page_cap: many\n", "p.yaml:2: quirks.page_cap: "),
        ("pageing: {}\n", "p.yaml:1: pageing: "),
        (
            "key_field: x\nobjects:\n  people:\n    fields:\n      a: {type: colour}\n",
            "p.yaml:5: objects.people",
        ),
        ("extends: friendly\n", "no profile 'friendly'"),
        ("quirks: {normalise: {a: [shout]}}\n", "no normaliser 'shout'"),
        ("a: [\n", "not YAML"),
        ("- a\n", "a profile is a mapping"),
    ],
)
def test_what_is_wrong_in_a_profile(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        RestSandbox(str(file))
    assert said in str(caught.value)


def test_a_profile_extends_another(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text("extends: hostile\nkey_field: null\nquirks: {page_cap: 3}\n")
    profile = RestSandbox(str(file)).profile
    assert (profile.quirks.page_cap, profile.quirks.noop_bumps, profile.key_field) == (3, True, None)
