"""Calls: a request template, and where to find things in the answer."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import Field, field_validator, model_validator

from connectors.rest.options.base import Words

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "QUERY")
LINE = {"type": "string", "pattern": r"^\s*([A-Z]+\s+)?/", "description": "METHOD /path?query, in short."}


def one_line(value: Any) -> Any:
    """`POST /x?a=b` as a mapping; anything else as it is."""
    if not isinstance(value, str):
        return value
    method, _, rest = value.strip().rpartition(" ")
    parts = urlsplit(rest.strip())
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    told = {"path": parts.path} | ({"query": query} if query else {})
    return told | ({"method": method.strip()} if method else {})


class RequestWords(Words):
    """A request. Texts may hold placeholders in {}; a part whose placeholder has no value is left out."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "QUERY"] | None = Field(
        default=None, description="The method; absent: GET to read, else what the call is usually made with."
    )
    path: str = Field(default="", description="Added to the system's `url`.")
    query: dict[str, Any] = Field(default={}, description="Query parameters; mappings and lists as JSON.")
    headers: dict[str, str] = Field(default={}, description="Headers of this request.")
    body: Any = Field(default=None, description="The JSON body.")
    form: bool = Field(default=False, description="Send the body's keys as a form in place of JSON.")

    @field_validator("path")
    @classmethod
    def _begins(cls, path: str) -> str:
        if path and not path.startswith("/"):
            raise ValueError("must begin with /, for it is added to `url`")
        return path

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return one_line(value)


class CallWords(RequestWords):
    """A call that reads. `at`: where the records (or the one record) are in the answer."""

    at: str = Field(default="", description="Where the records are in the answer; absent: it is them.")


class ReadWords(CallWords):
    """A call that reads several records."""

    keyed: bool = Field(default=False, description="They come as a mapping by their ids, not as a list.")


class ListWords(ReadWords):
    """A call that lists records."""

    ids: bool = Field(default=False, description="It lists ids alone; the records are read by `get_many`.")


class WriteWords(CallWords):
    """A call that writes one record."""

    whole: bool = Field(
        default=False,
        description="The server replaces the record: read it first, and send all that it had.",
    )
    without: list[str] = Field(
        default=[], description="With `whole`: what is read and must not be sent, such as id."
    )


class BatchWords(CallWords):
    """Several writes in one request. `at`: where the results are."""

    size: int = Field(default=100, ge=1, le=10_000, description="Records per request, at most.")
    each: dict[str, Any] = Field(
        default={},
        description="A template per record, by the placeholder that stands for the list of them.",
    )
    match: str | None = Field(
        default=None, description="Where a result repeats `{ref}`; absent: results come in our order."
    )
    status: str | None = Field(default=None, description="Where a result has its HTTP status.")
    result_headers: str | None = Field(default=None, description="Where a result has its headers.")
    result: str = Field(default="", description="Where a result has the body that `errors` is judged by.")
    record: str | None = Field(
        default=None, description="Where that body has the record; absent: as in the call for one record."
    )


class PagingWords(Words):
    """How a list goes on."""

    by: Literal["none", "cursor", "page", "offset", "keyset", "link", "next_url"] = Field(
        default="none",
        description="By `{cursor}`, `{page}`, `{offset}`, `{since}` and `{after}` (an id), a Link header …",
    )
    limit: int = Field(default=100, ge=1, le=10_000, description="Records per page: `{limit}`.")
    first: int | str | None = Field(
        default=None, description="The first page's number, offset or `{after}`; absent: 1, 0, nothing."
    )
    next: str | None = Field(
        default=None, description="Where the next cursor or address is: a path, or `header:NAME`."
    )
    more: str | None = Field(default=None, description="Where the answer says whether there is more.")
    total: str | None = Field(default=None, description="Where it says how many there are in all.")
    ends: Literal["empty", "short"] = Field(
        default="empty",
        description="Pages, offsets, keysets: after an empty page, or one shorter than `limit`.",
    )


class Calls(Words):
    """The operations of an object; what is absent, the API cannot do."""

    list: ListWords | None = Field(default=None, description="All records.")
    changes: ListWords | None = Field(
        default=None, description="What changed since `{since}`; absent: `list`, if that has `{since}`."
    )
    deleted: ReadWords | None = Field(default=None, description="Ids deleted since `{since}`.")
    get: CallWords | None = Field(default=None, description="One record by `{id}`.")
    get_many: ReadWords | None = Field(default=None, description="Several by `{ids}`.")
    find: ReadWords | None = Field(
        default=None, description="By values of a unique `{field}`: several `{keys}`, or one `{key}`."
    )
    create: WriteWords | None = Field(default=None, description="A new record of `{values}`.")
    upsert: WriteWords | None = Field(
        default=None, description="Create or update by our `{key}`; replaces `create`."
    )
    update: WriteWords | None = Field(default=None, description="Write `{values}` to `{id}`.")
    delete: WriteWords | None = Field(default=None, description="Delete `{id}`.")
    batch: BatchWords | None = Field(default=None, description="Several writes; `{op}` says which.")
    create_many: BatchWords | None = Field(default=None, description="Several creates, in place of `batch`.")
    update_many: BatchWords | None = Field(default=None, description="Several updates, likewise.")
    delete_many: BatchWords | None = Field(default=None, description="Several deletes, likewise.")
