"""The engine, stepped by hand on real databases."""
