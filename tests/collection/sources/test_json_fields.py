from __future__ import annotations

import pytest

from tellapart.collection.sources import SourceError, json_fields


def test_a_document_is_a_json_object() -> None:
    assert json_fields.document(b'{"a": 1}') == {"a": 1}
    with pytest.raises(SourceError, match=r"not a JSON object: '403 Forbidden & more'"):
        json_fields.document(b"<html><h1>403  Forbidden</h1> &amp; more</html>")
    with pytest.raises(SourceError, match="it is empty"):
        json_fields.document(b" \n")
    with pytest.raises(SourceError) as caught:
        json_fields.document(b"x" * 10_000)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (" a\n b\t\x00c ", "a b c"),
        ("\ud800", "?"),
        ("the \ue000oak\ue001s", "the oaks"),
        ("شماره\u200cها", "شماره\u200cها"),
        ("right\u202eleft", "rightleft"),
        (7, "7"),
        (10**30, ""),
        (True, ""),
        (None, ""),
        (["a"], ""),
        ("x" * 9_000, "x" * json_fields.LONGEST_TEXT),
    ],
)
def test_text_is_one_line_that_can_be_written(value: object, words: str) -> None:
    assert json_fields.text(value) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ('<a href="//commons.wikimedia.org/wiki/User:PtrQs" title="x">PtrQs</a>', "PtrQs"),
        ("Jane &amp; John<br>of <b>K</b>ew<script>alert(1)</script>", "Jane & John of Kew"),
        ('<span style="display: none;">Q1</span>Ann', "Ann"),
        ("<p>a</p><p>b</p>", "a b"),
        ("1 < 2", "1 < 2"),
        ("Tom &#39;T&#39; Smith", "Tom 'T' Smith"),
        ("<unclosed", ""),
        (None, ""),
    ],
)
def test_plain_is_html_without_its_tags(value: object, words: str) -> None:
    assert json_fields.plain(value) == words


@pytest.mark.parametrize(
    ("value", "count"),
    [
        *[(3, 3), ("1024", 1024), (2.0, 2), (0, 0), (-1, None), ("-1", None), ("²", None), ("1e3", None), (True, None), (None, None)],
        *[(float("nan"), None), (float("inf"), None), (10**400, None), ("9" * 50, None), ([3], None)],
    ],
)
def test_numbers_are_counts_within_reason(value: object, count: int | None) -> None:
    assert json_fields.number(value) == count
    assert json_fields.pixels(value) == (count or None)


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("https://a.org/x y.jpg", "https://a.org/x%20y.jpg"),
        ("//a.org/x.jpg", "https://a.org/x.jpg"),
        ("HTTP://a.org/x.jpg", "HTTP://a.org/x.jpg"),
        ("/x.jpg", ""),
        ("data:image/png;base64,AA", ""),
        ("javascript:alert(1)", ""),
        ("https://", ""),
        ("https://[bad/x.jpg", ""),
        ("ftp://a.org/x.jpg", ""),
        (None, ""),
    ],
)
def test_addresses_are_http(value: object, url: str) -> None:
    assert json_fields.address(value) == url


def test_what_lies_within_is_found_or_none() -> None:
    tree = {"a": [{"b": 1}]}
    assert json_fields.within(tree, "a", 0, "b") == 1
    assert json_fields.within(tree, "a", -1, "b") == 1
    assert [json_fields.within(tree, *path) for path in (("a", 1), ("a", "b"), ("b",), ("a", 0, "b", "c"))] == [None] * 4
    assert list(json_fields.objects([{"a": 1}, None, "x", []])) == [{"a": 1}]
    assert list(json_fields.objects({"a": 1})) == []


def test_places_are_numbers() -> None:
    assert json_fields.place_of(None) == 1
    assert json_fields.place_of(None, first=0) == 0
    assert json_fields.place_of("7") == 7
    with pytest.raises(SourceError, match="'x'"):
        json_fields.place_of("x")
