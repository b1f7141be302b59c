"""The words held against what the API answers, with reads only: where they point, and whether they work."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from connectors.http import HttpClient, Step
from connectors.rest.call import Reply
from connectors.rest.listing import Known, Leaf, Listing, nameless, page_of_one, records_of
from connectors.rest.lookup import Lookup, NotSaid
from connectors.rest.paging import COUNTED, TOLD, Pager
from connectors.rest.paths import MISSING, getter, there
from connectors.rest.shape import Shape, header_version
from syncd.core.errors import Misconfigured, NeedsOperator, RetryLater
from syncd.core.nouns import Op

EMPTY = "read, 0 records: the paths under `record` could not be judged; check again when there is one"
Item = dict[str, Any]


async def judged(client: HttpClient, shape: Shape, leaf: Leaf, *, reads: bool) -> list[str]:
    """Notes on what the words find in a first page; `reads` allows to ask for more.

    Raises `Misconfigured` where they cannot be right.
    """
    if not leaf.items:
        if reads:
            await _not_from_zero(client, shape, ())
        return [EMPTY]
    items = _items(shape, leaf.items)
    made = [*_about_paths(shape, items), *_about_times(shape, items)]
    if reads:
        made += await _about_pages(client, shape, leaf)
        made += await _about_gets(client, shape, items)
    return made


def _items(shape: Shape, listed: Sequence[Any]) -> list[Item]:
    """The records of a page, each with an id and fields where the words say."""
    record, words = shape.record, shape.words.record
    items = [record.item(one) for one in listed]
    _everywhere(shape, "record.unwrap", words.unwrap, listed, items, lambda found: type(found) is dict)
    ids = [record.id_at(item) for item in items]
    _everywhere(shape, "record.id", words.id, items, ids, _is_id)
    alive = [item for item in items if record.deleted is None or not record.deleted(item)]
    inner = [record.inner_of(item) for item in alive]
    _everywhere(shape, "record.fields", words.fields, alive, inner, lambda found: type(found) is dict)
    return items


def _everywhere(
    shape: Shape,
    key: str,
    path: str,
    holders: Sequence[Any],
    found: Sequence[Any],
    fits: Callable[[Any], bool],
) -> None:
    bad = [holder for holder, one in zip(holders, found, strict=True) if not fits(one)]
    if bad:
        message = f"{shape.what}: {_nowhere(key, path, len(bad), len(found))}; {there(bad[0])}"
        wrapped = key == "record.id" and type(bad[0]) is dict and len(bad[0]) == 1
        todo = (
            f"Mend `{key}`, or say where the record itself is: `record.unwrap`"
            if wrapped
            else f"Mend `{key}`"
        )
        raise Misconfigured(message, todo, key)


def _nowhere(key: str, path: str, number: int, of: int) -> str:
    where = f"`{key}` ({path})" if path else f"`{key}`"
    return f"{where} points to nothing of its kind in {number} of {of} records"


def _is_id(raw: Any) -> bool:
    return isinstance(raw, int | str | float) and not isinstance(raw, bool) and raw != ""


def _about_paths(shape: Shape, items: Sequence[Item]) -> list[str]:
    """Version and mark of deletion: what only some records have is told, not refused."""
    words, made = shape.words.record, []
    if words.version is not None and not words.version.startswith("header:"):
        lost = [item for item in items if shape.record.version(item) is None]
        if lost:
            what = _nowhere("record.version", words.version, len(lost), len(items))
            made.append(f"{what}: those are written without compare-and-set; {there(lost[0])}")
        made += _about_numbers(shape, items, words.version)
    if words.deleted is not None:
        get = getter(words.deleted)
        if all(get(item) is MISSING for item in items):
            made.append(
                f"`record.deleted` ({words.deleted}) stands in none of {len(items)} records: right where"
                " deleted ones alone have it"
            )
        elif shape.record.deleted is not None and all(map(shape.record.deleted, items)):
            made.append(
                f"by `record.deleted` ({words.deleted}) all {len(items)} records of the first page are"
                " deleted: if they are not, say in `record.deleted_is` what stands there when one is"
            )
    return made


def _about_numbers(shape: Shape, items: Sequence[Item], path: str) -> list[str]:
    """Versions that are numbers, and would be sent as texts."""
    get = getter(path)
    if shape.words.record.version_form != "text" or not any(type(get(item)) is int for item in items):
        return []
    calls = [getattr(shape.words.calls, name) for name in ("update", "delete", "batch", "update_many")]
    bodies = [(said.body, getattr(said, "each", None)) for said in calls if said is not None]
    if not _alone(bodies):
        return []
    said = f"`record.version` ({path}) is a number, and {{version}} is sent as a text"
    return [f"{said}: if every update is refused as stale, set `record.version_form: integer`"]


def _alone(tree: Any) -> bool:
    """Whether a placeholder for the version stands by itself somewhere."""
    if isinstance(tree, dict):
        return any(map(_alone, tree.values()))
    return any(map(_alone, tree)) if isinstance(tree, list | tuple) else tree == "{version}"


def _about_times(shape: Shape, items: Sequence[Item]) -> list[str]:
    path = shape.words.record.modified
    if path is None:
        return []
    get, total = getter(path), len(items)
    raw = [get(item) for item in items]
    if all(one is MISSING for one in raw):
        message = f"{shape.what}: {_nowhere('record.modified', path, total, total)}; {there(items[0])}"
        raise Misconfigured(message, "Mend `record.modified`", "record.modified")
    unread = [one for one, item in zip(raw, items, strict=True) if shape.record.moment(item) is None]
    told = [one for one in unread if one is not MISSING and one is not None]
    if len(told) == total:
        key = "feed.modified_form"
        form = shape.words.feed.modified_form
        message = (
            f"{shape.what}: no time at `record.modified` ({path}) is written as {form}: {_masked(told[0])}"
        )
        raise Misconfigured(message, f"Say in `{key}` how it is written", key)
    if not unread:
        return []
    return [f"{len(unread)} of {total} records have no readable time of change at `record.modified` ({path})"]


def _masked(raw: Any) -> str:
    """What a value looks like, without the value."""
    if isinstance(raw, bool) or not isinstance(raw, int | float | str):
        return f"there is {'an object' if isinstance(raw, dict) else 'no text and no number'}"
    if not isinstance(raw, str):
        digits = len(str(int(abs(raw))))
        meant = {10: ", as unix seconds have", 13: ", as milliseconds (ms) have"}.get(digits, "")
        return f"there is a number of {digits} digits{meant}"
    text = re.sub(r"[^\W\d_]", "x", re.sub(r"\d", "9", raw[:40]))
    return f"there is a text like {text}"


async def _about_pages(client: HttpClient, shape: Shape, leaf: Leaf) -> list[str]:
    """Two pages of one record each: a list of several must go on, and with another record."""
    paging = shape.words.paging
    if paging.by == "none":
        return []
    await _two_pages(client, shape, leaf)
    if len(leaf.items) < 2 or "limit" not in shape.call("list").names:
        return []
    walk, values = _walk(client, shape, limit=1), {"since": shape.words.feed.first, "limit": 1}
    try:
        first = await walk.page(values)
    except (RetryLater, NeedsOperator):
        first = None
    if first is None or len(first.items) != 1:
        return ["the server gives no page of one record: whether pages name the next one was not tried"]
    if not first.more:
        if paging.by in TOLD and not walk.pager.pointed(first.reply):
            raise nameless(walk, first.reply)
        key = "paging.more" if paging.more else "paging.total" if paging.total else "paging.next"
        message = f"{shape.what}: list: a page of one record of several is said to be the last"
        raise Misconfigured(f"{message}; {there(first.reply.body)}", f"Look at `{key}`", key)
    await walk.page(values)
    await _not_from_zero(client, shape, [_id(shape, item) for item in leaf.items])
    return []


def _walk(client: HttpClient, shape: Shape, **paging: Any) -> Listing:
    pager = Pager(shape.words.paging.model_copy(update=paging), client)
    return Listing(client, shape, shape.call("list"), pager, Known(paged=True))


async def _two_pages(client: HttpClient, shape: Shape, leaf: Leaf) -> None:
    """Where pages are counted the second is another one; where a short one is the end, it is empty."""
    paging, number = shape.words.paging, len(leaf.items)
    short = paging.ends == "short" and number < paging.limit
    if paging.by not in (*COUNTED, "keyset") or (not leaf.more and not short):
        return
    walk, values = _walk(client, shape, ends="empty"), {"since": shape.words.feed.first}
    await walk.page(values)
    if (await walk.page(values)).items and short:
        message = f"{shape.what}: list: a page holds {number} records at most, and the next one has more"
        raise Misconfigured(message, f"Set `paging.limit` to {number}", "paging.limit")


async def _not_from_zero(client: HttpClient, shape: Shape, shown: Sequence[str | None]) -> None:
    """Pages that are counted from 0, and asked for from 1: the first would never be read."""
    paging, call = shape.words.paging, shape.calls.get("list")
    if paging.by != "page" or paging.first is not None or call is None or "limit" not in call.names:
        return
    values = {"since": shape.words.feed.first}
    try:
        replies = [await page_of_one(client, shape, call, {**values, "page": n}) for n in (0, 1)]
    except (RetryLater, NeedsOperator):
        return
    zero, one = (None if reply is None else _id(shape, _first(shape, reply)) for reply in replies)
    if zero is not None and zero != one and zero not in shown:
        message = f"{shape.what}: list: page 0 shows a record that page 1 does not: this server counts from 0"
        raise Misconfigured(message, "Set `paging.first` to 0", "paging.first")


def _first(shape: Shape, reply: Reply) -> Any:
    found = reply.found
    return found[0] if isinstance(found, list) and found else None


def _id(shape: Shape, listed: Any) -> str | None:
    found = shape.record.id_at(shape.record.item(listed))
    return str(found) if _is_id(found) else None


async def _about_gets(client: HttpClient, shape: Shape, items: Sequence[Item]) -> list[str]:
    """Read by id what the list has just shown: where it is not found, deletes would be believed."""
    record = shape.record
    alive = [item for item in items if record.deleted is None or not record.deleted(item)]
    ids = list(dict.fromkeys(record.id_text(record.id_at(item)) for item in alive))[:2]
    if ids and "get_many" in shape.calls:
        await _several(client, shape, ids)
    if ids and "get" in shape.calls:
        return await _one(client, shape, ids[0], alive)
    return []


async def _several(client: HttpClient, shape: Shape, ids: list[str]) -> None:
    came = await records_of(client, shape, ids)
    found = {_id(shape, one) for one in came}
    what, key = f"{shape.what}: get_many", "calls.get_many"
    if not found.issuperset(ids):
        message = (
            f"{what}: asked for {len(ids)} records that the list has just shown, it gave other ones or none"
        )
        raise Misconfigured(f"{message}: they would be taken for deleted", f"Look at `{key}`", key)
    if len(found) > len(ids):
        message = (
            f"{what}: asked for {len(ids)} records, it gave {len(found)}: the server seems to ignore the ids"
        )
        raise Misconfigured(message, f"Look at the parameters of `{key}`", key)


async def _one(client: HttpClient, shape: Shape, remote_id: str, alive: Sequence[Item]) -> list[str]:
    lookup, what, key = Lookup(client, shape, 1), f"{shape.what}: get", "calls.get"
    reply = await lookup.get(remote_id)
    if reply.verdict is not None:
        if reply.verdict.step in (Step.GONE, Step.EMPTY):
            said = f"{what} ({reply.call.said}): the server answered {reply.answer.status} for a record that"
            message = f"{said} the list has just shown: it would be taken for deleted"
            raise Misconfigured(message, f"Look at the path of `{key}`", key)
        return [f"reading one record by id was answered with {reply.answer.status}"]
    found = lookup.record(reply)
    if found is None:
        holder = reply.body if reply.found is None else reply.found
        message = f"{what}: the answer has no record with an id (`record.id`) at `at` ({reply.call.at_path})"
        raise Misconfigured(f"{message}; {there(holder)}", f"Mend `{key}.at`", f"{key}.at")
    if shape.record.id_text(shape.record.id_at(found)) != remote_id:
        message = f"{what}: the answer is another record than the one asked for"
        raise Misconfigured(message, f"Look at the path of `{key}`, and at `{key}.at`", key)
    _version_somewhere(shape, alive, found, reply)
    return await _nobody(lookup, remote_id)


async def _nobody(lookup: Lookup, remote_id: str) -> list[str]:
    """An id that is not there must be answered as one: else an error may be taken for a delete."""
    nobody = str(int(remote_id) + 987_654_321) if remote_id.isdigit() else f"{remote_id}-nobody"
    try:
        (change,) = await lookup.fetch_singly([nobody]) or (None,)
    except NotSaid as error:
        todo = (
            "Say in `errors.where` what stands in an answer that is an error, and by a rule what means gone"
        )
        raise Misconfigured(f"{error}: it was asked for an id that is not there", todo, "calls.get") from None
    except (RetryLater, NeedsOperator) as error:
        return [f"an id that is not there is answered with an error, so deletes cannot be confirmed: {error}"]
    if change is not None and change.op is not Op.DELETE:
        message = f"{lookup.shape.what}: get: asked for an id that is not there, the server gave a record"
        raise Misconfigured(message, "Look at the path of `calls.get`", "calls.get")
    return []


def _version_somewhere(shape: Shape, listed: Sequence[Item], found: Item, reply: Reply) -> None:
    """Updates that should carry a version, and would go out without one."""
    path, version = shape.words.record.version, shape.record.version
    if path is None or any(version(item) is not None for item in [*listed, found]):
        return
    if header_version(shape.words, reply.answer.headers) is None:
        said = f"neither the list nor the record read by id has a version at `record.version` ({path})"
        message = f"{shape.what}: get: {said}; {there(found)}"
        raise Misconfigured(message, "Mend it, or leave it out", "record.version")
