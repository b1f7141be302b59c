"""The HubSpot sandbox: a portal in memory behind the vendor's wire protocol (docs/sandbox-hubspot.md).

The way of a call: `api` reads the path in any of the vendor's shapes (`ask`), the kit's door counts it, looks
at the token (`tokens`) and the limits, and `objects`, `batch`, `search`, `links`, `properties` and their
neighbours work on the `portal`. Each thing that happens there is an `events.Event`: `hooks` sends it, and
`journal` keeps it.
"""

from connectors.hubspot.sandbox.sandbox import HubSpotSandbox

__all__ = ["HubSpotSandbox"]
