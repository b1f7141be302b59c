"""The pure parts of the Salesforce connector: ids, SOQL, values, describes, errors."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.base import ObjectSpec
from connectors.http import Answer, Step
from connectors.salesforce import soql
from connectors.salesforce.bulk import rows_of
from connectors.salesforce.columns import column
from connectors.salesforce.errors import CODES, row_of
from connectors.salesforce.ids import is_id, long_id
from connectors.salesforce.ingest import error_of
from connectors.salesforce.jobs import Job
from connectors.salesforce.options import SalesforceOptions
from connectors.salesforce.parents import parts
from connectors.salesforce.sobject import SObject
from connectors.salesforce.values import CLEARED, as_json, cell, reader
from connectors.salesforce.verdict import failure, judged, verdict_of
from syncd.config import InvalidConfig, load
from syncd.config.template import init_template
from syncd.core.errors import BatchRefused, NeedsOperator, ParseError, RetryLater
from syncd.core.nouns import Op, Push, PushOp
from syncd.service.vendors import connector_options

AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


# -- ids -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("id", ["00128000004ffFXAAY", "0122a000000PCxAAAW", "00528000000TIgmAAG"])
def test_the_short_form_of_an_id_is_made_long(id: str) -> None:
    assert long_id(id[:15]) == id
    assert long_id(id) == id


@pytest.mark.parametrize("text", ["", "no such id", "00128000004ffF", "00128000004ffFX!", "0" * 16])
def test_what_is_no_id(text: str) -> None:
    assert not is_id(text)
    assert long_id(text) == text


@given(st.from_regex(r"\A[A-Za-z0-9]{15}\Z"), st.from_regex(r"\A[A-Za-z0-9]{15}\Z"))
def test_long_ids_differ_without_regard_to_case(one: str, other: str) -> None:
    assert (long_id(one).lower() == long_id(other).lower()) == (one == other)


# -- SOQL ----------------------------------------------------------------------------------------------


@given(st.text(max_size=50))
def test_a_text_cannot_end_its_literal(value: str) -> None:
    literal = soql.text(value)
    body = literal[1:-1]
    assert literal[0] == literal[-1] == "'"
    assert re.fullmatch(r"(?:[^'\\\n\r\t\f\x08]|\\['\\nrtfb])*", body)
    undone = re.sub(
        r"\\(.)", lambda m: {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "b": "\b"}.get(m[1], m[1]), body
    )
    assert undone == value


@pytest.mark.parametrize("name", ["Id FROM User--", "Name'", "a b", "", "Owner.", ".Name", "x\n", "1a"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(NeedsOperator, match="no API name"):
        soql.select(["Id", name], "Contact")


def test_a_query_in_parts() -> None:
    asked = soql.select(["Id", "Owner.Email"], "Contact", soql.after(AT, "003A"), "SystemModstamp, Id", 5)
    assert asked == (
        "SELECT Id,Owner.Email FROM Contact WHERE SystemModstamp >= 2026-03-01T09:30:00Z AND "
        "(SystemModstamp > 2026-03-01T09:30:00Z OR Id > '003A') ORDER BY SystemModstamp, Id LIMIT 5"
    )
    assert soql.both("", "a = 1", "b = 2 OR c = 3") == "a = 1 AND (b = 2 OR c = 3)"
    assert soql.moment(AT.replace(microsecond=5000)) == "2026-03-01T09:30:00.005Z"


@given(st.lists(st.text(max_size=30), max_size=40), st.integers(min_value=50, max_value=500))
def test_chunks_fit_and_leave_none_out(values: list[str], room: int) -> None:
    parts = list(soql.chunks(values, room))
    assert [value for part in parts for value in part] == values
    for part in parts:
        assert len(part) == 1 or len(soql.encoded(",".join(map(soql.text, part)))) <= room


# -- values --------------------------------------------------------------------------------------------

READINGS: list[tuple[str, Any, Any]] = [
    ("string", "", None),
    ("string", " x ", " x "),
    ("boolean", False, False),
    ("boolean", "TRUE", True),
    ("boolean", None, None),
    ("double", 811.0, "811"),
    ("currency", "0.10", "0.1"),
    ("whole", 7.0, 7),
    ("whole", "7.0", 7),
    ("int", 3, 3),
    ("datetime", "2024-01-15T10:30:00.000+0000", "2024-01-15T10:30:00Z"),
    ("datetime", "2024-01-15T10:30:00.500Z", "2024-01-15T10:30:00.5Z"),
    ("date", "2024-01-15", "2024-01-15"),
    ("reference", "00128000004ffFX", "00128000004ffFXAAY"),
    ("multipicklist", "four;six", ["four", "six"]),
    ("multipicklist", "", None),
    ("double", "rubbish", "rubbish"),
]


@pytest.mark.parametrize(("native", "raw", "ours"), READINGS)
def test_values_as_they_are_read(native: str, raw: Any, ours: Any) -> None:
    read = reader(native)(raw)
    assert read == ours
    assert type(read) is type(ours)


@pytest.mark.parametrize(
    ("native", "value", "json", "csv"),
    [
        ("string", "a,b\n", b'"a,b\\n"', "a,b\n"),
        ("string", None, b"null", CLEARED),
        ("boolean", None, b"false", "false"),
        ("boolean", True, b"true", "true"),
        ("double", "12345678901234567.89", b"12345678901234567.89", "12345678901234567.89"),
        ("whole", 7, b"7", "7"),
        ("multipicklist", ["a", "b"], b'"a;b"', "a;b"),
        ("multipicklist", [], b"null", CLEARED),
        ("datetime", "2024-01-15T10:30:00+02:00", b'"2024-01-15T08:30:00Z"', "2024-01-15T08:30:00Z"),
    ],
)
def test_values_as_they_are_written(native: str, value: Any, json: bytes, csv: str) -> None:
    assert orjson.dumps(as_json(native, value)) == json
    assert cell(as_json(native, value)) == csv


def test_an_option_that_would_be_split_is_not_written() -> None:
    with pytest.raises(ParseError, match="separates options"):
        as_json("multipicklist", ["a;b", "c"])


def test_csv_is_read_as_rows_of_json() -> None:
    body = 'Id,Name,Owner.Email\n"1","a ""b""\nc",""\n2,,x@x.example\n'
    assert list(rows_of(body.encode())) == [
        {"Id": "1", "Name": 'a "b"\nc', "Owner": {"Email": None}},
        {"Id": "2", "Name": None, "Owner": {"Email": "x@x.example"}},
    ]
    with pytest.raises(RetryLater, match="another length"):
        list(rows_of(b"Id,Name\n1\n"))


# -- describes -----------------------------------------------------------------------------------------


def field(name: str, type: str = "string", **more: Any) -> dict[str, Any]:
    """A field as `describe` tells it, one that people may write."""
    told = {"name": name, "type": type, "createable": True, "updateable": True, "nillable": True}
    return told | {"length": 80, "defaultedOnCreate": False, "referenceTo": []} | more


def test_what_a_field_is() -> None:
    required = column(field("LastName", nillable=False)).info
    assert (required.required, required.read_only, required.length, required.type) == (
        True,
        False,
        80,
        "text",
    )
    flag = column(field("Active__c", "boolean", nillable=False, defaultedOnCreate=True)).info
    assert (flag.required, flag.default, flag.type) == (False, True, "boolean")
    formula = column(
        field("Score__c", "double", scale=2, calculated=True, createable=False, updateable=False)
    )
    assert (formula.passive, formula.info.read_only, formula.info.scale) == (True, True, 2)
    assert column(field("Count__c", "double", scale=0)).info.type == "integer"
    owner = column(field("OwnerId", "reference", referenceTo=["Group", "User"]))
    assert owner.info.references is None
    assert column(field("AccountId", "reference", referenceTo=["Account"])).info.references == "Account"
    address = column(field("BillingAddress", "address", createable=False, updateable=False))
    assert (address.compound, address.info.read_only) == (True, True)


def test_options_bind_only_where_the_picklist_is_restricted() -> None:
    values = [{"value": "A", "active": True}, {"value": "B", "active": False}]
    told = field("Stage__c", "picklist", picklistValues=values)
    assert column(told).info.options is None
    assert column(told | {"restrictedPicklist": True}).info.options == ("A",)


def sobject(*fields: dict[str, Any], name: str = "Lead", mapped: tuple[str, ...] = ("Name",)) -> SObject:
    columns = {c.name: c for c in map(column, fields)}
    return SObject("sales", ObjectSpec(name, mapped, "Key__c"), columns, {})


STANDARD = ("Id", "SystemModstamp", "LastModifiedDate", "IsDeleted", "MasterRecordId", "IsConverted")


def test_rows_as_changes() -> None:
    lead = sobject(*map(field, (*STANDARD, "ConvertedContactId", "Name")))
    row = {"Id": "00Q28000004ffFX", "SystemModstamp": "2026-03-01T09:30:00.000+0000", "Name": "Ann"}
    alive = lead.change(row)
    assert (alive.op, alive.fields, alive.remote_version) == (
        Op.UPSERT,
        {"Name": "Ann"},
        "2026-03-01T09:30:00Z",
    )
    assert alive.remote_id == long_id("00Q28000004ffFX")
    assert alive.occurred_at == AT
    assert lead.change(row | {"IsDeleted": True}).op is Op.DELETE
    merged = lead.change(row | {"IsDeleted": True, "MasterRecordId": "00Q28000004ffFY"})
    assert (merged.op, merged.survivor_id) == (Op.MERGE, long_id("00Q28000004ffFY"))
    converted = lead.change(row | {"IsConverted": True, "ConvertedContactId": "00328000004ffFX"})
    assert (converted.op, converted.survivor_object) == (Op.CONVERT, "Contact")
    assert converted.survivor_id == long_id("00328000004ffFX")


def test_a_field_that_is_left_out_is_not_empty() -> None:
    found = sobject(*map(field, ("Id", "Name", "Title")), mapped=("Name", "Title", "gone"))
    assert found.fields == ("Id", "Name", "Title")
    assert found.values({"Id": "1", "Name": None}) == {"Name": None}


# -- errors --------------------------------------------------------------------------------------------


def test_the_tables_words_make_sentences() -> None:
    for code, row in CODES.items():
        assert row.says[0].islower(), code
        assert not row.says.endswith("."), code
        assert row.step is not Step.OPERATOR or row.todo, (
            f"{code} needs a person, who must be told what to do"
        )


@pytest.mark.parametrize(
    ("status", "error", "step", "field"),
    [
        (0, {"statusCode": "REQUIRED_FIELD_MISSING", "fields": ["LastName"]}, Step.REJECTED, "LastName"),
        (0, {"statusCode": "UNABLE_TO_LOCK_ROW", "fields": []}, Step.DEFERRED, None),
        (500, {"errorCode": "UNABLE_TO_LOCK_ROW"}, Step.DEFERRED, None),
        (
            400,
            {"errorCode": "INVALID_FIELD", "message": "No such column 'foo' on sobject"},
            Step.REJECTED,
            "foo",
        ),
        (
            404,
            {"errorCode": "INVALID_CROSS_REFERENCE_KEY", "message": "invalid cross reference id"},
            Step.GONE,
            None,
        ),
        (
            0,
            {"statusCode": "INVALID_CROSS_REFERENCE_KEY", "fields": ["RecordTypeId"]},
            Step.REJECTED,
            "RecordTypeId",
        ),
        (403, {"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit"}, Step.RETRY, None),
        (0, {"statusCode": "SOMETHING_NEW"}, Step.REJECTED, None),
        (502, {}, Step.UNCERTAIN, None),
        (412, {}, Step.STALE, None),
    ],
)
def test_what_errors_mean(status: int, error: dict[str, Any], step: Step, field: str | None) -> None:
    found = judged(status, error)
    assert (found.step, found.field) == (step, field)


def test_a_taken_value_names_the_record_that_has_it() -> None:
    message = "duplicate value found: NPI__c duplicates value on record with id: 00128000004ffFX"
    found = judged(0, {"statusCode": "DUPLICATE_VALUE", "message": message, "fields": []})
    assert (found.step, found.field, found.record) == (Step.EXISTS, "NPI__c", "00128000004ffFXAAY")
    told = judged(
        0, {"statusCode": "DUPLICATE_VALUE", "message": "duplicate value found: <unknown>", "fields": []}
    )
    assert told.record is None


def test_a_whole_calls_failure_says_what_to_do_and_no_value() -> None:
    answer = Answer(403, {}, b"")
    daily = verdict_of(
        403, [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]
    )
    error = failure("system sales", daily, answer)
    assert isinstance(error, RetryLater)
    assert error.after == 900
    busy = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "ConcurrentRequests Limit exceeded."}]
    soon = failure("system sales", verdict_of(403, busy), answer)
    assert isinstance(soon, RetryLater)
    assert soon.after == 10
    disabled = failure("system sales", verdict_of(403, [{"errorCode": "API_DISABLED_FOR_ORG"}]), answer)
    assert isinstance(disabled, NeedsOperator)
    assert "API Enabled" in disabled.todo
    secret = [{"errorCode": "JSON_PARSER_ERROR", "message": "a secret value at [line:1]"}]
    bad = failure("system sales", verdict_of(400, secret), Answer(400, {}, b""), writes=True)
    assert isinstance(bad, BatchRefused)
    assert "secret" not in str(bad)
    assert row_of(504, "").step is Step.UNCERTAIN


@pytest.mark.parametrize("code", ["UNABLE_TO_LOCK_ROW", "TOO_MANY_APEX_REQUESTS", "QUERY_TIMEOUT"])
def test_what_passes_by_itself_is_no_records_fault(code: str) -> None:
    error = failure("system sales", verdict_of(400, [{"errorCode": code}]), Answer(400, {}, b""), writes=True)
    assert isinstance(error, RetryLater)
    assert not error.uncertain


@pytest.mark.parametrize(
    ("text", "code", "fields"),
    [
        ("REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --",
         "REQUIRED_FIELD_MISSING", ["LastName"]),
        ("FIELD_CUSTOM_VALIDATION_EXCEPTION:No: kind:RecordTypeId, OwnerId --",
         "FIELD_CUSTOM_VALIDATION_EXCEPTION", ["RecordTypeId", "OwnerId"]),
        ("STORAGE_LIMIT_EXCEEDED:storage limit exceeded:--", "STORAGE_LIMIT_EXCEEDED", []),
        ("InvalidBatch", "InvalidBatch", []),
    ],
)  # fmt: skip
def test_errors_of_bulk_rows_are_taken_apart(text: str, code: str, fields: list[str]) -> None:
    found = error_of(text)
    assert (found["statusCode"], found["fields"]) == (code, fields)


# -- calls ---------------------------------------------------------------------------------------------


@given(st.lists(st.sampled_from([None, "a", "b", "c"]), max_size=30), st.integers(min_value=1, max_value=8))
def test_rows_of_one_parent_are_in_one_call_if_they_fit(parents: list[str | None], size: int) -> None:
    pushes = [Push(n, "Contact", PushOp.CREATE, n, 1, {}) for n in range(len(parents))]
    jobs = [Job(push, "create", {}, {"AccountId": p}) for push, p in zip(pushes, parents, strict=True)]
    calls = parts(jobs, "AccountId", size)
    assert sorted(job.push.push_id for call in calls for job in call) == list(range(len(jobs)))
    assert all(0 < len(call) <= size for call in calls)
    for parent in set(parents) - {None}:
        among = [call for call in calls if any(job.body["AccountId"] == parent for job in call)]
        assert len(among) == 1 or parents.count(parent) > size


# -- options -------------------------------------------------------------------------------------------

LOGIN = {"flow": "client_credentials", "client_id": "x", "client_secret": "y"}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"auth": LOGIN}, "My Domain"),
        ({"auth": LOGIN, "login_url": "http://acme.my.salesforce.com"}, "https"),
        ({"auth": LOGIN, "login_url": "https://acme.my.salesforce.com/services"}, "leave the path away"),
        ({"auth": {"flow": "password"}}, "flow"),
        ({"auth": LOGIN, "login_url": "https://a.example", "client": "a;b"}, "client"),
    ],
)
def test_wrong_options_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        SalesforceOptions.model_validate(settings)


VERSIONED = """\
systems:
  sales:
    connector: salesforce
    login_url: https://acme.my.salesforce.com
    auth: {flow: session, access_token: "${env:TOKEN}"}
    api_version: %s
