"""The only place that knows everybody: composition, lifecycle, health, telemetry."""
