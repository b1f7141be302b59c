"""The client of one org: its own address, one new log-in per ended session, the count of the day's calls."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.base import Meter
from connectors.http import Answer, HttpClient, Request, Step
from connectors.http.auth import Pairs
from connectors.http.rates import Counted
from connectors.login import Account
from connectors.salesforce.auth import Place, auth_of
from connectors.salesforce.options import SalesforceOptions
from connectors.salesforce.soql import encoded
from connectors.salesforce.verdict import Verdict, failure, verdict_of
from syncd.core.errors import BatchRefused, NeedsOperator, RetryLater, SchemaMoved, SyncdError

_USAGE = re.compile(r"\bapi-usage=(\d{1,12})/(\d{1,12})")
DAY = 86_400.0
AGAIN = 3600.0
"""Seconds over which what is left of the day's calls is spread: the day is the last 24 hours."""
_HOPELESS = ("Connected app is not attached to Agent", "This session is not valid for use with the REST API")
"""Messages of a 401 that no new log-in mends."""


_OF_THE_QUERY = ("MALFORMED_QUERY", "INVALID_QUERY_FILTER_OPERATOR")
_TOO_LONG = (414, 431)


class QueryRefused(NeedsOperator):
    """This query cannot be asked, by its own words or its length; another one may."""


