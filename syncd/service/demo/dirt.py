"""What years of use do to data: each function soils one value and counts what it did."""

from __future__ import annotations

from collections import Counter
from random import Random

_SPACES = ("  ", " ", "\t", "\u00a0")
_NO_PHONE = ("unknown", "s. Karte", "-", "0", "ask Petra")


class Dirt:
    """Soils values by chance, the same for the same `random`; `counts` says how many of each kind."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.counts: Counter[str] = Counter()

    def did(self, kind: str, *, chance: float = 1.0) -> bool:
        """Whether a kind of dirt falls here; counted if so."""
        if self.random.random() >= chance:
            return False
        self.counts[kind] += 1
        return True

    def text(self, value: str, *, case: float = 0.04, space: float = 0.06) -> str:
        """White space around or inside, capitals throughout."""
        if value.upper() != value and self.did("case", chance=case):
            value = value.upper()
        if self.did("white space", chance=space):
            value = self.random.choice(_SPACES) + value.replace(" ", "  ", 1) + self.random.choice(("", " "))
        return value

    def optional(self, value: str, chance: float) -> str | None:
        """An empty field: null, or a text without characters."""
        if not self.did("empty", chance=chance):
            return value
        return self.random.choice((None, "", " "))

    def email(self, value: str) -> str:
        """Case and white space, and rarely what is no address."""
        if self.did("no e-mail address", chance=0.006):
            return value.replace("@", " at ")
        if self.did("case", chance=0.12):
            value = value.title() if self.random.random() < 0.5 else value.upper()
        return f" {value}" if self.did("white space", chance=0.05) else value

    def phone(self, number: str) -> str:
        """One number (`+49 30 5123456`) as people write it."""
        if self.did("no phone number", chance=0.02):
            return self.random.choice(_NO_PHONE)
        country, area, rest = number.split(" ", 2)
        forms = (
            number.replace(" ", ""),
            f"00{country[1:]} {area} {rest}",
            f"{country} ({area}) {rest[:3]}-{rest[3:]}",
            f"{country}.{area}.{rest}",
            f"{country}/{area} {rest[:2]} {rest[2:]}",
            f"{number} ext. {self.random.randrange(10, 99)}",
        )
        if not self.did("phone format", chance=0.7):
            return number
        return self.random.choice(forms[:5] if self.random.random() < 0.95 else forms)
