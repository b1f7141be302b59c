"""What the store says at the end of a run, as the judges read it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.sim.history import edit_of
from tests.sim.twin.database import Server
from tests.sim.twin.loop import TwinLoop

_TABLES = {
    "streams": "select stream, system, object from streams order by stream",
    "records": "select record_id, kind, version, deleted, fields from records order by record_id",
    "links": """select remote_id, stream, record_id, state, gone_by,
        shadow::text like '%{"$":"absent"}%' or remote_version is null as in_part
        from links order by stream, remote_id""",
    "conflicts": "select record_id, field, state, candidates, verdict from conflicts order by conflict",
    "parked": "select stream, remote_id, record_id, field, code from parked order by parked",
    "versions": "select record_id, version, system, changes from versions order by record_id, version",
    "held": "select distinct record_id from held order by record_id",
    "redirects": "select record_id, survivor from redirects order by record_id",
}


@dataclass(slots=True)
class Facts:
    """The store's tables. Records are named by what they became, where they became one with another.

    `words` are values that do not show the number of their edit (`People.words`).
    """

    streams: dict[int, tuple[str, str]]
    records: dict[int, Any]
    links: list[Any]
    conflicts: list[Any]
    parked: list[Any]
    versions: list[Any]
    redirects: dict[int, int]
    held: set[int]
    of_record: defaultdict[int, list[Any]] = field(default_factory=lambda: defaultdict(list))
    of_row: dict[tuple[str, str, str], Any] = field(default_factory=dict)
    words: Mapping[Any, int] = field(default_factory=dict)

    @classmethod
    async def load(cls, server: Server, loop: TwinLoop, names: Mapping[str, str]) -> Facts:
        """All of it; `names` are the twin's names of objects that a system calls by another."""
        told = {name: await server.ask(loop, sql) for name, sql in _TABLES.items()}
        facts = cls(
            {
                row["stream"]: (row["system"], names.get(row["object"], row["object"]))
                for row in told["streams"]
            },
            {row["record_id"]: row for row in told["records"]},
            told["links"],
            told["conflicts"],
            told["parked"],
            told["versions"],
            {row["record_id"]: row["survivor"] for row in told["redirects"]},
            {row["record_id"] for row in told["held"]},
        )
        for link in facts.links:
            facts.of_record[facts.now(link["record_id"])].append(link)
            facts.of_row[(*facts.streams[link["stream"]], link["remote_id"])] = link
        return facts

    def now(self, record: int) -> int:
        """What became of a record."""
        return self.redirects.get(record, record)

    def asked(self, record: int, *fields: str) -> bool:
        """Whether an open conflict names a record, as a whole or in one of the fields."""
        return any(
            c["state"] == "open" and self.now(c["record_id"]) == record and c["field"] in ("", *fields)
            for c in self.conflicts
        )

    def named(self, record: int | None, remote: tuple[str, str, str] | None = None) -> bool:
        """Whether something that was set aside, or a pulled brake, names a record or a remote one."""
        if record in self.held:
            return True
        for row in self.parked:
            if record is not None and row["record_id"] is not None and self.now(row["record_id"]) == record:
                return True
            if remote is not None and (*self.streams[row["stream"]], row["remote_id"]) == remote:
                return True
        return False

    def listed(self) -> set[int]:
        """The edits that some conflict keeps."""
        return set(self._edits(c["value"] for row in self.conflicts for c in row["candidates"]))

    def standing(self) -> set[int]:
        """The edits that our records hold."""
        live = [row for row in self.records.values() if not row["deleted"]]
        return set(self._edits(value for row in live for value in row["fields"].values()))

    def _edits(self, values: Iterable[Any]) -> Iterable[int]:
        texts = [value for value in values if isinstance(value, str)]
        plain = (edit_of(text) for text in texts if text not in self.words and text[:1] in "Ee")
        return [*plain, *(self.words[text] for text in texts if text in self.words)]
