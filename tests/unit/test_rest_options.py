"""What is refused with the configuration, before anything is asked: each at its place, with what to do."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from connectors.rest import RestOptions

URL = {"url": "http://crm.example"}
BATCH = {"path": "/batch", "each": {"rows": "{values}"}, "body": ["{rows*}"]}


def slips(words: dict[str, Any]) -> dict[str, str]:
    """What the options say, by place."""
    with pytest.raises(ValidationError) as caught:
        RestOptions.model_validate({**URL, **words})
    return {".".join(map(str, e["loc"])): e["msg"] for e in caught.value.errors()}


@pytest.mark.parametrize(
    ("words", "place", "said"),
    [
        ({"calls": {"get": "/x/{idd}"}}, "calls.get.path", "no placeholder {idd} here; did you mean {id}?"),
        (
            {"calls": {"list": {"path": "/x", "query": {"after": "{curser}"}}}},
            "calls.list.query.after",
            "no placeholder {curser} here; did you mean {cursor}?",
        ),
        ({"calls": {"find": "/x?{feild}={keys}"}}, "calls.find.query.{feild}", "did you mean {field}?"),
        (
            {"calls": {"create": {"path": "/x", "body": {"params": ["{valeus}"]}}}},
            "calls.create.body.params.0",
            "did you mean {values}?",
        ),
        ({"calls": {"get": "/x/{ids}"}}, "calls.get.path", "Known here: {fields} {id}"),
        (
            {"calls": {"batch": {**BATCH, "status": "s", "each": {"rows": {"a": "{valuse}"}}}}},
            "calls.batch.each.rows.a",
            "did you mean {values}?",
        ),
        (
            {"objects": {"deals": {"calls": {"get": "/x/{idd}"}}}},
            "objects.deals.calls.get.path",
            "did you mean {id}?",
        ),
        (
            {"auth": {"by": "session", "login": {"path": "/in", "body": {"u": "{usr}"}}}},
            "auth.session.login.body.u",
            "did you mean {user}?",
        ),
        (
            {"auth": {"by": "session", "login": "/in", "headers": {"X": "{tokn}"}}},
            "auth.session.headers.X",
            "did you mean {token}?",
        ),
        ({"calls": {"get": "x/{id}"}}, "calls.get.path", "must begin with /"),
        ({"calls": {"list": "/x"}, "paging": {"by": "page"}}, "calls.list", "does not send {page}"),
        ({"calls": {"list": "/x"}, "paging": {"by": "keyset"}}, "calls.list", "does not send {after}"),
        ({"calls": {"batch": BATCH}}, "calls.batch", "say where a result has its `status`"),
        (
            {
                "calls": {"create_many": BATCH},
                "errors": {"code": "e", "rules": [{"status": 500, "means": "ok"}]},
            },
            "calls.create_many",
            "in `errors.where`",
        ),
        ({"feed": {"zone": "Mars/Base"}}, "feed.zone", "is not known; Write a name such as"),
        ({"feed": {"modified_form": "sometimes"}}, "feed.modified_form", "no way to write a time; Use iso"),
        ({"values": {"decimal": {"d": "1"}}}, "values.decimal", "an object with {text}"),
        ({"errors": {"rules": [{"matches": "(", "means": "ok"}]}}, "errors.rules.0.matches", "no regular"),
        (
            {"auth": {"by": "oauth2", "token_url": "http://x", "grant": "refresh_token"}},
            "auth.oauth2",
            "grant refresh_token needs `refresh_token`",
        ),
    ],
)
def test_a_slip_is_told_at_its_place(words: dict[str, Any], place: str, said: str) -> None:
    found = slips(words)
    assert list(found) == [place]
    assert said in found[place]


def test_all_slips_at_once() -> None:
    calls = {"get": "/x/{idd}", "list": {"path": "/x", "query": {"a": "{curser}", "b": "{sinse}"}}}
    assert len(slips({"calls": calls, "paging": {"by": "cursor", "next": "next"}})) == 3


def test_what_can_be_said_is_let_through() -> None:
    graphql = "query($n: Int) { people(first: $n) { nodes { {fields} } pageInfo {{endCursor}} } }"
    said = {
        "constants": {"lang": "en"},
        "calls": {
            "list": {"path": "/x", "query": {"c": "{cursor}", "l": "{lang}", "k": "{own}"}, "body": graphql},
            "batch": BATCH,
            "update_many": {**BATCH, "status": "status"},
        },
        "paging": {"by": "cursor", "next": "next"},
        "errors": {"where": "error"},
        "objects": {"deals": {"constants": {"own": 1}}},
    }
    RestOptions.model_validate({**URL, **said})
