"""What every source must do, with the answers recorded for it."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

import pytest

from tellapart.collection.candidates import ResultPage
from tellapart.collection.sources import SOURCES, Source, SourceError
from tellapart.collection.sources.licenses import FAMILIES, family_of
from tellapart.collection.sources.protocol import key_of
from tests.collection.sources.answers import KEYS, PAGES, cursor_for, parsed, query, recorded, recordings

NAMES = list(SOURCES)
EVERY = [name for source in NAMES for name in recordings(source)]
REFUSALS = [name for name in EVERY if "/error_" in name or name in ("duckduckgo/no_token.html", "inaturalist/other_names.json")]
RESULTS = [name for name in EVERY if name not in REFUSALS and "/token" not in name]
NASTY: list[Any] = [
    None,
    True,
    -1,
    0,
    1.5,
    float("inf"),
    float("nan"),
    10**400,
    "",
    "\x00\ud800",
    "x" * 5_000,
    [],
    [[]],
    {},
    {"value": 1},
    [None],
]
SIDES = (20, 500, 1024, 5_000)


def check(found: ResultPage) -> None:
    """Offers that can be written down and asked for."""
    assert isinstance(found, ResultPage)
    assert found.total is None or 0 <= found.total < 2**63
    assert found.cursor is None or found.cursor.encode()
    for offer in found.offers:
        assert urlsplit(offer.url).scheme in ("http", "https")
        for name, value in asdict(offer).items():
            if name in ("width", "height"):
                assert value is None or 0 <= value < 2**63, (name, value)
            else:
                assert value.encode() == value.strip().encode(), (name, value)
                assert value.isprintable(), (name, value)


@pytest.mark.parametrize("source", SOURCES.values(), ids=NAMES)
def test_its_card_says_what_a_person_must_know(source: Source) -> None:
    card = source.card
    assert card.title and card.licenses and card.caveat
    assert card.home.startswith("https://") and card.terms.startswith("https://")
    assert set(card.families) <= FAMILIES.keys()
    assert card.limit.per_minute and card.limit.concurrency <= 2
    assert card.asks in ("words", "taxon")
    assert all(name.isupper() for name in (*card.keys, *card.optional_keys))


@pytest.mark.parametrize("source", SOURCES.values(), ids=NAMES)
def test_its_slices_begin_with_all_and_can_be_asked(source: Source) -> None:
    facets = source.facets("oak tree")
    assert facets[0] == {}
    assert len(facets) == len({json.dumps(facet, sort_keys=True) for facet in facets}) <= 100
    cursor = "vqd=4-1;s=0" if source.name == "duckduckgo" else None
    asked = [json.dumps(asdict(source.request(query(source.name, facet=facet), cursor, KEYS))) for facet in facets]
    assert len(set(asked)) == len(facets), "two slices make the same request"


@pytest.mark.parametrize(("source", "pages"), [(name, pages) for name, walks in PAGES.items() for pages in walks])
def test_it_pages_to_the_end(source: str, pages: tuple[str, ...]) -> None:
    one, cursor, asked, urls = SOURCES[source], None, [], set()
    asking = query(source, facet={"in": "category"} if pages[0].startswith("category") else {})
    for name in pages:
        request = one.request(asking, cursor, KEYS)
        assert request == one.request(asking, cursor, KEYS)
        assert all(isinstance(part, str) for both in (request.params.items(), request.headers.items()) for pair in both for part in pair)
        assert urlsplit(request.url).scheme == "https" and not urlsplit(request.url).query
        assert "user-agent" not in {header.lower() for header in request.headers}
        asked.append(request)
        body = recorded(f"{source}/{name}")
        found = one.parse(body, asking, cursor)
        assert found == one.parse(body, asking, cursor)
        check(found)
        assert (found.cursor is None) == (name == pages[-1]), f"{name} leads to {found.cursor}"
        urls |= {offer.url for offer in found.offers}
        cursor = found.cursor
    assert len({json.dumps(asdict(request)) for request in asked}) == len(pages), "the same page was asked twice"
    assert len(urls) >= 2


@pytest.mark.parametrize("source", [name for name in NAMES if name not in ("duckduckgo",)])
def test_nothing_found_is_no_error(source: str) -> None:
    name = next(name for name in recordings(source) if "/empty" in name)
    found = parsed(name)
    assert (found.offers, found.cursor) == ((), None)


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_is_told_in_the_servers_words(name: str) -> None:
    with pytest.raises(SourceError) as caught:
        parsed(name)
    said = recorded(name).decode()
    words = {word for word in str(caught.value).replace("'", " ").split() if len(word) > 4 and word in said}
    assert len(words) >= 1, str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("name", RESULTS)
def test_what_is_said_of_a_image_can_be_written_down(name: str) -> None:
    for side in SIDES:
        check(parsed(name, side=side))


@pytest.mark.parametrize("family", ["cc0", "cc-by", "cc-by-nc", "cc-by-sa", "pexels"])
@pytest.mark.parametrize("source", NAMES)
def test_only_wanted_licenses_are_offered(source: str, family: str) -> None:
    names = [name for name in RESULTS if name.startswith(f"{source}/")]
    offers = [offer for name in names for offer in parsed(name, licenses=(family,)).offers]
    assert {family_of(offer.license) for offer in offers} <= {family}
    anything = [family_of(offer.license) for name in names for offer in parsed(name).offers]
    assert len(offers) == anything.count(family)
    assert set(anything) - {""} <= set(SOURCES[source].card.families)


@pytest.mark.parametrize("source", [source for source in SOURCES.values() if source.card.families], ids=lambda one: one.name)
def test_credit_is_given(source: Source) -> None:
    for offer in parsed(f"{source.name}/{PAGES[source.name][0][0]}").offers:
        assert offer.attribution and offer.page
        assert offer.creator in offer.attribution


@pytest.mark.parametrize("name", EVERY)
def test_a_cut_or_garbled_answer_is_refused_or_read(name: str) -> None:
    source, body, chance = SOURCES[name.partition("/")[0]], recorded(name), random.Random(name)
    for _ in range(60):
        place = chance.randrange(len(body))
        for bad in (body[:place], body[:place] + bytes([chance.randrange(256)]) + body[place + 1 :]):
            try:
                check(source.parse(bad, query(source.name), cursor_for(name)))
            except SourceError as error:
                assert str(error).isprintable()


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"3", b'"x"', b"\xff\xfe", b"[" * 100_000, b'{"a":' * 100_000, b"{" + b" " * 10_000, b"1" * 9_000]
)
@pytest.mark.parametrize("source", [name for name in NAMES if name != "bing"])
def test_what_is_no_answer_at_all_is_an_error(source: str, body: bytes) -> None:
    with pytest.raises(SourceError) as caught:
        SOURCES[source].parse(body, query(source), "vqd=1;s=0" if source == "duckduckgo" else None)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("name", [name for name in EVERY if name.endswith(".json")])
def test_nothing_in_an_answer_is_believed_to_be_of_its_type(name: str) -> None:
    source, document, chance = SOURCES[name.partition("/")[0]], json.loads(recorded(name)), random.Random(name)
    spots = list(_spots(document))
    for spot in spots if len(spots) < 150 else chance.sample(spots, 150):
        for nasty in chance.sample(NASTY, 5):
            bad = copy.deepcopy(document)
            _put(bad, spot, nasty)
            try:
                check(source.parse(json.dumps(bad).encode(), query(source.name, side=chance.choice(SIDES)), cursor_for(name)))
            except SourceError as error:
                assert str(error).isprintable()


def _spots(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    for name, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield (*path, name)
        yield from _spots(value, (*path, name))


def _put(node: Any, path: tuple[Any, ...], value: Any) -> None:
    for name in path[:-1]:
        node = node[name]
    node[path[-1]] = value


@pytest.mark.parametrize("source", [name for name in NAMES if name != "wikimedia"])
@pytest.mark.parametrize("cursor", ["", "x", "-1", "page=;size=", "²", "9" * 40, "{}", "vqd=a;s=b"])
def test_a_cursor_of_another_kind_is_refused(source: str, cursor: str) -> None:
    with pytest.raises(SourceError, match="is not one of this source"):
        SOURCES[source].request(query(source), cursor, KEYS)


@pytest.mark.parametrize("source", [source for source in SOURCES.values() if source.card.keys], ids=lambda one: one.name)
def test_a_missing_key_is_named(source: Source) -> None:
    for keys in ({}, {source.card.keys[0]: "  "}):
        with pytest.raises(SourceError, match=f"the environment variable {source.card.keys[0]} is not set"):
            source.request(query(source.name), None, keys)
    asked = json.dumps(asdict(source.request(query(source.name), None, KEYS)))
    assert KEYS[source.card.keys[0]] in asked


def test_a_key_is_taken_without_blanks() -> None:
    assert key_of({"A": " secret\n"}, "A") == "secret"
