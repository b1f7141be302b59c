"""Make the store: all tables, and the sequence whose values begin blocks of 1,000 numbers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        sa.schema.CreateSequence(sa.Sequence("store_seq", start=1, increment=1000, data_type=sa.BigInteger))
    )
    op.create_table(
        "brake_use",
        sa.Column("minute", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stream", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("op", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("minute", "stream", "op"),
    )
    op.create_table(
        "brakes",
        sa.Column("brake", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("stream", sa.SmallInteger(), nullable=False),
        sa.Column("op", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("ended", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("brake"),
    )
    op.create_index(
        "brakes_open", "brakes", ["stream", "op"], unique=True, postgresql_where=sa.text("ended is null")
    )
    op.create_table(
        "commands",
        sa.Column("command", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("args", postgresql.JSON(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("done", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ok", sa.Boolean(), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("command"),
    )
    op.create_index(
        "commands_waiting", "commands", ["command"], unique=False, postgresql_where=sa.text("done is null")
    )
    op.create_table(
        "configs",
        sa.Column("config", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("body", postgresql.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("config"),
        sa.UniqueConstraint("hash"),
    )
    op.create_table(
        "conflicts",
        sa.Column("conflict", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("record_id", sa.BigInteger(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("base", postgresql.JSON(), nullable=True),
        sa.Column("candidates", postgresql.JSON(), nullable=False),
        sa.Column("verdict", postgresql.JSON(), nullable=True),
        sa.Column("config", sa.SmallInteger(), nullable=False),
        sa.Column("opened", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("closed", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("conflict"),
    )
    op.create_index(
        "conflicts_open", "conflicts", ["conflict"], unique=False, postgresql_where=sa.text("state = 'open'")
    )
    op.create_index("conflicts_record", "conflicts", ["record_id", "field"], unique=False)
    op.create_table(
        "held",
        sa.Column("record_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("brake", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("record_id", "brake"),
    )
    op.create_table(
        "inbox",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("stream", sa.SmallInteger(), nullable=False),
        sa.Column("remote_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("evidence", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("change", postgresql.JSON(), nullable=True),
        sa.Column("suspects", postgresql.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("inbox_id", "inbox", ["remote_id", "stream"], unique=False)
    op.create_table(
        "layouts",
        sa.Column("layout", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("stream", sa.SmallInteger(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("fields", postgresql.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("layout"),
    )
    op.create_index("layouts_hash", "layouts", ["hash", "stream"], unique=True)
    op.create_table(
        "lease",
        sa.Column("name", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "links",
        sa.Column("remote_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("stream", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("record_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("gone_by", sa.Text(), nullable=True),
        sa.Column("evidence", sa.BigInteger(), nullable=False),
        sa.Column("remote_version", sa.Text(), nullable=True),
        sa.Column("layout", sa.SmallInteger(), nullable=False),
        sa.Column("agreed", postgresql.JSON(), nullable=False),
        sa.Column("shadow", postgresql.JSON(), nullable=False),
        sa.Column("extras", postgresql.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("remote_id", "stream"),
        postgresql_with={"fillfactor": "60"},
    )
    op.create_index(
        "links_record",
        "links",
        ["record_id", "stream"],
        unique=True,
        postgresql_where=sa.text("state <> 'duplicate'"),
    )
    op.create_table(
        "match_keys",
        sa.Column("key", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("record_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("key", "kind", "record_id"),
    )
    op.create_index("match_keys_record", "match_keys", ["record_id"], unique=False)
    op.create_table(
        "meta",
        sa.Column("key", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.execute("insert into meta (key, value) values ('tag:0', left(md5(gen_random_uuid()::text), 8))")
    op.create_table(
        "outbox",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("stream", sa.SmallInteger(), nullable=False),
        sa.Column("record_id", sa.BigInteger(), nullable=False),
        sa.Column("approved", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_table(
        "pages",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("stream", sa.SmallInteger(), nullable=False),
        sa.Column("evidence", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_table(
        "parked",
        sa.Column("parked", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("stream", sa.SmallInteger(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("remote_id", sa.Text(), nullable=True),
        sa.Column("record_id", sa.BigInteger(), nullable=True),
        sa.Column("field", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("body", postgresql.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("parked"),
    )
    op.create_index("parked_record", "parked", ["record_id", "stream"], unique=False)
    op.create_index("parked_remote", "parked", ["remote_id", "stream"], unique=False)
    op.create_table(
        "records",
        sa.Column("record_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("deleted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("fields", postgresql.JSON(), nullable=False),
        sa.Column("stamps", postgresql.JSON(), nullable=False),
        sa.Column("contests", postgresql.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("record_id"),
        postgresql_with={"fillfactor": "60"},
    )
    op.create_table(
        "sends",
        sa.Column("batch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("stream", sa.SmallInteger(), nullable=False),
        sa.Column("op", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("body", postgresql.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("batch"),
    )
    op.create_table(
        "streams",
        sa.Column("stream", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("swept_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("stream"),
    )
    op.create_index("streams_names", "streams", ["system", "kind", "object"], unique=True)
    op.create_table(
        "sweep_seen",
        sa.Column("remote_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("stream", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("remote_id", "stream"),
        prefixes=["UNLOGGED"],
    )
    op.create_table(
        "versions",
        sa.Column("record_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("event", sa.BigInteger(), nullable=False),
        sa.Column("config", sa.SmallInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("changes", postgresql.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("record_id", "version"),
    )
    op.create_table(
        "waits_in",
        sa.Column("target_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("target_stream", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("remote_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("stream", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("target_id", "target_stream", "remote_id", "stream"),
    )
    op.create_table(
        "waits_out",
        sa.Column("target_record", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("target_stream", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("record_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("stream", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("target_record", "target_stream", "record_id", "stream"),
    )
