"""`syncd demo`: two databases, a daemon, people who edit, a clash, a kill, and what came of it all."""
