"""The stories of joins in `tests/cases`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from conflict.join import Copy, United, unite
from conflict.rules import RuleBook
from syncd.core.nouns import Rule, Stamp
from syncd.core.state import Agreed, Link, Record, Stamps
from tests.sim.maps import PlainEntry, PlainMap

CASES: list[dict[str, Any]] = YAML(typ="safe").load(Path(__file__).parents[1] / "cases" / "joins.yaml")
FIELDS = {"name": "Name", "phone": "Phone"}


def remote(values: dict[str, Any]) -> dict[str, Any]:
    return {FIELDS[name]: value for name, value in values.items()}


def record_of(number: int, said: dict[str, Any]) -> Record:
    stamp = Stamp(number, said.get("by", "a"), None, number)
    return Record(number, "contact", number, dict(said["values"]), Stamps(stamp))


def copy_of(number: int, system: str, said: dict[str, Any]) -> Copy:
    held = said["copies"][system] or said["values"]
    entries = tuple(PlainEntry(ours, theirs) for ours, theirs in FIELDS.items())
    shadow = remote(held)
    link = Link(system, "contacts", f"{system}{number}", number, shadow=shadow, agreed=Agreed(number))
    return Copy(link, PlainMap(system, entries))


def joined(case: dict[str, Any]) -> United:
    stays, goes = case["stays"], case["goes"]
    rules = [Rule(name, args=args) for rule in case.get("rules", ()) for name, args in rule.items()]
    copies = [copy_of(2, system, goes) for system in goes["copies"] if system != case["merged_in"]]
    taken = [*stays["copies"], case["merged_in"]]
    return unite(record_of(1, stays), record_of(2, goes), copies, taken, RuleBook([*rules, Rule("ask")]), 9)


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_what_two_records_become(case: dict[str, Any]) -> None:
    united, expect = joined(case), case["expect"]
    links = [*united.moved, *(outcome.link for outcome in united.adopted)]
    clashes = [clash for outcome in united.adopted for clash in outcome.clashes] + united.inherited.clashes
    assert dict(united.record.fields) == expect["values"]
    assert {link.system: link.state.value for link in links} == expect["states"]
    assert {clash.field: [c.value for c in clash.candidates] for clash in clashes} == expect["listed"]
    assert [n for n, held in united.record.contests.items() if held.open] == expect.get("open", [])
    assert {link.record_id for link in links} <= {1}
