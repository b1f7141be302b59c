"""What a batch's answer proves, and what it does not; and one record's mishap among its neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from aiohttp import web

from connectors.rest import writer as writing
from connectors.rest.outcome import outcome
from syncd.core.errors import RetryLater
from syncd.core.nouns import Accepted, Deferred, PushResult, Rejected, Uncertain
from tests.contract.suite import update, write
from tests.contract.test_rest_words import connected, serving

TOLD = {
    "path": "/batch",
    "each": {"rows": {"id": "{id}", "fields": "{values}"}},
    "body": {"rows": "{rows}"},
    "at": "results",
    "status": "status",
}
WHOLE = {k: v for k, v in TOLD.items() if k != "status"}


async def sent(
    answer: Any, batch: Mapping[str, Any], number: int = 2, status: int = 200
) -> Mapping[int, PushResult]:
    """The results of some updates that are answered so; an empty body for None."""

    async def handle(request: web.Request) -> web.StreamResponse:
        await request.read()
        body = b"" if answer is None else orjson.dumps(answer)
        return web.Response(status=status, body=body, content_type="application/json")

    words = {"calls": {"update_many": batch}, "errors": {"where": "error"}}
    async with serving(handle) as url, connected(url, words, "name") as connector:
        return await write(connector, *(update(n, f"p{n}", None, name="x") for n in range(number)))


@pytest.mark.parametrize(
    ("answer", "batch", "why"),
    [
        ({"result": []}, TOLD, r"no results at `at` \(results\); there are the keys result"),
        ({"result": []}, WHOLE, r"no results at `at` \(results\)"),
        ({"failures": [{"id": "p0"}]}, WHOLE, "no results at `at`"),
        (None, TOLD, "no results at `at`"),
        ({"results": None}, TOLD, "one result per record"),
        ({"results": False}, WHOLE, "one result per record"),
    ],
)
@pytest.mark.parametrize("number", [1, 2])
async def test_an_answer_without_results_is_a_lost_one(
    answer: Any, batch: Any, why: str, number: int
) -> None:
    with pytest.raises(RetryLater, match=why) as caught:
        await sent(answer, batch, number)
    assert caught.value.uncertain


@pytest.mark.parametrize(
    ("result", "batch", "why"),
    [
        ({"state": 200}, TOLD, "no status at `status` (status); there are the keys state"),
        ({"status": "fine"}, TOLD, "no status at `status`"),
        (None, TOLD, "no status at `status` (status); there is nothing"),
        (
            {"status": 200},
            {**WHOLE, "result": "body"},
            "nothing at `result` (body); there are the keys status",
        ),
    ],
)
async def test_a_result_that_tells_nothing_is_uncertain(result: Any, batch: Any, why: str) -> None:
    sound = {"status": 200, "body": {}}
    got = await sent({"results": [sound, result]}, batch)
    assert isinstance(got[0], Accepted)
    assert isinstance(got[1], Uncertain)
    assert why in got[1].message


@pytest.mark.parametrize(
    ("answer", "status"), [({"results": None}, 200), ({"results": True}, 200), (None, 200), (None, 204)]
)
async def test_all_or_nothing_may_be_answered_with_nothing(answer: Any, status: int) -> None:
    assert all(isinstance(r, Accepted) for r in (await sent(answer, WHOLE, 2, status)).values())


CALLS = {"update": {"path": "/people/{id}", "body": "{values}"}}


async def people(request: web.Request) -> web.StreamResponse:
    """Takes any update, and says nothing."""
    await request.read()
    return web.Response(status=204)


@pytest.mark.parametrize("batches", [True, False], ids=["batch", "singles"])
async def test_a_value_that_cannot_be_said_is_its_records_trouble(batches: bool) -> None:
    words: dict[str, Any] = {
        "calls": {"update_many": {**WHOLE, "at": ""}} if batches else CALLS,
        "errors": {"where": "error"},
        "values": {"date": {"y": "{year}", "m": "{month}", "d": "{day}"}},
        "schema": {"fields": {"born": "date"}},
    }
    async with serving(people) as url, connected(url, words, "born") as connector:
        pushes = [update(n, f"p{n}", None, born="soon" if n == 1 else "1999-02-03") for n in range(3)]
        got = await write(connector, *pushes)
    assert [type(got[n]) for n in range(3)] == [Accepted, Rejected, Accepted]
    refused = got[1]
    assert isinstance(refused, Rejected)
    assert (refused.code, "soon" in refused.message) == ("unsayable", False)


async def test_an_unexpected_error_of_one_record_leaves_its_neighbours_their_results(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(shape: Any, job: Any, reply: Any) -> Any:
        if job.push.remote_id == "p1":
            raise TypeError("a bug with a value in it: ann@x.example")
        return outcome(shape, job, reply)

    monkeypatch.setattr(writing, "outcome", broken)
    async with serving(people) as url, connected(url, {"calls": CALLS}, "name") as connector:
        got = await write(connector, *(update(n, f"p{n}", None, name="x") for n in range(3)))
    assert [type(got[n]) for n in range(3)] == [Accepted, Uncertain, Accepted]
    doubt = got[1]
    assert isinstance(doubt, Uncertain)
    assert "TypeError" in doubt.message
    assert "ann@" not in doubt.message


async def test_a_whole_record_without_fields_is_not_written() -> None:
    rows = {"1": {"id": 1, "attributes": {"name": "a", "more": 1}}, "2": {"id": 2, "attrs": {"name": "b"}}}
    puts: list[Any] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        if request.method == "PUT":
            puts.append(orjson.loads(await request.read()))
            return web.Response(status=204)
        return web.json_response(rows[request.path.rpartition("/")[2]])

    calls = {
        "get": "/p/{id}",
        "update": {"method": "PUT", "path": "/p/{id}", "body": "{values}", "whole": True},
    }
    words = {"calls": calls, "record": {"fields": "attributes"}}
    async with serving(handle) as url, connected(url, words, "name") as connector:
        got = await write(connector, update(1, "1", None, name="x"), update(2, "2", None, name="x"))
    assert isinstance(got[1], Accepted)
    assert isinstance(got[2], Rejected)
    assert "no fields at `record.fields` (attributes); there are the keys id, attrs" in got[2].message
    assert puts == [{"name": "x", "more": 1}]


async def test_no_batch_is_begun_when_the_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, sent = writing.Writer.__init__, []
    writers: list[Any] = []

    def init(self: Any, *args: Any) -> None:
        begun(self, *args)
        writers.append(self)

    async def handle(request: web.Request) -> web.StreamResponse:
        asked = orjson.loads(await request.read())["rows"]
        sent.append([item["id"] for item in asked])
        writers[0]._end = 0.0
        return web.json_response({"results": [{"id": item["id"], "status": 200} for item in asked]})

    monkeypatch.setattr(writing.Writer, "__init__", init)
    words = {"calls": {"update_many": {**TOLD, "size": 2}}}
    async with serving(handle) as url, connected(url, words, "name") as connector:
        got = await write(connector, *(update(n, f"p{n}", None, name="x") for n in range(5)))
    assert sent == [["p0", "p1"]]
    assert [type(got[n]) for n in range(5)] == [Accepted, Accepted, Deferred, Deferred, Deferred]
