"""What a remote describes, held against what it described when its mapping was taken up."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import orjson

from connectors.base import FieldInfo, ObjectInfo
from syncd.core.fieldmap import Direction, FieldMap
from syncd.engine.world import Stream


@dataclass(slots=True)
class Known:
    """What is remembered of one object's schema.

    `fields` are the mapped fields as they were when this mapping was taken up, `required` those that a
    create needed then and the mapping does not fill. `away` and `uncreatable` are what is wrong now, in
    words; `back` names fields that came back and wait for a sweep.
    """

    map: str
    fields: dict[str, dict[str, Any]] = field(default_factory=dict)
    required: list[str] = field(default_factory=list)
    away: dict[str, str] = field(default_factory=dict)
    back: list[str] = field(default_factory=list)
    uncreatable: str = ""

    def dump(self) -> str:
        """As it is stored."""
        return orjson.dumps(asdict(self)).decode()

    @classmethod
    def load(cls, text: str | None) -> Known | None:
        """As it was stored."""
        return None if text is None else cls(**orjson.loads(text))


_COMPARED = ("type", "references", "length", "scale", "options", "read_only", "required")


def as_remembered(known: Known, described: ObjectInfo, written: Collection[str]) -> ObjectInfo:
    """The object as its mapping needs it: what is left alone is as it was when the mapping was taken up.

    `written` are the mapped fields that we write. What a create requires now and did not then counts for
    filled: it stops creates only.
    """
    fields = {
        name: replace(info, default=info.default or (info.required and name not in known.required))
        for name, info in described.fields.items()
    }
    for name, before in known.fields.items():
        if _changed(before, fields.get(name), name in written) is not None:
            options = None if before["options"] is None else tuple(before["options"])
            was = {**before, "options": options}
            fields[name] = replace(fields.get(name) or FieldInfo(name, before["type"]), **was)
    return replace(described, fields=fields)


def taken_up(stream: Stream, described: ObjectInfo) -> Known:
    """The schema as it is now, for the mapping as it is now."""
    mapped = {n: described.fields[n] for n in stream.map.remote_fields if n in described.fields}
    fields = {n: {word: getattr(info, word) for word in _COMPARED} for n, info in mapped.items()}
    fields = orjson.loads(orjson.dumps(fields))
    return Known(stream.map.hash, fields, _unfilled(stream, described))


def judge(stream: Stream, known: Known, described: ObjectInfo) -> Known:
    """What is wrong with the mapped fields now."""
    written = written_fields(stream.map)
    away = {
        name: why
        for name in stream.map.remote_fields
        if (why := _changed(known.fields.get(name), described.fields.get(name), name in written)) is not None
    }
    new = [name for name in _unfilled(stream, described) if name not in known.required]
    back = [n for n in dict.fromkeys([*known.back, *known.away]) if n not in away]
    uncreatable = f"it requires {', '.join(new)} now, which nothing fills" if new else ""
    return Known(known.map, known.fields, known.required, away, back, uncreatable)


def written_fields(mapping: FieldMap) -> set[str]:
    """The remote fields that a mapping writes."""
    return {n for e in mapping.entries if e.direction is not Direction.IN for n in e.remote}


def _unfilled(stream: Stream, described: ObjectInfo) -> list[str]:
    """The fields that a create needs and that we do not fill; none where we create nothing."""
    if stream.settings.create != "yes" or not stream.writes:
        return []
    filled = written_fields(stream.map) | {stream.settings.key_field}
    infos: Iterable[FieldInfo] = described.fields.values()
    return [
        i.name for i in infos if i.required and not i.default and not i.read_only and i.name not in filled
    ]


def _changed(before: Mapping[str, Any] | None, now: FieldInfo | None, written: bool) -> str | None:
    """Why a field is not what it was, in a way that its mapping may not stand; None where it is."""
    if now is None:
        return "it is not there any more: removed, renamed or hidden from this account"
    if before is None:
        return None
    if (now.type, now.references) != (before["type"], before["references"]):
        return f"it was a {before['type']}, and is a {now.type} now"
    if written and now.read_only and not before["read_only"]:
        return "it may not be written any more"
    for word, unit in (("length", "characters"), ("scale", "decimal places")):
        most, was = getattr(now, word), before[word]
        if most is not None and (was is None or most < was):
            return f"it keeps {most} {unit} now" + (f", and kept {was}" if was is not None else "")
    gone = set(before["options"] or ()) - set(now.options or ()) if now.options is not None else set()
    if gone or (now.options is not None and before["options"] is None):
        return f"{len(gone)} of its options are gone" if gone else "it takes certain options only now"
    return None
