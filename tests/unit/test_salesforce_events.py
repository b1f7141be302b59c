"""Change events of Salesforce: bitmaps, flat fields, values, and what happens after each error."""

from __future__ import annotations

import io
from typing import Any

import fastavro
import grpc
import pytest

from connectors.salesforce import events
from connectors.salesforce.events import ChangeEvent, ChangeType, Session, lacking, subscribe
from connectors.salesforce.events.channel import address_of
from connectors.salesforce.events.decode import Decoder
from connectors.salesforce.events.errors import is_auth, step
from connectors.salesforce.events.layout import Layout, part_name
from connectors.salesforce.events.schemas import made
from syncd.core.errors import CursorLost, NeedsOperator, RetryLater, SyncdError

TEXT = ["null", "string"]
NAME = {
    "type": "record",
    "name": "Switchable_PersonName",
    "fields": [{"name": part, "type": TEXT} for part in ("Salutation", "FirstName", "LastName")],
}
ADDRESS = {
    "type": "record",
    "name": "Address",
    "fields": [{"name": part, "type": TEXT} for part in ("Street", "City", "State")],
}
PLACE = {
    "type": "record",
    "name": "Location",
    "fields": [{"name": part, "type": ["null", "double"]} for part in ("Latitude", "Longitude")],
}
HEADER = {
    "type": "record",
    "name": "ChangeEventHeader",
    "fields": [
        {"name": "entityName", "type": "string"},
        {"name": "recordIds", "type": {"type": "array", "items": "string"}},
        {"name": "changeType", "type": "string"},
        {"name": "changeOrigin", "type": "string"},
        {"name": "transactionKey", "type": "string"},
        {"name": "sequenceNumber", "type": "int"},
        {"name": "commitTimestamp", "type": "long"},
        {"name": "commitNumber", "type": "long"},
        {"name": "commitUser", "type": "string"},
        {"name": "nulledFields", "type": {"type": "array", "items": "string"}},
        {"name": "diffFields", "type": {"type": "array", "items": "string"}},
        {"name": "changedFields", "type": {"type": "array", "items": "string"}},
    ],
}


def schema(*fields: tuple[str, Any, str]) -> dict[str, Any]:
    """A schema of fields after the header: name, type, doc."""
    told = [{"name": name, "type": type, "doc": doc, "default": None} for name, type, doc in fields]
    head = {"name": "ChangeEventHeader", "type": HEADER, "doc": "Data:ComplexValueType"}
    event = {"name": "AccountChangeEvent", "namespace": "com.sforce.eventbus", "uuid": "K98aAtiNFBjA"}
    return {"type": "record", **event, "fields": [head, *told]}


ACCOUNT = schema(
    ("Name", ["null", "string", NAME], "Data:Switchable_PersonName"),  # 1
    ("BillingAddress", ["null", ADDRESS], "Data:Address"),  # 2
    ("ShippingAddress", ["null", "com.sforce.eventbus.Address"], "Data:Address"),  # 3
    ("Phone", TEXT, "Data:Phone"),  # 4
    ("Description", TEXT, "Data:StringPlusClob"),  # 5
    ("AnnualRevenue", ["null", "double"], "Data:Currency"),  # 6
    ("LastModifiedDate", ["null", "long"], "Data:DateTime"),  # 7
    ("Since__c", ["null", "long"], "Data:DateOnly:00N000000000001"),  # 8
    ("Opens__c", ["null", "long"], "Data:TimeOnly:00N000000000002"),  # 9
    ("Active__c", ["null", "boolean"], "Data:Boolean:00N000000000003"),  # 10
    ("Place__c", ["null", PLACE], "Data:Location:00N000000000004"),  # 11
)


def event(change: str, body: dict[str, Any] | None = None, **header: Any) -> ChangeEvent:
    """An event of ACCOUNT, written and read."""
    head = {
        "entityName": "Account",
        "recordIds": ["00128000004ffFXAAY"],
        "changeType": change,
        "changeOrigin": "com/salesforce/api/rest/56.0",
        "transactionKey": "000178e4-4a6a-e712-1dfb-22d1264a1ecd",
        "sequenceNumber": 1,
        "commitTimestamp": 1674484229000,
        "commitNumber": 11441167072821,
        "commitUser": "00528000000TIgmAAG",
        **{name: header.pop(name, []) for name in ("nulledFields", "diffFields", "changedFields")},
        **header,
    }
    out = io.BytesIO()
    fields = {field["name"]: None for field in ACCOUNT["fields"]}
    fastavro.schemaless_writer(
        out, fastavro.parse_schema(ACCOUNT), {**fields, **(body or {}), "ChangeEventHeader": head}
    )
    return Decoder(ACCOUNT).event(out.getvalue(), b"12345678")


