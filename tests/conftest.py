"""What all tests share: a PostgreSQL server, databases on it, a migrated store.

`SYNCD_TEST_POSTGRES` names a server whose user may create databases; without it one is started from the
wheel's binaries. With `SYNCD_REQUIRE_SERVICES=1` a service that is missing fails the test that needs it.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from syncd.core.clock import SystemClock
from syncd.store.migrate import upgrade
from syncd.store.store import Store
from tests.support.postgres import Databases, started

FreshDatabase = Callable[[], Awaitable[str]]


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A server, by the URL of a database that is there; make others beside it."""
    given = os.environ.get("SYNCD_TEST_POSTGRES")
    if given:
        yield given
    else:
        with started() as url:
            yield url


@pytest.fixture(scope="session")
def databases(postgres_url: str) -> Iterator[Databases]:
    """Makes and drops databases; its template is migrated once per session."""
    made = Databases(postgres_url, tag=f"{os.getpid()}_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}")
    yield made
    made.drop_all()


@pytest.fixture
async def fresh_database(databases: Databases) -> AsyncIterator[FreshDatabase]:
    """`await fresh_database()` answers the URL of a new, empty database; all are dropped afterwards."""
    async with databases.scope() as scope:
        yield scope.empty


@pytest.fixture
async def store_url(databases: Databases) -> AsyncIterator[str]:
    """A database with the store's tables, empty otherwise."""
    async with databases.scope() as scope:
        yield await scope.copy_of_template(upgrade)


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    """An open store that holds the lease."""
    async with await Store.open(store_url, holder="test", clock=SystemClock()) as opened:
        await opened.acquire_lease()
        yield opened
