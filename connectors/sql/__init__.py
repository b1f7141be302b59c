"""Tables of a PostgreSQL database as a system."""

from connectors.sql.connector import SqlConnector
from connectors.sql.options import SqlObjectOptions, SqlOptions

__all__ = ["SqlConnector", "SqlObjectOptions", "SqlOptions"]
