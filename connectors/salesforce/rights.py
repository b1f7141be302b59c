"""Whether this user has View All on an object now: only then does a record that is not found not exist.

Sources: Object Reference, "ObjectPermissions" (what needs a user permission such as View All Data has its
rows, too; Modify All Data shows rows with an invalid id) and "PermissionSetAssignment" (a profile and a group
of permission sets have sets of their own, which are assigned).
"""

from __future__ import annotations

from typing import Any

from connectors.http import Request
from connectors.salesforce import soql
from connectors.salesforce.client import SalesforceClient

_WHAT = "rights of this user"


async def views_all(client: SalesforceClient, object: str) -> bool:
    """Whether it surely has; False also where it may not ask.

    One call, a second where the object has no permissions of its own (an opportunity's contact role). Raises
    `RetryLater` where there is no answer now, and `NeedsOperator` where nobody is let in.
    """
    if not client.place.user:
        return False
    mine = f"AssigneeId = {soql.text(client.place.user)}"
    sets = soql.select(("PermissionSetId",), "PermissionSetAssignment", mine)
    of_object = (
        f"SobjectType = {soql.text(object)} AND ParentId IN ({sets}) AND PermissionsViewAllRecords = true"
    )
    if await _any(client, soql.select(("Id",), "ObjectPermissions", of_object)):
        return True
    data = f"{mine} AND PermissionSet.PermissionsViewAllData = true"
    return await _any(client, soql.select(("Id",), "PermissionSetAssignment", data))


async def _any(client: SalesforceClient, query: str) -> bool:
    """Whether a query finds anything; one that is refused does not."""
    answer = await client.send(Request("GET", f"/query?q={soql.encoded(query)}"))
    if not answer.ok:
        client.must_be_refused(_WHAT, answer)
        return False
    body: Any = client.checked(answer.json(f"{client.name}: {_WHAT}"), _WHAT)
    return bool(body["records"])
