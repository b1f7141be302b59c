"""What is wrong with a system is told truly, with its place: the token, the address, one object's path."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.rest.sandbox import RestSandbox
from syncd.service.check import check
from syncd.service.look import Look, look_at
from syncd.service.vendors import load_settings

CONFIG = """\
systems:
  crm:
    connector: rest
    url: "@url@/api"
    auth: {by: bearer, token: "${file:token}"}
    calls:
      list: {path: "/{object}", query: {limit: "{limit}", cursor: "{cursor}"}, at: items}
      get: "/{object}/{id}"
    paging: {by: cursor, next: next, limit: 500}
  other: {connector: memory, remote: nothing-of-it-is-asked}
kinds:
  company:
    fields: {name: text}
    match: [name]
    systems:
      crm: {object: companies, direction: in, fields: {name: name}}
      other: {object: companies, fields: {name: name}}
  contact:
    fields: {email: email}
    match: [email]
    systems:
      crm: {object: contacts, direction: in, fields: {email: email}}
      other: {object: contacts, fields: {email: email}}
"""


@pytest.fixture
async def sandbox() -> AsyncIterator[RestSandbox]:
    async with RestSandbox("plain").serving() as serving:
        assert isinstance(serving, RestSandbox)
        yield serving


async def looked(folder: Path, config: str, token: str = "sandbox-token") -> Look:
    (folder / "token").write_text(token)
    (folder / "syncd.yaml").write_text(config)
    look = await look_at(load_settings(folder / "syncd.yaml"), "crm")
    if look.connector is not None:
        await look.connector.aclose()
    return look


async def test_a_wrong_token_is_told_as_one(sandbox: RestSandbox, tmp_path: Path) -> None:
    look = await looked(tmp_path, CONFIG.replace("@url@", sandbox.url), "sandbox-wrong")
    assert look.trouble is not None
    assert look.trouble.startswith(f"{tmp_path}/syncd.yaml:2:3: systems.crm: ")
    assert "the server answered 401" in look.trouble
    assert "Check the credentials of this system" in look.trouble
    assert (look.away, look.refused) == (False, {})


async def test_a_wrong_address_is_told_as_one(sandbox: RestSandbox, tmp_path: Path) -> None:
    look = await looked(tmp_path, CONFIG.replace("@url@/api", f"{sandbox.url}/apy"))
    assert look.trouble is not None
    assert "syncd.yaml:2:3: systems.crm: " in look.trouble
    assert "the server answered 404" in look.trouble
    assert "address" in look.trouble


async def test_a_wrong_object_is_told_alone(sandbox: RestSandbox, tmp_path: Path) -> None:
    config = CONFIG.replace("@url@", sandbox.url).replace("crm: {object: contacts", "crm: {object: contactz")
    look = await looked(tmp_path, config)
    assert (look.trouble, list(look.refused)) == (None, ["contact"])
    assert "syncd.yaml:22:7: kinds.contact.systems.crm: " in look.refused["contact"]
    assert "the server answered 404" in look.refused["contact"]
    assert 'has no "contactz"' not in look.refused["contact"]


async def test_check_ends_as_for_a_wrong_file(sandbox: RestSandbox, tmp_path: Path) -> None:
    """A token that is refused does not mend itself: it is wrong, not out of reach."""
    (tmp_path / "token").write_text("sandbox-wrong")
    (tmp_path / "syncd.yaml").write_text(CONFIG.replace("@url@", sandbox.url))
    found = await check(load_settings(tmp_path / "syncd.yaml"))
    crm = next(system for system in found.systems if system.name == "crm")
    assert found.wrong
    assert crm.trouble is not None
    assert not crm.away
