"""What `syncd check` finds out with reads only, and says in notes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from connectors.http import HttpClient, Unreadable
from connectors.rest.feed import Feed
from connectors.rest.judged import judged
from connectors.rest.listing import Leaf, NoList
from connectors.rest.names import TEMPLATES, holes
from connectors.rest.paging import TOLD
from connectors.rest.shape import Shape
from connectors.rest.times import since_form
from syncd.core.errors import Misconfigured, NeedsOperator

FAR = datetime(2100, 1, 1, tzinfo=UTC)


async def sample(client: HttpClient, shape: Shape) -> Leaf | None:
    """The first page of the list; None where there is none to read."""
    if "list" not in shape.calls:
        return None
    try:
        return await Feed(client, shape).listing("list").page({"since": shape.words.feed.first})
    except NoList as error:
        raise Misconfigured(str(error), "Say where the list is", error.key) from None
    except Unreadable as error:
        raise Misconfigured(str(error), "Look at `url`, and at the path of `calls.list`", "url") from None


def items_in(shape: Shape, leaf: Leaf) -> list[dict[str, Any]]:
    """The fields of a page's records."""
    found = [shape.record.inner_of(shape.record.item(item)) for item in leaf.items]
    return [item for item in found if isinstance(item, dict)]


async def notes(client: HttpClient, shape: Shape, leaf: Leaf | None) -> list[str]:
    """What cannot be trusted, or costs more than it could."""
    made = [] if leaf is None else await judged(client, shape, leaf, reads=True)
    made += [*_about_lists(shape, leaf), *_about_writes(shape)]
    return [*made, *await _about_feed(client, shape, leaf)]


async def _about_feed(client: HttpClient, shape: Shape, leaf: Leaf | None) -> list[str]:
    if shape.feed is None:
        return ["there is no feed of changes: each poll reads everything, so choose `poll` with care"]
    if shape.words.feed.next is not None:
        return ["changes are asked for by the server's own token"]
    made = []
    if leaf is not None and leaf.items:
        made = _about_stamps(shape, leaf)
        if await _ignores_since(client, shape):
            said = f"the filter for changes is ignored by the server ({_filter(shape)})"
            made.append(f"{said}: each poll reads everything")
        else:
            made.append("the filter for changes works: asked for the year 2100 it gave nothing")
    return made


def _about_stamps(shape: Shape, leaf: Leaf) -> list[str]:
    if shape.words.record.modified is None:
        dated = leaf.reply.answer.date() is not None
        if not dated:
            message = f"{shape.what}: neither `record.modified` nor a Date header tells the time"
            raise NeedsOperator(message, "Set record.modified, or read without a feed")
        return ["records tell no time of change: the server's clock is taken for it"]
    return []


async def _ignores_since(client: HttpClient, shape: Shape) -> bool:
    """Ask for changes after the year 2100: a server that gives some does not know the filter (TRAPS 20)."""
    name = "changes" if "changes" in shape.calls else "list"
    try:
        leaf = await Feed(client, shape).listing(name).page({"since": since_form(shape).write(FAR)})
    except NeedsOperator:
        return False  # it refuses the year: so it looks at it
    return bool(leaf.items)


def _filter(shape: Shape) -> str:
    """What carries `{since}`, for a message."""
    name = "changes" if "changes" in shape.calls else "list"
    said = getattr(shape.words.calls, name)
    places = [
        (part, loc) for part in TEMPLATES for loc, hole in holes(getattr(said, part)) if hole == "since"
    ]
    return ", ".join(f"`{'.'.join(map(str, ('calls', name, part, *loc)))}`" for part, loc in places)


def _about_lists(shape: Shape, leaf: Leaf | None) -> list[str]:
    paging, made = shape.words.paging, []
    if leaf is not None and paging.by == "none" and len(leaf.items) in (10, 20, 25, 30, 50, 100):
        made.append(f"the list gave {len(leaf.items)} records and `paging` is none: is that all?")
    told = leaf is not None and paging.by in TOLD and "limit" not in shape.calls["list"].names
    if told and leaf is not None and not leaf.more and len(leaf.items) >= paging.limit:
        made.append(
            f"the first page is full ({len(leaf.items)} records) and names no next one: if there are more,"
            " `paging` looks for it in the wrong place, and what is on the others would be made anew"
        )
    if "get" not in shape.calls and "get_many" not in shape.calls:
        made.append("no call reads by id: deletes cannot be confirmed, nor writes guarded by reading")
    return made


def _about_writes(shape: Shape) -> list[str]:
    made = []
    update = getattr(shape.words.calls, "update", None)
    if not shape.compares and "update" in (*shape.calls, *shape.batches):
        made.append("updates carry no version: a change between our read and our write can be overwritten")
    if update is not None and update.whole and not shape.compares:
        made.append("updates replace the whole record")
    if not shape.judge.speaks and not {"update", "delete"}.isdisjoint(shape.calls):
        made.append(
            "neither `errors.where` nor a rule says how an error looks that comes as a success: updates and"
            " deletes that are answered without the id are read back, each"
        )
    if "create" in (*shape.calls, *shape.batches):
        made += _about_creates(shape)
    return made


def _about_creates(shape: Shape) -> list[str]:
    if shape.key_is_unique or shape.words.record.client_ids:
        return []
    if shape.spec.key_field is not None and "find" in shape.calls:
        return ["the server does not enforce our key: after a lost answer it is looked up first"]
    return ["no unique key and no ids of ours: a create whose answer was lost is parked until it shows up"]
