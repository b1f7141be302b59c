"""What an answer means: the configured rules first, then the status."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.http import Answer, Step, failure, step_of
from connectors.rest.options import ErrorRule, ErrorWords
from connectors.rest.paths import MISSING, getter, there, whereabouts
from syncd.core.errors import SyncdError

_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,63}|\d{1,6}")
Where = Callable[[Any], Any]
NOTHING: tuple[Any, ...] = (MISSING, None, False, "", [], {})


@dataclass(frozen=True, slots=True)
class Verdict:
    """`code`, `field` and `id` are the API's words; `answer` is what they stood in, for its headers.

    `told` says why a success is none: what stands at `errors.where`, in words.
    """

    step: Step
    answer: Answer
    code: str = ""
    field: str | None = None
    id: str | None = None
    told: str = ""

    def failure(self, what: str, *, writes: bool = False) -> SyncdError | None:
        """The error, where the whole call failed."""
        return failure(self.step, what + self.told, self.answer, writes=writes, code=self.code)


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges the answers of one object's calls."""

    where: Where | None
    code: Where
    field: Where
    id: Where
    rules: tuple[Callable[[str, int, str, Any, Mapping[str, str]], Step | None], ...]
    quiet: bool
    clean: Callable[[str], str]
    path: str = ""

    @property
    def speaks(self) -> bool:
        """Whether something says by which a success is told from an error in its clothes."""
        return self.where is not None or not self.quiet

    def passes(self, status: int, body: Any) -> bool:
        """Whether all is well at first sight; False says that `judge` must look."""
        if not (self.quiet and 200 <= status < 300):
            return False
        told = self.where is not None and self.where(body) not in NOTHING
        return not told and self.code(body) in NOTHING

    def judge(self, call: str, answer: Answer, body: Any) -> Verdict | None:
        """None where all is well. `call` is its name in `calls`."""
        if self.passes(answer.status, body):
            return None
        found = MISSING if self.where is None else self.where(body)
        told, code = found not in NOTHING, self.code(body)
        word = "" if code in (MISSING, None) or isinstance(code, dict | list) else str(code)
        step = self._step(call, answer, body, word, told=told)
        if step is Step.OK:
            return None
        shown = self.clean(word) if _CODE.fullmatch(word) else ""  # else it may hold a person's value
        why = f" (`errors.where` ({self.path}): {there(found)})" if told and answer.ok else ""
        return Verdict(step, answer, shown, _text(self.field(body)), _text(self.id(body)), why)

    def _step(self, call: str, answer: Answer, body: Any, code: str, *, told: bool) -> Step:
        for rule in self.rules:
            step = rule(call, answer.status, code, body, answer.headers)
            if step is not None:
                return step
        return Step.REJECTED if told and answer.ok else step_of(answer.status)


def compile_errors(words: ErrorWords, clean: Callable[[str], str] = str) -> Judge:
    """The rules as functions. `clean` takes secrets out of what the server says.

    `quiet`: no rule can speak of a success without an error or a code.
    """
    return Judge(
        getter(words.where) if words.where is not None else None,
        _maybe(words.code),
        _maybe(words.field),
        _maybe(words.id),
        tuple(_rule(rule) for rule in words.rules),
        not any(_of_success(rule) for rule in words.rules),
        clean,
        words.where or "",
    )


def _of_success(rule: ErrorRule) -> bool:
    return rule.code is None and (rule.status is None or any(200 <= s < 300 for s in rule.status))


def _maybe(path: str | None) -> Where:
    return (lambda body: MISSING) if path is None else getter(path)


def _rule(rule: ErrorRule) -> Callable[[str, int, str, Any, Mapping[str, str]], Step | None]:
    step = Step(rule.means)
    statuses, codes, calls = rule.status, rule.code, rule.on
    at = None if rule.at is None else whereabouts(rule.at)
    pattern = None if rule.matches is None else re.compile(rule.matches)

    def fits(call: str, status: int, code: str, body: Any, headers: Mapping[str, str]) -> Step | None:
        if calls is not None and call not in calls:
            return None
        if statuses is not None and status not in statuses:
            return None
        if codes is not None and code not in codes:
            return None
        if at is not None and not _stands(at(body, headers), rule.is_, pattern):
            return None
        return step

    return fits


def _stands(found: Any, wanted: Any, pattern: re.Pattern[str] | None) -> bool:
    if found is MISSING or (found is None and wanted is None):
        return False
    if pattern is not None:
        return isinstance(found, str) and pattern.search(found) is not None
    return wanted is None or bool(found == wanted)


def _text(found: Any) -> str | None:
    return None if found is MISSING or found is None or isinstance(found, dict | list | bool) else str(found)
