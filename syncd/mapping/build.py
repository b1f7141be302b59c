"""What a line means: its options become steps, and the steps an entry."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from syncd.core.errors import ParseError
from syncd.core.fieldmap import Direction
from syncd.core.nouns import Value
from syncd.core.problems import SpecError
from syncd.core.types import Convert, FieldType, Ref, Set, Text
from syncd.mapping import steps
from syncd.mapping.compounds import COMPOUNDS
from syncd.mapping.entries import Joined, Line, Plain, Reference, Stepped
from syncd.mapping.lines import FORMS, MOMENTS, Draft
from syncd.mapping.moments import moment_step
from syncd.mapping.steps import Fault, Step
from syncd.mapping.tables import boolean, values
from syncd.mapping.types import Phone, phone_region

# in the order of what goes out; what comes in takes them backwards
_FORMS = {"values": values, "boolean": boolean, "split": steps.split, "scale": steps.scale}
_AFTER = {"prefix": steps.prefix, "max_length": steps.max_length}


def compile_line(line: Draft, remote_types: Mapping[str, str]) -> Line:
    """The entry of a line; raises `Fault`."""
    if len(line.canon) > 1 or len(line.remote) > 1 or any(name in COMPOUNDS for name in line.transforms):
        return _joined(line)
    field = _with_region(line)
    remote_type = remote_types.get(line.remote[0])
    if isinstance(field, Ref):
        return _reference(line, field, remote_type)
    chain = list(_steps(line, field))
    _check_direction(line, chain)
    return _single(line, field, chain, remote_type)


def _joined(line: Draft) -> Line:
    name = line.transforms[0] if len(line.transforms) == 1 else None
    compound = COMPOUNDS.get(name or "")
    if name is None or compound is None:
        shapes = "; ".join(f"{known}: {COMPOUNDS[known].shape}" for known in COMPOUNDS)
        raise Fault("a line with several fields needs one transform between them", shapes, ("transform",))
    if line.options:
        option = next(iter(line.options))
        raise Fault(f"{option} does not go with {name}", "remove it", (option,))
    arities = ((compound.canon, len(line.canon)), (compound.remote, len(line.remote)))
    if any(count != (want or max(count, 2)) for want, count in arities):
        raise Fault(f"{name} is for {compound.shape}", "count the fields", ("transform",))
    for field in line.types:
        if field.name != "text":
            raise Fault(f"{name} joins texts, and one field is of type {field.name}", "", ("transform",))
    return Joined(**_common(line, [name]), compound=compound, types=line.types)


def _with_region(line: Draft) -> FieldType:
    field = line.types[0]
    if "region" not in line.options:
        return field
    steps.require(field, "region", "phone")
    assert isinstance(field, Phone)
    try:
        return replace(field, region=phone_region(line.options["region"], ("region",)))
    except SpecError as error:
        raise Fault(error.problems[0].message, "write region: DE", ("region",)) from None


def _reference(line: Draft, field: Ref, remote_type: str | None) -> Line:
    extra = [*line.transforms, *(word for word in line.options if word != "blank")]
    if extra:
        raise Fault(f"{extra[0]} does not apply to a reference", "remove it")
    blank, write = _blank(line.options), field.writer(remote_type)
    common = _common(line, [field.signature, repr(blank), remote_type if write else None])
    common["refs"] = {line.canon[0]: field.kind}
    return Reference(**common, kind=field.kind, read=field.parse, write=write, blank=blank)


def _steps(line: Draft, field: FieldType) -> Iterator[Step]:
    """The line's steps in the order of what goes out."""
    forms = [word for word in (*FORMS, *MOMENTS) if word in line.options]
    if len(forms) > 1 and set(forms) - {"values", "split"} and set(forms) - set(MOMENTS):
        raise Fault(f"{forms[0]} and {forms[1]} do not go together", "keep one", (forms[1],))
    for word, build in _FORMS.items():
        yield from _built(build, line.options, word, field)
    moment = moment_step(line.options, field)
    if moment:
        yield moment
    for name in line.transforms:
        yield steps.case(name, field)
    for word, build in _AFTER.items():
        yield from _built(build, line.options, word, field)


def _built(
    build: Callable[[Any, FieldType], Step], options: Mapping[str, Any], word: str, field: FieldType
) -> Iterator[Step]:
    if word in options:
        try:
            yield build(options[word], field)
        except Fault as fault:
            raise Fault(fault.message, fault.hint, (word, *fault.path)) from None


def _check_direction(line: Draft, chain: list[Step]) -> None:
    for step in chain:
        if step.only not in (None, line.direction):
            raise Fault(f"this line works one way only: {step.why}", f"add direction: {step.only}")


def _single(line: Draft, field: FieldType, chain: list[Step], remote_type: str | None) -> Line:
    wire = next((step.wire for step in reversed(chain) if step.wire), field)
    try:
        write = wire.writer(remote_type) if line.direction is not Direction.IN else None
    except ParseError as error:
        raise Fault(str(error), f"the remote says that {line.remote[0]} is a {remote_type}") from None
    marks = [field.signature, *(step.signature for step in chain), repr(_blank(line.options))]
    common = _common(line, [*marks, remote_type if write else None])
    common["sets"] = frozenset(line.canon) if isinstance(field, Set) else frozenset()
    if not chain and "blank" not in line.options:
        return Plain(**common, read=field.parse, write=write, text=isinstance(field, Text))
    outgoing = _chained([*(step.outgoing for step in chain), write])
    incoming = _chained([*(step.incoming for step in reversed(chain)), field.parse])
    return Stepped(**common, read=incoming, write=outgoing, blank=_blank(line.options))


def _blank(options: Mapping[str, Any]) -> Value:
    blank = options.get("blank")
    if "blank" in options and (isinstance(blank, list | dict) or blank in (None, "")):
        raise Fault("blank is what the remote says for nothing", "write blank: false", ("blank",))
    return blank


def _chained(converts: list[Convert | None]) -> Convert:
    """One function from several; it ends as soon as nothing is left."""
    active = [convert for convert in converts if convert is not None and convert is not steps.same]

    def run(value: Value) -> Value:
        for convert in active:
            if value is None:
                return None
            value = convert(value)
        return value

    return run


def _common(line: Draft, marks: list[Any]) -> dict[str, Any]:
    signature = repr((line.canon, line.remote, str(line.direction), marks))
    return {
        "canon": line.canon,
        "remote": line.remote,
        "direction": line.direction,
        "drift": line.drift,
        "signature": signature,
    }
