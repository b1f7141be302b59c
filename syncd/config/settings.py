"""The configuration as the rest of syncd sees it: typed, frozen, with everything compiled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, Protocol, TypeAlias

from pydantic import BaseModel, Secret, SecretStr

from syncd.config.keys import key_of
from syncd.config.models import SecretsModel, ServiceModel
from syncd.config.places import Places
from syncd.config.problems import Path, Problem
from syncd.core.fieldmap import Direction, Drift
from syncd.core.nouns import Rule
from syncd.core.types import FieldType
from syncd.identity import Matcher
from syncd.mapping.compile import CompiledMap
from syncd.mapping.where import Where

Sealed: TypeAlias = Secret[dict[str, Any]]
"""A section that may hold resolved secrets; `get_secret_value()` opens it, nothing else shows it."""


class ExampleLike(Protocol):
    """Companies and contacts in a system, as a connector shows them: see `connectors.base.Example`."""

    @property
    def objects(self) -> Mapping[str, str]: ...
    @property
    def fields(self) -> Mapping[str, Mapping[str, str]]: ...
    @property
    def key_field(self) -> str: ...
    @property
    def hints(self) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class ConnectorOptions:
    """What a connector's own settings look like: pydantic models for a system, and for a kind in it.

    `archives` says how deletes may become archiving there: always (True), never (False), only where the
    named object option is set (its name), or unknown (None, not checked). `meters` says whether it can
    tell of the vendor's quota at all. `example` is what `syncd init` writes; None: any names.
    """

    options: type[BaseModel]
    object_options: type[BaseModel]
    archives: bool | str | None = None
    meters: bool | None = None
    example: ExampleLike | None = None


@dataclass(frozen=True, slots=True)
class OwnStrategy:
    """A strategy that a package announces: its `function`, or the `problem` that keeps it from loading."""

    package: str
    function: Callable[..., Any] | None = None
    problem: str | None = None


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

    `share` is the part of the vendor's quota that the daemon may use by itself, `reserve` the part that it
    leaves to people.

    `guard` is compare, read, none, or None: the connector's best.
    `section` holds the connector's own settings with secrets resolved, as its factory takes them.
    `webhooks` is None where none are taken.
    """

    name: str
    connector: str
    section: Sealed
    calls_per_second: float | None
    share: float | None
    reserve: float | None
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
    """How a kind lives in one object of a system. `create` is yes, matched_only or no.

    `map` is compiled without knowledge of the remote's types until `with_schema` has compiled `spec` anew.
    `others` are the kind's further objects in the system; `written` says where what they say of their own
    stands. `pointed` names the object that a remote reference field points into, where the remote tells one.
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
    written: Mapping[str, Path] = field(repr=False, default_factory=dict)
    others: tuple[KindSystemSettings, ...] = ()
    pointed: Mapping[str, str] = field(repr=False, default_factory=dict)
    where: Where | None = None

    @property
    def remote_fields(self) -> tuple[str, ...]:
        """All remote fields that are to be read: those mapped, and those that say which records take part."""
        names = self.where.names if self.where is not None else ()
        return tuple(dict.fromkeys((*self.map.remote_fields, *names)))

    @property
    def objects(self) -> tuple[KindSystemSettings, ...]:
        """All objects of the kind in this system, this one first."""
        return (self, *self.others)

    def path(self, kind: str, *steps: str) -> Path:
        """Where one of the object's words is written: `object`, `key_field`, or `fields` with its line."""
        return ("kinds", kind, "systems", self.system, *self.written.get(".".join(steps), steps))


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
class Flap:
    """A person is asked when systems would change a field in turn `count` times in `per` seconds."""

    count: int
    per: float


@dataclass(frozen=True, slots=True)
class Brakes:
    """A kind's brakes, for each of its systems; None: no brake."""

    create: Brake | None
    update: Brake | None
    delete: Brake | None
    flap: Flap | None = None


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

    @property
    def objects(self) -> tuple[KindSystemSettings, ...]:
        """All objects in which the kind lives."""
        return tuple(item for section in self.systems.values() for item in section.objects)


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """The daemon: where health and webhooks are listened for, and how it logs. `lease` in seconds."""

    host: str
    port: int
    hooks_host: str
    hooks_port: int
    log_level: str
    log_json: bool
    lease: float

    @property
    def call_seconds(self) -> float:
        """A call's time-out: shorter than the lease, so that the last write ends before a successor's."""
        return self.lease * 2 / 3

    @classmethod
    def of(cls, model: ServiceModel) -> ServiceSettings:
        listen, hooks, log = model.listen, model.webhooks, model.log
        places = (listen.host, listen.port, hooks.host, hooks.port)
        return cls(*places, log.level, log.json_, model.lease)


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    """How long the store keeps what is over, in seconds; None: for ever."""

    journal: float
    history: float | None
    commands: float
    tombstones: float | None


@dataclass(frozen=True, slots=True)
class SecretSettings:
    """The keys of 32 bytes under which tokens are kept: the present one, and those of before."""

    key: bytes | None = field(default=None, repr=False)
    old_keys: tuple[bytes, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, model: SecretsModel) -> SecretSettings:
        key = None if model.key is None else key_of(model.key.get_secret_value())
        return cls(key, tuple(key_of(old.get_secret_value()) for old in model.old_keys))


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
    secrets: SecretSettings
    config_hash: str
    warnings: tuple[Problem, ...]
    written: Mapping[str, Any] = field(repr=False)
    places: Places = field(repr=False, compare=False)
