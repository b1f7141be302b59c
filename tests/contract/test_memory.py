"""The reference connector under the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from connectors.memory import Features
from connectors.memory.save import save
from connectors.memory.wire import Wire, Write
from syncd.core.nouns import PushOp
from tests.contract.memory_subject import MemorySubject
from tests.contract.receiving import ReceiveSuite
from tests.contract.subject import Subject
from tests.contract.suite import ContractSuite
from tests.contract.traps import TrapSuite

FEATURES = {
    "rich": Features(),
    "poor": Features(compare_and_set=False, upsert_key=False, stored_in_answer=False, deletes_reported=False),
    "partial": Features(partial_fields=True),
}


class TestPlain(ContractSuite):
    @pytest.fixture(params=FEATURES)
    async def subject(self, request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
        subject = MemorySubject(FEATURES[request.param])
        yield subject
        await subject.aclose()


class TestHostile(ContractSuite):
    @pytest.fixture
    async def subject(self) -> AsyncIterator[Subject]:
        subject = MemorySubject(hostile=True)
        yield subject
        await subject.aclose()


class TestReceiving(ReceiveSuite):
    @pytest.fixture(params=[False, True])
    async def subject(self, request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
        subject = MemorySubject(hostile=request.param)
        yield subject
        await subject.aclose()


class TestTraps(TrapSuite):
    @pytest.fixture
    async def subject(self) -> AsyncIterator[Subject]:
        subject = MemorySubject()
        yield subject
        await subject.aclose()

    async def ignores_unknown(self, subject: Subject) -> None:
        assert isinstance(subject, MemorySubject)
        (outcome,) = await save(Wire(subject.remote), "people", [Write(1, PushOp.CREATE, {"nonsense": 1})])
        assert outcome.error is None
