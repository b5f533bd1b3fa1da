from __future__ import annotations

from pathlib import Path

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


def test_every_class_has_its_wishes_wherever_its_pictures_come_from(tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text('[classes.oak]\nlicences = ["cc-by"]\n[classes.elm]\nkeywords = ["elm tree"]\n')
    options = CollectOptions.of(plan=plan, page=("https://a.example",), label="ash", licences="cc0,pdm", side=300)
    order = order_of(["birch"], options, {})
    assert {label: order.wishes(label).licences for label in ("oak", "elm", "birch", "ash", "of a list")} == {
        "oak": ("cc-by",),
        **dict.fromkeys(("elm", "birch", "ash", "of a list"), ("cc0", "pdm")),
    }
    assert {order.wishes(label).side for label in ("oak", "ash", "of a list")} == {300}
