"""Profiles: what a sandbox offers and how it misbehaves: `plain`, `hostile`, a YAML file that extends one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from connectors.sandboxes.auth import AuthOptions
from connectors.sandboxes.limits import LimitOptions
from connectors.sandboxes.quirks import Quirks
from connectors.sandboxes.shape import ObjectShape, Strict
from connectors.sandboxes.webhooks import HookOptions
from syncd.core.errors import ConfigError

P = TypeVar("P", bound="Profile")


class Profile(Strict):
    """What all sandboxes take; a vendor's adds its own words. `objects: null`: those of the sandbox itself.

    `key_field`: the unique field that a client may fill with a key of its own; null: there is none.
    """

    extends: str | None = None
    objects: dict[str, ObjectShape] | None = None
    key_field: str | None = "external_id"
    auth: AuthOptions = Field(default_factory=AuthOptions)
    limits: LimitOptions = Field(default_factory=LimitOptions)
    quirks: Quirks = Field(default_factory=Quirks)
    webhooks: HookOptions = Field(default_factory=HookOptions)


def load(model: type[P], named: Mapping[str, Mapping[str, Any]], wanted: str | Mapping[str, Any]) -> P:
    """The profile by name, by file, or of the words themselves. `ConfigError` says what is wrong where."""
    if isinstance(wanted, Mapping):
        return _checked(model, named, wanted, "profile")
    if wanted in named:
        return model.model_validate(named[wanted])
    file = Path(wanted)
    if not file.is_file():
        raise ConfigError(f"no profile {wanted!r}: name a YAML file, or one of {', '.join(named)}")
    return _checked(model, named, _read(file), str(file))


def _read(file: Path) -> Mapping[str, Any]:
    try:
        words = YAML(typ="rt").load(file.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{file}:{line}: not YAML: {error.problem}") from None
    if not isinstance(words, Mapping):
        raise ConfigError(f"{file}:1: a profile is a mapping of words to values")
    return words


def _checked(
    model: type[P], named: Mapping[str, Mapping[str, Any]], words: Mapping[str, Any], source: str
) -> P:
    base = words.get("extends") or "plain"
    if base not in named:
        raise ConfigError(f"{source}: extends: no profile {base!r}; there are: {', '.join(named)}")
    try:
        return model.model_validate(_merged(named[base], words))
    except ValidationError as error:
        lines = [
            f"{source}{_line(words, e['loc'])}: {'.'.join(map(str, e['loc']))}: {e['msg']}"
            for e in error.errors(include_url=False, include_input=False)
        ]
        raise ConfigError("\n".join(lines)) from None


def _merged(base: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Sections are merged one level deep, objects are taken whole."""
    made = dict(base)
    for word, value in more.items():
        old = made.get(word)
        both = isinstance(old, Mapping) and isinstance(value, Mapping) and word != "objects"
        made[word] = {**old, **value} if both and old is not None else value
    return made


def _line(words: Any, place: tuple[int | str, ...]) -> str:
    line = None
    for word in place:
        mark = getattr(words, "lc", None)
        if mark is None or not isinstance(words, Mapping) or word not in words:
            break
        line = mark.key(word)[0] + 1
        words = words[word]
    return f":{line}" if line else ""
