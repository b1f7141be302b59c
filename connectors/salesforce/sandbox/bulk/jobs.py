"""Jobs: their states, and what the API tells of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

from connectors.salesforce.sandbox import ids
from connectors.salesforce.sandbox.refusals import Refused, missing
from connectors.salesforce.sandbox.soql.run import Show
from connectors.salesforce.sandbox.values import written
from connectors.sandboxes.clock import MovableClock
from connectors.sandboxes.table import Row

State = Literal["Open", "UploadComplete", "InProgress", "JobComplete", "Failed", "Aborted"]
STATES: tuple[State, ...] = ("Open", "UploadComplete", "InProgress", "JobComplete", "Failed", "Aborted")
ENDED: tuple[State, ...] = ("JobComplete", "Failed", "Aborted")
INGESTS = ("insert", "update", "upsert", "delete", "hardDelete")


@dataclass(slots=True)
class Job:
    """One job. `header` and `rows` are what was uploaded; `done`, `failed` and `left` the results' rows."""

    id: str
    kind: Literal["query", "ingest"]
    operation: str
    object: str
    user: str
    origin: str
    version: int
    created: int
    state: State
    delimiter: str = "COMMA"
    ending: str = "LF"
    key: str = ""
    error: str = ""
    moved: int = 0
    query: str = ""
    columns: list[str] = field(default_factory=list)
    found: list[Row] = field(default_factory=list)
    show: Show | None = None
    header: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    done: list[list[str]] = field(default_factory=list)
    failed: list[list[str]] = field(default_factory=list)
    left: list[list[str]] = field(default_factory=list)
    uploaded: bool = False

    def told(self) -> dict[str, Any]:
        """As the API shows it."""
        told: dict[str, Any] = {
            "id": self.id,
            "operation": self.operation,
            "object": self.object,
            "createdById": self.user,
            "createdDate": written(self.created / 1000),
            "systemModstamp": written(self.moved / 1000),
            "state": self.state,
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": float(self.version),
            "lineEnding": self.ending,
            "columnDelimiter": self.delimiter,
            "jobType": "V2Query" if self.kind == "query" else "V2Ingest",
        }
        if self.kind == "ingest":
            told["contentUrl"] = f"services/data/v{self.version}.0/jobs/ingest/{self.id}/batches"
        if self.key:
            told["externalIdFieldName"] = self.key
        return told

    def counted(self) -> dict[str, Any]:
        """The same with what was done so far."""
        told = {**self.told(), "retries": 0, "totalProcessingTime": 1}
        if self.kind == "query":
            return {**told, "numberRecordsProcessed": len(self.found) if self.state == "JobComplete" else 0}
        told |= {"numberRecordsProcessed": len(self.done) + len(self.failed)}
        told |= {"numberRecordsFailed": len(self.failed)}
        told |= {"apiActiveProcessingTime": 1, "apexProcessingTime": 0}
        return {**told, "errorMessage": self.error} if self.error else told


class Jobs:
    """All jobs of one org."""

    def __init__(self, clock: MovableClock) -> None:
        self.clock = clock
        self.all: dict[str, Job] = {}
        self._number = count(1)

    def new_id(self) -> str:
        """The next one."""
        return ids.make("750", next(self._number))

    def get(self, kind: str, given: str) -> Job:
        """By id; `Refused` 404."""
        job = self.all.get(ids.read(given) or "")
        if job is None or job.kind != kind:
            raise missing()
        return job

    def move(self, job: Job, state: State) -> None:
        """To another state."""
        job.state, job.moved = state, self.clock.millis()


def wrong_state(job: Job, wanted: str) -> Refused:
    """The call does not fit the job's state."""
    return Refused("INVALIDJOBSTATE", f"Job is in state {job.state}, {wanted} is wanted")
