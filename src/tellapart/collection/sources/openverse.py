"""Openverse: openly licensed images of many collections, with license data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tellapart.collection.candidates import Offer, Query, Request, ResultPage
from tellapart.collection.sources import json_fields
from tellapart.collection.sources.licenses import CREATIVE_COMMONS, address_of, attribution_of, license_of, usable
from tellapart.collection.sources.protocol import HostLimit, SourceCard, SourceError

ENDPOINT = "https://api.openverse.org/v1/images/"
TOKEN = "OPENVERSE_TOKEN"  # noqa: S105  (the name of the environment variable)
DEPTH = 240
"""Results that can be reached per query, with a token and without."""
ANONYMOUS_PAGE, TOKEN_PAGE = 20, 80
LONGEST_QUERY = 200
COLLECTIONS = ("flickr", "wikimedia", "stocksnap", "rawpixel", "nappy", "inaturalist", "smithsonian", "met", "europeana")
ASPECTS, SIZES = ("wide", "tall", "square"), ("large", "medium", "small")


class Openverse:
    """The catalogue of openly licensed works kept by WordPress."""

    name = "openverse"
    card = SourceCard(
        title="Openverse",
        home="https://openverse.org",
        terms="https://docs.openverse.org/terms_of_service.html",
        licenses="license with version, creator, and the finished sentence of credit for every image",
        caveat=f"{DEPTH} results a query, so a keyword is asked in many slices; without a token about 200 requests a day",
        optional_keys=(TOKEN,),
        most_results=DEPTH,
        limit=HostLimit(concurrency=1, per_minute=20),
        families=CREATIVE_COMMONS,
    )

    def facets(self, keyword: str) -> Sequence[Mapping[str, str]]:
        """All, then by what can be asked for: kind, shape, size, license, collection, and shape within each license and size."""
        licenses = [family for family in CREATIVE_COMMONS if family != "cc-by-nd"]
        return [
            {},
            {"category": "photograph"},
            *({"aspect_ratio": aspect} for aspect in ASPECTS),
            *({"size": size} for size in SIZES),
            *({"license": family} for family in CREATIVE_COMMONS),
            *({"source": source} for source in COLLECTIONS),
            *({"aspect_ratio": aspect, "size": size} for aspect in ASPECTS for size in SIZES),
            *({"license": family, "aspect_ratio": aspect} for family in licenses for aspect in ASPECTS),
            *({"extension": extension} for extension in ("jpg", "png", "webp")),
        ]

    def request(self, query: Query, cursor: str | None, keys: Mapping[str, str]) -> Request:
        """One page of the search; the page size is part of the cursor, as the depth is counted in pages."""
        token = keys.get(TOKEN, "").strip()
        page, size = _place(cursor) or (1, TOKEN_PAGE if token else ANONYMOUS_PAGE)
        facet = dict(query.facet)
        license = facet.pop("license", "")
        families = (license,) if license else tuple(family for family in query.licenses if family in CREATIVE_COMMONS)
        params = {"q": query.keyword[:LONGEST_QUERY], "page_size": str(size), "page": str(page), "filter_dead": "true", "mature": "false"}
        if families:
            params["license"] = ",".join(family.removeprefix("cc-") for family in families)
        return Request(url=ENDPOINT, params=params | facet, headers={"Authorization": f"Bearer {token}"} if token else {})

    def parse(self, body: bytes, query: Query, cursor: str | None) -> ResultPage:
        """The offers of one page; see :meth:`Source.parse`."""
        document = json_fields.document(body)
        if "results" not in document:
            raise SourceError(f"Openverse says: {_complaint(document) or json_fields.excerpt(body)}")
        results = list(json_fields.objects(document["results"]))
        page, size = _place(cursor) or (1, json_fields.pixels(document.get("page_size")) or ANONYMOUS_PAGE)
        is_more = bool(results) and page < (json_fields.number(document.get("page_count")) or 0) and page * size < DEPTH
        return ResultPage(
            offers=usable(map(_offer, results), query.licenses),
            cursor=f"page={page + 1};size={size}" if is_more else None,
            total=json_fields.number(document.get("result_count")),
        )


def _place(cursor: str | None) -> tuple[int, int] | None:
    """Page and page size of a cursor ``page=2;size=20``."""
    if cursor is None:
        return None
    page, _, size = cursor.partition(";")
    return json_fields.place_of(page.removeprefix("page=")), json_fields.place_of(size.removeprefix("size="))


def _offer(result: Mapping[str, Any]) -> Offer:
    values = {name: json_fields.text(value) for name, value in result.items()}
    code, title, creator = (values.get(name, "") for name in ("license", "title", "creator"))
    license = license_of(code if code in ("cc0", "pdm", "") else f"cc-{code}", values.get("license_version", ""))
    return Offer(
        url=json_fields.address(values.get("url")),
        page=json_fields.address(values.get("foreign_landing_url")),
        license=license,
        license_url=json_fields.address(values.get("license_url")) or address_of(license),
        creator=creator,
        creator_url=json_fields.address(values.get("creator_url")),
        title=title,
        attribution=values.get("attribution") or attribution_of(title=title, creator=creator, license=license, via="Openverse"),
        width=json_fields.pixels(result.get("width")),
        height=json_fields.pixels(result.get("height")),
    )


def _complaint(document: Mapping[str, Any]) -> str:
    """The message of an error response: ``{"detail": ...}``, where the detail may be a sentence or lists of them by field."""
    detail = document.get("detail", document.get("error"))
    if isinstance(detail, dict):
        return "; ".join(
            f"{json_fields.text(name)}: {json_fields.text(json_fields.within(message, 0)) or json_fields.text(message)}"
            for name, message in detail.items()
        )
    return json_fields.text(detail)
