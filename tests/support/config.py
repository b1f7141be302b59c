"""A small sound configuration, its connectors, and ways to break it."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, SecretStr, field_validator

from syncd.config import ConnectorOptions, InvalidConfig, Settings, load

CANARY = "hunter22-canary"
ENV = {"URL": f"postgresql://sync:{CANARY}@db.example/crm", "TOKEN": CANARY, "PORT": "9000"}


class SqlOptions(BaseModel):
    model_config = ConfigDict(extra="forbid")
    url: SecretStr
    token: str = ""
    namespace: str = "public"

    @field_validator("namespace")
    @classmethod
    def no_slash(cls, value: str) -> str:
        if "/" in value:
            raise ValueError(f"{value} is no namespace; use no slash")
        return value


class SqlObject(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id_field: str = "id"
    archive_field: str | None = None


class HookOptions(BaseModel):
    model_config = ConfigDict(extra="forbid")
    secret: SecretStr
    tolerance: float = 300.0


class HookedOptions(BaseModel):
    model_config = ConfigDict(extra="forbid")
    webhooks: HookOptions | None = None


class Anything(BaseModel):
    model_config = ConfigDict(extra="allow")


HOOKED = ConnectorOptions(HookedOptions, SqlObject)
CONNECTORS = {
    "sql": ConnectorOptions(SqlOptions, SqlObject, archives="archive_field"),
    "salesforce": ConnectorOptions(Anything, Anything),
    "hubspot": ConnectorOptions(Anything, Anything, archives=True),
}

SOUND = """\
systems:
  sales: {connector: sql, url: "${env:URL}"}
  erp: {connector: sql, url: "${env:URL}"}
kinds:
  company:
    fields: {name: text}
    systems:
      sales: {object: companies, fields: {name: name}}
      erp: {object: orgs, fields: {name: title}}
  contact:
    fields: {email: email, name: text, company: {ref: company}, score: integer, tags: {set: text}}
    match: [email]
    systems:
      sales: {object: contacts, fields: {email: email, name: name, company: org, score: score, tags: tags}}
      erp: {object: people, fields: {email: mail, name: nm, company: org, score: points, tags: labels}}
"""


def changed(old: str, new: str) -> str:
    """The sound configuration with its first `old` replaced."""
    assert old in SOUND
    return SOUND.replace(old, new, 1)


def load_text(folder: Path, text: str, env: dict[str, str] | None = None) -> Settings:
    """The settings of a text written to a file."""
    file = folder / "syncd.yaml"
    file.write_text(text, encoding="utf-8")
    return load(file, CONNECTORS, ENV if env is None else env)


def problems_of(folder: Path, text: str, env: dict[str, str] | None = None) -> list[str]:
    """The problems of a text, as printed, without the folder."""
    try:
        load_text(folder, text, env)
    except InvalidConfig as error:
        return str(error).replace(f"{folder}/", "").splitlines()
    return []
