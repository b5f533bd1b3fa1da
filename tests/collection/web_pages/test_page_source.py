from __future__ import annotations

import json
from typing import Any

import pytest

from tellapart.collection.candidates import Fetched, Offer, Query
from tellapart.collection.sources.protocol import Source, SourceError
from tellapart.collection.web_pages.html_decoding import page_text
from tellapart.collection.web_pages.page_source import Pages, next_page, page_offers, rule_complaint
from tests import sample_images

PAGE = "https://a.example/gallery/cats.html"
HERE = "https://a.example/gallery/"


def offers(body: str, head: str = "", side: int = 1024) -> list[Offer]:
    return page_offers(f"<!doctype html><html><head>{head}</head><body>{body}</body></html>", PAGE, side=side)


def urls(body: str, head: str = "", side: int = 1024) -> list[str]:
    return [offer.url for offer in offers(body, head, side)]


def linked(content: Any) -> str:
    return f'<script type="application/ld+json">{json.dumps(content)}</script>'


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("a.jpg", f"{HERE}a.jpg"),
        ("/a.jpg?x=1&amp;y=2#top", "https://a.example/a.jpg?x=1&y=2"),
        ("//cdn.example/a.jpg", "https://cdn.example/a.jpg"),
        ("../b c.jpg", "https://a.example/b%20c.jpg"),
        (" http://b.example/\na.jpg ", "http://b.example/a.jpg"),
    ],
)
def test_addresses_become_whole(written: str, wanted: str) -> None:
    (offer,) = offers(f'<img src="{written}" alt=" A  cat ">')
    assert offer == Offer(url=wanted, page=PAGE, group=PAGE, title="A cat")


def test_relative_addresses_follow_the_base() -> None:
    head = '<base href="//cdn.example/x/">'
    assert urls('<img src="a.jpg">', head) == ["https://cdn.example/x/a.jpg"]
    assert urls('<img src="a.jpg">', '<base href="javascript:0">') == [f"{HERE}a.jpg"]


@pytest.mark.parametrize(
    "image",
    [
        '<img src="data:image/png;base64,AAAA">',
        '<img src="logo.svg?v=2">',
        '<img src="/favicon.ico">',
        '<img src="javascript:alert(1)">',
        '<img src="blob:https://a.example/1">',
        '<img src="http://[bad/a.jpg">',
        '<img src="http://a.example:99999/a.jpg">',
        '<img src="t.gif" width="1" height="1">',
        '<img src="icon.png" width="32px">',
        '<img src="icon.png" style="color:red; height: 20px">',
        '<img src="/img/spacer.gif">',
        '<img src="/img/sprite-2x.png">',
        '<img src="">',
        "<img>",
        "<img srcset=', ,'>",
    ],
)
def test_what_is_no_photo_is_passed_over(image: str) -> None:
    assert urls(f'{image}<img src="photo.jpg" width="100%" height="64">') == [f"{HERE}photo.jpg"]


def test_names_only_like_those_of_placeholders_stay() -> None:
    names = ["pixel-phone-on-a-desk.jpg", "blank-wall.jpg", "sprite.jpg"]
    assert urls("".join(f'<img src="{name}">' for name in names)) == [HERE + name for name in names]


def test_late_images_are_found_and_what_stands_for_them_is_not() -> None:
    body = """
        <img src="/loading.gif" data-src="a.jpg">
        <img src="/loading.gif" data-src="b.jpg">
        <img src="tiny-c.jpg" data-original="c.jpg">
        <img src="data:image/gif;base64,R0" data-srcset="d-300.jpg 300w, d-900.jpg 900w" srcset="wait.jpg 9w">
        <img data-src="" src="e.jpg"><noscript><img src="e.jpg"></noscript>
    """
    assert urls(body) == [f"{HERE}{name}.jpg" for name in ("a", "b", "c", "d-900", "e")]


