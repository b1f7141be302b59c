"""F35: a parent is gone in a system that nobody has read since; its children are made, and it follows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from syncd.engine.reconcile import Reconciler
from syncd.store.store import Store
from tests.engine.conftest import MakePair
from tests.support.rig import Rig
from tests.support.salesforce import OrgRig


async def listed(rig: Rig) -> list[tuple[str, str | None]]:
    async with rig.world.store.read() as con:
        return [(row["code"], row["field"]) for row in await con.fetch("select code, field from parked")]


async def differences(rig: Rig) -> list[tuple[str | None, str]]:
    report = await Reconciler(rig.world, rig.keepers).run()
    return [(found.field, found.reason) for found in report.differences if found.what == "field"]


async def work_without_reading(rig: Rig, *streams: tuple[str, str]) -> None:
    """These streams are read, then everything is worked off that can be."""
    for place in streams:
        await rig.intakes[rig.stream(*place).id].read()
    for _ in range(4):  # refused; looked at; made; nothing
        await rig.work()


async def test_a_child_of_a_deleted_account_is_made_without_it(
    store: Store, fresh_database: Callable[[], Awaitable[str]], tmp_path: Path
) -> None:
    async with OrgRig.made(store, fresh_database, tmp_path, policy="ignore") as org:
        await org.con.execute("insert into firms (name) values ('Here'), ('Gone')")
        await org.rig.settle()
        accounts = {row.fields["Name"]: id for id, row in org.sandbox.people.rows("Account").items()}
        gone = accounts["Gone"]
        org.sandbox.people.edit("Account", "delete", id=gone)
        await org.con.execute(
            "insert into people (last, mail, firm) select 'P' || n, n || '@x.example', 1 + n % 2 "
            "from generate_series(1, 4) n"
        )
        calls = org.sandbox.calls["batch Contact"]
        await work_without_reading(org.rig, ("erp", "contact"))
        assert org.sandbox.calls["batch Contact"] == calls + 2, "those that were refused are made once more"
        firms = sorted(str(fields["AccountId"]) for fields in org.contacts().values())
        assert firms == sorted(["None", "None", accounts["Here"], accounts["Here"]])
        assert await listed(org.rig) == []
        assert await differences(org.rig) == [("firm", "blocked")] * 2
        assert await org.rig.settle() == 0
        org.sandbox.people.edit("Account", "restore", id=gone)
        assert await org.rig.settle() == 2
        assert sorted(str(fields["AccountId"]) for fields in org.contacts().values()) == sorted(
            [gone, gone, accounts["Here"], accounts["Here"]]
        )
        assert await differences(org.rig) == []


async def test_a_reference_that_is_refused_for_another_reason_is_left_out_nowhere(
    store: Store, fresh_database: Callable[[], Awaitable[str]], tmp_path: Path
) -> None:
    """The account is there, and looked at once: the contact waits as it is, for a person."""
    async with OrgRig.made(store, fresh_database, tmp_path) as org:
        rule = {"object": "Contact", "condition": "AccountId != null", "message": "No", "field": "AccountId"}
        org.sandbox.set_quirks(validation=[rule])
        await org.con.execute("insert into firms (name) values ('Here')")
        await org.con.execute("insert into people (last, firm) values ('P', 1)")
        await org.rig.settle()
        assert org.contacts() == {}
        assert await listed(org.rig) == [("FIELD_CUSTOM_VALIDATION_EXCEPTION", "AccountId")]
        calls = org.sandbox.calls["batch Contact"]
        assert calls == 2
        assert await org.rig.settle() == 0
        assert org.sandbox.calls["batch Contact"] == calls
        org.sandbox.set_quirks(validation=[])
        await org.con.execute("update people set job = 'Mended'")
        await org.rig.settle()
        (contact,) = org.contacts().values()
        assert contact["AccountId"] in org.sandbox.people.rows("Account")
        assert await listed(org.rig) == []


async def test_a_reference_that_must_be_is_never_left_out(pair: MakePair) -> None:
    """A foreign key that may not be empty: the child is listed whole, and made when its parent is back."""
    p = await pair(capture="triggers", deletes="{policy: ignore}")
    await p.crm.execute("insert into company (name) values ('Acme')")
    await p.rig.settle()
    firm = await p.row("erp", "delete from firms returning *")
    await p.erp.execute("alter table people add check (firm is not null)")
    await p.crm.execute("insert into contact (email, last, company_id) values ('a@b.org', 'Ek', 1)")
    await work_without_reading(p.rig, ("crm", "contact"))
    assert [code for code, _ in await listed(p.rig)] == ["23514"]
    assert await p.one("erp", "select count(*) from people") == 0
    await _back(p, firm)
    await p.rig.sweep("erp")
    await p.rig.settle()
    assert await p.one("erp", "select title from people join firms on firm = firm_no") == "Acme"
    assert await listed(p.rig) == []


async def _back(p: Any, firm: Any) -> None:
    await p.erp.execute("insert into firms values ($1, $2, $3, $4)", *firm.values())
