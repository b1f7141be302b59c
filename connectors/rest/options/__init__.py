"""The words of a `connector: rest` system: pydantic models, one file per part."""

from connectors.rest.options.auth import (
    BasicWords,
    BearerWords,
    HeaderWords,
    JwtWords,
    OAuthWords,
    QueryWords,
    SessionWords,
)
from connectors.rest.options.calls import (
    BatchWords,
    Calls,
    CallWords,
    ListWords,
    PagingWords,
    RequestWords,
    WriteWords,
)
from connectors.rest.options.records import (
    ErrorRule,
    ErrorWords,
    FeedWords,
    FieldWords,
    RecordWords,
    SchemaWords,
    ValueWords,
)
from connectors.rest.options.system import (
    ObjectWords,
    RestObjectOptions,
    RestOptions,
    TlsWords,
    merged,
)
from connectors.rest.options.webhooks import VerifyWords, WebhookWords

__all__ = [
    "BasicWords",
    "BatchWords",
    "BearerWords",
    "CallWords",
    "Calls",
    "ErrorRule",
    "ErrorWords",
    "FeedWords",
    "FieldWords",
    "HeaderWords",
    "JwtWords",
    "ListWords",
    "OAuthWords",
    "ObjectWords",
    "PagingWords",
    "QueryWords",
    "RecordWords",
    "RequestWords",
    "RestObjectOptions",
    "RestOptions",
    "SchemaWords",
    "SessionWords",
    "TlsWords",
    "ValueWords",
    "VerifyWords",
    "WebhookWords",
    "WriteWords",
    "merged",
]