def test_a_image_is_one_offer_of_the_right_size() -> None:
    body = """
        <picture>
          <source type="image/svg+xml" srcset="z.svg 9000w">
          <source type="image/jxl" srcset="a-2000.jxl 2000w">
          <source type="image/webp" srcset="a-400.webp 400w, a-2000.webp 2000w, a-5000.webp 5000w">
          <source srcset="a-800.jpg 800w, a-2000.jpg 2000w">
          <img src="a.jpg" alt="A"><noscript><img src="a.jpg"></noscript>
        </picture>
        <picture><source srcset="b.jpg"></picture>
    """
    assert [(o.url, o.width) for o in offers(body)] == [(f"{HERE}a-2000.webp", 2000), (f"{HERE}b.jpg", None)]
    assert urls(body, side=400)[0] == f"{HERE}a-800.jpg"
    assert urls(body, side=150)[0] == f"{HERE}a-400.webp"


def test_the_jpeg_wins_where_sizes_are_equal() -> None:
    body = '<picture><source type="image/avif" srcset="a.avif 900w"><img srcset="a.jpg 900w"></picture>'
    assert urls(body) == [f"{HERE}a.jpg"]


def test_densities_become_widths_by_the_layout() -> None:
    body = '<img width="700" src="a.jpg" srcset="a2.jpg 2x, a4.jpg 4x">'
    assert [(o.url, o.width) for o in offers(body)] == [(f"{HERE}a2.jpg", 1400)]
    assert urls('<img src="a.jpg" srcset="a2.jpg 2x">') == [f"{HERE}a2.jpg"]


def test_what_a_srcset_says_goes_before_the_place_the_page_gives() -> None:
    assert urls('<img width="1900" src="small.jpg" srcset="a-900.jpg 900w">') == [f"{HERE}a-900.jpg"]


def test_the_original_behind_a_small_image_is_taken_and_a_page_behind_it_is_not() -> None:
    body = """
        <a href="full/a.JPG"><span><img src="thumb-a.jpg" width="50" height="50" alt="A"></span></a>
        <a href="/wiki/File:B.jpg"><img src="b.jpg"></a>
        <a href="/o/r/blob/main/c.png"><img src="c.png"></a>
        <a href="d.html"><img src="d.jpg"></a>
        <a href="e.jpg"><img srcset="e-300.jpg 300w, e-1500.jpg 1500w"></a>
        <a href="f.jpg"><img srcset="f-300.jpg 300w"></a>
        <a href="icon.svg"><img src="g.jpg"></a>
    """
    wanted = ["full/a.JPG", "b.jpg", "c.png", "d.jpg", "e-1500.jpg", "f.jpg", "g.jpg"]
    assert urls(body) == [HERE + name for name in wanted]
    assert offers(body)[0].title == "A"


def test_the_listing_of_a_folder_is_a_page_too() -> None:
    body = '<a href="../">up</a><a href="IMG%201.jpg">IMG 1</a><a href="IMG 2.JPEG?dl=1">IMG 2</a><a href="notes.txt">notes</a>'
    assert urls(body) == [f"{HERE}IMG%201.jpg", f"{HERE}IMG%202.JPEG?dl=1"]


def test_the_head_names_images_once() -> None:
    head = """
        <meta property="og:image" content="http://a.example/gallery/a-1200.jpg">
        <meta property="og:image:secure_url" content="https://a.example/gallery/a-1200.jpg">
        <meta property="og:image:width" content="1200"><meta property="og:image:height" content="630">
        <meta property="og:image:alt" content="Alt">
        <meta property="og:image" content="/icon.png"><meta property="og:image:width" content="48">
        <meta name="twitter:image:src" content="t.jpg"><meta name="twitter:image" content="t.jpg">
        <link rel="image_src" href="src.jpg"><meta itemprop="image" content="m.jpg">
    """
    found = offers('<img srcset="a-600.jpg 600w, a-1200.jpg 1200w, a-2000.jpg 2000w">', head)
    assert [o.url for o in found] == [f"{HERE}{name}.jpg" for name in ("a-2000", "t", "src", "m")]
    assert (found[0].width, found[0].height, found[0].title) == (2000, None, "Alt")


