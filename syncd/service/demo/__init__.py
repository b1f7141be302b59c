"""`syncd demo`: three systems, a daemon, people who edit, clashes, a kill, and what came of it all."""
