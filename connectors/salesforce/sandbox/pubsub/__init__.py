"""The sandbox's Pub/Sub API: change events of the org over gRPC, as Avro, with replay and flow control.

`server.PubSub.serving` listens to the org's journal and serves `eventbus.v1.PubSub` (GetTopic, GetSchema,
Subscribe; the others are UNIMPLEMENTED) on 127.0.0.1; what it yields joins the ready line: `pubsub`
(host:port) and `org_id`. With `--tls` it shows the certificate of the REST side.

The way of a change: `capture` makes one event of each change of a transaction (alike changes share one, what
is beyond the threshold becomes an overflow), `encode` writes it by the schema that `schemas` makes of the
object, `faults` may bend it, the `bus` gives it a replay id and keeps it for the retention time, `subscribe`
hands it to those who asked. `EVENT_FAULTS` are the faults that this adds to the kit's.

Needs grpcio, protobuf and fastavro (`syncd[salesforce]`); `lacking()` says if they are missing.

Sources: Pub/Sub API guide (Subscribe RPC Method, Pull Subscription and Flow Control, Handle Errors, Event
Message Durability, Event Deserialization Considerations) and pubsub_api.proto of forcedotcom/pub-sub-api;
Change Data Capture Developer Guide (ChangeEventHeader Fields, Change Event Body Fields, Get Compound Fields
in Change Events, Merged Change Events, Gap Events, Overflow Events, Lead Conversion).
"""

from __future__ import annotations

import os
from importlib.util import find_spec

from connectors.salesforce.sandbox.pubsub.faults import EVENT_FAULTS
from connectors.salesforce.sandbox.pubsub.options import PubSubOptions

os.environ.setdefault("GRPC_VERBOSITY", "ERROR")  # else gRPC tells standard error of each lost connection
__all__ = ["EVENT_FAULTS", "PubSubOptions", "lacking"]


def lacking() -> bool:
    """Whether the libraries are missing that it needs."""
    try:
        return any(find_spec(name) is None for name in ("grpc", "fastavro", "google.protobuf"))
    except ModuleNotFoundError:  # the parent of the last one
        return True
