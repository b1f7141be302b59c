"""Random lives of a reader: streams that break, sessions that end, crashes before the cursor is stored.

Whatever happens, each event is heard at least once, and in the order of the bus.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest

from syncd.core.errors import RetryLater
from tests.sandbox.salesforce.listening import CONTACTS, LONG, Ear, listening

STEPS = 60
FAULTS = (
    ("drop", "pubsub.subscribe"),
    ("stream_reset", "pubsub.subscribe"),
    ("drop", "pubsub.schema"),
    ("error_before", "pubsub.subscribe"),
)


class Life:
    """One reader. `stored` is its cursor, `heard` what it heard since it was last stored, or before."""

    def __init__(self, ear: Ear, seed: int) -> None:
        self.ear, self.random = ear, random.Random(seed)
        self.made: list[str] = []
        self.heard: list[str] = []
        self.did: Counter[str] = Counter()

    async def step(self) -> None:
        """Something happens."""
        name, weight = zip(*ACTIONS.items(), strict=True)
        chosen = self.random.choices(name, weight)[0]
        self.did[chosen] += 1
        if chosen == "edit":
            for _ in range(self.random.choice((1, 1, 3, 40, 150))):
                self.made.append(self.ear.contact(LastName=f"n{len(self.made)}"))
        elif chosen == "break":
            fault, route = self.random.choice(FAULTS)
            self.ear.sandbox.arm(fault, route=route, skip=self.random.choice((0, 0, 2)))
        elif chosen == "revoke":
            self.ear.sandbox.auth.revoke()
        else:
            await self.read(crash=chosen == "crash")

    async def read(self, *, crash: bool = False) -> None:
        """A reading; in a crash the last batches are heard, and forgotten."""
        left = self.random.randrange(3)
        try:
            async for batch in self.ear.events.read(CONTACTS, self.ear.after):
                if crash and left == 0:
                    return
                left -= 1
                self.heard += [id for event in batch.events for id in event.record_ids]
                self.ear.after = batch.replay_id
        except RetryLater:
            self.did["later"] += 1


ACTIONS = {"edit": 5, "break": 2, "revoke": 1, "crash": 3, "read": 4}


@pytest.mark.parametrize("seed", range(4))
async def test_nothing_is_missed_and_nothing_is_out_of_order(seed: int) -> None:
    async with listening(batch=30) as ear:
        life = Life(ear, seed)
        for _ in range(STEPS):
            await life.step()
        ear.sandbox.faults.disarm()
        while len(set(life.heard)) < len(life.made):
            before = len(life.heard)
            await life.read()
            if len(life.heard) == before:
                await asyncio.wait_for(ear.events.bell(), LONG)
        assert list(dict.fromkeys(life.heard)) == life.made
        assert len(life.heard) == len(life.made)  # only stored batches were counted
        assert life.did["later"] > 0
        assert ear.refused
