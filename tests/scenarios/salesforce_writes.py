"""What people do in the ERP while the org takes our writes badly; each act ends at rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connectors.salesforce.sandbox import ids
from connectors.salesforce.sandbox.journal import Change
from tests.scenarios.salesforce_org import SalesforceOrg

MANY = 200
"""As many as one call takes."""


async def people_join(org: SalesforceOrg, word: str, number: int, more: str = "") -> None:
    """So many new persons in the ERP, in one transaction."""
    await org.hands["erp"].execute(
        f"""insert into persons (name, mail) select '{word} {word}' || n, '{word}' || n || '@x.example'
        from generate_series(1, {number}) n; {more}"""
    )


async def there(org: SalesforceOrg, word: str, number: int) -> list[str]:
    """Wait until so many of them are in the org; their ids."""

    def found() -> list[str]:
        return [
            i for i, row in org.rows("contact").items() if str(row.fields["Email"]).startswith(word.lower())
        ]

    async def all_of_them() -> bool:
        return len(found()) == number and not await org.left()

    await org.until(all_of_them)
    return sorted(found())


async def parked(org: SalesforceOrg) -> list[str]:
    """The codes of what is set aside."""
    return [row["code"] for row in await org.cons["store"].fetch("select code from parked order by code")]


async def one_row_poisons_its_batch(org: SalesforceOrg) -> None:
    """F19: 199 land, one is set aside; F18: rows fail for reasons of their own, in any order."""
    arm = org.evidence.arm
    poison = arm("F19", "poison", object="Contact", field="LastName", value="Poison")
    await people_join(
        org, "Batch", MANY, "update persons set name = 'Poor Poison' where mail = 'Batch77@x.example'"
    )
    await there(org, "Batch", MANY - 1)
    assert poison.fired > 3, "the batch was not halved"
    assert len(await parked(org)) == 1
    poison.release()
    await org.hands["erp"].execute("update persons set name = 'Well Again' where name = 'Poor Poison'")
    await there(org, "Batch", MANY)
    await org.until(org.at_rest)
    assert await parked(org) == []
    await _reasons_are_mixed(org)


async def _reasons_are_mixed(org: SalesforceOrg) -> None:
    reasons = {0: "UNABLE_TO_LOCK_ROW", 1: "FIELD_CUSTOM_VALIDATION_EXCEPTION", 3: "UNKNOWN_EXCEPTION"}
    reasons |= {5: "STRING_TOO_LONG", 7: "TOO_MANY_APEX_REQUESTS", 8: "CANNOT_EXECUTE_FLOW_TRIGGER"}
    org.evidence.arm("F18", "partial", object="Contact", route="batch", reasons=reasons)
    await org.hands["erp"].execute("update persons set job = 'Mixed' where mail like 'Batch%'")

    async def accounted() -> bool:
        landed = len(org.in_org("contact", "Title", "Mixed"))
        return landed == MANY - 3 and not await org.left()

    await org.until(accounted)
    refused = sorted(code for code in reasons.values() if code[0] in "FSC")
    assert await parked(org) == refused
    org.evidence.arm("F18", "shuffle", object="Contact", route="batch")
    org.evidence.arm("F18", "fewer", object="Contact", route="batch", count=3, skip=1)
    for job in ("Shuffled", "Short"):
        sql = f"update persons set job = '{job} ' || mail where mail like 'Batch%'"
        await org.hands["erp"].execute(sql)
        await org.until(org.at_rest)
    assert await parked(org) == []


async def locks_and_limits(org: SalesforceOrg) -> None:
    """F20: rows are locked twice; F16: the org asks for a pause, with and without saying how long."""
    arm = org.evidence.arm
    arm("F20", "row_lock", object="Contact", route="batch", times=2)
    arm("F16", "rate_limited", object="Account", route="batch", code="TOO_MANY_REQUESTS", retry_after=1.0)
    arm("F16", "rate_limited", object="Opportunity", route="batch", code="TOO_MANY", retry_after=None)
    await org.hands["erp"].execute(
        """update persons set tel = '+1 20' where mail like 'Batch%';
        update customers set town = 'Pause' where cust_no in (select cust_no from customers limit 20);
        update deals set subject = 'Pause' where deal_id in (select deal_id from deals limit 20)"""
    )
    await org.until(org.at_rest)
    assert len(org.in_org("contact", "Phone", "+1 20")) == MANY


async def the_session_ends(org: SalesforceOrg) -> None:
    """F21: it is revoked under several calls at once, then the log-in leads to another org."""
    assert org.daemon is not None
    tokens = org.sandbox.calls["token"]
    org.evidence.arm("F21", "unauthorized", object="Contact", route="batch")
    await org.hands["erp"].execute(
        """update persons set tel = '+1 21' where mail like 'Batch%';
        update customers set town = 'Again' where town = 'Pause';
        update deals set subject = 'Again' where subject = 'Pause'"""
    )
    await org.until(org.at_rest)
    assert org.sandbox.calls["token"] - tokens == 1, "all who met the end of the session share a log-in"
    tokens = org.sandbox.calls["token"]
    org.sandbox.account = "another"
    org.sandbox.auth.revoke()
    await org.hands["erp"].execute("update persons set tel = '+1 22' where mail like 'Batch%'")
    await org.daemon.said("and what is linked is in org", within=180)
    await org.until(lambda: _queued(org))
    assert org.in_org("contact", "Phone", "+1 22") == []
    org.evidence.saw("F21", org.sandbox.calls["token"] - tokens)  # log-ins that the other org let in
    org.sandbox.account = "sandbox"
    org.sandbox.auth.revoke()
    assert (await org.syncd("reload")).code == 0  # or it is tried again after half a minute
    await org.until(org.at_rest)
    assert len(org.in_org("contact", "Phone", "+1 22")) == MANY


async def _queued(org: SalesforceOrg) -> bool:
    return (await org.left()).get("outbox") == MANY


async def values_are_rewritten(org: SalesforceOrg) -> None:
    """F24: to lower case, trimmed, cut: one write and at most one more; the ERP keeps what it has."""
    told: list[Change] = []
    stop = org.sandbox.journal.subscribe(told.extend)
    org.sandbox.set_quirks(normalise={"Contact.Title": ["trim", "cut:20"]})
    long = "A title of more than twenty characters"
    await people_join(
        org, "ReWrite", 1, f"update persons set job = ' {long} ' where name = 'ReWrite ReWrite1'"
    )
    (id,) = await there(org, "rewrite", 1)
    assert org.of_org(id)["Title"] == long[:20]
    for n in range(2):
        sql = (
            f"update persons set job = ' {long} {n}', mail = 'ReWrite{n}@X.Example' where job like '%{long}%'"
        )
        await org.hands["erp"].execute(sql)
        await org.until(lambda n=n: _mail_is(org, id, f"rewrite{n}@x.example"))  # type: ignore[misc]
    await org.quiet()
    stop()
    org.evidence.saw("F24", org.sandbox.fired.counts["normalise"])
    writes = [change for change in told if change.id == id]
    assert len(writes) <= 3 + 1, "one write for each edit, and one more at most"
    assert await org.erp("select count(*) from persons where job = $1", f" {long} 1") == 1
    org.sandbox.set_quirks(normalise={})
    await org.hands["erp"].execute(f"update persons set job = 'Short' where job like '%{long}%'")
    await org.until(org.at_rest)


async def _mail_is(org: SalesforceOrg, id: str, mail: str) -> bool:
    return org.of_org(id)["Email"] == mail and not await org.left()


async def ids_are_odd(org: SalesforceOrg) -> None:
    """F36: ids that differ in the case of a letter, keys of odd characters, 15 characters in an error."""
    pair = [ids.whole(f"003gK00000ZZ{end}") for end in ("aBc", "AbC")]
    for n, id in enumerate(pair):
        fields = {"LastName": f"Twin{n}", "Email": f"twin{n}@x.example"}
        org.sandbox.people.edit("Contact", "create", id=id, fields=fields)
    odd = ["Ü/ö %2F", "a'b\"c", "<&>;--", "{x}\\n", "001gK0000000001"]
    rows = [(key, f"Odd {n}", f"Odd{n}@x.example") for n, key in enumerate(odd)]
    await org.hands["erp"].executemany(
        "insert into customers (cust_no, title, town) values ($1, $2, $3)", rows
    )
    await org.erp_says("select count(*) = 2 from persons where mail like 'twin_@x.example'")
    await org.hands["erp"].execute("update persons set job = mail where mail like 'twin_@x.example'")
    await org.until(org.at_rest)
    org.evidence.arm("F36", "lose_answer", object="Contact", route="batch")
    hidden = org.evidence.arm("F36", "hide_new", object="Contact", lists=True)
    await people_join(org, "Fifteen", 1)
    await there(org, "fifteen", 1)
    await org.reached(hidden)  # it may be there before the next look
    hidden.release()
    await org.until(org.at_rest)
    org.evidence.saw("F36", org.sandbox.fired.counts["taken_value"])
    assert [org.of_org(id)["Title"] for id in pair] == ["twin0@x.example", "twin1@x.example"]
    assert len(org.in_org("account", "BillingCity", "Odd4@x.example")) == 1


async def a_parent_takes_its_children(org: SalesforceOrg) -> None:
    """F51: people go with their firm in the org and stay in the ERP; many of them are held by the brake."""
    await org.hands["erp"].execute(
        """alter table persons drop constraint persons_customer_fkey, drop constraint persons_employer_fkey,
            add foreign key (customer) references customers on delete set null,
            add foreign key (employer) references customers on delete set null;
        insert into customers (cust_no, title) values ('few', 'Few'), ('many', 'Many');
        insert into persons (name, mail, customer) select 'A Child' || n, 'child' || n || '@x.example',
            case when n <= 3 then 'few' else 'many' end from generate_series(1, 63) n"""
    )
    children = await there(org, "child", 63)
    few = [id for id in children if org.of_org(id)["Email"] in {f"child{n}@x.example" for n in (1, 2, 3)}]
    await org.until(org.at_rest)
    hanging = org.evidence.arm("F51", "hang", object="Contact", route="write", ids=few)
    parent = org.in_org("account", "Name", "Few")
    deleting = org.evidence.arm("F51", "hang", route="write", ids=parent)
    await org.hands["erp"].execute("delete from customers where cust_no = 'few'")
    await org.reached(hanging)  # the write to the children is on its way before they are gone
    await org.reached(deleting)
    deleting.release()
    await org.until(lambda: _gone(org, "Few"))
    hanging.release()
    await org.until(lambda: _rests(org))
    assert {id for id in few if id in org.rows("contact")} == set()
    assert await org.erp("select count(*) from persons where mail like 'child%'") == 63
    await org.hands["erp"].execute("delete from customers where cust_no = 'many'")
    brake = await _held(org)
    assert brake["why"].endswith(", for 60 records of other kinds would go along"), brake
    assert org.in_org("account", "Name", "Many") != []
    assert (await org.syncd("brakes", "release", str(brake["brake"]))).code == 0
    await org.until(lambda: _gone(org, "Many"))
    await org.hands["erp"].execute("delete from persons where mail in ('child1@x.example', "
                                   "'child2@x.example', 'child3@x.example')")  # fmt: skip
    await org.until(org.at_rest)
    assert await there(org, "child", 60)


async def _gone(org: SalesforceOrg, name: str) -> bool:
    return org.in_org("account", "Name", name) == []


async def _rests(org: SalesforceOrg) -> bool:
    return not await org.left()


async def _held(org: SalesforceOrg) -> Any:
    """The brake that is pulled, once it is."""
    found: Sequence[Any] = ()

    async def pulled() -> bool:
        nonlocal found
        found = await org.cons["store"].fetch("select brake, why from brakes where ended is null")
        return bool(found)

    await org.until(pulled)
    (brake,) = found
    return brake
