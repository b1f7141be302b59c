"""Broken configurations and exactly what is said about them."""

# ruff: noqa: E501 - the table shows problems as they are printed

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from syncd.config import InvalidConfig, load
from tests.support.config import CONNECTORS, ENV, HOOKED, SOUND, changed, problems_of

RULES = "    conflicts: [{}]\n"
PLACES = "Write ${env:NAME} for a variable, ${file:PATH} for a file, $${ for the characters themselves."

SYNTAX = {
    "tab": (
        changed("  sales:", "\tsales:"),
        "2:1: a tab where only spaces may stand. Indent with spaces: YAML allows no tabs.",
    ),
    "unclosed quote": (
        changed('"${env:URL}"', '"${env:URL}'),
        "2:32: a quote is opened here and never closed. Close it with the same quote, on the same line.",
    ),
    "reference without quotes": (
        changed('"${env:URL}"', "${env:URL}"),
        '2:33: a brace inside {…} without quotes. Write "${env:NAME}".',
    ),
    "unclosed brace": (
        changed("{name: text}", "{name: text"),
        "6:13: a mapping is opened with { here and not closed. Add the closing }.",
    ),
    "colon in text": (
        "store: a: b\n" + SOUND,
        '1:9: a colon that does not fit: a second one, a wrong indent, or none in the line above. Put the text in double quotes: "…".',
    ),
    "no colon": (
        "store: embedded\nhm\n" + SOUND,
        '2:1: a line without "key: value". Add the colon, or indent it under its key.',
    ),
    "at sign": (
        "store: @x\n" + SOUND,
        '1:8: text may not start with "@". Put the text in double quotes: "…".',
    ),
    "alias": (
        "store: *x\n" + SOUND,
        '1:8: an alias (*name) without an anchor (&name) before it. Put the text in double quotes: "…".',
    ),
    "loop": ("x: &a [*a]\n" + SOUND, "1:4: x[0]: repeats itself through an alias. Write the values out."),
    "two documents": (
        SOUND + "---\nstore: embedded\n",
        "16:1: more than one document (---) in one file. Use one file for each.",
    ),
    "list": ("- a\n", '1:1: must hold a mapping. Start with "systems:" and "kinds:".'),
}

SHAPE = {
    "duplicate key": (
        changed("    match: [email]", "    match: [email]\n    match: [name]"),
        "13:5: kinds.contact.match: is written twice, first in line 12. Keep one of the two.",
    ),
    "unknown key": (
        changed("match:", "mach:"),
        '12:5: kinds.contact.mach: unknown key "mach". Did you mean "match"?',
    ),
    "unknown section": ("stroe: x\n" + SOUND, '1:1: stroe: unknown key "stroe". Did you mean "store"?'),
    "no connector": (changed("connector: sql, ", ""), '2:3: systems.sales: "connector" is missing. Add it.'),
    "unknown connector": (
        changed("connector: sql", "connector: sqll"),
        '2:22: systems.sales.connector: there is no connector "sqll". Did you mean "sql"?',
    ),
    "reserved name": (
        SOUND.replace("sales:", "person:"),
        '2:3: systems.person: "person" is syncd\'s own word for who decided. Choose another name.',
    ),
    "duration": (
        changed("connector: sql,", "connector: sql, poll: soon,"),
        "2:33: systems.sales.poll: is not a duration. Write 30s, 5m, 1h or 30d.",
    ),
    "word": (
        changed("object: people,", "object: people, direction: inn,"),
        '15:40: kinds.contact.systems.erp.direction: "inn" is not one of both, in, out. Did you mean "in"?',
    ),
    "guard": (
        changed("object: people,", "object: people, guard: compre,"),
        '15:36: kinds.contact.systems.erp.guard: "compre" is not one of compare, read, none. Did you mean "compare"?',
    ),
    "tag": (
        changed("name: text", "name: !foo text"),
        (
            '6:20: kinds.company.fields.name: has the tag "!foo", which syncd does not know. '
            "Remove the tag, or put the value in quotes."
        ),
    ),
    "port": (
        SOUND + "service: {listen: {port: 99999}}\n",
        "16:26: service.listen.port: must be at most 65535",
    ),
    "lease too short": (
        SOUND + "service: {lease: 2s}\n",
        "16:18: service.lease: is too short: it is renewed every third of it. Write 3s or more.",
    ),
    "brake without limit": (
        SOUND + "    brakes: {delete: {per: 1h}}\n",
        "16:22: kinds.contact.brakes.delete: has no limit. Add a count, such as 50, or a share, such as 2%.",
    ),
    "share": (
        SOUND + "    brakes: {create: {share: 200%}}\n",
        (
            "16:30: kinds.contact.brakes.create.share: is not between 0% and 100%. "
            "Write it as a percentage, such as 2%."
        ),
    ),
    "policy": (
        SOUND + "    deletes: {policy: archve}\n",
        (
            '16:23: kinds.contact.deletes.policy: "archve" is not one of propagate, archive, unlink, ignore. '
            'Did you mean "archive"?'
        ),
    ),
    "store": (
        "store: mysql://u@h/x\n" + SOUND,
        '1:8: store: is not a store that syncd knows. Write "embedded", or postgresql://host/database.',
    ),
}

