"""The judge of a schedule: it knows the causal history of every value that a person ever wrote.

What it does not hold against the machine, and why:

* **Forms.** Values of one edit number are one value, however a system cut or folded them; only the record
  itself must hold a text that somebody typed. DESIGN: a reduction of what we sent is never an edit.
* **Unanswered writes.** Where an answer of a remote was lost, nobody can know whether an edit there was
  made on top of our write or beside it: a flip there, or of an edit made there, is no fault if the value
  it went over is listed as a loser or was never seen, and two values of which one superseded the other may
  clash.
* **Back again.** A value that stood, lost and stands again is told again. A system that holds it already, in
  a form of its own, cannot be told from one that does not: an edit made there on top of it may clash with it.
* **First links.** Where systems began with copies of one value and no base, an edit of one copy and the
  other copy clash, and an element of several copies that one of them removes may stay: nobody can know
  that the one was made from the other. A clearing gives way there to any value, without an entry.
* **Imitations.** A person who types what a write of ours without an answer says as well, before or after it,
  cannot be told from it (DESIGN: a read equal to an unsettled send is our write); nothing is judged lost in
  that field then.
* **Late writes.** What a write does that lands after it was given up, nobody can prevent but a
  compare-and-set. That it is undone or listed is judged; that it happened is not. An edit typed on top of a
  write without an answer counts as superseding what that write went over: both look like one edit.
* **Unseen edits.** An edit that no read ever showed is lost without a word where the system has no
  compare-and-set. Where it has one, overwriting it is a fault (`Model.faults`).
* **One-way fields.** An edit where a field only travels out is undone, or left, by the owner's order.
* **Sets.** Element operations that cancel out between two reads, that a write without compare-and-set went
  over unseen, or that undid an unanswered write before it was read, cannot be seen; elements with such an
  operation are not judged, nor is the set of a schedule in which a person edited on top of a late write.
  Equal sets agree, also where an element was taken out and put back elsewhere meanwhile: a removal that
  follows may then win over that putting back.
"""

from __future__ import annotations

from typing import Any

from syncd.core.fieldmap import Direction, Drift
from syncd.core.nouns import Clash
from tests.sim.history import BLANK, edit_of
from tests.sim.linkmodel import Model
from tests.sim.remote import Remote

TEXTS = {"Name": "name", "Held": "held", "Score": "score"}
NOT_RULES = ("late", "overwritten")


def judge(model: Model) -> list[str]:
    """Everything that is wrong with a finished schedule, in words; empty when all promises held."""
    return [
        *model.faults,
        *_divergences(model),
        *_made_up(model),
        *_flips(model),
        *_lost_texts(model),
        *_false_clashes(model),
        *_fighting_blanks(model),
        *_lost_elements(model),
    ]


# -- everybody holds the same ----------------------------------------------------------------------------


def _divergences(model: Model) -> list[str]:
    found = []
    for target in (*TEXTS, "Tags"):
        ours = model.record.fields.get(target.lower())
        for name, remote in model.remotes.items():
            here = remote.values[target]
            if not _same(model, name, target, here, ours) and not _may_differ(model, remote, target):
                found.append(f"diverged: {target} is {here!r} in {name} and {ours!r} with us")
    return found


def _same(model: Model, name: str, target: str, here: Any, ours: Any) -> bool:
    """Exactly equal where a system keeps what it is sent, says so, and answered every write."""
    quirks = model.remotes[name].quirks
    exact = quirks.normalise == "keep" and quirks.stored and (name, target) not in model.unanswered
    return bool(here == ours) if exact or target == "Tags" else edit_of(here) == edit_of(ours)


def _may_differ(model: Model, remote: Remote, target: str) -> bool:
    """A field that is never sent there; one that drifted and is left; one we never had a value for."""
    if target != "Score":
        return False
    lane = model.lanes[remote.name]
    if lane.direction is Direction.OUT:
        ours = [who for name, _, _, who in remote.log if name == target]
        blank = model.record.fields.get("score") is None
        return (lane.drift is Drift.LEAVE and ours[-1:] == ["person"]) or (blank and "syncd" not in ours)
    return lane.direction is Direction.IN


def _made_up(model: Model) -> list[str]:
    """Our value is one that somebody typed, as it was stored where it was typed."""
    found = []
    for ours in TEXTS.values():
        value = model.record.fields.get(ours)
        if value is not None and value not in model.history.forms[edit_of(value)]:
            found.append(f"flowed back: {ours} is {value!r}, which nobody typed")
    return found


# -- nothing goes back -----------------------------------------------------------------------------------


