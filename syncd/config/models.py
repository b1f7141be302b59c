"""The shape of the configuration file: the one source of checks, JSON Schema and hints."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    SecretStr,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from syncd.config.keys import is_key
from syncd.config.units import (
    DURATION_SCHEMA,
    Age,
    Create,
    Duration,
    FieldName,
    KindName,
    Share,
    SystemName,
    seconds,
)


class Section(BaseModel):
    """A part of the file: unknown keys are problems."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Open(BaseModel):
    """A part of the file whose further keys belong to the connector."""

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)


Direction = Literal["both", "in", "out"]
Guard = Literal["compare", "read", "none"]
Drift = Literal["restore", "leave"]
Policy = Literal["propagate", "archive", "unlink", "ignore"]
AgainstEdit = Literal["ask", "delete-wins", "edit-wins"]


class QuotaModel(Section):
    """How much of a system's capacity syncd may use."""

    share: Share | None = Field(
        default=None, description="The part of the vendor's quota that syncd may use."
    )
    reserve: Share | None = Field(
        default=None, description="The part of the quota kept for a person's commands."
    )
    calls_per_second: float | None = Field(default=None, gt=0, description="Requests per second, at most.")

    @model_validator(mode="after")
    def possible(self) -> Self:
        if (self.share or 0) + (self.reserve or 0) > 1:
            raise ValueError("shares out more than there is; share and reserve together are 100% at most")
        return self


class WebhooksModel(Open):
    """How a system's webhooks are taken. Keys beside these belong to its connector."""

    rate: float = Field(
        default=100.0, ge=1, description="Deliveries per second from one address, at most; more get a 429."
    )
    max_bytes: int = Field(default=1_048_576, ge=1, description="The longest delivery in bytes.")
    tolerance: Duration = Field(
        default=300.0, description="How old a signature may be, and how long a delivery is known again."
    )


class SystemModel(Open):
    """A remote and how to reach it. Keys beside these belong to its connector."""

    connector: str = Field(description="The vendor's connector; `syncd connectors` lists those installed.")
    quota: QuotaModel = Field(
        default=QuotaModel(), description="How much of the system's capacity may be used."
    )
    guard: Guard | None = Field(
        default=None, description="How an overwrite is guarded: compare-and-set, read first, none."
    )
    poll: Duration | None = Field(default=None, description="How often changes are asked for, such as 30s.")
    sweep: Duration | None = Field(default=None, description="How often everything is compared, such as 1d.")
    linger: Duration | None = Field(
        default=None,
        description="How long writes to it, and reads of single records, may wait for company, such as 1s.",
    )
    webhooks: WebhooksModel | None = Field(
        default=None, description="How its webhooks are taken, on `/hooks/SYSTEM`; absent: not at all."
    )


def as_list(value: Any) -> Any:
    """One word as a list of one."""
    return [value] if isinstance(value, str) else value


def as_objects(value: Any) -> Any:
    """One object or a list of them, each a name or a mapping, as a list of mappings."""
    items = value if isinstance(value, list) else [value]
    return [{"name": item} if isinstance(item, str) else item for item in items]


WORDS = {"type": "array", "items": {"type": "string"}, "minItems": 1}
FieldList = Annotated[
    list[FieldName],
    Field(min_length=1),
    BeforeValidator(as_list),
    WithJsonSchema({"anyOf": [{"type": "string"}, WORDS]}),
]


class ObjectModel(Open):
    """One of several objects of a kind in one system, with what differs. Further keys are the connector's."""

    name: str = Field(min_length=1, description="The vendor's name of the object.")
    fields: dict[str, Any] = Field(
        default={}, description="The fields in which this object differs; null: it has no such field."
    )
    key_field: str | None = Field(default=None, min_length=1, description="Overrides the kind's key_field.")
    where: str | None = Field(default=None, description="Overrides the kind's where; `true` takes all.")
    create: Create | None = Field(
        default=None, description="Whether new records are made here; the first object's if absent."
    )


OBJECT_SCHEMA = {"anyOf": [{"type": "string", "minLength": 1}, ObjectModel.model_json_schema()]}
Objects = Annotated[
    list[ObjectModel],
    Field(min_length=1),
    BeforeValidator(as_objects),
    WithJsonSchema({"anyOf": [OBJECT_SCHEMA, {"type": "array", "items": OBJECT_SCHEMA, "minItems": 1}]}),
]


