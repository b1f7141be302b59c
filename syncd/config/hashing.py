"""A hash of what a configuration means: order, comments, defaults and secrets make no difference."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from syncd.config.models import Root, SystemModel, WebhooksModel
from syncd.config.systems import own_of_system

SECTIONS = ("quota", "webhooks")


def config_hash(root: Root, written: Mapping[str, Any]) -> str:
    """32 hex digits. Connectors' settings and the store count as written, with references unresolved."""
    meaning = root.model_dump(mode="json", by_alias=True)
    del meaning["secrets"]
    meaning["store"] = written.get("store", root.store)
    for name, model in root.systems.items():
        meaning["systems"][name] = {
            "common": {key: getattr(model, key) for key in SystemModel.model_fields if key not in SECTIONS},
            "quota": model.quota.model_dump(),
            "webhooks": model.webhooks and model.webhooks.model_dump(include=set(WebhooksModel.model_fields)),
            "own": own_of_system(written["systems"][name]),
        }
    text = json.dumps(meaning, sort_keys=True, ensure_ascii=False, default=str)
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
