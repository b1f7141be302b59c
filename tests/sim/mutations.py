"""What the link machine would be without one of its rules: each a small patch that the model must catch.

`old` stands exactly once in its file, so a change of the code that makes a mutation meaningless is seen.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """A patch of one file under `conflict/`, and the rule of DESIGN §1a that it breaks."""

    name: str
    file: str
    old: str
    new: str
    rule: str


IN_FLIGHT = "one write in flight per link, and no read is applied meanwhile"
AGREED = (
    "agreed rises by an accepted write, by the record's value becoming this link's, by a read that shows it"
)
DUE = "what is due is judged per remote field"
STORED = "what the remote stored goes to the shadow, never to the record"
UNCERTAIN = "an uncertain write stays sent until settled"
EVIDENCE = "old evidence is not evidence"
CLASH = "a clash is causal, and decided over all candidates"
OPEN = "open conflicts freeze the field"
ONE_WAY = "one-way fields"

MUTATIONS = (
    Mutation(
        "reads applied while a write is in flight",
        "link.py",
        "    if in_flight:\n        return Gate.HOLD\n",
        "",
        IN_FLIGHT,
    ),
    Mutation(
        "held read equal to the shadow dropped",
        "link.py",
        "    if in_flight:\n        return Gate.HOLD\n",
        "    if in_flight:\n        return Gate.HOLD if _news(link, change) else Gate.DROP\n",
        IN_FLIGHT,
    ),
    Mutation(
        "what a write went over is not listed",
        "suspects.py",
        "            if now.get(name, ABSENT) != value:\n",
        "            if False:\n",
        IN_FLIGHT,
    ),
    Mutation(
        "only the last suspects of a look kept",
        "suspects.py",
        "    found = {name: list(values) for name, values in some.items()}\n",
        "    found: dict[str, list[Value]] = {}\n",
        IN_FLIGHT,
    ),
    Mutation(
        "one agreed version per link",
        "settle.py",
        "fold(record, Agreed(link.agreed.number, {**link.agreed.own, **versions}), fmap)",
        "Agreed(max([link.agreed.number, *link.agreed.own.values(), *versions.values()]))",
        AGREED,
    ),
    Mutation(
        "agreed raised although the record's value stood against it",
        "contest.py",
        "    work.owe(name)\n",
        "    work.owes, work.agreed[name] = True, work.version_of(name)\n",
        AGREED,
    ),
    Mutation(
        "a verdict makes no version of its own",
        "verdict.py",
        "    version = record.version + 1\n",
        "    version = record.version_of(name)\n",
        AGREED,
    ),
    Mutation(
        "a late landing taken for what stands",
        "ghosts.py",
        "            work.agreed[name] = versions[name]\n",
        "            work.agreed[name] = work.version_of(name)\n",
        AGREED,
    ),
    Mutation(
        "what is agreed is due",
        "due.py",
        "version > agreed.get(name, number)}",
        "version >= agreed.get(name, number)}",
        DUE,
    ),
    Mutation(
        "what the shadow holds already is sent",
        "due.py",
        "if not _holds(held, value)}",
        "if held is not ABSENT}",
        DUE,
    ),
    Mutation(
        "a blocked field holds back the others",
        "due.py",
        "            _add(found, record, entry, link.shadow, refs)\n    return found\n",
        "            _add(found, record, entry, link.shadow, refs)\n"
        "    return Due(blocked=found.blocked) if found.blocked else found\n",
        DUE,
    ),
    Mutation(
        "a blocked field marked agreed",
        "due.py",
        "        found.blocked.append(error.target)\n",
        "        found.blocked.append(error.target)\n"
        "        found.versions[entry.canon[0]] = record.version_of(entry.canon[0])\n",
        DUE,
    ),
    Mutation(
        "the answer's other fields taken into the shadow",
        "settle.py",
        "    shadow = {**base, **sent}\n",
        "    shadow = {**base, **stored, **sent}\n",
        STORED,
    ),
    Mutation(
        "the shadow set to what we sent",
        "settle.py",
        "        shadow[name] = stored[name]\n",
        "        shadow[name] = sent[name]\n",
        STORED,
    ),
    Mutation(
        "a word of the remote's own, in the save of our write, taken for normalisation",
        "settle.py",
        "    shadow |= edited\n",
        "",
        STORED,
    ),
    Mutation(
        "a reduction of what we sent flows back",
        "link.py",
        "    if not work.unsure:\n        return False\n    pairs",
        "    if work.unsure is not None:\n        return False\n    pairs",
        STORED,
    ),
    Mutation(
        "an uncertain write treated as never happened",
        "settle.py",
        "    return replace(link, ghosts=ghosts)\n",
        "    return link\n",
        UNCERTAIN,
    ),
    Mutation(
        "an uncertain write treated as accepted",
        "settle.py",
        "    return replace(link, ghosts=ghosts)\n",
        "    agreed = Agreed(link.agreed.number, {**link.agreed.own, **versions})\n"
        "    return replace(link, shadow={**link.shadow, **sent}, agreed=agreed)\n",
        UNCERTAIN,
    ),
    Mutation(
        "our landed write not known when the remote folded it",
        "ghosts.py",
        " or reduces(value, g.value)",
        "",
        UNCERTAIN,
    ),
    Mutation(
        "an edit that an unanswered write went over is not kept",
        "ghosts.py",
        "    if there:\n",
        "    if False:\n",
        UNCERTAIN,
    ),
    Mutation(
        "a landing that shows a reduction ends all doubt about the form",
        "link.py",
        "        work.unsure |= cut\n",
        "",
        UNCERTAIN,
    ),
    Mutation(
        "a remote that was told a candidate keeps its own",
        "settle.py",
        "            record = told_rival(record, name, link.system, versions[name])\n",
        "            pass\n",
        CLASH,
    ),
    Mutation(
        "old evidence accepted",
        "link.py",
        "    if change.evidence < link.evidence:\n",
        "    if False:\n",
        EVIDENCE,
    ),
    Mutation(
        "a write is no evidence",
        "settle.py",
        "        evidence,\n        link.gone_by,\n",
        "        link.evidence,\n        link.gone_by,\n",
        EVIDENCE,
    ),
    Mutation(
        "a read is no evidence",
        "work.py",
        "            evidence=max(old.evidence, change.evidence),\n",
        "            evidence=old.evidence,\n",
        EVIDENCE,
    ),
    Mutation(
        "an equal read dropped although the version moved",
        "link.py",
        "if _news(link, change) or _moved(link, change) else",
        "if _news(link, change) else",
        EVIDENCE,
    ),
    Mutation(
        "the version of a partial read used for compare-and-set",
        "work.py",
        "        told = None if self.change.partial else self.change.remote_version\n",
        "        told = self.change.remote_version\n",
        EVIDENCE,
    ),
    Mutation(
        "the newer of two concurrent values wins without a clash",
        "link.py",
        "    if rivals:\n",
        "    if rivals and no_base:\n",
        CLASH,
    ),
    Mutation(
        "a clash decided against the standing value only",
        "contest.py",
        "    candidates = (*_standing_first(work, name, rivals), theirs)\n",
        "    candidates = (*_standing_first(work, name, rivals)[:1], theirs)\n",
        CLASH,
    ),
    Mutation(
        "what was seen is a rival",
        "contest.py",
        "(own or c.version > seen) and",
        "(own or c.version >= seen) and",
        CLASH,
    ),
    Mutation(
        "an own candidate not replaced by the next edit",
        "contest.py",
        "if c.system != system and (own or c.version > seen) and c.value != base]",
        "if own or c.version > seen]",
        CLASH,
    ),
    Mutation(
        "a winner's next edit shielded from those that lost to it",
        "contest.py",
        "(own or c.version > seen) and",
        "c.version > seen and",
        CLASH,
    ),
    Mutation(
        "a loser that was told stays a rival",
        "work.py",
        "if c.system != system or c.value == stands)",
        "if c.system or c.value == stands)",
        CLASH,
    ),
    Mutation(
        "a blank beats a value with no base",
        "link.py",
        "    if no_base and is_blank(theirs) and (undecided or not is_blank(ours)):\n",
        "    if no_base and is_blank(theirs) and not work.fields:\n",
        "no base: a blank never beats and never fights a value",
    ),
    Mutation(
        "an open conflict is pushed",
        "due.py",
        "    if record.contests and any(record.frozen(name) for name in entry.canon):\n",
        "    if False:\n",
        OPEN,
    ),
    Mutation(
        "a verdict over other candidates than the person saw",
        "verdict.py",
        " or sorted(saw) != sorted(c.version for c in contest.candidates)",
        "",
        OPEN,
    ),
    Mutation(
        "a set merged as a whole value",
        "link.py",
        "        if name in entry.sets:\n",
        "        if name in entry.sets and name not in entry.canon:\n",
        "sets merge per element against the shadow",
    ),
    Mutation(
        "an equal value of a second system is not counted",
        "link.py",
        "                    work.join(name, theirs, base)\n",
        "                    pass\n",
        CLASH,
    ),
    Mutation(
        "a second system that says what stands never lets another value win",
        "contest.py",
        "    return not verdict.open and bool(wins != said)\n",
        "    return False\n",
        CLASH,
    ),
    Mutation(
        "an element added again elsewhere goes with an older removal",
        "sets.py",
        "stamp.version > work.agreed_of(name) and stamp.system",
        "stamp.version < 0 and stamp.system",
        "sets merge per element against the shadow",
    ),
    Mutation(
        "an edit where a field only travels out is left",
        "link.py",
        "    if entry.drift is Drift.RESTORE:\n",
        "    if entry.drift is Drift.LEAVE:\n",
        ONE_WAY,
    ),
    Mutation(
        "a field that only travels in is written",
        "due.py",
        "            entry.direction is not Direction.IN\n            and not moved",
        "            not moved",
        ONE_WAY,
    ),
)

FOUND_BY: dict[str, tuple[int, ...]] = {
    "held read equal to the shadow dropped": (1918,),
    "only the last suspects of a look kept": (451,),
    "the version of a partial read used for compare-and-set": (1510,),
    "a loser that was told stays a rival": (1675,),
    "an open conflict is pushed": (1259,),
    "a verdict over other candidates than the person saw": (955,),
    "a second system that says what stands never lets another value win": (1170,),
    "an element added again elsewhere goes with an older removal": (4476,),
    "an edit that an unanswered write went over is not kept": (302_949,),
    "a landing that shows a reduction ends all doubt about the form": (641_012,),
    "a remote that was told a candidate keeps its own": (405_322,),
}
"""The first seeds of those that take many, tried first; where the model changed, the hunt goes on from 0."""
