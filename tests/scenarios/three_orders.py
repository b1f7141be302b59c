"""F27: one field edited in two and in three systems at once, and read in each order that there is.

The sandboxes hold the reads of their systems back, the database the row: it is committed when its turn is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import combinations, permutations

from connectors.sandboxes.faults import Fault
from tests.scenarios.three_edits import Crowd, Edit
from tests.scenarios.three_way import SIDES, ThreeWay

FIELDS = {"contact": ("account", "title"), "account": ("street",), "deal": ("contact",)}
"""Which fields are edited by all three, one of a record each."""


async def in_every_order(three: ThreeWay, crowd: Crowd) -> None:
    """All six; what stands then, and what is kept, is for `Crowd.wrong` to say."""
    for order in permutations(SIDES):
        edits = await _edits(crowd)
        holds = {side: _held(three, side) for side in order if side != "crm"}
        place = order.index("crm")

        async def turns(sides: Sequence[str], edits: Sequence[Edit], holds: Mapping[str, Fault]) -> None:
            for side in sides:
                if side in holds:
                    async with asyncio.timeout(240):
                        await holds[side].reached.wait()
                    _let_go(three, side, holds[side])
                await three.until(partial(_read, three, side, edits))

        try:
            await crowd.do(edits, partial(turns, order[:place], edits, holds))
            await turns(order[place:], edits, holds)
        finally:
            for side, fault in holds.items():
                _let_go(three, side, fault)
    await three.until(three.at_rest)


async def _read(three: ThreeWay, side: str, edits: Sequence[Edit]) -> bool:
    """Whether the edits of a side were applied: it is known to hold them, or what stands in their place."""
    sql = """select exists (select from links join streams s using (stream)
    where s.system = $1 and s.kind = $2 and remote_id = $3 and shadow::text like any($4::text[]))"""
    for edit in edits:
        if edit.side != side:
            continue
        rivals = [
            one for one in edits if (one.kind, one.record, one.name) == (edit.kind, edit.record, edit.name)
        ]
        said = [f"%{one.value if one.to is None else one.to[side]}%" for one in rivals]
        if not await three.store.fetchval(sql, side, edit.kind, edit.ids[side], said):
            return False
    return True


async def _edits(crowd: Crowd) -> list[Edit]:
    """Some fields by all three, and one by each two."""
    wanted = [(kind, name, SIDES) for kind, names in FIELDS.items() for name in names]
    pairs = [("contact", "phone", two) for two in combinations(SIDES, 2)]
    found: list[Edit] = []
    for kind, name, sides in [*wanted, *pairs]:
        ((record, ids),) = await crowd.take(kind, 1)
        found += [await crowd.edit(kind, record, ids, side, name) for side in sides]
    return found


def _held(three: ThreeWay, side: str) -> Fault:
    """Reads of a system wait from now on."""
    return three.sandbox(side).arm("hang", route="read", times=None)


def _let_go(three: ThreeWay, side: str, fault: Fault) -> None:
    fault.release()
    armed = three.sandbox(side).faults.armed
    if fault in armed:
        armed.remove(fault)
