from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tellapart.collection.sources import SOURCES, SourceError
from tests.collection.sources.answers import KEYS, parsed, query, recorded

FLICKR = SOURCES["flickr"]


def test_photos_as_its_documents_show_them() -> None:
    first, second, small = parsed("flickr/page1.json").offers
    assert first.url == "https://live.staticflickr.com/65535/49514337848_bbdbb5f761_b.jpg"
    assert (first.width, first.height, first.license) == (660, 1024, "cc-by-nc-sa-2.0")
    assert first.page == "https://www.flickr.com/photos/7478087@N06/49514337848"
    assert first.attribution == '"Warsy (église) • 7433" by markustrois, CC BY-NC-SA 2.0, via Flickr'
    assert (small.url, small.license) == ("https://live.staticflickr.com/65535/49514301123_11.jpg", "cc-by-4.0"), "the largest there is"
    assert (first.group, second.group) == ("flickr:7478087@N06:2020-02-10", "flickr:7478087@N06:2020-02-11")


@pytest.mark.parametrize(("side", "height"), [(300, 500), (500, 500), (501, 640), (1024, 1024), (1025, 1600), (4000, 1600)])
def test_the_smallest_copy_that_is_large_enough_is_taken(side: int, height: int) -> None:
    assert parsed("flickr/page1.json", side=side).offers[0].height == height


def test_licenses_become_flickrs_numbers() -> None:
    assert FLICKR.request(query("flickr", licenses=("cc-by", "cc0")), None, KEYS).params["license"] == "4,9,11"
    assert FLICKR.request(query("flickr", licenses=("cc-by-nc",)), None, KEYS).params["license"] == "2,14"
    assert "license" not in FLICKR.request(query("flickr"), None, KEYS).params
    assert [one.license for one in parsed("flickr/page2.json").offers] == ["cc0-1.0", "all-rights-reserved"]


def test_a_year_is_its_first_to_its_last_second() -> None:
    asked = FLICKR.request(query("flickr", facet={"uploaded": "2019"}), None, KEYS).params
    low, high = (datetime.fromtimestamp(int(asked[name]), UTC) for name in ("min_upload_date", "max_upload_date"))
    assert (low.isoformat(), high.isoformat()) == ("2019-01-01T00:00:00+00:00", "2019-12-31T23:59:59+00:00")
    with pytest.raises(SourceError, match="no year 99999"):
        FLICKR.request(query("flickr", facet={"uploaded": "99999"}), None, KEYS)


def test_it_is_not_asked_beyond_its_depth() -> None:
    body = recorded("flickr/page1.json").replace(b'"pages": 2', b'"pages": 900')
    cursor, asked = None, 1
    while (cursor := FLICKR.parse(body, query("flickr"), cursor).cursor) is not None:
        asked += 1
    assert asked == 8


def test_deleted_and_private_photos_are_left_out() -> None:
    assert [(one.url, one.license, one.group) for one in parsed("flickr/missing_fields.json").offers] == [
        ("https://live.staticflickr.com/1/3.jpg", "", ""),
        ("https://live.staticflickr.com/1/4.jpg", "", ""),
    ]


def test_refusals() -> None:
    with pytest.raises(SourceError, match=r"Invalid API Key \(Key has invalid format\) \(code 100\)"):
        parsed("flickr/error_key.json")
    with pytest.raises(SourceError, match="currently unavailable"):
        parsed("flickr/error_unavailable.json")
