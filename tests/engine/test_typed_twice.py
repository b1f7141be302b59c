"""The same new person typed into two systems at once is one person: what is there is read before a create."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

import pytest

from connectors.memory import Features, FieldDef, MemoryRemote, ObjectDef
from syncd.core.clock import SystemClock
from syncd.core.errors import RetryLater
from syncd.engine.intake import LATELY
from syncd.store.store import Store
from tests.engine.labs import settings_of
from tests.support.rig import Rig

CONFIG = """
systems:
  a: {connector: memory, remote: twice-a}
  b: {connector: memory, remote: twice-b}
  c: {connector: memory, remote: twice-c}
kinds:
  person:
    fields: {email: email, name: text}
    match: [email]
    deletes: {policy: propagate}
    systems:
      a: {object: people, fields: {email: email, name: name}}
      b: {object: people, fields: {email: email, name: name}}
      c: {object: people, direction: out, fields: {email: email, name: name}}
"""
PEOPLE = {"email": FieldDef(type="email"), "name": FieldDef()}
STEPS = ("read a", "read b", "push a", "push b", "push c")


class Paced(SystemClock):
    """A clock that only a test moves on."""

    ahead = 1000.0

    def monotonic(self) -> float:
        return self.ahead


@dataclass
class Twice:
    """Three CRMs; one is only written to. Between two steps a moment passes."""

    clock: Paced
    rig: Rig
    remotes: dict[str, MemoryRemote]

    def type(self, system: str, email: str) -> None:
        self.remotes[system].create("people", {"email": email, "name": system})

    async def step(self, name: str) -> None:
        what, system = name.split()
        self.clock.ahead += LATELY
        stream = self.rig.stream(system, "person").id
        await (self.rig.intakes[stream].read() if what == "read" else self.rig.pushers[stream].push())

    def emails(self, system: str) -> list[str]:
        return sorted(str(row["email"]) for row in self.remotes[system].rows("people").values())

    def names(self, system: str) -> list[str]:
        return sorted(str(row["name"]) for row in self.remotes[system].rows("people").values())

    def calls(self, system: str) -> int:
        return self.rig.world.counters[self.rig.stream(system, "person").id].calls


@pytest.fixture
async def twice(store: Store, tmp_path: Path) -> AsyncIterator[Twice]:
    features = Features(upsert_key=False)
    remotes = {
        name: MemoryRemote([ObjectDef("people", PEOPLE)], features=features).register(f"twice-{name}")
        for name in "abc"
    }
    clock = Paced()
    rig = await Rig.start(store, settings_of(tmp_path / "syncd.yaml", CONFIG), clock)
    await rig.settle()
    yield Twice(clock, rig, remotes)
    await rig.aclose()
    for name in "abc":
        MemoryRemote.forget(f"twice-{name}")


def schedules() -> Iterator[tuple[str, ...]]:
    """Every order of reads and pushes, with the second person typing somewhere between."""
    for number, order in enumerate(permutations(STEPS)):
        place = number % len(STEPS)
        yield (*order[:place], "type b", *order[place:])


async def test_in_every_order_of_reads_and_pushes_one_person_is_one(twice: Twice) -> None:
    """But for the moment between the read and the create, which no schedule of whole steps shows."""
    expected = []
    for n, order in enumerate(schedules()):
        email = f"p{n}@x.org"
        expected.append(email)
        twice.type("a", email)
        for step in order:
            if step == "type b":
                if email in twice.emails("b"):
                    break  # they see that it is there
                twice.type("b", email)
            else:
                await twice.step(step)
    await twice.rig.settle()
    for system in "abc":
        assert twice.emails(system) == sorted(expected)


async def test_one_read_does_for_many_creates_and_an_update_needs_none(twice: Twice) -> None:
    for n in range(250):
        twice.type("a", f"p{n}@x.org")
    await twice.step("read a")
    before = twice.calls("b")
    await twice.step("push b")
    assert len(twice.emails("b")) == 250
    assert twice.calls("b") - before == 3 + 1, "three writes, and one read"

    ann = next(iter(twice.remotes["a"].rows("people")))
    twice.remotes["a"].update("people", ann, {"name": "Ann"})
    await twice.step("read a")
    before = twice.calls("b")
    await twice.step("push b")
    assert twice.calls("b") - before == 1


async def test_under_load_one_read_does_for_the_creates_of_a_moment(twice: Twice) -> None:
    pusher = twice.rig.pushers[twice.rig.stream("b", "person").id]
    before = twice.calls("b")
    for n in range(3):
        twice.type("a", f"p{n}@x.org")
    await twice.rig.intakes[twice.rig.stream("a", "person").id].read()
    for _ in range(3):
        await pusher.push()
    assert len(twice.emails("b")) == 3
    assert twice.calls("b") - before == 1 + 1, "one write, and one read"

    twice.type("a", "late@x.org")
    await twice.rig.intakes[twice.rig.stream("a", "person").id].read()
    before = twice.calls("b")
    await pusher.push()
    assert twice.calls("b") - before == 1 + 2, "who is known only since that read is read for again"


@pytest.mark.parametrize("first", ["a", "b"])
async def test_who_is_typed_in_two_systems_at_one_moment_is_one(twice: Twice, first: str) -> None:
    """Also where both were read a moment before."""
    other = "b" if first == "a" else "a"
    await twice.rig.read()
    twice.type("a", "ann@x.org")
    twice.type("b", "ann@x.org")
    await twice.rig.intakes[twice.rig.stream(first, "person").id].read()
    await twice.rig.pushers[twice.rig.stream(other, "person").id].push()
    await twice.rig.settle()
    for system in "abc":
        assert twice.emails(system) == ["ann@x.org"]


async def test_where_the_read_fails_nothing_is_created_and_updates_go_on(twice: Twice) -> None:
    twice.type("a", "ann@x.org")
    await twice.rig.settle()
    twice.type("a", "bob@x.org")
    ann = next(iter(twice.remotes["a"].rows("people")))
    twice.remotes["a"].update("people", ann, {"name": "Anna"})
    twice.type("b", "bob@x.org")
    await twice.step("read a")
    hold = twice.rig.intakes[twice.rig.stream("b", "person").id]
    async with hold._reading:  # a read that takes long
        await twice.step("push b")
    assert twice.emails("b") == ["ann@x.org", "bob@x.org"]
    assert twice.names("b") == ["Anna", "b"]

    twice.remotes["a"].update("people", ann, {"name": "Annie"})
    await twice.step("read a")
    fault = twice.remotes["b"].faults.arm("read.page", error=RetryLater("the feed broke off"))
    with pytest.raises(RetryLater, match="the feed broke off"):
        await twice.step("push b")
    assert fault.fired == 1
    assert twice.emails("b") == ["ann@x.org", "bob@x.org"]
    assert twice.names("b") == ["Annie", "b"]
    await twice.rig.settle()
    assert twice.emails("a") == twice.emails("b") == ["ann@x.org", "bob@x.org"]
