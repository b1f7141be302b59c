"""Names of people that sandboxes make up."""

from __future__ import annotations

FIRST = (
    "Ana",
    "Björn",
    "Chloé",
    "Dmitri",
    "Emeka",
    "Fatima",
    "Grace",
    "Hiro",
    "Ines",
    "Jan",
    "Katya",
    "Liam",
)
LAST = ("Almeida", "Brandt", "Castro", "Dubois", "Eze", "Fischer", "Gupta", "Haddad", "Ito", "Jensen", "Kaya")
