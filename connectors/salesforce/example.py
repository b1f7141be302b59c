"""Companies and contacts as every org has them, for `syncd init`."""

from __future__ import annotations

from connectors.base import Example

EXAMPLE = Example(
    objects={"company": "Account", "contact": "Contact"},
    fields={
        "company": {"name": "Name", "website": "Website"},
        "contact": {
            "email": "{to: Email, max_length: 80}",
            "first_name": "{to: FirstName, max_length: 40}",
            "last_name": "{to: LastName, max_length: 80}",
            "phone": "Phone",
            "company": "AccountId",
        },
    },
    key_field="Syncd_Id__c",
    hints=('login_url: "${env:NAME_LOGIN_URL}"   # the My Domain: https://YOURS.my.salesforce.com',),
)
