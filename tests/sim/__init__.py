"""Simulations: the same code under random schedules, with an oracle that knows what people did."""
