"""The compiled parts of the rest connector: templates, paths, times, values, rules, waits, windows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from multidict import CIMultiDict

from connectors.base import FieldInfo
from connectors.http import Answer, Step, retry_after, step_of
from connectors.rest import RestOptions
from connectors.rest.judge import compile_errors
from connectors.rest.marks import AHEAD, Window, window_from
from connectors.rest.moments import form_of
from connectors.rest.options import ErrorWords, ValueWords, merged
from connectors.rest.paging import next_link
from connectors.rest.paths import MISSING, getter
from connectors.rest.template import Unsayable, compile_path, compile_query, compile_tree
from connectors.rest.values import readers, writers
from syncd.core.errors import NeedsOperator
from syncd.core.nouns import Change

KNOWN = ("id", "ids", "values", "version", "rows", "fields")
AT = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("tree", "values", "made"),
    [
        ("{id}", {"id": 7}, 7),
        ("a{id}b", {"id": 7}, "a7b"),
        ("a{id}b", {}, None),
        ("{{id}} {{other}} { id }", {"id": 7}, "{id} {other} { id }"),
        ({"a": "{id}", "b": "{version}", "c": 1}, {"id": 7}, {"a": 7, "c": 1}),
        ({"*": "{values}", "kind": "x"}, {"values": {"n": None}}, {"n": None, "kind": "x"}),
        ({"*": "{rows}"}, {"rows": [{"a": 1}, {"b": 2}]}, {"a": 1, "b": 2}),
        ({"k{id}": "{version}"}, {"id": 1, "version": "v"}, {"k1": "v"}),
        (["{id}", ["{ids*}", 9]], {"id": None, "ids": [1, 2]}, [None, [1, 2, 9]]),
        (["{rows**}"], {"rows": [[1, 2], [3]]}, [1, 2, 3]),
        ("in {ids}", {"ids": [1, "b", True]}, "in 1,b,true"),
        ({"x": {"y": "{id}"}, "z": [1, None, True]}, {}, {"x": {}, "z": [1, None, True]}),
    ],
)
def test_templates(tree: Any, values: dict[str, Any], made: Any) -> None:
    assert compile_tree(tree, KNOWN).fill(values) == made


def test_queries_leave_out_what_has_no_value_and_encode_the_rest() -> None:
    said = {"a": "{id}", "b": "{version}", "ids": "{ids}", "id": "{ids*}", "q": {"in": "{ids}"}, "flag": True}
    names: set[str] = set()
    fill = compile_query(said, KNOWN, names)
    assert fill({"ids": ["x&y", 2], "id": "ö"}) == (
        "a=%C3%B6&ids=x%26y,2&id=x%26y&id=2&q=%7B%22in%22:%5B%22x%26y%22,2%5D%7D&flag=true"
    )
    assert names == {"id", "version", "ids"}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("", {"a": [{"b": 1}], "c/d": 2}),
        ("a.0.b", 1),
        ("/a/0/b", 1),
        ("/c~1d", 2),
        ("a.7.b", MISSING),
        ("x", MISSING),
    ],
)
def test_paths(path: str, found: Any) -> None:
    assert getter(path)({"a": [{"b": 1}], "c/d": 2}) == found


@pytest.mark.parametrize(
    ("form", "zone", "written"),
    [
        ("iso", "UTC", "2026-01-02T03:04:05.678000Z"),
        ("iso_ms", "UTC", "2026-01-02T03:04:05.678Z"),
        ("unix", "UTC", 1767323045),
        ("ms", "UTC", 1767323045678),
        ("http", "UTC", "Fri, 02 Jan 2026 03:04:05 GMT"),
        ("%Y-%m-%d %H:%M:%S", "Europe/Berlin", "2026-01-02 04:04:05"),
        ({"y": "{year}", "t": "x", "s": "{second}"}, "UTC", {"y": 2026, "t": "x", "s": 5}),
    ],
)
def test_times_in_every_form(form: Any, zone: str, written: Any) -> None:
    made = form_of(form, zone)
    assert made.write(AT) == written
    again = made.read(written)
    assert again is not None
    assert abs(AT - again) < timedelta(days=3)
    for wrong in (None, True, "rubbish", {"t": "y"}, [], 10**40):
        assert made.read(wrong) is None or wrong is True


def test_a_form_that_is_none_says_so() -> None:
    with pytest.raises(NeedsOperator, match="no way to write a time"):
        form_of("sometimes", "UTC")


def test_values_are_converted_only_where_it_is_said() -> None:
    words = ValueWords.model_validate({"empty": ["", False], "decimal": "number", "datetime": "unix"})
    infos = {
        "yes": FieldInfo("yes", "boolean"),
        "n": FieldInfo("n", "integer"),
        "at": FieldInfo("at", "datetime"),
        "firm": FieldInfo("firm", "text", references="firms"),
    }
    read = readers(words, "UTC", ("yes", "n", "at", "firm", "free"), infos)
    assert [read["yes"](v) for v in (False, "", True)] == [False, None, True]
    assert [read["n"](v) for v in (0, False, "")] == [0, None, None]
    assert read["at"](0) == "1970-01-01T00:00:00Z"
    assert read["firm"](12) == "12"
    assert readers(ValueWords(), "UTC", ("yes", "n", "free"), infos) == {}
    record = merged(
        RestOptions.model_validate({"url": "http://x", "record": {"id_form": "integer"}}), "o"
    ).record
    write = writers(words, record, "UTC", infos)
    assert write["firm"]("12") == 12
    assert write["at"]("1970-01-01T00:01:00Z") == 60


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("-3", 0.0), ("1e99", 3600.0), ("nan", None), ("soon", None), ("", None)],
)
def test_waits(header: str, seconds: float | None) -> None:
    assert retry_after(Answer(429, CIMultiDict({"retry-after": header}), b"")) == seconds


def test_a_wait_until_a_date_counts_from_the_servers_clock() -> None:
    told = {"Retry-After": "Fri, 02 Jan 2001 03:04:35 GMT", "Date": "Fri, 02 Jan 2001 03:04:05 GMT"}
    assert retry_after(Answer(503, CIMultiDict(told), b"")) == 30.0


@pytest.mark.parametrize(
    ("status", "step"),
    [
        (200, "ok"),
        (204, "ok"),
        (302, "operator"),
        (400, "rejected"),
        (404, "gone"),
        (418, "rejected"),
        (500, "uncertain"),
    ],
)
def test_steps(status: int, step: str) -> None:
    assert step_of(status) is Step(step)


def test_rules_decide_before_the_status_and_codes_with_values_are_not_shown() -> None:
    words = {
        "where": "error",
        "code": "error.0",
        "rules": [
            {"status": 500, "code": ["Invalid", "Required"], "means": "rejected"},
            {"at": "error.1", "matches": "locked", "means": "deferred"},
            {"status": 404, "on": "list", "means": "empty"},
            {"at": "state", "is": "half", "means": "retry"},
        ],
    }
    judge = compile_errors(ErrorWords.model_validate(words))

    def step(call: str, status: int, body: Any) -> str:
        found = judge.judge(call, Answer(status, {}, b""), body)
        return "ok" if found is None else found.step.value

    assert step("get", 200, {"x": 1}) == "ok"
    assert step("get", 200, {"error": None}) == "ok"
    assert step("get", 200, {"state": "half"}) == "retry"
    assert step("get", 200, {"error": ["Other", "is locked by"]}) == "deferred"
    assert step("get", 200, {"error": ["Other"]}) == "rejected"
    assert step("update", 500, {"error": ["Required"]}) == "rejected"
    assert step("update", 500, {"error": ["Else"]}) == "uncertain"
    assert (step("list", 404, None), step("get", 404, None)) == ("empty", "gone")
    told = judge.judge("create", Answer(400, {}, b""), {"error": ["ann@x.example is bad"]})
    assert told is not None
    assert told.code == ""


def test_link_headers() -> None:
    header = '<https://x/a?page=1>; rel="prev", <https://x/a?page=3>; title="a, b"; rel="next last"'
    assert next_link(header) == "https://x/a?page=3"
    assert next_link('<https://x/a>; rel="prev"') is None


@pytest.mark.parametrize("empty", [[], {}, "", None, False, 0])
def test_an_empty_list_of_errors_is_none(empty: Any) -> None:
    judge = compile_errors(ErrorWords(where="errors"))
    assert judge.judge("list", Answer(200, {}, b""), {"errors": empty}) is None


def test_an_error_in_a_success_is_told_with_the_word_that_found_it() -> None:
    judge = compile_errors(ErrorWords(where="errors"))
    found = judge.judge("list", Answer(200, {}, b""), {"errors": {"ann@x.example": 1, "why": "secret"}})
    assert found is not None
    assert found.told == " (`errors.where` (errors): there are the keys why)"
    refused = judge.judge("list", Answer(400, {}, b""), {})
    assert refused is not None
    assert refused.told == ""


def test_an_object_that_is_no_moment_is_read_as_none() -> None:
    form = form_of({"__class__": "datetime", "year": "{year}"}, "UTC")
    assert form.read({"foo": 1}) is None
    assert form.read({"__class__": "datetime", "year": 2026}) == datetime(2026, 1, 1, tzinfo=UTC)
    values = ValueWords.model_validate({"datetime": {"__class__": "datetime", "year": "{year}"}})
    assert readers(values, "UTC", ("name",), {})["name"]({"foo": 1}) == {"foo": 1}


@pytest.mark.parametrize("id", [".", ".."])
def test_an_id_that_would_lead_elsewhere_is_in_no_path(id: str) -> None:
    fill = compile_path("/people/{id}", ("id",), set())
    with pytest.raises(Unsayable, match="cannot hold"):
        fill({"id": id})
    assert fill({"id": "..."}) == "/people/..."


def change(name: str, at: datetime, **fields: Any) -> Change:
    """A change at a time."""
    return Change("s", "o", name, fields=fields, occurred_at=at)


def test_a_window_tells_once_and_moves_on_with_the_servers_clock() -> None:
    margin = timedelta(seconds=10)
    window = Window(margin)
    window.began(AT)
    assert len(window.take([change("a", AT - timedelta(hours=1)), change("b", AT)], {})) == 2
    later = window_from(window.state(), margin, trusts_version=False)
    assert later.since() == AT - margin
    old, later.marks = later.marks, {}
    later.began(AT + timedelta(seconds=60))
    assert later.take([change("b", AT)], old) == []
    assert len(later.take([change("b", AT, text="edited in the same instant")], old)) == 1
    assert later.since() == AT, "what was told is behind it, and nothing that may come"
    later.began(AT + timedelta(minutes=30))
    assert later.since() == AT + timedelta(seconds=1), "now what is at the very stamp, too"
    later.began(AT + timedelta(hours=3))
    assert later.since() == AT + timedelta(hours=2, seconds=-11), "servers forget what is long ago"


def test_where_records_tell_no_time_the_servers_clock_is_all_that_moves_a_window() -> None:
    margin = timedelta(seconds=10)
    window = Window(margin, dated=False)
    window.began(AT)
    window.take([Change("s", "o", "a")], {})
    window.began(AT + timedelta(seconds=60))
    assert window.since() == AT + timedelta(seconds=49), "two Date headers may say a second too much"


@pytest.mark.parametrize("interval", [5, 60])
@pytest.mark.parametrize("skews", [(0, 8), (0, 12), (0, 20), (0, 60), (0, 60, 60), (0, 0, 0, 30), (9, 300)])
def test_servers_whose_clocks_differ_hide_no_change(skews: tuple[int, ...], interval: int) -> None:
    state: dict[str, Any] = {}
    rows: dict[str, Change] = {}
    seen: set[str] = set()
    for n in range(80):
        now = AT + timedelta(seconds=n * interval)
        rows[str(n)] = change(str(n), now - timedelta(seconds=1))
        window = window_from(state, timedelta(seconds=11), trusts_version=False)
        since, old, window.marks = window.since(), window.marks, {}
        window.began(now + timedelta(seconds=skews[n % len(skews)]))
        shown = [c for c in rows.values() if since is None or (c.occurred_at or now) >= since]
        seen |= {c.remote_id for c in window.take(shown, old)}
        state = window.state()
    assert rows.keys() - seen == set()
    assert len(shown) < 80, "the window moves on"


def test_the_whole_seconds_of_the_date_header_hide_no_change() -> None:
    margin = timedelta(milliseconds=1)
    window, newest = Window(margin), AT + timedelta(seconds=0.85)
    window.began(AT)  # it is 0.9 s past
    window.take([change("a", newest)], {})
    window.began(AT + timedelta(seconds=1))  # a tenth of a second later
    assert window.since() == newest - margin


def test_a_stamp_of_the_far_future_does_not_hide_what_comes_after() -> None:
    window = Window(timedelta(seconds=1))
    window.began(AT)
    window.take([change("a", AT + timedelta(days=9000))], {})
    assert window.high == AT + AHEAD


def test_a_clock_that_steps_back_moves_nothing() -> None:
    window = Window(timedelta(seconds=1), high=AT, date=AT)
    window.began(AT - timedelta(days=365))
    assert window.high == AT


def test_an_objects_words_stand_over_the_systems_key_by_key() -> None:
    said = {
        "url": "https://crm.example",
        "calls": {
            "list": {"path": "/{object}", "query": {"p": "{page}"}, "at": "items"},
            "get": "/{object}/{id}",
        },
        "paging": {"by": "page", "limit": 10},
        "objects": {"deals": {"calls": {"list": {"at": "deals"}, "get": None}, "paging": {"limit": 50}}},
    }
    words = merged(RestOptions.model_validate(said), "deals")
    assert words.calls.list is not None
    assert (words.calls.list.path, words.calls.list.at) == ("/{object}", "deals")
    assert words.calls.get is None
    assert (words.paging.by, words.paging.limit) == ("page", 50)
