"""Canonical types: what they read, what they refuse, and that their normal form is stable."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.errors import ParseError
from syncd.core.numbers import Decimal, Integer
from syncd.core.problems import SpecError
from syncd.core.times import Date, Datetime
from syncd.core.types import Boolean, Email, Enum, FieldType, Ref, Set, Text, are_clean
from syncd.mapping.types import Phone, field_type

GERMAN = Phone("DE")
STAGES = Enum(("new", "won"))

READ: list[tuple[FieldType, Any, Any]] = [
    (Text(), None, None),
    (Text(), "", None),
    (Text(), " \t\u00a0\u3000\r\n", None),
    (Text(), "  Anna  Maria ", "Anna  Maria"),
    (Text(), "e\u0301", "é"),
    (Text(), "שלום עולם", "שלום עולם"),
    (Text(), "\u202eמרחבא\u202c", "\u202eמרחבא\u202c"),
    (Text(), "東京都千代田区", "東京都千代田区"),
    (Text(), "नमस्ते", "नमस्ते"),
    (Text(), "👩\u200d👩\u200d👧", "👩\u200d👩\u200d👧"),
    (Text(), "\x01bell\x07\x1f", "\x01bell\x07\x1f"),
    (Text(), "Robert'); DROP TABLE records;--", "Robert'); DROP TABLE records;--"),
    (Text(), "=HYPERLINK(\"x\")", "=HYPERLINK(\"x\")"),
    (Text(), 12, "12"),
    (Text(), 12.5, "12.5"),
    (Text(), True, "true"),
    (Email(), "  Anna.Muller@Example.COM ", "anna.muller@example.com"),
    (Email(), "用户@例え.jp", "用户@例え.jp"),
    (Email(), "a@localhost", "a@localhost"),
    (Email(), "", None),
    (GERMAN, "030 / 123-4567", "+49301234567"),
    (GERMAN, "+1 (415) 555-0100 ext. 12", "+14155550100;ext=12"),
    (GERMAN, "٠٣٠١٢٣٤٥٦٧", "+49301234567"),
    (GERMAN, " ask   the\tsecretary ", "ask the secretary"),
    (Phone(), "030 1234567", "030 1234567"),
    (Phone(), "+49 30 1234567", "+49301234567"),
    (Phone(), 493012345, "493012345"),
    (Phone(), "  ", None),
    (Phone(), "\x1f", None),
    (Integer(), "12", 12),
    (Integer(), 12.0, 12),
    (Integer(), " -0012 ", -12),
    (Integer(), "1e3", 1000),
    (Integer(), "", None),
    (Integer(), 2**63 - 1, 2**63 - 1),
    (Decimal(), "12.50", "12.5"),
    (Decimal(), "-0.00", "0"),
    (Decimal(), "-0", "0"),
    (Decimal(), 0.1, "0.1"),
    (Decimal(), 1e22, "10000000000000000000000"),
    (Decimal(), "1E-7", "0.0000001"),
    (Decimal(), "+007", "7"),
    (Decimal(), "0e999999999", "0"),
    (Decimal(), "12345678901234567890123456789012345.10", "12345678901234567890123456789012345.1"),
    (Boolean(), "YES", True),
    (Boolean(), "f", False),
    (Boolean(), 0, False),
    (Boolean(), " 1 ", True),
    (Boolean(), " ", None),
    (Date(), "2024-02-29", "2024-02-29"),
    (Date(), "", None),
    (Datetime(), "2026-01-31T10:00:00+02:00", "2026-01-31T08:00:00Z"),
    (Datetime(), "2026-01-31 10:00:00+00", "2026-01-31T10:00:00Z"),
    (Datetime(), "2026-01-31T10:00:00.120Z", "2026-01-31T10:00:00.12Z"),
    (Datetime(), "2026-01-31t10:00:00z", "2026-01-31T10:00:00Z"),
    (Datetime(), "2026-01-31T10:00:00.123456789Z", "2026-01-31T10:00:00.123456Z"),
    (Datetime(), "2026-01-01T00:30:00+14:00", "2025-12-31T10:30:00Z"),
    (STAGES, " won ", "won"),
    (Enum(), "anything", "anything"),
    (Set(), ["b", "a", "b", None, " "], ["a", "b"]),
    (Set(), [], None),
    (Set(), "", None),
    (Set(Email()), ["B@x.y", "b@X.y"], ["b@x.y"]),
    (Ref("company"), 7, "7"),
    (Ref("company"), 7.0, "7"),
    (Ref("company"), " 0017x ", "0017x"),
    (Ref("company"), "", None),
]  # fmt: skip

REFUSED: list[tuple[FieldType, Any]] = [
    (Text(), "secret\0"), (Text(), "secret\ud800"), (Text(), ["secret"]), (Text(), {"secret": 1}),
    (Email(), "secret"), (Email(), "secret@"), (Email(), "secret@x@y"), (Email(), "my secret@x.y"),
    (GERMAN, "secret\0"),
    (Integer(), "secret"), (Integer(), "12.5"), (Integer(), True), (Integer(), 2**63), (Integer(), "1_000"),
    (Integer(), "1e999999999"), (Integer(), [12]),
    (Decimal(), "1,5"), (Decimal(), "NaN"), (Decimal(), math.inf), (Decimal(), "1e501"), (Decimal(), False),
    (Decimal(), "9" * 5000),
    (Boolean(), "secret"), (Boolean(), 2), (Boolean(), []),
    (Date(), "2026-01-31T00:00:00Z"), (Date(), "2026-02-30"), (Date(), "2026-W05-6"), (Date(), "31.01.2026"),
    (Date(), 20260131),
    (Datetime(), "2026-01-31T10:00:00"), (Datetime(), "2026-01-31"),
    (Datetime(), "0001-01-01T00:00:00+14:00"),
    (Datetime(), "2026-01-31T25:00:00Z"), (Datetime(), 1769853600), (Datetime(), "infinity"),
    (STAGES, "Won"), (Set(), "secret"), (Set(), [["secret"]]), (Ref("company"), True),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "raw", "canonical"), READ)
def test_a_remote_value_reads_as_its_normal_form(kind: FieldType, raw: Any, canonical: Any) -> None:
    value = kind.parse(raw)
    assert value == canonical
    assert type(value) is type(canonical)
    assert kind.parse(value) == value


@pytest.mark.parametrize(("kind", "raw"), REFUSED)
def test_a_refusal_names_the_type_and_never_the_value(kind: FieldType, raw: Any) -> None:
    with pytest.raises(ParseError) as refused:
        kind.parse(raw)
    assert str(refused.value).startswith(f"{kind.item.name if raw == [['secret']] else kind.name}: ")  # type: ignore[attr-defined]
    assert "secret" not in str(refused.value)
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


FORMS: list[tuple[FieldType, Any, str | None, Any]] = [
    (Text(), "12", "integer", 12),
    (Integer(), 12, "text", "12"),
    (Integer(), 12, "decimal", "12"),
    (Integer(), 12, None, 12),
    (Decimal(), "12", "integer", 12),
    (Decimal(), "12.5", "text", "12.5"),
    (Boolean(), True, "text", "true"),
    (Boolean(), True, "integer", 1),
    (Boolean(), False, None, False),
    (Ref("company"), "7", "integer", 7),
    (Set(), ["a"], None, ["a"]),
    (Date(), "2026-01-31", "date", "2026-01-31"),
    (Datetime(), "2026-01-31T10:00:00Z", "text", "2026-01-31T10:00:00Z"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value", "remote_type", "written"), FORMS)
def test_a_value_is_written_in_the_remotes_form(
    kind: FieldType, value: Any, remote_type: str | None, written: Any
) -> None:
    out = kind.format(value, remote_type)
    assert out == written
    assert type(out) is type(written)
    assert kind.parse(out) == value
    assert kind.format(None, remote_type) is None


@pytest.mark.parametrize(
    ("kind", "value", "remote_type"),
    [
        (Text(), "012", "integer"),
        (Decimal(), "12.5", "integer"),
        (Date(), "2026-01-31", "datetime"),
        (Datetime(), "2026-01-31T00:00:00Z", "date"),
        (Set(), ["a"], "text"),
    ],
)
def test_what_the_remote_cannot_say_is_refused(kind: FieldType, value: Any, remote_type: str) -> None:
    with pytest.raises(ParseError, match=kind.name):
        kind.format(value, remote_type)


scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.from_regex(r"[+0-9 ()./;ext=-]{1,20}")
)
anything = st.one_of(scalars, st.lists(scalars, max_size=4))
ALL = [
    Text(),
    Email(),
    GERMAN,
    Phone(),
    Integer(),
    Decimal(),
    Boolean(),
    Date(),
    Datetime(),
    STAGES,
    Set(),
    Set(GERMAN),
]


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.signature)
@given(raw=anything)
def test_reading_ends_in_a_stable_storable_form_or_a_parse_error(kind: FieldType, raw: Any) -> None:
    try:
        value = kind.parse(raw)
    except ParseError:
        return
    assert kind.parse(value) == value
    assert kind.parse(kind.format(value)) == value
    assert json.loads(json.dumps(value)) == value
    assert b"\0" not in json.dumps(value, ensure_ascii=False).encode()
    assert kind.hash(value) == kind.hash(kind.parse(raw))


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6), st.integers(0, 3))
def test_a_decimal_does_not_depend_on_how_it_was_written(number: Any, zeros: int) -> None:
    assert Decimal().parse(f"{number:f}" + "0" * zeros) == Decimal().parse(f"{number:E}")


@given(st.datetimes(timezones=st.timezones()))
def test_an_instant_does_not_depend_on_its_offset(moment: Any) -> None:
    try:
        utc = Datetime().parse(moment.isoformat())
    except ParseError as error:
        assert "years 1 to 9999" in str(error)  # noqa: PT017 - the rare edge
        return
    assert utc.endswith("Z")
    assert Datetime().parse(utc) == utc


def test_types_are_read_from_the_configuration() -> None:
    assert field_type("text") == Text()
    assert field_type({"ref": "company"}) == Ref("company")
    assert field_type({"set": "text"}) == Set(Text())
    assert field_type({"set": {"enum": ["a", "b"]}}) == Set(Enum(("a", "b")))
    assert field_type({"enum": ["new", "won"]}) == STAGES
    assert field_type({"phone": {"region": "de"}}) == GERMAN


@pytest.mark.parametrize(
    ("spec", "path", "hint"),
    [
        ("txet", ("f",), "text"),
        ({"set": "integer"}, ("f", "set"), "email"),
        ({"set": {"set": "text"}}, ("f", "set"), "elements"),
        ({"enum": ["a", "a "]}, ("f", "enum"), "repeat"),
        ({"enum": [1]}, ("f", "enum"), "enum"),
        ({"ref": ""}, ("f", "ref"), "company"),
        ({"phone": {"region": "Germany"}}, ("f", "phone"), "DE"),
        ({"text": {}, "email": {}}, ("f",), "did you mean"),
        (7, ("f",), "known are"),
    ],
)
def test_a_wrong_type_is_told_with_its_place_and_a_hint(spec: Any, path: tuple[str, ...], hint: str) -> None:
    with pytest.raises(SpecError) as refused:
        field_type(spec, ("f",))
    (problem,) = refused.value.problems
    assert problem.path == path
    assert hint in problem.hint


@given(st.lists(st.text() | st.none() | st.integers(), max_size=4))
def test_texts_found_clean_together_are_read_as_they_are(values: list[object]) -> None:
    if are_clean(tuple(values)):
        assert [Text().parse(value) for value in values] == values


def test_clean_texts_are_found_clean() -> None:
    assert are_clean(("Ann Lee", "a|b", "1"))
    assert not any(are_clean(("Ann", odd)) for odd in ("", " a", "a\n", "\x1fa", "é", "a\0b", None, 5))
