"""Which objects the org sends change events of: a channel of one that is not selected is merely silent.

Source: Change Data Capture Developer Guide, "Select Objects for Change Notifications with Metadata API and
Tooling API"; Tooling API, "PlatformEventChannelMember": it takes the permission View Setup and
Configuration, and members of the default channel are named ChangeEvents_…
"""

from __future__ import annotations

from connectors.http import Request
from connectors.salesforce import soql
from connectors.salesforce.client import SalesforceClient

_QUERY = soql.select(("DeveloperName", "EventChannel", "SelectedEntity"), "PlatformEventChannelMember")
DEFAULT = "ChangeEvents"


async def selected(client: SalesforceClient) -> frozenset[str] | None:
    """The events of the default channel, such as `ContactChangeEvent`; None where this user may not ask.

    Raises `RetryLater` where there is no answer now, and `NeedsOperator` where nobody is let in.
    """
    answer = await client.send(Request("GET", f"/tooling/query?q={soql.encoded(_QUERY)}"))
    if not answer.ok:
        client.must_be_refused("selected objects", answer)
        return None
    body = client.checked(answer.json(f"{client.name}: selected objects"), "selected objects")
    mine = (
        row
        for row in body["records"]
        if row.get("EventChannel") == DEFAULT or str(row.get("DeveloperName")).startswith(f"{DEFAULT}_")
    )
    return frozenset(str(row.get("SelectedEntity")) for row in mine)
