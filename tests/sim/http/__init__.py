"""Seeded schedules of the whole engine against the HTTP sandboxes, on a virtual clock."""
