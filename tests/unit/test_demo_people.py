"""The demo's data: the same for the same seed, and dirty in every way that it claims to be."""

from __future__ import annotations

import unicodedata
from collections import Counter

from syncd.mapping.types import field_type
from syncd.service.demo.newsletter import SIGNED_UP
from syncd.service.demo.people import DUPLICATES, NAMESAKES, make_people
from syncd.service.demo.sides import DISPUTED, ERP_FIRST, NAMELESS, write_down

PEOPLE = make_people()
SIDES = write_down(PEOPLE)


def scripts(text: str) -> set[str]:
    """The scripts of a text's letters, as Unicode names them."""
    return {unicodedata.name(mark).split()[0] for mark in text if mark.isalpha()}


def test_a_seed_makes_one_world_and_another_seed_another() -> None:
    assert write_down(make_people()) == SIDES
    assert write_down(make_people(8), 8) != SIDES


def test_there_are_two_thousand_companies_contacts_and_deals() -> None:
    assert (len(PEOPLE.companies), len(PEOPLE.contacts), len(PEOPLE.deals)) == (400, 1000, 600)
    for side in (SIDES.crm, SIDES.erp, SIDES.marketing):
        assert all(len(rows) > 150 for rows in side.values())


def test_names_come_in_many_scripts() -> None:
    found = set().union(*(scripts(contact.first + contact.last) for contact in PEOPLE.contacts))
    wanted = {"LATIN", "CYRILLIC", "GREEK", "ARABIC", "HEBREW", "CJK", "HIRAGANA", "KATAKANA", "DEVANAGARI"}
    assert found >= wanted
    assert any(unicodedata.normalize("NFD", c.first) != c.first for c in PEOPLE.contacts)


def test_addresses_repeat_within_the_crm() -> None:
    counts = Counter(row["email"].strip().lower() for row in SIDES.crm["contacts"])
    assert sum(1 for number in counts.values() if number == 2) == DUPLICATES
    assert SIDES.dirt["e-mail address twice in one system"] == DUPLICATES


def test_different_people_share_names() -> None:
    counts = Counter((c.first, c.last) for c in PEOPLE.contacts if c.copy_of is None)
    assert sum(number - 1 for number in counts.values()) >= NAMESAKES


def test_each_kind_of_dirt_is_there_as_often_as_it_is_counted() -> None:
    contacts, people = SIDES.crm["contacts"], SIDES.erp["people"]
    broken = [row for row in contacts if "@" not in row["email"]]
    broken += [row for row in people if "@" not in row["mail"]]
    broken += [row for row in SIDES.marketing["members"] if "@" not in row["address"]]
    assert len(broken) == SIDES.dirt["no e-mail address"] > 0
    assert sum(not (row["name"] or "").strip() for row in SIDES.crm["companies"]) == NAMELESS
    assert sum(row["job"] == "Consultant" for row in people) == DISPUTED
    for kind in ("case", "white space", "empty", "phone format", "untidy list", "other spelling of a name"):
        assert SIDES.dirt[kind] >= 20, kind


def test_one_number_in_many_forms_is_still_one_number() -> None:
    phone = field_type({"phone": {"region": "DE"}})
    real = {c.number: phone.parse(c.phone) for c in PEOPLE.contacts}
    read = [(row["id"], phone.parse(row["phone"])) for row in SIDES.crm["contacts"]]
    same = sum(real[number] == found for number, found in read)
    written = {row["phone"] for row in SIDES.crm["contacts"]}
    assert same > 0.8 * len(read)
    assert sum(form is not None and not form.startswith("+") for form in written) > 50


def test_references_point_at_rows_of_the_same_system() -> None:
    for side, table, target, key, name in (
        (SIDES.crm, "contacts", "companies", "id", "company_id"),
        (SIDES.crm, "deals", "contacts", "id", "contact_id"),
        (SIDES.erp, "people", "firms", "firm_no", "firm"),
        (SIDES.erp, "orders", "people", "person_no", "person"),
        (SIDES.marketing, "members", "organisations", "id", "organisation"),
    ):
        ids = {row[key] for row in side[target]}
        found = [row.get(name) for row in side[table]]
        assert set(found) - {None} <= ids
        assert None in found


def test_the_newsletter_goes_to_some_of_them_and_to_others_besides() -> None:
    crm = {row["email"].strip().lower() for row in SIDES.crm["contacts"]}
    crm |= {row["mail"].strip().lower() for row in SIDES.erp["people"]}
    members = [row["address"].strip().lower() for row in SIDES.marketing["members"]]
    assert len(set(members)) == len(members)
    assert sum(member in crm for member in members) > 200
    assert sum(".form" in member and member not in crm for member in members) == SIGNED_UP


def test_both_systems_know_some_of_the_same_people_in_other_words() -> None:
    crm = {row["id"]: row for row in SIDES.crm["contacts"]}
    both = [(crm[n], row) for row in SIDES.erp["people"] if (n := row["person_no"] - ERP_FIRST) in crm]
    assert len(both) > 150
    assert sum(a["phone"] != b["tel"] for a, b in both) > 50
