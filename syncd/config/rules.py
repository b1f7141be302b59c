"""Conflict rules: checked against the kind they belong to, and compiled to `Rule`s."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from conflict.strategies import STRATEGIES
from syncd.config.models import KindModel, RuleModel
from syncd.config.ownrules import check_own, taken
from syncd.config.places import Report
from syncd.config.problems import Path, did_you_mean
from syncd.config.settings import OwnStrategy
from syncd.config.validate import salvage
from syncd.core.errors import ConfigError
from syncd.core.nouns import Rule
from syncd.core.problems import SpecError
from syncd.core.types import FieldType
from syncd.mapping.when import When, compile_when

ARGUMENTS: Mapping[str, tuple[str, ...]] = {"prefer": ("systems",), "newest": ("skew",), "oldest": ("skew",)}
ORDERED = ("integer", "decimal", "date", "datetime")
FITS: Mapping[str, tuple[str, ...]] = {
    "union": ("set",),
    "longest": ("text", "email", "phone"),
    "max": ORDERED,
    "min": ORDERED,
}
OWN_ARGUMENTS = ("skew", "args")
FINAL = ("ask", "union")
"""Strategies that always end the search, so that no later rule is asked."""


def compile_rules(
    written: Any,
    kind: KindModel,
    types: Mapping[str, FieldType],
    path: Path,
    report: Report,
    strategies: Mapping[str, OwnStrategy],
) -> tuple[Rule, ...]:
    """The rules under `conflicts` in order; what is wrong with them goes to the report.

    `written` is the list as it stands in the file: one malformed rule must not hide the others.
    """
    rules = {}
    for index, item in enumerate(written if isinstance(written, list) else ()):
        rule = salvage(RuleModel, item)
        if rule is not None:
            rules[index] = rule
            check_rule(rule, kind, types, (*path, index), report, strategies)
    warn_unreachable(rules, kind.fields, path, report)
    return tuple(compiled(rule, strategies) for rule in rules.values())


def recorded_rules(written: Any, strategies: Mapping[str, OwnStrategy]) -> tuple[Rule, ...]:
    """The rules of a configuration that was in force, as it was written. Raises `ConfigError`."""
    rules = []
    for item in written or ():
        rule = salvage(RuleModel, item)
        if rule is None or rule.model_dump(exclude_unset=True).keys() != item.keys():
            raise ConfigError("a rule is written in a way that this version does not read")
        if rule.strategy not in STRATEGIES:
            own = strategies.get(rule.strategy)
            if own is None or own.function is None:
                why = "it is not installed" if own is None else own.problem
                raise ConfigError(f'the strategy "{rule.strategy}" cannot be asked: {why}')
        rules.append(compiled(rule, strategies))
    return tuple(rules)


def compiled(rule: RuleModel, strategies: Mapping[str, OwnStrategy]) -> Rule:
    """A rule for the link machine; one of the user's own with its function and what that takes."""
    plain = Rule(rule.strategy, frozenset(rule.fields or ()), condition_of(rule), arguments(rule))
    own = None if rule.strategy in STRATEGIES else strategies.get(rule.strategy)
    if own is None or own.function is None:
        return plain
    return replace(plain, args={**plain.args, "args": taken(own.function, rule)}, function=own.function)


def arguments(rule: RuleModel) -> dict[str, Any]:
    """A strategy's arguments: `systems`, and `skew` or `skews` in seconds."""
    found: dict[str, Any] = {}
    if rule.systems:
        found["systems"] = tuple(rule.systems)
    if rule.skew is not None:
        found["skews" if isinstance(rule.skew, dict) else "skew"] = rule.skew
    return found


def condition_of(rule: RuleModel) -> When | None:
    """The rule's condition, where it has a sound one."""
    try:
        return None if rule.when is None else compile_when(rule.when)
    except SpecError:
        return None


