"""The people of a simulation: they edit, clear, put back, copy and retype; each edit's history is kept."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping

from tests.sim.history import BLANK, History, edit_of
from tests.sim.remote import Remote

TAILS = ("", "x", "-Long", " ")


class People:
    """Whoever edits in the remotes."""

    def __init__(
        self, pick: random.Random, history: History, remotes: Mapping[str, Remote], happened: Counter[str]
    ) -> None:
        self.pick, self.history, self.remotes, self.happened = pick, history, remotes, happened
        self.blurred = False
        self.focus = pick.choice((None, None, None, None, "Name", "Tags"))

    def write_text(self, remote: Remote, target: str, over: Iterable[int], now: float) -> None:
        """A new text."""
        edit = self.history.new_text(target.lower(), remote.name, over)
        self._type(remote, target, f"E{edit:02d}" + self.pick.choice(TAILS), now)

    def rewrite(self, remote: Remote, target: str, now: float) -> None:
        """A rule of the system puts a text of its own over what is there."""
        self.happened["text rewritten in the save of our write"] += 1
        self._uncover(remote, target, self.history.last + 1)
        self.write_text(remote, target, [edit_of(remote.values[target])], now)

    def edit(self, name: str, now: float) -> None:
        """One edit of one field in one system."""
        remote = self.remotes[name]
        target = self.focus or self.pick.choice(("Name", "Name", "Held", "Tags", "Tags", "Score"))
        if target == "Tags":
            self._edit_set(remote, now)
        else:
            self._edit_text(remote, target, now)

    def _edit_text(self, remote: Remote, target: str, now: float) -> None:
        dice = self.pick.random()
        last = next((entry for entry in reversed(remote.log) if entry[0] == target), None)
        if last and last[3] == "syncd" and dice > 0.8:
            self._again(remote, target, last[1], now, "of ours undone")
        elif dice < 0.04:
            self._again(remote, target, None, now, "cleared")
        elif dice < 0.09:
            earlier = [before for name, before, _, who in remote.log if name == target and before]
            self._again(remote, target, self.pick.choice(earlier) if earlier else None, now, "put back")
        elif dice < 0.12:
            other = self.remotes[self.pick.choice(list(self.remotes))]
            self._again(remote, target, other.values[target], now, "copied")
        elif dice < 0.16 and remote.values[target]:
            self._again(remote, target, remote.values[target].swapcase().replace("e", "E", 1), now, "retyped")
        else:
            over = [edit_of(remote.values[target])]
            self._uncover(remote, target, self.history.last + 1)
            self.write_text(remote, target, over, now)

    def _again(self, remote: Remote, target: str, value: str | None, now: float, what: str) -> None:
        self.happened[f"text {what}"] += 1
        self.history.again(edit_of(value), edit_of(remote.values[target]))
        self._uncover(remote, target, edit_of(value))
        self._type(remote, target, value, now)

    def _uncover(self, remote: Remote, target: str, edit: int) -> None:
        """Typed on top of a late write of ours: what that one went over is superseded in this place too."""
        if target in remote.unanswered:
            remote.topped.append((edit, remote.unanswered.pop(target)))
        if target in remote.covered:
            self.happened["text edited on top of a late write"] += 1
            self.history.typed_over[edit].add(edit_of(remote.covered.pop(target)))

    def _type(self, remote: Remote, target: str, value: str | None, now: float) -> None:
        stored = remote.person(target, value, now)
        if edit_of(stored) != BLANK:
            self.history.forms[edit_of(stored)].add(stored)

    def _edit_set(self, remote: Remote, now: float) -> None:
        """Add a new element, take one out, or (its author only) put it back in."""
        tags = set(remote.values["Tags"] or ())
        authors = self.history.author_of
        mine = [e for e, author in authors.items() if author == remote.name and e not in tags]
        known = [*sorted(tags), *mine]
        fresh = not known or self.pick.random() < (0.05 if self.focus else 0.5)
        element = f"t{self.history.last}" if fresh else self.pick.choice(known)
        before = remote.elements.get(element, frozenset())
        number = self.history.new_operation(element, element not in tags, remote.name, before)
        remote.elements[element] = before | {number}
        if "Tags" in remote.covered:
            self.happened["set edited on top of a late write"] += 1
            self.blurred = True
        remote.person("Tags", sorted(tags ^ {element}) or None, now)
