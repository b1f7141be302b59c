"""What stands between a write and the store: each value, what a new record needs, what must be unique."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from connectors.hubspot.sandbox.fields import HubProperty
from connectors.hubspot.sandbox.refusals import Problem, exists, invalid, lacking, taken
from connectors.hubspot.sandbox.table import HubTable
from connectors.hubspot.sandbox.values import Unfit, kept, not_allowed, sent
from connectors.sandboxes.shape import Refusal
from connectors.sandboxes.table import Row
from connectors.sandboxes.values import normalised
from connectors.sandboxes.world import Fields

if TYPE_CHECKING:
    from connectors.hubspot.sandbox.portal import Portal


class Saver:
    """The rules of one portal."""

    def __init__(self, portal: Portal) -> None:
        self.portal = portal

    def vet(self, table: HubTable, fields: Mapping[str, Any], row: Row | None, by: str) -> Fields:
        """What would be stored; all problems in one `Refused`."""
        made, problems = dict[str, str | None](), list[Problem]()
        for name, value in fields.items():
            try:
                prop = self._property(table, name, by)
                if value is None and not self.portal.quirks.null_clears:
                    continue
                made[name] = self._kept(table, name, prop, value, row, made)
            except Unfit as unfit:
                problems.append(unfit.of(name))
        if "pipeline" in made or "dealstage" in made:
            problems += self._stage(table, made, row)
        if problems:
            raise invalid(problems, self.portal.id)
        self.check_unique(table, made, row, {**(row.fields if row else {}), **made})
        return made

    def begun(self, table: HubTable, fields: Mapping[str, Any], by: str) -> Fields:
        """The same for a new record, which must have some values."""
        made = self.vet(table, fields, None, by)
        if table.name == "deals" and made.get("pipeline") is None:
            live = self.portal.pipelines.live("deals")
            made |= {"pipeline": next(iter(live))} if len(live) == 1 else {}
        first = self.portal.quirks.default_lifecycle
        if table.name == "contacts" and first is not None and made.get("lifecyclestage") is None:
            made["lifecyclestage"] = first
            self.portal.fired("default_lifecycle")
        lack = [need for need in table.shape.needs if not any(made.get(one) for one in need.split("|"))]
        if lack and by == "api":
            raise lacking(table.shape.singular, [one for need in lack for one in need.split("|")])
        return made

    def _property(self, table: HubTable, name: str, by: str) -> HubProperty:
        prop = table.fields.get(name)
        if (
            prop is None
            or prop.archived_at is not None
            or (by == "api" and not self.portal.sees(table, name))
        ):
            raise Unfit("PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist')
        locked = self.portal.quirks.names(self.portal.quirks.read_only_fields, table.name, name)
        if by == "api" and (prop.read_only or locked):
            raise Unfit("READ_ONLY_VALUE", f'"{name}" is a read only property; its value cannot be set.')
        return prop

    def _kept(
        self, table: HubTable, name: str, prop: HubProperty, value: Any, row: Row | None, made: Fields
    ) -> str | None:
        text = self._bent(table, name, prop, sent(value))
        old: str | None = row.fields.get(name) if row is not None else None
        options = self.options(table, prop)
        if prop.keeper == "owners" and text and options is not None and text not in options:
            raise Unfit("INVALID_OWNER_ID", f"The owner id {text} does not exist.")
        found = kept(prop, text, old, options, trim=self.portal.quirks.trim)
        if prop.rule == "forward" and found is not None and old is not None and prop.options:
            ranks = list(prop.options)
            if old in ranks and ranks.index(found) < ranks.index(old):
                self.portal.fired("forward_only")
                return old
        if found is not None and found != value and isinstance(value, str):
            self.portal.fired("normalise")
        return found

    def _bent(self, table: HubTable, name: str, prop: HubProperty, text: str) -> str:
        more = self.portal.quirks.normalise
        rules = [*prop.normalise, *more.get(name, ()), *more.get(f"{table.name}.{name}", ())]
        words = [(rule.partition(":")[0], rule.partition(":")[2]) for rule in rules]
        return str(normalised(text, words)) if words and text else text

    def options(self, table: HubTable, prop: HubProperty) -> Collection[str] | None:
        """The values that an enumeration takes; None: any."""
        if prop.keeper == "owners":
            return list(self.portal.owners.by_id)
        if prop.keeper == "pipelines":
            return list(self.portal.pipelines.live(table.name))
        if prop.keeper == "stages":
            return [stage.id for stage in self.portal.pipelines.stages(table.name)]
        if prop.keeper == "currencies":
            return self.portal.currencies
        return prop.options

    def _stage(self, table: HubTable, made: Fields, row: Row | None) -> list[Problem]:
        """A stage must be one of its record's pipeline."""
        now = {**(row.fields if row else {}), **made}
        pipeline, stage = now.get("pipeline") or "default", now.get("dealstage")
        found = self.portal.pipelines.live(table.name).get(pipeline)
        if stage is None or found is None or stage in found.stages:
            return []
        return [not_allowed(stage, list(found.stages)).of("dealstage")]

    def check_unique(self, table: HubTable, made: Fields, row: Row | None, whole: Fields) -> None:
        """`Refused` where another live record has an e-mail or a unique value."""
        for name in table.mails:
            other = table.identities.get(made.get(name) or "")
            if other is not None and other is not row:
                raise self._taken(table, name, str(made[name]), row, other)
        for name, having in table.unique.items():
            value = made.get(name)
            other = having.get(value) if value is not None else None
            if other is not None and other is not row:
                raise self._taken(table, name, str(value), row, other)

    def _taken(self, table: HubTable, name: str, value: str, row: Row | None, other: Row) -> Refusal:
        if row is None and name in table.mails:
            return exists(other.id)
        on = row.id if row is not None else str(table.last_id + 1)
        return taken(table.shape.singular, name, value, on, other.id, self.portal.id)
