"""The service's messages, built from their field numbers (forcedotcom/pub-sub-api, pubsub_api.proto; CC0)."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

SERVICE = "eventbus.v1.PubSub"
LATEST, EARLIEST, CUSTOM = range(3)
_TEXT, _BYTES = FieldDescriptorProto.TYPE_STRING, FieldDescriptorProto.TYPE_BYTES
_TRUTH, _NUMBER = FieldDescriptorProto.TYPE_BOOL, FieldDescriptorProto.TYPE_INT32
_Told = tuple[str, int, Any, bool]


class _File:
    """The file of one package, as it grows."""

    def __init__(self) -> None:
        self.proto = FileDescriptorProto(name="sandbox/pubsub.proto", package="eventbus.v1", syntax="proto3")

    def enum(self, name: str, *values: str) -> None:
        made = self.proto.enum_type.add(name=name)
        for number, value in enumerate(values):
            made.value.add(name=value, number=number)

    def message(self, name: str, *fields: _Told) -> None:
        made = self.proto.message_type.add(name=name)
        for field, number, kind, many in fields:
            told = made.field.add(name=field, number=number)
            told.label = FieldDescriptorProto.LABEL_REPEATED if many else FieldDescriptorProto.LABEL_OPTIONAL
            if isinstance(kind, int):
                told.type = kind
            else:
                enum = kind == "ReplayPreset"
                told.type = FieldDescriptorProto.TYPE_ENUM if enum else FieldDescriptorProto.TYPE_MESSAGE
                told.type_name = f".eventbus.v1.{kind}"


def _one(name: str, number: int, kind: Any) -> _Told:
    return name, number, kind, False


def _many(name: str, number: int, kind: Any) -> _Told:
    return name, number, kind, True


def _pool() -> DescriptorPool:
    file = _File()
    file.enum("ReplayPreset", "LATEST", "EARLIEST", "CUSTOM")
    file.message("TopicRequest", _one("topic_name", 1, _TEXT))
    file.message(
        "TopicInfo",
        _one("topic_name", 1, _TEXT),
        _one("tenant_guid", 2, _TEXT),
        _one("can_publish", 3, _TRUTH),
        _one("can_subscribe", 4, _TRUTH),
        _one("schema_id", 5, _TEXT),
        _one("rpc_id", 6, _TEXT),
    )
    file.message("SchemaRequest", _one("schema_id", 1, _TEXT))
    file.message(
        "SchemaInfo", _one("schema_json", 1, _TEXT), _one("schema_id", 2, _TEXT), _one("rpc_id", 3, _TEXT)
    )
    file.message("EventHeader", _one("key", 1, _TEXT), _one("value", 2, _BYTES))
    file.message(
        "ProducerEvent",
        _one("id", 1, _TEXT),
        _one("schema_id", 2, _TEXT),
        _one("payload", 3, _BYTES),
        _many("headers", 4, "EventHeader"),
    )
    file.message("ConsumerEvent", _one("event", 1, "ProducerEvent"), _one("replay_id", 2, _BYTES))
    file.message(
        "FetchRequest",
        _one("topic_name", 1, _TEXT),
        _one("replay_preset", 2, "ReplayPreset"),
        _one("replay_id", 3, _BYTES),
        _one("num_requested", 4, _NUMBER),
        _one("auth_refresh", 5, _TEXT),
    )
    file.message(
        "FetchResponse",
        _many("events", 1, "ConsumerEvent"),
        _one("latest_replay_id", 2, _BYTES),
        _one("rpc_id", 3, _TEXT),
        _one("pending_num_requested", 4, _NUMBER),
    )
    pool = DescriptorPool()
    pool.Add(file.proto)
    return pool


_KNOWN = _pool()


def _made(name: str) -> Any:
    return GetMessageClass(_KNOWN.FindMessageTypeByName(f"eventbus.v1.{name}"))


TopicRequest, TopicInfo = _made("TopicRequest"), _made("TopicInfo")
SchemaRequest, SchemaInfo = _made("SchemaRequest"), _made("SchemaInfo")
ConsumerEvent, ProducerEvent = _made("ConsumerEvent"), _made("ProducerEvent")
FetchRequest, FetchResponse = _made("FetchRequest"), _made("FetchResponse")
