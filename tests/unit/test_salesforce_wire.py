"""The messages of the Pub/Sub API, as both sides declare them, against those compiled from the proto file."""

from __future__ import annotations

from typing import Any

import pytest
from aiosfpubsub import pubsub_api_pb2 as compiled

from connectors.salesforce.events import messages
from connectors.salesforce.sandbox.pubsub import wire

SUBSCRIBING = ("TopicRequest", "TopicInfo", "SchemaRequest", "SchemaInfo", "FetchRequest", "FetchResponse")


def shape(message: Any) -> dict[str, tuple[int, int, bool, Any]]:
    """Fields by name: number, type, whether many, and what is nested in it."""
    found = {}
    for field in message.fields:
        nested = shape(field.message_type) if field.message_type is not None else None
        values = dict(field.enum_type.values_by_name) if field.enum_type is not None else {}
        numbers = {name: value.number for name, value in values.items()}
        found[field.name] = (field.number, field.type, field.is_repeated, nested or numbers)
    return found


@pytest.mark.parametrize("name", SUBSCRIBING)
@pytest.mark.parametrize("ours", [messages, wire], ids=["client", "sandbox"])
def test_messages_are_those_of_the_proto_file(ours: Any, name: str) -> None:
    declared, original = getattr(ours, name).DESCRIPTOR, compiled.DESCRIPTOR.message_types_by_name[name]
    assert declared.full_name == original.full_name
    assert shape(declared) == shape(original)


def test_the_service_and_its_presets_are_those_of_the_proto_file() -> None:
    service = compiled.DESCRIPTOR.services_by_name["PubSub"]
    assert f"/{service.full_name}" == messages.SERVICE
    assert service.full_name == wire.SERVICE
    presets = (compiled.LATEST, compiled.EARLIEST, compiled.CUSTOM)
    assert presets == (messages.LATEST, messages.EARLIEST, messages.CUSTOM)
    assert presets == (wire.LATEST, wire.EARLIEST, wire.CUSTOM)
