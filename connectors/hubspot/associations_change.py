"""What to change between records so that a field reads as wanted. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from connectors.hubspot.associations import Association, Others, Type
from syncd.core.nouns import Value


@dataclass(frozen=True, slots=True)
class Step:
    """Associate a record with `add`, under `types`; then drop others. `after` is what the field reads then.

    What is dropped has types, or None for all that stands between the two.
    """

    field: Association
    after: Value
    add: str | None = None
    types: tuple[Type, ...] = ()
    drop: tuple[tuple[str, tuple[Type, ...] | None], ...] = ()


class Unclear(Exception):
    """It cannot be changed without taking away what people have set; why, without values."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


SEVERAL = "several stand there and none is the primary one; leave one, or mark it in HubSpot"
OTHERS = (
    "without it the field would read as another record that is associated there; remove the others in "
    "HubSpot, then `syncd parked retry`, or remove all of them"
)
LABELLED = "the association carries a label, which would be lost; change it in HubSpot"


def change(field: Association, others: Others, wanted: Value) -> Step:
    """The step from what stands there. Associations with labels of their own stay; raises `Unclear`."""
    now = field.value(others)
    if now == wanted:
        return Step(field, now)
    if isinstance(now, list) and (wanted is None or field.primary is None):
        raise Unclear("SEVERAL_ASSOCIATIONS", SEVERAL)
    if wanted is None:
        return _cleared(field, others, now)
    return _moved(field, others, now, str(wanted))


def associated(field: Association, to: str) -> Step:
    """The step of a record that has none yet."""
    return _moved(field, {}, None, to)


def _cleared(field: Association, others: Others, now: str) -> Step:
    """Nothing that would leave the field with another value: that would be nobody's word, and in no list."""
    types, gone = others[now], None
    left = {id: kept for id, kept in others.items() if id != now}
    if _labelled(others, now):
        gone = tuple(one for one in types if one.primary)
        left[now] = types.difference(gone)
        if not gone:
            raise Unclear("LABELLED_ASSOCIATION", LABELLED)
    if field.value(left) is not None:
        raise Unclear("SEVERAL_ASSOCIATIONS", OTHERS)
    return Step(field, None, drop=((now, gone),))


def _moved(field: Association, others: Others, now: Value, wanted: str) -> Step:
    """A primary one may stand beside others; without one, the old association makes room."""
    had = () if not isinstance(now, str) else ((now, None),)
    keeps = isinstance(now, str) and _labelled(others, now)
    if field.primary is not None:
        labels = sorted(one for one in others.get(wanted, ()) if one.own)
        return Step(field, wanted, wanted, (*labels, field.primary), () if keeps else had)
    if keeps:
        raise Unclear("LABELLED_ASSOCIATION", LABELLED)
    if field.plain is None:
        raise Unclear("NO_ASSOCIATION_TYPE", "HubSpot has no type without a label between these objects")
    return Step(field, wanted, wanted, (field.plain,), had)


def _labelled(others: Others, id: str) -> bool:
    return any(one.own for one in others.get(id, ()))