def test_linked_data_gives_images_and_their_credit() -> None:
    content = {
        "@graph": [
            {"@type": "Organization", "logo": {"@type": "ImageObject", "url": "logo.png"}, "image": {"@id": "#x"}},
            {"@type": "Article", "author": {"name": "B", "image": "face.jpg"}, "image": ["b.jpg", {"url": "c.jpg", "width": "20px"}]},
            {
                "@type": ["ImageObject", "Thing"], "contentUrl": "a.jpg", "license": "https://creativecommons.org/licenses/by-sa/4.0/",
                "acquireLicensePage": "/buy", "creator": [{"@type": "Person", "name": "Ann", "url": "/ann"}, {"name": "Bob"}],
                "creditText": "Ann & Bob / a.example", "name": "Two\ncats", "width": {"value": 3000}, "height": 2000,
            },
            {"@type": "http://schema.org/ImageObject", "contentUrl": "d.jpg", "acquireLicensePage": "/buy", "license": "/terms"},
            {"itemListElement": [{"item": {"@type": "Product", "image": {"@type": "ImageObject", "contentUrl": ["e.jpg", "e2.jpg"]}}}]},
        ]
    }  # fmt: skip
    found = {o.url.rpartition("/")[2]: o for o in offers('<img src="a.jpg" alt="alt">' + linked(content))}
    assert list(found) == ["a.jpg", "b.jpg", "d.jpg", "e.jpg"]
    assert found["a.jpg"] == Offer(
        url=f"{HERE}a.jpg",
        page=PAGE,
        group=PAGE,
        title="Two cats",
        license="cc-by-sa-4.0",
        license_url="https://creativecommons.org/licenses/by-sa/4.0/",
        creator="Ann, Bob",
        creator_url="https://a.example/ann",
        attribution="Ann & Bob / a.example",
        width=3000,
        height=2000,
    )
    assert (found["d.jpg"].license, found["d.jpg"].license_url) == ("", "https://a.example/terms")


@pytest.mark.parametrize(
    "script",
    [
        "<!--\n%s\n-->",
        "//<![CDATA[\n%s\n//]]>",
        "/*<![CDATA[*/ %s /*]]>*/",
        "%s;",
        '%s\n</script><script type="application/ld+json">{broken',
        '%s</script><script type="application/ld+json">' + "[" * 100_000,
    ],
)
def test_linked_data_as_sites_wrap_and_break_it(script: str) -> None:
    text = script % '{"image": "a.jpg", "name": "line\nbreak"}'
    assert urls(f'<script type="application/ld+json">{text}</script>') == [f"{HERE}a.jpg"]


def test_deeply_nested_linked_data_ends() -> None:
    content: Any = {"image": "a.jpg"}
    for _ in range(400):
        content = {"x": [content]}
    assert urls(linked(content)) == [f"{HERE}a.jpg"]


def test_one_license_is_for_the_whole_page() -> None:
    body = (
        '<img src="a.jpg"><footer><a rel="LICENSE" href="http://creativecommons.org/publicdomain/zero/1.0/">CC0</a>'
        '<a rel="author" href="/ann">Ann</a></footer>'
    )
    (offer,) = offers(body)
    assert (offer.license, offer.creator, offer.creator_url) == ("cc0-1.0", "Ann", "https://a.example/ann")


def test_of_several_licenses_the_one_beside_the_image_counts() -> None:
    def figure(name: str, license: str, creator: str) -> str:
        href = f"https://creativecommons.org/licenses/{license}/2.0/"
        credit = f'<a rel="license" href="{href}"></a><b property="cc:attributionName">{creator}</b>'
        return f'<figure><div><img src="{name}"></div>{credit}</figure>'

    found = offers(figure("a.jpg", "by", "Ann") + figure("b.jpg", "by-nc", "Bob") + '<p><img src="c.jpg"></p>')
    assert [(o.license, o.creator) for o in found] == [("cc-by-2.0", "Ann"), ("cc-by-nc-2.0", "Bob"), ("", "")]


