"""The org in two systems, where its data is at hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.org import DATA, Org
from tests.scenarios.rest_org import RestOrg
from tests.scenarios.salesforce_org import SalesforceOrg

MakeOrg = Callable[..., Awaitable[Org]]
MakeRestOrg = Callable[..., Awaitable[RestOrg]]
MakeSalesforceOrg = Callable[..., Awaitable[SalesforceOrg]]


@pytest.fixture
async def make_org(
    store_url: str, fresh_database: Callable[[], Awaitable[str]], tmp_path: Path
) -> AsyncIterator[MakeOrg]:
    """`await make_org(capture=…)` answers the org, loaded; skips where the data is not at hand."""
    _need_data()
    async with AsyncExitStack() as stack:

        async def make(*, capture: str, sweep: str = "1h") -> Org:
            loaded: AbstractAsyncContextManager[Org] = Org.loaded(
                tmp_path, store_url, fresh_database, capture=capture, sweep=sweep
            )
            return await stack.enter_async_context(loaded)

        yield make


@pytest.fixture
async def make_rest_org(
    store_url: str, fresh_database: Callable[[], Awaitable[str]], tmp_path: Path
) -> AsyncIterator[MakeRestOrg]:
    """`await make_rest_org(key_field=…)` answers the org beside an empty CRM; skips likewise."""
    _need_data()
    async with AsyncExitStack() as stack:

        async def make(*, key_field: bool) -> RestOrg:
            started = RestOrg.started(tmp_path, store_url, fresh_database, key_field=key_field)
            return await stack.enter_async_context(started)

        yield make


@pytest.fixture
async def make_salesforce_org(
    store_url: str, fresh_database: Callable[[], Awaitable[str]], tmp_path: Path
) -> AsyncIterator[MakeSalesforceOrg]:
    """`await make_salesforce_org(capture=…)` answers the org in Salesforce beside an empty ERP."""
    _need_data()
    async with AsyncExitStack() as stack:

        async def make(**words: Any) -> SalesforceOrg:
            started = SalesforceOrg.started(tmp_path, store_url, fresh_database, **words)
            return await stack.enter_async_context(started)

        yield make


def _need_data() -> None:
    if not DATA.is_dir():
        pytest.skip(f"no data in {DATA}: it is not part of the repository")
