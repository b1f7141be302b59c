"""Companies and contacts as every portal has them, for `syncd init`."""

from __future__ import annotations

from connectors.base import Example

EXAMPLE = Example(
    objects={"company": "companies", "contact": "contacts"},
    fields={
        "company": {"name": "name", "website": "domain"},
        "contact": {
            "email": "email",
            "first_name": "firstname",
            "last_name": "lastname",
            "phone": "phone",
            "company": "{association: companies}",
        },
    },
    key_field="syncd_id",
)
