"""Strategies of the user's own: what they see, what they may answer, and which of them are refused."""

# ruff: noqa: E501, ISC004 - the tables show problems as they are printed

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import orjson
import pytest

from conflict.arrivals import Edit, endings
from conflict.own import UNDECIDED, Offer
from conflict.rules import RuleBook
from conflict.trial import fault_of
from syncd.config import InvalidConfig, OwnStrategy, check_orders, load
from syncd.config.ordercheck import SAMPLES, sample_of, sentence
from syncd.core.nouns import Candidate, Contest, Rule
from syncd.core.state import Record
from syncd.core.types import FieldType, Ref
from syncd.mapping.types import field_type
from syncd.service import strategies
from syncd.store.codec import contests_bytes, record_of, stamps_bytes
from tests.support import rules
from tests.support.config import CONNECTORS, ENV, SOUND

PAIR = (Candidate("x", "s0", time=10.0, event=3), Candidate("y", "s1", event=4))
SYSTEMS = ("s0", "s1", "s2")
FOUND = {name: OwnStrategy("acme", function) for name, function in vars(rules).items() if callable(function)}


def rule(function: Callable[..., Any], **args: Any) -> Rule:
    return Rule(function.__name__, args={"args": args}, function=function)


def fault(function: Callable[..., Any], kind: Any = "text", **args: Any) -> str | None:
    found = fault_of(rule(function, **args), SYSTEMS, sample_of(field_type(kind)), (None, 0.0, 1.0, 3.0))
    return None if found is None else sentence(found)


# -- what a function sees and answers ------------------------------------------------------------------


def test_it_sees_all_candidates_with_intervals_and_base() -> None:
    seen: list[Any] = []

    def look(candidates: Any, base: Any) -> Any:
        seen.append((list(candidates), base))
        return UNDECIDED

    own = Rule("look", args={"skews": {"s0": 2.0}, "args": {}}, function=look)
    verdict = RuleBook((own, Rule("ask"))).decide("name", PAIR, "old")
    assert seen == [([Offer("x", "s0", 8.0, 12.0, 3), Offer("y", "s1", None, None, 4)], "old")]
    assert verdict.open


def test_the_value_that_it_names_wins() -> None:
    verdict = RuleBook((rule(rules.owner, of="s1"),)).decide("name", PAIR)
    assert (verdict.winner, verdict.rule, verdict.open) == (1, "owner", False)


def test_a_blank_is_a_value_and_undecided_is_none() -> None:
    pair = (Candidate(None, "s0"), Candidate("y", "s1"))
    assert RuleBook((rule(rules.owner, of="s0"),)).decide("name", pair).winner == 0
    other = RuleBook((rule(rules.owner, of="s7"), Rule("longest"))).decide("name", pair)
    assert (other.winner, other.rule) == (1, "longest")


def test_it_may_make_values_where_it_says_so() -> None:
    pair = (Candidate(7, "s0"), Candidate(9, "s1"))
    verdict = RuleBook((rule(rules.summed),)).decide("score", pair, 5)
    assert (verdict.winner, verdict.value, verdict.open) == (None, 11, False)


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (rules.fails, "failed with TypeError"),
        (rules.invents, "returned a value that nobody offered"),
        (rules.halves, "failed with TypeError"),
    ],
)
def test_where_it_fails_a_person_is_asked(function: Callable[..., Any], why: str) -> None:
    pair = (Candidate("x", "s0"), Candidate(None, "s1"))
    verdict = RuleBook((rule(function), Rule("longest"))).decide("name", pair)
    assert (verdict.open, verdict.why) == (True, f"the strategy {function.__name__} {why}")


def test_the_base_of_a_contest_is_that_of_its_beginning() -> None:
    """Whoever speaks last in it: else a rule that goes by the base would depend on the order."""
    seen = set()

    def look(candidates: Any, base: Any) -> Any:
        seen.add(base)
        return UNDECIDED

    edits = [Edit("s0", "x"), Edit("s0", "xx"), Edit("s1", "y"), Edit("s2", "z")]
    assert len(list(endings(edits, "f", RuleBook((rule(look),)), "old"))) == 12
    assert seen == {"old"}


def test_the_store_keeps_the_base() -> None:
    for contest in (Contest(PAIR, base="old"), Contest(PAIR, open=True)):
        record = Record(1, "contact", 4, {"name": "x"}, contests={"name": contest})
        parts = (orjson.dumps(record.fields), stamps_bytes(record), contests_bytes(record))
        assert record_of(1, "contact", 4, False, *parts).contests == {"name": contest}
    before = b'{"name":[false,[["x","s0",10.0,3,0,false]]]}'
    assert record_of(1, "contact", 4, False, *parts[:2], before).contests["name"].base is None


# -- on trial --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "kind", "args"),
    [
        (rules.owner, "text", {"of": "s1"}),
        (rules.owner, {"set": "text"}, {"of": "s1"}),
        (rules.greatest, "integer", {}),
        (rules.summed, "integer", {}),
        (rules.from_base, "text", {}),
    ],
    ids=lambda item: getattr(item, "__name__", str(item)),
)
def test_a_good_rule_passes(function: Callable[..., Any], kind: Any, args: dict[str, Any]) -> None:
    assert fault(function, kind, **args) is None


def test_last_one_wins_is_shown_to_depend_on_the_order() -> None:
    said = (
        'depends on the order of arrival: where s0 says nothing and s1 says "b", in the order s0, s1 it decides '
        '"b"; in the order s1, s0 it decides nothing'
    )
    assert fault(rules.last) == said
    assert fault(rules.latest) == said
    assert fault(rules.last, {"set": "text"}) is not None


