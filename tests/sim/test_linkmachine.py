"""Random schedules of the link machine: nothing flips back, nothing seen is lost, all converge.

Every chunk must also have held what makes a schedule hard: what never happens proves nothing.
"""

from __future__ import annotations

import pytest

from tests.sim.linkmodel import Model
from tests.sim.links import CHUNK, told
from tests.sim.oracle import judge

CHUNKS = 20

OFTEN = {
    "2 systems": 300,
    "3 systems": 300,
    "4 systems": 120,
    "agreed by a read": 300,
    "answer lost": 500,
    "answer with news of other fields": 40,
    "blocked field": 500,
    "clash decided: late": 30,
    "clash decided: longest": 60,
    "clash decided: newest": 80,
    "clash decided: overwritten": 40,
    "clash decided: prefer": 200,
    "clash open": 120,
    "contest of three or more": 80,
    "drift, leave": 50,
    "drift, restore": 50,
    "edit of a field under an open conflict": 80,
    "edit while a write is in flight": 250,
    "first links without a base": 120,
    "guard compare": 500,
    "guard none": 200,
    "guard read": 400,
    "guard read that differed": 150,
    "lane in": 150,
    "lane out": 300,
    "late landing": 60,
    "open conflict closed by itself": 2,
    "partial read": 600,
    "read delivered twice": 200,
    "read drop": 4_000,
    "read hold": 700,
    "read refetch": 800,
    "read that overtook another": 1_000,
    "reduction of what we sent, told by no answer": 100,
    "rest while blocked": 50,
    "stale compare-and-set": 250,
    "system that normalises: cut": 120,
    "system that normalises: fold": 250,
    "text cleared": 60,
    "text copied": 40,
    "text of ours undone": 25,
    "text put back": 70,
    "text retyped": 50,
    "text rewritten in the save of our write": 100,
    "unanswered write seen to have landed": 300,
    "unseen edit overwritten without compare-and-set": 60,
    "value that the remote normalised": 350,
    "verdict": 90,
    "verdict refused: candidates moved": 2,
    "write of a field once blocked": 500,
    "write of a set": 900,
}


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_schedule_flips_loses_or_diverges(chunk: int) -> None:
    wrong, happened = told(range(chunk * CHUNK, (chunk + 1) * CHUNK))
    assert not wrong, "\n".join(wrong)
    assert happened["edit"] >= 5 * CHUNK
    rare = {what: happened[what] for what, least in OFTEN.items() if happened[what] < least}
    assert not rare, f"too rare in {CHUNK} schedules to prove anything: {rare}"


def test_a_schedule_is_the_same_each_time() -> None:
    first, second = Model(7), Model(7)
    first.run()
    second.run()
    assert first.record == second.record
    assert first.clashes == second.clashes
    assert first.happened == second.happened


def test_the_oracle_sees_a_lost_edit() -> None:
    """The judge is judged: take an edit away from a schedule that was fine."""
    model = next(model for model in _finished() if model.seen - {0} and not model.clashes)
    model.seen.add(model.history.new_text("name", "s0"))
    assert any(words.startswith("lost") for words in judge(model))


def test_the_oracle_sees_a_flip_and_a_divergence() -> None:
    model = next(model for model in _finished() if not model.unanswered and not model.clashes)
    old = model.history.new_text("name", "s0")
    new = model.history.new_text("name", "s0", [old])
    model.remotes["s0"].log.append(("Name", f"E{new}", f"E{old}", "syncd"))
    model.remotes["s0"].values["Name"] = f"E{old}"
    words = judge(model)
    assert any(found.startswith("flip") for found in words)
    assert any(found.startswith("diverged") for found in words)


def _finished() -> list[Model]:
    models = [Model(seed) for seed in range(60)]
    for model in models:
        model.run()
    return models
