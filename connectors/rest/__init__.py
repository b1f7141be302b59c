"""Any JSON-over-HTTP API as a system, by configuration alone."""

from connectors.rest.connector import RestConnector
from connectors.rest.options import RestObjectOptions, RestOptions

__all__ = ["RestConnector", "RestObjectOptions", "RestOptions"]
