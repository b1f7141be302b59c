"""The judge of a schedule: it knows the causal history of every value that a person ever wrote."""

from __future__ import annotations

from typing import Any

from tests.sim.linkmodel import Model
from tests.sim.remote import edit_of

TEXTS = {"Name": "name", "Held": "held"}


def judge(model: Model) -> list[str]:
    """Everything that is wrong with a finished schedule, in words; empty when all promises held."""
    return [*_divergences(model), *_flips(model), *_lost_texts(model), *_lost_elements(model)]


def _divergences(model: Model) -> list[str]:
    found = []
    for remote_name, ours in (*TEXTS.items(), ("Tags", "tags")):
        values = {name: _plain(remote.values[remote_name]) for name, remote in model.remotes.items()}
        values["record"] = _plain(model.record.fields.get(ours))
        if len({repr(value) for value in values.values()}) > 1:
            found.append(f"diverged: {remote_name} {values}")
    return found


def _plain(value: Any) -> Any:
    return edit_of(value) if isinstance(value, str) else value


def _flips(model: Model) -> list[str]:
    """A write of ours that put a value back to one that its predecessor had already superseded.

    One exception: where an answer of this remote was lost, nobody can know whether an edit was made on top
    of our write or beside it. It is judged as concurrent, and must be listed.
    """
    found = []
    listed = {edit_of(c.value) for clash in model.clashes for c in clash.candidates}
    for remote in model.remotes.values():
        for name, before, after, who in remote.log:
            old, new = edit_of(before), edit_of(after)
            noted = old in listed or old not in model.seen
            if noted and (remote.name, name) in model.unanswered:
                continue
            if who == "syncd" and old and new and new != old and new in model.parents[old]:
                found.append(f"flip: {remote.name}.{name} from edit {old} back to {new}")
    return found


def _lost_texts(model: Model) -> list[str]:
    """A seen edit must be current, causally superseded by what is current, or listed as a loser."""
    found = []
    for ours in TEXTS.values():
        final = edit_of(model.record.fields.get(ours))
        clashes = [clash for clash in model.clashes if clash.field == ours]
        listed = {edit_of(c.value) for clash in clashes for c in clash.candidates}
        covered = _closure(model, {final} if final else set()) | _closure(model, {e for e in listed if e})
        found += [
            f"lost: edit {edit} of {ours} is neither current nor listed"
            for edit in _seen_edits(model, ours)
            if edit not in covered
        ]
    return found


def _closure(model: Model, edits: set[int]) -> set[int]:
    return edits.union(*(model.parents.get(edit, frozenset()) for edit in edits))


def _seen_edits(model: Model, ours: str) -> set[int]:
    return {edit for edit in model.seen if edit in model.parents and model.field_of.get(edit) == ours}


def _lost_elements(model: Model) -> list[str]:
    """An element is there exactly when the operations that nobody superseded say so."""
    final = set(model.record.fields.get("tags") or ())
    clashes = [clash for clash in model.clashes if clash.field == "tags"]
    listed = {element for clash in clashes for c in clash.candidates for element in c.value or ()}
    found = []
    for element in {op[0] for op in model.ops.values()}:
        known = model.known.get(element, frozenset())
        if known & model.excused or any(clash.rule == "late" for clash in clashes):
            continue  # some operation could not be seen, or not be told from a write that never landed
        mine = {number: op for number, op in model.ops.items() if op[0] == element and number in known}
        superseded = {parent for _, _, parents in mine.values() for parent in parents}
        last = {adding for number, (_, adding, _) in mine.items() if number not in superseded}
        if last == {True} and element not in final and element not in listed:
            found.append(f"lost: element {element} was added and is gone")
        if last == {False} and element in final and element not in listed:
            found.append(f"flip: element {element} was removed and is back")
        if last == {True, False} and element not in final and element not in listed:
            found.append(f"lost: element {element} was added again and is gone")
    return found
