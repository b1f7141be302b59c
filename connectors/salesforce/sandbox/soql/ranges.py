"""Date literals such as TODAY as stretches of days.

Source: SOQL reference, "Date Formats and Date Literals". Weeks begin on Sunday, days in UTC.
"""

from __future__ import annotations

from datetime import date, timedelta

UNITS = ("DAY", "WEEK", "MONTH", "QUARTER", "YEAR")
DAYS = {"YESTERDAY": -1, "TODAY": 0, "TOMORROW": 1}
RANGES = frozenset(
    [
        *DAYS,
        "LAST_90_DAYS",
        "NEXT_90_DAYS",
        *(f"{word}_{unit}" for word in ("LAST", "THIS", "NEXT") for unit in UNITS[1:]),
        *(f"{word}_N_{unit}S" for word in ("LAST", "NEXT") for unit in UNITS),
        *(f"N_{unit}S_AGO" for unit in UNITS),
    ]
)
Range = tuple[date, date]
"""From a day, up to but without another."""


def stretch(name: str, number: int, today: date) -> Range:
    """The days that a literal means."""
    if name in DAYS:
        return _unit("DAY", today, DAYS[name])
    if name.endswith("_90_DAYS"):
        name, number = name.replace("90", "N"), 90
    words = name.split("_")
    if words[-1] == "AGO":
        return _unit(words[1].removesuffix("S"), today, -number)
    if words[1] != "N":
        return _unit(words[1], today, {"LAST": -1, "THIS": 0, "NEXT": 1}[words[0]])
    unit = words[2].removesuffix("S")
    if words[0] == "LAST":
        begin, end = _unit(unit, today, -number)[0], _unit(unit, today, 0)[0]
        return begin, (today + timedelta(days=1) if unit == "DAY" else end)
    return _unit(unit, today, 1)[0], _unit(unit, today, number)[1]


def _unit(unit: str, today: date, ahead: int) -> Range:
    if unit == "DAY":
        begin = today + timedelta(days=ahead)
        return begin, begin + timedelta(days=1)
    if unit == "WEEK":
        begin = today - timedelta(days=today.isoweekday() % 7) + timedelta(weeks=ahead)
        return begin, begin + timedelta(weeks=1)
    months = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}[unit]
    first = today.year * 12 + today.month - 1
    first = first - first % months + ahead * months
    return _month(first), _month(first + months)


def _month(number: int) -> date:
    return date(number // 12, number % 12 + 1, 1)
