from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tellapart.collection.options import CollectOptions
from tellapart.collection.order_resolution import resolve_contact, resolve_order
from tellapart.collection.sources import SOURCES, registry
from tellapart.errors import OptionError


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
    assert resolve_contact(given, environment) == contact
    assert resolve_order(["oak"], CollectOptions.of(contact=given), environment).contact == contact


def test_every_class_has_its_wishes_wherever_its_images_come_from(tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text('[classes.oak]\nlicenses = ["cc-by"]\n[classes.elm]\nkeywords = ["elm tree"]\n')
    options = CollectOptions.of(plan=plan, page=("https://a.example",), label="ash", licenses="cc0,pdm", max_side=300)
    order = resolve_order(["birch"], options, {})
    assert {label: order.preferences(label).licenses for label in ("oak", "elm", "birch", "ash", "of a list")} == {
        "oak": ("cc-by",),
        **dict.fromkeys(("elm", "birch", "ash", "of a list"), ("cc0", "pdm")),
    }
    assert {order.preferences(label).side for label in ("oak", "ash", "of a list")} == {300}


def test_where_no_source_is_named_those_are_asked_that_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "entry_points", lambda group: [])

    def asked(environment: dict[str, str], **options: Any) -> tuple[str, ...]:
        return resolve_order(["oak"], CollectOptions.of(contact="me@example.org", **options), environment).asked["oak"]

    every = {key: "set" for source in SOURCES.values() for key in source.card.keys}
    assert asked({}) == ("openverse", "wikimedia")
    assert asked({"FLICKR_API_KEY": " "}) == ("openverse", "wikimedia")
    assert asked(every) == ("openverse", "wikimedia", "flickr")
    assert asked(every, licenses="CC0, PDM") == asked(every, licenses="cc0,pdm")
    with pytest.raises(OptionError, match="there is no license 'cc-bye' to ask for"):
        asked(every, licenses="cc-bye")
    assert asked(every, licenses="pdm") == ("openverse", "wikimedia", "flickr")
    with pytest.raises(OptionError, match="there is no source to ask\nopenverse has no images under the licenses asked for"):
        asked(every, licenses="pexels")
    assert asked(every, licenses="pexels", sources="pexels") == ("pexels",)
