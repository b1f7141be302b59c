"""What HubSpot keeps of the past of its properties, as the engine asks for it."""

from __future__ import annotations

import pytest

from connectors.base import CanHistory, ObjectSpec
from connectors.hubspot import HubSpotConnector
from connectors.hubspot.sandbox import HubSpotSandbox
from syncd.core.errors import NeedsOperator
from syncd.core.nouns import Accepted, Push, PushOp

PAIR = ObjectSpec("deals-to-contacts", ("from", "to"))
FIELDS = ("firstname", "hubspotscore", "hs_email_optout", "hubspot_owner_id.email")


async def test_who_set_which_value_and_when() -> None:
    async with HubSpotSandbox({"limits": {"burst": 10_000}}).serving() as sandbox:
        words = {"url": sandbox.url, "auth": {"token": sandbox.auth.options.token}}
        connector = HubSpotConnector("hub", words, [ObjectSpec("contacts", FIELDS), PAIR])
        edit = sandbox.people.edit
        rows = [edit("contacts", "create", fields={"firstname": str(n)}) for n in range(52)]
        ids = [row.id for row in rows if row is not None]
        edit("contacts", "delete", id=ids[1])
        try:
            assert isinstance(connector, CanHistory)
            await connector.describe()
            (read,) = await connector.fetch("contacts", ids[:1])
            sandbox.clock.advance(10)
            edit("contacts", id=ids[0], fields={"firstname": "", "hs_email_optout": "true"})
            push = Push(1, "contacts", PushOp.UPDATE, 1, 1, {"firstname": "ours"}, remote_id=ids[0])
            (done,) = await connector.write([push])
            assert isinstance(done, Accepted)
            sandbox.calls.clear()
            told = await connector.field_history("contacts", dict.fromkeys(ids, FIELDS))
            assert sandbox.calls == {"ids contacts": 2}, "HubSpot takes 50 at once"
            assert told.keys() == {*ids} - {ids[1]}
            past = told[ids[0]]
            assert [one.value for one in past["firstname"]] == ["ours", None, "0"]
            assert [one.ours for one in past["firstname"]] == [True, False, False]
            assert past["hs_email_optout"][0].value is True
            assert past["firstname"][1].by.startswith("CRM_UI userId:")
            since, until = (connector.moment(str(v)) for v in (read.remote_version, done.remote_version))
            assert since is not None
            assert until is not None
            first, edited, ours = (one.at for one in reversed(past["firstname"]))
            assert first <= since < edited <= ours <= until
            assert past.keys() == {"firstname", "hubspotscore", "hs_email_optout"}
            assert await connector.field_history(PAIR.name, {"1-2": ("to",)}) == {}
            body = {"inputs": [{"id": id} for id in ids], "propertiesWithHistory": ["firstname"]}
            with pytest.raises(NeedsOperator, match="400"):
                await connector.client.post("/crm/v3/objects/contacts/batch/read", "history", body)
        finally:
            await connector.aclose()
