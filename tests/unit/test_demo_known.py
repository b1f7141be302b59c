"""The demo's people as three CRMs know them: spelled differently, and told apart by the match keys alone."""

from __future__ import annotations

from collections import defaultdict

from syncd.identity import compile_match
from syncd.mapping.types import field_type
from syncd.service.demo.known import NAMES, REGION, known

KNOWN = known(7)
EMAIL, PHONE = field_type("email"), field_type({"phone": {"region": REGION}})
TEXT = field_type("text")


def test_a_seed_makes_one_world_and_another_seed_another() -> None:
    assert known(7) == KNOWN
    assert known(8).rows != KNOWN.rows


def test_who_is_known_to_several_shares_a_key_and_nobody_else_does() -> None:
    types = {"email": EMAIL, "phone": PHONE, "last_name": TEXT}
    matcher = compile_match("contact", ["email", ["phone", "last_name"]], types)
    keys: dict[str, set[int]] = defaultdict(set)
    held: dict[int, list[set[str]]] = defaultdict(list)
    for system in NAMES:
        for row in KNOWN.rows["contact"][system]:
            said = {name: type.parse(row[name]) for name, type in types.items()}
            made = set(matcher.keys(said))
            held[row["number"]].append(made)
            for key in made:
                keys[key].add(row["number"])
    assert [numbers for numbers in keys.values() if len(numbers) > 1] == []
    several = [some for some in held.values() if len(some) > 1]
    assert len(several) > 100
    assert all(set.intersection(*some) for some in several)
    assert len(held) == KNOWN.there["contact"]


def test_the_same_people_are_spelled_in_every_way_that_is_counted() -> None:
    for kind in ("nick name", "initial", "capitals", "white space", "phone format", "no e-mail"):
        assert KNOWN.spelled[kind] >= 10, kind
    rows = {name: {row["number"]: row for row in KNOWN.rows["contact"][name]} for name in NAMES}
    both = rows["sales"].keys() & rows["marketing"].keys()
    assert sum(rows["sales"][n]["phone"] != rows["marketing"][n]["phone"] for n in both) > len(both) / 3
