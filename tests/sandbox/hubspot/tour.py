"""A walk through the whole API: every kind of call once, each answer with what it must look like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.sandbox.client import Answer
from tests.sandbox.hubspot.portal import Portal

PATHS = {
    "v3": {
        "objects": "/crm/v3/objects",
        "properties": "/crm/v3/properties",
        "owners": "/crm/v3/owners",
        "pipelines": "/crm/v3/pipelines",
        "linked": "/crm/v4/objects",
        "associations": "/crm/v4/associations",
        "labels": "/crm/associations/v4",
        "schemas": "/crm-object-schemas/v3/schemas",
        "account": "/account-info/v3",
        "webhooks": "/webhooks/v3/54321",
        "oauth": "/oauth/v3",
    },
    "2026-03": {
        "objects": "/crm/objects/2026-03",
        "properties": "/crm/properties/2026-03",
        "owners": "/crm/owners/2026-03",
        "pipelines": "/crm/pipelines/2026-03",
        "linked": "/crm/objects/2026-03",
        "associations": "/crm/associations/2026-03",
        "labels": "/crm/associations/2026-03",
        "schemas": "/crm-object-schemas/2026-03/schemas",
        "account": "/account-info/2026-03",
        "webhooks": "/webhooks/2026-03/54321",
        "oauth": "/oauth/2026-03",
    },
}
"""The paths of both versions; labels of v4 stand where its published description has them."""
KEY = {"hapikey": "developer-key"}


@dataclass
class Stop:
    """One call of the walk, and what its answer is called in the list of fields."""

    method: str
    path: str
    shape: str
    answer: Answer


class Tour:
    """Walks and notes."""

    def __init__(self, made: Portal, version: str) -> None:
        self.made, self.at, self.stops = made, PATHS[version], list[Stop]()

    async def call(
        self,
        shape: str,
        status: int,
        method: str,
        place: str,
        path: str = "",
        body: Any = None,
        **params: str,
    ) -> Any:
        """One call that must have this status; its body."""
        whole = self.at[place] + path
        answer = await self.made.call(method, whole, body, **params)
        assert answer.status == status, (whole, answer.body)
        self.stops.append(Stop(method, whole, shape, answer))
        return answer.body

    async def walk(self) -> list[Stop]:
        """All of it."""
        await self._objects()
        await self._batches()
        await self._associations()
        await self._properties()
        await self._pipelines()
        await self._rest()
        await self._oauth()
        await self._journal()
        return self.stops

    async def _objects(self) -> None:
        new = {"properties": {"email": "ann@acme.com", "hs_buying_role": "CHAMPION"}, "associations": []}
        one = (await self.call("record", 201, "POST", "objects", "/contacts", new))["id"]
        await self.call("error", 409, "POST", "objects", "/contacts", new)
        wrong = {"properties": {"nope": "1"}, "associations": []}
        await self.call("error", 400, "POST", "objects", "/contacts", wrong)
        await self.call("error", 404, "GET", "objects", "/contacts/1")
        change = {"properties": {"firstname": "Ann"}}
        await self.call("record", 200, "PATCH", "objects", f"/contacts/{one}", change)
        asked = {"propertiesWithHistory": "firstname", "associations": "companies"}
        await self.call("record", 200, "GET", "objects", f"/contacts/{one}", **asked)
        other = await self.call(
            "record",
            201,
            "POST",
            "objects",
            "/contacts",
            {"properties": {"lastname": "B"}, "associations": []},
        )
        await self.call("records", 200, "GET", "objects", "/contacts", limit="1")
        words = {"filterGroups": [], "sorts": ["createdate"], "limit": 1, "after": "0", "properties": []}
        await self.call("found", 200, "POST", "objects", "/contacts/search", words)
        merge = {"primaryObjectId": one, "objectIdToMerge": other["id"]}
        new_id = (await self.call("record", 200, "POST", "objects", "/contacts/merge", merge))["id"]
        await self.call("nothing", 204, "DELETE", "objects", f"/contacts/{new_id}")
        await self.call("records", 200, "GET", "objects", "/contacts", archived="true")
        gone = {"objectId": new_id}
        await self.call("nothing", 204, "POST", "objects", "/contacts/gdpr-delete", gone)

    async def _batches(self) -> None:
        good = {"properties": {"name": "Acme", "syncd_id": "k1"}, "associations": []}
        made = await self.call("batch", 201, "POST", "objects", "/companies/batch/create", {"inputs": [good]})
        traced = [
            {**good, "objectWriteTraceId": "a"},
            {"properties": {"name": "B"}, "objectWriteTraceId": "b"},
        ]
        await self.call("batch", 207, "POST", "objects", "/companies/batch/create", {"inputs": traced})
        id = made["results"][0]["id"]
        asked = {"inputs": [{"id": id}], "properties": ["name"], "propertiesWithHistory": []}
        await self.call("batch", 200, "POST", "objects", "/companies/batch/read", asked)
        asked["inputs"] = [{"id": id}, {"id": "7"}]
        await self.call("batch", 207, "POST", "objects", "/companies/batch/read", asked)
        change = {"inputs": [{"id": id, "properties": {"city": "Porto"}}]}
        await self.call("batch", 200, "POST", "objects", "/companies/batch/update", change)
        upsert = {"idProperty": "syncd_id", "properties": {"city": "Lille"}}
        inputs = [{"id": "k1", **upsert}, {"id": "k2", "properties": {"name": "C"}, "idProperty": "syncd_id"}]
        await self.call("upserts", 200, "POST", "objects", "/companies/batch/upsert", {"inputs": inputs})
        gone = {"inputs": [{"id": id}]}
        await self.call("nothing", 204, "POST", "objects", "/companies/batch/archive", gone)

    async def _associations(self) -> None:
        one, firm = self.made.person(lastname="x"), self.made.person("companies", name="D")
        pair = f"/contacts/{one}/associations/companies/{firm}"
        default = f"/contacts/{one}/associations/default/companies/{firm}"
        await self.call("defaults", 200, "PUT", "linked", default)
        specs = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1}]
        await self.call("labelled", 201, "PUT", "linked", pair, specs)
        await self.call("linked", 200, "GET", "linked", f"/contacts/{one}/associations/companies")
        place = "/contacts/companies/batch"
        inputs: list[Any] = [{"id": one}]
        await self.call("linked_batch", 200, "POST", "associations", f"{place}/read", {"inputs": inputs})
        inputs += [{"id": "7"}]
        await self.call("linked_batch", 207, "POST", "associations", f"{place}/read", {"inputs": inputs})
        ends: dict[str, Any] = {"from": {"id": one}, "to": {"id": firm}}
        many = {"inputs": [{**ends, "types": specs}]}
        await self.call("labelled_batch", 201, "POST", "associations", f"{place}/create", many)
        plain = {"inputs": [ends]}
        await self.call("defaults", 200, "POST", "associations", f"{place}/associate/default", plain)
        await self.call("labels", 200, "GET", "labels", "/contacts/companies/labels")
        label = {"label": "Billing", "name": "billing"}
        made = await self.call("labels", 200, "POST", "labels", "/contacts/companies/labels", label)
        type = made["results"][0]["typeId"]
        await self.call("nothing", 204, "DELETE", "labels", f"/contacts/companies/labels/{type}")
        await self.call("nothing", 204, "DELETE", "linked", pair)
        dated = "2026" in self.at["associations"]
        archive = {"inputs": [{"from": {"id": one}, "to": [{"id": firm}]}]}
        shape, status = ("empty_batch", 200) if dated else ("nothing", 204)
        await self.call(shape, status, "POST", "associations", f"{place}/archive", archive)

    async def _properties(self) -> None:
        await self.call("properties", 200, "GET", "properties", "/contacts")
        await self.call("property", 200, "GET", "properties", "/contacts/email")
        await self.call("error", 404, "GET", "properties", "/contacts/nope")
        group = {"name": "own", "label": "Own", "displayOrder": 1}
        await self.call("group", 201, "POST", "properties", "/contacts/groups", group)
        await self.call("groups", 200, "GET", "properties", "/contacts/groups")
        options = [{"label": "A", "value": "a", "hidden": False, "displayOrder": 0}]
        new = {"name": "kind", "label": "Kind", "type": "enumeration", "fieldType": "select"}
        new |= {"groupName": "own", "options": options}  # type: ignore[dict-item]
        await self.call("property", 201, "POST", "properties", "/contacts", new)
        change = {"label": "Sort"}
        await self.call("property", 200, "PATCH", "properties", "/contacts/kind", change)
        asked = {"inputs": [{"name": "kind"}, {"name": "nope"}], "archived": False}
        asked["dataSensitivity"] = "non_sensitive"
        await self.call("properties_batch", 207, "POST", "properties", "/contacts/batch/read", asked)
        await self.call("nothing", 204, "DELETE", "properties", "/contacts/kind")
        await self.call("properties", 200, "GET", "properties", "/contacts", archived="true")

    async def _pipelines(self) -> None:
        await self.call("pipelines", 200, "GET", "pipelines", "/deals")
        stage = {"label": "One", "displayOrder": 0, "metadata": {"probability": "0.5"}}
        body = {"label": "Second", "displayOrder": 1, "stages": [stage]}
        made = await self.call("pipeline", 201, "POST", "pipelines", "/deals", body)
        place = f"/deals/{made['id']}"
        await self.call("pipeline", 200, "PATCH", "pipelines", place, {"label": "2nd"})
        await self.call("stages", 200, "GET", "pipelines", f"{place}/stages")
        two = await self.call("stage", 201, "POST", "pipelines", f"{place}/stages", {**stage, "label": "Two"})
        change = {"metadata": {"probability": "1.0"}}
        await self.call("stage", 200, "PATCH", "pipelines", f"{place}/stages/{two['id']}", change)
        await self.call("audits", 200, "GET", "pipelines", f"{place}/audit")
        await self.call("nothing", 204, "DELETE", "pipelines", place)

    async def _rest(self) -> None:
        await self.call("owners", 200, "GET", "owners", limit="1")
        await self.call("owner", 200, "GET", "owners", "/41")
        await self.call("owners", 200, "GET", "owners", archived="true")
        await self.call("schemas", 200, "GET", "schemas")
        await self.call("schema", 200, "GET", "schemas", "/machines")
        await self.call("account", 200, "GET", "account", "/details")
        await self.call("usage", 200, "GET", "account", "/api-usage/daily/private-apps")
        settings = {"targetUrl": "https://x.io/hook", "throttling": {"maxConcurrentRequests": 10}}
        await self.call("hook_settings", 200, "PUT", "webhooks", "/settings", settings, **KEY)
        sub = {"eventType": "contact.propertyChange", "propertyName": "phone", "active": True}
        made = await self.call("hook", 201, "POST", "webhooks", "/subscriptions", sub, **KEY)
        await self.call("hooks", 200, "GET", "webhooks", "/subscriptions", **KEY)
        off = {"inputs": [{"id": int(made["id"]), "active": False}]}
        await self.call("hook_batch", 200, "POST", "webhooks", "/subscriptions/batch/update", off, **KEY)
        await self.call("nothing", 204, "DELETE", "webhooks", f"/subscriptions/{made['id']}", **KEY)

    async def _form(self, shape: str, path: str, **fields: str) -> Any:
        """A posted form, with the client's name and secret."""
        auth, whole = self.made.sandbox.ready()["auth"], self.at["oauth"] + path
        fields |= {"client_id": auth["client_id"], "client_secret": auth["client_secret"]}
        async with self.made.client.http.post(whole, data=fields) as got:
            answer = Answer(got.status, await got.json(), got.headers)
        self.stops.append(Stop("POST", whole, shape, answer))
        return answer.body

    async def _oauth(self) -> None:
        refresh = self.made.sandbox.ready()["auth"]["refresh_token"]
        told = await self._form("token", "/token", grant_type="refresh_token", refresh_token=refresh)
        words = {"token_type_hint": "access_token", "access_token": told["access_token"]}
        await self._form("access_token", "/token/introspect", **words)
        words = {"token_type_hint": "refresh_token", "refresh_token": refresh}
        await self._form("refresh_token", "/token/introspect", **words)

    async def _journal(self) -> None:
        told = await self._form("app_token", "/token", grant_type="client_credentials")
        bearer = {"Authorization": f"Bearer {told['access_token']}"}
        base, place = "/webhooks-journal", "/webhooks-journal/journal/2026-03"

        async def ask(shape: str, method: str, path: str, body: Any = None) -> Any:
            answer = await self.made.client.call(method, path, body, headers=bearer)
            self.stops.append(Stop(method, path, shape, answer))
            return answer.body

        wanted = {"subscriptionType": "OBJECT", "objectTypeId": "0-1", "actions": ["CREATE"]}
        sub = {**wanted, "portalId": 62515, "objectIds": [], "properties": []}
        made = await ask("journal_subscription", "POST", f"{base}/subscriptions/2026-03", sub)
        await ask("journal_subscriptions", "GET", f"{base}/subscriptions/2026-03")
        id = self.made.person(lastname="x")
        shot = {"portalId": 62515, "objectTypeId": "0-1", "objectId": int(id), "properties": ["lastname"]}
        snapshots = {"snapshotRequests": [shot]}
        shots = await ask("snapshots", "POST", f"{base}/snapshots/2026-03/crm", snapshots)
        status = shots["snapshotResponses"][0]["snapshotStatusId"]
        await ask("snapshot_status", "GET", f"{place}/status/{status}")
        await ask("journal_batch", "GET", f"{place}/batch/earliest/10")
        await ask("nothing", "DELETE", f"{base}/subscriptions/2026-03/{made['id']}")
