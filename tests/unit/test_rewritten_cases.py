"""`tests/cases/rewritten.yaml`: what a system stored in place of our value, an edit or less of the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from conflict.rewritten import rewritten
from syncd.core.fieldmap import Direction
from tests.sim.maps import PlainEntry, PlainMap

CASES = YAML(typ="safe").load(Path(__file__).parents[1] / "cases" / "rewritten.yaml")


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in CASES])
def test_what_is_stored_is_an_edit_or_less_of_what_was_sent(case: dict[str, Any]) -> None:
    entry = PlainEntry(
        "ours", "Theirs", is_set=case.get("set", False), direction=Direction(case.get("direction", "both"))
    )
    before = {"Theirs": case["before"]} if "before" in case else {}
    found = rewritten(
        before,
        {"Theirs": case["sent"]},
        {"Theirs": case["stored"]},
        PlainMap("crm", (entry,)),
        frozenset({"ours"} if case.get("fought") else ()),
    )
    assert found == ({"Theirs": case.get("from", case["sent"])} if case["is"] == "edit" else {})
