"""Whose org a log-in leads to."""

from __future__ import annotations

import pytest

from connectors.salesforce.auth import Place
from syncd.core.errors import NeedsOperator

LOGIN = "https://login.salesforce.com"
ORG, USER, OTHER = "00D000000000001EAA", "005000000000001AAA", "00D000000000002EAA"


def test_a_later_log_in_may_lead_to_the_same_org_alone() -> None:
    place = Place(LOGIN)
    home = {"id": f"{LOGIN}/id/{ORG}/{USER}", "instance_url": "https://home.my.salesforce.com"}
    place.told(home)
    place.told({**home, "id": f"{LOGIN}/id/{ORG[:15]}/{USER[:15]}"})
    with pytest.raises(NeedsOperator, match=f"leads to org {OTHER}, and what is linked is in org {ORG}"):
        place.told({"id": f"{LOGIN}/id/{OTHER}/{USER}", "instance_url": "https://away.my.salesforce.com"})
    assert (place.org, place.instance_url) == (ORG, "https://home.my.salesforce.com")
