"""A column renamed and put back under a running daemon."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.support.pair import Pair, run_sql
from tests.support.watching import Watch


async def test_a_renamed_column_holds_up_nothing_else_and_resumes_by_itself(
    tmp_path: Path, fresh_database: Callable[[], Awaitable[str]]
) -> None:
    pair = await Pair.make(tmp_path, fresh_database)
    await run_sql(pair.crm, "insert into companies (name, website) values ('Acme', 'acme.example')")
    async with (
        Watch.on(pair.erp, "orgs") as erp,
        Watch.on(pair.crm, "companies") as crm,
        pair.running() as daemon,
    ):
        await erp.until("select 1 from orgs where site = 'acme.example'")
        await erp.con.execute("alter table orgs rename site to web")
        await crm.con.execute("update companies set name = 'Acme Ltd', website = 'acme.test'")
        await erp.until("select 1 from orgs where title = 'Acme Ltd' and web = 'acme.example'")
        await erp.con.execute("update orgs set title = 'Acme Inc'")
        await crm.until("select 1 from companies where name = 'Acme Inc' and website = 'acme.test'")
        told = await pair.syncd("parked")
        assert "the field site of orgs is left alone" in " ".join(told.out.split())
        await erp.con.execute("alter table orgs rename web to site")
        await erp.until("select 1 from orgs where site = 'acme.test'")
        code, _ = await daemon.stop()
    assert code == 0
    assert daemon.log.count("site of orgs is left alone") == 1
    assert "ERROR" not in daemon.log
