"""DuckDuckGo: the images of the open web."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tellapart.collection.candidates import Offer, Query, Request, ResultPage
from tellapart.collection.sources import json_fields
from tellapart.collection.sources.licenses import usable
from tellapart.collection.sources.protocol import HostLimit, SourceCard, SourceError

PAGE, RESULTS = "https://duckduckgo.com/", "https://duckduckgo.com/i.js"
MOST = 1_000
FILTERS = ("time", "size", "color", "type", "layout", "license")
SIZES, SHAPES = ("Large", "Medium", "Small", "Wallpaper"), ("Wide", "Tall", "Square")
COLORS = ("Red", "Orange", "Yellow", "Green", "Blue", "Purple", "Pink", "Brown", "Black", "Gray", "Teal", "White", "Monochrome")
TIMES = ("Year", "Month")
_TOKEN = re.compile(rb"""vqd=["']?([0-9A-Za-z_-]+)""")
_NEXT = re.compile(r"[?&]s=([0-9]+)")


class DuckDuckGo:
    """The image search, as its own page asks it: first the page for a token, then the results with it."""

    name = "duckduckgo"
    card = SourceCard(
        title="DuckDuckGo images",
        home="https://duckduckgo.com",
        terms="https://duckduckgo.com/terms",
        licenses="none: who owns an image and what is allowed must be found out by you",
        caveat="not an interface meant for programs: against its terms, refused to many addresses (403), and it breaks often",
        is_default=False,
        most_results=MOST,
        limit=HostLimit(concurrency=1, per_minute=20),
    )

    def facets(self, keyword: str) -> Sequence[Mapping[str, str]]:
        """All, then by size, shape, color and age."""
        return [
            {},
            *({"size": size} for size in SIZES),
            *({"layout": shape} for shape in SHAPES),
            *({"color": color} for color in COLORS),
            *({"time": time} for time in TIMES),
        ]

    def request(self, query: Query, cursor: str | None, keys: Mapping[str, str]) -> Request:
        """The page with the token, then the results page by page."""
        if cursor is None:
            return Request(url=PAGE, params={"q": query.keyword, "iax": "images", "ia": "images"})
        token, start = _place(cursor)
        filters = {"type": "photo", **query.facet}
        params = {
            "o": "json",
            "q": query.keyword,
            "l": "us-en",
            "vqd": token,
            "p": "1",
            "s": str(start),
            "f": ",".join(f"{name}:{filters[name]}" if name in filters else "" for name in FILTERS),
        }
        return Request(url=RESULTS, params=params, headers={"Referer": PAGE})

    def parse(self, body: bytes, query: Query, cursor: str | None) -> ResultPage:
        """The token, or the offers of one page; see :meth:`Source.parse`."""
        if cursor is None:
            if not (token := _TOKEN.search(body)):
                raise SourceError(f"the page of DuckDuckGo holds no token for its results: {json_fields.excerpt(body)}")
            return ResultPage(cursor=f"vqd={token[1].decode()};s=0")
        document = json_fields.document(body)
        if not isinstance(document.get("results"), list):
            raise SourceError(f"the answer of DuckDuckGo holds no results: {json_fields.excerpt(body)}")
        token_now, start = _place(cursor)
        then = _NEXT.search(json_fields.text(document.get("next")))
        after = max(int(then[1][:9]), start + 1) if then else MOST
        is_more = bool(document["results"]) and after < MOST
        return ResultPage(
            offers=usable(map(_offer, json_fields.objects(document["results"])), query.licenses),
            cursor=f"vqd={token_now};s={after}" if is_more else None,
        )


def _place(cursor: str) -> tuple[str, int]:
    """Token and offset of a cursor ``vqd=...;s=100``."""
    token, _, start = cursor.partition(";s=")
    return token.removeprefix("vqd="), json_fields.place_of(start)


def _offer(result: Mapping[str, Any]) -> Offer:
    return Offer(
        url=json_fields.address(result.get("image")),
        page=json_fields.address(result.get("url")),
        title=json_fields.plain(result.get("title")),
        width=json_fields.pixels(result.get("width")),
        height=json_fields.pixels(result.get("height")),
    )
