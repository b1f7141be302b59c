"""Each numbered trap alone: turned on, walked into, survived, and proven to have happened."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.core.errors import RetryLater
from syncd.core.nouns import Accepted, Op, Push, PushOp, Rejected, Stale
from tests.contract.mirror import Mirror
from tests.contract.subject import TRAPS, Subject
from tests.contract.suite import agrees, create, first, person, update, write


class TrapSuite:
    """Fails for a trap that neither fired nor is exempt with a reason."""

    @pytest.mark.parametrize("trap", TRAPS, ids=lambda n: f"{n:02}-{TRAPS[n].replace(' ', '-')}")
    async def test_trap(self, subject: Subject, trap: int) -> None:
        if trap in subject.exempt:
            pytest.skip(f"does not apply: {subject.exempt[trap]}")
        await subject.arm(trap)
        connector = await subject.connector()
        mirror = Mirror(connector, "people")
        await mirror.poll()  # of nothing, which some CRMs call an error
        ids = [await subject.create(person(n)) for n in range(12)]
        await mirror.poll()
        await self._stumble(subject, connector, mirror, ids)
        await self._special(trap, subject, connector, mirror, ids)
        await mirror.poll()
        await mirror.sweep()
        if trap != 11:
            await agrees(mirror, subject)
        assert trap in subject.fired, f"trap {trap} ({TRAPS[trap]}) never fired"

    async def _stumble(self, subject: Subject, connector: Any, mirror: Mirror, ids: list[str]) -> None:
        """What every trap is walked through with: ties, late commits, deletes, refused and good writes."""
        await subject.bulk_edit({"score": 1})
        commit = await subject.late(person(40))
        await subject.update(ids[1], {"code": "b"})
        await mirror.poll()
        await commit()
        await subject.delete(ids[5])
        await mirror.poll()
        got = await write(connector, create(60, **person(60)), create(61, **person(61, code="x" * 99)))
        assert isinstance(got[60], Accepted)
        assert isinstance(got[61], Rejected)
        believed = [Op.DELETE] if connector.capabilities.deletes_found_by_scan else []
        assert [c.op for c in await connector.fetch("people", [ids[5]])] == believed
        mirror.rows.pop(ids[5], None)

    async def _special(
        self, trap: int, subject: Subject, connector: Any, mirror: Mirror, ids: list[str]
    ) -> None:
        special = getattr(self, f"_trap_{trap}", None)
        if special is not None:
            await special(subject, connector, mirror, ids)

    async def _trap_4(self, subject: Subject, connector: Any, mirror: Mirror, ids: list[str]) -> None:
        before = dict(mirror.rows[ids[2]])
        await subject.update(ids[2], {"score": 1})
        await mirror.poll()
        assert mirror.rows[ids[2]] == before

    async def _trap_5(self, subject: Subject, connector: Any, mirror: Mirror, ids: list[str]) -> None:
        firm = await subject.create({"name": "ACME"}, "firms")
        await subject.update(ids[2], {"firm": firm})
        await mirror.poll()
        before = dict(mirror.rows[ids[2]])
        await subject.update(firm, {"name": "ACME 2"}, "firms")
        await mirror.poll()
        assert mirror.rows[ids[2]] == before

    async def _trap_6(self, subject: Subject, connector: Any, mirror: Mirror, ids: list[str]) -> None:
        await subject.silent_edit(ids[3], "unannounced")

    _trap_18 = _trap_6

    async def _trap_7(self, subject: Subject, connector: Any, mirror: Mirror, ids: list[str]) -> None:
        assert (await first(connector, ids[1])).occurred_at is None

    async def _trap_8(self, subject: Subject, connector: Any, mirror: Mirror, ids: list[str]) -> None:
        got = (await write(connector, update(70, ids[1], None, email=" LOUD@X.example ")))[70]
        assert isinstance(got, Accepted)
        assert (await first(connector, ids[1])).fields["email"] == "loud@x.example"
        assert got.stored.get("email", "loud@x.example") == "loud@x.example"

    async def _trap_9(self, subject: Subject, connector: Any, mirror: Mirror, ids: list[str]) -> None:
        await subject.archive(ids[4])
        push = Push(71, "people", PushOp.ARCHIVE, 71, 2, {}, remote_id=ids[6])
        assert connector.capabilities.archives
        assert isinstance((await write(connector, push))[71], Accepted)
        assert ids[6] in {c.remote_id for c in await connector.fetch("people", [ids[6]])}
        for archived in (ids[4], ids[6]):
            mirror.rows.pop(archived, None)

    async def _trap_11(self, subject: Subject, connector: Any, mirror: Mirror, ids: list[str]) -> None:
        await subject.hide(ids[7])
        await connector.describe()
        assert await connector.fetch("people", [ids[7]]) == [], "hidden is not deleted"
        await mirror.poll()
        seen = await mirror.sweep()
        assert ids[7] not in seen
        assert ids[7] in mirror.rows, "hidden is not deleted"
        assert not connector.capabilities.deletes_found_by_scan

    async def _trap_15(self, subject: Subject, connector: Any, mirror: Mirror, ids: list[str]) -> None:
        async with subject.lose_answer():
            with pytest.raises(RetryLater) as caught:
                await connector.write([create(80, **person(80))])
        assert caught.value.uncertain
        subject.fired.add(15)
        again = (await write(connector, create(80, **person(80))))[80]
        assert isinstance(again, Accepted)
        assert [r["name"] for r in (await subject.rows()).values()].count("name 80") == 1

    async def _trap_19(self, subject: Subject, connector: Any, mirror: Mirror, ids: list[str]) -> None:
        """A person edits another field while our write is on its way: neither edit is lost."""
        version = (await first(connector, ids[8])).remote_version
        await subject.update(ids[8], {"code": "person"})
        got = (await write(connector, update(90, ids[8], version, name="ours")))[90]
        assert isinstance(got, Stale)
        version = (await first(connector, ids[8])).remote_version
        got = (await write(connector, update(91, ids[8], version, name="ours")))[91]
        assert isinstance(got, Accepted)
        row = (await subject.rows())[ids[8]]
        assert (row["name"], row["code"]) == ("ours", "person")

    async def _trap_20(self, subject: Subject, connector: Any, mirror: Mirror, ids: list[str]) -> None:
        got = (await write(connector, create(95, name="x", email="q@x.example", nonsense=1)))[95]
        assert isinstance(got, Rejected)
        assert got.field == "nonsense"
        assert not any(r["email"] == "q@x.example" for r in (await subject.rows()).values())
        await self.ignores_unknown(subject)

    async def ignores_unknown(self, subject: Subject) -> None:
        """Show that the sandbox really ignores an unknown field that reaches it."""