def check_condition(rule: RuleModel, path: Path, report: Report) -> None:
    """Whether the condition is an expression over what it may speak of."""
    try:
        if rule.when is not None:
            compile_when(rule.when)
    except SpecError as error:
        for finding in error.problems:
            hint = finding.hint[:1].upper() + finding.hint[1:]
            report.value((*path, "when"), finding.message, hint if hint.endswith(("?", ".")) else f"{hint}.")


def check_rule(
    rule: RuleModel,
    kind: KindModel,
    types: Mapping[str, FieldType],
    path: Path,
    report: Report,
    strategies: Mapping[str, OwnStrategy],
) -> None:
    """One rule: its strategy, that strategy's arguments, and the fields it speaks of."""
    check_condition(rule, path, report)
    own = None if rule.strategy in STRATEGIES else strategies.get(rule.strategy)
    if rule.strategy not in STRATEGIES and own is None:
        hint = did_you_mean(rule.strategy, STRATEGIES | strategies.keys())
        report.value((*path, "strategy"), f'there is no strategy "{rule.strategy}"', hint)
        return
    check_arguments(rule, path, report, own)
    check_systems(rule, kind.systems, path, report)
    for index, name in enumerate(rule.fields or ()):
        if name not in kind.fields:
            report.value((*path, "fields", index), f'no field "{name}"', did_you_mean(name, kind.fields))
    check_types(rule, types, path, report)


def check_arguments(rule: RuleModel, path: Path, report: Report, own: OwnStrategy | None) -> None:
    wanted = ARGUMENTS.get(rule.strategy, ()) if own is None else OWN_ARGUMENTS
    if own is not None:
        check_own(own, rule, path, report)
    for name in ("systems", "skew", "args"):
        given = getattr(rule, name) is not None
        if given and name not in wanted:
            users = sorted(s for s, names in ARGUMENTS.items() if name in names)
            users += ["strategies of your own"] if name in OWN_ARGUMENTS else []
            hint = f"It belongs to {' and '.join(users)}."
            report.key((*path, name), f'"{name}" means nothing to {rule.strategy}', hint)
    if rule.strategy == "prefer" and rule.systems is None:
        report.key((*path, "strategy"), 'prefer needs "systems"', "List the systems, the best first.")


def check_systems(rule: RuleModel, systems: Collection[str], path: Path, report: Report) -> None:
    """Systems that a rule names must be those of its kind, each once."""
    named: list[tuple[Path, str]] = [((*path, "systems", i), s) for i, s in enumerate(rule.systems or ())]
    if isinstance(rule.skew, dict):
        named += [((*path, "skew", system), system) for system in rule.skew]
    seen: set[str] = set()
    for where, system in named:
        if system not in systems:
            report.value(where, f'the kind has no system "{system}"', did_you_mean(system, systems))
        elif system in seen:
            report.value(where, f'"{system}" is named twice', "Remove one.")
        seen.add(system)


def check_types(rule: RuleModel, types: Mapping[str, FieldType], path: Path, report: Report) -> None:
    """A strategy that compares values must be able to compare those of its fields."""
    fitting = FITS.get(rule.strategy)
    names = rule.fields or sorted(types)
    wrong = [name for name in names if name in types and fitting and types[name].name not in fitting]
    if not wrong or not fitting:
        return
    name = wrong[0]
    message = f'{rule.strategy} cannot judge "{name}", which is a {types[name].name}'
    where = (*path, "fields", names.index(name)) if rule.fields else (*path, "strategy")
    hint = f"It is for {', '.join(fitting)}"
    report.value(where, message, f"{hint}." if rule.fields else f'{hint}: name those under "fields".')


def warn_unreachable(
    rules: Mapping[int, RuleModel], fields: Collection[str], path: Path, report: Report
) -> None:
    """Warn of rules all of whose fields an earlier rule has decided for good."""
    ended: set[str] = set()
    for index, rule in rules.items():
        speaks_of = set(rule.fields or fields)
        if speaks_of and speaks_of <= ended:
            hint = "An earlier ask or union decides first: move or remove this rule."
            report.warn((*path, index), "this rule is never reached", hint)
        if rule.strategy in FINAL and rule.when is None:
            ended |= speaks_of
