"""Strategies of the user's own: what their functions take is what `args` may say."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict, create_model

from syncd.config.models import RuleModel
from syncd.config.places import Report
from syncd.config.problems import Path
from syncd.config.settings import OwnStrategy
from syncd.config.validate import check

SHAPE = "function(candidates, base, *, NAME: TYPE = DEFAULT, …)"


def check_own(own: OwnStrategy, rule: RuleModel, path: Path, report: Report) -> None:
    """Whether a strategy could be loaded, has the shape of one, and takes what the rule gives it."""
    where = (*path, "strategy")
    if own.function is None:
        hint = f"Mend or remove the package {own.package}."
        report.value(where, f'the strategy "{rule.strategy}" cannot be used: {own.problem}', hint)
        return
    try:
        model = model_of(own.function)
    except (TypeError, ValueError):
        message = f'the strategy "{rule.strategy}" of {own.package} is not of the form {SHAPE}'
        report.value(where, message, "What it takes beside the first two stands after the asterisk.")
        return
    check(model, rule.args or {}, (*path, "args"), report)


def taken(function: Callable[..., Any], rule: RuleModel) -> dict[str, Any]:
    """What the rule gives a function, in the types that it wants; nothing where that does not fit."""
    try:
        model = model_of(function).model_validate(rule.args or {})
    except (TypeError, ValueError):
        return {}
    return {name: getattr(model, name) for name in model.model_fields_set}


def model_of(function: Callable[..., Any]) -> type[BaseModel]:
    """The keyword-only parameters of a function as a model. Raises `TypeError` or `ValueError`."""
    found = list(inspect.signature(function).parameters.values())
    plain = [p for p in found if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    named = [p for p in found if p.kind is p.KEYWORD_ONLY]
    if len(plain) != 2 or len(plain) + len(named) != len(found):
        raise TypeError(SHAPE)
    hints = hints_of(function)
    fields: dict[str, Any] = {
        p.name: (hints.get(p.name, Any), ... if p.default is p.empty else p.default) for p in named
    }
    return create_model("Args", __config__=ConfigDict(extra="forbid"), **fields)


def hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    """The types that it names, as far as they can be found out."""
    try:
        return inspect.get_annotations(function, eval_str=True)
    except (NameError, SyntaxError, TypeError):
        return {}
