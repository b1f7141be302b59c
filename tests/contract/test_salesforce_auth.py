"""Getting into an org: three flows, ended sessions, other orgs, and errors that say what to do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from connectors.base import CanMeter, ObjectSpec
from connectors.login import Account, CanIdentify, CanLogIn
from connectors.salesforce import SalesforceConnector
from connectors.salesforce.cursors import cursor
from connectors.salesforce.sandbox import SalesforceSandbox
from syncd.core.errors import NeedsOperator, RetryLater

SPECS = [ObjectSpec("Contact", ("LastName", "Email"), "Syncd_Id__c")]


@pytest.fixture
async def sandbox() -> AsyncIterator[SalesforceSandbox]:
    sandbox = SalesforceSandbox("plain")
    async with sandbox.serving():
        yield sandbox


@pytest.fixture
async def made() -> AsyncIterator[list[SalesforceConnector]]:
    """What a test opened."""
    found: list[SalesforceConnector] = []
    yield found
    for connector in found:
        await connector.aclose()


def flows(sandbox: SalesforceSandbox) -> dict[str, dict[str, Any]]:
    """The ways in, as a configuration has them."""
    told = sandbox.ready()["auth"]
    client = {"client_id": told["client_id"]}
    secret = {**client, "client_secret": told["client_secret"]}
    key = {"username": told["username"], "private_key": told["private_key"]}
    return {
        "client_credentials": {"flow": "client_credentials", **secret},
        "jwt_bearer": {"flow": "jwt_bearer", **client, **key},
        "refresh_token": {"flow": "refresh_token", **secret, "refresh_token": told["refresh_token"]},
        "session": {"flow": "session", "access_token": told["access_token"]},
    }


def connect(
    made: list[SalesforceConnector], sandbox: SalesforceSandbox, auth: dict[str, Any]
) -> SalesforceConnector:
    connector = SalesforceConnector(
        "sales", {"login_url": sandbox.url, "auth": auth, "capture": "poll"}, SPECS
    )
    made.append(connector)
    return connector


@pytest.mark.parametrize("flow", ["client_credentials", "jwt_bearer", "refresh_token", "session"])
async def test_each_flow_gets_in(
    sandbox: SalesforceSandbox, made: list[SalesforceConnector], flow: str
) -> None:
    connector = connect(made, sandbox, flows(sandbox)[flow])
    schema = await connector.describe()
    assert "LastName" in schema.objects["Contact"].fields
    assert isinstance(connector, CanIdentify)
    account = await connector.identify()
    assert isinstance(account, Account)
    assert account.id == sandbox.world.org_id
    assert len(account.id) == 18


async def test_only_a_refresh_token_has_a_log_in_to_keep(
    sandbox: SalesforceSandbox, made: list[SalesforceConnector]
) -> None:
    found = {flow: connect(made, sandbox, auth) for flow, auth in flows(sandbox).items()}
    assert all(isinstance(connector, CanLogIn) for connector in found.values())
    kept = {flow for flow, connector in found.items() if connector.login is not None}
    assert kept == {"refresh_token"}
    login = found["refresh_token"].login
    assert login is not None
    assert login.browser is not None
    assert login.browser.authorize_url == f"{sandbox.url}/services/oauth2/authorize"


async def test_an_ended_session_is_renewed_once(
    sandbox: SalesforceSandbox, made: list[SalesforceConnector]
) -> None:
    connector = connect(made, sandbox, flows(sandbox)["client_credentials"])
    await connector.describe()
    fault = sandbox.arm("unauthorized", route="schema")
    await connector.describe()
    assert fault.fired == 1
    sandbox.arm("unauthorized", route="schema", times=2)
    with pytest.raises(NeedsOperator, match="INVALID_SESSION_ID"):
        await connector.describe()


async def test_a_session_that_nobody_can_renew_needs_a_person(
    sandbox: SalesforceSandbox, made: list[SalesforceConnector]
) -> None:
    connector = connect(made, sandbox, flows(sandbox)["session"])
    sandbox.arm("unauthorized", route="schema")
    with pytest.raises(NeedsOperator):
        await connector.describe()


async def test_an_app_that_nobody_approved_needs_a_person(
    sandbox: SalesforceSandbox, made: list[SalesforceConnector]
) -> None:
    sandbox.auth.options.approved = False
    with pytest.raises(NeedsOperator, match="invalid_grant"):
        await connect(made, sandbox, flows(sandbox)["jwt_bearer"]).describe()


async def test_a_limit_is_no_matter_for_a_new_log_in(
    sandbox: SalesforceSandbox, made: list[SalesforceConnector]
) -> None:
    connector = connect(made, sandbox, flows(sandbox)["client_credentials"])
    await connector.describe()
    meter = connector.meter()
    assert isinstance(connector, CanMeter)
    assert (meter.limit, meter.remaining) == (100_000, 100_000 - sandbox.limits.used)
    sandbox.arm("rate_limited", route="schema")
    logins = sandbox.door.calls["token"]
    with pytest.raises(RetryLater):
        await connector.describe()
    assert sandbox.door.calls["token"] == logins


async def test_a_cursor_of_another_org_stops_everything(
    sandbox: SalesforceSandbox, made: list[SalesforceConnector]
) -> None:
    connector = connect(made, sandbox, flows(sandbox)["client_credentials"])
    await connector.describe()
    with pytest.raises(NeedsOperator, match="leads to org"):
        await anext(connector.read_changes("Contact", cursor({"mode": "poll", "org": "00D000000000000EAA"})))


async def test_whose_log_in_it_is_is_asked_until_there_is_an_answer(
    sandbox: SalesforceSandbox, made: list[SalesforceConnector]
) -> None:
    """An org that is not known would not be told from another."""
    connector = connect(made, sandbox, flows(sandbox)["session"])
    away = sandbox.arm("error_before", route="me", status=503)
    with pytest.raises(RetryLater):
        await connector.identify()
    account = await connector.identify()
    assert account is not None
    assert (account.id, away.fired) == (sandbox.world.org_id, 1)
    other = connect(made, sandbox, flows(sandbox)["session"])
    refused = sandbox.arm("error_before", route="me", status=403, code="Bad_OAuth_Token")
    assert (await other.identify(), await other.identify(), refused.fired) == (None, None, 1)


async def test_an_object_that_is_not_there(
    sandbox: SalesforceSandbox, made: list[SalesforceConnector]
) -> None:
    auth = flows(sandbox)["client_credentials"]
    for name in ("No_Such__c", "Contact; DROP", "User/../Contact"):
        connector = SalesforceConnector(
            "sales", {"login_url": sandbox.url, "auth": auth}, [ObjectSpec(name, ())]
        )
        made.append(connector)
        with pytest.raises(NeedsOperator) as caught:
            await connector.describe()
        assert "Mend the name" in caught.value.todo
