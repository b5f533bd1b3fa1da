"""DuckDuckGo and Bing: the images of the open web, off by default."""

from __future__ import annotations

import pytest

from tellapart.collection.sources import SOURCES, SourceError
from tests.collection.sources.answers import parsed, query, recorded

DUCKDUCKGO, BING = SOURCES["duckduckgo"], SOURCES["bing"]


@pytest.mark.parametrize("source", [DUCKDUCKGO, BING], ids=["duckduckgo", "bing"])
def test_they_are_off_by_default_and_say_nothing_of_licenses(source) -> None:  # type: ignore[no-untyped-def]
    assert not source.card.is_default
    assert source.card.families == ()
    assert "against its terms" in source.card.caveat


@pytest.mark.parametrize(
    ("name", "token"), [("token.html", "4-112233445566778899001122334455667788990"), ("token_quoted.html", "4-998877665544332211")]
)
def test_duckduckgos_page_gives_the_token(name: str, token: str) -> None:
    found = DUCKDUCKGO.parse(recorded(f"duckduckgo/{name}"), query("duckduckgo"), None)
    assert (found.offers, found.cursor) == ((), f"vqd={token};s=0")
    asked = DUCKDUCKGO.request(query("duckduckgo", facet={"size": "Large"}), found.cursor, {})
    assert asked.url == "https://duckduckgo.com/i.js"
    assert (asked.params["vqd"], asked.params["s"], asked.params["f"]) == (token, "0", ",size:Large,,type:photo,,")
    assert asked.headers == {"Referer": "https://duckduckgo.com/"}


def test_duckduckgos_results() -> None:
    first, _ = parsed("duckduckgo/page1.json").offers
    assert (first.url, first.page) == ("https://upload.example.org/oak1.jpg", "https://www.example.org/oaks/1")
    assert (first.title, first.license, first.attribution) == ("Oak tree & meadow", "", "")
    assert parsed("duckduckgo/page1.json").cursor == "vqd=4-1;s=100"
    assert [one.url for one in parsed("duckduckgo/missing_fields.json").offers] == ["https://cdn.example.org/a.jpg"]
    assert parsed("duckduckgo/empty.json").cursor is None
    assert parsed("duckduckgo/page1.json", licenses=("cc-by",)).offers == (), "nobody says what is allowed"


def test_duckduckgo_cannot_turn_in_a_circle() -> None:
    body = recorded("duckduckgo/page1.json").replace(b"s=100", b"s=0")
    assert DUCKDUCKGO.parse(body, query("duckduckgo"), "vqd=a;s=0").cursor == "vqd=a;s=1"
    assert (
        DUCKDUCKGO.parse(recorded("duckduckgo/page1.json").replace(b"s=100", b"s=99999"), query("duckduckgo"), "vqd=a;s=0").cursor is None
    )


def test_a_page_without_a_token_is_shown() -> None:
    with pytest.raises(SourceError, match="If this persists, please email us"):
        DUCKDUCKGO.parse(recorded("duckduckgo/no_token.html"), query("duckduckgo"), None)


def test_bings_results() -> None:
    found = parsed("bing/page1.html")
    assert found.offers[0].url == "https://cdn.example.org/oak1.jpg?a=1&b=2"
    assert (found.offers[0].page, found.offers[0].title) == ("https://www.example.org/oaks/1", "The Oak tree")
    assert found.cursor == "4", "first grows by the number of results received"
    (good,) = parsed("bing/missing_fields.html").offers
    assert (good.url, good.title) == ("https://cdn.example.org/oak6.jpg?a=1&b=2", "")
    assert BING.parse(recorded("bing/page1.html"), query("bing"), "999").cursor is None


def test_bing_is_asked_with_its_filters() -> None:
    asked = BING.request(query("bing", facet={"filter": "imagesize-large"}), "36", {}).params
    assert (asked["first"], asked["adlt"], asked["qft"]) == ("36", "strict", " filterui:photo-photo filterui:imagesize-large")


def test_another_page_of_bing_is_not_an_end_of_results() -> None:
    with pytest.raises(SourceError, match="another page: Verify you are human"):
        parsed("bing/error_consent.html")
    with pytest.raises(SourceError, match="not a page of results: 'blocked'"):
        BING.parse(b"blocked", query("bing"), None)
    assert BING.parse(b"", query("bing"), None).cursor is None
