"""Journals of real runs, read back: every decision comes out the same under today's code (F46)."""
