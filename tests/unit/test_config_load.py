"""What a sound configuration becomes: settings, folders, secrets, hashes."""

# ruff: noqa: E501 - configurations are shown in one piece

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from syncd.config import InvalidConfig, load
from syncd.config.settings import WebhookSettings
from syncd.core.errors import ConfigError
from syncd.core.fieldmap import Direction, Drift
from tests.support.config import CANARY, CONNECTORS, ENV, HOOKED, SOUND, changed, load_text, problems_of

EXAMPLE = Path(__file__).parent.parent / "cases" / "config" / "example.yaml"


def test_settings_are_typed_and_compiled(tmp_path: Path) -> None:
    text = changed("object: people,", "object: people, create: no, direction: in, poll: 5m, id_field: no,")
    text = text.replace(
        "erp: {connector: sql,", "erp: {connector: sql, sweep: 1h30m, quota: {calls_per_second: 2.5},"
    )
    rules = "[{fields: [tags], strategy: union}, {strategy: newest, skew: {erp: 2s}}]"
    text += f"    conflicts: {rules}\n    brakes: {{delete: {{share: 2%, per: 1h}}}}\n"
    settings = load_text(tmp_path, text)
    assert settings.store.embedded
    assert settings.state_dir == tmp_path / ".syncd"
    assert settings.systems["sales"].poll == 30.0
    assert settings.systems["erp"].calls_per_second == 2.5
    contact = settings.kinds["contact"]
    place = contact.systems["erp"]
    assert (place.object, place.create, place.direction, place.drift) == (
        "people",
        "no",
        Direction.IN,
        Drift.RESTORE,
    )
    assert (place.poll, place.sweep) == (300.0, 5400.0)
    assert place.object_options == {"id_field": "no"}
    assert place.map.remote_fields == ("mail", "nm", "org", "points", "labels")
    assert {entry.direction for entry in place.map.entries} == {Direction.IN}
    assert contact.matcher.rules == (("email",),)
    assert [(rule.strategy, set(rule.fields), dict(rule.args)) for rule in contact.rules] == [
        ("union", {"tags"}, {}),
        ("newest", set(), {"skews": {"erp": 2.0}}),
    ]
    assert contact.brakes.delete == dataclasses.replace(
        settings.kinds["company"].brakes.delete, count=None, share=0.02
    )
    assert (contact.deletes.policy, contact.deletes.against_edit) == ("ignore", "ask")


@pytest.mark.parametrize(
    ("written", "create"),
    [("yes", "yes"), ("true", "yes"), ("no", "no"), ("false", "no"), ("matched_only",) * 2],
)
def test_create_takes_words_and_booleans(tmp_path: Path, written: str, create: str) -> None:
    settings = load_text(tmp_path, changed("object: people,", f"object: people, create: {written},"))
    assert settings.kinds["contact"].systems["erp"].create == create


@pytest.mark.parametrize(
    "listen", ["127.0.0.1:9000", '"${env:HOST}:${env:PORT}"', '{host: 127.0.0.1, port: "${env:PORT}"}']
)
def test_references_stand_anywhere_in_a_text(tmp_path: Path, listen: str) -> None:
    settings = load_text(tmp_path, SOUND + f"service: {{listen: {listen}}}\n", {**ENV, "HOST": "127.0.0.1"})
    assert (settings.service.host, settings.service.port) == ("127.0.0.1", 9000)


def test_an_escaped_reference_is_text_and_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{CANARY}\n")
    options = 'namespace: "$${env:X}", token: "${file:token}",'
    settings = load_text(tmp_path, changed("connector: sql,", f"connector: sql, {options}"))
    section = settings.systems["sales"].connector_settings()
    assert section == {"namespace": "${env:X}", "token": CANARY, "url": ENV["URL"]}


def test_secrets_show_nowhere(tmp_path: Path) -> None:
    (tmp_path / "pem").write_text(f"-----BEGIN-----\n{CANARY}\n-----END-----\n")
    text = 'store: "postgresql://u:${env:TOKEN}@h/d"\n' + changed(
        "connector: sql,", 'connector: sql, token: "${file:pem}",'
    )
    settings = load_text(tmp_path, text)
    assert settings.store.url is not None
    assert settings.store.url.get_secret_value() == f"postgresql://u:{CANARY}@h/d"
    shown = [repr(settings), str(settings), json.dumps(settings.written), repr(settings.systems["sales"])]
    shown.append(json.dumps(dataclasses.asdict(settings.systems["sales"]), default=str))
    shown.append(json.dumps(dataclasses.asdict(settings.store), default=str))
    assert not [text for text in shown if CANARY in text]


@pytest.mark.parametrize(
    "section",
    [
        'guard: "${env:TOKEN}",',
        'poll: "${env:TOKEN}",',
        '"${env:TOKEN}": 1,',
        'quota: "${env:TOKEN}",',
        f"token: {CANARY}, guard: {CANARY},",
        f"token: {CANARY}, connector2: {CANARY}, guard: [{CANARY}],",
    ],
)
def test_problems_hold_no_secret(tmp_path: Path, section: str) -> None:
    found = problems_of(tmp_path, changed("connector: sql,", f"connector: sql, {section}"))
    assert found
    assert CANARY not in "\n".join(found)


def test_a_connector_that_repeats_a_value_in_its_error_is_scrubbed(tmp_path: Path) -> None:
    found = problems_of(tmp_path, changed("connector: sql,", 'connector: sql, namespace: "a/${env:TOKEN}",'))
    assert found == ["syncd.yaml:2:38: systems.sales.namespace: a/*** is no namespace. Use no slash."]


