"""What the sandbox's change events say, as our client reads them over gRPC."""

from __future__ import annotations

from connectors.salesforce.events import ChangeType
from tests.sandbox.salesforce.listening import listening


async def test_a_record_is_made_changed_deleted_and_brought_back() -> None:
    async with listening() as ear:
        id = ear.contact(FirstName="Joe", MailingCity="Bonn", Birthdate="1970-02-03", Email="J@B.de")
        ear.edit(id, MailingCity="Köln", Phone="0221", FirstName=None)
        ear.edit(id, "delete")
        ear.edit(id, "restore")
        made, changed, deleted, back = await ear.hear(4)
    assert [e.change for e in (made, changed, deleted, back)] == ["CREATE", "UPDATE", "DELETE", "UNDELETE"]
    assert {e.record_ids for e in (made, changed, deleted, back)} == {(id,)}
    assert (made.fields["FirstName"], made.fields["MailingCity"], made.fields["Phone"]) == (
        "Joe",
        "Bonn",
        None,
    )
    assert (made.fields["Birthdate"], made.fields["Email"]) == ("1970-02-03", "j@b.de")
    told = dict(changed.fields)
    assert told.pop("LastModifiedDate") is not None
    assert told == {"FirstName": None, "MailingCity": "Köln", "Phone": "0221"}
    assert deleted.fields == {}
    assert (back.fields["Phone"], back.fields["LastName"], back.fields["Title"]) == ("0221", "Bloggs", None)


async def test_formulas_and_bookkeeping_are_not_in_events() -> None:
    async with listening() as ear:
        ear.contact()
        (made,) = await ear.hear(1)
    left_out = {
        "Id",
        "IsDeleted",
        "SystemModstamp",
        "MasterRecordId",
        "Account_City__c",
        "Name",
        "MailingAddress",
    }
    assert not left_out & set(made.fields)
    assert {"CreatedDate", "LastModifiedById", "Syncd_Id__c", "Interests__c"} <= set(made.fields)


async def test_computed_values_that_belong_to_the_record_are_told() -> None:
    async with listening() as ear:
        ear.listen("/data/OpportunityChangeEvent")
        words = {"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-12-31", "Amount": 100.0}
        id = ear.made("Opportunity", **words)
        ear.edit(id, object="Opportunity", StageName="Closed Won")
        made, won = await ear.hear(2)
    assert (made.fields["IsWon"], made.fields["CloseDate"], made.fields["ExpectedRevenue"]) == (
        False,
        "2026-12-31",
        10.0,
    )
    assert (won.fields["IsWon"], won.fields["IsClosed"], won.fields["ExpectedRevenue"]) == (True, True, 100.0)
    assert "Amount" not in won.fields


async def test_an_accounts_name_is_text() -> None:
    async with listening() as ear:
        ear.listen("/data/AccountChangeEvent")
        id = ear.made("Account", Name="Acme", AnnualRevenue=5_000_000, NumberOfEmployees=12)
        ear.edit(id, object="Account", Name="Acme GmbH")
        made, renamed = await ear.hear(2)
    assert (made.fields["Name"], made.fields["AnnualRevenue"]) == ("Acme", 5_000_000)
    assert made.fields["NumberOfEmployees"] == 12
    assert renamed.fields["Name"] == "Acme GmbH"


async def test_an_address_that_is_emptied_is_emptied_in_all_its_parts() -> None:
    async with listening() as ear:
        id = ear.contact(MailingCity="Bonn", MailingStreet="Markt 1")
        ear.edit(id, MailingStreet=None)
        ear.edit(id, MailingCity=None)
        _, part, whole = await ear.hear(3)
    assert (part.fields["MailingStreet"], "MailingCity" in part.fields) == (None, False)
    assert (whole.fields["MailingCity"], whole.fields["MailingStreet"], whole.unsaid) == (
        None,
        None,
        frozenset(),
    )


async def test_the_header_tells_who_when_and_by_what() -> None:
    async with listening() as ear:
        with ear.sandbox.world.transaction():
            ear.contact()
            ear.contact(LastName="Other")
        ear.contact(LastName="Later")
        one, two, three = await ear.hear(3)
        user = ear.sandbox.world.users["person"]
    assert one.transaction == two.transaction != three.transaction
    assert [e.sequence for e in (one, two, three)] == [1, 2, 1]
    assert one.commit_number == two.commit_number < three.commit_number
    assert {e.commit_user for e in (one, two, three)} == {user}
    assert one.committed_at is not None
    assert one.committed_at.microsecond == 0
    assert one.replay_id < two.replay_id < three.replay_id
    assert one.origin == ""