SECRETS = {
    "password in clear": (
        changed("connector: sql,", "connector: sql, token: hunter22-canary,"),
        '2:34: systems.sales.token: a secret is written in clear. Write "${env:SALES_TOKEN}" or "${file:PATH}".',
    ),
    "number as password": (
        changed("connector: sql,", "connector: sql, token: 12345,"),
        '2:34: systems.sales.token: a secret is written in clear. Write "${env:SALES_TOKEN}" or "${file:PATH}".',
    ),
    "password in url": (
        changed('"${env:URL}"', "postgresql://u:hunter22-canary@h/db"),
        (
            "2:32: systems.sales.url: a password is written in clear. Write the whole of it, or the password in it, "
            "as ${env:NAME} or ${file:PATH}."
        ),
    ),
    "password in store": (
        "store: postgresql://u:hunter22-canary@h/db\n" + SOUND,
        (
            "1:8: store: a password is written in clear. Write the whole of it, or the password in it, "
            "as ${env:NAME} or ${file:PATH}."
        ),
    ),
    "variable": (
        changed("env:URL", "env:NOWHERE"),
        "2:32: systems.sales.url: the environment variable NOWHERE is not set. Set NOWHERE.",
    ),
    "file": (
        changed("env:URL", "file:nope.txt"),
        (
            "2:32: systems.sales.url: the file nope.txt cannot be read: No such file or directory. "
            "Check path and rights."
        ),
    ),
    "scheme": (
        changed("env:URL", "vault:URL"),
        f'2:32: systems.sales.url: "vault" is not a place for secrets. {PLACES}',
    ),
    "no scheme": (
        changed("env:URL", "URL"),
        '2:32: systems.sales.url: "${URL}" does not say where to look. Write ${env:URL}.',
    ),
    "unclosed": (
        changed("env:URL}", "env:URL"),
        "2:32: systems.sales.url: a ${ is not closed. Add the closing }.",
    ),
}

