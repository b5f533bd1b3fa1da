from __future__ import annotations

import json

import pytest

from tellapart.collection.sources import SOURCES, SourceError
from tellapart.collection.sources.inaturalist import sized
from tests.collection.sources.answers import parsed, query, recorded

INATURALIST = SOURCES["inaturalist"]


def test_every_photo_of_an_observation_is_offered_under_its_own_license() -> None:
    first, second, third = parsed("inaturalist/page1.json").offers
    assert [one.license for one in (first, second, third)] == ["cc-by-nc-4.0", "", "cc0-1.0"]
    assert first.group == second.group == "https://www.inaturalist.org/observations/57707611" != third.group
    assert first.attribution == "(c) Ingrid T, some rights reserved (CC BY-NC)"
    assert (first.creator, first.creator_url, first.title) == ("Ingrid T", "https://www.inaturalist.org/people/ingridt3", "Monarch")


@pytest.mark.parametrize(("side", "name", "width"), [(100, "small", 240), (240, "small", 240), (500, "medium", 500), (1024, "large", 1024)])
def test_the_smallest_copy_that_is_large_enough_is_taken(side: int, name: str, width: int) -> None:
    first, second, _ = parsed("inaturalist/page1.json", side=side).offers
    assert first.url == f"https://inaturalist-open-data.s3.amazonaws.com/photos/91000001/{name}.jpg"
    assert second.url == f"https://static.inaturalist.org/photos/91000002/{name}.jpeg"
    assert (first.width, first.height) == (width, width * 3 // 4)
    assert parsed("inaturalist/page1.json", side=4000).offers[0].width == 2048


def test_other_addresses_are_left_as_they_are() -> None:
    assert sized("https://example.org/photos/square.jpg", 500) == "https://example.org/photos/square.jpg"
    assert sized("", 500) == ""


def test_flagged_photos_are_left_out() -> None:
    assert not [offer for offer in parsed("inaturalist/page1.json").offers if "91000004" in offer.url]


def test_pages_go_on_above_the_last_number() -> None:
    found = parsed("inaturalist/page1.json")
    assert found.cursor == "57754375"
    asked = INATURALIST.request(query("inaturalist", licenses=("cc-by", "cc0")), found.cursor, {}).params
    assert (asked["id_above"], asked["order_by"], asked["order"], asked["per_page"]) == ("57754375", "id", "asc", "200")
    assert (asked["taxon_name"], asked["quality_grade"], asked["photo_license"]) == ("Danaus plexippus", "research", "cc-by,cc0")
    assert "page" not in asked, "pages end at 10,000 results"


@pytest.mark.parametrize(
    ("keyword", "is_found"),
    [("Danaus plexippus", True), ("danaus", True), ("MONARCH", True), (" monarch ", True), ("Danaus plex", False), ("arch", False)],
)
def test_only_what_has_the_name_is_taken(keyword: str, is_found: bool) -> None:
    body = recorded("inaturalist/page1.json")
    if is_found:
        assert len(INATURALIST.parse(body, query("inaturalist", keyword=keyword), None).offers) == 3
        return
    with pytest.raises(SourceError, match="it has Monarch, Danaus plexippus"):
        INATURALIST.parse(body, query("inaturalist", keyword=keyword), None)
    later = INATURALIST.parse(body, query("inaturalist", keyword=keyword), "57000000")
    assert (later.offers, later.cursor) == ((), "57754375"), "on a later page others may follow"


def test_a_word_within_other_names_is_no_name() -> None:
    with pytest.raises(SourceError, match="exactly the name 'dog'; it has Dog-rose, Rosa canina, Black-tailed Prairie Dog"):
        INATURALIST.parse(recorded("inaturalist/other_names.json"), query("inaturalist", keyword="dog"), None)


def test_the_total_is_that_of_the_first_page() -> None:
    body = json.dumps({**json.loads(recorded("inaturalist/page1.json")), "total_results": 99}).encode()
    assert INATURALIST.parse(body, query("inaturalist"), None).total == 99
    assert INATURALIST.parse(body, query("inaturalist"), "1").total is None


def test_photos_without_an_address_or_a_size() -> None:
    (only,) = parsed("inaturalist/missing_fields.json").offers
    assert only.url == "https://static.inaturalist.org/photos/7/large.png"
    assert (only.width, only.page, only.license) == (None, "", "")
