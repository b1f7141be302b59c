"""The Salesforce sandbox: an org in memory behind the vendor's wire protocols (docs/sandbox-salesforce.md).

The change journal is `SalesforceSandbox.journal` (`journal.Journal`, of `journal.Change`):
`subscribe(listener)` tells of each committed transaction once, `since(number)` reads what was before. It
knows nothing of Pub/Sub: what makes events of changes subscribes to it, and starts its server in
`SalesforceSandbox.beside`. Values worked out on reading (formulas, compound names and addresses) are
`SalesforceSandbox.world.getter(table, field)(row)`; fields by name, in describe's order, are
`SalesforceSandbox.world.org_table(object).fields`; a session is checked by
`SalesforceSandbox.auth.user_of_token(token)`, which gives the User id or None; the org's id is
`world.org_id`.

The way of a call: `api` names the code that answers a path, the kit's door counts it and lets it in, `rows`
and its neighbours read and write the `org`, whose every save is part of a `transaction`.
"""

from connectors.salesforce.sandbox.sandbox import SalesforceSandbox

__all__ = ["SalesforceSandbox"]
