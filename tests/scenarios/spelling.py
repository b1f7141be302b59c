"""What a record of the org says, references spelled out: equal on both sides whatever the ids are."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.sandboxes.table import Row

Rows = Mapping[str, Mapping[str, Row]]


@dataclass(frozen=True)
class Spelling:
    """By kind: what a record says without what it refers to, and (field, kind) of what it refers to."""

    says: Mapping[str, Callable[[dict[str, Any]], list[Any]]]
    refers: Mapping[str, list[tuple[str, str]]]

    def text(self, rows: Rows, kind: str, id: str) -> str:
        return json.dumps(self._say(rows, kind, id), ensure_ascii=False)

    def _say(self, rows: Rows, kind: str, id: str | None) -> list[Any] | None:
        if id is None:
            return None
        fields = rows[kind][id].fields
        return self.says[kind](fields) + [
            self._say(rows, target, fields.get(name)) for name, target in self.refers[kind]
        ]
