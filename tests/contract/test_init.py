"""What `syncd init` writes fits the objects that every org and portal has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from connectors.base import ObjectSpec
from connectors.hubspot import HubSpotConnector
from connectors.hubspot.sandbox import HubSpotSandbox
from syncd.config import Settings, check_schema, init_template, load
from syncd.service.vendors import connector_options, object_specs
from tests.contract.salesforce_lab import Lab

NAMES = {
    "SALES_LOGIN_URL": "https://acme.my.salesforce.com",
    "SALES_CLIENT_ID": "x",
    "SALES_USER": "x",
    "SALES_PRIVATE_KEY": "x",
    "HUB_TOKEN": "x",
}


def written(folder: Path) -> Settings:
    known = connector_options()
    file = folder / "syncd.yaml"
    file.write_text(init_template([("sales", "salesforce"), ("hub", "hubspot")], known), encoding="utf-8")
    return load(file, known, NAMES)


def wanted(settings: Settings, system: str) -> list[ObjectSpec]:
    return object_specs(settings, system, settings.kinds)


async def problems(settings: Settings, system: str, connector: Any) -> list[str]:
    return [str(problem) for problem in check_schema(settings, system, await connector.describe())]


async def test_the_file_fits_an_org(tmp_path: Path) -> None:
    settings = written(tmp_path)
    fields = {spec.name: spec.fields for spec in wanted(settings, "sales")}
    assert set(fields) == {"Account", "Contact"}
    async with Lab.running() as lab:
        assert await problems(settings, "sales", lab.connect(fields=fields)) == []


async def test_the_file_fits_a_portal(tmp_path: Path) -> None:
    settings = written(tmp_path)
    specs = wanted(settings, "hub")
    assert {spec.name for spec in specs} == {"companies", "contacts"}
    async with HubSpotSandbox({}).serving() as sandbox:
        own = {"url": sandbox.url, "auth": {"token": sandbox.auth.options.token}}
        connector = HubSpotConnector("hub", own, specs)
        assert await problems(settings, "hub", connector) == []
        await connector.aclose()