@pytest.mark.parametrize(
    ("page", "content_type"),
    [
        ('<meta charset="windows-1251"><img src=a.jpg alt="Кот">'.encode("cp1251"), ""),
        ('<meta http-equiv="Content-Type" content="text/html; charset=koi8-r"><img src=a.jpg alt="Кот">'.encode("koi8-r"), ""),
        ('<meta charset="utf-16"><img src=a.jpg alt="Кот">'.encode(), ""),
        ('<meta charset="nonsense"><img src=a.jpg alt="Кот">'.encode(), "text/html; charset=zlib"),
        ('<meta charset="utf-8"><img src=a.jpg alt="Кот">'.encode("cp1251"), 'text/html; Charset="windows-1251"'),
        ('<meta charset="latin-1"><img src=a.jpg alt="Кот">'.encode("utf-8-sig"), "text/html; charset=latin-1"),
        ('<img src=a.jpg alt="Кот">'.encode("utf-16"), ""),
        ('<img src=a.jpg alt="Кот">'.encode(), ""),
    ],
)
def test_the_encoding_is_found(page: bytes, content_type: str) -> None:
    assert 'alt="Кот"' in page_text(page, content_type)


def test_what_is_called_latin_1_is_windows_1252() -> None:
    assert page_text("<p>\u2019".encode("cp1252"), "text/html; charset=ISO-8859-1") == "<p>\u2019"
    assert page_text("<p>\u2019".encode("cp1252")) == "<p>\u2019"
    assert page_text(b'<meta charset="shift_jis">\x87\x40') == '<meta charset="shift_jis">\u2460'


@pytest.mark.parametrize(
    ("rule", "body", "wanted"),
    [
        ("auto", '<a rel="nofollow next" href="?p=2">', f"{PAGE}?p=2"),
        ("auto", '<link rel="NEXT" href="//a.example/2">', "https://a.example/2"),
        ("auto", '<a rel="next" href="https://www.a.example/2#x">', "https://www.a.example/2"),
        ("auto", '<a rel="next" href="https://b.example/2">', None),
        ("auto", '<a rel="next" href="https://a.example:8443/2">', None),
        ("auto", '<a rel="next" href="#"><a rel="next" href="cats.html#top">', None),
        ("auto", '<a rel="next" href="javascript:go(2)"><a rel="next" href="2">', f"{HERE}2"),
        ("auto", '<a href="2">Next</a>', None),
        ("a.next", '<base href="/x/"><a class="next" href="2">', "https://a.example/x/2"),
        ("li.next", '<li class="next"><a href="2">', f"{HERE}2"),
        ("a > span", '<a href="2"><b></b><span>next</span></a>', f"{HERE}2"),
        ("a.next", "<p>", None),
        ("?page={page}", "", f"{PAGE}?page=4"),
        ("https://a.example/cats/{page}/{page}", "", "https://a.example/cats/4/4"),
        ("https://b.example/{page}", "", None),
    ],
)
def test_the_next_page(rule: str, body: str, wanted: str | None) -> None:
    assert next_page(body, PAGE, rule, 3) == wanted


def test_a_rule_that_is_none_is_told() -> None:
    assert rule_complaint("auto") is rule_complaint("a.next") is rule_complaint("?p={page}") is None
    assert "'a..next' is neither auto" in str(rule_complaint("a..next"))


def walk(source: Pages, site: dict[str, str], start: str, most: int = 30) -> tuple[list[str], list[str]]:
    """The pages a walk reads, and the images it finds."""
    query, cursor, read, found = Query(keyword=start), None, list[str](), list[str]()
    for _ in range(most):
        url = source.request(query, cursor, {}).url
        read.append(url)
        answer = Pages(**vars_of(source)).parse(site.get(url, "").encode(), query, cursor)
        found += [offer.url for offer in answer.offers]
        cursor = answer.cursor
        if cursor is None:
            return read, found
    raise AssertionError("the walk does not end")


def vars_of(source: Pages) -> dict[str, Any]:
    """A source made anew knows no more than the cursor tells it."""
    return {"rule": source.rule, "pages": source.pages}


def page(number: int, following: str) -> str:
    return f'<img src="/{number}.jpg"><a rel=next href="{following}">'


def test_a_walk_ends_where_the_pages_do_or_at_the_cap() -> None:
    site = {f"https://a.example/{n}": page(n, f"/{n + 1}") for n in range(1, 9)}
    read, found = walk(Pages("auto", pages=50), site, "https://a.example/1")
    assert len(read) == 9
    assert found == [f"https://a.example/{n}.jpg" for n in range(1, 9)]
    assert len(walk(Pages("auto", pages=3), site, "https://a.example/1")[0]) == 3
    assert len(walk(Pages(None), site, "https://a.example/1")[0]) == 1


