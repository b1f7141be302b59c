"""`syncd check` of a web API: what is wrong is told with its line, and ends in the right exit code."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.test_rest_check import Server
from tests.contract.test_rest_words import serving
from tests.support.commands import Done, syncd

CONFIG = """\
systems:
  crm:
    connector: rest
    url: "${env:CRM}"
    calls:
      list: {path: /people, query: {page: "{page}", size: "{limit}"}, at: items}
      get: {path: "/people/{id}", at: person}
    paging: {by: page, limit: 10}
    record: {version: rev, modified: at}
  erp:
    connector: rest
    url: "${env:CRM}"
    calls:
      list: {path: /people, query: {page: "{page}", size: "{limit}"}, at: items}
      get: {path: "/people/{id}", at: person}
    paging: {by: page, limit: 10}
    objects:
      contacts: {record: {modified: at}}
kinds:
  contact:
    fields: {name: text}
    systems:
      crm: {object: people, fields: {name: name}}
      erp: {object: contacts, fields: {name: name}}
"""
SECRET = "canary-secret"


@pytest.fixture
async def server() -> AsyncIterator[tuple[Server, str]]:
    made = Server()
    async with serving(made.handle) as url:
        yield made, url


async def checked(folder: Path, url: str, old: str = "", new: str = "", *args: str) -> Done:
    """`syncd check` with one slip in the file."""
    assert old in CONFIG
    (folder / "syncd.yaml").write_text(CONFIG.replace(old, new, 1) if old else CONFIG)
    done = await syncd(folder, "check", *args, env={"CRM": url})
    assert "Traceback" not in done.out + done.err
    return done


async def test_all_is_well(tmp_path: Path, server: tuple[Server, str]) -> None:
    done = await checked(tmp_path, server[1])
    assert (done.code, done.out.splitlines()[-1]) == (0, "all is well: `syncd run` can start")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "at: items",
            "at: itms",
            "syncd.yaml:6:75: systems.crm.calls.list.at: system crm: people: list: the answer",
        ),
        ('page: "{page}"', 'p: "{page}"', "syncd.yaml:6:40: systems.crm.calls.list.query.p: "),
        (
            'get: {path: "/people/{id}"',
            'get: {path: "/person/{id}"',
            "syncd.yaml:7:12: systems.crm.calls.get: ",
        ),
        (
            "contacts: {record: {modified: at}}",
            "contacts: {record: {modified: att}}",
            "syncd.yaml:18:37: systems.erp.objects.contacts.record.modified: ",
        ),
        (
            "{page}",
            "{pge}",
            "syncd.yaml:6:43: systems.crm.calls.list.query.page: there is no placeholder {pge} here.",
        ),
        (
            "    calls:",
            "    auth: {by: apikey}\n    calls:",
            'syncd.yaml:5:16: systems.crm.auth.by: "apikey" is not one of header, bearer, query, basic,',
        ),
        ("    calls:", "    auth: {}\n    calls:", 'systems.crm.auth: "by" is missing. Add it.'),
        ("{page}", "{pge}", " Did you mean {page}? Known here: {after} {cursor}"),
    ],
)
async def test_a_slip_is_told_with_its_line(
    tmp_path: Path, server: tuple[Server, str], old: str, new: str, said: str
) -> None:
    done = await checked(tmp_path, server[1], old, new)
    assert done.code == 2
    assert said in done.out + done.err


async def test_an_empty_list_is_not_all_is_well(tmp_path: Path, server: tuple[Server, str]) -> None:
    server[0].rows = []
    done = await checked(tmp_path, server[1])
    assert done.code == 0
    assert "crm: note: people: read, 0 records: the paths under `record` could not be judged" in done.out
    end = "no problem found, but nothing to judge by in crm: people, erp: contacts: `syncd run` can start\n"
    assert done.out.endswith(end)
    data = (await checked(tmp_path, server[1], "", "", "--json")).json()
    assert [system["empty"] for system in data["systems"]] == [["people"], ["contacts"]]


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (
            "http://127.0.0.1:1",
            "at http://127.0.0.1:1 cannot be reached: nothing listens there (connection refused)",
        ),
        (
            "http://no-such-host.invalid/x",
            "at http://no-such-host.invalid cannot be reached: its name is not known",
        ),
        ("tls", "cannot be reached: it does not speak TLS there (https), perhaps plain http"),
    ],
)
async def test_why_a_server_is_not_reached(
    tmp_path: Path, server: tuple[Server, str], url: str, reason: str
) -> None:
    url = server[1].replace("http:", "https:") if url == "tls" else url
    auth = '    auth: {by: query, name: key, value: "${env:KEY}"}\n    calls:'
    (tmp_path / "syncd.yaml").write_text(CONFIG.replace("    calls:", auth, 1))
    done = await syncd(tmp_path, "check", env={"CRM": f"{url}/{SECRET}", "KEY": SECRET})
    assert done.code == 3
    assert reason in done.out
    assert SECRET not in done.out + done.err
