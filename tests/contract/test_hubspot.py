"""The HubSpot connector under the contract, on its sandbox, plain and as its index and batches misbehave.

Two questions are put in HubSpot's own terms here: it declares no lengths and no whole numbers, and a
reference is an association, which has tests of its own: `firm` is a text that holds an id.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from connectors.base import Connector
from connectors.hubspot import HubSpotConnector
from connectors.sandboxes.clock import MovableClock
from syncd.core.nouns import Cursor, Op, Page
from tests.contract.hubspot_subject import HubSpotSubject
from tests.contract.mirror import Mirror
from tests.contract.receiving import ReceiveSuite
from tests.contract.subject import Subject
from tests.contract.suite import ContractSuite
from tests.contract.traps import TrapSuite

LAG = 20.0
"""Seconds by which the index lags behind."""
HOSTILE = {"trace_in_results": True, "page_cap": 3, "late_stamps": 2.0, "index_lag": LAG}
"""More than the named profile."""


class Suite(ContractSuite):
    async def test_describe_lists_objects_fields_and_references(self, subject: Subject) -> None:
        schema = await (await subject.connector()).describe()
        fields = schema.objects["people"].fields
        assert set(subject.fields) | {"syncd_key"} <= set(fields)
        assert fields["score"].type == "integer", "as the configuration says"
        assert fields["code"].length == 65_536
        assert fields["syncd_key"].unique


class Described(HubSpotSubject):
    """Webhooks name custom objects by a type id, which is learnt from their schemas."""

    async def make(self) -> Connector:
        made = await super().make()
        await made.describe()
        return made


class TestReceiving(ReceiveSuite):
    @pytest.fixture
    async def subject(self) -> AsyncIterator[Subject]:
        async with Described.running("plain") as subject:
            yield subject


class Patient(HubSpotConnector):
    """Polls at once, when the index shows how things were, and goes on from there once it has caught up."""

    clock: MovableClock

    async def read_changes(self, object: str, since: Cursor | None) -> AsyncIterator[Page]:
        for wait in (0.0, LAG):
            self.clock.advance(wait)
            async for page in super().read_changes(object, since):
                since = page.cursor
                yield page


class Lagging(HubSpotSubject):
    """A poll of the suite's is two, for what was done just before it is not in the index yet."""

    connects = Patient

    def _at(self, url: str, token: str) -> HubSpotConnector:
        made = super()._at(url, token)
        assert isinstance(made, Patient)
        made.clock, made.client.now = self.sandbox.clock, self.sandbox.clock.now
        return made


class TestPlain(Suite):
    @pytest.fixture
    async def subject(self) -> AsyncIterator[Subject]:
        async with HubSpotSubject.running("plain") as subject:
            yield subject


class TestHostile(Suite):
    @pytest.fixture
    async def subject(self) -> AsyncIterator[Subject]:
        async with Lagging.running("hostile", **HOSTILE) as subject:
            yield subject

    async def test_changes_after_a_cursor_and_then_quiet(self, subject: Subject) -> None:
        await super().test_changes_after_a_cursor_and_then_quiet(subject)
        assert isinstance(subject, Lagging)
        assert subject.sandbox.fired.counts["index_lag"] > 0


class TestTraps(TrapSuite):
    @pytest.fixture
    async def subject(self, trap: int) -> AsyncIterator[Subject]:
        async with HubSpotSubject.running("plain") as subject:
            yield subject

    async def _trap_11(self, subject: Subject, connector: Any, mirror: Mirror, ids: list[str]) -> None:
        """What is archived is deleted for certain; of a record that is found nowhere nothing is known."""
        await subject.hide(ids[7])
        assert await connector.fetch("people", [ids[7]]) == [], "hidden is not deleted"
        await mirror.poll()
        seen = await mirror.sweep()
        assert ids[7] not in seen
        assert ids[7] in mirror.rows, "hidden is not deleted"
        await subject.delete(ids[8])
        assert [c.op for c in await connector.fetch("people", [ids[8]])] == [Op.DELETE]


class Followed(HubSpotSubject):
    """Changes by the journal of webhooks, for an app by OAuth."""

    async def make(self) -> Connector:
        told = self.sandbox.ready()["auth"]
        auth = {name: told[name] for name in ("client_id", "client_secret", "refresh_token")}
        words = {**self.words, "url": self.sandbox.url, "auth": auth, "capture": "journal"}
        return HubSpotConnector("crm", words, self.specs())


class TestJournal(Suite):
    @pytest.fixture
    async def subject(self) -> AsyncIterator[Subject]:
        async with Followed.running("plain") as subject:
            yield subject
