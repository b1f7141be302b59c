"""The contract of connectors that implement `CanReceive`. Subclass it beside `ContractSuite`.

The subject's `deliver` is the vendor: a sound delivery that names records; `sign` signs any body as it does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.base import CanReceive, Delivery, Refused
from syncd.core.nouns import Change, Op
from syncd.service.hookguards import key_of
from tests.contract.subject import Subject
from tests.contract.suite import first, person

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
GARBAGE = (
    b"",
    b"{",
    b"[]",
    b"[1]",
    b"null",
    b'"x"',
    b"\xff\xfe",
    b'{"events": 1}',
    b'{"events": [null]}',
    b'{"events": [{}]}',
    b"[" * 5000,
)


async def receiver(subject: Subject) -> Any:
    connector = await subject.connector()
    assert isinstance(connector, CanReceive)
    return connector


def refused(connector: Any, delivery: Delivery) -> str:
    """Why a delivery is refused; nothing but `Refused` gets out, and its message shows no header's value."""
    with pytest.raises(Refused) as caught:
        connector.receive(delivery)
    assert not any(value in str(caught.value) for value in delivery.headers.values() if len(value) > 4)
    reason: str = caught.value.reason
    return reason


def without(delivery: Delivery, *names: str) -> Delivery:
    return replace(delivery, headers={k: v for k, v in delivery.headers.items() if k not in names})


def told(changes: Sequence[Change]) -> list[tuple[str, str, Op]]:
    return [(c.object, c.remote_id, Op.DELETE if c.op is Op.DELETE else Op.TOUCH) for c in changes]


class ReceiveSuite:
    """Asked of every connector that takes webhooks."""

    async def test_a_sound_delivery_names_its_records(self, subject: Subject) -> None:
        one, two = await subject.create(person(1)), await subject.create(person(2))
        connector = await receiver(subject)
        delivery = subject.deliver([("updated", one), ("deleted", two)], NOW)
        assert told(connector.receive(delivery)) == [("people", one, Op.TOUCH), ("people", two, Op.DELETE)]
        assert connector.receive(delivery) == connector.receive(delivery), "it is pure"
        assert connector.receive(replace(delivery, received_at=NOW + timedelta(seconds=30)))

    async def test_a_version_that_it_tells_is_the_one_that_a_read_tells(self, subject: Subject) -> None:
        one = await subject.create(person(1))
        connector = await receiver(subject)
        version = (await first(connector, one)).remote_version
        (change,) = connector.receive(subject.deliver([("updated", one)], NOW, version=version))
        assert change.remote_version in (None, version)

    async def test_what_is_not_signed_by_the_vendor_is_refused(self, subject: Subject) -> None:
        connector = await receiver(subject)
        delivery = subject.deliver([("updated", "1")], NOW)
        for headers in ({}, {"x-signature": "", "authorization": ""}):
            assert refused(connector, replace(delivery, headers=headers)) == "unsigned"
        for name in connector.capabilities.delivery_headers or ():
            assert refused(connector, without(delivery, name)) in ("unsigned", "forged")
            for value in ("", "x", "é", "1", delivery.headers[name] + "0", delivery.headers[name][:-1]):
                wrong = replace(delivery, headers={**delivery.headers, name: value})
                assert refused(connector, wrong) in ("unsigned", "forged")

    async def test_what_was_changed_on_its_way_is_refused(self, subject: Subject) -> None:
        connector = await receiver(subject)
        if connector.capabilities.delivery_headers is None:
            pytest.skip("nothing is signed, and the connector says so")
        delivery = subject.deliver([("updated", "1")], NOW)
        for body in (delivery.body + b" ", delivery.body.replace(b"1", b"2"), b""):
            assert refused(connector, replace(delivery, body=body)) == "forged"

    async def test_what_is_too_old_or_from_the_future_is_refused(self, subject: Subject) -> None:
        connector = await receiver(subject)
        delivery = subject.deliver([("updated", "1")], NOW)
        if connector.capabilities.delivery_headers is None:
            pytest.skip("nothing is signed, and the connector says so")
        for away in (DAY, -DAY, timedelta(days=20_000)):
            assert refused(connector, replace(delivery, received_at=NOW + away)) == "stale"

    async def test_signed_garbage_is_refused(self, subject: Subject) -> None:
        connector = await receiver(subject)
        for body in GARBAGE:
            assert refused(connector, subject.sign(body, NOW)) == "malformed"

    async def test_a_delivery_is_told_from_others_and_known_again(self, subject: Subject) -> None:
        connector = await receiver(subject)
        headers = connector.capabilities.delivery_headers
        if headers is None:
            pytest.skip("nothing is signed, and the connector says so")
        delivery = subject.deliver([("updated", "1")], NOW)
        again = replace(
            delivery, headers={**delivery.headers, "x-request": "2"}, received_at=NOW + DAY / 1000
        )
        later = subject.deliver([("updated", "1")], NOW + timedelta(seconds=1))
        assert key_of(again, headers) == key_of(delivery, headers) != key_of(later, headers)
