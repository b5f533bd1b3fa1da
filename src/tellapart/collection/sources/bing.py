"""Bing: the images of the open web."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tellapart.collection.candidates import Offer, Query, Request, ResultPage
from tellapart.collection.sources import json_fields
from tellapart.collection.sources.licenses import usable
from tellapart.collection.sources.protocol import HostLimit, SourceCard, SourceError

ENDPOINT = "https://www.bing.com/images/async"
PER_PAGE = 35
MOST = 1_000
FILTERS = {
    "size": ("imagesize-large", "imagesize-medium", "imagesize-wallpaper", "imagesize-small"),
    "layout": ("aspect-wide", "aspect-tall", "aspect-square"),
    "license": ("licenseType-Any", "license-L1", "license-L2_L3_L4", "license-L2_L3"),
    "color": (
        *("color2-FGcls_RED", "color2-FGcls_ORANGE", "color2-FGcls_YELLOW", "color2-FGcls_GREEN", "color2-FGcls_BLUE"),
        *("color2-FGcls_PURPLE", "color2-FGcls_PINK", "color2-FGcls_BROWN", "color2-FGcls_BLACK", "color2-FGcls_GRAY", "color2-bw"),
    ),
}


class Bing:
    """The image search, as its own page asks for more."""

    name = "bing"
    card = SourceCard(
        title="Bing images",
        home="https://www.bing.com/images",
        terms="https://www.microsoft.com/servicesagreement",
        licenses="none: who owns an image and what is allowed must be found out by you",
        caveat="not an interface meant for programs: against its terms, and it breaks often; about 1,000 results a search",
        is_default=False,
        most_results=MOST,
        limit=HostLimit(concurrency=1, per_minute=20),
    )

    def facets(self, keyword: str) -> Sequence[Mapping[str, str]]:
        """All, then by size, shape, Bing's guess of the license, and color."""
        return [{}, *({"filter": one} for kind in FILTERS.values() for one in kind)]

    def request(self, query: Query, cursor: str | None, keys: Mapping[str, str]) -> Request:
        """One page of the search: photos only, safe ones."""
        filters = ["photo-photo", *query.facet.values()]
        params = {
            "q": query.keyword,
            "first": str(json_fields.place_of(cursor)),
            "count": str(PER_PAGE),
            "async": "1",
            "qft": "".join(f" filterui:{one}" for one in filters),
            "adlt": "strict",
        }
        return Request(url=ENDPOINT, params=params)

    def parse(self, body: bytes, query: Query, cursor: str | None) -> ResultPage:
        """The offers of one page of HTML; see :meth:`Source.parse`."""
        tree = json_fields.html_tree(body.decode("utf-8", "replace"))
        results = list(_results(tree.css("a.iusc[m]")))
        if not results and (title := tree.css_first("title")):
            raise SourceError(f"Bing answered with another page: {json_fields.text(title.text()) or json_fields.excerpt(body)}")
        if not results and body.lstrip()[:1] not in (b"", b"<"):
            raise SourceError(f"the answer of Bing is not a page of results: {json_fields.excerpt(body)}")
        after = json_fields.place_of(cursor) + len(results)
        return ResultPage(
            offers=usable(map(_offer, results), query.licenses),
            cursor=str(after) if results and after <= MOST else None,
        )


def _results(links: Sequence[Any]) -> Iterator[Mapping[str, Any]]:
    for link in links:
        try:
            result = json.loads(link.attributes.get("m") or "")
        except (ValueError, RecursionError):
            continue
        if isinstance(result, dict):
            yield result


def _offer(result: Mapping[str, Any]) -> Offer:
    return Offer(
        url=json_fields.address(result.get("murl")),
        page=json_fields.address(result.get("purl")),
        title=json_fields.plain(result.get("t")),
        width=json_fields.pixels(result.get("mw")),
        height=json_fields.pixels(result.get("mh")),
    )
