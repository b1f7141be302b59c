"""The store's schema, step by step. Blocking calls: the daemon makes them in a thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, NullPool, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError

from syncd.core.errors import StoreUnavailable
from syncd.store.pool import place, told
from syncd.store.revision import scripts

_TABLES = text("select count(*) from pg_tables where schemaname not in ('pg_catalog', 'information_schema')")
_ONE_AT_A_TIME = text("select pg_advisory_lock(1937206883, 0)")


def upgrade(url: str) -> list[str]:
    """Bring the schema up to date; answers the revisions that were run. Safe beside another upgrade.

    Raises `StoreUnavailable`, also for a schema that is newer than this syncd.
    """
    with _connected(url) as connection:
        connection.execute(_ONE_AT_A_TIME)  # held until the connection closes
        connection.commit()
        missing = _missing(connection, place(url))
        if missing:
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        return missing


def current(url: str) -> str | None:
    """The revision that the database is at; None for an empty one. Raises `StoreUnavailable`."""
    with _connected(url) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def pending(url: str) -> list[str]:
    """The revisions that `upgrade` would run, oldest first. Raises `StoreUnavailable`."""
    with _connected(url) as connection:
        return _missing(connection, place(url))


def empty(url: str) -> bool:
    """Whether a database holds no tables at all, ours or another's. Raises `StoreUnavailable`."""
    with _connected(url) as connection:
        return connection.execute(_TABLES).scalar() == 0


def engine(url: str) -> Engine:
    """A SQLAlchemy engine for `url`, without a pool."""
    return create_engine(make_url(url).set(drivername="postgresql+psycopg"), poolclass=NullPool)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(scripts()).replace("%", "%%"))
    return config


def _missing(connection: Connection, where: str) -> list[str]:
    at = MigrationContext.configure(connection).get_current_revision()
    connection.commit()
    steps = [step.revision for step in ScriptDirectory.from_config(_config()).walk_revisions()]
    if at is not None and at not in steps:
        raise StoreUnavailable(
            f"the store at {where} was made by a newer syncd (its schema is {at}). Upgrade syncd, or restore "
            "the store from before that."
        )
    newer = steps[: steps.index(at)] if at is not None else steps
    return newer[::-1]


@contextmanager
def _connected(url: str) -> Iterator[Connection]:
    where = place(url)
    try:
        with engine(url).connect() as connection:
            yield connection
    except DBAPIError as error:
        lost = told(getattr(error.orig, "sqlstate", None) or "08", where)
        if lost is None:
            raise
        raise lost from error