class KindSystemModel(Open):
    """How a kind lives in one system. Keys beside these belong to the connector."""

    object: Objects = Field(description="The vendor's name of the kind, such as a table.")
    fields: dict[str, Any] = Field(description="Our field: the remote one, or a mapping with `to`.")
    key_field: str | None = Field(default=None, min_length=1, description="A unique remote field for our id.")
    create: Create = Field(default="yes", description="Whether records may be created there.")
    where: str | None = Field(
        default=None, description="Which remote records take part: an expression over their fields."
    )
    direction: Direction = Field(default="both", description="in: only read; out: only written.")
    poll: Duration | None = Field(default=None, description="Overrides the system's poll.")
    sweep: Duration | None = Field(default=None, description="Overrides the system's sweep.")
    guard: Guard | None = Field(default=None, description="Overrides the system's guard.")
    drift: Drift = Field(default="restore", description="What to do when an `out` field is edited there.")


def as_skew(value: Any) -> float | dict[str, float]:
    """One duration, or one per system, in seconds."""
    if isinstance(value, dict):
        return {str(system): seconds(item) for system, item in value.items()}
    return seconds(value)


Skew = Annotated[
    float | dict[str, float],
    PlainValidator(as_skew),
    WithJsonSchema({"anyOf": [DURATION_SCHEMA, {"type": "object", "additionalProperties": DURATION_SCHEMA}]}),
]


class RuleModel(Section):
    """Who wins which fields."""

    fields: FieldList | None = Field(default=None, description="The fields it speaks of; absent: all.")
    when: str | None = Field(default=None, description="An expression: whether the rule applies.")
    strategy: str = Field(description="How the winner is found.")
    systems: list[str] | None = Field(default=None, min_length=1, description="For prefer: the best first.")
    skew: Skew | None = Field(
        default=None, description="For newest, oldest and your own: how far clocks may be apart."
    )
    args: dict[str, Any] | None = Field(default=None, description="For your own strategies: what they take.")


class DeletesModel(Section):
    """What the other systems do when one deletes."""

    policy: Policy = Field(default="ignore", description="What the other systems do when one deletes.")
    against_edit: AgainstEdit = Field(
        default="ask", description="When one system deletes what another edits."
    )


class BrakeModel(Section):
    """When writes are held until a person looks: so many, or such a share of the records, in a window."""

    count: int | None = Field(default=None, ge=0, description="Writes per window, at most.")
    share: Share | None = Field(default=None, description="Share of the kind's records per window, at most.")
    per: Duration = Field(default=3600.0, description="The window; 1h if absent.")

    @model_validator(mode="after")
    def limited(self) -> Self:
        if self.count is None and self.share is None:
            raise ValueError("has no limit; add a count, such as 50, or a share, such as 2%")
        return self


class FlapModel(Section):
    """When a field that systems change in turn, each over what it was told, is left to a person."""

    count: int = Field(default=4, ge=0, description="Turns per window; the last is not taken. 0: any number.")
    per: Duration = Field(default=3600.0, description="The window; 1h if absent.")


class BrakesModel(Section):
    """The brakes of a kind, for each of its systems."""

    create: BrakeModel | None = Field(default=None, description="Holds creates; none if absent.")
    update: BrakeModel | None = Field(default=None, description="Holds updates; none if absent.")
    delete: BrakeModel = Field(
        default=BrakeModel(count=50, share=0.1), description="Holds deletes; 50 or 10% an hour if absent."
    )
    flap: FlapModel = Field(
        default=FlapModel(),
        description="Freezes a field that systems change in turn; 4 turns an hour if absent.",
    )


class KindModel(Section):
    """A kind of record that is kept the same."""

    fields: dict[FieldName, Any] = Field(min_length=1, description="Our fields and their types.")
    match: list[FieldList] = Field(
        default=[], description="What makes two records one: the first that decides."
    )
    systems: dict[str, KindSystemModel] = Field(min_length=1, description="Where the kind lives.")
    conflicts: list[RuleModel] = Field(
        default=[], description="Who wins: the first that decides, else a person."
    )
    deletes: DeletesModel = Field(
        default=DeletesModel(), description="What happens when a record is deleted."
    )
    brakes: BrakesModel = Field(default=BrakesModel(), description="When writes wait for a person.")


def host_and_port(value: Any) -> Any:
    """The short form `127.0.0.1:8686` as host and port."""
    if isinstance(value, str):
        host, colon, port = value.rpartition(":")
        return {"host": host.strip("[]"), "port": port} if colon else {"host": value}
    return value