def layout(*fields: str) -> Layout:
    """A layout of text fields; `Name{A,B}` is compound."""
    told = []
    for one in fields:
        name, _, parts = one.rstrip("}").partition("{")
        inner = [{"name": part, "type": TEXT} for part in parts.split(",")]
        record = ["null", {"type": "record", "name": f"R{name}", "fields": inner}]
        told.append({"name": name, "type": record if parts else TEXT})
    return Layout({"type": "record", "name": "AccountChangeEvent", "fields": told})


@pytest.mark.parametrize(
    ("compound", "record", "part", "name"),
    [
        ("Name", "PersonName", "FirstName", "FirstName"),
        ("Name", "Whatever", "Suffix", "Suffix"),
        ("BillingAddress", "Address", "StateCode", "BillingStateCode"),
        ("PersonMailingAddress", "Address", "City", "PersonMailingCity"),
        ("Address", "Address", "Street", "Street"),
        ("Office__c", "Address", "PostalCode", "Office__PostalCode__s"),
        ("Place__c", "Location", "Longitude", "Place__Longitude__s"),
        ("Odd", "Thing", "Part", "Odd.Part"),
    ],
)
def test_parts_have_the_names_of_the_api(compound: str, record: str, part: str, name: str) -> None:
    assert part_name(compound, record, part) == name


# Fields, bitmaps and the fields they mark, as seen with the service and in others' decoders.
REAL = [
    "ChangeEventHeader",
    "Name",
    "Type",
    "ParentId",
    "BillingAddress",
    "ShippingAddress",
    "Phone",
    "Fax",
    "AccountNumber",
    "Website",
    "Sic",
    "Industry",
    "AnnualRevenue",
    "NumberOfEmployees",
    "Ownership",
    "TickerSymbol",
    "Description",
    "Rating",
    "Site",
    "OwnerId",
    "CreatedDate",
    "CreatedById",
    "LastModifiedDate",
    "LastModifiedById",
]
SHORT = ["ChangeEventHeader", "Name", "Type", "BillingAddress{Street,City,State}", "Phone"]
PERSON = [
    "ChangeEventHeader",
    "Name{Salutation,FirstName,LastName}",
    "Phone",
    *(f"F{i}" for i in range(3, 9)),
]


@pytest.mark.parametrize(
    ("fields", "bitmaps", "marked"),
    [
        (REAL, ["0x400100"], {"AccountNumber", "LastModifiedDate"}),
        (PERSON, ["0x104", "1-0x6"], {"Phone", "F8", "Name.FirstName", "Name.LastName"}),
        (SHORT, ["0x16"], {"Name", "Type", "Phone"}),
        (SHORT, ["0x08", "3-0x06"], {"BillingAddress", "BillingAddress.City", "BillingAddress.State"}),
        (SHORT, ["3-0x01"], {"BillingAddress.Street"}),
        (SHORT, ["0xFF00"], set()),
        (SHORT, ["99-0x01"], set()),
        (SHORT, [], set()),
    ],
)
def test_bitmaps_mark_fields_by_position(fields: list[str], bitmaps: list[str], marked: set[str]) -> None:
    made = layout(*fields)
    found = {
        made.keys[place] + ("" if part is None else "." + made.slots[place].keys[part])
        for place, part in made.places(bitmaps)
    }
    assert found == marked


def test_an_update_tells_what_changed_and_nothing_else() -> None:
    told = event(
        "UPDATE",
        {"Phone": "030 1", "LastModifiedDate": 1674484229000, "AnnualRevenue": 12.5},
        changedFields=["0xD0"],
    )
    assert told.fields == {
        "Phone": "030 1",
        "AnnualRevenue": 12.5,
        "LastModifiedDate": "2023-01-23T14:30:29.000+0000",
    }
    assert (told.unsaid, told.gap, told.lost) == (frozenset(), False, False)
    assert told.record_ids == ("00128000004ffFXAAY",)
    assert told.committed_at is not None
    assert told.committed_at.isoformat() == "2023-01-23T14:30:29+00:00"
    assert told.client is None


def test_values_are_written_as_rest_writes_them() -> None:
    told = event(
        "CREATE",
        {
            "Name": "Acme",
            "Since__c": 1704067200000,
            "Opens__c": 37_845_000,
            "Active__c": False,
            "Place__c": {"Latitude": 50.1, "Longitude": None},
        },
    )
    assert told.fields["Name"] == "Acme"
    assert told.fields["Since__c"] == "2024-01-01"
    assert told.fields["Opens__c"] == "10:30:45.000Z"
    assert told.fields["Active__c"] is False
    assert (told.fields["Place__Latitude__s"], told.fields["Place__Longitude__s"]) == (50.1, None)


