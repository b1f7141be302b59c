"""Intake, apply, push, sweep: what moves changes between the remotes and the store."""
