"""The store's tables, declared once; Alembic's migrations are compared with them in a test.

Shapes follow what was measured for the hot path: the selective column first in every key, `json` rather
than `jsonb` (it keeps its bytes), fillfactor 60 where rows are updated in place, append-only where they
can be. Identifiers and sequences are handed out in process, in blocks of `store_seq`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Index,
    LargeBinary,
    Sequence,
    SmallInteger,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSON
from sqlmodel import Field, SQLModel

UPDATED_IN_PLACE = {"postgresql_with": {"fillfactor": "60"}}

STORE_SEQ = Sequence("store_seq", start=1, increment=1000, data_type=BigInteger, metadata=SQLModel.metadata)
"""Each value begins a block of 1,000 numbers (`syncd.store.sequence`)."""


def _key(kind: Any = BigInteger) -> Any:
    return Field(sa_column=Column(kind, primary_key=True, autoincrement=False))


def _col(kind: Any, *, null: bool = False) -> Any:
    return Field(sa_column=Column(kind, nullable=null))


def _json(*, null: bool = False) -> Any:
    return Field(sa_column=Column(JSON(none_as_null=True), nullable=null))


def _now() -> Any:
    return Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now()))


class Lease(SQLModel, table=True):
    """Who may write to this store. `token` only rises; every transaction of the engine checks it."""

    __tablename__ = "lease"
    name: str = _key(Text)
    holder: str = _col(Text)
    token: int = _col(BigInteger)
    expires: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


class Meta(SQLModel, table=True):
    """Facts about the store itself.

    `tag:N` is the tag of the keys that we leave in remotes for records from number N on. Every run adds
    one, so that a key of another store, or of a time that a restored backup does not know, names nothing.
    """

    __tablename__ = "meta"
    key: str = _key(Text)
    value: str = _col(Text)


class ConfigVersion(SQLModel, table=True):
    """A configuration that took decisions, without its secrets."""

    __tablename__ = "configs"
    config: int = _key(SmallInteger)
    hash: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    at: datetime = _now()
    body: Any = _json()


class Stream(SQLModel, table=True):
    """One object of one system as a copy of one kind: what links, cursors and the outbox point at.

    `cursor` is null before the first page; `swept_at` is when the last complete sweep ended, or the epoch
    where one is asked for, and a second later where that one has begun.
    """

    __tablename__ = "streams"
    stream: int = _key(SmallInteger)
    system: str = _col(Text)
    kind: str = _col(Text)
    object: str = _col(Text)
    cursor: str | None = _col(Text, null=True)
    read_at: datetime | None = Field(sa_column=Column(DateTime(timezone=True)))
    swept_at: datetime | None = Field(sa_column=Column(DateTime(timezone=True)))
    __table_args__ = (Index("streams_names", "system", "kind", "object", unique=True),)


class Layout(SQLModel, table=True):
    """The order in which shadows of a stream keep their values, one row per mapping that ever wrote any.

    `fields` is a list of [remote field, what it was read as], the latter compared and never taken apart.
    """

    __tablename__ = "layouts"
    layout: int = _key(SmallInteger)
    stream: int = _col(SmallInteger)
    hash: str = _col(Text)
    fields: Any = _json()
    __table_args__ = (Index("layouts_hash", "hash", "stream", unique=True),)


class PageRow(SQLModel, table=True):
    """The journal: what came in, as it came. `source`: feed, scan, fetch, guard or person."""

    __tablename__ = "pages"
    seq: int = _key()
    stream: int = _col(SmallInteger)
    evidence: int = _col(BigInteger)
    source: str = _col(Text)
    seen_at: datetime = _now()
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class RecordRow(SQLModel, table=True):
    """Our copy. `stamps` is [version, system, time, event, {field: [version, system, time, event]}].

    `contests` holds, per field, what `syncd.core.nouns.Contest` holds; null almost always.
    """

    __tablename__ = "records"
    record_id: int = _key()
    kind: str = _col(Text)
    version: int = _col(BigInteger)
    deleted: bool = Field(sa_column_kwargs={"server_default": text("false")})
    fields: Any = _json()
    stamps: Any = _json()
    contests: Any = _json(null=True)
    __table_args__: ClassVar[Any] = (UPDATED_IN_PLACE,)


class Redirect(SQLModel, table=True):
    """A record that became one with another: `survivor` is the one that stays, never itself redirected."""

    __tablename__ = "redirects"
    record_id: int = _key()
    survivor: int = _col(BigInteger)
    at: datetime = _now()
    __table_args__ = (Index("redirects_survivor", "survivor"),)


class MatchKey(SQLModel, table=True):
    """Which records carry a match key. More than one is ambiguous, and never linked."""

    __tablename__ = "match_keys"
    key: str = _key(Text)
    kind: str = _key(Text)
    record_id: int = _key()
    __table_args__ = (Index("match_keys_record", "record_id"),)


class VersionRow(SQLModel, table=True):
    """Append-only history: what one version changed, as {field: value}, and who said it."""

    __tablename__ = "versions"
    record_id: int = _key()
    version: int = _key()
    system: str = _col(Text)
    event: int = _col(BigInteger)
    config: int = _col(SmallInteger)
    at: datetime = _now()
    changes: Any = _json()


class LinkRow(SQLModel, table=True):
    """One remote copy. `shadow` is a list in the order of `layout`; `agreed` is [number, {field: number}].

    `extras` is null, or an object with `ghosts` (unsettled writes), `unsure` (fields whose stored form is
    not known yet) and `unapplied` (values that wait for their reference or for a mapping that can read
    them). `gone_by` tells a delete of ours (`us`, `cascade`) from one of theirs, and is `merge` where a
    duplicate is one because its system merged it away.
    """

    __tablename__ = "links"
    remote_id: str = _key(Text)
    stream: int = _key(SmallInteger)
    record_id: int = _col(BigInteger)
    state: str = _col(Text)
    gone_by: str | None = _col(Text, null=True)
    evidence: int = _col(BigInteger)
    remote_version: str | None = _col(Text, null=True)
    layout: int = _col(SmallInteger)
    agreed: Any = _json()
    shadow: Any = _json()
    extras: Any = _json(null=True)
    __table_args__ = (
        Index(
            "links_record",
            "record_id",
            "stream",
            unique=True,
            postgresql_where=text("state <> 'duplicate'"),
        ),
        UPDATED_IN_PLACE,
    )


class OutboxRow(SQLModel, table=True):
    """A copy is behind: never a payload. Append-only; settled by `seq`.

    `approved` is the operation that passed its brake: create, update or delete; `any` by a person's word.
    """

    __tablename__ = "outbox"
    seq: int = _key()
    stream: int = _col(SmallInteger)
    record_id: int = _col(BigInteger)
    approved: str | None = _col(Text, null=True)


class SendRow(SQLModel, table=True):
    """One write call that has begun and is not settled: the intents, and what each link was sent.

    `body` is a list of [record_id, remote_id or null, key or null, {remote field: value}, record version,
    {field: version}, [outbox seqs]]. After a crash these rows are what is uncertain.
    """

    __tablename__ = "sends"
    batch: int = _key()
    stream: int = _col(SmallInteger)
    op: str = _col(Text)
    at: datetime = _now()
    body: Any = _json()


class LookRow(SQLModel, table=True):
    """A write whose record's history is to be looked at: an edit may have been written over unseen.

    `body` is {"since", "until": the remote's versions before and after it, "fields": {remote field: [what it
    held by our last read, what we left there]}}.
    """

    __tablename__ = "looks"
    look: int = _key()
    stream: int = _col(SmallInteger)
    remote_id: str = _col(Text)
    record_id: int = _col(BigInteger)
    at: datetime = _now()
    body: Any = _json()


class InboxRow(SQLModel, table=True):
    """A change that could not be applied when it came, or that another door brought.

    `reason`: `in_flight`, `create_open`, `order` (an earlier row of the id waits), `fetch` (read this id
    again), `reentry` (its reference was linked), `decision`. `suspects` are held values to be listed as
    overwritten unless the next read shows them.
    """

    __tablename__ = "inbox"
    seq: int = _key()
    stream: int = _col(SmallInteger)
    remote_id: str = _col(Text)
    reason: str = _col(Text)
    evidence: int = _col(BigInteger)
    at: datetime = _now()
    not_before: datetime | None = Field(sa_column=Column(DateTime(timezone=True)))
    change: Any = _json(null=True)
    suspects: Any = _json(null=True)
    __table_args__ = (Index("inbox_id", "remote_id", "stream"),)


class WaitIn(SQLModel, table=True):
    """A link whose reference points at a remote record that is not linked yet."""

    __tablename__ = "waits_in"
    target_id: str = _key(Text)
    target_stream: int = _key(SmallInteger)
    remote_id: str = _key(Text)
    stream: int = _key(SmallInteger)


class WaitOut(SQLModel, table=True):
    """A record whose reference cannot be written yet, because its target has no copy in that system."""

    __tablename__ = "waits_out"
    target_record: int = _key()
    target_stream: int = _key(SmallInteger)
    record_id: int = _key()
    stream: int = _key(SmallInteger)


class ConflictRow(SQLModel, table=True):
    """A clash as a person sees it. `state`: open, decided (by a rule or a person), closed (by agreement, or
    with the verdict `gone` because no system holds the record any more).

    `field` is empty for the record itself (edit against delete). `candidates` is a list of
    {value, system, time, event, version}; `verdict` says which one stands and by what.
    """

    __tablename__ = "conflicts"
    conflict: int = _key()
    record_id: int = _col(BigInteger)
    field: str = _col(Text)
    state: str = _col(Text)
    why: str = _col(Text)
    base: Any = _json(null=True)
    candidates: Any = _json()
    verdict: Any = _json(null=True)
    config: int = _col(SmallInteger)
    opened: datetime = _now()
    closed: datetime | None = Field(sa_column=Column(DateTime(timezone=True)))
    __table_args__ = (
        Index("conflicts_record", "record_id", "field"),
        Index("conflicts_open", "conflict", postgresql_where=text("state = 'open'")),
    )


class ParkedRow(SQLModel, table=True):
    """What was set aside with a reason: a write that is refused, a change that cannot be applied.

    `direction`: in or out. `code` is stable and short; `message` says what to do and holds no value.
    """

    __tablename__ = "parked"
    parked: int = _key()
    stream: int = _col(SmallInteger)
    direction: str = _col(Text)
    remote_id: str | None = _col(Text, null=True)
    record_id: int | None = _col(BigInteger, null=True)
    field: str | None = _col(Text, null=True)
    code: str = _col(Text)
    message: str = _col(Text)
    at: datetime = _now()
    body: Any = _json(null=True)
    __table_args__ = (
        Index("parked_record", "record_id", "stream"),
        Index("parked_remote", "remote_id", "stream"),
    )


class BrakeRow(SQLModel, table=True):
    """A pulled brake: one system's copy of one kind, one operation."""

    __tablename__ = "brakes"
    brake: int = _key()
    stream: int = _col(SmallInteger)
    op: str = _col(Text)
    why: str = _col(Text)
    at: datetime = _now()
    ended: datetime | None = Field(sa_column=Column(DateTime(timezone=True)))
    verdict: str | None = _col(Text, null=True)
    __table_args__ = (
        Index("brakes_open", "stream", "op", unique=True, postgresql_where=text("ended is null")),
    )


