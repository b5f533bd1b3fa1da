from __future__ import annotations

import json

import pytest

from tellapart.collection.sources import SOURCES, SourceError
from tellapart.collection.sources.openverse import DEPTH, TOKEN
from tests.collection.sources.answers import parsed, query, recorded

OPENVERSE = SOURCES["openverse"]


def test_the_first_page_as_its_documents_show_it() -> None:
    tree, exam = parsed("openverse/page1.json").offers
    assert tree.url == "https://cdn.stocksnap.io/img-thumbs/960w/XNVBVXO3B7.jpg"
    assert (tree.license, tree.creator, tree.title) == ("cc0-1.0", "Tim Sullivan", "Tree Bark Photo")
    assert tree.page == "https://stocksnap.io/photo/XNVBVXO3B7"
    assert tree.attribution.startswith('"Tree Bark Photo" by Tim Sullivan is marked with CC0 1.0.')
    assert (tree.width, tree.height) == (6016, 4016)
    assert (exam.license, exam.license_url) == ("cc-by-2.0", "https://creativecommons.org/licenses/by/2.0/")
    assert (exam.width, exam.attribution) == (None, '"exam tactics" by Sean MacEntee, CC BY 2.0, via Openverse')
    assert parsed("openverse/page1.json").total == 23


def test_licenses_and_slices_become_its_own_parameters() -> None:
    asked = OPENVERSE.request(query("openverse", licenses=("cc0", "cc-by-sa", "pexels")), None, {}).params
    assert asked["license"] == "cc0,by-sa"
    assert (asked["q"], asked["page_size"], asked["page"], asked["mature"]) == ("oak tree", "20", "1", "false")
    sliced = OPENVERSE.request(query("openverse", facet={"license": "cc-by", "aspect_ratio": "tall"}), None, {}).params
    assert (sliced["license"], sliced["aspect_ratio"]) == ("by", "tall")
    assert "license" not in OPENVERSE.request(query("openverse"), None, {}).params
    assert len(OPENVERSE.request(query("openverse", keyword="x" * 300), None, {}).params["q"]) == 200


def test_a_token_is_sent_and_brings_larger_pages_that_a_cursor_keeps() -> None:
    with_token = OPENVERSE.request(query("openverse"), None, {TOKEN: "secret"})
    assert with_token.headers == {"Authorization": "Bearer secret"}
    assert with_token.params["page_size"] == "80"
    body = json.dumps({**json.loads(recorded("openverse/page1.json")), "page_size": 80, "page_count": 3}).encode()
    cursor = OPENVERSE.parse(body, query("openverse"), None).cursor
    assert cursor == "page=2;size=80"
    later = OPENVERSE.request(query("openverse"), cursor, {})
    assert (later.params["page"], later.params["page_size"]) == ("2", "80"), "a page number means nothing with another page size"
    assert OPENVERSE.parse(body, query("openverse"), "page=3;size=80").cursor is None


@pytest.mark.parametrize("size", [20, 80])
def test_it_is_not_asked_beyond_its_depth(size: int) -> None:
    body = json.dumps({**json.loads(recorded("openverse/page1.json")), "page_count": 900, "page_size": size}).encode()
    cursor, pages = None, 0
    while (cursor := OPENVERSE.parse(body, query("openverse"), cursor).cursor) is not None:
        pages += 1
    assert (pages + 1) * size == DEPTH


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("error_page_size_401", "Ensure this value is less than or equal to 20."),
        ("error_license_400", "License 'PDMNBCG' does not exist"),
        ("error_fields_400", "excluded_source: Cannot set both"),
    ],
)
def test_refusals(name: str, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        parsed(f"openverse/{name}.json")


def test_results_without_an_address_are_left_out() -> None:
    (only,) = parsed("openverse/missing_fields.json").offers
    assert (only.url, only.license, only.title, only.width) == ("https://example.org/a.jpg", "cc-by", "", None)