"""


@pytest.mark.parametrize("told", ["40.0", '"45.0"', '"46"', "latest", "62.5", "yes", "[62.0]"])
def test_a_version_that_is_none_or_too_old_is_refused_in_its_place(tmp_path: Path, told: str) -> None:
    file = tmp_path / "syncd.yaml"
    file.write_text(VERSIONED % told)
    with pytest.raises(InvalidConfig) as caught:
        load(file, connector_options(), {"TOKEN": "x"})
    (said,) = [str(problem) for problem in caught.value.problems if "api_version" in problem.path]
    assert (
        ':6:18: systems.sales.api_version: must be a version of the API from 46.0 on. Write it like "62.0".'
        in said
    )


@pytest.mark.parametrize("told", ["62.0", "46.0", 62.0])
def test_versions_that_can_be_used(told: Any) -> None:
    settings = {"auth": LOGIN, "login_url": "https://a.example", "api_version": told}
    assert SalesforceOptions.model_validate(settings).api_version == str(told)


def test_what_init_writes_loads(tmp_path: Path) -> None:
    file = tmp_path / "syncd.yaml"
    file.write_text(init_template([("sales", "salesforce"), ("web-crm", "salesforce")], connector_options()))
    words = ("CLIENT_ID", "USER", "PRIVATE_KEY")
    names = {f"{system}_{word}": "x" for system in ("SALES", "WEB_CRM") for word in words}
    names |= {f"{system}_LOGIN_URL": "https://acme.my.salesforce.com" for system in ("SALES", "WEB_CRM")}
    settings = load(file, connector_options(), names)
    own = SalesforceOptions.model_validate(settings.systems["web-crm"].connector_settings())
    assert own.auth.flow == "jwt_bearer"
