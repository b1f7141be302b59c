"""What a log line must not hold, and what it must keep."""

from __future__ import annotations

import io
import json
import logging
from pathlib import Path

import pytest
from loguru import logger

from syncd.service.logs import start_logging
from syncd.service.redact import Redactor, secrets_of
from syncd.service.vendors import load_settings

KEPT = (
    "2026-11-21 10:34:45.557Z",
    "the store at 127.0.0.1:5432/store",
    "192.168.100.200:8686",
    "record 12345678, version 123456789012",
    "http://127.0.0.1:37493/metrics",
    "SQLSTATE 42P01 in kinds.contact.fields",
    "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
)
MASKED = (
    "ann@example.org",
    "Ann.O'Hara+x@mail.example.co.uk",
    "+49 30 1234567",
    "+1-555-123-4567",
    "(555) 123-4567",
    "030 1234 5678",
    "555.123.4567",
)


@pytest.mark.parametrize("text", KEPT)
def test_what_an_operator_needs_is_kept(text: str) -> None:
    assert Redactor()(f"so {text}.") == f"so {text}."


@pytest.mark.parametrize("text", MASKED)
def test_what_looks_like_a_persons_address_is_masked(text: str) -> None:
    assert Redactor()(f"so {text}, then") == "so ***, then"


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    monkeypatch.setenv("URL", "postgresql://sync:p%40ss-canary@db.example/crm")
    file = tmp_path / "syncd.yaml"
    file.write_text(
        """store: "${env:URL}"
systems: {a: {connector: sql, url: "${env:URL}"}, b: {connector: sql, url: "postgresql://db.example/open"}}
kinds:
  contact:
    fields: {name: text}
    systems: {a: {object: t, fields: {name: n}}, b: {object: t, fields: {name: n}}}
"""
    )
    return secrets_of(load_settings(file))


def test_secrets_are_known_in_all_forms(secrets: set[str]) -> None:
    assert {"postgresql://sync:p%40ss-canary@db.example/crm", "p%40ss-canary", "p@ss-canary"} <= secrets
    assert "postgresql://db.example/open" not in secrets


@pytest.mark.parametrize("as_json", [False, True])
def test_errors_and_other_libraries_words_are_masked_too(secrets: set[str], *, as_json: bool) -> None:
    out = io.StringIO()
    start_logging("info", json=as_json, redact=Redactor(secrets), stream=out)
    password = "p@ss-canary"
    try:
        try:
            raise KeyError("Wanda Canary")
        except KeyError as first:
            raise ValueError(f"cannot use {password} for ann@example.org, Wanda Canary") from first
    except ValueError as error:
        logger.opt(exception=error).bind(who="bob@example.org").error("it failed with {}", password)
    logging.getLogger("somebody").warning("called %s", "+49 30 1234567")
    logger.remove()
    text = out.getvalue()
    for secret in (password, "ann@example.org", "bob@example.org", "1234567", "Wanda Canary"):
        assert secret not in text
    assert "KeyError" in text
    assert "ValueError" in text
    assert "test_redact.py" in text  # the way to it
    assert "somebody: called ***" in text
    if as_json:
        lines = [json.loads(line) for line in text.splitlines()]
        assert [line["level"] for line in lines] == ["error", "warning"]
