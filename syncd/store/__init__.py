"""The only code that knows the database (DESIGN §6)."""
