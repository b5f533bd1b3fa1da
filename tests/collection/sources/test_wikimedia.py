from __future__ import annotations

import json

import pytest

from tellapart.collection.sources import SOURCES, SourceError
from tellapart.collection.sources.wikimedia import WIDTHS
from tests.collection.sources.answers import parsed, query, recorded

COMMONS = SOURCES["wikimedia"]


def test_files_come_in_the_order_of_their_rank_with_credit_in_plain_words() -> None:
    oak, lone = parsed("wikimedia/search1.json").offers
    assert (lone.license, lone.creator, lone.attribution) == ("cc-by-sa-4.0", "PtrQs", "Photo by PtrQs")
    assert lone.license_url == "https://creativecommons.org/licenses/by-sa/4.0"
    assert (oak.license, oak.creator) == ("pdm", "Jane & John Doe of Kew")
    assert oak.attribution == '"Old oak" by Jane & John Doe of Kew, public domain, via Wikimedia Commons'
    assert oak.page == "https://commons.wikimedia.org/wiki/File:Old_oak.tif"


def test_the_smaller_copy_is_taken_where_it_is_large_enough() -> None:
    small, large = parsed("wikimedia/search1.json", side=1024).offers[1], parsed("wikimedia/search1.json", side=5000).offers[1]
    assert "/thumb/" in small.url
    assert (small.width, small.height) == (1280, 720)
    assert "/thumb/" not in large.url
    assert (large.width, large.height) == (5514, 3102)


@pytest.mark.parametrize("side", [1, 20, 21, 100, 500, 501, 1024, 3840])
def test_only_widths_that_are_made_are_asked_for(side: int) -> None:
    width = int(COMMONS.request(query("wikimedia", side=side), None, {}).params["iiurlwidth"])
    assert width in WIDTHS
    assert width >= side
    assert all(other < side for other in WIDTHS if other < width)


def test_beyond_the_largest_width_the_original_is_asked_for() -> None:
    assert "iiurlwidth" not in COMMONS.request(query("wikimedia", side=3841), None, {}).params


def test_words_and_categories_are_asked_for() -> None:
    words = COMMONS.request(query("wikimedia"), None, {}).params
    assert (words["generator"], words["gsrsearch"], words["gsrlimit"]) == ("search", "filetype:bitmap oak tree", "50")
    category = COMMONS.request(query("wikimedia", facet={"in": "category"}), None, {}).params
    assert (category["generator"], category["gcmtitle"], category["gcmtype"]) == ("categorymembers", "Category:Oak tree", "file")
    deep = COMMONS.request(query("wikimedia", keyword='a "b"', facet={"in": "deepcategory"}), None, {}).params
    assert deep["gsrsearch"] == 'filetype:bitmap deepcat:"a  b "'


def test_the_whole_of_continue_is_handed_back_and_cannot_change_the_question() -> None:
    found = parsed("wikimedia/category1.json", facet={"in": "category"})
    assert found.cursor == '{"continue":"gcmcontinue||","gcmcontinue":"file|4f414b2e4a5047|1234"}'
    asked = COMMONS.request(query("wikimedia", facet={"in": "category"}), found.cursor, {}).params
    assert asked["gcmcontinue"] == "file|4f414b2e4a5047|1234"
    assert asked["continue"] == "gcmcontinue||"
    assert COMMONS.request(query("wikimedia"), '{"action": "delete"}', {}).params["action"] == "query"
    for bad in ("x", "[]", "{", "3"):
        with pytest.raises(SourceError, match="not one of Wikimedia Commons"):
            COMMONS.request(query("wikimedia"), bad, {})


def test_the_search_is_not_asked_beyond_its_end() -> None:
    page = json.loads(recorded("wikimedia/search1.json"))
    for offset, is_more in ((9_950, True), (10_000, False)):
        body = json.dumps({**page, "continue": {"gsroffset": offset, "continue": "gsroffset||"}}).encode()
        assert (COMMONS.parse(body, query("wikimedia"), None).cursor is not None) is is_more


def test_files_without_a_image_are_left_out() -> None:
    (bare,) = parsed("wikimedia/missing_fields.json").offers
    assert bare.url.endswith("/Bare.jpg")
    assert (bare.license, bare.creator, bare.title) == ("", "", "Bare")


def test_refusals() -> None:
    with pytest.raises(SourceError, match="ratelimited: You've exceeded your rate limit"):
        parsed("wikimedia/error_ratelimited.json")
    with pytest.raises(SourceError, match="Title search is disabled"):
        parsed("wikimedia/error_search.json")
    with pytest.raises(SourceError, match="holds no results"):
        COMMONS.parse(b'{"warnings": {}}', query("wikimedia"), None)


def test_it_wants_to_know_whom_to_write_to() -> None:
    assert COMMONS.card.needs_contact
    assert {host: limit.concurrency for host, limit in COMMONS.card.image_hosts.items()} == {
        "upload.wikimedia.org": 2,
        "thumb.wikimedia.org": 2,
    }
