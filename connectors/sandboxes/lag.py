"""What an answer does not show yet: by the lag of an index, or because a fault hides what is new."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from connectors.sandboxes.faults import Call
from connectors.sandboxes.table import Row, Table
from connectors.sandboxes.world import World


def mark(world: World) -> dict[str, Any]:
    """What `hide_new` must remember when it is armed: which records are older."""
    return {"since": {n: len(t.order) for n, t in world.tables.items()}, "from": world.clock.millis()}


def young(world: World, table: Table, call: Call) -> Callable[[Row], bool] | None:
    """Which rows the answer to this call does not show yet; None: it shows all."""
    looks, quirks = call.route.endswith("find"), world.quirks
    lag = quirks.index_lag if looks else quirks.list_lag
    faults = [f for f in world.faults.standing("hide_new") if looks or f.args.get("lists")]
    faults = [f for f in faults if f.takes(call) and not _over(world, f.args)]
    if not lag and not faults:
        return None
    before = world.clock.millis() - int(lag * 1000)

    def hidden(row: Row) -> bool:
        if lag and (row.made if looks else row.seen) > before:
            world.fired("index_lag" if looks else "list_lag")
            return True
        return any(row.n >= f.args["since"].get(table.name, 0) and f.fire() for f in faults)

    return hidden


def _over(world: World, args: Mapping[str, Any]) -> bool:
    return args.get("seconds") is not None and world.clock.millis() > args["from"] + args["seconds"] * 1000
