"""YAML to typed settings, every problem with its position, secrets kept out of sight."""

from syncd.config.jsonschema import json_schema
from syncd.config.load import load
from syncd.config.ordercheck import check_orders
from syncd.config.problems import InvalidConfig, Place, Problem
from syncd.config.remotemap import with_schemas
from syncd.config.schemacheck import check_schema
from syncd.config.settings import (
    Brake,
    Brakes,
    ConnectorOptions,
    Deletes,
    KindSettings,
    KindSystemSettings,
    OwnStrategy,
    RetentionSettings,
    SecretSettings,
    ServiceSettings,
    Settings,
    StoreSettings,
    SystemSettings,
)
from syncd.config.template import init_template

__all__ = [
    "Brake",
    "Brakes",
    "ConnectorOptions",
    "Deletes",
    "InvalidConfig",
    "KindSettings",
    "KindSystemSettings",
    "OwnStrategy",
    "Place",
    "Problem",
    "RetentionSettings",
    "SecretSettings",
    "ServiceSettings",
    "Settings",
    "StoreSettings",
    "SystemSettings",
    "check_orders",
    "check_schema",
    "init_template",
    "json_schema",
    "load",
    "with_schemas",
]
