"""What `syncd check` finds out with reads only, and says in notes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from connectors.http import HttpClient
from connectors.rest.feed import Feed
from connectors.rest.listing import Leaf
from connectors.rest.shape import Shape
from connectors.rest.times import since_form
from syncd.core.errors import NeedsOperator

FAR = datetime(2100, 1, 1, tzinfo=UTC)


async def sample(client: HttpClient, shape: Shape) -> Leaf | None:
    """The first page of the list; None where there is none to read."""
    if "list" not in shape.calls:
        return None
    return await Feed(client, shape).listing("list").page({"since": shape.words.feed.first})


def items_in(shape: Shape, leaf: Leaf) -> list[dict[str, Any]]:
    """The fields of a page's records."""
    found = [shape.record.inner_of(shape.record.item(item)) for item in leaf.items]
    return [item for item in found if isinstance(item, dict)]


async def notes(client: HttpClient, shape: Shape, leaf: Leaf | None) -> list[str]:
    """What cannot be trusted, or costs more than it could."""
    made = [*_about_lists(shape, leaf), *_about_writes(shape)]
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
            made.append("the filter for changes is ignored by the server: each poll reads everything")
        else:
            made.append("the filter for changes works: asked for the year 2100 it gave nothing")
    return made


def _about_stamps(shape: Shape, leaf: Leaf) -> list[str]:
    record = shape.record
    if shape.words.record.modified is None:
        dated = leaf.reply.answer.date() is not None
        if not dated:
            message = f"{shape.what}: neither `record.modified` nor a Date header tells the time"
            raise NeedsOperator(message, "Set record.modified, or read without a feed")
        return ["records tell no time of change: the server's clock is taken for it"]
    unread = sum(record.moment(record.item(item)) is None for item in leaf.items)
    if not unread:
        return []
    return [f"{unread} of {len(leaf.items)} records have no readable time of change at `record.modified`"]


async def _ignores_since(client: HttpClient, shape: Shape) -> bool:
    """Ask for changes after the year 2100: a server that gives some does not know the filter (TRAPS 20)."""
    name = "changes" if "changes" in shape.calls else "list"
    try:
        leaf = await Feed(client, shape).listing(name).page({"since": since_form(shape).write(FAR)})
    except NeedsOperator:
        return False  # it refuses the year: so it looks at it
    return bool(leaf.items)


def _about_lists(shape: Shape, leaf: Leaf | None) -> list[str]:
    paging, made = shape.words.paging, []
    if leaf is not None and paging.by == "none" and len(leaf.items) in (10, 20, 25, 30, 50, 100):
        made.append(f"the list gave {len(leaf.items)} records and `paging` is none: is that all?")
    if leaf is not None and paging.by == "page" and leaf.more and 0 < len(leaf.items) < paging.limit:
        if paging.ends == "short":
            limit = len(leaf.items)
            raise NeedsOperator(f"{shape.what}: a page holds {limit} records at most", f"Set limit: {limit}")
        made.append(f"a page holds {len(leaf.items)} records, fewer than the limit of {paging.limit}")
    told = leaf is not None and paging.by in ("cursor", "next_url", "link")
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
    if "create" in (*shape.calls, *shape.batches):
        made += _about_creates(shape)
    return made


def _about_creates(shape: Shape) -> list[str]:
    if shape.key_is_unique or shape.words.record.client_ids:
        return []
    if shape.spec.key_field is not None and "find" in shape.calls:
        return ["the server does not enforce our key: after a lost answer it is looked up first"]
    return ["no unique key and no ids of ours: a create whose answer was lost is parked until it shows up"]