MEANING = {
    "type": (
        changed("name: text", "name: txt"),
        "6:14: kinds.company.fields.name: txt is not a type. Did you mean text?",
    ),
    "reference": (
        changed("{ref: company}", "{ref: compny}"),
        (
            '11:49: kinds.contact.fields.company: refers to the kind "compny", which there is not. '
            'Did you mean "company"?'
        ),
    ),
    "reference not mapped": (
        changed("      erp: {object: orgs, fields: {name: title}}\n", ""),
        (
            "14:61: kinds.contact.systems.erp.fields.company: company is not mapped in erp. "
            "Map company in erp too, or remove this field there."
        ),
    ),
    "association with another object": (
        changed("company: org,", "company: {association: firms},"),
        (
            "14:91: kinds.contact.systems.sales.fields.company.association: company is mapped to companies in "
            "sales. Write {association: companies}, or map company to the other object."
        ),
    ),
    "association of a text": (
        changed("name: nm", "name: {association: names}"),
        (
            "15:58: kinds.contact.systems.erp.fields.name.association: an association is a reference, and name is "
            "of type text. Give the field a type such as {ref: company}."
        ),
    ),
    "match": (
        changed("[email]", "[[name, emial]]"),
        "12:13: kinds.contact.match[0]: the kind has no field emial. Did you mean email?",
    ),
    "system": (
        changed("      erp: {object: people", "      epr: {object: people"),
        '15:7: kinds.contact.systems.epr: there is no system "epr". Did you mean "erp"?',
    ),
    "line": (
        changed("name: nm", "nme: nm"),
        "15:51: kinds.contact.systems.erp.fields.nme: the kind has no field nme. Did you mean name?",
    ),
    "written twice": (
        changed("name: nm", "name: mail"),
        "15:51: kinds.contact.systems.erp.fields.name: mail is written by two lines. Make one direction: in.",
    ),
    "more than there is": (
        changed("connector: sql,", "connector: sql, quota: {share: 80%, reserve: 30%},"),
        "2:34: systems.sales.quota: shares out more than there is. Share and reserve together are 100% at most.",
    ),
    "key field": (
        changed("object: people,", "object: people, key_field: mail,"),
        (
            "15:40: kinds.contact.systems.erp.key_field: mail is a mapped field as well. "
            "Give our key a field of its own."
        ),
    ),
    "object twice": (
        changed("object: contacts", "object: companies"),
        (
            "14:23: kinds.contact.systems.sales.object: companies of sales already belongs to the kind company. "
            "Give each object one kind."
        ),
    ),
    "strategy": (
        SOUND + RULES.format("{strategy: newst}"),
        '16:28: kinds.contact.conflicts[0].strategy: there is no strategy "newst". Did you mean "newest"?',
    ),
    "rule's field": (
        SOUND + RULES.format("{fields: [emal], strategy: ask}"),
        '16:27: kinds.contact.conflicts[0].fields[0]: no field "emal". Did you mean "email"?',
    ),
    "rule's system": (
        SOUND + RULES.format("{strategy: prefer, systems: [sales, epr]}"),
        '16:53: kinds.contact.conflicts[0].systems[1]: the kind has no system "epr". Did you mean "erp"?',
    ),
    "rule's type": (
        SOUND + RULES.format("{fields: [name], strategy: union}"),
        '16:27: kinds.contact.conflicts[0].fields[0]: union cannot judge "name", which is a text. It is for set.',
    ),
    "prefer without systems": (
        SOUND + RULES.format("{strategy: prefer}"),
        '16:18: kinds.contact.conflicts[0].strategy: prefer needs "systems". List the systems, the best first.',
    ),
    "argument": (
        SOUND + RULES.format("{strategy: newest, systems: [sales]}"),
        '16:36: kinds.contact.conflicts[0].systems: "systems" means nothing to newest. It belongs to prefer.',
    ),
    "retention": (
        SOUND + "retention: {history: ever}\n",
        "16:22: retention.history: is not a duration. Write 30s, 5m, 1h or 30d, or forever.",
    ),
    "tombstones": (
        SOUND + "retention: {history: forever, tombstones: 7d}\n",
        (
            "16:12: retention: keeps tombstones for a shorter time than the journal: what it holds could bring "
            "the dead back. Raise tombstones, or lower journal."
        ),
    ),
    "skew": (
        SOUND + RULES.format("{strategy: newest, skew: {epr: 2s}}"),
        '16:48: kinds.contact.conflicts[0].skew.epr: the kind has no system "epr". Did you mean "erp"?',
    ),
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(*case, id=name)
        for table in (SYNTAX, SHAPE, SECRETS, MEANING)
        for name, case in table.items()
    ],
)
def test_each_problem_has_its_place_and_what_to_do(tmp_path: Path, text: str, expected: str) -> None:
    assert problems_of(tmp_path, text) == [f"syncd.yaml:{expected}"]


