"""HubSpot as a system: what is read, what is written, what webhooks tell, and whose portal it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from connectors.base import Capabilities, Delivery, ObjectInfo, ObjectSpec, Refused, Schema
from connectors.http import OAuth, OAuthLogin
from connectors.hubspot.associations_stream_write import AssociationWriter
from connectors.hubspot.budgets import BURST, zone_of
from connectors.hubspot.example import EXAMPLE
from connectors.hubspot.login import REVOKE_PATH, browser_of, lacking
from connectors.hubspot.lookup import BATCH
from connectors.hubspot.reader import HubSpotReader
from connectors.hubspot.record import MERGED
from connectors.hubspot.webhooks import Receiver, telling
from connectors.hubspot.words import STAGES
from connectors.hubspot.writer import Writer
from connectors.login import Account, Login
from syncd.core.errors import NeedsOperator
from syncd.core.nouns import Change, Fields, Push, PushResult

EITHER = (
    "`webhooks` and `capture: journal` are both set, but HubSpot gives one app either webhooks or the journal"
    ": take one away, unless the webhooks come from another app"
)


class HubSpotConnector(HubSpotReader):
    """See `connectors.base` for what each call promises."""

    ARCHIVES = False
    EXAMPLE = EXAMPLE

    def __init__(self, name: str, settings: Fields, objects: Sequence[ObjectSpec]) -> None:
        super().__init__(name, settings, objects)
        self._scopes: frozenset[str] | None = None
        self._notes: dict[str, list[str]] = {}
        self._receiver = self._made_receiver()

    @property
    def capabilities(self) -> Capabilities:
        """What holds for all objects of the configuration."""
        keyed = [spec.key_field is not None for spec in self.specs.values()]
        return Capabilities(
            deletes_reported=self.journal is not None and not self.pairs,
            partial_fields=False,
            compare_and_set=False,
            upsert_key=bool(keyed) and all(keyed),
            stored_in_answer=True,
            late=2 * self.options.overlap,  # see memory.Memory.reach
            clock_skew=1.0,
            read_batch=BATCH,
            write_batch=BATCH,
            burst=BURST,
            delivery_headers=telling(self.options.webhooks),
            cascades=self._cascades(),
        )

    @property
    def login(self) -> Login | None:
        """The log-in whose tokens are kept, for an app."""
        auth, browser = self.client.auth, browser_of(self.options, self.names, self.specs)
        if browser is None or not isinstance(auth, OAuth):
            return None
        return OAuthLogin(self.client, auth, browser, self.options.url + REVOKE_PATH)

    async def identify(self) -> Account | None:
        """The portal of this log-in."""
        self.client.counted.zone = zone_of(await self.details())
        portal = await self.portal()
        if self._receiver is not None:
            self._receiver.portal = portal
        return Account(portal, f"portal {portal}")

    async def describe(self) -> Schema:
        """The objects as the portal shows them to this app; where webhooks come, their type ids too."""
        schema = await super().describe()
        for name in self.names.unknown() if self._receiver is not None else ():
            self._notes[name] = await self._learn(name)
        scopes = await self._granted()
        return Schema({name: self._noted(info, scopes) for name, info in schema.objects.items()})

    def receive(self, delivery: Delivery) -> Sequence[Change]:
        """What a webhook names; without `webhooks` configured, everything is refused."""
        if self._receiver is None:
            raise Refused("unknown", f"system {self.name} has no `webhooks` configured")
        return self._receiver.receive(delivery)

    def notes(self) -> Sequence[str]:
        """That webhooks of the last day told of something that could not be read."""
        hooks = self._receiver
        if hooks is None or hooks.odd_at is None or self.client.now() - hooks.odd_at > timedelta(days=1):
            return []
        said = f"{hooks.odd} events of webhooks could not be read and were left out"
        return [
            f"{said}, the last at {hooks.odd_at:%Y-%m-%d %H:%M:%S} UTC: polls and sweeps find what they meant"
        ]

    async def write(self, batch: Sequence[Push]) -> Sequence[PushResult]:
        if not batch:
            return []
        pair = self.pairs.get(batch[0].object)
        if pair is not None:
            return await AssociationWriter(self.client, pair, await pair.sides()).write(batch)
        record = await self._record(batch[0].object)
        own = self._memories[record.name].own
        return await Writer(self.client, record, self._lookup(record), own).write(batch)

    # -- parts -----------------------------------------------------------------------------------------

    def _cascades(self) -> dict[str, list[str]]:
        """The associations that go with a record."""
        found: dict[str, list[str]] = {}
        for name, pair in self.pairs.items():
            for end in {pair.one, pair.other}:
                found.setdefault(end, []).append(name)
        return found

    def _made_receiver(self) -> Receiver | None:
        words, secret = self.options.webhooks, self.options.webhook_secret
        if words is None or secret is None:
            return None
        watched = {
            name: {*spec.fields, *_bases(spec.fields), spec.key_field or "", MERGED, "hs_object_id"}
            for name, spec in self.specs.items()
        }
        receiver = Receiver(self.name, words, secret, self.names, watched)
        receiver.pairs = {name: (pair.one, pair.other) for name, pair in self.pairs.items()}
        return receiver

    async def _learn(self, object: str) -> list[str]:
        """Ask for the type id of a custom object, by which webhooks name it; else a note."""
        try:
            await self.type_of(object)
        except NeedsOperator as error:
            return [f"webhooks of it are not understood, for its type id is not known: {error}"]
        return []

    async def _granted(self) -> frozenset[str]:
        """The scopes of this log-in, asked for once; empty where nobody tells."""
        if self._scopes is None:
            self._scopes = frozenset(await self.client.scopes())
        return self._scopes

    def _noted(self, info: ObjectInfo, scopes: frozenset[str]) -> ObjectInfo:
        rights = lacking(self.names, info.name, scopes) if scopes and info.name in self.specs else []
        both = self._receiver is not None and self.journal is not None
        ways = [EITHER] if both and info.name == next(iter(self.specs), None) else []
        return replace(info, notes=(*info.notes, *self._notes.get(info.name, ()), *rights, *ways))


def _bases(fields: Sequence[str]) -> list[str]:
    """The properties that fields such as `dealstage.label` depend on."""
    bases = [name.partition(".")[0] for name in fields if "." in name]
    return [*bases, *(STAGES[base] for base in bases if base in STAGES)]
