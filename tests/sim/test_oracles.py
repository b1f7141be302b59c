"""Each judge of the twin can fail: a violation is planted in front of it. What holds passes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.sim.twin import oracles
from tests.sim.twin.catalogue import FAULTS, SOMETIMES, files, never
from tests.sim.twin.faults import POINTS
from tests.sim.twin.oracles import SECRET, Snapshot, Wait
from tests.sim.twin.store_troubles import POINTS as AT_STATEMENTS
from tests.sim.twin.troubles import NAMES

KEPT = Snapshot({(1, 2): {"name": "x"}}, {(1, "P1"): 1}, {7: True})


def test_what_was_committed_before_a_kill_is_there() -> None:
    assert oracles.forgotten(KEPT, KEPT) == []
    assert oracles.forgotten(KEPT, Snapshot({}, KEPT.links, KEPT.commands), gone=[1]) == []
    for lost in (
        Snapshot({}, KEPT.links, KEPT.commands),
        Snapshot({(1, 2): {"name": "y"}}, KEPT.links, KEPT.commands),
        Snapshot(KEPT.versions, {}, KEPT.commands),
        Snapshot(KEPT.versions, KEPT.links, {7: None}),
    ):
        assert len(oracles.forgotten(KEPT, lost)) == 1


def test_what_was_asked_for_is_carried_out() -> None:
    assert oracles.unanswered([7], KEPT) == []
    assert oracles.unanswered([7, 8], KEPT) == ["I6 unanswered: request 8"]


def test_calls_stay_within_our_share() -> None:
    calls = [0.0, 1.0, 9.0, 10.0, 11.0]
    assert oracles.above_share(calls, 3, 10.0, rolling=False) == []
    assert oracles.above_share(calls, 4, 10.0, rolling=True) == []
    assert len(oracles.above_share(calls, 2, 10.0, rolling=False)) == 1
    assert len(oracles.above_share([0.0, 9.0, 9.5, 10.5], 2, 10.0, rolling=True)) == 1
    assert oracles.above_share([0.0, 9.0, 9.5, 10.5], 3, 10.0, rolling=True) == []


def test_nobody_waits_for_the_trouble_of_another() -> None:
    waits = [Wait("edit 1", 5.0, 9.0), Wait("edit 2", 5.0, 16.0), Wait("edit 3", 5.0, None)]
    assert oracles.delayed(waits[:1], 10.0) == []
    assert len(oracles.delayed(waits, 10.0)) == 2


def test_an_undo_restores_what_nobody_touched_and_lists_the_rest() -> None:
    was, now = {"name": "old", "phone": "1"}, {"name": "old", "phone": "3"}
    assert oracles.undone(was, now, touched=["phone"], listed=["phone"]) == []
    assert len(oracles.undone(was, now, touched=["phone"], listed=[])) == 1
    assert len(oracles.undone(was, now, touched=[], listed=[])) == 1
    assert len(oracles.undone(was, now, touched=["phone"], listed=["phone", "name"])) == 1


def test_who_was_succeeded_does_nothing_more() -> None:
    order = [("takes", 1), ("calls", 1), ("commits", 1), ("takes", 2), ("calls", 2)]
    assert oracles.succeeded(order) == []
    for late in (("calls", 1), ("commits", 1)):
        assert len(oracles.succeeded([*order, late])) == 1
    assert len(oracles.succeeded([*order, ("put back", 0), ("commits", 2)])) == 1
    assert oracles.succeeded([*order, ("put back", 0), ("takes", 3), ("calls", 3)]) == []


def test_nothing_personal_and_no_secret_leaves_the_process() -> None:
    plain = ["read a.contact: a says later", "read a.firms: the firm is away", "0x7fE0123, E0451"]
    assert oracles.betrayed(plain) == []
    for text in ("E012-Long", "e012", "<p3@x.org>", "'Firm 4'", f"key={SECRET}&x"):
        assert len(oracles.betrayed([f"it failed: {text}"])) == 1


def test_what_waits_does_not_grow() -> None:
    samples = [(20.0, {"inbox": 5}), (40.0, {"inbox": 11, "other": 999})]
    assert oracles.grown(samples, {"inbox": 11}) == []
    assert oracles.grown(samples, {"inbox": 10}) == ["I14 grown: inbox holds 11 at 40 s, over 10"]


def test_every_fault_has_its_name_and_is_shown_somewhere_or_said_to_be_missing() -> None:
    assert list(FAULTS) == list(range(1, 52))
    assert [n for n, shown in FAULTS.items() if not (shown.twin or shown.tests or shown.lacks)] == []
    root = Path(__file__).parents[2]
    for path, function in files(FAULTS.values()):
        text = (root / path).read_text()
        assert not function or f"def {function}(" in text, f"{path} has no {function}"


def test_every_fault_of_the_twin_is_expected_to_happen() -> None:
    told = {key.removeprefix("fault ") for key in SOMETIMES if key.startswith("fault ")}
    assert told <= {*POINTS, *NAMES, "offline", "logged_out"}
    assert set(NAMES) - told == {"broken_object"}  # one of no fault's number: for the bystanders
    store = {key.removeprefix("store ") for key in SOMETIMES if key.startswith("store ")}
    assert store == {*AT_STATEMENTS, "away", "old_backup"}


def test_what_never_happened_is_said() -> None:
    happened = Counter(SOMETIMES)
    assert never(happened) == []
    del happened["fault cursor_lost"]
    assert never(happened) == ["fault cursor_lost (F13)"]
