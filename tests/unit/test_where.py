"""Expressions of `where`: what they may say, what they mean, and what is said about wrong ones."""

# ruff: noqa: E501 - the table shows problems as they are printed

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connectors.base import FieldInfo, ObjectInfo, Schema
from syncd.config import check_schema, with_schemas
from syncd.core.problems import SpecError
from syncd.mapping.where import LONGEST, compile_where
from tests.support.config import changed, load_text, problems_of

JUDGED: list[tuple[str, dict[str, Any], bool | None]] = [
    ("IsPersonAccount == false", {"IsPersonAccount": False}, True),
    ("IsPersonAccount == false", {"IsPersonAccount": True}, False),
    ("IsPersonAccount == false", {"IsPersonAccount": None}, False),
    ("IsPersonAccount == false", {}, None),
    ("Amount > 5", {"Amount": 6}, True),
    ("Amount > 5", {"Amount": None}, None),
    ("Amount > 5", {"Amount": "6"}, None),
    ("Amount != null && double(Amount) > 5.0", {"Amount": "6"}, True),
    ("Type in ['a', 'b'] || Name.startsWith('X')", {"Type": "c", "Name": "Xu"}, True),
    ("Tags.exists(t, t == 'vip')", {"Tags": ["new", "vip"]}, True),
    ("Tags.exists(t, t == 'vip')", {"Tags": ["x"] * LONGEST}, False),
    ("Tags.exists(t, t == 'vip')", {"Tags": ["vip"] * (LONGEST + 1)}, None),
    ("length(Name) == 3 && lower(Name) == 'äöü'", {"Name": "ÄÖÜ"}, True),
    ("Name", {"Name": "a text is no answer"}, None),
    ("true", {}, True),
]


@pytest.mark.parametrize(("text", "fields", "said"), JUDGED)
def test_a_record_takes_part_or_not_or_nobody_can_tell(
    text: str, fields: dict[str, Any], said: bool | None
) -> None:
    assert compile_where(text).judge(fields) is said


@pytest.mark.parametrize(
    ("text", "value", "said"),
    [
        ("Amount > 5", "10.50", True),
        ("Amount > 5 && Amount < 10.5", "10.50", False),
        ("Amount in [1, 6]", "6.00", True),
        ("double(Amount) > 5.0", "6", True),
        ("Amount > 5", None, None),
        ("Amount > 5", "n/a", None),
        ("Amount > 5", "nan", None),
        ("Amount > 5", 6, True),
    ],
)
def test_decimals_are_compared_as_numbers(text: str, value: Any, said: bool | None) -> None:
    typed = compile_where(text).typed({"Amount": "decimal", "Other": "decimal"})
    assert typed.judge({"Amount": value}) is said


def test_the_remotes_types_are_those_that_it_described(tmp_path: Path) -> None:
    settings = load_text(tmp_path, changed("object: people,", "object: people, where: 'points > 5',"))
    types = {"mail": "text", "nm": "text", "org": "integer", "points": "decimal", "labels": "set"}
    fields = {name: FieldInfo(name, kind) for name, kind in types.items()}
    objects = {"people": ObjectInfo("people", fields)}
    known = with_schemas(settings, {"erp": Schema(objects)}).kinds["contact"].systems["erp"].where
    assert known is not None
    assert known.judge({"points": "10.5"}) is True


def test_the_names_are_those_of_fields_alone() -> None:
    assert compile_where("Tags.exists(t, t == Kind) && Owner.Name != 'x'").names == ("Kind", "Owner", "Tags")


WRONG = {
    "Status ==": "is no expression: at character 10: mismatched input '<EOF>'",
    "Status = 'x'": "is no expression: at character 8: token recognition error at: '= '",
    "size(Name) > 1": 'calls "size"',
    "now() > 1": 'calls "now"',
    "A.all(a, B.exists(b, a == b))": "walks through more than one list",
}


@pytest.mark.parametrize(("text", "message"), WRONG.items())
def test_what_cannot_be_is_refused(text: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        compile_where(text)
    assert caught.value.problems[0].message == message


WHERE = "kinds.contact.systems.erp"
PROBLEMS = {
    "kind": (
        changed("object: people,", "object: people, where: Status ==,"),
        f"15:36: {WHERE}.where: is no expression: at character 10: mismatched input '<EOF>'. Write one such as Status == 'active' && Amount > 0.",
    ),
    "object": (
        changed("object: people,", "object: [people, {name: leads, where: size(nm) > 1}],"),
        f'15:51: {WHERE}.object[1].where: calls "size". Use length, which counts characters.',
    ),
}


@pytest.mark.parametrize(("text", "expected"), PROBLEMS.values(), ids=PROBLEMS)
def test_a_wrong_one_is_told_with_its_place(tmp_path: Path, text: str, expected: str) -> None:
    assert problems_of(tmp_path, text) == [f"syncd.yaml:{expected}"]


def test_its_fields_are_read_and_must_be_there(tmp_path: Path) -> None:
    text = changed(
        "object: people,", "object: [people, {name: leads, where: \"true\"}], where: 'stats == 1',"
    )
    settings = load_text(tmp_path, text)
    people, leads = settings.kinds["contact"].systems["erp"].objects
    assert people.remote_fields == (*people.map.remote_fields, "stats")
    assert leads.remote_fields == leads.map.remote_fields
    types = {
        "mail": "text",
        "nm": "text",
        "org": "integer",
        "points": "integer",
        "labels": "set",
        "status": "text",
    }
    fields = {name: FieldInfo(name, kind) for name, kind in types.items()}
    objects = {name: ObjectInfo(name, fields) for name in ("people", "leads")}
    schema = Schema({**objects, "orgs": ObjectInfo("orgs", {"title": FieldInfo("title", "text")})})
    (problem,) = check_schema(settings, "erp", schema)
    assert str(problem).endswith(f'{WHERE}.where: people has no field "stats". Did you mean "status"?')


def test_an_element_that_is_not_there_says_nothing() -> None:
    assert compile_where("Tags[3] == 'a'").judge({"Tags": ["a"]}) is None
    assert compile_where("Address.City == 'Rome'").judge({"Address": {}}) is None
