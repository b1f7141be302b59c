"""From files to settings: every step reports what it finds, and only a file without problems is accepted."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from syncd.config.crosschecks import cross_check
from syncd.config.files import read_files
from syncd.config.hashing import config_hash
from syncd.config.keys import add_from
from syncd.config.kinds import Draft, draft_kind, kind_settings
from syncd.config.models import KindModel, Root
from syncd.config.notyet import refuse_not_yet
from syncd.config.places import Report, in_order
from syncd.config.plainsecrets import find_plain
from syncd.config.problems import InvalidConfig
from syncd.config.secrets import Resolver, scrubbed
from syncd.config.settings import (
    ConnectorOptions,
    OwnStrategy,
    RetentionSettings,
    SecretSettings,
    ServiceSettings,
    Settings,
    StoreSettings,
)
from syncd.config.systems import check_objects, check_system, system_settings
from syncd.config.validate import check, salvage

NONE: Mapping[str, OwnStrategy] = {}


def load(
    path: str | os.PathLike[str],
    connector_options: Mapping[str, ConnectorOptions],
    env: Mapping[str, str] = os.environ,
    strategies: Mapping[str, OwnStrategy] = NONE,
) -> Settings:
    """The settings of a file or a folder of files.

    `connector_options` are the installed connectors by name, `env` the variables for `${env:NAME}`, and
    `strategies` those that packages bring along, by name.
    Raises `InvalidConfig`, a `ConfigError` with all `problems`. Touches nothing but the files named.
    """
    source = FilePath(path)
    written, report = read_files(source)
    folder = source if source.is_dir() else source.parent
    resolver = Resolver(env, folder, report)
    secret = find_plain(written, {name: known.options for name, known in connector_options.items()}, report)
    tree = resolver.tree(written)
    add_from(env, tree, report, secret)
    work = Work(tree, report, connector_options, strategies)
    work.check()
    secret |= resolver.found
    if report.problems:
        raise InvalidConfig(in_order(scrubbed(report.problems, secret)))
    return work.settings(
        source, folder.absolute(), written, tuple(in_order(scrubbed(report.warnings, secret)))
    )


@dataclass(slots=True)
class Work:
    """One load: the resolved tree, the report, and what is compiled so far."""

    tree: dict[str, Any]
    report: Report
    connectors: Mapping[str, ConnectorOptions]
    strategies: Mapping[str, OwnStrategy]
    drafts: dict[str, Draft] = field(default_factory=dict)

    def check(self) -> None:
        """Run every check, each as far as the problems found before let it."""
        refuse_not_yet(self.tree, self.report)
        check(Root, self.tree, (), self.report)
        check_store(self.tree.get("store"), self.report)
        systems, kinds = self.section("systems"), self.section("kinds")
        found: dict[str, ConnectorOptions] = {}
        for name, data in systems.items():
            known = check_system(name, data, self.connectors, self.report)
            if known is not None:
                found[name] = known
        for name, data in kinds.items():
            check_objects(name, data, found, self.report)
            model = salvage(KindModel, data)
            if model is not None:
                self.drafts[name] = draft_kind(name, model, data, self.report, self.strategies)
        cross_check(self.drafts, systems, kinds, found, self.report)

    def section(self, name: str) -> dict[str, Any]:
        data = self.tree.get(name)
        return data if isinstance(data, dict) else {}

    def settings(
        self, source: FilePath, folder: FilePath, written: dict[str, Any], warnings: tuple[Any, ...]
    ) -> Settings:
        """The settings; only for a tree without problems."""
        root = Root.model_validate(self.tree)
        systems = {
            name: system_settings(name, model, self.tree["systems"][name])
            for name, model in root.systems.items()
        }
        return Settings(
            path=source,
            store=StoreSettings(None if root.store == "embedded" else SecretStr(root.store)),
            state_dir=folder / FilePath(root.state).expanduser(),
            systems=systems,
            retention=RetentionSettings(**root.retention.model_dump()),
            kinds={name: kind_settings(draft, systems) for name, draft in self.drafts.items()},
            service=ServiceSettings.of(root.service),
            secrets=SecretSettings.of(root.secrets),
            config_hash=config_hash(root, written),
            warnings=warnings,
            written=written,
            places=self.report.places,
        )


def check_store(store: Any, report: Report) -> None:
    """The store is the embedded one, or PostgreSQL by URL."""
    if not isinstance(store, str) or store == "embedded":
        return
    if urlsplit(store).scheme not in ("postgresql", "postgres"):
        hint = 'Write "embedded", or postgresql://host/database.'
        report.value(("store",), "is not a store that syncd knows", hint)
