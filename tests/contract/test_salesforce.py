"""The Salesforce connector under the contract, on its sandbox, plain and hostile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from syncd.core.nouns import Op
from tests.contract.mirror import Mirror
from tests.contract.salesforce_subject import SalesforceSubject
from tests.contract.subject import Subject
from tests.contract.suite import ContractSuite
from tests.contract.traps import TrapSuite


class TestPlain(ContractSuite):
    @pytest.fixture
    async def subject(self) -> AsyncIterator[Subject]:
        async with SalesforceSubject.running("plain") as subject:
            yield subject


class TestHostile(ContractSuite):
    @pytest.fixture
    async def subject(self) -> AsyncIterator[Subject]:
        async with SalesforceSubject.running("hostile") as subject:
            yield subject


class TestEvents(ContractSuite):
    @pytest.fixture
    async def subject(self) -> AsyncIterator[Subject]:
        async with SalesforceSubject.running("plain", capture="events") as subject:
            yield subject


class TestBulk(ContractSuite):
    @pytest.fixture
    async def subject(self) -> AsyncIterator[Subject]:
        async with SalesforceSubject.running("plain", bulk_above=1, bulk_writes_above=1) as subject:
            yield subject


class TestTraps(TrapSuite):
    @pytest.fixture
    async def subject(self, trap: int) -> AsyncIterator[Subject]:
        async with SalesforceSubject.running("plain") as subject:
            yield subject

    async def _trap_8(self, subject: Subject, connector: Any, mirror: Mirror, ids: list[str]) -> None:
        """What is sent in capitals and comes back without is normalised."""
        await super()._trap_8(subject, connector, mirror, ids)
        subject.fired.add(8)

    async def _trap_11(self, subject: Subject, connector: Any, mirror: Mirror, ids: list[str]) -> None:
        """What is in the recycle bin is deleted for certain; of a record that is nowhere nothing is known."""
        await subject.hide(ids[7])
        assert await connector.fetch("people", [ids[7]]) == [], "hidden is not deleted"
        await mirror.poll()
        seen = await mirror.sweep()
        assert ids[7] not in seen
        assert ids[7] in mirror.rows, "hidden is not deleted"
        await subject.delete(ids[8])
        assert [c.op for c in await connector.fetch("people", [ids[8]])] == [Op.DELETE]
