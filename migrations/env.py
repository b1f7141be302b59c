"""Alembic's entry: runs on a connection that `syncd.store.migrate` hands in, or on `alembic -x url=…`."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection
from sqlmodel import SQLModel

from syncd.store import tables
from syncd.store.migrate import engine

assert tables.Lease  # the import declares the tables


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        compare_type=True,
        compare_server_default=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    with engine(context.get_x_argument(as_dictionary=True)["url"]).connect() as opened:
        run(opened)
