"""Pexels, Pixabay and Unsplash: stock photos behind a key."""

from __future__ import annotations

import json

import pytest

from tellapart.collection.sources import SOURCES, SourceError
from tests.collection.sources.answers import KEYS, parsed, query, recorded

STOCK = ("pexels", "pixabay", "unsplash")


@pytest.mark.parametrize("source", STOCK)
def test_what_their_terms_forbid_is_off_by_default_and_said(source: str) -> None:
    card = SOURCES[source].card
    assert not card.is_default
    assert "permission" in card.caveat
    assert card.families == (source,)


def test_pexels_takes_the_smallest_copy_that_is_large_enough() -> None:
    sizes = {side: parsed("pexels/page1.json", side=side).offers[1] for side in (400, 551, 1024, 1100, 3000)}
    assert [(one.width, one.height) for one in sizes.values()] == [(550, 350), (940, 598), (1880, 1196), (1880, 1196), (3546, 2255)]
    assert sizes[400].url.endswith("&h=350")
    assert sizes[551].url.endswith("?auto=compress&cs=tinysrgb&h=650&w=940")
    assert "dpr=2" in sizes[1024].url
    assert sizes[3000].url.endswith(".jpeg")


def test_pexels_asks_and_credits_as_it_wants() -> None:
    asked = SOURCES["pexels"].request(query("pexels", facet={"color": "red"}), "3", KEYS)
    assert asked.headers == {"Authorization": "pexels key"}
    assert asked.params == {"query": "oak tree", "color": "red", "per_page": "80", "page": "3"}
    first = parsed("pexels/page1.json").offers[0]
    assert (first.attribution, first.license) == ("Photo by Joey Farina on Pexels", "pexels")
    assert first.page.startswith("https://www.pexels.com/photo/")
    (bare,) = parsed("pexels/missing_fields.json").offers
    assert (bare.url, bare.attribution) == ("https://images.pexels.com/photos/1/a.jpeg", "Photo on Pexels")


def test_pixabay_takes_the_smallest_copy_that_the_key_may_have() -> None:
    plain, full = zip(*(parsed("pixabay/page1.json", side=side).offers for side in (640, 1000, 1920, 3000)), strict=True)
    assert [one.width for one in plain] == [640, 1280, 1280, 1280]
    assert [one.width for one in full] == [640, 1280, 1920, 4000]
    assert plain[3].url.endswith("_1280.jpg")
    assert (plain[0].attribution, plain[0].creator_url) == ("Image by Josch13 from Pixabay", "https://pixabay.com/users/Josch13-48777/")


def test_pixabay_gives_no_more_than_five_hundred() -> None:
    pixabay, asked = SOURCES["pixabay"], 1
    body = json.dumps({**json.loads(recorded("pixabay/page1.json")), "totalHits": 5_000}).encode()
    cursor = None
    while (cursor := pixabay.parse(body, query("pixabay"), cursor).cursor) is not None:
        asked += 1
    assert asked == 3
    assert len(pixabay.request(query("pixabay", keyword="x" * 300), None, KEYS).params["q"]) == 100


def test_pixabays_plain_words_are_read() -> None:
    pixabay = SOURCES["pixabay"]
    with pytest.raises(SourceError, match="Invalid or missing API key"):
        parsed("pixabay/error_key.txt")
    with pytest.raises(SourceError, match="out of valid range"):
        parsed("pixabay/error_page.txt")
    assert pixabay.parse(recorded("pixabay/error_page.txt"), query("pixabay"), "3").cursor is None, "the end of the results"


def test_unsplash_leaves_out_what_is_for_members_and_takes_the_right_copy() -> None:
    (first,) = parsed("unsplash/page1.json", side=1024).offers
    assert (first.width, first.height) == (1080, 720)
    assert first.url.endswith("&w=1080&q=80")
    assert (first.attribution, first.creator_url) == ("Photo by Brian Aguirre on Unsplash", "https://unsplash.com/@brianaguirre")
    assert parsed("unsplash/page1.json", side=2000).offers[0].width == 5616
    tall = parsed("unsplash/page2.json", side=600).offers[0]
    assert (tall.width, tall.height, tall.title) == (400, 600, "man in red jacket sitting on rock near lake")


def test_unsplash_is_asked_as_it_wants() -> None:
    asked = SOURCES["unsplash"].request(query("unsplash"), None, KEYS)
    assert asked.headers == {"Authorization": "Client-ID unsplash key", "Accept-Version": "v1"}
    assert (asked.params["per_page"], asked.params["content_filter"]) == ("30", "high")
    with pytest.raises(SourceError, match="The access token is invalid"):
        parsed("unsplash/error_key.json")
    with pytest.raises(SourceError, match="Rate Limit Exceeded"):
        parsed("unsplash/error_rate.txt")
