"""pydantic's errors as positioned problems in syncd's words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from syncd.config.places import Report
from syncd.config.problems import Path, did_you_mean, listed

M = TypeVar("M", bound=BaseModel)

SENTENCES: Mapping[str, str] = {
    "string_type": "must be a text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
    "less_than_equal": "must be at most {}",
    "greater_than_equal": "must be at least {}",
    "greater_than": "must be more than {}",
    "less_than": "must be less than {}",
    "string_pattern_mismatch": "is not a name",
}
MAX_CUTS = 8
NAME_HINT = "Use letters, digits and _, and start with a letter."


def check(model: type[BaseModel], data: Any, path: Path, report: Report) -> None:
    """Put every problem with what stands at `path` into the report."""
    for issue in issues_of(model, data):
        place_issue(issue, model, data, path, report)


def issues_of(model: type[BaseModel], data: Any) -> Sequence[Any]:
    """What pydantic has against the data, without the values."""
    try:
        model.model_validate(data)
    except ValidationError as error:
        return error.errors(include_url=False, include_input=False)
    return ()


def salvage(model: type[M], data: Any) -> M | None:
    """The model of the data, without the parts that are wrong, so that the rest can be judged as well.

    None where nothing is left.
    """
    data = deepcopy(data)
    for _ in range(MAX_CUTS):
        issues = issues_of(model, data)
        if not issues:
            return model.model_validate(data)
        places = {written(issue["loc"], data, last=False) for issue in issues}
        for place in sorted(places, key=len, reverse=True):
            cut(data, place)
        if () in places:
            return None
    return None


def cut(data: Any, place: tuple[Any, ...]) -> None:
    """Remove what stands at a place; of a list all, since its other items are known by their index."""
    while place and isinstance(place[-1], int):
        place = place[:-1]
    owner = value_at(data, place[:-1])
    if place and isinstance(owner, dict):
        owner.pop(place[-1], None)


def place_issue(issue: Any, model: type[BaseModel], data: Any, path: Path, report: Report) -> None:
    """Add one of pydantic's errors to the report, at the key or value that it is about."""
    kind, context = issue["type"], issue.get("ctx", {})
    loc = written(issue["loc"], data, kind in ("missing", "extra_forbidden"))
    here = (*path, *loc)
    if kind == "extra_forbidden":
        hint = did_you_mean(str(loc[-1]), known_keys(model, loc[:-1]))
        report.key(here, f'unknown key "{loc[-1]}"', hint)
    elif kind == "missing":
        report.key(here[:-1], f'"{loc[-1]}" is missing', "Add it.")
    elif issue["loc"][-1:] == ("[key]",):
        report.key(here, f'"{loc[-1]}" is not a name', NAME_HINT)
    elif kind in ("literal_error", "enum"):
        word_problem(here, value_at(data, loc), str(context["expected"]), report)
    elif kind in ("union_tag_invalid", "union_tag_not_found"):
        tag, told = context["discriminator"].strip("'"), value_at(data, loc)
        if kind == "union_tag_not_found":
            report.key(here, f'"{tag}" is missing', "Add it.")
        else:
            said = told.get(tag) if isinstance(told, dict) else None
            word_problem((*here, tag), said, str(context["expected_tags"]), report)
    elif kind == "value_error":
        message, _, hint = str(context["error"]).partition("; ")
        stop = "" if hint.endswith(("?", ".")) else "."
        report.value(here, message, hint and f"{hint[0].upper()}{hint[1:]}{stop}")
    else:
        bound = next((str(context[key]) for key in ("le", "ge", "gt", "lt") if key in context), "")
        message = SENTENCES.get(kind, decapitalised(issue["msg"])).replace("{}", bound)
        hint = NAME_HINT if kind == "string_pattern_mismatch" else ""
        report.value(here, message, hint)


def written(loc: Sequence[Any], data: Any, last: bool) -> tuple[Any, ...]:
    """The part of pydantic's `loc` that is in the file: names of union branches and validators are left out.

    `last` keeps the last step although the file may not have it.
    """
    kept: list[Any] = []
    for index, part in enumerate(loc):
        inside = (
            part in data if isinstance(data, dict) else isinstance(data, list) and part in range(len(data))
        )
        if inside:
            data = data[part]
        elif not (last and index == len(loc) - 1):
            continue
        kept.append(part)
    return tuple(kept)


def word_problem(path: Path, value: Any, expected: str, report: Report) -> None:
    """A word that is none of those expected."""
    words = [part.strip(" '") for part in expected.replace(" or ", ",").split(",")]
    said = f'"{value}" is not' if isinstance(value, str) else "is not"
    hint = did_you_mean(str(value), words, "Write one of them.")
    report.value(path, f"{said} one of {listed(words)}", hint)


def value_at(data: Any, loc: tuple[Any, ...]) -> Any:
    for part in loc:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def known_keys(model: type[BaseModel], loc: Sequence[Any]) -> list[str]:
    """The keys that the model knows at `loc`."""
    models: list[type[BaseModel]] = [model]
    for part in loc:
        fields = [f for m in models for name, f in m.model_fields.items() if part in (name, f.alias)]
        models = [m for f in fields for m in models_in(f.annotation)] if fields else models
    return sorted({info.alias or name for m in models for name, info in m.model_fields.items()})


def models_in(annotation: Any) -> Iterable[type[BaseModel]]:
    """The models that an annotation mentions."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from models_in(part)


def decapitalised(text: str) -> str:
    return text[:1].lower() + text[1:].rstrip(".")
