"""Connectors: the contract, the registry, and one folder per vendor."""