class HeldRow(SQLModel, table=True):
    """A write that a brake holds, with the record version that it would have carried."""

    __tablename__ = "held"
    record_id: int = _key()
    brake: int = _key()
    version: int = _col(BigInteger)


class BrakeUse(SQLModel, table=True):
    """How many operations a stream saw in one minute: what the brakes count."""

    __tablename__ = "brake_use"
    minute: datetime = Field(sa_column=Column(DateTime(timezone=True), primary_key=True))
    stream: int = _key(SmallInteger)
    op: str = _key(Text)
    n: int = _col(BigInteger)


class SweepSeen(SQLModel, table=True):
    """The ids that the running sweep has seen. Unlogged: a crash begins the sweep anew."""

    __tablename__ = "sweep_seen"
    remote_id: str = _key(Text)
    stream: int = _key(SmallInteger)
    __table_args__: ClassVar[Any] = ({"prefixes": ["UNLOGGED"]},)


class TokenRow(SQLModel, table=True):
    """The tokens of one system's log-in, encrypted: `body` under the key that `key` names.

    `body` and `key` are null before the first answer of a configured refresh token. `version` rises with
    every new body; `holder` renews it, alone, until `held_until`. `refused` is when the vendor would not
    renew it. `client` is the OAuth client that it was granted to.
    """

    __tablename__ = "tokens"
    system: str = _key(Text)
    client: str = _col(Text)
    key: str | None = _col(Text, null=True)
    body: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))
    version: int = _col(BigInteger)
    connected: datetime = _now()
    renewed: datetime = _now()
    refused: datetime | None = Field(sa_column=Column(DateTime(timezone=True)))
    holder: str | None = _col(Text, null=True)
    held_until: datetime | None = Field(sa_column=Column(DateTime(timezone=True)))


class AccountRow(SQLModel, table=True):
    """Whose data a system holds: with another `account` nothing runs. It outlives the log-in."""

    __tablename__ = "accounts"
    system: str = _key(Text)
    account: str = _col(Text)
    name: str = _col(Text)
    person: str = _col(Text)
    since: datetime = _now()


class CommandRow(SQLModel, table=True):
    """What a person asked for: written by the CLI or a page, done by the daemon (DESIGN §1.13).

    `done` is null while it waits; then `result` says in a sentence what came of it.
    """

    __tablename__ = "commands"
    command: int = _key()
    name: str = _col(Text)
    args: Any = _json()
    at: datetime = _now()
    done: datetime | None = Field(sa_column=Column(DateTime(timezone=True)))
    ok: bool | None = Field(default=None, sa_column_kwargs={"nullable": True})
    result: str | None = _col(Text, null=True)
    __table_args__ = (Index("commands_waiting", "command", postgresql_where=text("done is null")),)