def test_days_before_1970_are_days() -> None:
    assert event("CREATE", {"Since__c": -86_400_000 * 366}).fields["Since__c"] == "1968-12-31"


def test_a_create_tells_every_field() -> None:
    told = event("CREATE", {"Name": "Acme", "BillingAddress": {"Street": "a", "City": None, "State": None}})
    assert told.fields["BillingStreet"] == "a"
    assert told.fields["BillingCity"] is None
    assert told.fields["ShippingState"] is None
    assert told.fields["Phone"] is None
    assert "ChangeEventHeader" not in told.fields
    assert told.unsaid == frozenset()


def test_a_person_accounts_name_comes_in_parts() -> None:
    name = {"Salutation": None, "FirstName": "Joe", "LastName": None}
    told = event("UPDATE", {"Name": name}, changedFields=["1-0x02"])
    assert told.fields == {"FirstName": "Joe"}


def test_null_is_cleared_only_where_it_is_said() -> None:
    told = event("UPDATE", {"Phone": "1"}, changedFields=["0x70"], nulledFields=["0x20"])
    assert told.fields == {"Phone": "1", "Description": None}
    assert told.unsaid == {"AnnualRevenue"}


@pytest.mark.parametrize("changed", [["0x04"], [], ["2-0x07"]])
def test_a_compound_field_that_is_emptied_empties_its_parts(changed: list[str]) -> None:
    told = event("UPDATE", changedFields=changed, nulledFields=["0x04"])
    assert told.fields == {"BillingStreet": None, "BillingCity": None, "BillingState": None}


def test_parts_of_a_compound_field_change_one_by_one() -> None:
    address = {"Street": None, "City": "Bonn", "State": None}
    told = event("UPDATE", {"BillingAddress": address}, changedFields=["2-0x06"], nulledFields=["2-0x04"])
    assert told.fields == {"BillingCity": "Bonn", "BillingState": None}


def test_a_diff_is_no_value() -> None:
    told = event("UPDATE", {"Description": "@@ -1 +1 @@"}, changedFields=["0x20"], diffFields=["0x20"])
    assert told.fields == {}
    assert told.unsaid == {"Description"}


@pytest.mark.parametrize("change", ["GAP_CREATE", "GAP_UPDATE", "GAP_DELETE", "GAP_UNDELETE", "SNAPSHOT"])
def test_a_gap_tells_ids_alone(change: str) -> None:
    told = event(change, changedFields=["0x10"])
    assert (told.gap, told.lost, told.fields) == (True, False, {})
    assert told.record_ids == ("00128000004ffFXAAY",)


@pytest.mark.parametrize(
    ("change", "ids"),
    [("GAP_OVERFLOW", ["000000000000000AAA"]), ("GAP_OVERFLOW", []), ("UPDATE", ["001*"]), ("UPDATE", [])],
)
def test_without_ids_the_object_is_to_be_read_again(change: str, ids: list[str]) -> None:
    told = event(change, recordIds=ids)
    assert (told.gap, told.lost, told.record_ids, told.fields) == (True, True, (), {})
    assert told.entity == "Account"


def test_a_delete_tells_no_fields() -> None:
    told = event("DELETE", recordIds=["00128000004ffFXAAY", "00128000004ffFYAAY"])
    assert (told.fields, told.gap, len(told.record_ids)) == ({}, False, 2)


@pytest.mark.parametrize("payload", [b"", b"\xff" * 40, b"\x0eAccount"])
def test_what_cannot_be_decoded_is_told_as_lost(payload: bytes) -> None:
    told = Decoder(ACCOUNT).event(payload, b"12345678")
    assert (told.change, told.lost, told.entity) == (ChangeType.UNREADABLE, True, "Account")


@pytest.mark.parametrize("bitmap", ["400100", "x-0x01", "0xZZ", "2-"])
def test_a_bitmap_that_is_none_makes_it_a_gap(bitmap: str) -> None:
    told = event("UPDATE", {"Phone": "1"}, changedFields=[bitmap])
    assert (told.gap, told.lost, told.fields) == (True, False, {})
    assert told.record_ids == ("00128000004ffFXAAY",)


def test_a_change_type_of_the_future_is_a_gap() -> None:
    told = event("RENAMED", {"Phone": "1"}, changedFields=["0x10"])
    assert (told.change, told.gap, told.lost) == (ChangeType.UNREADABLE, True, False)
    assert told.record_ids == ("00128000004ffFXAAY",)


def test_a_time_out_of_range_makes_it_a_gap() -> None:
    assert event("UPDATE", {"LastModifiedDate": 1 << 62}, changedFields=["0x80"]).gap