def test_pairs_of_times_that_overlap_are_found() -> None:
    told = fault(rules.pairwise)
    assert told is not None
    assert told.startswith("depends on the order of arrival")


@pytest.mark.parametrize(
    ("function", "kind", "why"),
    [
        (rules.fails, "text", 'failed with TypeError, where s0 says nothing and s1 says "b"'),
        (
            rules.invents,
            "text",
            'returned a value that nobody offered, where s0 says nothing and s1 says "b"',
        ),
        (rules.halves, "integer", "made what is no value of a field, where s0 says nothing and s1 says 7"),
        (rules.summed, "boolean", "made a value that is none of the field's type, where"),
    ],
)
def test_what_fails_on_trial_is_refused(function: Callable[..., Any], kind: Any, why: str) -> None:
    told = fault(function, kind)
    assert told is not None
    assert told.startswith(why)


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_are_values_of_their_type(name: str) -> None:
    kind: FieldType = field_type(
        {"set": "text"} if name == "set" else {"ref": "x"} if name == "ref" else name
    )
    field = sample_of(kind)
    assert all(field.fits(value) for value in (field.base, *field.values)), name
    assert len({repr(value) for value in (field.base, *field.values)}) == len(field.values) + 1
    assert isinstance(kind, Ref) or not field.fits(object())


# -- in the configuration ---------------------------------------------------------------------------------


def found_in(folder: Path, conflicts: str, known: dict[str, OwnStrategy] | None = None) -> list[str]:
    """What is wrong with a list of rules, as it is printed."""
    file = folder / "syncd.yaml"
    file.write_text(f"{SOUND}    conflicts: [{conflicts}]\n")
    try:
        settings = load(file, CONNECTORS, ENV, FOUND if known is None else known)
        problems = [str(problem) for problem in check_orders(settings)]
    except InvalidConfig as error:
        problems = str(error).splitlines()
    return [problem.replace(f"{file}:", "") for problem in problems]


@pytest.mark.parametrize(
    ("conflicts", "said"),
    [
        (
            "{strategy: ownr, args: {of: erp}}",
            '16:28: kinds.contact.conflicts[0].strategy: there is no strategy "ownr". Did you mean "owner"?',
        ),
        (
            "{fields: name, strategy: owner}",
            '16:17: kinds.contact.conflicts[0].args: "of" is missing. Add it.',
        ),
        (
            "{fields: name, strategy: owner, args: {of: 7}}",
            "16:60: kinds.contact.conflicts[0].args.of: must be a text",
        ),
        (
            "{fields: name, strategy: owner, args: {of: erp, unles: [x]}}",
            '16:65: kinds.contact.conflicts[0].args.unles: unknown key "unles". Did you mean "unless"?',
        ),
        (
            "{fields: name, strategy: owner, args: {of: erp}, systems: [erp]}",
            '16:66: kinds.contact.conflicts[0].systems: "systems" means nothing to owner. It belongs to prefer.',
        ),
        (
            "{fields: name, strategy: longest, args: {of: erp}}",
            '16:51: kinds.contact.conflicts[0].args: "args" means nothing to longest. It belongs to strategies of '
            "your own.",
        ),
        (
            "{fields: name, strategy: takes_one}",
            '16:42: kinds.contact.conflicts[0].strategy: the strategy "takes_one" of acme is not of the form '
            "function(candidates, base, *, NAME: TYPE = DEFAULT, …). What it takes beside the first two stands "
            "after the asterisk.",
        ),
        (
            "{fields: name, strategy: last}",
            '16:42: kinds.contact.conflicts[0].strategy: the strategy "last" depends on the order of arrival: where '
            'sales says nothing and erp says "b", in the order sales, erp it decides "b"; in the order erp, sales '
            "it decides nothing (tried on name). A rule may go by values, systems, times and base, never by the "
            "event or the place in the list.",
        ),
    ],
    ids=["name", "missing", "type", "unknown", "systems", "args", "form", "order"],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, conflicts: str, said: str) -> None:
    assert found_in(tmp_path, conflicts) == [said]


def test_a_sound_one_is_taken_with_its_arguments(tmp_path: Path) -> None:
    (tmp_path / "syncd.yaml").write_text(
        f"{SOUND}    conflicts: [{{fields: name, strategy: owner, skew: 5s, args: {{of: erp, unless: [x]}}}}]\n"
    )
    settings = load(tmp_path / "syncd.yaml", CONNECTORS, ENV, FOUND)
    (compiled,) = settings.kinds["contact"].rules
    assert compiled.function is rules.owner
    assert compiled.args == {"skew": 5.0, "args": {"of": "erp", "unless": ["x"]}}
    assert check_orders(settings) == []


def test_one_that_cannot_be_loaded_is_told(tmp_path: Path) -> None:
    broken = {"owner": OwnStrategy("acme", problem="ImportError: no module acme.x")}
    (told,) = found_in(tmp_path, "{fields: name, strategy: owner}", broken)
    assert 'the strategy "owner" cannot be used: ImportError: no module acme.x' in told
    assert "acme" in told


# -- announced by packages ----------------------------------------------------------------------------------


def point(name: str, target: str) -> EntryPoint:
    return EntryPoint(name, target, strategies.GROUP)


def test_packages_announce_them() -> None:
    points = [
        point("owner", "tests.support.rules:owner"),
        point("gone", "tests.support.rules:gone"),
        point("offers", "tests.support.rules:__name__"),
        point("twice", "tests.support.rules:last"),
        point("twice", "tests.support.rules:latest"),
    ]
    found = strategies.available(points)
    assert found["owner"].function is rules.owner
    assert {name for name, own in found.items() if own.problem} == {"gone", "offers", "twice"}
    assert "claimed twice" in str(found["twice"].problem)
