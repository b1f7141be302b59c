"""What people really did: which edit knew of which. Only the oracle may ask; the link machine cannot see it.

Every text carries the number of the edit that made it. Two values of one number are one value to the
oracle, however they were cut, trimmed or folded. 0 stands for a blank.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

NUMBER = re.compile(r"(\d+)")
BLANK = 0


def edit_of(value: Any) -> int:
    """The number of the edit that made a text, 0 for a blank (and for what is no text)."""
    found = NUMBER.search(value) if isinstance(value, str) else None
    return int(found.group(1)) if found else BLANK


class History:
    """The edits of one schedule and their order.

    `parents` holds, per edit, the edits it surely superseded: all that its text had been made from.
    `typed_over` holds what an edit superseded in one place only, because its number exists elsewhere too:
    a value put back, copied by hand or cleared (`shared` names those that were). Element operations of
    sets are kept in `ops` as (element, added?, operations it knew of).
    """

    def __init__(self) -> None:
        self.last = 0
        self.parents: dict[int, frozenset[int]] = {BLANK: frozenset()}
        self.typed_over: defaultdict[int, set[int]] = defaultdict(set)
        self.shared: set[int] = set()
        self.field_of: dict[int, str] = {}
        self.made_in: dict[int, str] = {}
        self.forms: defaultdict[int, set[str]] = defaultdict(set)
        self.ops: dict[int, tuple[str, bool, frozenset[int]]] = {}
        self.author_of: dict[str, str] = {}

    def new_text(self, name: str, where: str, over: Iterable[int] = ()) -> int:
        """A new edit of a text, made by somebody who had the edits `over` before their eyes."""
        self.last += 1
        known = [edit for edit in over if edit != BLANK]
        sure = [edit for edit in known if edit not in self.shared]
        self.parents[self.last] = frozenset(known).union(*(self.parents[edit] for edit in sure))
        if BLANK in over:
            self.typed_over[self.last].add(BLANK)
        self.field_of[self.last] = name
        self.made_in[self.last] = where
        return self.last

    def again(self, edit: int, over: int) -> None:
        """A value that exists already (or a blank) typed over another one."""
        self.typed_over[edit].add(over)
        self.shared.add(edit)

    def new_operation(self, element: str, adding: bool, where: str, known: frozenset[int]) -> int:
        """Somebody adds an element to a set, or takes it out."""
        self.last += 1
        self.author_of.setdefault(element, where)
        self.ops[self.last] = (element, adding, known)
        self.made_in[self.last] = where
        return self.last

    def superseded_by(self, edits: Iterable[int]) -> set[int]:
        """The edits and all that they superseded, wherever they did."""
        found: set[int] = set()
        todo = list(edits)
        while todo:
            edit = todo.pop()
            if edit not in found:
                found.add(edit)
                todo.extend(self.parents[edit])
                todo.extend(self.typed_over.get(edit, ()))
        return found

    def put_back(self, newer: int, older: int) -> bool:
        """Whether `older` was surely superseded by `newer`: not so where one was typed twice."""
        return older in self.parents[newer] and not self.shared & {newer, older}
