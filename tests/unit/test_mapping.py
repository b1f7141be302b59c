"""Compiled field maps: every transform with its inverse, or the reason why it has none."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from syncd.core.equality import fold, reduces
from syncd.core.errors import ParseError, Unlinked
from syncd.core.fieldmap import NO_REFS, Direction, Drift, Entry, FieldMap, Refs
from syncd.core.problems import Problem, SpecError
from syncd.mapping import OPTIONS, CompiledMap, compile_map, field_type

TYPES = {
    name: field_type(spec)
    for name, spec in {
        "email": "email",
        "first_name": "text",
        "last_name": "text",
        "street": "text",
        "phone": "phone",
        "company": {"ref": "company"},
        "score": "integer",
        "amount": "decimal",
        "active": "boolean",
        "born": "date",
        "met_at": "datetime",
        "stage": {"enum": ["new", "won", "lost"]},
        "tags": {"set": "text"},
        "interests": {"set": {"enum": ["new", "won", "lost"]}},
    }.items()
}


def compiled(spec: dict[str, Any], **options: Any) -> CompiledMap:
    return compile_map("contact", "sales", "Contact", TYPES, spec, **options)


def line(key: str, options: dict[str, Any], **more: Any) -> Entry:
    (entry,) = compiled({key: {"to": "X", **options}}, **more).entries
    return entry


def read(entry: Entry, *values: Any, refs: Refs = NO_REFS) -> Any:
    result = entry.incoming(values, refs)
    assert len(result) == len(entry.canon)
    return result[0] if len(result) == 1 else result


def write(entry: Entry, *values: Any, refs: Refs = NO_REFS) -> Any:
    result = entry.outgoing(values, refs)
    assert len(result) == len(entry.remote)
    return result[0] if len(result) == 1 else result


def problems(spec: Any, **options: Any) -> list[Problem]:
    with pytest.raises(SpecError) as refused:
        compiled(spec, **options)
    return list(refused.value.problems)


def test_a_whole_mapping_satisfies_the_protocol() -> None:
    fields: FieldMap = compiled(
        {
            "email": "Email",
            "first_name, last_name": {"to": "Name", "transform": "full_name"},
            "street": {"to": ["Street1", "Street2"], "transform": "lines"},
            "company": "AccountId",
            "score": {"to": "Lead_Score__c", "direction": "in"},
            "tags": {"to": "tags", "split": ";", "direction": "out", "drift": "leave"},
        }
    )
    assert fields.remote_fields == (
        "Email", "Name", "Street1", "Street2", "AccountId", "Lead_Score__c", "tags",
    )  # fmt: skip
    assert [entry.canon for entry in fields.entries][1] == ("first_name", "last_name")
    assert [entry.direction for entry in fields.entries][4:] == [Direction.IN, Direction.OUT]
    assert fields.entries[5].drift is Drift.LEAVE
    assert fields.entries[5].sets == {"tags"}
    assert fields.entries[3].refs == {"company": "company"}
    assert isinstance(fields, CompiledMap)
    assert fields.directions()["score"] is Direction.IN
    assert fields.directions()["last_name"] is Direction.BOTH
    assert fields.by_canon["street"] == (fields.entries[2],)


ROUND_TRIPS: list[tuple[str, dict[str, Any], Any, Any]] = [
    ("email", {}, "A@B.com", "a@b.com"),
    ("last_name", {"transform": "upper"}, "MÜLLER", "MÜLLER"),
    ("last_name", {"transform": ["trim", "lower"]}, "müller", "müller"),
    ("last_name", {"prefix": "Dr. "}, "Dr. Müller", "Müller"),
    ("email", {"prefix": "mailto:"}, "mailto:a@b.c", "a@b.c"),
    ("last_name", {"max_length": 3}, "Mül", "Mül"),
    ("tags", {"split": ";"}, "a;b", ["a", "b"]),
    ("tags", {"split": "; "}, "a; b", ["a", "b"]),
    ("tags", {"split": "\n"}, "שלום\n東京", ["שלום", "東京"]),
    ("stage", {"values": {"won": "Closed Won", "lost": 3}}, "Closed Won", "won"),
    ("stage", {"values": {"won": "Closed Won", "lost": 3}}, 3, "lost"),
    ("interests", {"values": {"won": "W", "lost": "L"}}, ["L", "W"], ["lost", "won"]),
    ("interests", {"values": {"won": "W", "lost": "L"}, "split": ";"}, "L;W", ["lost", "won"]),
    ("active", {"boolean": {True: "Y", False: "N"}}, "Y", True),
    ("active", {"boolean": {True: "1", False: "2"}}, "2", False),
    ("amount", {"scale": 0.01}, "1250", "12.5"),
    ("amount", {"scale": "1000"}, "0.0125", "12.5"),
    ("score", {"scale": 10}, "1.2", 12),
    ("born", {"date_format": "%d.%m.%Y"}, "31.01.2026", "2026-01-31"),
    ("met_at", {"date_format": "%d/%m/%Y %H:%M:%S %z"}, "31/01/2026 10:00:00 +0000", "2026-01-31T10:00:00Z"),
    ("met_at", {"date_format": "%Y%m%d%H%M%S", "zone": "Asia/Kolkata"}, "20260131153000",
     "2026-01-31T10:00:00Z"),
    ("met_at", {"epoch": "s"}, 1769853600, "2026-01-31T10:00:00Z"),
    ("met_at", {"epoch": "ms"}, 1769853600120, "2026-01-31T10:00:00.12Z"),
    ("met_at", {"epoch": "s"}, -1, "1969-12-31T23:59:59Z"),
    ("met_at", {"zone": "Europe/Berlin"}, "2026-01-31T11:00:00", "2026-01-31T10:00:00Z"),
    ("phone", {"region": "FR"}, "+33123456789", "+33123456789"),
    ("phone", {"blank": False}, "+33123456789", "+33123456789"),
    ("phone", {"blank": False}, False, None),
    ("last_name", {"blank": "N/A"}, "N/A", None),
    ("last_name", {}, "'; DROP TABLE x; --{{7*7}}", "'; DROP TABLE x; --{{7*7}}"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "options", "remote", "canonical"), ROUND_TRIPS)
def test_transforms_read_and_write(key: str, options: dict[str, Any], remote: Any, canonical: Any) -> None:
    entry = line(key, options)
    assert read(entry, remote) == canonical
    written = write(entry, canonical)
    assert read(entry, written) == canonical
    if key != "email" or options:
        assert written == remote
        assert type(written) is type(remote)
    if "blank" not in options:
        assert read(entry, None) is None
        assert write(entry, None) is None


ONE_WAY: list[tuple[str, dict[str, Any], Any, Any]] = [
    ("tags", {"split": ";"}, " b ;; a;b", ["a", "b"]),
    ("tags", {"split": ";"}, "", None),
    ("tags", {"split": ";"}, ["b", "a"], ["a", "b"]),
    ("stage", {"values": {"won": ["A", "B"]}, "direction": "in"}, "B", "won"),
    ("stage", {"values": {"won": 1, "lost": 2}}, "1", "won"),
    ("active", {"boolean": {True: 1, False: 2}}, "2", False),
    ("amount", {"scale": 3, "direction": "in"}, "1.5", "4.5"),
    ("born", {"date_format": "%d.%m.%y", "direction": "in"}, "31.01.26", "2026-01-31"),
    ("met_at", {"epoch": "s"}, "1769853600.5", "2026-01-31T10:00:00.5Z"),
    ("met_at", {"zone": "Europe/Berlin"}, "2026-01-31 11:00:00+05:00", "2026-01-31T06:00:00Z"),
    ("met_at", {"zone": "Europe/Berlin"}, "2026-10-25T02:30:00", "2026-10-25T00:30:00Z"),
    ("met_at", {"zone": "Europe/Berlin"}, "2026-03-29T02:30:00", "2026-03-29T01:30:00Z"),
    ("met_at", {"zone": "Australia/Lord_Howe"}, "2026-10-04T02:15:00", "2026-10-03T15:45:00Z"),
    ("phone", {"region": "FR"}, "01 23 45 67 89", "+33123456789"),
    ("last_name", {"transform": "upper"}, "straße", "STRASSE"),
    ("last_name", {"prefix": "Dr. "}, "Müller", "Müller"),
    ("last_name", {"prefix": "Dr. "}, "Dr. ", "Dr."),
]


@pytest.mark.parametrize(("key", "options", "remote", "canonical"), ONE_WAY)
def test_what_is_read_from_other_spellings(
    key: str, options: dict[str, Any], remote: Any, canonical: Any
) -> None:
    assert read(line(key, options), remote) == canonical


WRITTEN: list[tuple[str, dict[str, Any], Any, Any]] = [
    ("last_name", {"max_length": 4}, "Anna Maria", "Anna"),
    ("last_name", {"max_length": 5}, "Anna Maria", "Anna"),
    ("last_name", {"max_length": 3}, "abx\u0323", "ab"),
    ("last_name", {"max_length": 3}, "a👩\u200d👧x", "a"),
    ("stage", {"values": {"won": "X", "lost": "X"}, "direction": "out"}, "lost", "X"),
    ("met_at", {"epoch": "s"}, "2026-01-31T10:00:00.9Z", 1769853600),
    ("met_at", {"zone": "Europe/Berlin"}, "2026-10-25T00:30:00Z", "2026-10-25T02:30:00"),
    ("last_name", {"blank": "N/A"}, None, "N/A"),
]


@pytest.mark.parametrize(("key", "options", "canonical", "remote"), WRITTEN)
def test_what_is_written(key: str, options: dict[str, Any], canonical: Any, remote: Any) -> None:
    assert write(line(key, options), canonical) == remote


UNSAYABLE: list[tuple[str, dict[str, Any], Any]] = [
    ("tags", {"split": ";"}, ["a;b"]),
    ("tags", {"split": "||"}, ["|", "}"]),
    ("stage", {"values": {"won": "X"}}, "lost"),
    ("met_at", {"zone": "Europe/Berlin"}, "2026-10-25T01:30:00Z"),
    ("met_at", {"zone": "Asia/Tokyo"}, "9999-12-31T23:59:59Z"),
    ("born", {"date_format": "%d.%m.%Y"}, "0099-01-01"),
    ("last_name", {"blank": "N/A"}, "N/A"),
]


@pytest.mark.parametrize(("key", "options", "canonical"), UNSAYABLE)
def test_what_the_remote_language_cannot_say_is_refused(
    key: str, options: dict[str, Any], canonical: Any
) -> None:
    with pytest.raises(ParseError):
        write(line(key, options), canonical)


UNREADABLE: list[tuple[str, dict[str, Any], Any]] = [
    ("stage", {"values": {"won": "X"}}, "secret"),
    ("stage", {"values": {"won": "X"}}, ["secret"]),
    ("amount", {"scale": 0.01}, "secret"),
    ("born", {"date_format": "%d.%m.%Y"}, "secret"),
    ("born", {"date_format": "%d.%m.%Y"}, 20260131),
    ("met_at", {"epoch": "ms"}, "secret"),
    ("met_at", {"epoch": "s"}, 10**30),
    ("met_at", {"zone": "Europe/Berlin"}, "secret"),
    ("met_at", {"zone": "Europe/Berlin"}, "2026-01-31"),
    ("tags", {"split": ";"}, 7),
    ("score", {}, "secret"),
    ("score", {"scale": 0.1}, 5),
]


@pytest.mark.parametrize(("key", "options", "remote"), UNREADABLE)
def test_what_cannot_be_read_is_refused_without_the_value(
    key: str, options: dict[str, Any], remote: Any
) -> None:
    with pytest.raises(ParseError) as refused:
        read(line(key, options), remote)
    assert "secret" not in str(refused.value)


def test_references_go_by_links_and_ids_are_compared_as_text() -> None:
    refs = Refs(inward={("company", "7"): 100}, outward={100: "7"})
    entry = line("company", {})
    assert read(entry, 7, refs=refs) == read(entry, "7", refs=refs) == 100
    assert write(entry, 100, refs=refs) == "7"
    assert write(line("company", {}, remote_types={"X": "integer"}), 100, refs=refs) == 7
    assert read(entry, None) is None
    assert read(entry, "") is None
    assert write(entry, None) is None
    assert read(line("company", {"blank": False}), False) is None
    assert write(line("company", {"blank": False}), None) is False
    with pytest.raises(Unlinked) as inward:
        read(entry, 8, refs=refs)
    assert inward.value.target == ("company", "8")
    with pytest.raises(Unlinked):
        write(entry, 101, refs=refs)


@pytest.mark.parametrize(
    ("key", "options", "remote_type", "value", "written"),
    [
        ("score", {}, "text", 5, "5"),
        ("score", {}, None, 5, 5),
        ("amount", {}, "integer", "5", 5),
        ("amount", {"scale": 0.01}, "integer", "12.5", 1250),
        ("active", {}, "text", True, "true"),
        ("active", {}, "integer", True, 1),
        ("met_at", {"epoch": "ms"}, "text", "1970-01-01T00:00:01Z", "1000"),
    ],
)
def test_the_remote_type_chooses_the_form(
    key: str, options: dict[str, Any], remote_type: str | None, value: Any, written: Any
) -> None:
    entry = line(key, options, remote_types={"X": remote_type} if remote_type else None)
    assert write(entry, value) == written
    assert type(write(entry, value)) is type(written)
    assert read(entry, written) == value


NAME = {"first_name, last_name": {"to": "X", "transform": "full_name"}}


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("Anna Müller", "Anna", "Müller"),
        ("Anna Maria Müller", "Anna Maria", "Müller"),
        ("  Anna \t Müller ", "Anna", "Müller"),
        ("Müller", None, "Müller"),
        ("Müller, Anna", "Müller,", "Anna"),
        ("दीपिका पादुकोण", "दीपिका", "पादुकोण"),
        ("山田太郎", None, "山田太郎"),
        ("דוד בן גוריון", "דוד בן", "גוריון"),
        ("", None, None),
        (None, None, None),
    ],
)
def test_a_full_name_is_split_before_its_last_word(name: Any, first: Any, last: Any) -> None:
    (entry,) = compiled(NAME).entries
    assert read(entry, name) == (first, last)


LINES = {"street": {"to": ["A", "B", "C"], "transform": "lines"}}


@pytest.mark.parametrize(
    ("street", "fields"),
    [
        ("a\nb\nc", ("a", "b", "c")),
        ("a", ("a", None, None)),
        ("a\n\nc", ("a", None, "c")),
        (None, (None, None, None)),
    ],
)
def test_lines_fill_fields(street: Any, fields: tuple[Any, ...]) -> None:
    (entry,) = compiled(LINES).entries
    assert write(entry, street) == fields
    assert read(entry, *fields) == street


def test_more_lines_than_fields_only_lose_their_breaks() -> None:
    (entry,) = compiled(LINES).entries
    assert write(entry, "a\r\nb\rc\nd") == ("a", "b", "c d")
    assert reduces(read(entry, "a", "b", "c d"), "a\nb\nc\nd")


# Properties: what claims an inverse has one.
texts = st.text(max_size=12)
sets_of_words = st.lists(st.text(max_size=6), max_size=5)
instants = st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2100, 1, 1)).map(  # noqa: DTZ001
    lambda moment: moment.replace(tzinfo=UTC).isoformat()
)
dates = st.dates(min_value=datetime(1000, 1, 1).date()).map(str)  # noqa: DTZ001
numbers = st.decimals(-(10**12), 10**12, places=4).map(str)
zones = st.sampled_from(
    ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Monrovia", "UTC"]
)
INVERTIBLE = [
    ("last_name", {}, texts),
    ("last_name", {"prefix": "x: "}, texts),
    ("last_name", {"blank": "-"}, texts),
    ("phone", {"region": "DE", "prefix": "tel:"}, st.from_regex(r"[+0-9 ().-]{1,15}") | texts),
    ("tags", {"split": ";"}, sets_of_words),
    ("tags", {"split": "||"}, sets_of_words),
    ("tags", {"split": " "}, sets_of_words),
    ("stage", {"values": {"new": 0, "won": "1", "lost": "x"}}, st.sampled_from(["new", "won", "lost"])),
    ("active", {"boolean": {True: "ja", False: "nein"}}, st.booleans()),
    ("amount", {"scale": 0.01}, numbers),
    ("amount", {"scale": "-2.5"}, numbers),
    ("born", {"date_format": "%d %b %Y"}, dates),
    ("met_at", {"date_format": "%d.%m.%Y %H:%M:%S.%f", "zone": "UTC"}, instants),
    ("score", {}, st.integers(-(2**63), 2**63 - 1)),
]


@pytest.mark.parametrize(("key", "options", "raws"), INVERTIBLE, ids=str)
@given(data=st.data())
def test_what_is_written_reads_back(key: str, options: dict[str, Any], raws: Any, data: Any) -> None:
    entry = line(key, options)
    try:
        value = TYPES[key].parse(data.draw(raws))
        written = write(entry, value)
    except ParseError:
        return assume(False)
    again = read(entry, written)
    assert again == (TYPES[key].parse(value) if "region" not in options else read(entry, value))
    return None


@given(zone=zones, raw=instants)
def test_wall_times_read_back_or_are_refused(zone: str, raw: str) -> None:
    entry = line("met_at", {"zone": zone})
    value = TYPES["met_at"].parse(raw)
    try:
        wall = write(entry, value)
    except ParseError as error:
        assert "twice" in str(error)  # noqa: PT017 - the one hour of the year
        return
    assert "Z" not in wall
    assert read(entry, wall) == value


@given(unit=st.sampled_from(["s", "ms"]), raw=instants)
def test_epochs_read_back_but_for_the_cut(unit: str, raw: str) -> None:
    entry = line("met_at", {"epoch": unit})
    value = TYPES["met_at"].parse(raw)
    assert reduces(read(entry, write(entry, value)), value)
    assert write(entry, read(entry, write(entry, value))) == write(entry, value)


@given(text=texts, transform=st.sampled_from(["trim", "lower", "upper"]))
def test_reductions_settle_at_once(text: str, transform: str) -> None:
    entry = line("last_name", {"transform": transform})
    try:
        value = TYPES["last_name"].parse(text)
    except ParseError:
        return
    once = read(entry, write(entry, value))
    assert read(entry, write(entry, once)) == once
    assert (once is None) == (value is None)


@given(text=st.text(min_size=1, max_size=30), length=st.integers(1, 10))
def test_a_cut_is_short_and_a_reduction(text: str, length: int) -> None:
    try:
        value = TYPES["last_name"].parse(text)
    except ParseError:
        return
    assume(value is not None)
    cut = write(line("last_name", {"max_length": length}), value)
    assert cut
    assert len(cut) <= length
    assert value.startswith(cut)


words = st.text(st.characters(categories=["L", "Nd", "So"]), min_size=1, max_size=6)


@given(firsts=st.lists(words, max_size=3), last=words)
def test_names_read_back_when_the_last_name_is_one_word(firsts: list[str], last: str) -> None:
    (entry,) = compiled(NAME).entries
    names = (TYPES["first_name"].parse(" ".join(firsts)), TYPES["last_name"].parse(last))
    assert read(entry, write(entry, *names)) == names


@given(name=texts)
def test_any_name_that_was_read_is_written_the_same(name: str) -> None:
    (entry,) = compiled(NAME).entries
    try:
        names = read(entry, name)
    except ParseError:
        return
    assert fold(write(entry, *names) or "") == fold(TYPES["last_name"].parse(name) or "")


@given(lines=st.lists(words, min_size=1, max_size=3))
def test_lines_read_back(lines: list[str]) -> None:
    (entry,) = compiled(LINES).entries
    street = TYPES["street"].parse("\n".join(lines))
    assert read(entry, *write(entry, street)) == street


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
ENTRIES = [line(key, options) for key, options, *_ in ROUND_TRIPS] + [*compiled({**NAME, **LINES}).entries]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: str(entry.signature)[:60])
@given(data=st.data())
def test_whatever_a_remote_sends_is_read_or_refused(entry: Entry, data: Any) -> None:
    remote = tuple(data.draw(json_values) for _ in entry.remote)
    try:
        values = entry.incoming(remote, NO_REFS)
    except ParseError:
        return
    for name, value in zip(entry.canon, values, strict=True):
        assert TYPES[name].parse(value) == value


@given(
    key=st.sampled_from([*TYPES, "first_name, last_name", "nobody", ""]),
    to=st.sampled_from(["X", ["A", "B"], [], None, 7, {}]),
    options=st.dictionaries(st.sampled_from([*OPTIONS, "other"]), json_values, max_size=4),
)
def test_whatever_is_configured_is_compiled_or_refused(key: str, to: Any, options: dict[str, Any]) -> None:
    try:
        found: Any = compiled({key: {"to": to, **options}}).entries
        paths = [key]
    except SpecError as refused:
        found, paths = refused.problems, [problem.path[0] for problem in refused.problems]
    assert found
    assert set(paths) == {key}


def test_the_hash_follows_what_changes_values_and_nothing_else() -> None:
    def digest(spec: dict[str, Any], **options: Any) -> str:
        return compiled(spec, **options).hash

    base = digest({"email": "Email"})
    assert digest({"email": {"to": "Email"}}) == base
    assert digest({"email": {"to": "Email", "drift": "leave"}}) == base
    assert digest({"email": "Email"}, remote_types={"Email": "text"}) == base
    others = [
        digest({"email": "E_Mail"}),
        digest({"email": {"to": "Email", "direction": "in"}}),
        digest({"email": {"to": "Email", "transform": "upper"}}),
        digest({"email": {"to": "Email", "prefix": "a"}}),
        digest({"email": {"to": "Email", "prefix": "b"}}),
        digest({"phone": "Email"}),
        digest({"phone": {"to": "Email", "region": "DE"}}),
        digest({"company": "Email"}),
        digest({"company": "Email"}, remote_types={"Email": "integer"}),
        digest({"stage": {"to": "Email", "values": {"won": 1}}}),
        digest({"stage": {"to": "Email", "values": {"won": "1"}}}),
        digest({"last_name": "Email"}),
        digest({"last_name": {"to": "Email", "blank": "-"}}),
        compile_map("contact", "sales", "Lead", TYPES, {"email": "Email"}).hash,
        compile_map("contact", "sales", "Contact", {"email": field_type("text")}, {"email": "Email"}).hash,
    ]
    assert len({base, *others}) == len(others) + 1


PROBLEMS: list[tuple[dict[str, Any], tuple[Any, ...], str]] = [
    ({"emial": "Email"}, ("emial",), "did you mean email?"),
    ({"email": 7}, ("email",), "expected the remote field's name"),
    ({"email": {}}, ("email",), "to is missing"),
    ({"email": {"to": ""}}, ("email", "to"), "remote field's name"),
    ({"email": {"to": "E", "directoin": "in"}}, ("email", "directoin"), "did you mean direction?"),
    ({"email": {"to": "E", "direction": "inn"}}, ("email", "direction"), "did you mean in?"),
    ({"email": {"to": "E", "drift": "keep"}}, ("email", "drift"), "restore, leave"),
    ({"email": {"to": "E", "transform": "uper"}}, ("email", "transform"), "did you mean upper?"),
    ({"company": {"association": 7}}, ("company", "association"), "names an object"),
    ({"company": {"association": "companies", "to": "A"}}, ("company", "to"), "not both"),
    ({"email": {"association": "companies"}}, ("email", "association"), "email is of type email"),
    ({"email": {"to": "E", "cel": "a + b"}}, ("email", "cel"), "not supported yet"),
    ({"company": {"to": "A", "prefix": "x"}}, ("company",), "does not apply to a reference"),
    ({"score": {"to": "A", "prefix": "x"}}, ("score", "prefix"), "does not apply"),
    ({"email": {"to": "A", "prefix": " "}}, ("email", "prefix"), "prefix"),
    ({"email": {"to": "A", "max_length": 0}}, ("email", "max_length"), "from 1"),
    ({"email": {"to": "A", "split": ";"}}, ("email", "split"), "for set"),
    ({"tags": {"to": "A", "split": ""}}, ("tags", "split"), "delimiter"),
    ({"stage": {"to": "A", "values": {"nwe": "N"}}}, ("stage", "values", "nwe"), "not a value of the field"),
    ({"stage": {"to": "A", "values": {"won": "X", "lost": "X"}}}, ("stage",), "direction: out"),
    ({"stage": {"to": "A", "values": {"won": ["X", "Y"]}}}, ("stage",), "direction: in"),
    ({"stage": {"to": "A", "values": {"won": None}}}, ("stage", "values", "won"), "text or a number"),
    ({"stage": {"to": "A", "values": {}}}, ("stage", "values"), "table"),
    ({"active": {"to": "A", "boolean": {True: "Y"}}}, ("active", "boolean"), "true and for false"),
    ({"amount": {"to": "A", "scale": 3}}, ("amount",), "direction: in"),
    ({"amount": {"to": "A", "scale": 0}}, ("amount", "scale"), "other than 0"),
    ({"amount": {"to": "A", "scale": "x"}}, ("amount", "scale"), "other than 0"),
    ({"born": {"to": "A", "date_format": "%d.%m.%y"}}, ("born",), "direction: in"),
    ({"born": {"to": "A", "date_format": "%Y-%m-%dT%H"}}, ("born", "date_format"), "no time of day"),
    ({"born": {"to": "A", "zone": "UTC"}}, ("born",), "does not apply"),
    ({"born": {"to": "A", "date_format": "%Y %Y"}}, ("born", "date_format"), "strptime"),
    ({"born": {"to": "A", "date_format": "%Q"}}, ("born", "date_format"), "strptime"),
    ({"born": {"to": "A", "date_format": "Y"}}, ("born", "date_format"), "strptime"),
    ({"met_at": {"to": "A", "date_format": "%c"}}, ("met_at", "date_format"), "no offset"),
    ({"met_at": {"to": "A", "zone": "Mars/Base"}}, ("met_at", "zone"), "not known"),
    ({"met_at": {"to": "A", "zone": "../../etc/passwd"}}, ("met_at", "zone"), "not known"),
    ({"met_at": {"to": "A", "epoch": "us"}}, ("met_at", "epoch"), "s or ms"),
    ({"met_at": {"to": "A", "epoch": "s", "zone": "UTC"}}, ("met_at", "epoch"), "by itself"),
    ({"phone": {"to": "A", "region": "Germany"}}, ("phone", "region"), "DE"),
    ({"phone": {"to": "A", "blank": [1]}}, ("phone", "blank"), "nothing"),
    ({"first_name, last_name": "Name"}, ("first_name, last_name",), "one transform between them"),
    ({"street": {"to": ["A", "B"], "transform": "full_name"}}, ("street", "transform"), "two names"),
    ({"street": {"to": "A", "transform": "lines"}}, ("street", "transform"), "several remote fields"),
    ({"email": {"to": ["A", "B"], "transform": "lines"}}, ("email", "transform"), "joins texts"),
    ({"street": {"to": ["A", "A"], "transform": "lines"}}, ("street",), "named twice"),
    ({"street": {"to": ["A", "B"], "transform": "lines", "split": 1}}, ("street", "split"), "does not go"),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "path", "words"), PROBLEMS)
def test_a_wrong_line_is_told_with_its_place_and_what_to_do(
    spec: dict[str, Any], path: tuple[Any, ...], words: str
) -> None:
    (problem,) = problems(spec)
    assert problem.path == path or problem.path[:1] == path
    assert words in str(problem)


def test_all_problems_come_at_once() -> None:
    found = problems({"emial": "E", "score": {"to": "S", "prefix": "x"}, "tags": {"to": "T", "a": 1, "b": 2}})
    assert [problem.path for problem in found] == [
        ("emial",),
        ("score", "prefix"),
        ("tags", "a"),
        ("tags", "b"),
    ]


def test_two_lines_never_fight_over_a_field() -> None:
    assert "read by two lines" in str(problems({"last_name": "A", **NAME})[0])
    assert "written by two lines" in str(problems({"email": "A", "last_name": "A"})[0])
    fields = compiled({"last_name": {"to": "A", "direction": "out"}, **NAME})
    assert fields.directions()["last_name"] is Direction.BOTH
    assert compiled({"email": "A", "last_name": {"to": "A", "direction": "in"}}).remote_fields == ("A",)


def test_a_remote_type_that_cannot_hold_the_field_is_told_before_anything_is_written() -> None:
    (problem,) = problems({"born": "Birth"}, remote_types={"Birth": "datetime"})
    assert problem.path == ("born",)
    assert "no instant" in problem.message
    assert compiled({"born": {"to": "Birth", "direction": "in"}}, remote_types={"Birth": "datetime"})
    assert problems({"tags": "Tags"}, remote_types={"Tags": "text"})
    assert compiled({"tags": {"to": "Tags", "split": ";"}}, remote_types={"Tags": "text"})


def test_the_direction_of_the_whole_mapping_holds_for_its_lines() -> None:
    fields = compiled({"email": "Email", "amount": {"to": "A", "scale": 3}}, direction=Direction.IN)
    assert {entry.direction for entry in fields.entries} == {Direction.IN}
    (problem,) = problems({"email": {"to": "E", "direction": "out"}}, direction=Direction.IN)
    assert problem.path == ("email", "direction")


def test_a_section_that_is_no_table_is_told() -> None:
    assert problems(["email"])[0].path == ()
