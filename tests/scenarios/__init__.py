"""The daemon as a process, on real data."""