async def test_saves_of_one_record_in_one_transaction_are_one_event() -> None:
    async with listening() as ear:
        id = ear.contact()
        with ear.sandbox.world.transaction():
            new = ear.contact(LastName="New")
            ear.edit(new, Phone="1")
            ear.edit(id, Phone="2")
            ear.edit(id, Title="Dr.")
            ear.edit(id, "delete")
        _, made, changed, deleted = await ear.hear(4)
    assert (made.change, made.fields["Phone"]) == (ChangeType.CREATE, "1")
    assert (changed.fields["Phone"], changed.fields["Title"]) == ("2", "Dr.")
    assert (deleted.change, deleted.record_ids) == (ChangeType.DELETE, (id,))


async def test_the_same_change_of_several_records_is_one_event_with_all_their_ids() -> None:
    async with listening() as ear:
        ids = [ear.contact(LastName=name) for name in "ABC"]
        odd = ear.contact(LastName="D", MailingState="NW")
        await ear.hear(4)
        with ear.sandbox.world.transaction():
            for id in (*ids, odd):
                ear.edit(id, MailingCity="Bonn", **({"MailingState": "BE"} if id == odd else {}))
        together, alone = await ear.hear(2)
        with ear.sandbox.world.transaction():
            for id in ids:
                ear.edit(id, "delete")
        (deleted,) = await ear.hear(1)
    assert together.record_ids == deleted.record_ids == tuple(ids)
    assert together.fields["MailingCity"] == "Bonn"
    assert (alone.record_ids, alone.fields["MailingState"]) == ((odd,), "BE")


async def test_a_merge_is_a_delete_and_updates() -> None:
    async with listening() as ear:
        winner, loser = ear.contact(LastName="A"), ear.contact(LastName="B", Phone="1")
        await ear.hear(2)
        ear.sandbox.people.edit("Contact", "merge", id=winner, loser=loser)
        gone, filled = await ear.hear(2)
    assert (gone.change, gone.record_ids) == (ChangeType.DELETE, (loser,))
    assert (filled.change, filled.record_ids, filled.fields["Phone"]) == (ChangeType.UPDATE, (winner,), "1")


async def test_children_that_go_along_are_told_in_their_own_events() -> None:
    async with listening() as ear:
        ear.listen("/data/ChangeEvents")
        account = ear.made("Account", Name="Acme")
        contact = ear.contact(AccountId=account)
        await ear.hear(2)
        ear.edit(account, "delete", object="Account")
        told = await ear.hear(2)
    assert [(e.entity, e.change, e.record_ids) for e in told] == [
        ("Contact", "DELETE", (contact,)),
        ("Account", "DELETE", (account,)),
    ]


async def test_a_large_transaction_overflows() -> None:
    async with listening(overflow=3) as ear:
        ear.listen("/data/ChangeEvents")
        with ear.sandbox.world.transaction():
            account = ear.made("Account", Name="Acme")
            for n in range(5):
                ear.contact(LastName=f"n{n}")
            ear.edit(account, object="Account", Phone="1")
        told = await ear.hear(4)
    assert [(e.entity, e.change, e.lost) for e in told] == [
        ("Account", "CREATE", False),
        ("Contact", "CREATE", False),
        ("Contact", "CREATE", False),
        ("Contact", "GAP_OVERFLOW", True),
    ]
    assert told[-1].record_ids == ()


async def test_long_texts_come_as_a_diff() -> None:
    async with listening(diff_over=20) as ear:
        id = ear.contact(Description="one\ntwo")
        ear.edit(id, Description="one\nthree " * 5, Phone="1")
        _, changed = await ear.hear(2)
    assert changed.unsaid == {"Description"}
    assert changed.fields["Phone"] == "1"


async def test_hidden_fields_are_not_told() -> None:
    async with listening({"quirks": {"hide_fields": ["Contact.Phone"]}}) as ear:
        id = ear.contact(Phone="1")
        ear.edit(id, Phone="2", Title="x")
        made, changed = await ear.hear(2)
    assert made.fields["Phone"] is None
    assert "Phone" not in changed.fields
    assert changed.fields["Title"] == "x"


