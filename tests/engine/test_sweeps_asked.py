"""Sweeps that a person asks for: each is a whole one that began after it was asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from syncd.engine.sweep import Sweeper
from syncd.store.views import streams
from tests.engine.crash import at_rest
from tests.engine.labs import MemoryLab
from tests.engine.test_hints import Case


@pytest.fixture
async def case(store_url: str, tmp_path: Path) -> AsyncIterator[Case]:
    async with MemoryLab.opened(store_url, tmp_path, "upsert") as lab:
        lab.sides["crm"].create("people", {"email": "ann@x.org"})
        async with at_rest(lab) as rig:
            yield Case(lab, rig)


async def test_one_that_is_asked_for_while_another_is_under_way_comes_too(case: Case) -> None:
    world, stream = case.rig.world, case.stream("crm")
    sweeper = Sweeper(world, stream, case.rig.keepers["crm"])
    asked = []
    for late in (True, False):
        await _ask(case)
        held = case.crm.faults.arm("read.start", hold=True)
        sweep = asyncio.ensure_future(sweeper.sweep())
        await held.reached.wait()
        if late:
            await _ask(case)
        held.release()
        await sweep
        (view,) = [v for v in await streams(world.store) if v.stream == stream.id]
        asked.append(view.sweep_asked)
    assert asked == [True, False]


async def _ask(case: Case) -> None:
    async with case.rig.world.store.write(numbers=10) as tx:
        await case.rig.commands._sweep(tx, {})