def _flips(model: Model) -> list[str]:
    """A write of ours that put a value back to one that its predecessor had already superseded."""
    found = []
    losers = {edit_of(c.value) for clash in model.clashes for c in clash.candidates}
    for remote in model.remotes.values():
        for name, before, after, who in remote.log:
            if who != "syncd" or name == "Tags":
                continue
            if name == "Score" and model.lanes[remote.name].direction is Direction.IN:
                found.append(f"wrote {remote.name}.{name}, which only travels in")
            if _restores(model, remote, name):
                continue
            old, new = edit_of(before), edit_of(after)
            places = {(remote.name, name), (model.history.made_in.get(old), name)}
            if places & model.unanswered and (old in losers or old not in model.seen):
                continue
            if remote.quirks.normalise != "keep" and new in model.again and old in losers:
                continue
            if old and new and new not in model.copies and model.history.put_back(old, new):
                found.append(f"flip: {remote.name}.{name} from edit {old} back to {new}")
    return found


def _restores(model: Model, remote: Remote, name: str) -> bool:
    return name == "Score" and model.lanes[remote.name].direction is Direction.OUT


# -- nothing is lost -------------------------------------------------------------------------------------


def _lost_texts(model: Model) -> list[str]:
    """A seen edit must be current, causally superseded by what is current or listed, or listed as a loser."""
    found = []
    for ours in set(TEXTS.values()) - model.imitated:
        final = edit_of(model.record.fields.get(ours))
        losers = {e for clash in model.clashes if clash.field == ours for e in _losers(clash)}
        cleared = {BLANK} if model.copies else set()
        covered = model.history.superseded_by({final} | losers | cleared)
        found += [
            f"lost: edit {edit} of {ours} is neither current nor listed"
            for edit in sorted(model.seen)
            if model.history.field_of.get(edit) == ours and edit not in covered
        ]
    return found


def _losers(clash: Clash) -> set[int]:
    """Those that a decision went against; an open conflict has none until somebody decides."""
    edits = {edit_of(c.value) for c in clash.candidates}
    if clash.open:
        return set()
    return edits - ({edit_of(clash.candidates[clash.winner].value)} if clash.winner is not None else set())


# -- only what is concurrent clashes ---------------------------------------------------------------------


def _false_clashes(model: Model) -> list[str]:
    found = []
    for clash in model.clashes:
        doubt = any(name.lower() == clash.field for _, name in model.unanswered)
        if clash.field == "tags" or clash.rule in NOT_RULES or doubt:
            continue
        edits = {edit_of(c.value) for c in clash.candidates} - {BLANK}
        for edit in edits:
            found += [
                f"false clash: edit {edit} of {clash.field} had superseded {older}"
                for older in model.history.parents[edit] & edits
                if older not in model.copies and model.history.put_back(edit, older)
            ]
    return found


def _fighting_blanks(model: Model) -> list[str]:
    """A blank with no base is no edit, and never fights a value. What arrives is the last candidate."""
    return [
        f"a blank fights at first sight: {clash.field} in {clash.candidates[-1].system}"
        for clash in model.blind
        if model.copies and clash.rule not in NOT_RULES and clash.candidates[-1].value is None
    ]


# -- sets ------------------------------------------------------------------------------------------------


def _lost_elements(model: Model) -> list[str]:
    """An element is there exactly when the operations that nobody superseded say so."""
    if model.people.blurred:
        return []
    final = set(model.record.fields.get("tags") or ())
    clashes = [clash for clash in model.clashes if clash.field == "tags"]
    listed = {element for clash in clashes for c in clash.candidates for element in c.value or ()}
    found = []
    for element in sorted({op[0] for op in model.history.ops.values()} - listed - model.first_elements):
        known = model.known.get(element, frozenset())
        if not known & model.excused:
            last = _last_words(model, element, known)
            if last != {True, False} or element not in model.coincided:
                found += _judge_element(element, last, element in final)
    return found


def _last_words(model: Model, element: str, known: frozenset[int]) -> set[bool]:
    mine = {number: op for number, op in model.history.ops.items() if op[0] == element and number in known}
    superseded = {parent for _, _, parents in mine.values() for parent in parents}
    return {adding for number, (_, adding, _) in mine.items() if number not in superseded}


def _judge_element(element: str, last: set[bool], there: bool) -> list[str]:
    if last == {True} and not there:
        return [f"lost: element {element} was added and is gone"]
    if last == {False} and there:
        return [f"flip: element {element} was removed and is back"]
    if last == {True, False} and not there:
        return [f"lost: element {element} was added again and is gone"]
    return []
