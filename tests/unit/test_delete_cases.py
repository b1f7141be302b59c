"""The stories of deletes in `tests/cases`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from conflict.deletes import RECORD, Against, Policy, see_delete, see_restored
from conflict.link import see
from conflict.rules import RuleBook
from syncd.core.nouns import Change, LinkState, Stamp
from syncd.core.state import Agreed, Link, Record, Stamps
from tests.sim.maps import PlainEntry, PlainMap

CASES = YAML(typ="safe").load(Path(__file__).parents[1] / "cases" / "deletes.yaml")


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in CASES])
def test_a_delete(case: dict[str, Any]) -> None:
    record = Record(1, "contact", 1, {"value": "old"}, Stamps(Stamp(1, "a", None, 1)))
    links = {n: Link(n, "o", n, 1, shadow={"Value": "old"}, agreed=Agreed(1)) for n in ("a", "b")}
    entries, settled = 0, False
    for event, step in enumerate(case["steps"], start=2):
        [(verb, name)] = step.items()
        link, fmap = links[name], PlainMap(name, (PlainEntry("value", "Value"),))
        if verb in ("edit", "back"):
            value = "old" if verb == "back" else f"new {event}"
            change = Change(name, "o", name, fields={"Value": value}, evidence=event)
            seen = see(record, link, change, fmap, RuleBook(), event=event)
            record, links[name] = seen.record, seen.link
        elif verb == "delete":
            done = see_delete(
                record, link, fmap, Policy.PROPAGATE, Against(case["against"]), evidence=event, event=event
            )
            record, links[name], settled = done.record, done.link, done.settled
            entries += done.clash is not None
        else:
            record = see_restored(record, name)
            links[name] = replace(link, state=LinkState.LIVE)
    wanted = case["expect"]
    found = {
        "deleted": record.deleted,
        "asked": record.frozen(RECORD),
        "entries": entries,
        "settled": settled,
    }
    assert {key: found[key] for key in wanted} == wanted