async def test_a_new_field_makes_a_new_schema_and_old_events_keep_theirs() -> None:
    async with listening() as ear:
        id = ear.contact(Phone="1")
        table = ear.sandbox.world.org_table("Contact")
        field = ear.sandbox.FIELD.model_validate({"type": "double", "scale": 1})
        fields = {"Aaa__c": field, **table.shape.fields}
        ear.sandbox.reshape("Contact", table.shape.model_copy(update={"fields": fields}))
        ear.edit(id, Aaa__c=2.5)
        made, changed = await ear.hear(2)
    assert "Aaa__c" not in made.fields
    assert (made.fields["Phone"], changed.fields["Aaa__c"]) == ("1", 2.5)


async def test_events_that_were_committed_under_an_older_stamp_are_told_when_they_appear() -> None:
    async with listening() as ear:
        late = ear.sandbox.people.begin("Contact", fields={"LastName": "Late"})
        ear.contact(LastName="Early")
        assert [e.fields["LastName"] for e in await ear.hear(1)] == ["Early"]
        ear.sandbox.people.commit(late)
        assert [e.fields["LastName"] for e in await ear.hear(1)] == ["Late"]


async def test_each_type_reads_as_rest_writes_it() -> None:
    fields = {
        "On__c": {"type": "datetime"},
        "Day__c": {"type": "date"},
        "Share__c": {"type": "percent"},
        "Count__c": {"type": "int", "precision": 8},
        "Done__c": {"type": "boolean"},
        "Kinds__c": {"type": "multipicklist", "options": ["A", "B"]},
    }
    async with listening({"fields": {"Contact": fields}}) as ear:
        moment = "2026-03-01T08:30:00.000+0000"
        values = {"On__c": moment, "Day__c": "2026-03-01", "Share__c": 12.5, "Count__c": 7}
        ear.contact(**values, Done__c=True, Kinds__c="B;A")
        (made,) = await ear.hear(1)
    assert {name: made.fields[name] for name in values} == values
    assert (made.fields["Done__c"], made.fields["Kinds__c"]) == (True, "A;B")


async def test_a_lead_that_is_converted_is_told_in_the_vendors_order() -> None:
    async with listening() as ear:
        ear.listen("/data/ChangeEvents")
        lead = ear.made("Lead", LastName="A", Company="Acme")
        await ear.hear(1)
        ear.edit(lead, "convert", object="Lead")
        told = await ear.hear(5)
    assert [(e.entity, e.change) for e in told] == [
        ("Account", "CREATE"),
        ("Contact", "CREATE"),
        ("Opportunity", "CREATE"),
        ("OpportunityContactRole", "CREATE"),
        ("Lead", "UPDATE"),
    ]
    assert len({e.transaction for e in told}) == 1
    account, contact, opportunity, _, converted = told
    assert converted.fields["IsConverted"] is True
    assert (converted.fields["ConvertedAccountId"],) == account.record_ids
    assert (converted.fields["ConvertedContactId"],) == contact.record_ids
    assert (converted.fields["ConvertedOpportunityId"],) == opportunity.record_ids
    assert converted.fields["ConvertedDate"] is not None
    assert "LastModifiedDate" not in converted.fields


async def test_a_record_that_is_purged_is_told_to_nobody() -> None:
    async with listening() as ear:
        id = ear.contact()
        ear.edit(id, "delete")
        await ear.hear(2)
        ear.edit(id, "purge")
        assert await ear.hear() == []


async def test_a_custom_object_has_a_channel_of_its_own() -> None:
    words = {"fields": {"Thing__c": {"Size__c": {"type": "double", "scale": 1}}}}
    async with listening(words, selected=["Thing__c"]) as ear:
        ear.listen("/data/Thing__ChangeEvent")
        id = ear.made("Thing__c", Size__c=2.5)
        ear.edit(id, object="Thing__c", Size__c=None)
        made, emptied = await ear.hear(2)
    assert (made.entity, made.record_ids, made.fields["Size__c"]) == ("Thing__c", (id,), 2.5)
    assert emptied.fields["Size__c"] is None
