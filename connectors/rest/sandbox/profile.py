"""What the plain CRM offers by profile, and its two profiles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from connectors.sandboxes.profile import Profile
from connectors.sandboxes.shape import Strict


class Paging(Strict):
    """How lists are walked; see the wire."""

    way: Literal["cursor", "page", "offset", "link", "header"] = "cursor"
    size: int = 100
    max: int = 1000
    next: Literal["token", "url"] = "token"


class RestProfile(Profile):
    """`answers`: what a write's answer holds. `batch`: operations in one call, 0: there is no such call.

    `prefixes`: ids are `c17`, else `17`. `single_name`: contacts have one `name`.
    """

    paging: Paging = Field(default_factory=Paging)
    batch: int = 100
    answers: Literal["record", "id", "none"] = "record"
    compare_and_set: bool = True
    upsert: bool = True
    client_ids: bool = False
    archives: bool = False
    prefixes: bool = True
    single_name: bool = False


NAMED: Mapping[str, Mapping[str, Any]] = {
    "plain": {},
    "hostile": {
        "paging": {"size": 10, "way": "link"},
        "prefixes": False,
        "single_name": True,
        "archives": True,
        "quirks": {
            "stamp_resolution": 1.0,
            "late_stamps": 2.0,
            "noop_bumps": True,
            "cascade_bumps": True,
            "no_tombstones": True,
            "normalise": {
                "phone": ["phone"],
                "name": ["trim"],
                "domain": ["trim", "lower"],
                "notes": ["html"],
            },
            "missing": "404",
            "dress_errors": 500,
            "empty_is_404": True,
            "empty_as": "",
            "rewrite_rows": True,
            "ignore_unknown": True,
            "bad_token_status": 403,
            "lockout": {"after": 3, "seconds": 60},
            "integer_ids": True,
            "page_cap": 25,
            "list_key": "{object}",
            "record_key": "data",
        },
        "webhooks": {"duplicate": 3, "reorder": 4, "drop": 7},
    },
}
"""`hostile` turns on all that can be on together; the others (no_stamps, silent_fields, hidden, …) alone."""
