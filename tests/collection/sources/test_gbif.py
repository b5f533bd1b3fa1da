from __future__ import annotations

import json

import pytest

from tellapart.collection.sources import SOURCES, SourceError
from tests.collection.sources.answers import parsed, query, recorded

GBIF = SOURCES["gbif"]


def test_images_carry_the_license_of_the_image_not_of_the_record() -> None:
    first, second, third = parsed("gbif/page1.json").offers
    assert [one.license for one in (first, second, third)] == ["cc-by-nc-4.0", "cc0-1.0", "usage-conditions-apply"]
    assert third.creator == "Smithsonian Institution"
    assert third.license_url == ""
    assert first.attribution == '"Puma concolor" by Ann Observer, CC BY-NC 4.0, via iNaturalist'


def test_a_photo_of_inaturalist_has_the_address_and_group_it_has_there() -> None:
    first, second, third = parsed("gbif/page1.json", side=500).offers
    assert first.url == "https://inaturalist-open-data.s3.amazonaws.com/photos/31610070/medium.jpg"
    assert first.group == second.group == "https://www.inaturalist.org/observations/2005380410"
    assert third.url == "https://collections.nmnh.si.edu/media/?i=10102345"
    assert third.group == "https://www.gbif.org/occurrence/1702831204"


def test_living_things_come_before_specimens() -> None:
    asked = [GBIF.request(query("gbif", facet=facet), None, {}).params["basisOfRecord"] for facet in GBIF.facets("Puma concolor")]
    assert asked[0] == "HUMAN_OBSERVATION"
    assert len(set(asked)) == len(asked)
    assert "PRESERVED_SPECIMEN" in asked


def test_offsets_and_licenses() -> None:
    asked = GBIF.request(query("gbif", licenses=("cc0",)), "600", {}).params
    assert (asked["offset"], asked["limit"], asked["mediaType"], asked["license"]) == ("600", "300", "StillImage", "CC0_1_0")
    assert asked["scientificName"] == "Puma concolor"
    assert "license" not in GBIF.request(query("gbif", licenses=("cc0", "cc-by")), None, {}).params
    assert "license" not in GBIF.request(query("gbif", licenses=("cc-by-sa",)), None, {}).params


@pytest.mark.parametrize(("offset", "cursor"), [(None, "300"), ("99300", "99600"), ("99600", None), ("99700", None)])
def test_it_is_not_asked_beyond_its_depth(offset: str | None, cursor: str | None) -> None:
    assert GBIF.parse(recorded("gbif/page1.json"), query("gbif"), offset).cursor == cursor


def test_sounds_pages_and_media_without_an_address_are_left_out() -> None:
    (only,) = parsed("gbif/missing_fields.json").offers
    assert (only.url, only.page, only.license) == ("https://example.org/7.jpg", "https://www.gbif.org/occurrence/7", "")


def test_a_smaller_limit_than_asked_for_skips_nothing() -> None:
    body = json.dumps({**json.loads(recorded("gbif/page1.json")), "limit": 100}).encode()
    assert GBIF.parse(body, query("gbif"), "300").cursor == "400"


def test_refusals() -> None:
    with pytest.raises(SourceError, match="Cannot parse UNKNOWN into a known MediaType"):
        parsed("gbif/error_400.txt")
    with pytest.raises(SourceError, match="HTTP 404 Not Found"):
        parsed("gbif/error_message.json")
