"""Run schedules until one shows a fault, by the `conflict` on the path: `… -m tests.sim.hunt BUDGET [SEED]`.

The seed, where one is given, goes first: one that is known to show it. Prints one line of JSON:
{"seed": the first that shows it or null, "words": what the oracle said}.
"""

from __future__ import annotations

import json
import sys

from tests.sim.linkmodel import Model
from tests.sim.oracle import judge
from tests.sim.orders import order_faults

ORDERS_EACH = 10
"""An order check costs as much as some ten schedules."""


def faults(seed: int) -> list[str]:
    """What one schedule, and now and then one set of concurrent edits in every order, shows."""
    model = Model(seed)
    model.run()
    found = judge(model)
    return found or (order_faults(seed) if seed % ORDERS_EACH == 0 else [])


def hunt(budget: int, *known: int) -> dict[str, object]:
    """A known seed that shows a fault, or the first below `budget`."""
    for seed in (*known, *range(budget)):
        try:
            words = faults(seed)
        except AssertionError as error:
            words = [str(error)]
        if words:
            return {"seed": seed, "words": words[0]}
    return {"seed": None, "words": ""}


if __name__ == "__main__":
    print(json.dumps(hunt(*map(int, sys.argv[1:]))))
