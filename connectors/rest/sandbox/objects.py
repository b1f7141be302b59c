"""The objects that the plain CRM has by itself: contacts, companies, deals."""

from __future__ import annotations

from typing import Any

from connectors.sandboxes.shape import ObjectShape

TEXT = {"length": 255}
ADDRESS: dict[str, Any] = dict.fromkeys(("street", "city", "zip", "country"), TEXT)
CONTACTS: dict[str, Any] = {
    "first_name": TEXT,
    "last_name": {"length": 80, "required": True},
    "email": {"type": "email", "length": 255, "normalise": ["trim", "lower"]},
    "phone": {"type": "phone", "length": 40},
    "title": TEXT,
    **ADDRESS,
    "birthday": {"type": "date"},
    "score": {"type": "integer"},
    "newsletter": {"type": "boolean"},
    "tags": {"type": "set"},
    "company": {"type": "ref", "references": "companies"},
    "notes": {"type": "html"},
}
COMPANIES: dict[str, Any] = {
    "name": {"length": 255, "required": True},
    "domain": {"type": "url"},
    "phone": {"type": "phone", "length": 40},
    **ADDRESS,
    "industry": {"type": "enum", "options": ["software", "retail", "finance", "health", "other"]},
    "employees": {"type": "integer"},
}
DEALS: dict[str, Any] = {
    "title": {"length": 255, "required": True},
    "amount": {"type": "decimal", "scale": 2, "normalise": ["round:2"]},
    "currency": {"length": 3},
    "stage": {"type": "enum", "options": ["new", "qualified", "proposal", "won", "lost"]},
    "close_date": {"type": "date"},
    "company": {"type": "ref", "references": "companies"},
    "contact": {"type": "ref", "references": "contacts"},
}


def standard(*, prefixes: bool, single_name: bool) -> dict[str, ObjectShape]:
    """The three objects; with `single_name` contacts have one `name` in place of first and last."""
    contacts = dict(CONTACTS)
    if single_name:
        del contacts["first_name"], contacts["last_name"]
        contacts = {"name": {"length": 120, "required": True}, **contacts}
    found = {"contacts": ("c", contacts), "companies": ("o", COMPANIES), "deals": ("d", DEALS)}
    return {
        name: ObjectShape.model_validate({"prefix": prefix if prefixes else "", "fields": fields})
        for name, (prefix, fields) in found.items()
    }
