"""Pipelines and their stages, by object."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from connectors.hubspot.sandbox.values import iso

DEAL_STAGES = (
    ("appointmentscheduled", "Appointment Scheduled", "0.2"),
    ("qualifiedtobuy", "Qualified To Buy", "0.4"),
    ("presentationscheduled", "Presentation Scheduled", "0.6"),
    ("decisionmakerboughtin", "Decision Maker Bought-In", "0.8"),
    ("contractsent", "Contract Sent", "0.9"),
    ("closedwon", "Closed Won", "1.0"),
    ("closedlost", "Closed Lost", "0.0"),
)


@dataclass(slots=True)
class Stage:
    """One stage; times in ms."""

    id: str
    label: str
    order: int
    metadata: dict[str, str]
    made: int
    moved: int
    archived: bool = False

    def told(self) -> dict[str, Any]:
        """As answers show it."""
        return {
            "label": self.label,
            "displayOrder": self.order,
            "metadata": self.metadata,
            "id": self.id,
            "createdAt": iso(self.made),
            "updatedAt": iso(self.moved),
            "archived": self.archived,
            "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
        }


@dataclass(slots=True)
class Pipeline:
    """One pipeline; times in ms."""

    id: str
    label: str
    order: int
    made: int
    moved: int
    stages: dict[str, Stage] = field(default_factory=dict)
    archived: bool = False

    def told(self) -> dict[str, Any]:
        """As answers show it, with its stages."""
        stages = sorted(self.stages.values(), key=lambda stage: stage.order)
        return {
            "label": self.label,
            "displayOrder": self.order,
            "id": self.id,
            "stages": [stage.told() for stage in stages],
            "createdAt": iso(self.made),
            "updatedAt": iso(self.moved),
            "archived": self.archived,
        }


class Pipelines:
    """All of a portal. `audit` is what was done to them, by pipeline or stage id."""

    def __init__(self, now: int) -> None:
        self.by_object: dict[str, dict[str, Pipeline]] = {}
        self.audit: dict[str, list[dict[str, Any]]] = {}
        self._last = 900_000
        stages = {
            id: Stage(id, label, place, stage_words(chance), now, now)
            for place, (id, label, chance) in enumerate(DEAL_STAGES)
        }
        self.by_object["deals"] = {"default": Pipeline("default", "Sales Pipeline", 0, now, now, stages)}

    def new_id(self) -> str:
        """A number for what is made here."""
        self._last += 1
        return str(self._last)

    def live(self, object: str) -> dict[str, Pipeline]:
        """Those of an object that are in use, in order."""
        found = self.by_object.get(object, {}).values()
        return {p.id: p for p in sorted(found, key=lambda p: p.order) if not p.archived}

    def stages(self, object: str) -> Iterator[Stage]:
        """All stages of an object that are in use."""
        for pipeline in self.live(object).values():
            yield from (stage for stage in pipeline.stages.values() if not stage.archived)

    def stage(self, object: str, pipeline: str | None, stage: str | None) -> Stage | None:
        """One stage of one pipeline."""
        found = self.by_object.get(object, {}).get(pipeline or "")
        return found.stages.get(stage or "") if found is not None else None

    def note(self, identifier: str, action: str, portal: int, at: int, raw: dict[str, Any]) -> None:
        """Remember what was done to a pipeline or stage."""
        told = {"portalId": portal, "identifier": identifier, "action": action, "timestamp": iso(at)}
        self.audit.setdefault(identifier, []).append({**told, "rawObject": raw})


def stage_words(chance: str) -> dict[str, str]:
    """The metadata of a deal stage by its probability."""
    closed = float(chance) in (0.0, 1.0)
    return {"probability": chance, "isClosed": str(closed).lower()}
