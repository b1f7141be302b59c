"""What was used of the systems' quotas, kept over restarts."""

from __future__ import annotations

import json
from collections.abc import Mapping

from syncd.engine.gatekeeper import Gatekeeper
from syncd.store.store import Store

EVERY = 5.0
"""Seconds between two looks whether there is something to be kept."""

_SAVE = """insert into meta (key, value) values ($1, $2)
on conflict (key) do update set value = excluded.value"""


class QuotaBook:
    """Keeps the counts of those systems whose owner limits what is used of their quota."""

    def __init__(self, store: Store, keepers: Mapping[str, Gatekeeper]) -> None:
        self.store = store
        self._keepers = {name: keeper for name, keeper in keepers.items() if keeper.budget.limits}
        self._written: dict[str, str] = {}

    async def load(self) -> None:
        """Take over what earlier processes counted; each keeper once."""
        for name, keeper in self._keepers.items():
            if keeper.budget.loaded:
                continue
            async with self.store.read() as con:
                text = await con.fetchval("select value from meta where key = $1", f"quota:{name}")
            keeper.budget.load(json.loads(text) if text else {})

    async def save(self) -> None:
        """Write down what moved."""
        texts = {name: json.dumps(keeper.budget.saved()) for name, keeper in self._keepers.items()}
        moved = {name: text for name, text in texts.items() if self._written.get(name) != text}
        if moved:
            async with self.store.write(numbers=0) as tx:
                for name, text in moved.items():
                    await tx.execute(_SAVE, f"quota:{name}", text)
            self._written |= moved
