"""Which fields are behind is found without a look at every field: the same as a look at every field finds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from conflict.due import due
from conflict.work import fold
from syncd.core.nouns import Stamp
from syncd.core.state import Agreed, Link, Record, Stamps
from syncd.engine.touched import ROOM, Touched
from tests.sim.maps import plain_map

MAP = plain_map("crm")
NAMES = ["name", "score", "unmapped"]
REMOTE = {entry.name: entry.remote_name for entry in MAP.entries}

numbers = st.integers(0, 4)
stamps = st.builds(
    Stamps,
    st.builds(Stamp, numbers, st.just("erp")),
    st.dictionaries(st.sampled_from(NAMES), st.builds(Stamp, numbers, st.just("erp"))),
)
records = st.builds(
    Record,
    record_id=st.just(1),
    kind=st.just("contact"),
    version=st.just(4),
    fields=st.dictionaries(st.sampled_from(NAMES), st.just("ours")),
    stamps=stamps,
)
agreements = st.builds(Agreed, numbers, st.dictionaries(st.sampled_from(NAMES), numbers))


def behind(record: Record, agreed: Agreed) -> set[str]:
    return {name for name in record.fields if record.version_of(name) > agreed.of(name)} & REMOTE.keys()


@given(records, agreements)
def test_what_is_due_is_what_is_newer_than_agreed(record: Record, agreed: Agreed) -> None:
    shadow = dict.fromkeys(REMOTE.values(), "theirs")
    link = Link("crm", "contacts", "1", 1, shadow=shadow, agreed=agreed)
    if record.version > agreed.number or agreed.own:
        assert due(record, link, MAP).fields.keys() == {REMOTE[name] for name in behind(record, agreed)}


@given(records, agreements)
def test_all_is_agreed_when_nothing_is_newer(record: Record, agreed: Agreed) -> None:
    folded = fold(record, agreed, MAP)
    if behind(record, agreed):
        assert folded == agreed
    else:
        assert folded == Agreed(record.version)


def test_only_what_was_written_after_a_plan_was_loaded_voids_it() -> None:
    touched = Touched()
    touched.note([1], 5)
    touched.plan(7, 10)
    assert touched.stands(7, 1)
    touched.note([2], 11)
    assert not touched.stands(7, 2)
    touched.plan(7, 12)
    assert touched.stands(7, 2)


def test_nothing_is_kept_when_nobody_plans() -> None:
    touched = Touched()
    touched.plan(7, 1)
    touched.plan(8, 2)
    touched.note(range(100), 3)
    touched.end(7)
    assert not touched.stands(8, 5)
    touched.end(8)
    touched.note(range(100), 4)
    assert len(touched) == 0


def test_a_long_plan_keeps_what_it_asks_about_and_no_more() -> None:
    touched = Touched()
    touched.plan(7, 1)
    touched.note(range(ROOM), 2)
    touched.plan(7, 3)
    for first in range(0, 3 * ROOM, 1000):
        touched.note(range(ROOM + first, ROOM + first + 1000), 4)
    assert not touched.stands(7, ROOM)
    assert 3 * ROOM <= len(touched) <= 4 * ROOM