def test_all_problems_come_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = changed("connector: sql, ", "connector: sqll, ").replace("env:URL", "env:GONE", 1)
    text = (
        text.replace("name: text", "name: txt", 1).replace("match:", "mach:").replace("name: nm", "nme: nm")
    )
    text += RULES.format("{strategi: ask}, {strategy: newst}")
    assert [line.split(": ")[0] for line in problems_of(tmp_path, text)] == [
        "syncd.yaml:2:22",
        "syncd.yaml:2:33",
        "syncd.yaml:6:14",
        "syncd.yaml:12:5",
        "syncd.yaml:15:51",
        "syncd.yaml:16:17",
        "syncd.yaml:16:18",
        "syncd.yaml:16:45",
    ]


def test_a_policy_of_archiving_needs_systems_that_can(tmp_path: Path) -> None:
    text = SOUND.replace("object: contacts,", "object: contacts, archive_field: gone,")
    assert problems_of(tmp_path, text + "    deletes: {policy: archive}\n") == [
        (
            'syncd.yaml:15:7: kinds.contact.systems.erp: deletes archive, and "archive_field" is missing. '
            "Add archive_field, or another policy."
        )
    ]


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        (changed("score: integer", "score: {type: decimal, scale: 2}"), "11:88", "a scale of decimals"),
    ],
)
def test_what_is_not_built_is_refused(tmp_path: Path, text: str, where: str, what: str) -> None:
    problem, *others = problems_of(tmp_path, text)
    assert not others
    assert problem.startswith(f"syncd.yaml:{where}: ")
    assert f": not yet: {what}. " in problem


WEBHOOKS = [
    ('{connector: sql, webhooks: {}, url: "${env:URL}"}', "2:27", 'the connector "sql" takes no webhooks'),
    ("{connector: crm, webhooks: {secret: plain}}", "2:46", "a secret is written in clear"),
    ('{connector: crm, webhooks: {secret: "${env:TOKEN}", rate: 0}}', "2:68", "must be at least 1"),
    ('{connector: crm, webhooks: {secret: "${env:TOKEN}", tolernce: 5m}}', "2:62", 'unknown key "tolernce"'),
    ("{connector: crm, webhooks: {}}", "2:27", '"secret" is missing'),
    ("{connector: crm, webhooks: yes please}", "2:37", "must be a mapping"),
]


@pytest.mark.parametrize(("section", "where", "what"), WEBHOOKS)
def test_what_webhooks_may_say(tmp_path: Path, section: str, where: str, what: str) -> None:
    (tmp_path / "syncd.yaml").write_text(
        SOUND.replace('{connector: sql, url: "${env:URL}"}', section, 1), encoding="utf-8"
    )
    with pytest.raises(InvalidConfig) as caught:
        load(tmp_path / "syncd.yaml", {**CONNECTORS, "crm": HOOKED}, ENV)
    (problem,) = str(caught.value).replace(f"{tmp_path}/", "").splitlines()
    assert problem.startswith(f"syncd.yaml:{where}: "), problem
    assert what in problem


@pytest.mark.parametrize("word", ["share", "reserve"])
def test_a_part_of_a_limit_that_nobody_hears_of_is_refused(tmp_path: Path, word: str) -> None:
    file = tmp_path / "syncd.yaml"
    file.write_text(changed("connector: sql,", f"connector: sql, quota: {{{word}: 4%}},"), encoding="utf-8")
    load(file, CONNECTORS, ENV)
    deaf = {**CONNECTORS, "sql": replace(CONNECTORS["sql"], meters=False)}
    with pytest.raises(InvalidConfig) as caught:
        load(file, deaf, ENV)
    said = 'the connector "sql" hears of no limit. Use calls_per_second.'
    assert str(caught.value) == f"{file}:2:35: systems.sales.quota.{word}: {said}"
