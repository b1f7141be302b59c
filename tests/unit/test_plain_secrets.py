"""Secrets in clear below a connector's own words: told by their type, in any union or list."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.rest import RestObjectOptions, RestOptions
from syncd.config import ConnectorOptions, InvalidConfig, load

KNOWN = {"rest": ConnectorOptions(RestOptions, RestObjectOptions)}
FILE = """\
systems:
  crm: {{connector: rest, url: "https://crm.example", auth: {auth}}}
kinds: {{}}
"""
LOGIN = """{by: session, password: "${env:PW}", take: {token: "0"},
    login: {path: /, body: {password: "{password}"}}}"""
CLEAR = "a secret is written in clear"


def said(folder: Path, auth: str) -> list[str]:
    """The problems that are told of secrets."""
    file = folder / "syncd.yaml"
    file.write_text(FILE.format(auth=auth))
    with pytest.raises(InvalidConfig) as caught:
        load(file, KNOWN, {"PW": "x"})
    return [line for line in str(caught.value).splitlines() if CLEAR in line]


def test_a_placeholder_is_no_secret_and_a_name_of_ones_own_neither(tmp_path: Path) -> None:
    assert said(tmp_path, LOGIN) == []


@pytest.mark.parametrize(
    ("auth", "where"),
    [
        ("{by: header, name: X-Key, value: hunter22}", "auth.value"),
        ("{by: session, login: {path: /, body: {password: hunter22}}}", "auth.login.body.password"),
        ('{by: session, login: {path: /, body: {password: "x{password}"}}}', "auth.login.body.password"),
        ("{by: oauth2, token_url: /t, assertion: {by: jwt, key: hunter22}}", "auth.assertion.key"),
    ],
)
def test_a_secret_is_told_by_its_type_or_its_name(tmp_path: Path, auth: str, where: str) -> None:
    (problem,) = said(tmp_path, auth)
    assert f"systems.crm.{where}: {CLEAR}" in problem
    assert "hunter22" not in problem


def test_a_word_of_the_same_name_elsewhere_is_none(tmp_path: Path) -> None:
    assert said(tmp_path, "{by: bearer}, tls: {certificate: c.pem, key: key.pem}, objects: {o: {}}") == []
