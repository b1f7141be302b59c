"""The sql connector under the contract, in each way of capture."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.conftest import FreshDatabase
from tests.contract.sql_subject import SqlSubject
from tests.contract.subject import Subject
from tests.contract.suite import ContractSuite
from tests.contract.traps import TrapSuite

CAPTURES = ("triggers", "updated_at", "scan")


class TestPlain(ContractSuite):
    @pytest.fixture(params=CAPTURES)
    async def subject(
        self, request: pytest.FixtureRequest, fresh_database: FreshDatabase
    ) -> AsyncIterator[Subject]:
        async with SqlSubject.running(request.param, await fresh_database()) as subject:
            yield subject


class TestHostile(ContractSuite):
    @pytest.fixture(params=CAPTURES)
    async def subject(
        self, request: pytest.FixtureRequest, fresh_database: FreshDatabase
    ) -> AsyncIterator[Subject]:
        async with SqlSubject.running(request.param, await fresh_database()) as subject:
            for trap in (1, 5):
                await subject.arm(trap)
            yield subject


class TestTraps(TrapSuite):
    @pytest.fixture(params=CAPTURES)
    async def subject(
        self, request: pytest.FixtureRequest, fresh_database: FreshDatabase
    ) -> AsyncIterator[Subject]:
        async with SqlSubject.running(request.param, await fresh_database()) as subject:
            yield subject
