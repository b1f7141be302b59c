"""Any JSON-over-HTTP API as a system, by configuration alone."""
