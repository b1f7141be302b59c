"""Two people who turn out to be one, and copies that take no part for a while, under random schedules: no
value is lost without a word, all converge.

Each rule is also put wrong, to see that it is caught: one that nothing catches is not needed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any

import pytest

from conflict.join import Copy, Inherited, United, adopt, inherit, unite
from conflict.rules import RuleBook
from conflict.scope import left
from syncd.core.nouns import Change, LinkState
from syncd.core.state import Link, Record
from tests.sim.joinmodel import JoinModel, Ways, judge

CHUNK = 1_500
OFTEN = {
    "merge": 1_000,
    "conversion": 1_000,
    "records joined": 800,
    "copy adopted": 250,
    "copies of both in another system": 300,
    "link left": 1_500,
    "link entered": 1_000,
    "merge with a write owed to the loser": 150,
    "duplicate promoted": 100,
    "value inherited": 50,
    "link moved to an id that nobody knew": 1_000,
    "followed already": 800,
    "told twice": 1_000,
    "stale write": 500,
    "verdict": 500,
}


@pytest.mark.parametrize("chunk", range(4))
def test_nothing_is_lost_when_records_join(chunk: int) -> None:
    happened: Counter[str] = Counter()
    wrong: list[str] = []
    for seed in range(chunk * CHUNK, (chunk + 1) * CHUNK):
        model = JoinModel(seed)
        model.run()
        happened.update(model.happened)
        wrong += [f"seed {seed}: {words}" for words in judge(model)]
    assert not wrong, "\n".join(wrong)
    rare = {what: happened[what] for what, least in OFTEN.items() if happened[what] < least}
    assert not rare, f"too rare in {CHUNK} schedules to prove anything: {rare}"


def _leave_behind(
    record: Record, other: Record, copies: Sequence[Copy], taken: Collection[str], book: RuleBook, event: int
) -> United:
    """What no copy brings along is forgotten."""
    united = unite(record, other, copies, taken, book, event)
    known = united.adopted[-1].record if united.adopted else record
    return replace(united, record=known, inherited=Inherited(known, {}, []))


def _keep_base(
    record: Record, other: Record, copies: Sequence[Copy], taken: Collection[str], book: RuleBook, event: int
) -> United:
    """A copy comes over with its shadow, as if it had always been this record's."""
    here = [c for c in copies if c.link.state is LinkState.LIVE and c.link.system not in taken]
    rest = [c for c in copies if c not in here]
    united = unite(record, other, rest, taken, book, event)
    moved = [replace(c.link, record_id=record.record_id) for c in here]
    return replace(united, moved=[*united.moved, *moved])


def _adopt_all(
    record: Record, other: Record, copies: Sequence[Copy], taken: Collection[str], book: RuleBook, event: int
) -> United:
    """A second copy in one system takes part as well."""
    adopted = []
    for copy in copies:
        if copy.link.state is LinkState.LIVE:
            adopted.append(adopt(record, copy.link, copy.fmap, book, refs=copy.refs, event=event))
            record = adopted[-1].record
    rest = [c for c in copies if c.link.state is not LinkState.LIVE]
    moved = unite(record, other, rest, taken, book, event).moved
    found = inherit(record, other, event, [clash for outcome in adopted for clash in outcome.clashes])
    return United(found.record, adopted, moved, found)


def _still_live(link: Link, record_id: int, evidence: int) -> Link:
    return replace(link, record_id=record_id, evidence=evidence)


def _known_already(link: Link) -> Link:
    return replace(link, state=LinkState.LIVE)


def _look_outside(link: Link, change: Change) -> Link:
    return replace(left(link, change.evidence), shadow=change.fields)


def _write_outside(link: Link, change: Change) -> Link:
    return replace(link, evidence=change.evidence, remote_version=change.remote_version)


MUTANTS: dict[str, tuple[Ways, str]] = {
    "what no copy brings along is forgotten": (Ways(unite=_leave_behind), "lost"),
    "a copy comes over with its base": (Ways(unite=_keep_base), "diverged"),
    "a second copy takes part": (Ways(unite=_adopt_all), "two live copies"),
    "what was merged away stays live": (Ways(ended=_still_live), "came to no end"),
    "what is left is known already": (Ways(first_sight=_known_already), "diverged"),
    "what is outside is read into the shadow": (Ways(left=_look_outside), "lost"),
    "what is outside is written to": (Ways(left=_write_outside), "takes no part"),
    "a lost copy's word counts as that of the other": (Ways(disown=lambda record, system: record), "lost"),
}


@pytest.mark.parametrize(("ways", "words"), MUTANTS.values(), ids=MUTANTS)
def test_each_rule_is_needed(ways: Ways, words: str) -> None:
    assert any(words in found for found in _first_faults(lambda seed: JoinModel(seed, ways)))


def _first_faults(make: Callable[[int], Any]) -> list[str]:
    for seed in range(3_000):
        model = make(seed)
        try:
            model.run()
        except (AssertionError, KeyError) as error:
            return [f"came to no end: {error!r}"]
        if found := judge(model):
            return found
    return []
