"""A connector of a third party: tables whose owner also tells of changes by signed webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from connectors.base import Capabilities, Delivery, ObjectSpec
from connectors.signatures import HEADERS, SignedOptions, receive_signed
from connectors.sql import SqlConnector
from connectors.sql.options import SqlOptions
from syncd.core.nouns import Change, Fields


class HookedOptions(SqlOptions):
    webhooks: SignedOptions | None = None


class HookedSql(SqlConnector):
    OPTIONS = HookedOptions

    def __init__(self, name: str, settings: Fields, objects: Sequence[ObjectSpec]) -> None:
        super().__init__(name, {k: v for k, v in settings.items() if k != "webhooks"}, objects)
        hooks: Any = settings.get("webhooks")
        self._hooks = SignedOptions.model_validate(hooks) if hooks is not None else None

    @property
    def capabilities(self) -> Capabilities:
        return replace(super().capabilities, delivery_headers=HEADERS)

    def receive(self, delivery: Delivery) -> Sequence[Change]:
        return receive_signed(self.name, self._hooks, delivery)


def announce(folder: Path) -> Path:
    """A folder for the Python path in which `hooked` is announced as an installed package announces it."""
    info = folder / "hooked-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hooked\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[syncd.connectors]\nhooked = tests.support.hooked:HookedSql\n")
    return folder
