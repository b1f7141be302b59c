"""One person as somebody else typed her: a nick name, other capitals, a telephone number in another form.

What is respelled still means the same person to the match keys; a nick name alone would not.
"""

from __future__ import annotations

import re
from collections import Counter
from random import Random

import phonenumbers
from phonenumbers import PhoneNumberFormat

NICKNAMES = {
    "Alexander": "Sascha",
    "Andrew": "Andy",
    "Anthony": "Tony",
    "Benjamin": "Ben",
    "Catherine": "Cathy",
    "Charles": "Chuck",
    "Christopher": "Chris",
    "Daniel": "Dan",
    "Deborah": "Debbie",
    "Donald": "Don",
    "Edward": "Ted",
    "Elizabeth": "Liz",
    "James": "Jim",
    "Jennifer": "Jenny",
    "Jessica": "Jess",
    "Joseph": "Joe",
    "Joshua": "Josh",
    "Katherine": "Kate",
    "Kathleen": "Kathy",
    "Kimberly": "Kim",
    "Lawrence": "Larry",
    "Matthew": "Matt",
    "Margaret": "Peggy",
    "Michael": "Mike",
    "Nicholas": "Nick",
    "Pamela": "Pam",
    "Patricia": "Pat",
    "Raymond": "Ray",
    "Rebecca": "Becky",
    "Richard": "Dick",
    "Robert": "Bob",
    "Ronald": "Ron",
    "Stephen": "Steve",
    "Steven": "Steve",
    "Susan": "Sue",
    "Theresa": "Terry",
    "Thomas": "Tom",
    "Timothy": "Tim",
    "Victoria": "Vicky",
    "William": "Bill",
    "François": "Fanfan",
    "Günther": "Günni",
    "Iñigo": "Iñi",
    "João": "Joãozinho",
    "Jürgen": "Jogi",
    "Lucía": "Luci",
    "Łukasz": "Łukaszek",
    "Анна": "Аня",
    "Дмитрий": "Дима",
    "Ольга": "Оля",
    "Сергей": "Серёжа",
    "Юлия": "Юля",
    "יונתן": "יוני",
}


class Respell:
    """Spells values by chance, the same for the same `random`; `counts` says how many of each kind."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.counts: Counter[str] = Counter()

    def first(self, name: str) -> str:
        """A nick name where there is one, else perhaps the initial alone."""
        if self._did("nick name", 0.6 if name in NICKNAMES else 0):
            return NICKNAMES[name]
        if self._did("initial", 0.1):
            return f"{name[0]}."
        return self.text(name)

    def text(self, value: str) -> str:
        """Capitals throughout or nowhere, white space around or inside."""
        if self._did("capitals", 0.2):
            value = self.random.choice((value.upper(), value.lower()))
        if self._did("white space", 0.2):
            value = self.random.choice((f" {value}", f"{value}  ", value.replace(" ", "  ", 1)))
        return value

    def email(self, value: str) -> str:
        """Capitals, for nobody is told that they do not matter."""
        return value.title() if self._did("e-mail in capitals", 0.3) else value

    def phone(self, value: str, region: str) -> str:
        """A number of a region (or with its country) in another form; what is no number stays as it is."""
        try:
            number = phonenumbers.parse(value, region)
        except phonenumbers.NumberParseException:
            return value
        if not phonenumbers.is_possible_number(number) or not self._did("phone format", 0.7):
            return value
        whole = phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
        forms = [
            phonenumbers.format_number(number, PhoneNumberFormat.E164),
            whole,
            whole.replace(" ", "."),
            re.sub(r"^(\+\d+) (\d+)[ -]", r"\1 (\2) ", whole),
        ]
        if phonenumbers.region_code_for_number(number) == region:
            forms.append(phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL))
        return self.random.choice(forms)

    def _did(self, kind: str, chance: float) -> bool:
        if self.random.random() >= chance:
            return False
        self.counts[kind] += 1
        return True
