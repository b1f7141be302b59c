"""The plain CRM's reads: lists by every way of paging, by ids, by a field, one record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from multidict import MultiMapping
from yarl import URL

from connectors.rest.sandbox.cursors import cursor_after, read_cursor
from connectors.rest.sandbox.face import LOCAL, Face
from connectors.rest.sandbox.profile import RestProfile
from connectors.sandboxes.door import Answer
from connectors.sandboxes.faults import Call
from connectors.sandboxes.lag import young
from connectors.sandboxes.shape import Refusal
from connectors.sandboxes.table import Row, Table
from connectors.sandboxes.world import World

WORDS = frozenset({"limit", "cursor", "page", "offset", "changed_since", "include_deleted", "ids"})
Shown = Callable[[Row], bool] | None


class Listing:
    """One page: its rows, and where the next begins, if there is one."""

    def __init__(self, rows: list[Row], next: str | None) -> None:
        self.rows, self.next = rows, next


class Reader:
    """Reads of one sandbox."""

    def __init__(self, world: World, face: Face, profile: RestProfile, extra: Iterable[str]) -> None:
        self.world, self.face, self.profile = world, face, profile
        self.words = WORDS | set(extra)

    def listed(self, table: Table, call: Call, url: URL) -> Answer:
        """A page, by the profile's way."""
        query = url.query
        self.check_words(table, query)
        size = self._size(query.get("limit"))
        if self.profile.paging.way in ("page", "offset"):
            return self._numbered(table, call, query, size)
        since, deleted = self.filters(query)
        listing = self.page(table, call, since, deleted, size, query.get("cursor"))
        return self._told(table, listing, url)

    def check_words(self, table: Table, query: MultiMapping[str]) -> None:
        """`Refusal` for a filter that there is not, or silence."""
        for word in query:
            if word not in self.words and word not in table.shape.fields:
                if not self.world.quirks.ignore_unknown:
                    raise Refusal(400, "unknown_filter", "there is no such filter", word[:60])
                self.world.fired("ignore_unknown")

    def filters(self, query: MultiMapping[str]) -> tuple[int | None, bool]:
        """`changed_since` in ms, and whether deleted records are wanted."""
        given = query.get("changed_since")
        deleted = query.get("include_deleted", "").lower() in ("true", "1")
        return (None if given is None else self.since(given)), deleted

    def since(self, given: str) -> int | None:
        """A time of the wire in ms; None where this CRM knows no such filter."""
        quirks = self.world.quirks
        if quirks.no_filter == "refuse":
            self.world.fired("no_filter")
            raise Refusal(400, "unknown_filter", "there is no filter by time", "changed_since")
        if quirks.no_filter == "ignore" or quirks.no_stamps:
            self.world.fired("no_filter")
            return None
        try:
            if given.replace(".", "", 1).isdigit():
                return int(float(given) * (1 if quirks.stamp_format == "unix_ms" else 1000))
            at = datetime.fromisoformat(given.replace(" ", "T", 1))
        except ValueError:
            raise Refusal(400, "bad_request", "changed_since is no time", "changed_since") from None
        return int((at if at.tzinfo else at.replace(tzinfo=LOCAL)).timestamp() * 1000)

    def page(
        self, table: Table, call: Call, since: int | None, deleted: bool, size: int, cursor: str | None
    ) -> Listing:
        """The next rows after a cursor, in the order of changes; by id where there are no stamps."""
        position = (since or 0, 0)
        if cursor is not None:
            position, deleted = read_cursor(self.world, cursor)
        size = self.capped(size)
        rows = list(islice(self._walk(table, call, position, deleted), size + 1))
        listing = Listing(rows[:size], None)
        if len(rows) > size:
            last = rows[size - 1]
            if last.stamp == rows[size].stamp:
                self.world.fired("ties")
            listing.next = cursor_after(self.world, last, deleted)
        return self._bent(call, listing)

    def _walk(self, table: Table, call: Call, position: tuple[int, int], deleted: bool) -> Iterator[Row]:
        by_id = self.world.quirks.no_stamps
        rows = islice(table.order, position[1], None) if by_id else table.after(position)
        return self._shown(table, call, rows, deleted)

    def _shown(self, table: Table, call: Call, rows: Iterable[Row], deleted: bool) -> Iterator[Row]:
        world = self.world
        if deleted and world.quirks.no_tombstones:
            if any(row.deleted for row in table.order):
                world.fired("no_tombstones")
            deleted = False
        unseen = young(world, table, call)
        rows = world.live(table, rows, deleted)
        return (row for row in rows if not unseen(row)) if unseen else rows

    def _size(self, given: str | None) -> int:
        paging = self.profile.paging
        if given is None:
            return paging.size
        if not given.isdigit() or not int(given):
            raise Refusal(400, "bad_request", "limit is no number above 0", "limit")
        return min(int(given), paging.max)

    def capped(self, size: int) -> int:
        """A page is no larger than the CRM wants."""
        cap = self.world.quirks.page_cap
        if cap is None or size <= cap:
            return size
        self.world.fired("page_cap")
        return cap

    def _bent(self, call: Call, listing: Listing) -> Listing:
        take = self.world.faults.take
        if take("empty_page", call) is not None:
            return Listing([], None)
        if take("short_page", call) is not None:
            return Listing(listing.rows[: len(listing.rows) // 2], None)
        if take("lose_next", call) is not None:
            return Listing(listing.rows, None)
        if not listing.rows and self.world.quirks.empty_is_404 and not call.route.startswith("graphql"):
            self.world.fired("empty_is_404")
            raise Refusal(404, "not_found", "there is nothing")
        return listing

    def _told(self, table: Table, listing: Listing, url: URL) -> Answer:
        paging, headers, tail = self.profile.paging, dict[str, str](), dict[str, Any]()
        following = None
        if listing.next is not None:
            there = str(url.update_query(cursor=listing.next))
            following = there if paging.next == "url" else listing.next
            if paging.way == "link":
                headers["Link"] = f'<{there}>; rel="next"'
            elif paging.way == "header":
                headers["X-Next-Cursor"] = following
        if paging.way == "cursor":
            tail["next"] = following
        return Answer(200, self.face.listing(table, listing.rows, tail), headers)

    def _numbered(self, table: Table, call: Call, query: MultiMapping[str], size: int) -> Answer:
        since, deleted = self.filters(query)
        size = self.capped(size)
        fixed = young(self.world, table, call) is None
        key = (since, deleted, self.world.quirks.hidden, fixed or self.world.clock.millis())
        found = table.walk(key, self._walk(table, call, (since or 0, 0), deleted))
        tail: dict[str, Any] = {"total": len(found)}
        if self.profile.paging.way == "page":
            page = self._number(query, "page", 1)
            start, tail["page"], tail["pages"] = (page - 1) * size, page, -(-len(found) // size)
        else:
            start = tail["offset"] = self._number(query, "offset", 0)
        rows = found[start : start + size]
        if len(found) > start + size and rows and rows[-1].stamp == found[start + size].stamp:
            self.world.fired("ties")
        return Answer(200, self.face.listing(table, self._bent(call, Listing(rows, None)).rows, tail))

    def _number(self, query: MultiMapping[str], word: str, least: int) -> int:
        given = query.get(word, str(least))
        if not given.isdigit() or int(given) < least:
            raise Refusal(400, "bad_request", f"{word} is no number from {least}", word)
        return int(given)

    # by id and by value ------------------------------------------------------------------------------------

    def ids(self, table: Table, call: Call, query: MultiMapping[str]) -> Answer:
        """Records by id."""
        _, deleted = self.filters(query)
        wanted = [one for given in query.getall("ids") for one in given.split(",") if one]
        return Answer(200, self.face.listing(table, self.by_ids(table, call, wanted, deleted), {}))

    def by_ids(self, table: Table, call: Call, wanted: list[str], deleted: bool = False) -> list[Row]:
        """The rows; what a missing one does is a quirk."""
        if len(wanted) > self.profile.paging.max:
            raise Refusal(400, "too_many", f"at most {self.profile.paging.max} ids in one call", "ids")
        world, rows = self.world, []
        for id in dict.fromkeys(wanted):
            row = world.find(table, id)
            if row is not None and row.deleted and (world.quirks.no_tombstones or not deleted):
                row = None
            if row is None:
                self._missed()
            else:
                rows.append(row)
        return self._bent(call, Listing(rows, None)).rows if rows or not wanted else rows

    def _missed(self) -> None:
        self.world.fired("missing")
        how = self.world.quirks.missing
        if how == "error":
            raise Refusal(500, "internal", "something went wrong")
        if how == "404":
            raise Refusal(404, "not_found", "there is no record of one of the ids")

    def find(self, table: Table, call: Call, field: str, query: MultiMapping[str]) -> Answer:
        """Records by a field's values."""
        self.check_words(table, query)
        given = query.getall(field)
        values = given[0].split(",") if len(given) == 1 else list(given)
        listing = self._bent(call, Listing(self.by_values(table, call, field, values), None))
        return Answer(200, self.face.listing(table, listing.rows, {}))

    def by_values(self, table: Table, call: Call, field: str, values: list[str]) -> list[Row]:
        """Live rows with one of the values, from an index that may lag."""
        taken = table.unique.get(field)
        if taken is not None:
            rows = [taken[value] for value in dict.fromkeys(values) if value in taken]
        else:
            wanted = set(values)
            rows = [row for row in table.order if not row.deleted and str(row.fields[field]) in wanted]
        return list(self._shown(table, call, rows, False))

    def one(self, table: Table, id: str) -> Answer:
        """One record."""
        row = self.existing(table, id)
        return Answer(200, self.face.sent(table, row), self.etag(row))

    def etag(self, row: Row) -> dict[str, str]:
        """The version as a header."""
        quirks = self.world.quirks
        return {} if quirks.no_versions or quirks.no_stamps else {"ETag": f'"{row.version}"'}

    def existing(self, table: Table, id: str) -> Row:
        """A live record; `Refusal` 404, or 410 where it was deleted."""
        row = self.world.find(table, id)
        if row is None:
            self.world.fired("missing")
            raise Refusal(404, "not_found", f"{table.name} has no record of this id")
        if row.deleted:
            if self.world.quirks.no_tombstones:
                self.world.fired("no_tombstones")
                raise Refusal(404, "not_found", f"{table.name} has no record of this id")
            raise Refusal(self.world.quirks.gone_status, "gone", "the record was deleted")
        return row
