"""A lifecycle stage only moves forward, unless it was cleared before (contacts guide).

To clear it here would take a second call: what fails between the two leaves no stage, and reads as an edit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

STAGE = "lifecyclestage"
CODE = "ONLY_FORWARD"
SAID = "HubSpot kept the lifecycle stage, which only moves forward: move it back in HubSpot by hand"


def kept(sent: Mapping[str, str], row: Mapping[str, Any] | None) -> bool:
    """Whether an answer shows another stage than the one that was sent."""
    told = (row or {}).get("properties") or {}
    return bool(sent.get(STAGE)) and STAGE in told and told[STAGE] != sent[STAGE]
