"""`${env:NAME}` and `${file:PATH}`: resolved at load, kept apart, and never shown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import Any

from syncd.config.places import Report
from syncd.config.problems import Path, Problem, did_you_mean

REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)(\}?)")
MAX_BYTES = 1_000_000
HOW = "Write ${env:NAME} for a variable, ${file:PATH} for a file, $${ for the characters themselves."


@dataclass(slots=True)
class Resolver:
    """Replaces references in a tree. `found` collects the resolved texts, to keep them out of messages."""

    env: Mapping[str, str]
    folder: FilePath
    report: Report
    found: set[str] = field(default_factory=set, repr=False)

    def tree(self, value: Any, path: Path = ()) -> Any:
        """A copy of a tree of plain values with every reference replaced."""
        if isinstance(value, dict):
            return {key: self.tree(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.tree(item, (*path, index)) for index, item in enumerate(value)]
        return self.text(value, path) if isinstance(value, str) and "${" in value else value

    def text(self, value: str, path: Path) -> str:
        """A text with its references replaced; stays as it is, with a problem, where one cannot be."""

        def found(match: re.Match[str]) -> str:
            return "${" if match[1] is None else self.reference(match, path)

        return REFERENCE.sub(found, value)

    def reference(self, match: re.Match[str], path: Path) -> str:
        scheme, colon, name = match[1].partition(":")
        if not match[2]:
            return self.fail(path, "a ${ is not closed", "Add the closing }.")
        if scheme == "env" and name.strip():
            return self.variable(name.strip(), path)
        if scheme == "file" and name.strip():
            return self.content(name.strip(), path)
        if not colon and re.fullmatch(r"\w+", scheme):
            return self.fail(path, f'"${{{scheme}}}" does not say where to look', f"Write ${{env:{scheme}}}.")
        if scheme in ("env", "file"):
            return self.fail(path, f'"${{{scheme}:}}" names nothing', HOW)
        hint = did_you_mean(scheme, ("env", "file"), HOW)
        return self.fail(path, f'"{scheme}" is not a place for secrets', hint)

    def variable(self, name: str, path: Path) -> str:
        if name not in self.env:
            return self.fail(path, f"the environment variable {name} is not set", f"Set {name}.")
        if not self.env[name]:
            return self.fail(path, f"the environment variable {name} is empty", f"Give {name} its value.")
        return self.keep(self.env[name])

    def content(self, name: str, path: Path) -> str:
        """The text of a file, from the configuration's folder, without the line break at its end."""
        file = self.folder / FilePath(name).expanduser()
        try:
            with file.open("rb") as stream:
                text = stream.read(MAX_BYTES).decode("utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            return self.fail(path, f"the file {name} cannot be read: {reason}", "Check path and rights.")
        return self.keep(text) if text else self.fail(path, f"the file {name} is empty", "Fill it.")

    def keep(self, text: str) -> str:
        self.found.add(text)
        return text

    def fail(self, path: Path, message: str, hint: str) -> str:
        self.report.value(path, message, hint)
        self.report.spoil(path)
        return "unset"


def scrubbed(problems: list[Problem], secret: set[str]) -> list[Problem]:
    """The same problems with every secret text replaced, whoever put it there."""
    texts = sorted(set(forms(secret)), key=len, reverse=True)
    return [
        replace(p, path=hidden(p.path, texts), message=hidden(p.message, texts), hint=hidden(p.hint, texts))
        for p in problems
    ]


def hidden(text: str, secret: list[str]) -> str:
    for word in secret:
        text = text.replace(word, "***")
    return text


def forms(secret: set[str]) -> Iterator[str]:
    """The ways in which a secret may turn up in a message; single characters and pairs tell nothing."""
    for text in secret:
        for form in (text, repr(text)[1:-1], *text.splitlines()):
            if len(form) > 2:
                yield form
