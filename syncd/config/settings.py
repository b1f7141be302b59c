"""The configuration as the rest of syncd sees it: typed, frozen, with everything compiled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, TypeAlias

from pydantic import BaseModel, Secret, SecretStr

from syncd.config.models import ServiceModel
from syncd.config.places import Places
from syncd.config.problems import Problem
from syncd.core.fieldmap import Direction, Drift
from syncd.core.nouns import Rule
from syncd.core.types import FieldType
from syncd.identity import Matcher
from syncd.mapping.compile import CompiledMap

Sealed: TypeAlias = Secret[dict[str, Any]]
"""A section that may hold resolved secrets; `get_secret_value()` opens it, nothing else shows it."""


@dataclass(frozen=True, slots=True)
class ConnectorOptions:
    """What a connector's own settings look like: pydantic models for a system, and for a kind in it.

    `archives` says how deletes may become archiving there: always (True), never (False), only where the
    named object option is set (its name), or unknown (None, not checked).
    """

    options: type[BaseModel]
    object_options: type[BaseModel]
    archives: bool | str | None = None


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Where syncd keeps what it knows. `url` is None for the embedded store."""

    url: SecretStr | None = None

    @property
    def embedded(self) -> bool:
        return self.url is None


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """How webhooks are taken: `rate` a second and source address, at most `max_bytes` each.

    `tolerance` in seconds is how long a delivery is known again; the connector has it too.
    """

    rate: float
    max_bytes: int
    tolerance: float


@dataclass(frozen=True, slots=True)
class SystemSettings:
    """A remote. `poll`, `sweep` and `linger` in seconds; 0 is no lingering.

    `guard` is compare, read, none, or None: the connector's best.
    `section` holds the connector's own settings with secrets resolved, as its factory takes them.
    `webhooks` is None where none are taken.
    """

    name: str
    connector: str
    section: Sealed
    calls_per_second: float | None
    guard: str | None
    poll: float
    sweep: float
    linger: float
    webhooks: WebhookSettings | None

    def connector_settings(self) -> dict[str, Any]:
        """The connector's own settings, secrets in clear: hand them to the factory and to nobody else."""
        return self.section.get_secret_value()


@dataclass(frozen=True, slots=True)
class KindSystemSettings:
    """How a kind lives in one system. `create` is yes, matched_only or no.

    `map` is compiled without knowledge of the remote's types until `with_schema` has compiled `spec` anew.
    """

    system: str
    object: str
    map: CompiledMap = field(repr=False)
    key_field: str | None
    create: str
    direction: Direction
    poll: float
    sweep: float
    guard: str | None
    drift: Drift
    object_options: Mapping[str, Any] = field(repr=False)
    spec: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Deletes:
    """`policy`: propagate, archive, unlink, ignore. `against_edit`: ask, delete-wins, edit-wins."""

    policy: str
    against_edit: str


@dataclass(frozen=True, slots=True)
class Brake:
    """Writes are held when a window of `per` seconds would hold more than `count`, or than `share` of all."""

    count: int | None
    share: float | None
    per: float


@dataclass(frozen=True, slots=True)
class Brakes:
    """A kind's brakes, for each of its systems; None: no brake."""

    create: Brake | None
    update: Brake | None
    delete: Brake | None


@dataclass(frozen=True, slots=True)
class KindSettings:
    """A kind, compiled."""

    name: str
    field_types: Mapping[str, FieldType]
    matcher: Matcher
    rules: tuple[Rule, ...]
    deletes: Deletes
    brakes: Brakes
    systems: Mapping[str, KindSystemSettings]


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """The daemon: where health and webhooks are listened for, and how it logs."""

    host: str
    port: int
    hooks_host: str
    hooks_port: int
    log_level: str
    log_json: bool

    @classmethod
    def of(cls, model: ServiceModel) -> ServiceSettings:
        listen, hooks, log = model.listen, model.webhooks, model.log
        return cls(listen.host, listen.port, hooks.host, hooks.port, log.level, log.json_)


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    """How long the store keeps what is over, in seconds; None: for ever."""

    journal: float
    history: float | None
    commands: float
    tombstones: float | None


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole configuration. `config_hash` changes with its meaning, and tells nothing of its secrets.

    `written` is the merged tree as the files have it, references unresolved: the form to show or store.
    """

    path: FilePath
    store: StoreSettings
    state_dir: FilePath
    systems: Mapping[str, SystemSettings]
    kinds: Mapping[str, KindSettings]
    retention: RetentionSettings
    service: ServiceSettings
    config_hash: str
    warnings: tuple[Problem, ...]
    written: Mapping[str, Any] = field(repr=False)
    places: Places = field(repr=False, compare=False)
