"""The JSON Schema, the file that `init` writes, and the check against what remotes describe."""

# ruff: noqa: E501 - problems are shown as they are printed

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from connectors.base import FieldInfo, ObjectInfo, Schema
from syncd.config import check_schema, init_template, json_schema, load, with_schemas
from tests.support.config import CONNECTORS, HOOKED, SOUND, changed, load_text, problems_of


def described(**objects: list[FieldInfo]) -> Schema:
    return Schema({name: ObjectInfo(name, {f.name: f for f in fields}) for name, fields in objects.items()})


PEOPLE = [
    FieldInfo("id", "integer", required=True, read_only=True, unique=True),
    FieldInfo("mail", "text", length=254),
    FieldInfo("nm", "text"),
    FieldInfo("org", "integer", references="orgs"),
    FieldInfo("points", "integer"),
    FieldInfo("labels", "set"),
    FieldInfo("our_id", "text", unique=True),
]
ORGS = [FieldInfo("id", "integer", required=True, read_only=True, unique=True), FieldInfo("title", "text")]


def people(*changes: FieldInfo, without: str = "") -> Schema:
    """The sound schema of `erp` with fields added, replaced or left out."""
    fields = {f.name: f for f in (*PEOPLE, *changes) if f.name != without}
    return described(people=list(fields.values()), orgs=ORGS)


def found(tmp_path: Path, schema: Schema, text: str = SOUND) -> list[str]:
    settings = load_text(tmp_path, text)
    return [str(problem).replace(f"{tmp_path}/", "") for problem in check_schema(settings, "erp", schema)]


KEYED = changed("object: people,", "object: people, key_field: our_id,")
ERP = "kinds.contact.systems.erp"
CASES: dict[str, tuple[Schema, str, str]] = {
    "no object": (
        described(peoples=PEOPLE, orgs=ORGS),
        SOUND,
        f'15:21: {ERP}.object: erp has no "people". Did you mean "peoples"?',
    ),
    "no field": (
        people(FieldInfo("email_address", "text"), FieldInfo("mails", "text"), without="mail"),
        SOUND,
        f'15:45: {ERP}.fields.email: people has no field "mail". Did you mean "mails"?',
    ),
    "no associations": (
        people(),
        SOUND.replace("company: org, score: points", "company: {association: orgs}, score: points"),
        f"15:70: {ERP}.fields.company: people has no associations with \"orgs\". Check the name; where a record holds the other one's id in a field, write that field's name.",
    ),
    "read-only": (
        people(FieldInfo("points", "integer", read_only=True)),
        SOUND,
        f"15:82: {ERP}.fields.score: points is read-only there. Write {{to: points, direction: in}}.",
    ),
    "cannot hold": (
        people(FieldInfo("nm", "date")),
        SOUND,
        f"15:57: {ERP}.fields.name: nm is a date there, which cannot hold a text. Map it to another field, or give our field another type.",
    ),
    "a set in a text": (
        people(FieldInfo("labels", "text")),
        SOUND,
        f"15:90: {ERP}.fields.tags: set: the remote field is of type text; say how with split. The remote says that labels is a text.",
    ),
    "required": (
        people(FieldInfo("owner", "text", required=True)),
        SOUND,
        f'15:29: {ERP}.fields: nothing fills "owner", which people requires. Map a field to it, give it a default there, or set create: no.',
    ),
    "key missing": (
        people(without="our_id"),
        KEYED,
        f'15:40: {ERP}.key_field: people has no field "our_id". Create it there, unique and as text.',
    ),
    "key not unique": (
        people(FieldInfo("our_id", "text")),
        KEYED,
        f"15:40: {ERP}.key_field: our_id is not unique there. Make it unique there: else a lost answer may end in a duplicate.",
    ),
    "short": (
        people(FieldInfo("nm", "text", length=40)),
        SOUND,
        f"15:51: {ERP}.fields.name: warning: nm keeps 40 characters, and a text may be longer. Add max_length: 40 to cut it on purpose, or lengthen it there.",
    ),
    "other target": (
        people(FieldInfo("org", "integer", references="owners")),
        SOUND,
        f'15:61: {ERP}.fields.company: org refers to "owners", and company is mapped to "orgs". Map the field to the right column, or the kind to the other object.',
    ),
}


@pytest.mark.parametrize(("schema", "text", "expected"), CASES.values(), ids=CASES)
def test_the_mapping_is_held_against_the_schema(
    tmp_path: Path, schema: Schema, text: str, expected: str
) -> None:
    assert found(tmp_path, schema, text) == [f"syncd.yaml:{expected}"]


def test_a_fitting_schema_raises_nothing(tmp_path: Path) -> None:
    assert found(tmp_path, people(), KEYED) == []
    relaxed = [
        FieldInfo("owner", "text", required=True, default=True),
        FieldInfo("points", "integer", read_only=True),
    ]
    one_way = SOUND.replace("score: points", "score: {to: points, direction: in}")
    assert found(tmp_path, people(*relaxed), one_way) == []


