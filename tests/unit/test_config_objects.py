"""Several objects of one system for one kind."""

# ruff: noqa: E501 - the table shows problems as they are printed

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.base import FieldInfo, ObjectInfo, Schema
from syncd.config import check_schema, with_schemas
from tests.support.config import changed, load_text, problems_of

AT = "syncd.yaml:"
HEAD = "kinds.contact.systems.erp.object"


def objects(*more: str) -> str:
    """The sound configuration with people and other objects in the ERP."""
    return changed("object: people,", f"object: [people, {', '.join(more)}],")


def test_an_object_differs_where_it_says_so(tmp_path: Path) -> None:
    lead = "{name: leads, fields: {name: full, company: null}, key_field: our_id, id_field: no}"
    section = load_text(tmp_path, objects(lead)).kinds["contact"].systems["erp"]
    people, leads = section.objects
    assert people.map.remote_fields == ("mail", "nm", "org", "points", "labels")
    assert leads.map.remote_fields == ("mail", "full", "points", "labels")
    assert (people.key_field, leads.key_field) == (None, "our_id")
    assert (people.object_options, leads.object_options) == ({}, {"id_field": "no"})
    assert people.map.hash != leads.map.hash


@pytest.mark.parametrize(
    ("words", "made"),
    [
        ("{name: leads}", ["yes", "no"]),
        ("{name: leads, create: yes}", ["no", "yes"]),
        ("{name: leads, create: matched_only}", ["yes", "matched_only"]),
    ],
)
def test_new_records_are_made_in_one_object(tmp_path: Path, words: str, made: list[str]) -> None:
    section = load_text(tmp_path, objects(words)).kinds["contact"].systems["erp"]
    assert [item.create for item in section.objects] == made


def test_nothing_is_made_where_the_kind_says_so(tmp_path: Path) -> None:
    text = objects("leads").replace("people, leads],", "people, leads], create: matched_only,")
    section = load_text(tmp_path, text).kinds["contact"].systems["erp"]
    assert [item.create for item in section.objects] == ["matched_only"] * 2


PROBLEMS = {
    "twice": (objects("people"), f"15:30: {HEAD}[1]: people is named twice. Name each object once."),
    "another kind's": (
        objects("orgs"),
        f"15:30: {HEAD}[1]: orgs of erp already belongs to the kind company. Give each object one kind.",
    ),
    "field": (
        objects("{name: leads, fields: {nme: nm}}"),
        f"15:53: {HEAD}[1].fields.nme: the kind has no field nme. Did you mean name?",
    ),
    "two lines": (
        objects("{name: leads, fields: {name: mail}}"),
        f"15:53: {HEAD}[1].fields.name: mail is written by two lines. Make one direction: in.",
    ),
    "nothing to take away": (
        objects("{name: leads, fields: {nme: null}}"),
        f"15:58: {HEAD}[1].fields.nme: takes away a field that is not mapped. Remove the line.",
    ),
    "key": (
        objects("{name: leads, key_field: mail}"),
        f"15:55: {HEAD}[1].key_field: mail is a mapped field as well. Give our key a field of its own.",
    ),
    "connector's word": (
        objects("{name: leads, idfield: no}"),
        f'15:44: {HEAD}[1].idfield: unknown key "idfield". Did you mean "id_field"?',
    ),
    "two makers": (
        changed("object: people,", "object: [{name: people, create: yes}, {name: leads, create: yes}],"),
        f"15:73: {HEAD}[1].create: people takes new records already. A record is made in one object of a system: set create: yes for one.",
    ),
}


@pytest.mark.parametrize(("text", "expected"), PROBLEMS.values(), ids=PROBLEMS)
def test_each_problem_has_its_place(tmp_path: Path, text: str, expected: str) -> None:
    assert problems_of(tmp_path, text) == [f"{AT}{expected}"]


def infos(*names: str, **types: str) -> list[FieldInfo]:
    return [FieldInfo(name, types.get(name, "text")) for name in names]


def schema(**objects: list[FieldInfo]) -> Schema:
    return Schema({name: ObjectInfo(name, {f.name: f for f in fields}) for name, fields in objects.items()})


def test_each_object_is_held_against_the_schema(tmp_path: Path) -> None:
    settings = load_text(tmp_path, objects("{name: leads, fields: {name: full}}", "{name: guests}"))
    fields = [*infos("mail", "nm", points="integer"), FieldInfo("org", "integer", references="orgs")]
    fields += [FieldInfo("labels", "set"), FieldInfo("points", "integer")]
    found = schema(orgs=infos("title"), people=fields, leads=fields)
    told = [str(problem).split("/")[-1] for problem in check_schema(settings, "erp", found)]
    assert told == [
        f'{AT}15:59: {HEAD}[1].fields.name: leads has no field "full". Known here: labels, mail, nm, org, points.',
        f'{AT}15:67: {HEAD}[2]: erp has no "guests". It may be hidden from this account.',
    ]


def test_references_into_either_object_fit(tmp_path: Path) -> None:
    text = objects("leads").replace("{name: text}", "{name: text, boss: {ref: contact}}", 1)
    text = text.replace("{name: title}", "{name: title, boss: boss}")
    settings = load_text(tmp_path, text)
    people = infos("mail", "nm", "org", "points", "labels", org="integer", points="integer", labels="set")
    for target in ("people", "leads"):
        orgs = [*infos("title"), FieldInfo("boss", "integer", references=target)]
        found = schema(people=people, leads=people, orgs=orgs)
        assert check_schema(settings, "erp", found) == []
        section = with_schemas(settings, {"erp": found}).kinds["company"].systems["erp"]
        assert section.pointed == {"boss": target}
    orgs = [*infos("title"), FieldInfo("boss", "integer", references="orgs")]
    (problem,) = check_schema(settings, "erp", schema(people=people, leads=people, orgs=orgs))
    assert 'boss refers to "orgs", and contact is mapped to "people" or "leads"' in str(problem)
