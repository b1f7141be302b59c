"""What people and other programs do in the sandboxes, and the truth of what they hold. Runs in a worker."""

from __future__ import annotations

from typing import Any

from aiohttp import ClientSession

from syncd.service.bench.words import LEFT, PAGE, RIGHT, SECRET, TOKEN, value

HEADERS = {"Authorization": f"Bearer {TOKEN}"}
Rows = dict[int, dict[str, Any]]


async def fill(session: ClientSession, url: str, object: str, first: int, count: int) -> None:
    """Make the rows `first` … `first + count - 1`."""
    rows = [{f: value(i, n) for i, f in enumerate(LEFT)} for n in range(first, first + count)]
    await _batches(session, url, object, [{"op": "create", "fields": row} for row in rows])


async def edit(session: ClientSession, a: str, b: str, first: int, count: int) -> dict[str, int]:
    """`count` updates on each side of 2 × `count` rows, about half of the fields of each.

    A tenth of them is edited on both sides: three of four in other fields, the fourth in the same ones.
    """
    both = count // 10
    ours, theirs = await rows(session, a, "things"), await rows(session, b, "others")
    left = [_update(ours[n], LEFT, n, range(1, 7), "left") for n in range(first, first + count)]
    right, same, begin = [], 0, first + count - both
    for n in range(begin, begin + count):
        clashing = n < begin + both and (n - begin) % 4 == 0
        same += clashing
        fields = range(1, 7) if clashing else range(7, 12)
        right.append(_update(theirs[n], RIGHT, n, fields, "right"))
    await _batches(session, a, "things", left)
    await _batches(session, b, "others", right)
    return {"left": len(left), "right": len(right), "both": both, "same_fields": same}


def _update(row: dict[str, Any], names: tuple[str, ...], n: int, fields: range, word: str) -> dict[str, Any]:
    return {"op": "update", "id": row["id"], "fields": {names[i]: value(i, n, word) for i in fields}}


async def _batches(session: ClientSession, url: str, object: str, operations: list[dict[str, Any]]) -> None:
    for at in range(0, len(operations), PAGE):
        body = {"operations": [{"ref": str(i), **o} for i, o in enumerate(operations[at : at + PAGE])]}
        async with session.post(f"{url}/api/{object}/batch", json=body, headers=HEADERS) as answer:
            told = await answer.json()
        wrong = next((r["error"] for r in told["results"] if r["error"]), None)
        if wrong is not None:
            raise ValueError(f"the sandbox refuses an edit: {wrong}")


async def rows(session: ClientSession, url: str, object: str) -> Rows:
    """The truth: an object's records by row number."""
    async with session.get(f"{url}/_sandbox/state", params={"object": object}) as answer:
        held = (await answer.json())[object]
    first = (LEFT if object == "things" else RIGHT)[0]
    return {int(row[first].rpartition(" ")[2]): row for row in held.values()}


async def compare(session: ClientSession, a: str, b: str) -> dict[str, int]:
    """How many records each side has, and how many differ or are on one side only."""
    ours, theirs = await rows(session, a, "things"), await rows(session, b, "others")
    pairs = list(zip(LEFT, RIGHT, strict=True))
    alike = sum(all(row[f] == theirs[n][g] for f, g in pairs) for n, row in ours.items() if n in theirs)
    return {"a": len(ours), "b": len(theirs), "differ": len(ours.keys() | theirs.keys()) - alike}


async def calls(session: ClientSession, urls: list[str]) -> list[int]:
    """API calls that each sandbox has counted."""
    found = []
    for url in urls:
        async with session.get(f"{url}/_sandbox/calls") as answer:
            found.append((await answer.json())["total"])
    return found


async def subscribe(session: ClientSession, url: str, hook: str) -> None:
    """Have a sandbox tell all changes to one listener, and to nobody else."""
    async with session.delete(f"{url}/_sandbox/webhooks"):
        pass
    words = {"url": hook, "secret": SECRET}
    async with session.post(f"{url}/_sandbox/webhooks", json=words) as answer:
        answer.raise_for_status()
