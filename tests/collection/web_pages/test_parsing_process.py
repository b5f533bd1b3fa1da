from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from tellapart.collection.candidates import Fetched, Query
from tellapart.collection.sources import SOURCES
from tellapart.collection.sources.json_fields import MOST_DEPTH, MOST_NODES, html_tree
from tellapart.collection.sources.protocol import SourceError, parse_answer
from tellapart.collection.web_pages.page_source import Pages, page_offers
from tellapart.collection.web_pages.parsing_process import parse_in_process

URL = "http://site.example/p"
QUERY = Query(keyword=URL)


def fetched(html: str | bytes) -> Fetched:
    body = html.encode() if isinstance(html, str) else html
    return Fetched(url=URL, verdict="ok", body=body, final_url=URL, headers={"content-type": "text/html; charset=utf-8"})


def apart(html: str | bytes, **options: float) -> list[str]:
    return [offer.url for offer in asyncio.run(parse_in_process(Pages(), fetched(html), QUERY, None, **options)).offers]


def test_a_page_read_apart_is_as_one_read_here() -> None:
    license = '<a rel=license href="https://creativecommons.org/licenses/by/4.0/"></a>'
    html = f'<a rel=next href=/q></a>{license}<img src=/ü.jpg width=300 alt="A cat">'
    source, query = Pages("auto"), replace(QUERY, licenses=("cc-by",))
    there = asyncio.run(parse_in_process(source, fetched(html), query, None))
    assert there == source.read(fetched(html), query, None)
    assert there.offers[0].license == "cc-by-4.0" and there.cursor is not None and json.loads(there.cursor)["number"] == 2


def test_what_a_page_refuses_is_said() -> None:
    with pytest.raises(SourceError, match="images be left alone"):
        apart("<meta name=robots content=noai><img src=/a.jpg>")


def test_a_page_that_takes_too_long_is_given_up() -> None:
    with pytest.raises(SourceError, match=r"reading the page takes more than 0\.01 s"):
        apart("<img src=/a.jpg>", timeout_s=0.01)


@pytest.mark.parametrize(
    ("piece", "said"),
    [
        ("<div>", "nested"),
        ("<p><div>", "nested"),
        ("<DIV\n>", "nested"),
        ("<x-y><b><section a='1'>", "nested"),
        ("<div></q>", "nested"),
        ("<br>", "holds more than"),
        ("<a", "holds more than"),
    ],
)
def test_pages_made_to_hang_are_refused_at_once(piece: str, said: str) -> None:
    page = piece * (20_000 if said == "nested" else 1_000_000)
    with pytest.raises(SourceError, match=said):
        html_tree(page)


def test_looking_at_a_page_takes_time_in_proportion_to_it() -> None:
    for piece in ("a", " ", "/", "=", '"'):
        with pytest.raises(SourceError, match="nested"):
            html_tree("<div>" * 6_000 + "<a" + piece * 1_000_000)


def test_ordinary_large_pages_are_read() -> None:
    rows = '<tr><td><p>text<li><svg><path d="M1"/></svg><div><span>a</span></div><img src="/a.jpg">'
    assert MOST_DEPTH < 10_000 < MOST_NODES / 10
    assert html_tree("<table>" + rows * 10_000).css_first("table") is not None


@pytest.mark.parametrize("digits", [17, 400, 5_000])
@pytest.mark.parametrize("digit", ["9", "٣", "²", "1e"])
def test_numbers_beyond_reason_are_passed_over(digits: int, digit: str) -> None:
    said = digit * digits
    html = (
        f'<img srcset="/big.jpg {said}w, /small.jpg 300w">'
        f'<img srcset="/x2.jpg {said}x" width="{said}" height="{said}px" style="width:{said}px">'
        f'<meta property="og:image" content="/head.jpg"><meta property="og:image:width" content="{said}">'
        '<script type="application/ld+json">{"@type": "ImageObject", "contentUrl": "/ld.jpg",'
        f'"width": "{said}", "height": "{said}px"}}</script>'
    )
    offers = page_offers(html, URL, side=300)
    assert f"{URL[:-1]}small.jpg" in [offer.url for offer in offers]
    assert all(edge is None or 0 < edge <= 2**53 for offer in offers for edge in (offer.width, offer.height))


def test_numbers_in_linked_data_that_no_number_may_be() -> None:
    for said in ("9" * 5_000, "1e999", "NaN", "-Infinity", "[" * 100_000):
        named = f'{{"@type": "ImageObject", "contentUrl": "/ld.jpg", "width": {said}}}'
        html = f'<script type="application/ld+json">{named}</script><img src=/a.jpg>'
        assert "http://site.example/a.jpg" in [offer.url for offer in page_offers(html, URL, side=300)]


def test_a_script_of_blanks_ends() -> None:
    blanks = " " * 1_000_000
    html = f'<script type="application/ld+json">{{}}//{blanks}/{blanks}x</script><img src=/a.jpg>'
    assert len(page_offers(html, URL, side=300)) == 1


@pytest.mark.parametrize("name", list(SOURCES))
@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"results": ' + b"9" * 5_000 + b"}",
        b'{"a": NaN}',
        b"\xff\x00",
        b'{"results": [{"url": "\\ud800"}]}',
        b"<div>" * 20_000,
    ],
)
def test_a_strange_answer_is_a_reason(name: str, body: bytes) -> None:
    source = SOURCES[name]
    try:
        found = asyncio.run(parse_answer(source, body, Query(keyword="cat"), None))
    except SourceError as error:
        assert str(error)
    else:
        for offer in found.offers:
            offer.url.encode()


def test_a_source_that_breaks_says_so() -> None:
    class Broken(Pages):
        def parse(self, *_: object) -> None:  # type: ignore[override]
            raise RecursionError("deep")

    with pytest.raises(SourceError, match=r"the answer could not be understood: RecursionError: deep"):
        asyncio.run(parse_answer(Broken(), b"", QUERY, None))
