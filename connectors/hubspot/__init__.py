"""HubSpot: the connector (`HubSpotConnector`), and a portal to try it on (`sandbox`)."""

from connectors.hubspot.connector import HubSpotConnector
from connectors.hubspot.reader import HubSpotReader

__all__ = ["HubSpotConnector", "HubSpotReader"]
