"""Unsplash: stock photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tellapart.collection.candidates import Offer, Query, Request, ResultPage
from tellapart.collection.sources import json_fields
from tellapart.collection.sources.licenses import FAMILIES, usable
from tellapart.collection.sources.protocol import HostLimit, SourceCard, SourceError, key_of

ENDPOINT = "https://api.unsplash.com/search/photos"
KEY = "UNSPLASH_ACCESS_KEY"
PER_PAGE = 30
SHAPES = ("landscape", "portrait", "squarish")
COLORS = ("black_and_white", "black", "white", "yellow", "orange", "red", "purple", "magenta", "green", "teal", "blue")
COPIES = {"small": 400, "regular": 1080}
"""Width in pixels of each smaller copy."""


class Unsplash:
    """The photo search of Unsplash's API."""

    name = "unsplash"
    card = SourceCard(
        title="Unsplash",
        home="https://unsplash.com",
        terms="https://unsplash.com/api-terms",
        licenses="all under the Unsplash license; photographer of each photo",
        caveat="its API rules forbid data mining and training models, and want each download reported to it, which tellapart does"
        " not do: have its permission first. 50 requests an hour until it approves your application",
        is_default=False,
        keys=(KEY,),
        limit=HostLimit(concurrency=1, per_minute=50 / 60),
        families=("unsplash",),
    )

    def facets(self, keyword: str) -> Sequence[Mapping[str, str]]:
        """All, then by shape, and by color."""
        return [{}, *({"orientation": shape} for shape in SHAPES), *({"color": color} for color in COLORS)]

    def request(self, query: Query, cursor: str | None, keys: Mapping[str, str]) -> Request:
        """One page of the search: safe photos only."""
        paging = {"per_page": str(PER_PAGE), "page": str(json_fields.place_of(cursor))}
        return Request(
            url=ENDPOINT,
            params={"query": query.keyword, "content_filter": "high", **query.facet, **paging},
            headers={"Authorization": f"Client-ID {key_of(keys, KEY)}", "Accept-Version": "v1"},
        )

    def parse(self, body: bytes, query: Query, cursor: str | None) -> ResultPage:
        """The offers of one page, without those that are for paying members; see :meth:`Source.parse`."""
        document = json_fields.document(body)
        if not isinstance(document.get("results"), list):
            message = json_fields.text(json_fields.within(document, "errors", 0)) or json_fields.excerpt(body)
            raise SourceError(f"Unsplash says: {message}")
        page = json_fields.place_of(cursor)
        free = (one for one in json_fields.objects(document["results"]) if not (one.get("premium") or one.get("plus")))
        return ResultPage(
            offers=usable((_offer(photo, query.side) for photo in free), query.licenses),
            cursor=str(page + 1) if document["results"] and page < (json_fields.number(document.get("total_pages")) or 0) else None,
            total=json_fields.number(document.get("total")),
        )


def _offer(photo: Mapping[str, Any], side: int) -> Offer:
    width, height = json_fields.pixels(photo.get("width")), json_fields.pixels(photo.get("height"))
    tall = max(1.0, height / width) if width and height else 1.0
    name = next((name for name, across in COPIES.items() if across * tall >= side), "full")
    scale = min(1.0, COPIES.get(name, width or 1) / (width or 1))
    creator = json_fields.text(json_fields.within(photo, "user", "name"))
    return Offer(
        url=json_fields.address(json_fields.within(photo, "urls", name)) or json_fields.address(json_fields.within(photo, "urls", "full")),
        page=json_fields.address(json_fields.within(photo, "links", "html")),
        license="unsplash",
        license_url=FAMILIES["unsplash"],
        creator=creator,
        creator_url=json_fields.address(json_fields.within(photo, "user", "links", "html")),
        title=json_fields.text(photo.get("description")) or json_fields.text(photo.get("alt_description")),
        attribution=f"Photo by {creator} on Unsplash" if creator else "Photo on Unsplash",
        width=round(width * scale) if width else None,
        height=round(height * scale) if height else None,
    )
