"""Many in one call: collections of records, composite requests that build on each other, and batches."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from connectors.salesforce.sandbox import ids
from connectors.salesforce.sandbox.ask import Ask, Task, objects, parts
from connectors.salesforce.sandbox.refusals import Refused, answer, vendor
from connectors.sandboxes.door import Answer
from connectors.sandboxes.faults import Call
from connectors.sandboxes.shape import Refusal

MOST_COMPOSITE, MOST_BATCH = 25, 25
HALTED = "The transaction was rolled back since another operation in the same transaction failed."
REFERENCE = re.compile(r"@\{([^}]+)\}")
ESCAPED = re.compile(r"(?:@|%40)(?:\{|%7B)([^}%]+)(?:\}|%7D)", re.I)
"""The same as it may stand in a URL."""
Resolve = Callable[[Ask], Task]


class Subrequests:
    """`composite` and `composite/batch`; `resolve` finds the code of each part."""

    def __init__(self, resolve: Resolve, transaction: Callable[[], Any]) -> None:
        self.resolve, self.transaction = resolve, transaction

    # composite ---------------------------------------------------------------------------------------------

    def composite(self, ask: Ask) -> Task:
        """POST composite: parts may name what earlier ones answered; with allOrNone all or none is done."""
        body = ask.json()
        requests, strict = objects(body, "compositeRequest"), bool(body.get("allOrNone"))
        writes = any(str(one.get("method", "")).upper() != "GET" for one in requests)

        def work() -> Answer:
            if not 0 < len(requests) <= MOST_COMPOSITE:
                text = f"Limit Exceeded: at most {MOST_COMPOSITE} subrequests, {len(requests)} given"
                raise Refused("INVALID_INPUT", text)
            try:
                with self.transaction():
                    told = self._composed(ask, requests, strict)
                    if strict and any(one["httpStatusCode"] >= 400 for one in told):
                        raise _TakenBack(told)
            except _TakenBack as back:
                told = [_halted(one) if one["httpStatusCode"] < 400 else one for one in back.told]
            return Answer.json({"compositeResponse": told})

        return Call("composite", writes=writes), work

    def _composed(
        self, ask: Ask, requests: Sequence[Mapping[str, Any]], strict: bool
    ) -> list[dict[str, Any]]:
        known: dict[str, Any] = {}
        told: list[dict[str, Any]] = []
        failed: set[str] = set()
        for one in requests:
            name = str(one.get("referenceId", ""))
            lacking = {word.split(".")[0].split("[")[0] for word in _references(one)} & failed
            if (strict and failed) or lacking:
                text = HALTED if strict else f"Invalid reference specified. No value for {min(lacking)} found"
                refused = Refused("PROCESSING_HALTED", text)
                found = Answer.json([refused.error()], 400)
            else:
                found = self._one(ask, _filled(one, known))
            read = orjson.loads(found.body) if found.body else None
            if found.status >= 400:
                failed.add(name)
            known[name] = read
            headers = {n: v for n, v in found.headers.items() if n in ("Location", "ETag", "Last-Modified")}
            told.append(
                {"body": read, "httpHeaders": headers, "httpStatusCode": found.status, "referenceId": name}
            )
        return told

    # batch -------------------------------------------------------------------------------------------------

    def batch(self, ask: Ask) -> Task:
        """POST composite/batch: parts that do not know of each other."""
        body = ask.json()
        requests = objects(body, "batchRequests")
        writes = any(str(one.get("method", "")).upper() != "GET" for one in requests)

        def work() -> Answer:
            if not 0 < len(requests) <= MOST_BATCH:
                raise Refused("INVALID_INPUT", f"Max number of subrequests is {MOST_BATCH}")
            told: list[dict[str, Any]] = []
            for one in requests:
                wrong = bool(told) and told[-1]["statusCode"] >= 400
                if body.get("haltOnError") and wrong:
                    text = "Batch processing was halted by request's 'haltOnError' parameter."
                    refused = Refused("BATCH_PROCESSING_HALTED", text)
                    told.append({"statusCode": 412, "result": [refused.error()]})
                    continue
                url = str(one.get("url", ""))
                url = url if url.startswith("/services/") else f"/services/data/{url.lstrip('/')}"
                full = {"url": url, "method": one.get("method", "GET"), "body": one.get("richInput")}
                found = self._one(ask, full)
                told.append(
                    {"statusCode": found.status, "result": orjson.loads(found.body) if found.body else None}
                )
            return Answer.json({"hasErrors": any(one["statusCode"] >= 400 for one in told), "results": told})

        return Call("composite", writes=writes), work

    def _one(self, ask: Ask, one: Mapping[str, Any]) -> Answer:
        """Answer one part; what it did is taken back if it fails."""
        call = Call("part")
        try:
            version, path, query = parts(str(one.get("url", "")))
            told = one.get("httpHeaders")
            headers = {str(n).lower(): str(v) for n, v in told.items()} if isinstance(told, dict) else {}
            body = orjson.dumps(one["body"]) if one.get("body") is not None else b""
            inner = Ask(
                str(one.get("method", "GET")).upper(),
                path,
                version,
                query,
                {**ask.headers, **headers},
                body,
                ask.user,
            )
            if path[:2] in (("composite",), ("composite", "batch"), ("composite", "graph")):
                raise Refused("INVALID_INPUT", "Composite requests cannot be nested")
            call, work = self.resolve(inner)
            with self.transaction():
                return work()
        except Refusal as refusal:
            return answer(call, vendor(refusal, call.ids))


class _TakenBack(Exception):
    def __init__(self, told: list[dict[str, Any]]) -> None:
        self.told = told


def _halted(one: dict[str, Any]) -> dict[str, Any]:
    return {
        **one,
        "body": [Refused("PROCESSING_HALTED", HALTED).error()],
        "httpHeaders": {},
        "httpStatusCode": 400,
    }


def _references(one: Mapping[str, Any]) -> list[str]:
    text = orjson.dumps(one.get("body")).decode()
    return REFERENCE.findall(text) + ESCAPED.findall(str(one.get("url")))


def _filled(one: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """A part with `@{name.field}` replaced by what the part of that name answered."""

    def value(match: re.Match[str]) -> str:
        return str(_looked_up(match[1], known))

    def fill(what: Any) -> Any:
        if isinstance(what, str):
            whole = REFERENCE.fullmatch(what)
            return _looked_up(whole[1], known) if whole else REFERENCE.sub(value, what)
        if isinstance(what, list):
            return [fill(one) for one in what]
        if isinstance(what, dict):
            return {name: fill(one) for name, one in what.items()}
        return what

    return {**one, "url": ESCAPED.sub(value, str(one.get("url"))), "body": fill(one.get("body"))}


def _looked_up(path: str, known: Mapping[str, Any]) -> Any:
    found: Any = known
    for word in re.findall(r"[^.\[\]]+", path):
        try:
            found = found[int(word)] if isinstance(found, list) else found[word]
        except (KeyError, IndexError, TypeError, ValueError):
            text = f"Invalid reference specified. No value for {path} found in {path.split('.')[0]}"
            raise Refused("INVALID_REFERENCE", text) from None
    return ids.read(found) or found
