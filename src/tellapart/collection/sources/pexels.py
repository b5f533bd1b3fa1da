"""Pexels: stock photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tellapart.collection.candidates import Offer, Query, Request, ResultPage
from tellapart.collection.sources import json_fields
from tellapart.collection.sources.licenses import FAMILIES, usable
from tellapart.collection.sources.protocol import HostLimit, SourceCard, SourceError, key_of

ENDPOINT = "https://api.pexels.com/v1/search"
KEY = "PEXELS_API_KEY"
PER_PAGE = 80
MOST = 8_000
SHAPES = ("landscape", "portrait", "square")
COLORS = ("red", "orange", "yellow", "green", "turquoise", "blue", "violet", "pink", "brown", "black", "gray", "white")
COPIES = {"medium": (10_000, 350), "large": (940, 650), "large2x": (1880, 1300)}
"""Width and height into which each smaller copy fits."""


class Pexels:
    """The photo search of Pexels' API."""

    name = "pexels"
    card = SourceCard(
        title="Pexels",
        home="https://www.pexels.com",
        terms="https://www.pexels.com/terms-of-service",
        licenses="all under the Pexels license; photographer of each photo",
        caveat="its terms forbid collecting photos through the API to train or judge models without its permission: have that first."
        " 200 requests an hour, 20,000 a month",
        is_default=False,
        keys=(KEY,),
        most_results=MOST,
        limit=HostLimit(concurrency=1, per_minute=200 / 60),
        families=("pexels",),
    )

    def facets(self, keyword: str) -> Sequence[Mapping[str, str]]:
        """All, then by shape, by color, and by shape within each color."""
        return [
            {},
            *({"orientation": shape} for shape in SHAPES),
            *({"color": color} for color in COLORS),
            *({"orientation": shape, "color": color} for shape in SHAPES for color in COLORS),
        ]

    def request(self, query: Query, cursor: str | None, keys: Mapping[str, str]) -> Request:
        """One page of the search."""
        params = {"query": query.keyword, **query.facet, "per_page": str(PER_PAGE), "page": str(json_fields.place_of(cursor))}
        return Request(url=ENDPOINT, params=params, headers={"Authorization": key_of(keys, KEY)})

    def parse(self, body: bytes, query: Query, cursor: str | None) -> ResultPage:
        """The offers of one page; see :meth:`Source.parse`."""
        document = json_fields.document(body)
        if not isinstance(document.get("photos"), list):
            message = json_fields.text(document.get("error")) or json_fields.text(document.get("code")) or json_fields.excerpt(body)
            raise SourceError(f"Pexels says: {message}")
        page = json_fields.place_of(cursor)
        is_more = bool(document["photos"]) and bool(json_fields.text(document.get("next_page"))) and page * PER_PAGE < MOST
        return ResultPage(
            offers=usable((_offer(photo, query.side) for photo in json_fields.objects(document["photos"])), query.licenses),
            cursor=str(page + 1) if is_more else None,
            total=json_fields.number(document.get("total_results")),
        )


def _offer(photo: Mapping[str, Any], side: int) -> Offer:
    width, height = json_fields.pixels(photo.get("width")), json_fields.pixels(photo.get("height"))
    name, width, height = _copy(width, height, side)
    creator = json_fields.text(photo.get("photographer"))
    return Offer(
        url=json_fields.address(json_fields.within(photo, "src", name))
        or json_fields.address(json_fields.within(photo, "src", "original")),
        page=json_fields.address(photo.get("url")),
        license="pexels",
        license_url=FAMILIES["pexels"],
        creator=creator,
        creator_url=json_fields.address(photo.get("photographer_url")),
        title=json_fields.text(photo.get("alt")),
        attribution=f"Photo by {creator} on Pexels" if creator else "Photo on Pexels",
        width=width,
        height=height,
    )


def _copy(width: int | None, height: int | None, side: int) -> tuple[str, int | None, int | None]:
    """Name, width and height of the smallest copy whose longer side is at least ``side``, else of the original."""
    for name, (across, down) in COPIES.items() if width and height else ():
        scale = min(1.0, across / (width or 1), down / (height or 1))
        size = round((width or 1) * scale), round((height or 1) * scale)
        if max(size) >= side:
            return name, *size
    return "original", width, height
