"""The vendor's own client, unmodified, against the sandbox: what it does, and what its errors carry."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hubspot import HubSpot
from hubspot.crm import contacts, deals, objects, properties
from hubspot.crm.associations import v4

from tests.sandbox.hubspot.portal import portal


def upserts(*inputs: tuple[str, dict[str, Any]]) -> Any:
    """A batch upsert by e-mail, each input with a trace id."""
    made = [
        contacts.SimplePublicObjectBatchInputUpsert(
            id=mail, id_property="email", object_write_trace_id=f"t{place}", properties=values
        )
        for place, (mail, values) in enumerate(inputs)
    ]
    return contacts.BatchInputSimplePublicObjectBatchInputUpsert(inputs=made)


def new(**values: str) -> Any:
    """A contact to be."""
    return contacts.SimplePublicObjectInputForCreate(properties=values, associations=[])


async def test_create_read_update_archive() -> None:
    def work(hub: HubSpot) -> None:
        api = hub.crm.contacts.basic_api
        made = api.create(new(email=" Ann@Acme.COM ", firstname="Ann"))
        assert made.properties["email"] == "ann@acme.com"
        assert made.archived is False
        again = api.update(made.id, contacts.SimplePublicObjectInput(properties={"firstname": "Anna"}))
        assert again.updated_at >= made.updated_at
        read = api.get_by_id(
            "ann@acme.com",
            id_property="email",
            properties_with_history=["firstname"],
            properties=["firstname"],
        )
        assert read.properties["firstname"] == "Anna"
        assert [one.value for one in read.properties_with_history["firstname"]] == ["Anna", "Ann"]
        assert read.properties_with_history["firstname"][0].source_type == "INTEGRATION"
        api.archive(made.id)
        with pytest.raises(contacts.ApiException) as gone:
            api.get_by_id(made.id)
        assert gone.value.status == 404
        assert orjson.loads(gone.value.body)["category"] == "OBJECT_NOT_FOUND"
        bin = api.get_page(archived=True)
        assert [(one.id, one.archived) for one in bin.results] == [(made.id, True)]
        assert bin.results[0].archived_at is not None

    async with portal() as made:
        await made.vendors(work)


async def test_batch_upsert_by_trace_ids() -> None:
    def work(hub: HubSpot) -> None:
        api = hub.crm.contacts.batch_api
        api.upsert(upserts(("ann@acme.com", {"firstname": "Ann"})))
        many = [(f"p{n}@acme.com", {"lastname": str(n)}) for n in range(20)]
        told = api.upsert(upserts(("ANN@acme.com", {"firstname": "Anna"}), *many, ("x@y", {"phone": "5"})))
        assert told.status == "COMPLETE"
        assert {one.new for one in told.results} == {True, False}
        assert [one.properties["email"] for one in told.results if not one.new] == ["ann@acme.com"]
        assert told.num_errors == 1
        assert told.errors[0].context == {"objectWriteTraceId": ["t21"]}
        assert told.errors[0].errors[0].code == "INVALID_EMAIL"
        numbers = [one.properties["lastname"] for one in told.results if one.new]
        assert sorted(numbers, key=int) == [str(n) for n in range(20)] != numbers, "the order is another"

    async with portal() as made:
        await made.vendors(work)
        assert made.sandbox.calls["upsert.batch contacts"] == 2


async def test_search_with_paging() -> None:
    def work(hub: HubSpot) -> None:
        wanted = {"propertyName": "firstname", "operator": "HAS_PROPERTY"}
        found, after = list[str](), None
        while True:
            page = hub.crm.contacts.search_api.do_search(
                contacts.PublicObjectSearchRequest(
                    filter_groups=[{"filters": [wanted]}],
                    sorts=["-hs_object_id"],
                    properties=["email"],
                    limit=20,
                    after=after,
                )
            )
            found += [one.id for one in page.results]
            if page.paging is None:
                break
            after = page.paging.next.after
        assert page.total == len(found) == len(set(found)) == 50
        assert len(hub.crm.contacts.get_all(properties=["email"])) == 50
        assert found == sorted(found, reverse=True)

    async with portal({"records": 50}) as made:
        await made.vendors(work)
        assert made.sandbox.calls["search.find contacts"] == 3
        assert made.sandbox.calls["list contacts"] == 1


async def test_associations() -> None:
    def work(hub: HubSpot) -> None:
        contact = hub.crm.contacts.basic_api.create(new(email="ann@acme.com")).id
        body = deals.SimplePublicObjectInputForCreate(
            properties={"dealname": "Big", "dealstage": "contractsent", "amount": "10.50"},
            associations=[
                {
                    "to": {"id": contact},
                    "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 3}],
                }
            ],
        )
        deal = hub.crm.deals.basic_api.create(body)
        assert deal.properties["hs_is_closed"] == "false"
        read = hub.crm.deals.basic_api.get_by_id(deal.id, associations=["contacts"])
        assert [(one.id, one.type) for one in read.associations["contacts"].results] == [
            (contact, "deal_to_contact")
        ]
        firms = [
            hub.crm.companies.basic_api.create({"properties": {"name": name}, "associations": []}).id
            for name in ("Acme", "Borealis")
        ]
        api = hub.crm.associations.v4.basic_api
        made = api.create_default("contacts", contact, "companies", firms[0])
        assert {one.association_spec.association_type_id for one in made.results} == {279, 280}
        primary = [v4.AssociationSpec(association_category="HUBSPOT_DEFINED", association_type_id=1)]
        for firm in firms:
            api.create("contacts", contact, "companies", firm, primary)
        page = api.get_page("contacts", contact, "companies")
        types = {str(one.to_object_id): {t.type_id for t in one.association_types} for one in page.results}
        assert types == {firms[0]: {279}, firms[1]: {1, 279}}, "one primary at a time"
        batch = hub.crm.associations.v4.batch_api.get_page(
            "contacts",
            "companies",
            v4.BatchInputPublicFetchAssociationsBatchRequest(inputs=[{"id": contact}]),
        )
        assert len(batch.results[0].to) == 2
        api.archive("contacts", contact, "companies", firms[0])
        assert len(api.get_page("contacts", contact, "companies").results) == 1

    async with portal() as made:
        await made.vendors(work)


async def test_a_label_of_ones_own() -> None:
    def work(hub: HubSpot) -> None:
        contact = hub.crm.contacts.basic_api.create(new(email="ann@acme.com")).id
        firm = hub.crm.companies.basic_api.create({"properties": {"name": "Acme"}, "associations": []}).id
        schema = hub.crm.associations.v4.schema.definitions_api
        made = schema.create(
            "contacts",
            "companies",
            {"label": "Billing contact", "name": "billing", "inverseLabel": "Billed company"},
        )
        type = made.results[0].type_id
        specs = [v4.AssociationSpec(association_category="USER_DEFINED", association_type_id=type)]
        told = hub.crm.associations.v4.basic_api.create("contacts", contact, "companies", firm, specs)
        assert told.labels == ["Billing contact"]
        back = hub.crm.associations.v4.basic_api.get_page("companies", firm, "contacts").results[0]
        assert "Billed company" in [one.label for one in back.association_types]
        assert "Billing contact" in [one.label for one in schema.get_all("contacts", "companies").results]

    async with portal() as made:
        await made.vendors(work)


async def test_merge_gives_a_new_record() -> None:
    def work(hub: HubSpot) -> None:
        one = hub.crm.contacts.basic_api.create(new(email="ann@acme.com", firstname="Ann"))
        other = hub.crm.contacts.basic_api.create(new(email="a@acme.com", firstname="A", phone="1"))
        merged = hub.crm.contacts.basic_api.merge(
            contacts.PublicMergeInput(primary_object_id=one.id, object_id_to_merge=other.id)
        )
        assert merged.id not in (one.id, other.id)
        assert merged.properties["hs_merged_object_ids"] == f"{one.id};{other.id}"
        for old in (one.id, other.id):
            names = ["firstname", "phone", "hs_additional_emails"]
            found = hub.crm.contacts.basic_api.get_by_id(old, properties=names)
            assert found.id == merged.id
            assert found.properties["firstname"] == "Ann", "the primary's values win"
            assert found.properties["phone"] == "1", "blanks are filled"
            assert found.properties["hs_additional_emails"] == "a@acme.com"
        change = contacts.SimplePublicObjectInput(properties={"phone": "2"})
        assert hub.crm.contacts.basic_api.update(other.id, change).id == merged.id
        assert hub.crm.contacts.basic_api.get_page(archived=True).results == []

    async with portal() as made:
        await made.vendors(work)


async def test_owners_pipelines_and_properties() -> None:
    def work(hub: HubSpot) -> None:
        active = hub.crm.owners.owners_api.get_page(limit=2)
        assert [one.email for one in active.results] == ["ada@sandbox.example", "grace@sandbox.example"]
        rest = hub.crm.owners.owners_api.get_page(limit=2, after=active.paging.next.after)
        assert [one.first_name for one in rest.results] == ["Hiro"]
        (gone,) = hub.crm.owners.owners_api.get_page(archived=True).results
        assert (gone.user_id, gone.archived) == (None, True)
        (pipeline,) = hub.crm.pipelines.pipelines_api.get_all("deals").results
        assert pipeline.stages[0].metadata == {"probability": "0.2", "isClosed": "false"}
        api = hub.crm.properties.core_api
        body = properties.PropertyCreate(
            name="crm_key",
            label="Key",
            type="string",
            field_type="text",
            group_name="dealinformation",
            has_unique_value=True,
        )
        assert api.create("deals", body).has_unique_value
        found = {one.name: one for one in api.get_all("deals").results}
        assert found["crm_key"].modification_metadata.read_only_value is False
        assert found["hs_is_closed"].calculated
        assert found["hubspot_owner_id"].referenced_object_type == "OWNER"
        stage = {"dealname": "Big", "dealstage": "contractsent", "crm_key": "k1"}
        deal = hub.crm.deals.basic_api.create({"properties": stage, "associations": []})
        assert hub.crm.deals.basic_api.get_by_id("k1", id_property="crm_key").id == deal.id

    async with portal() as made:
        await made.vendors(work)


async def test_a_custom_object() -> None:
    def work(hub: HubSpot) -> None:
        made = hub.crm.objects.basic_api.create(
            "machines",
            objects.SimplePublicObjectInputForCreate(properties={"serial_number": "S1"}, associations=[]),
        )
        for name in ("machines", "2-3057700", "p62515_machines"):
            assert hub.crm.objects.basic_api.get_by_id(name, made.id).id == made.id
        (schema,) = hub.crm.schemas.core_api.get_all().results
        assert schema.fully_qualified_name == "p62515_machines"

    async with portal() as made:
        await made.vendors(work)


async def test_errors_carry_what_the_vendors_do() -> None:
    def refused(work: Any, *given: Any, error: Any = contacts.ApiException) -> tuple[int, dict[str, Any]]:
        with pytest.raises(error) as caught:
            work(*given)
        assert caught.value.headers["Content-Type"].startswith("application/json")
        return caught.value.status, orjson.loads(caught.value.body)

    def work(hub: HubSpot) -> None:
        api = hub.crm.contacts.basic_api
        id = api.create(new(email="ann@acme.com")).id
        status, body = refused(api.create, new(email="ANN@acme.com"))
        assert (status, body["category"]) == (409, "CONFLICT")
        assert body["message"] == f"Contact already exists. Existing ID: {id}"
        assert body["correlationId"]
        status, body = refused(api.create, new(nope="1", lifecyclestage="Lead"))
        assert (status, body["category"]) == (400, "VALIDATION_ERROR")
        assert [one["code"] for one in body["errors"]] == ["PROPERTY_DOESNT_EXIST", "INVALID_OPTION"]
        assert body["errors"][0]["context"] == {"propertyName": ["nope"]}
        inside = orjson.loads(body["message"].partition(": ")[2])
        assert inside[0]["error"] == "PROPERTY_DOESNT_EXIST"
        assert inside[0]["portalId"] == 62515
        other = api.create(new(email="bob@acme.com")).id
        change = contacts.SimplePublicObjectInput(properties={"email": "ann@acme.com"})
        status, body = refused(api.update, other, change)
        assert status == 400
        assert body["message"].endswith(f"value=ann@acme.com}} on {other}. {id} already has that value.")
        status, body = refused(hub.crm.objects.basic_api.get_page, "nothings", error=objects.ApiException)
        assert (status, body["message"]) == (400, "Unable to infer object type from: nothings")
        upsert = deals.SimplePublicObjectBatchInputUpsert(
            id="Big", id_property="dealname", properties={"dealname": "Big"}
        )
        inputs = deals.BatchInputSimplePublicObjectBatchInputUpsert(inputs=[upsert])
        status, body = refused(hub.crm.deals.batch_api.upsert, inputs, error=deals.ApiException)
        text = "Unable to perform update/upsert by non-unique 0-3 property dealname"
        assert (status, body["message"]) == (400, text)

    async with portal() as made:
        await made.vendors(work)


async def test_a_token_of_no_use() -> None:
    def work(hub: HubSpot) -> None:
        with pytest.raises(contacts.ApiException) as caught:
            hub.crm.contacts.basic_api.get_page()
        body = orjson.loads(caught.value.body)
        assert (caught.value.status, body["category"]) == (401, "EXPIRED_AUTHENTICATION")
        assert body["context"] == {"expire time": ["1970-01-01T00:00:00.000Z"]}

    async with portal() as made:
        await made.vendors(work, access_token="pat-na1-another")


async def test_tokens_by_the_vendors_client() -> None:
    def work(hub: HubSpot) -> None:
        auth = made.sandbox.ready()["auth"]
        told = hub.oauth.tokens_api.create(
            grant_type="refresh_token",
            client_id=auth["client_id"],
            client_secret=auth["client_secret"],
            refresh_token=auth["refresh_token"],
        )
        assert told.expires_in == 1800
        info = hub.oauth.access_tokens_api.get(told.access_token)
        assert (info.hub_id, info.app_id) == (62515, 54321)
        other = HubSpot(
            access_token=told.access_token, host=auth["token_url"].removesuffix("/oauth/v3/token")
        )
        assert other.crm.contacts.basic_api.get_page().results == []

    async with portal() as made:
        await made.vendors(work)
