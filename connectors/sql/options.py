"""The settings of a `connector: sql` system, and those of one table in it."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from syncd.core.nouns import Value

Capture = Literal["scan", "updated_at", "triggers"]


class SqlOptions(BaseModel):
    """One database. Times in seconds.

    `capture` is how changes are found: by a full read that the database filters to what is new (`scan`), by a
    column that every writer moves (`updated_at`), or by a log that triggers write (`triggers`; with
    `install: false` a person creates them). `overlap` is how far behind the present the updated-at cursor
    stays, beyond what running transactions may still write. `log_life` is how long log rows are kept.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: SecretStr
    capture: Capture = "scan"
    table_schema: str = Field(default="public", alias="schema")
    pool_size: int = Field(default=4, ge=1, le=64)
    page: int = Field(default=500, ge=1, le=10_000)
    write_batch: int = Field(default=200, ge=1, le=5_000)
    statement_timeout: float = Field(default=60.0, gt=0)
    lock_timeout: float = Field(default=2.0, gt=0)
    connect_timeout: float = Field(default=10.0, gt=0)
    overlap: float = Field(default=10.0, ge=0)
    install: bool = True
    log_life: float = Field(default=7 * 86_400.0, gt=0)

    @field_validator("url")
    @classmethod
    def _is_postgresql(cls, url: SecretStr) -> SecretStr:
        if urlsplit(url.get_secret_value()).scheme not in ("postgresql", "postgres"):
            raise ValueError("must begin with postgresql://")
        return url

    def place(self) -> str:
        """Host, port and database, for messages: never the user's password."""
        parts = urlsplit(self.url.get_secret_value())
        host = parts.netloc.rpartition("@")[2] or "local socket"
        return f"{host}{parts.path}"


class Archive(BaseModel):
    """Which column says that a row is archived, and the value that says so."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str
    value: Value = True


class SqlObjectOptions(BaseModel):
    """One table. `zone` is the time zone of an `updated_at` column that has none of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str | None = None
    updated_at: str | None = None
    zone: str = "UTC"
    archive: Archive | None = None