def test_a_folder_is_merged(tmp_path: Path) -> None:
    systems, kinds = SOUND.split("kinds:\n")
    (tmp_path / "10-systems.yaml").write_text(systems)
    (tmp_path / "20-kinds.yml").write_text("kinds:\n" + kinds)
    (tmp_path / "30-more.yaml").write_text('systems: {spare: {connector: sql, url: "${env:URL}"}}\n')
    (tmp_path / "notes.txt").write_text("not: read: at all")
    settings = load(tmp_path, CONNECTORS, ENV)
    assert list(settings.systems) == ["sales", "erp", "spare"]
    assert [str(warning).replace(f"{tmp_path}/", "") for warning in settings.warnings] == [
        "30-more.yaml:1:11: systems.spare: warning: is used by no kind. Map a kind in it, or remove it."
    ]
    whole = tmp_path / "one.d"
    whole.mkdir()
    (whole / "a.yaml").write_text(SOUND)
    assert load(whole, CONNECTORS, ENV).config_hash != settings.config_hash


def test_a_key_in_two_files_is_named_with_both_places(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SOUND)
    (tmp_path / "b.yaml").write_text(
        'store: embedded\nsystems:\n  erp: {connector: sql, url: "${env:URL}"}\n'
    )
    (tmp_path / "c.yaml").write_text("store: embedded\n")
    with pytest.raises(InvalidConfig) as caught:
        load(tmp_path, CONNECTORS, ENV)
    assert str(caught.value).replace(f"{tmp_path}/", "").splitlines() == [
        "b.yaml:3:3: systems.erp: is already written in a.yaml:3:3. Keep one of the two.",
        "c.yaml:1:1: store: is already written in b.yaml:1:1. Keep one of the two.",
    ]


def test_broken_files_of_a_folder_are_all_told(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a:\n\tb: 1\n")
    (tmp_path / "b.yaml").write_text("a: @x\n")
    (tmp_path / "c.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, CONNECTORS, ENV)
    assert [line.split(": ")[0].rsplit("/", 1)[1] for line in str(caught.value).splitlines()] == [
        "a.yaml:2:1",
        "b.yaml:1:4",
        "c.yaml",
    ]


@pytest.mark.parametrize(("name", "message"), [("gone.yaml", "does not exist"), (".", "holds no .yaml file")])
def test_nothing_to_read(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(InvalidConfig, match=message):
        load(tmp_path / name, CONNECTORS, ENV)


def test_the_hash_is_of_the_meaning(tmp_path: Path) -> None:
    def hash_of(text: str, env: dict[str, str] | None = None) -> str:
        return load_text(tmp_path, text, env).config_hash

    plain = hash_of(SOUND)
    systems, kinds = SOUND.split("kinds:\n")
    assert hash_of(f"# another order\nkinds:\n{kinds}{systems}") == plain
    assert hash_of(SOUND + "    conflicts: []\n") == plain
    assert hash_of(SOUND, {"URL": "postgresql://elsewhere/crm"}) == plain
    assert hash_of(changed("object: people,", "object: people, poll: 60s,")) == hash_of(
        changed("object: people,", "object: people, poll: 1m,")
    )
    assert hash_of(changed("name: nm", "name: nn")) != plain
    assert hash_of(changed("connector: sql,", "connector: sql, namespace: crm,")) != plain
    assert hash_of(SOUND + "    conflicts: [{strategy: ask}]\n") != plain


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (SOUND + "    conflicts: [{strategy: ask}, {fields: [tags], strategy: union}]\n", "this rule is never reached"),
        (SOUND + "  note:\n    fields: {a: text}\n    systems: {erp: {object: notes, fields: {a: a}}}\n", "lives in one system only"),
        (changed("fields: {name: text}", "fields: {name: text, web: text}"), "is mapped in no system"),
        (changed("object: companies,", "object: companies, direction: in,").replace("object: orgs,", "object: orgs, direction: in,"), "is read everywhere and written nowhere"),
    ],
)  # fmt: skip
def test_doubtful_things_are_warnings(tmp_path: Path, text: str, warning: str) -> None:
    assert [problem.message for problem in load_text(tmp_path, text).warnings] == [warning]


def test_the_example_of_the_design_is_understood() -> None:
    env = {
        "SF_ID": "a-client",
        "SF_KEY": CANARY,
        "HUBSPOT_TOKEN": CANARY,
        "HUBSPOT_SECRET": CANARY,
        "ERP_URL": "postgresql://h/d",
    }
    settings = load(EXAMPLE, CONNECTORS, env)
    assert "associations.companies" in settings.kinds["contact"].systems["marketing"].map.remote_fields


def test_webhooks_are_shared_by_syncd_and_the_connector(tmp_path: Path) -> None:
    words = 'webhooks: {secret: "${env:TOKEN}", rate: 5, max_bytes: 2_000, tolerance: 1m}'
    text = SOUND.replace('{connector: sql, url: "${env:URL}"}', f"{{connector: crm, {words}}}", 1)
    file = tmp_path / "syncd.yaml"
    file.write_text(text + "service: {webhooks: '0.0.0.0:9001'}\n", encoding="utf-8")
    connectors = {**CONNECTORS, "crm": HOOKED}
    settings = load(file, connectors, ENV)
    assert settings.systems["sales"].webhooks == WebhookSettings(5.0, 2000, 60.0)
    assert settings.systems["sales"].connector_settings() == {
        "webhooks": {"secret": CANARY, "tolerance": 60.0}
    }
    assert settings.systems["erp"].webhooks is None
    assert (settings.service.hooks_host, settings.service.hooks_port) == ("0.0.0.0", 9001)
    assert load(file, connectors, {**ENV, "TOKEN": "another"}).config_hash == settings.config_hash
