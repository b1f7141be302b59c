"""Which record that a write refers to is not there: Salesforce says that one is missing, and often not which.

Sources: Object Reference, "API Faults": ENTITY_IS_DELETED, INVALID_CROSS_REFERENCE_KEY and
INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY come without a field where a parent was deleted or is hidden.
"""

from __future__ import annotations

from collections.abc import Sequence

from connectors.salesforce import soql
from connectors.salesforce.client import SalesforceClient
from connectors.salesforce.ids import long_id
from connectors.salesforce.jobs import OF_REFERENCES, Job, rejected
from connectors.salesforce.sobject import SObject
from connectors.salesforce.verdict import judged
from syncd.core.errors import RetryLater, SyncdError
from syncd.core.nouns import Deferred, PushResult, Rejected


class Targets:
    """Looks for the records that refused writes of one object refer to."""

    def __init__(self, client: SalesforceClient, sobject: SObject) -> None:
        self.client, self.sobject = client, sobject

    async def named(self, results: Sequence[PushResult], jobs: Sequence[Job]) -> list[PushResult]:
        """The same results; where a reference is to blame and no field is named, it is the one found out.

        One query for each object that is referred to. What cannot be asked now is put off: it was refused,
        and nothing of it was written.
        """
        pairs = list(zip(results, jobs, strict=True))
        doubted = [job for result, job in pairs if _is_doubted(result, job)]
        if not doubted:
            return list(results)
        try:
            living = await self._living(doubted)
        except SyncdError as error:
            after = error.after if isinstance(error, RetryLater) else None
            return [Deferred(r.push_id, after) if _is_doubted(r, job) else r for r, job in pairs]
        return [self._blamed(r, job, living) if isinstance(r, Rejected) and _is_doubted(r, job) else r
                for r, job in pairs]  # fmt: skip

    def _blamed(self, result: Rejected, job: Job, living: set[str]) -> PushResult:
        known = [name for name in job.refs if self._object(name) is not None]
        gone = [name for name in known if long_id(str(job.body[name])) not in living]
        suspects = gone or [name for name in job.refs if name not in known]
        if not gone and len(suspects) != 1:
            return result
        return rejected(job, judged(0, {"statusCode": result.code, "fields": [suspects[0]]}))

    async def _living(self, jobs: Sequence[Job]) -> set[str]:
        """The ids of those that are there, and that this user may see."""
        asked: dict[str, set[str]] = {}
        for job in jobs:
            for name in job.refs:
                object = self._object(name)
                if object is not None:
                    asked.setdefault(object, set()).add(long_id(str(job.body[name])))
        found: set[str] = set()
        for object, ids in sorted(asked.items()):
            for part in soql.chunks(sorted(ids), soql.ADDRESS - 1000):
                query = soql.select(("Id",), object, soql.among("Id", part))
                found |= {long_id(str(row["Id"])) for row in await self.client.rows(query, "look at targets")}
        return found

    def _object(self, name: str) -> str | None:
        return self.sobject.columns[name].info.references


def _is_doubted(result: PushResult, job: Job) -> bool:
    if not isinstance(result, Rejected) or result.field is not None or len(job.refs) < 2:
        return False
    return result.code in OF_REFERENCES
