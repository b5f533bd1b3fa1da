from __future__ import annotations

import pytest

from tellapart.verbs.collect import CollectOptions
from tellapart.verbs.ordering import contact_of, order_of


@pytest.mark.parametrize(
    ("given", "environment", "contact"),
    [
        ("me@example.org", {"TELLAPART_CONTACT": "us@example.org"}, "me@example.org"),
        (None, {"TELLAPART_CONTACT": "us@example.org"}, "us@example.org"),
        (None, {"TELLAPART_CONTACT": ""}, None),
        (None, {}, None),
    ],
)
def test_whom_to_write_to_is_said_by_the_option_before_the_environment(
    given: str | None, environment: dict[str, str], contact: str | None
) -> None:
    assert contact_of(given, environment) == contact
    assert order_of(["oak"], CollectOptions.of(contact=given), environment).contact == contact