def test_references_that_require_each_other_are_found(tmp_path: Path) -> None:
    text = SOUND.replace("{name: text}", "{name: text, boss: {ref: contact}}").replace(
        "{name: title}", "{name: title, boss: boss}"
    )
    text = text.replace("fields: {name: name}}", "fields: {name: name, boss: boss}}")
    needed = [FieldInfo("boss", "integer", required=True), *ORGS]
    schema = described(people=[*PEOPLE, FieldInfo("org", "integer", required=True)], orgs=needed)
    message = "each of these requires the next one first: company → contact → company"
    problems = found(tmp_path, schema, text)
    assert [problem.split(": ")[2] for problem in problems] == ["each of these requires the next one first"]
    assert message in problems[0]


def test_the_remote_s_types_decide_the_form_of_values(tmp_path: Path) -> None:
    settings = load_text(tmp_path, SOUND)
    bound = with_schemas(settings, {"erp": people(FieldInfo("points", "text"))})
    (before,) = settings.kinds["contact"].systems["erp"].map.by_canon["score"]
    (after,) = bound.kinds["contact"].systems["erp"].map.by_canon["score"]
    refs: Any = None
    assert before.outgoing((7,), refs) == (7,)
    assert after.outgoing((7,), refs) == ("7",)
    sales = settings.kinds["contact"].systems["sales"]
    assert bound.kinds["contact"].systems["sales"] == sales


def test_the_template_loads_but_for_its_secrets(tmp_path: Path) -> None:
    text = init_template([("sales", "sql"), ("web-shop", "sql")], CONNECTORS)
    assert problems_of(tmp_path, text, {}) == [
        "syncd.yaml:10:10: systems.sales.url: the environment variable SALES_URL is not set. Set SALES_URL.",
        "syncd.yaml:17:10: systems.web-shop.url: the environment variable WEB_SHOP_URL is not set. Set WEB_SHOP_URL.",
    ]
    (tmp_path / "syncd.yaml").write_text(text)
    settings = load(
        tmp_path / "syncd.yaml",
        CONNECTORS,
        {"SALES_URL": "postgresql://a/b", "WEB_SHOP_URL": "postgresql://a/c"},
    )
    assert not settings.warnings
    assert set(settings.kinds) == {"company", "contact"}


def test_the_json_schema_knows_every_word_and_the_connectors() -> None:
    schema = json_schema(CONNECTORS)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    definitions = schema["$defs"]
    words = {"store", "state", "systems", "kinds", "retention", "service", "secrets"}
    assert set(schema["properties"]) == words
    assert definitions["SystemModel"]["properties"]["connector"]["enum"] == sorted(CONNECTORS)
    assert "id_field" in definitions["KindSystemModel"]["properties"]
    assert "newest" in definitions["RuleModel"]["properties"]["strategy"]["enum"]
    undescribed = [
        f"{name}.{key}"
        for name in ("SystemModel", "KindModel", "KindSystemModel", "RuleModel", "DeletesModel", "BrakeModel")
        for key, field in definitions[name]["properties"].items()
        if not field.get("description") and key not in ("id_field", "archive_field")
    ]
    assert undescribed == []
    targets = set(refs_in(schema))
    assert targets
    assert all(target.removeprefix("#/$defs/") in definitions for target in targets)


def refs_in(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [ref for item in node.values() for ref in refs_in(item)]
    return [ref for item in node for ref in refs_in(item)] if isinstance(node, list) else []


@pytest.mark.skipif(find_spec("jsonschema") is None, reason="the package jsonschema is not installed")
@pytest.mark.parametrize(("text", "sound"), [
    (SOUND, True),
    (init_template([("sales", "sql"), ("erp", "sql")], CONNECTORS), True),
    (SOUND + "    conflicts: [{strategy: newest, skew: 2s}]\n    brakes: {delete: {share: 2%, per: 1h}}\n", True),
    (SOUND + "service: {listen: '127.0.0.1:1', log: {json: true}}\n", True),
    (changed("object: people,", "object: [people, {name: leads}], create: no, sweep: 1d,"), True),
    (changed("object: people,", "object: people, create: maybe,"), False),
    (changed("name: text", "name: txt"), False),
    (changed("connector: sql,", "connector: sql, nmespace: x,"), False),
    (SOUND + "stroe: x\n", False),
])  # fmt: skip
def test_the_json_schema_judges_files(text: str, sound: bool) -> None:
    from jsonschema import Draft202012Validator

    schema = json_schema(CONNECTORS)
    Draft202012Validator.check_schema(schema)
    data = YAML(typ="safe", pure=True).load(text)
    assert (not list(Draft202012Validator(schema).iter_errors(data))) is sound


@pytest.mark.parametrize(
    ("hooks", "fits"),
    [({"secret": "x", "rate": 5}, True), ({"rate": 5}, False), ({"secret": "x", "wrong": 1}, False)],
)
def test_webhooks_of_a_connector_and_of_syncd_stand_in_one_section(hooks: dict[str, Any], fits: bool) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    tree = YAML(typ="safe").load(SOUND)
    tree["systems"]["sales"] = {"connector": "crm", "webhooks": hooks}
    schema = json_schema({**CONNECTORS, "crm": HOOKED})
    assert jsonschema.Draft202012Validator(schema).is_valid(tree) is fits