def test_a_schema_that_cannot_be_read_loses_no_event() -> None:
    told = made("{not json").event(b"anything", b"12345678")
    assert (told.change, told.lost, told.entity) == (ChangeType.UNREADABLE, True, "")


@pytest.mark.parametrize(
    ("name", "entity"), [("ContactChangeEvent", "Contact"), ("Project__ChangeEvent", "Project__c")]
)
def test_an_unreadable_event_names_the_entity_of_its_schema(name: str, entity: str) -> None:
    assert Decoder({**ACCOUNT, "name": name}).event(b"", b"1").entity == entity


@pytest.mark.parametrize(
    ("origin", "client"),
    [
        ("com/salesforce/api/soap/44.0;client=GetCloudy", "GetCloudy"),
        ("com/salesforce/api/soap/60.0;client=SfdcInternalAPI/", "SfdcInternalAPI"),
        ("com/salesforce/api/rest/56.0", None),
        ("", None),
    ],
)
def test_the_client_is_read_from_the_origin(origin: str, client: str | None) -> None:
    assert event("UPDATE", changeOrigin=origin).client == client


class Failed:
    """A gRPC error as the mapping sees it."""

    def __init__(self, status: str, code: str = "") -> None:
        self._status = getattr(grpc.StatusCode, status)
        self._code = f"sfdc.platform.eventbus.grpc.{code}" if code else ""

    def code(self) -> Any:
        return self._status

    def trailing_metadata(self) -> Any:
        return (("error-code", self._code), ("rpc-id", "1")) if self._code else None


@pytest.mark.parametrize(
    ("status", "code", "next_step", "after"),
    [
        ("INVALID_ARGUMENT", "subscription.fetch.replayid.corrupted", CursorLost, None),
        ("INVALID_ARGUMENT", "subscription.fetch.replayid.validation.failed", CursorLost, None),
        ("UNAUTHENTICATED", "service.auth.error", NeedsOperator, None),
        ("UNAUTHENTICATED", "", NeedsOperator, None),
        ("NOT_FOUND", "topic.not.found", NeedsOperator, None),
        ("PERMISSION_DENIED", "subscription.topic.cannot.subscribe", NeedsOperator, None),
        ("PERMISSION_DENIED", "", NeedsOperator, None),
        ("RESOURCE_EXHAUSTED", "subscription.limit.exceeded", RetryLater, 900.0),
        ("RESOURCE_EXHAUSTED", "concurrent.client.limit.exceeded", RetryLater, 60.0),
        ("UNAVAILABLE", "", RetryLater, None),
        ("INTERNAL", "subscription.internal.error", RetryLater, None),
        ("FAILED_PRECONDITION", "topic.api.unavailable", RetryLater, None),
        ("INVALID_ARGUMENT", "something.new", NeedsOperator, None),
    ],
)
def test_each_error_has_a_next_step(
    status: str, code: str, next_step: type[SyncdError], after: float | None
) -> None:
    found = step(Failed(status, code), "/data/ContactChangeEvent")
    assert type(found) is next_step
    assert "/data/ContactChangeEvent" in str(found)
    if isinstance(found, RetryLater):
        assert found.after == after


def test_another_session_is_tried_only_where_it_may_help() -> None:
    assert is_auth(Failed("UNAUTHENTICATED", "service.auth.error"))
    assert not is_auth(Failed("PERMISSION_DENIED"))


@pytest.mark.parametrize(
    ("endpoint", "address", "plain"),
    [
        ("https://api.pubsub.salesforce.com:7443", "api.pubsub.salesforce.com:7443", False),
        ("api.pubsub.salesforce.com", "api.pubsub.salesforce.com:7443", False),
        ("http://127.0.0.1:8000", "127.0.0.1:8000", True),
        ("https://[::1]:8000", "[::1]:8000", False),
    ],
)
def test_an_endpoint_is_an_address(endpoint: str, address: str, plain: bool) -> None:
    assert address_of(endpoint) == (address, plain)


@pytest.mark.parametrize("endpoint", ["ftp://host:1", "https://host:port", "", "http://api.example.com:80"])
def test_no_token_goes_where_it_should_not(endpoint: str) -> None:
    with pytest.raises(NeedsOperator, match="Write https"):
        address_of(endpoint)


def test_a_token_is_not_shown() -> None:
    assert "secret" not in repr(Session("secret", "https://a", "00D"))


def test_without_the_libraries_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    assert lacking() is None
    there = events.find_spec
    monkeypatch.setattr(events, "find_spec", lambda name: None if name == "fastavro" else there(name))
    assert lacking() == "change events need fastavro: pip install 'syncd[salesforce]'"

    async def sessions(stale: Session | None) -> Session:
        raise AssertionError("nobody may be asked")

    with pytest.raises(NeedsOperator, match="let the system poll"):
        subscribe(sessions)