class SalesforceClient(HttpClient):
    """Paths count from `/services/data/vNN.0`. `date`: the org's clock when it last answered; `now`: ours."""

    def __init__(self, name: str, options: SalesforceOptions) -> None:
        self.place = Place(options.login_url)
        headers = {"Sforce-Call-Options": f"client={options.client}"}
        ca = options.tls.ca if options.tls is not None else None
        super().__init__(
            f"system {name}",
            options.login_url,
            auth=auth_of(options, self.place),
            headers=headers,
            timeout=options.timeout,
            concurrency=options.concurrency,
            tls={"ca": ca, "certificate": None, "key": None} if ca is not None else None,
        )
        self.counted = Quota(None)
        self.root = f"/services/data/v{options.api_version}"
        self.date: datetime | None = None
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)
        self._asked = False

    def address(self, path: str) -> str:
        """A path of the API; one that begins with `/services/` is whole."""
        own = self.place.instance_url or self.url
        return own + (path if path.startswith("/services/") else self.root + path)

    async def send(self, request: Request) -> Answer:
        """One request; after a 401 that says that the session ended, once more under a new one."""
        headers = await self.let_in()
        answer = await self._sent(request, headers, {})
        if answer.status != 401 or not _may_renew(answer):
            return answer
        try:
            async with asyncio.timeout(self.timeout):
                if not await self.auth.renew(self, headers):
                    return answer
        except TimeoutError:
            raise RetryLater(f"{self.name}: no log-in within {self.timeout:.0f} s") from None
        return await self._sent(request, await self.let_in(), {})

    async def let_in(self) -> Pairs:
        """The headers of the log-in, which is made where there is none."""
        try:
            async with asyncio.timeout(self.timeout):
                return (await self.auth.apply(self))[0]
        except TimeoutError:
            raise RetryLater(f"{self.name}: no log-in within {self.timeout:.0f} s") from None

    async def _sent(self, request: Request, headers: Pairs, query: Pairs) -> Answer:
        answer = await super()._sent(request, headers, query)
        self.date = answer.date() or self.date
        return answer

    async def who(self) -> Account | None:
        """The org and the user of this log-in, asked once where the log-in does not tell; None: untold.

        Raises `RetryLater` where it cannot be asked now: an org that is not known would not be told from
        another. Source: Salesforce Help, "The UserInfo Endpoint".
        """
        await self.let_in()
        if not self.place.user and not self._asked:
            answer = await self.send(Request("GET", "/services/oauth2/userinfo"))
            if not answer.ok:
                self.must_be_refused("who this is", answer)
            self._asked = True
            told = answer.json(f"{self.name}: who this is", writes=True) if answer.ok else None
            if isinstance(told, Mapping) and told.get("user_id") and told.get("organization_id"):
                self.place.known(str(told["organization_id"]), str(told["user_id"]))
        return Account(self.place.org, "", self.place.user) if self.place.org else None

    # -- what nearly all calls need --------------------------------------------------------------------

    async def ask(self, request: Request, what: str) -> tuple[Answer, Any]:
        """A call that must succeed, with its JSON. Raises what its error means."""
        answer = await self.send(request)
        body = answer.json(f"{self.name}: {what}", writes=request.writes)
        if not answer.ok:
            raise self.failed(what, answer, body, writes=request.writes)
        return answer, body

    async def get(self, path: str, what: str, headers: Mapping[str, str] | None = None) -> tuple[Answer, Any]:
        """A read that must succeed."""
        return await self.ask(Request("GET", path, headers or {}), what)

    async def query(
        self, soql: str, what: str, *, all_rows: bool = False, page: int = 2000
    ) -> tuple[Answer, Any]:
        """The first page of a query's answer, checked; `all_rows` shows deleted and archived ones too.

        `SchemaMoved` where a field is unknown: it was described, so it went away since.
        """
        path = f"/{'queryAll' if all_rows else 'query'}?q={encoded(soql)}"
        headers = {"Sforce-Query-Options": f"batchSize={min(max(page, 200), 2000)}"}
        answer, body = await self.get(path, what, headers)
        return answer, self.checked(body, what)

    async def rows(self, soql: str, what: str) -> list[Mapping[str, Any]]:
        """All rows of a query. Raises `RetryLater` for fewer than it found: none may be missed unnoticed."""
        _, body = await self.query(soql, what)
        rows, total = list(body["records"]), body.get("totalSize")
        while not body["done"]:
            body = await self.more(str(body["nextRecordsUrl"]), what)
            rows += body["records"]
        if isinstance(total, int) and len(rows) != total:
            raise RetryLater(f"{self.name}: {what}: {len(rows)} records came of {total}")
        return rows

    async def more(self, address: str, what: str) -> Any:
        """The next page of a query's answer."""
        if not address.startswith("/services/"):
            raise RetryLater(f"{self.name}: {what}: the next page's address is none of the API")
        _, body = await self.get(address, what)
        return self.checked(body, what)

    def checked(self, body: Any, what: str) -> Any:
        """A page of a query. One that is cut short must not look like the end (PROMISES F12)."""
        good = isinstance(body, dict) and isinstance(body.get("records"), list) and "done" in body
        if not good or (not body["done"] and not (body["records"] and body.get("nextRecordsUrl"))):
            raise RetryLater(f"{self.name}: {what}: the answer is no whole page of a query")
        return body

    def must_be_whole(self, body: Any, what: str) -> None:
        """Raise `RetryLater` where the only page of an answer holds fewer records than it says."""
        if body["done"] and body.get("totalSize", len(body["records"])) != len(body["records"]):
            raise RetryLater(f"{self.name}: {what}: the answer holds fewer records than it says")

    def must_be_refused(self, what: str, answer: Answer) -> None:
        """Raise unless an answer that is no success says that this user may not ask, or nobody may."""
        body = answer.json("", writes=True)
        verdict = verdict_of(answer.status, body)
        if verdict.step in (Step.RETRY, Step.UNCERTAIN) or answer.status == 401:
            raise self.failed(what, answer, body)

    def failed(self, what: str, answer: Answer, body: Any, *, writes: bool = False) -> SyncdError:
        """The error of an answer that had to succeed."""
        verdict = verdict_of(answer.status, body)
        said = f"{self.name}: {what}"
        if verdict.code == "INVALID_FIELD":
            return SchemaMoved(f"{said}: Salesforce no longer knows a field, or hides it")
        if verdict.code in _OF_THE_QUERY or answer.status in _TOO_LONG:
            code = verdict.code or str(answer.status)
            return QueryRefused(f"{said}: Salesforce {verdict.row.says} ({code})", verdict.row.todo)
        error = failure(said, verdict, answer, writes=writes)
        return error if error is not None else _unforeseen(said, verdict, writes=writes)


class Quota(Counted):
    """Hears of the org's calls in the last 24 hours: every answer tells, in `Sforce-Limit-Info`.

    Source: REST API Developer Guide, "Limit Info Header".
    """

    def heard(self, answer: Answer) -> None:
        before = self.meter.heard
        super().heard(answer)
        wait = self.meter.wait if self.meter.heard > before else None
        told = _USAGE.search(answer.headers.get("Sforce-Limit-Info") or "")
        if told is not None:
            used, most, meter = int(told[1]), int(told[2]), self.meter
            self.meter = Meter(meter.requests, meter.heard + 1, max(0, most - used), most, AGAIN, wait, DAY)


def _may_renew(answer: Answer) -> bool:
    verdict = verdict_of(answer.status, answer.json("", writes=True))
    return verdict.message not in _HOPELESS


def _unforeseen(said: str, verdict: Verdict, *, writes: bool) -> SyncdError:
    """A refusal of a whole call. In a write one record may be the cause: it is looked for by halving."""
    code = verdict.code or str(verdict.status)
    message = f"{said}: Salesforce {verdict.row.says} ({code})"
    if writes:
        return BatchRefused(code, message)
    return NeedsOperator(message, verdict.row.todo or "Look the code up in Salesforce's help")