def place_schema(port: int) -> dict[str, Any]:
    """`host:port`, or both apart."""
    parts = {
        "host": {"type": "string", "default": "127.0.0.1"},
        "port": {"type": "integer", "minimum": 0, "maximum": 65535, "default": port},
    }
    text = {"type": "string", "pattern": r"^.+:\d+$", "description": "host:port"}
    return {"anyOf": [text, {"type": "object", "additionalProperties": False, "properties": parts}]}


class ListenModel(Section):
    """Where /healthz, /readyz and /metrics answer."""

    host: str = Field(default="127.0.0.1", min_length=1, description="The address to listen on.")
    port: int = Field(default=8686, ge=0, le=65535, description="The port; 0 takes a free one.")


class HooksModel(ListenModel):
    """Where webhooks are taken."""

    port: int = Field(default=8687, ge=0, le=65535, description="The port; 0 takes a free one.")


Listen = Annotated[ListenModel, BeforeValidator(host_and_port), WithJsonSchema(place_schema(8686))]
Hooks = Annotated[HooksModel, BeforeValidator(host_and_port), WithJsonSchema(place_schema(8687))]


Level = Literal["trace", "debug", "info", "warning", "error"]


class LogModel(Section):
    """What the daemon logs."""

    level: Level = Field(default="info", description="From which level.")
    json_: bool = Field(default=False, alias="json", description="One JSON object a line, for machines.")


SHORTEST_LEASE = 3.0


class ServiceModel(Section):
    """The daemon itself."""

    listen: Listen = Field(default=ListenModel(), description="Where health and metrics answer.")
    webhooks: Hooks = Field(
        default=HooksModel(), description="Where webhooks are taken, if any system has some."
    )
    log: LogModel = Field(default=LogModel(), description="What is logged, and how.")
    lease: Duration = Field(
        default="30s",
        validate_default=True,
        description="How long a daemon that stalls keeps the store from another one; a call to a system may "
        "take two thirds of it. At least 3s.",
    )

    @field_validator("lease")
    @classmethod
    def long_enough(cls, lease: float) -> float:
        if lease < SHORTEST_LEASE:
            raise ValueError(
                f"is too short: it is renewed every third of it; write {SHORTEST_LEASE:.0f}s or more"
            )
        return lease


class RetentionModel(Section):
    """How long the store keeps what is over. What is open, due or waits for a person stays for ever."""

    journal: Duration = Field(default="30d", validate_default=True, description="What came in, as it came.")
    history: Age = Field(
        default="365d",
        validate_default=True,
        description="Versions of records, decided conflicts; of each field the last value before that stays.",
    )
    commands: Duration = Field(
        default="30d", validate_default=True, description="What people asked the daemon, once done."
    )
    tombstones: Age = Field(
        default="365d",
        validate_default=True,
        description="Records deleted everywhere, with their history; not shorter than the journal.",
    )

    @model_validator(mode="after")
    def outliving(self) -> Self:
        if self.tombstones is not None and self.tombstones < self.journal:
            raise ValueError(
                "keeps tombstones for a shorter time than the journal: what it holds could bring the dead "
                "back; raise tombstones, or lower journal"
            )
        return self


Key = Annotated[SecretStr, AfterValidator(is_key)]


class SecretsModel(Section):
    """How tokens that syncd keeps are encrypted (AES-256-GCM)."""

    key: Key | None = Field(
        default=None,
        description="32 random bytes in base64, as a reference; absent: the variable SYNCD_KEY, if set.",
    )
    old_keys: list[Key] = Field(
        default=[], description="Keys of before: what they encrypted can be read, and moves to the new key."
    )


class Root(Section):
    """syncd's configuration."""

    store: str = Field(
        default="embedded", description='"embedded", or the postgresql:// URL of your database.'
    )
    state: str = Field(
        default=".syncd", min_length=1, description="The folder for what syncd keeps, beside this file."
    )
    systems: dict[SystemName, SystemModel] = Field(min_length=1, description="The remotes, by name.")
    kinds: dict[KindName, KindModel] = Field(min_length=1, description="What is kept the same.")
    retention: RetentionModel = Field(
        default_factory=RetentionModel, description="How long the past is kept."
    )
    service: ServiceModel = Field(default=ServiceModel(), description="The daemon itself.")
    secrets: SecretsModel = Field(
        default=SecretsModel(), description="The key of the tokens that `syncd connect` keeps."
    )
