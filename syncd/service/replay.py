"""A journal read back: every decision taken again under today's code, and each history against its record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from conflict.deletes import DELETE, RECORD, Against
from conflict.join import MERGED
from conflict.replay import Recorded, again, is_same
from conflict.rules import RuleBook, Verdict
from syncd.config import OwnStrategy
from syncd.config.rules import recorded_rules
from syncd.core.errors import ConfigError, SyncdError
from syncd.core.nouns import Candidate, Value
from syncd.store.journal import FORMAT

GIVE = "Give a file that `syncd journal export` wrote"
KEPT = 100
"""Differences that are told one by one; the others are counted."""


class NoJournal(SyncdError):
    """The file is none that `syncd journal export` wrote, or not all of it."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that comes out otherwise than it is recorded. `what` says it without a value."""

    kind: str
    record: int
    field: str
    decision: int | None
    what: str


@dataclass(slots=True)
class Replayed:
    """What a journal came to. `same` and `different` count decisions, `listed` entries that decided nothing.

    `broken` are records whose history does not lead to what they hold; `unknown` says of how many decisions
    it cannot be judged, and why.
    """

    same: int = 0
    different: int = 0
    listed: int = 0
    broken: int = 0
    records: int = 0
    unknown: dict[str, int] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether every decision could be taken again, and everything came out the same."""
        return not (self.different or self.broken or self.unknown)

    def differs(self, difference: Difference) -> None:
        """One more that differs."""
        if len(self.differences) < KEPT:
            self.differences.append(difference)


@dataclass(frozen=True, slots=True)
class _Rules:
    """The rules of a kind under one configuration, or why they cannot be known."""

    book: RuleBook
    against: Against = Against.ASK
    why: str = ""


LOST = _Rules(RuleBook(), why="its configuration is not kept")


class Replayer:
    """Reads a journal line by line; holds one record at a time."""

    def __init__(self, strategies: Mapping[str, OwnStrategy]) -> None:
        self.strategies = strategies
        self.found = Replayed()
        self._rules: dict[tuple[int, str], _Rules] = {}
        self._record: dict[str, Any] = {}
        self._held: dict[str, Value] = {}
        self._counts: dict[str, int] = {}

    def read(self, lines: Iterable[bytes]) -> Replayed:
        """The whole of it. Raises `NoJournal`."""
        ended = False
        for number, raw in enumerate(lines, 1):
            line = _parsed(raw, number)
            sort = next(iter(line), "")
            if number == 1:
                _check_head(line)
            elif sort == "end":
                ended = line["end"] == self._counts
            else:
                self._counts[sort] = self._counts.get(sort, 0) + 1
                self._take(sort, line)
        self._finish()
        if not ended:
            raise NoJournal(
                "it is not whole: the last line is missing, or counts other lines. Export it again"
            )
        return self.found

    def _take(self, sort: str, line: dict[str, Any]) -> None:
        if sort == "config":
            for name, kind in line["kinds"].items():
                self._rules[line["config"], name] = self._compiled(kind)
        elif sort == "record":
            self._finish()
            self._record, self._held = line, {}
        elif sort == "version":
            self._held.update(line["changes"])
        elif sort == "decision":
            self._judge(line)

    def _compiled(self, kind: Mapping[str, Any]) -> _Rules:
        if b"${" in orjson.dumps([kind.get("conflicts"), kind.get("deletes")]):
            return _Rules(RuleBook(), why="its rules are written with references, which are not kept")
        try:
            book = RuleBook(recorded_rules(kind.get("conflicts"), self.strategies))
            return _Rules(book, Against((kind.get("deletes") or {}).get("against_edit", Against.ASK)))
        except (ConfigError, ValueError) as error:
            return _Rules(RuleBook(), why=str(error))

    def _judge(self, line: Mapping[str, Any]) -> None:
        entry = Recorded(
            line["decision"],
            line["field"],
            line["state"],
            line["base"],
            [Candidate(**candidate) for candidate in line["candidates"]],
            line["verdict"],
            line.get("why") or "",
        )
        if entry.listed:
            self.found.listed += 1
            return
        kind = self._record["kind"]
        rules = self._rules.get((line["config"], kind), LOST)
        if rules.why:
            self.found.unknown[rules.why] = self.found.unknown.get(rules.why, 0) + 1
            return
        now = again(entry, rules.book, rules.against)
        if is_same(entry, now):
            self.found.same += 1
            return
        self.found.different += 1
        what = f"was {_told(entry, entry.then())}, and is {_told(entry, now)}"
        self.found.differs(Difference(kind, line["record"], entry.field, entry.number, what))

    def _finish(self) -> None:
        """Whether the versions of the record lead to what it holds."""
        record = self._record
        if not record:
            return
        self.found.records += 1
        itself = self._held.pop(RECORD, None)
        names = self._held.keys() | record["fields"].keys()
        wrong = sorted(n for n in names if self._held.get(n) != record["fields"].get(n))
        if record["deleted"] != (itself in (DELETE, MERGED)):
            wrong.append("whether it is deleted")
        if wrong:
            self.found.broken += 1
            what = f"its history leads to another {', '.join(wrong)}"
            self.found.differs(Difference(record["kind"], record["record"], "", None, what))
        self._record = {}


def _parsed(raw: bytes, number: int) -> dict[str, Any]:
    try:
        line = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise NoJournal(f"line {number} is no JSON. {GIVE}") from None
    if not isinstance(line, dict):
        raise NoJournal(f"line {number} is no line of a journal. {GIVE}")
    return line


def _check_head(line: Mapping[str, Any]) -> None:
    if line.get("journal") != FORMAT:
        raise NoJournal(f"it does not begin as a journal of format {FORMAT}. {GIVE}")


def _told(entry: Recorded, verdict: Verdict) -> str:
    if verdict.open:
        return "left to a person"
    if verdict.winner is None:
        return f"made by {verdict.rule}"
    return f"for {entry.candidates[verdict.winner].system} by {verdict.rule}"
