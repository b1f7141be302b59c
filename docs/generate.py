"""Fill the generated tables of docs/*.md from the configuration's models. `--check` only compares.

A block stands between `<!-- generated: MODEL -->` and `<!-- end -->`; the rest of a page is written by hand.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from connectors.hubspot.options import HubSpotAuth, HubSpotObjectOptions, HubSpotOptions, HubSpotWebhooks
from connectors.hubspot.sandbox.options import HubHooks, HubLimits, HubProfile, PortalQuirks
from connectors.rest import options as rest
from connectors.rest.sandbox.profile import Paging, RestProfile
from connectors.salesforce.options import (
    ClientCredentials,
    JwtBearer,
    RefreshToken,
    SalesforceObjectOptions,
    SalesforceOptions,
    Session,
)
from connectors.salesforce.sandbox.options import (
    DuplicateRule,
    OrgQuirks,
    SalesforceAuth,
    SalesforceLimits,
    SalesforceProfile,
    ValidationRule,
)
from connectors.sandboxes.auth import AuthOptions
from connectors.sandboxes.limits import LimitOptions
from connectors.sandboxes.quirks import Quirks
from connectors.sandboxes.webhooks import HookOptions
from connectors.sql.options import Archive, SqlObjectOptions, SqlOptions
from syncd.config import models

DOCS = Path(__file__).parent
BLOCK = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.S)
MODELS: dict[str, type[BaseModel]] = {
    name: found
    for name, found in {**vars(rest), **vars(models)}.items()
    if isinstance(found, type) and issubclass(found, BaseModel) and found.model_fields
}
MODELS |= {m.__name__: m for m in (AuthOptions, HookOptions, LimitOptions, Paging, Quirks)}
MODELS |= {
    m.__name__: m for m in (OrgQuirks, SalesforceAuth, SalesforceLimits, ValidationRule, DuplicateRule)
}
MODELS |= {m.__name__: m for m in (PortalQuirks, HubHooks, HubLimits)}
MODELS |= {m.__name__: m for m in (HubSpotOptions, HubSpotAuth, HubSpotWebhooks, HubSpotObjectOptions)}
MODELS |= {m.__name__: m for m in (ClientCredentials, JwtBearer, RefreshToken, Session)}
MODELS |= {m.__name__: m for m in (SalesforceOptions, SalesforceObjectOptions)}
MENTIONED: dict[str, tuple[type[BaseModel], ...]] = {
    "sandbox.md": (RestProfile,),
    "sandbox-hubspot.md": (HubProfile,),
    "sandbox-salesforce.md": (SalesforceProfile,),
    "sql-connector.md": (SqlOptions, SqlObjectOptions, Archive),
}
"""Models whose keys a page describes by hand, and must all name."""
DURATION, SHARE = r"(ms|s|m|h|d|w)", r"\s*%$"


def table(model: type[BaseModel]) -> str:
    """A model's keys as a Markdown table; `about` only where the model describes its fields."""
    schema = model.model_json_schema()
    keys = schema["properties"]
    told = any("description" in shape for shape in keys.values())
    head = "| key | values | if absent |" + (" what it says |" if told else "")
    lines = [head, "|---" * (4 if told else 3) + "|"]
    for key, shape in keys.items():
        absent = "required" if key in schema.get("required", ()) else default(shape)
        about = shape.get("description", "").replace("|", "\\|")
        lines.append(f"| `{key}` | {values(shape)} | {absent} |" + (f" {about} |" if told else ""))
    return "\n".join(lines) + "\n"


def values(shape: dict[str, Any]) -> str:
    """What a key may be, in words."""
    if "const" in shape:
        return f"`{shape['const']}`"
    if "enum" in shape:
        return " \\| ".join(
            f"`{str(word).lower() if isinstance(word, bool) else word}`" for word in shape["enum"]
        )
    if "$ref" in shape:
        return section(shape["$ref"])
    if "anyOf" in shape:
        parts = [values(one) for one in shape["anyOf"] if one.get("type") != "null"]
        if any("duration" in part for part in parts):
            return "a duration" if len(parts) < 3 else "; or ".join(dict.fromkeys(parts))
        return "a share, such as `2%`" if "a share" in parts else "; or ".join(dict.fromkeys(parts))
    return _plain(shape)


def _plain(shape: dict[str, Any]) -> str:
    kind = shape.get("type")
    if kind == "string" and "pattern" in shape:
        if DURATION in shape["pattern"]:
            return "a duration"
        return "a share" if shape["pattern"].endswith(SHARE) else "text"
    if kind == "array":
        return f"a list of {values(shape['items'])}" if shape.get("items") else "a list"
    if kind == "object":
        return "a section"
    limits = [f"from {shape[low]}" for low in ("minimum",) if low in shape]
    limits += [f"above {shape[low]}" for low in ("exclusiveMinimum",) if low in shape]
    limits += [f"to {shape[high]}" for high in ("maximum",) if high in shape]
    words = {
        "integer": "a whole number",
        "number": "a number",
        "boolean": "`true` \\| `false`",
        "string": "text",
    }
    return " ".join([words.get(str(kind), "a value"), *limits])


def section(ref: str) -> str:
    name = ref.rpartition("/")[2].removeprefix("HubSpot").removesuffix("Model").removesuffix("Words")
    return f"a section, see {name.lower()}"


def default(shape: dict[str, Any]) -> str:
    """What holds where the key is left out."""
    value = shape.get("default")
    if value in (None, "", {}, []):
        return ""
    if isinstance(value, dict):
        shown = {k: v for k, v in value.items() if v is not None}
        nested = any(isinstance(v, dict) for v in shown.values())
        return "" if nested else ", ".join(f"{k}: {str(v).lower()}" for k, v in shown.items())
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{text}`"


def filled(text: str) -> str:
    """A page with its blocks made anew."""
    return BLOCK.sub(lambda found: found[1] + table(MODELS[found[2]]) + found[3], text)


def unnamed() -> list[tuple[str, str]]:
    """Keys that their page does not name, as (page, key)."""
    return [
        (page, info.alias or name)
        for page, found in MENTIONED.items()
        for model in found
        for name, info in model.model_fields.items()
        if f"`{info.alias or name}`" not in (DOCS / page).read_text(encoding="utf-8")
    ]


def main(check: bool) -> int:
    stale = []
    for page in sorted(DOCS.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        if filled(text) != text:
            stale.append(page)
            if not check:
                page.write_text(filled(text), encoding="utf-8")
    lacking = [f"{page} does not name `{key}`" for page, key in unnamed()]
    for page in stale:
        word = "is out of date: run docs/generate.py" if check else "written"
        sys.stdout.write(f"docs/{page.name} {word}\n")
    sys.stdout.writelines(f"docs/{line}\n" for line in lacking)
    return 1 if lacking or (check and stale) else 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv))
