"""The messages of `eventbus.v1.PubSub` that a subscriber needs, declared while the module is loaded.

Names and field numbers are those of forcedotcom/pub-sub-api, pubsub_api.proto (CC0). The descriptors live in
a pool of their own, so that they meet no other copy in the process.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "eventbus.v1"
SERVICE = f"/{PACKAGE}.PubSub"
LATEST, EARLIEST, CUSTOM = 0, 1, 2
_KIND = descriptor_pb2.FieldDescriptorProto
_KINDS = {
    "string": _KIND.TYPE_STRING,
    "bytes": _KIND.TYPE_BYTES,
    "bool": _KIND.TYPE_BOOL,
    "int32": _KIND.TYPE_INT32,
    "preset": _KIND.TYPE_ENUM,
}
_MESSAGES = {
    "TopicRequest": "topic_name:string",
    "TopicInfo": "topic_name:string tenant_guid:string can_publish:bool can_subscribe:bool schema_id:string"
    " rpc_id:string",
    "SchemaRequest": "schema_id:string",
    "SchemaInfo": "schema_json:string schema_id:string rpc_id:string",
    "EventHeader": "key:string value:bytes",
    "ProducerEvent": "id:string schema_id:string payload:bytes headers:*EventHeader",
    "ConsumerEvent": "event:ProducerEvent replay_id:bytes",
    "FetchRequest": "topic_name:string replay_preset:preset replay_id:bytes num_requested:int32"
    " auth_refresh:string",
    "FetchResponse": "events:*ConsumerEvent latest_replay_id:bytes rpc_id:string pending_num_requested:int32",
}


def _declare() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="pubsub_api.proto", package=PACKAGE, syntax="proto3")
    preset = file.enum_type.add(name="ReplayPreset")
    for number, name in enumerate(("LATEST", "EARLIEST", "CUSTOM")):
        preset.value.add(name=name, number=number)
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, told in enumerate(fields.split(), 1):
            _field(message.field.add(), number, *told.split(":"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool


def _field(field: Any, number: int, name: str, kind: str) -> None:
    field.name, field.number = name, number
    field.label = _KIND.LABEL_REPEATED if kind.startswith("*") else _KIND.LABEL_OPTIONAL
    field.type = _KINDS.get(kind, _KIND.TYPE_MESSAGE)
    if kind == "preset":
        field.type_name = f".{PACKAGE}.ReplayPreset"
    elif kind not in _KINDS:
        field.type_name = f".{PACKAGE}.{kind.lstrip('*')}"


_POOL = _declare()


def _class(name: str) -> Any:
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"{PACKAGE}.{name}"))


TopicRequest = _class("TopicRequest")
TopicInfo = _class("TopicInfo")
SchemaRequest = _class("SchemaRequest")
SchemaInfo = _class("SchemaInfo")
FetchRequest = _class("FetchRequest")
FetchResponse = _class("FetchResponse")
