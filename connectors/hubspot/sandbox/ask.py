"""One request as the API's code sees it, by whichever of the vendor's path shapes it came."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import orjson

from connectors.hubspot.sandbox.refusals import missing, wrong
from connectors.sandboxes.door import Answer
from connectors.sandboxes.faults import Call

Task = tuple[Call, tuple[str, ...], Callable[[], Answer]]
"""What a request is, for faults and counts; scopes of which it needs one; and what does it."""
Route = Callable[..., Task]
_SHAPES = (
    (r"crm/v3/objects", "objects"),
    (r"crm/objects/(?:v3|v4|{date})", "objects"),
    (r"crm/v4/objects", "objects"),
    (r"crm/v3/properties", "properties"),
    (r"crm/properties/(?:v3|{date})", "properties"),
    (r"crm/v3/owners", "owners"),
    (r"crm/owners/(?:v3|{date})", "owners"),
    (r"crm/v3/pipelines", "pipelines"),
    (r"crm/pipelines/(?:v3|{date})", "pipelines"),
    (r"crm/v4/associations", "associations"),
    (r"crm/associations/(?:v4|{date})", "associations"),
    (r"crm-object-schemas/(?:v3|{date})/schemas", "schemas"),
    (r"crm/v3/schemas", "schemas"),
    (r"webhooks/(?:v3|{date})", "webhooks"),
    (r"app-webhooks/{date}", "webhooks"),
    (r"account-info/(?:v3|{date})", "account"),
    (r"webhooks-journal/journal/{date}", "journal"),
    (r"webhooks-journal/journal-local/{date}", "journal"),
    (r"webhooks-journal/subscriptions/{date}", "journal-subscriptions"),
    (r"webhooks-journal/snapshots/{date}", "journal-snapshots"),
)
OBJECTS = frozenset({"associations", "filterGroups", "filters", "inputs", "options", "stages", "types"})
"""Words of bodies that hold lists of objects."""
KINDS: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys((*OBJECTS, "sorts", "values", "propertiesWithHistory", "actions", "objectIds"), list),
    **dict.fromkeys(("requiredProperties", "searchableProperties", "snapshotRequests"), list),
    **dict.fromkeys(("labels", "metadata", "throttling", "from"), dict),
    **dict.fromkeys(("name", "label", "inverseLabel", "type", "fieldType", "groupName", "description"), str),
    **dict.fromkeys(
        ("eventType", "operator", "propertyName", "objectTypeId", "targetUrl", "idProperty"), str
    ),
    **dict.fromkeys(("displayOrder", "limit", "maxConcurrentRequests"), int),
    **dict.fromkeys(
        ("id", "objectId", "primaryObjectId", "objectIdToMerge", "objectWriteTraceId"), (str, int)
    ),
    **dict.fromkeys(("associationTypeId", "value", "highValue", "after"), (str, int, float)),
    **dict.fromkeys(("properties", "to"), (dict, list)),
}
"""What words of bodies hold; what a record's `properties` hold is no matter here."""


@dataclass(slots=True)
class Ask:
    """`path` begins with the name of the API, then what comes after its version, without escapes."""

    method: str
    path: tuple[str, ...]
    url: str = ""
    query: Mapping[str, Sequence[str]] = field(default_factory=dict)
    body: bytes = b""
    dated: bool = False

    def said(self, name: str, default: str = "") -> str:
        """The last value of a query parameter."""
        return self.query[name][-1] if self.query.get(name) else default

    def listed(self, name: str) -> list[str]:
        """All values of a parameter that may be said often, or with commas."""
        return [one.strip() for said in self.query.get(name, ()) for one in said.split(",") if one.strip()]

    def flag(self, name: str) -> bool:
        """Whether a parameter says true."""
        return self.said(name).lower() == "true"

    def whole(self, name: str, default: int, most: int) -> int:
        """A number; `Refused` for one that is none, or too large."""
        said = self.said(name, str(default))
        if not said.isdigit() or not 1 <= int(said) <= most:
            raise wrong(f"{name} must be a number from 1 to {most}")
        return int(said)

    def json(self) -> dict[str, Any]:
        """The body, an object; `Refused` 400."""
        read = self.any_json()
        if not isinstance(read, dict):
            raise wrong("Invalid input JSON on line 1, column 1: Cannot deserialize the value")
        fits(read)
        return read

    def any_json(self) -> Any:
        """The body, whatever JSON it is; `Refused` 400."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise wrong(
                f"Invalid input JSON on line {error.lineno}, column {error.colno}: {error.msg}"
            ) from None

    def inputs(self, most: int = 100) -> list[dict[str, Any]]:
        """The inputs of a batch; `Refused` 400 for none, too many, or what is no object."""
        found = self.json().get("inputs")
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise wrong('Some required fields were not set: [inputs]: "inputs" must be a list of objects')
        if len(found) > most:
            raise wrong(f"The number of inputs must be at most {most}, but was {len(found)}")
        return found


class Paths:
    """The path shapes of a portal that knows some dated versions."""

    def __init__(self, versions: Sequence[str]) -> None:
        date = "(?:" + "|".join(map(re.escape, versions)) + ")"
        self._known = [
            (re.compile("/" + shape.replace("{date}", date) + r"(?=/|\Z)"), family)
            for shape, family in _SHAPES
        ]

    def read(self, method: str, target: str, body: bytes) -> Ask:
        """A request; `Refused` 404 for a path that is none of them."""
        split = urlsplit(target)
        for shape, family in self._known:
            found = shape.match(split.path)
            if found is not None:
                rest = split.path[found.end() :]
                parts = tuple(unquote(part) for part in rest.split("/") if part)
                query = parse_qs(split.query, keep_blank_values=True)
                dated = re.search(r"\d{4}-\d\d", found[0]) is not None
                return Ask(method, (family, *parts), split.path, query, body, dated)
        raise missing()


def listed(body: Mapping[str, Any], name: str) -> list[str]:
    """A list of names in a body; `Refused` 400."""
    found = body.get(name) or []
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise wrong(f"Invalid input JSON on line 1, column 1: Cannot deserialize the value of {name}")
    return found


def fits(body: Any) -> None:
    """`Refused` 400 where a word of a body holds what it cannot: the vendor reads bodies into its types."""
    for name, value in body.items() if isinstance(body, dict) else ():
        wanted = KINDS.get(name)
        good = value is None or wanted is None or (isinstance(value, wanted) and type(value) is not bool)
        objects = name in OBJECTS and isinstance(value, list)
        if not good or (objects and not all(isinstance(one, dict) for one in value)):
            raise wrong(f"Invalid input JSON on line 1, column 1: Cannot deserialize the value of {name}")
        for one in value if isinstance(value, list) else (value,) if name != "properties" else ():
            fits(one)


def matched(words: Sequence[str], path: Sequence[str]) -> dict[str, str] | None:
    """The names that a pattern such as `objects/{object}/{id}` finds in a path; None: another pattern."""
    if len(words) != len(path):
        return None
    found = {}
    for word, part in zip(words, path, strict=True):
        if word[0] == "{":
            found[word[1:-1]] = part
        elif word != part:
            return None
    return found
