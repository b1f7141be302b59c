"""Who a portal's owners are, and which pipelines an object has. Asked for once, and when a new one is met."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.hubspot.client import HubSpotClient, after

PAGE = "500"


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One pipeline; `stages`: labels by id."""

    id: str
    label: str
    stages: Mapping[str, str]

    def stage_ids(self, label: str) -> list[str]:
        """The stages of this name."""
        return [id for id, own in self.stages.items() if own.casefold() == label.casefold()]


class Directory:
    """`owners`: e-mails by id, of those who left too."""

    def __init__(self, client: HubSpotClient, object: str, *, owners: Any, pipelines: bool) -> None:
        self.client, self.object = client, object
        self._wants_owners, self._wants_pipelines = bool(owners), pipelines
        self.owners: dict[str, str] = {}
        self._active: dict[str, list[str]] = {}
        self.pipelines: list[Pipeline] = []
        self._missed: set[str] = set()

    async def load(self) -> None:
        """Ask for what is wanted."""
        if self._wants_owners:
            await self._load_owners()
        if self._wants_pipelines:
            await self._load_pipelines()

    async def know(
        self,
        *,
        owners: Collection[str] = (),
        stages: Collection[str] = (),
        mails: Collection[str] = (),
    ) -> None:
        """Ask again where something new is named; once for each that is not found."""
        there = {id for one in self.pipelines for id in one.stages}
        people = {id for id in owners if id not in self.owners} | {m for m in mails if not self.active(m)}
        unknown = people | {id for id in stages if id not in there}
        if not unknown - self._missed:
            return
        if people - self._missed:
            await self._load_owners()
        if unknown - people - self._missed:
            await self._load_pipelines()
        self._missed |= unknown

    def active(self, mail: str) -> list[str]:
        """The owners who have an e-mail and may be given records."""
        return self._active.get(mail.strip().casefold(), [])

    def pipeline(self, id: str | None) -> Pipeline | None:
        """The one with an id; where none is named, the only one, or HubSpot's default one."""
        if id is not None:
            return next((one for one in self.pipelines if one.id == id), None)
        if len(self.pipelines) == 1:
            return self.pipelines[0]
        return next((one for one in self.pipelines if one.id == "default"), None)

    async def _load_owners(self) -> None:
        found: dict[str, str] = {}
        active: dict[str, list[str]] = {}
        for archived in ("true", "false"):
            for one in await self._pages("owners", {"limit": PAGE, "archived": archived}):
                id, mail = str(one.get("id")), str(one.get("email") or "")
                found[id] = mail or id
                if archived == "false" and mail:
                    active.setdefault(mail.casefold(), []).append(id)
        self.owners, self._active = found, active

    async def _load_pipelines(self) -> None:
        self.pipelines = [
            Pipeline(
                str(one.get("id")),
                str(one.get("label")),
                {str(stage.get("id")): str(stage.get("label")) for stage in one.get("stages") or ()},
            )
            for one in await self._pages("pipelines", {}, self.object)
        ]

    async def _pages(self, api: str, query: Mapping[str, str], *parts: str) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        place: str | None = None
        while True:
            asked = {**query, **({"after": place} if place is not None else {})}
            _, body = await self.client.get(self.client.path(api, *parts), api, asked)
            found += self.client.results(body, api)
            place = after(body)
            if place is None:
                return found
