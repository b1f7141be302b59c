"""Values that cannot show the number of their edit: hostile texts, dates and instants.

Who types one writes down each form in which any system of the run may hold it. What a system holds in another
form was typed by nobody.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from tests.sim.twin.crm import Crm
from tests.sim.twin.shape import Event

if TYPE_CHECKING:
    from tests.sim.twin.people import People

HOSTILE = (
    "Zoë 李雷 🦆 E{n}",
    "👩‍👩‍👧‍👦🏳️‍🌈{n}",
    "'; DROP TABLE people; -- {n}",
    '{{"$ne": null, "n": {n}}}',
    '=HYPERLINK("http://x.org/{n}","x")',
    "+{n}+1",
    "@SUM({n})",
    "{{{{7*7}}}} ${{x}} %s %({n})s",
    "a\tb\r\nc\\u0000 \\ {n}",
    "\x01\x1b[31m{n}\x7f\x1f",
    "e\u0301 \u202ertl\u202c {n}",
    "\u200b{n}\u200b",
    "\ufeff{n}",
    "مرحبا {n} שלום",
    "  outer space {n}\u3000",
    "<script>alert({n})</script>&amp;",
    "{n}\x00after a NUL",
    "{n}\ud800half a pair",
    "long {n} " + "0123456789 äöü 🦆 " * 2000,
    "{n}",
    "0{n}",
    "-{n}",
    "{n}e5",
    "{n}.0",
    "0x{n}",
    "2026-01-{n}",
)
ONCE = (
    "null",
    "None",
    "NULL",
    "undefined",
    "NaN",
    "Infinity",
    "true",
    "False",
    "0",
    "-0",
    "[]",
    "{}",
    '""',
    "\\",
)
"""Texts that say a number of nothing: each is typed once in a run, for else nobody could tell by whom."""
BLANK = (" ", "\t\n", "\u3000")
SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029"
)
SPACE += "\u202f\u205f\u3000"
"""Unicode's white space, which counts for nothing outside a text."""

DAYS = (date(2026, 3, 20), date(2024, 2, 20), date(1899, 12, 20), date(1969, 12, 25), date(9998, 6, 1))
NIGHTS = (
    datetime(2026, 3, 29, 0, 0, tzinfo=UTC),  # an hour is left out in Berlin
    datetime(2026, 10, 25, 0, 0, tzinfo=UTC),  # an hour comes twice there
    datetime(2026, 3, 8, 6, 0, tzinfo=UTC),  # left out in New York
    datetime(2026, 11, 1, 5, 0, tzinfo=UTC),  # twice there
    datetime(1969, 12, 31, 23, 0, tzinfo=UTC),
    datetime(2024, 2, 29, 22, 30, tzinfo=UTC),
    datetime(1925, 6, 30, 23, 30, tzinfo=UTC),
)
FORMS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "plain": ({"type": "date"}, {"type": "datetime"}),
    "german": (
        {"date_format": "%d.%m.%Y"},
        {"date_format": "%d.%m.%Y %H:%M:%S", "zone": "Europe/Berlin"},
    ),
    "wall": ({"type": "date"}, {"zone": "America/New_York"}),
    "epoch": ({"date_format": "%Y-%m-%dT00:00:00.000Z"}, {"type": "integer", "epoch": "ms"}),
}
"""How a system writes dates and instants: `type` is the field's own, the other words are the mapping's."""


def note(people: People, crm: Crm, event: Event) -> bool:
    """Somebody types something hostile."""
    row = _row(crm, event)
    if row is None:
        return False
    where, old = row
    number = people.history.last + 1
    left = [text for text in ONCE if text not in people.words]
    if event.to % 7 == 0:
        people.history.again(0, people.edit(old))
        crm.update(*where, {"note": BLANK[event.to % len(BLANK)]})
        people.happened["hostile blank"] += 1
        return True
    text = (
        left[0] if event.to % 3 == 0 and left else HOSTILE[event.to % len(HOSTILE)].format(n=f"{number:03d}")
    )
    plain = unicodedata.normalize("NFC", text.strip(SPACE))
    _write(people, crm, event, where, old, text, {text, plain})
    people.happened["hostile value"] += 1
    return True


def born(people: People, crm: Crm, event: Event) -> bool:
    """Somebody enters a date."""
    row = _row(crm, event)
    if row is None:
        return False
    day = DAYS[event.to % len(DAYS)] + timedelta(days=people.history.last % 120)
    form = form_of(crm)
    _write(people, crm, event, *row, _day(day, form), {_day(day, name) for name in FORMS})
    people.happened["date"] += 1
    return True


def met(people: People, crm: Crm, event: Event) -> bool:
    """Somebody enters an instant, as the clock on the wall of that system says it."""
    row = _row(crm, event)
    if row is None:
        return False
    moment = NIGHTS[event.to % len(NIGHTS)] + timedelta(minutes=people.history.last % 120)
    said = _said(moment, form_of(crm))
    if said is None:
        return False
    _write(people, crm, event, *row, said, {form for name in FORMS for form in _forms(moment, name)})
    people.happened["instant"] += 1
    return True


def form_of(crm: Crm) -> str:
    """How a system writes dates."""
    return str(crm.plan.more["world"]["dates"])


def _day(day: date, form: str) -> str:
    iso = day.isoformat()
    return {"german": f"{day:%d.%m.}{day.year:04d}", "epoch": f"{iso}T00:00:00.000Z"}.get(form, iso)


def _said(moment: datetime, form: str) -> Any:
    """None where that system cannot say it: the hour comes a second time."""
    zone = {"german": "Europe/Berlin", "wall": "America/New_York"}.get(form)
    if zone is None:
        return int(moment.timestamp()) * 1000 if form == "epoch" else f"{moment:%Y-%m-%dT%H:%M:%SZ}"
    local = moment.astimezone(ZoneInfo(zone))
    if local.fold:
        return None
    return f"{local:%d.%m.%Y %H:%M:%S}" if form == "german" else local.replace(tzinfo=None).isoformat()


def _forms(moment: datetime, form: str) -> Iterator[Any]:
    said = _said(moment, form)
    if said is not None:
        yield said


def _row(crm: Crm, event: Event) -> tuple[tuple[str, str], Any] | None:
    rows = crm.rows("people").items()
    found = next(((i, row) for i, row in rows if row["email"] == f"p{event.who}@x.org"), None)
    return None if found is None else (("people", found[0]), found[1].get(event.field))


def _write(
    people: People, crm: Crm, event: Event, where: tuple[str, str], old: Any, value: Any, forms: set[Any]
) -> None:
    over = [people.edit(old)] if old else []
    edit = people.history.new_text(event.field, crm.plan.name, over)
    people.made[edit] = (crm.plan.name, "people", event.who)
    people.words |= dict.fromkeys(forms, edit)
    crm.update(*where, {event.field: value})
