"""Pixabay: stock photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tellapart.collection.candidates import Offer, Query, Request, ResultPage
from tellapart.collection.sources import json_fields
from tellapart.collection.sources.licenses import FAMILIES, usable
from tellapart.collection.sources.protocol import HostLimit, SourceCard, SourceError, key_of

ENDPOINT = "https://pixabay.com/api/"
KEY = "PIXABAY_API_KEY"
PER_PAGE = 200
MOST = 500
LONGEST_QUERY = 100
LAST_PAGE = "out of valid range"
SHAPES = ("horizontal", "vertical")
CATEGORIES = (
    *("backgrounds", "fashion", "nature", "science", "education", "feelings", "health", "people", "religion", "places"),
    *("animals", "industry", "computer", "food", "sports", "transportation", "travel", "buildings", "business", "music"),
)
COLORS = (*("grayscale", "red", "orange", "yellow", "green", "turquoise", "blue", "lilac", "pink", "white", "gray", "black", "brown"),)
COPIES = {"webformatURL": 640, "largeImageURL": 1280, "fullHDURL": 1920, "imageURL": 1 << 30}
"""Longer side in pixels of each copy; the last two only for keys with full access."""


class Pixabay:
    """The photo search of Pixabay's API."""

    name = "pixabay"
    card = SourceCard(
        title="Pixabay",
        home="https://pixabay.com",
        terms="https://pixabay.com/api/docs/",
        licenses="all under the Pixabay license; user name of each photo",
        caveat=f"its terms forbid systematic mass downloads: have its permission first. {MOST} results a search;"
        " the addresses it gives work for a day, so ask and fetch in one go",
        is_default=False,
        keys=(KEY,),
        most_results=MOST,
        limit=HostLimit(concurrency=1, per_minute=100),
        families=("pixabay",),
    )

    def facets(self, keyword: str) -> Sequence[Mapping[str, str]]:
        """All, newest first, by shape, by color, by category, and by shape within each color."""
        return [
            {},
            {"order": "latest"},
            *({"orientation": shape} for shape in SHAPES),
            *({"colors": color} for color in COLORS),
            *({"category": category} for category in CATEGORIES),
            *({"orientation": shape, "colors": color} for shape in SHAPES for color in COLORS),
        ]

    def request(self, query: Query, cursor: str | None, keys: Mapping[str, str]) -> Request:
        """One page of the search: photos only, safe ones."""
        params = {
            "key": key_of(keys, KEY),
            "q": query.keyword[:LONGEST_QUERY],
            "image_type": "photo",
            "safesearch": "true",
            **query.facet,
            "per_page": str(PER_PAGE),
            "page": str(json_fields.place_of(cursor)),
        }
        return Request(url=ENDPOINT, params=params)

    def parse(self, body: bytes, query: Query, cursor: str | None) -> ResultPage:
        """The offers of one page; errors come as plain text (``[ERROR 400] ...``); see :meth:`Source.parse`."""
        page = json_fields.place_of(cursor)
        if body.lstrip().startswith(b"[ERROR"):
            message = json_fields.excerpt(body)
            if page > 1 and LAST_PAGE in message:
                return ResultPage()
            raise SourceError(f"Pixabay says: {message}")
        document = json_fields.document(body)
        if not isinstance(document.get("hits"), list):
            raise SourceError(f"the answer of Pixabay holds no results: {json_fields.excerpt(body)}")
        total = json_fields.number(document.get("totalHits"))
        is_more = bool(document["hits"]) and page * PER_PAGE < min(total or 0, MOST)
        return ResultPage(
            offers=usable((_offer(hit, query.side) for hit in json_fields.objects(document["hits"])), query.licenses),
            cursor=str(page + 1) if is_more else None,
            total=total,
        )


def _offer(hit: Mapping[str, Any], side: int) -> Offer:
    width, height = json_fields.pixels(hit.get("imageWidth")), json_fields.pixels(hit.get("imageHeight"))
    offered = {name: url for name in COPIES if (url := json_fields.address(hit.get(name)))}
    name = next((name for name in offered if COPIES[name] >= side), next(reversed(offered), ""))
    scale = min(1.0, COPIES.get(name, 0) / max(width, height)) if width and height else 1.0
    creator, number = json_fields.text(hit.get("user")), json_fields.text(hit.get("user_id"))
    return Offer(
        url=offered.get(name, ""),
        page=json_fields.address(hit.get("pageURL")),
        license="pixabay",
        license_url=FAMILIES["pixabay"],
        creator=creator,
        creator_url=json_fields.address(f"https://pixabay.com/users/{creator}-{number}/") if creator and number else "",
        title=json_fields.text(hit.get("tags")),
        attribution=f"Image by {creator} from Pixabay" if creator else "Image from Pixabay",
        width=round(width * scale) if width else None,
        height=round(height * scale) if height else None,
    )