def test_a_ring_of_pages_ends() -> None:
    site = {f"https://a.example/{n}": page(n, f"/{n % 3 + 1}") for n in (1, 2, 3)}
    read, _ = walk(Pages("auto"), site, "https://a.example/1")
    assert read == ["https://a.example/1", "https://a.example/2", "https://a.example/3"]


def test_a_pattern_ends_where_there_are_no_images() -> None:
    site = {f"https://a.example/?p={n}": f'<img src="/{n}.jpg">' for n in (1, 2, 3)}
    read, _ = walk(Pages(), site, "https://a.example/?p={page}")
    assert read == [f"https://a.example/?p={n}" for n in (1, 2, 3, 4)]


def test_a_last_page_shown_again_and_again_ends() -> None:
    class Same(dict[str, str]):
        def get(self, key: str, default: Any = None) -> Any:
            return f'<img src="/{min(int(key.rpartition("=")[2]), 3)}.jpg">'

    read, _ = walk(Pages("?p={page}"), Same(), "https://a.example/?p=1")
    assert read == [f"https://a.example/?p={n}" for n in (1, 2, 3, 4)]


def test_a_page_is_read_as_it_was_fetched() -> None:
    source: Source = Pages("auto")
    assert isinstance(source, Pages)
    body = '<img src="a.jpg" alt="Кот"><a rel=next href="2">'.encode("cp1251")
    fetched = Fetched(
        url="http://a.example/",
        verdict="ok",
        body=body,
        final_url="https://www.a.example/de/",
        headers={"content-type": "text/html; charset=cp1251"},
    )
    found = source.read(fetched, Query(keyword="http://a.example/"), None)
    assert [(o.url, o.title, o.page) for o in found.offers] == [("https://www.a.example/de/a.jpg", "Кот", "https://www.a.example/de/")]
    assert source.request(Query(keyword="x"), found.cursor, {}).url == "https://www.a.example/de/2"


def test_only_wanted_licenses_where_some_are_named() -> None:
    body = b'<img src="a.jpg"><a rel=license href="https://creativecommons.org/licenses/by/4.0/">'
    for licenses, number in [((), 1), (("cc-by",), 1), (("cc0",), 0)]:
        assert len(Pages().parse(body, Query(keyword=PAGE, licenses=licenses), None).offers) == number


@pytest.mark.parametrize(
    ("body", "headers", "said"),
    [
        (b'<meta name="Robots" content="index, NoImageAI"><img src=a.jpg>', {}, "robots: noimageai"),
        (b'<meta name="tellapart" content="noml"><img src=a.jpg>', {}, "tellapart: noml"),
        (b'<meta name="tdm-reservation" content="1"><img src=a.jpg>', {}, "tdm-reservation: 1"),
        (b"<img src=a.jpg>", {"x-robots-tag": "noindex, noai"}, "X-Robots-Tag: noai"),
        (b"<img src=a.jpg>", {"tdm-reservation": "1"}, "tdm-reservation: 1"),
        (sample_images.photo(), {}, "leads to a file (JPEG)"),
        (b"%PDF-1.7", {}, "leads to a file (PDF)"),
    ],
)
def test_pages_that_are_none_or_keep_their_images(body: bytes, headers: dict[str, str], said: str) -> None:
    with pytest.raises(SourceError) as caught:
        Pages().read(Fetched(url=PAGE, verdict="ok", body=body, headers=headers), Query(keyword=PAGE), None)
    assert said in str(caught.value)


def test_pages_that_keep_only_from_search_engines_are_read() -> None:
    body = b'<meta name="robots" content="noindex, follow"><img src=a.jpg>'
    assert len(Pages().parse(body, Query(keyword=PAGE), None).offers) == 1


def test_a_cursor_of_another_source_is_told() -> None:
    with pytest.raises(SourceError, match="the place '17' is not one of this source"):
        Pages().request(Query(keyword=PAGE), "17", {})


@pytest.mark.parametrize("body", [b"", b"\0" * 10, b"<img src=", b"<picture>" * 5000 + b"<img src=a.jpg>", sample_images.TEXT])
def test_broken_pages_are_pages(body: bytes) -> None:
    Pages("auto").parse(body, Query(keyword=PAGE), None)
