"""What a record costs: a benchmark, not a test."""
