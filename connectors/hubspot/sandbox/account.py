"""Owners, the account itself, and what its apps used today."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connectors.hubspot.sandbox.ask import Ask, Task
from connectors.hubspot.sandbox.limits import Rates
from connectors.hubspot.sandbox.objects import paging
from connectors.hubspot.sandbox.options import HubProfile
from connectors.hubspot.sandbox.portal import Portal
from connectors.hubspot.sandbox.refusals import missing, wrong
from connectors.hubspot.sandbox.values import iso
from connectors.sandboxes.door import Answer
from connectors.sandboxes.faults import Call

OWNERS_READ = ("crm.objects.owners.read",)
PAGE = 500


class Account:
    """The routes `owners/…` and `account/…`."""

    def __init__(self, portal: Portal, rates: Rates, profile: HubProfile) -> None:
        self.portal, self.rates, self.profile = portal, rates, profile

    def owners(self, ask: Ask) -> Task:
        """GET owners: active ones, or those who are not."""

        def work() -> Answer:
            limit, after = ask.whole("limit", 100, PAGE), ask.said("after", "0")
            if not after.isdigit():
                raise wrong(f"Invalid paging cursor: {after[:80]}")
            mail, archived = ask.said("email").lower(), ask.flag("archived")
            found = [
                owner
                for owner in self.portal.owners.by_id.values()
                if owner.active != archived
                and mail in ("", owner.email.lower())
                and int(owner.id) > int(after)
            ]
            page = found[:limit]
            more = paging(ask, page[-1].id if len(found) > limit else None)
            return Answer.json({"results": [owner.told() for owner in page], **more})

        return Call("list", "owners"), OWNERS_READ, work

    def owner(self, ask: Ask, id: str) -> Task:
        """GET owners/ID, by its own id or by that of the user."""

        def work() -> Answer:
            by_user, archived = ask.said("idProperty") == "userId", ask.flag("archived")
            for owner in self.portal.owners.by_id.values():
                if id == (str(owner.user) if by_user else owner.id) and owner.active != archived:
                    return Answer.json(owner.told())
            raise missing(f"No owner found with id {id[:40]}")

        return Call("get", "owners", (id,)), OWNERS_READ, work

    def details(self, ask: Ask) -> Task:
        """GET account-info/…/details."""

        def work() -> Answer:
            try:
                zone = ZoneInfo(self.profile.time_zone)
            except ZoneInfoNotFoundError:
                zone = ZoneInfo("UTC")
            shift = self.portal.clock.now().astimezone(zone).utcoffset() or timedelta()
            minutes = int(shift.total_seconds() // 60)
            sign, hours, rest = "-" if minutes < 0 else "+", abs(minutes) // 60, abs(minutes) % 60
            return Answer.json(
                {
                    "portalId": self.portal.id,
                    "accountType": "STANDARD",
                    "timeZone": self.profile.time_zone,
                    "companyCurrency": self.profile.currencies[0],
                    "additionalCurrencies": list(self.profile.currencies[1:]),
                    "utcOffset": f"{sign}{hours:02d}:{rest:02d}",
                    "utcOffsetMilliseconds": minutes * 60_000,
                    "uiDomain": "app.hubspot.com",
                    "dataHostingLocation": "na1",
                }
            )

        return Call("me"), (), work

    def usage(self, ask: Ask) -> Task:
        """GET account-info/…/api-usage/daily/private-apps."""

        def work() -> Answer:
            at = self.portal.clock.millis()
            told = {
                "name": "private-apps-api-calls-daily",
                "usageLimit": self.rates.options.quota or 1_000_000,
                "currentUsage": self.rates.day_calls,
                "collectedAt": iso(at),
                "fetchStatus": "SUCCESS",
                "resetsAt": iso(int((self.rates.today() + timedelta(days=1)).timestamp() * 1000)),
            }
            return Answer.json({"results": [told]})

        return Call("me"), (), work
