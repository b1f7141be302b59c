"""One file or a folder of them, read and merged into one tree."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import Any

from syncd.config.places import Places, Report
from syncd.config.problems import InvalidConfig, Path, Place
from syncd.config.reader import Unreadable, read_text

SECTIONS = frozenset({"systems", "kinds", "service"})
"""Sections whose entries may be spread over several files."""


def read_files(path: FilePath) -> tuple[dict[str, Any], Report]:
    """The merged tree and its report. Raises `InvalidConfig` when a file cannot be read as YAML."""
    report = Report(Places(Place(str(path), 1, 1) if path.is_file() else Place(str(path))))
    tree: dict[str, Any] = {}
    readable = True
    for file in files_of(path, report):
        readable = add_file(file, tree, report) and readable
    if not readable or (report.problems and not tree):
        raise InvalidConfig(sorted(report.problems))
    return tree, report


def files_of(path: FilePath, report: Report) -> list[FilePath]:
    """The files to read, in the order of their names."""
    if not path.is_dir():
        if not path.exists():
            report.at(Place(str(path)), (), "does not exist", 'Write one with "syncd init", or name another.')
        return [path] if path.exists() else []
    found = sorted(
        file for file in path.iterdir()
        if file.suffix in (".yaml", ".yml") and file.is_file() and not file.name.startswith(".")
    )  # fmt: skip
    if not found:
        report.at(Place(str(path)), (), "the folder holds no .yaml file", 'Write one with "syncd init".')
    return found


def add_file(file: FilePath, tree: dict[str, Any], report: Report) -> bool:
    """Merge one file into the tree; False when its syntax is broken."""
    part = Report(Places(Place(str(file), 1, 1)))
    try:
        data = read_text(file.read_text(encoding="utf-8-sig"), str(file), part)
    except Unreadable:
        data = None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        part.at(Place(str(file)), (), f"cannot be read: {reason}", "Check its rights and its encoding.")
        data = None
    else:
        data = as_mapping(data, str(file), part)
    report.problems += part.problems
    report.broken |= part.broken
    if data is not None:
        merge(tree, data, (), part.places, report)
    return data is not None


def as_mapping(data: Any, file: str, part: Report) -> dict[str, Any] | None:
    if data is None or isinstance(data, dict):
        return data or {}
    part.at(Place(file, 1, 1), (), "must hold a mapping", 'Start with "systems:" and "kinds:".')
    return None


def merge(tree: dict[str, Any], data: dict[str, Any], path: Path, places: Places, report: Report) -> None:
    """Add `data` to `tree`; a key that both have is a problem, but for the sections at the top."""
    for key, value in data.items():
        here = (*path, key)
        held = tree.get(key)
        if key not in tree:
            tree[key] = value
            adopt(here, places, report.places)
        elif not path and key in SECTIONS and isinstance(held, dict) and isinstance(value, dict):
            merge(held, value, here, places, report)
        else:
            first = report.places.of_key(here)
            message = f"is already written in {first}"
            report.at(places.of_key(here), here, message, "Keep one of the two.")


def adopt(path: Path, source: Places, target: Places) -> None:
    """Take over the positions of `path` and all below it."""
    depth = len(path)
    for taken, given in ((target.keys, source.keys), (target.values, source.values)):
        taken.update({where: place for where, place in given.items() if where[:depth] == path})
