"""A strategy that depends on the order of arrival is refused: by `check`, by the daemon, by a reload."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from syncd.config import InvalidConfig, Settings
from syncd.service import strategies
from syncd.service.check import check
from syncd.service.reload import read_again
from syncd.service.run import run
from syncd.service.vendors import load_settings

CONFIG = """\
systems:
  crm: {connector: memory, remote: nothing-of-it-is-asked}
  erp: {connector: memory, remote: nothing-of-it-is-asked}
kinds:
  contact:
    fields: {email: email}
    match: [email]
    systems:
      crm: {object: contacts, fields: {email: email}}
      erp: {object: contacts, fields: {email: email}}
    conflicts: [{strategy: @strategy@}, {strategy: ask}]
"""
TOLD = "syncd.yaml:11:28: kinds.contact.conflicts[0].strategy: "
TOLD += 'the strategy "last" depends on the order of arrival'


@pytest.fixture(autouse=True)
def announced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two strategies, as an installed package announces them."""
    points = [EntryPoint(name, f"tests.support.rules:{name}", strategies.GROUP) for name in ("last", "owner")]
    monkeypatch.setattr(strategies, "entry_points", lambda group: points)


def settings(folder: Path, strategy: str) -> Settings:
    (folder / "syncd.yaml").write_text(CONFIG.replace("@strategy@", strategy))
    return load_settings(folder / "syncd.yaml")


async def test_check_shows_the_counter_example(tmp_path: Path) -> None:
    found = await check(settings(tmp_path, "last"))
    (told,) = [str(problem) for problem in found.problems]
    assert found.wrong
    assert told.startswith(f"{tmp_path}/{TOLD}")
    assert 'in the order crm, erp it decides "b@x.org"; in the order erp, crm it decides nothing' in told


async def test_check_takes_a_good_one(tmp_path: Path) -> None:
    assert not (await check(settings(tmp_path, "owner, args: {of: erp}"))).problems


async def test_the_daemon_does_not_begin_with_it(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match="depends on the order of arrival"):
        await run(settings(tmp_path, "last"))
    assert not (tmp_path / ".syncd").exists()


def test_a_reload_refuses_it(tmp_path: Path) -> None:
    old = settings(tmp_path, "owner, args: {of: erp}")
    assert read_again(old).kinds["contact"].rules[0].strategy == "owner"
    settings(tmp_path, "last")
    with pytest.raises(InvalidConfig, match="depends on the order of arrival"):
        read_again(old)
