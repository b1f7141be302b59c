"""The rest connector under the contract, on the plain CRM's sandbox, plain and hostile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.contract.rest_subject import RestSubject
from tests.contract.subject import Subject
from tests.contract.suite import ContractSuite
from tests.contract.traps import TrapSuite


class TestPlain(ContractSuite):
    @pytest.fixture
    async def subject(self) -> AsyncIterator[Subject]:
        async with RestSubject.running("plain") as subject:
            yield subject


class TestHostile(ContractSuite):
    @pytest.fixture
    async def subject(self) -> AsyncIterator[Subject]:
        async with RestSubject.running("hostile", single_name=False, prefixes=False) as subject:
            yield subject


class TestTraps(TrapSuite):
    @pytest.fixture
    async def subject(self, trap: int) -> AsyncIterator[Subject]:
        more: dict[str, Any] = {9: {"archives": True}, 22: {"prefixes": False}}.get(trap, {})
        async with RestSubject.running("plain", **more) as subject:
            yield subject

    async def ignores_unknown(self, subject: Subject) -> None:
        assert isinstance(subject, RestSubject)
        async with aiohttp.ClientSession(subject.sandbox.url) as session:
            token = {"Authorization": f"Bearer {subject.sandbox.auth.options.token}"}
            body = {"name": "x", "nonsense": 1}
            async with session.post("/api/people", json=body, headers=token) as answer:
                assert answer.status == 201
