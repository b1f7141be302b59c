"""The key of the tokens: what is one, where it may stand, and that it is never shown."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from syncd.config import InvalidConfig, Settings, load
from tests.support.config import CONNECTORS, ENV, SOUND

RAW = bytes(range(200, 232))
TEXT = base64.b64encode(RAW).decode()
OLD = bytes(range(32))
CLEAR = "a secret is written in clear"
REFERRED = 'secrets: {key: "${env:K}", old_keys: ["${env:OLD}"]}\n'


def loaded(folder: Path, head: str, **env: str) -> Settings:
    file = folder / "syncd.yaml"
    file.write_text(head + SOUND)
    return load(file, CONNECTORS, {**ENV, **env})


@pytest.mark.parametrize(
    "text", [TEXT, TEXT.rstrip("="), base64.urlsafe_b64encode(RAW).decode(), RAW.hex(), f"{TEXT}\n"]
)
def test_a_key_in_each_way_to_write_it(tmp_path: Path, text: str) -> None:
    secrets = loaded(tmp_path, REFERRED, K=text, OLD=OLD.hex()).secrets
    assert (secrets.key, secrets.old_keys) == (RAW, (OLD,))
    assert TEXT not in repr(secrets)
    assert str(RAW) not in repr(secrets)


def test_the_variable_serves_where_the_file_names_none(tmp_path: Path) -> None:
    assert loaded(tmp_path, "").secrets.key is None
    assert loaded(tmp_path, "", SYNCD_KEY=TEXT).secrets.key == RAW
    named = loaded(tmp_path, REFERRED, K=OLD.hex(), OLD=TEXT, SYNCD_KEY=TEXT).secrets
    assert named.key == OLD
    rotated = loaded(tmp_path, 'secrets: {old_keys: ["${env:OLD}"]}\n', OLD=OLD.hex(), SYNCD_KEY=TEXT).secrets
    assert (rotated.key, rotated.old_keys) == (RAW, (OLD,))


def test_another_key_is_no_other_configuration(tmp_path: Path) -> None:
    hashes = {loaded(tmp_path, "", **env).config_hash for env in ({}, {"SYNCD_KEY": TEXT})}
    hashes.add(loaded(tmp_path, REFERRED, K=TEXT, OLD=TEXT).config_hash)
    assert len(hashes) == 1


@pytest.mark.parametrize(
    ("head", "env", "where", "said"),
    [
        (REFERRED, {"K": "a long passphrase", "OLD": TEXT}, "1:16: secrets.key", "is not a key: 32 random"),
        (REFERRED, {"K": TEXT, "OLD": TEXT[:-4]}, "1:39: secrets.old_keys[0]", "is not a key: 32 random"),
        ("", {"SYNCD_KEY": "a long passphrase"}, "secrets.key", "variable SYNCD_KEY is not a key"),
        (f"secrets: {{key: {TEXT}}}\n", {}, "1:16: secrets.key", CLEAR),
        (f"secrets: {{old_keys: [{TEXT}]}}\n", {}, "1:22: secrets.old_keys[0]", CLEAR),
        ("secrets: {kee: 3}\n", {"SYNCD_KEY": TEXT}, "1:11: secrets.kee", 'Did you mean "key"?'),
    ],
)
def test_what_is_no_key_is_told_and_not_shown(
    tmp_path: Path, head: str, env: dict[str, str], where: str, said: str
) -> None:
    with pytest.raises(InvalidConfig) as caught:
        loaded(tmp_path, head, **env)
    text = str(caught.value)
    assert where in text
    assert said in text
    assert "passphrase" not in text
    assert TEXT[:-4] not in text
