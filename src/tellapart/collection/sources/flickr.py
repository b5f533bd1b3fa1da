"""Flickr: photos uploaded by their owners, each under its own license."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tellapart.collection.candidates import Offer, Query, Request, ResultPage
from tellapart.collection.sources import json_fields
from tellapart.collection.sources.licenses import CREATIVE_COMMONS, address_of, attribution_of, family_of, usable
from tellapart.collection.sources.protocol import HostLimit, SourceCard, SourceError, key_of

ENDPOINT = "https://api.flickr.com/services/rest/"
KEY = "FLICKR_API_KEY"
PER_PAGE = 500
DEPTH = 4_000
FIRST_YEAR, LAST_YEAR = 2005, 2026
SIZES = ("m", "z", "c", "l", "h", "k", "o")
LICENSES = (
    "all-rights-reserved",
    "cc-by-nc-sa-2.0",
    "cc-by-nc-2.0",
    "cc-by-nc-nd-2.0",
    "cc-by-2.0",
    "cc-by-sa-2.0",
    "cc-by-nd-2.0",
    "no-known-copyright-restrictions",
    "united-states-government-work",
    "cc0-1.0",
    "pdm-1.0",
    "cc-by-4.0",
    "cc-by-sa-4.0",
    "cc-by-nd-4.0",
    "cc-by-nc-4.0",
    "cc-by-nc-sa-4.0",
    "cc-by-nc-nd-4.0",
)
"""By Flickr's number for each."""


class Flickr:
    """The search of Flickr's API."""

    name = "flickr"
    card = SourceCard(
        title="Flickr",
        home="https://www.flickr.com",
        terms="https://www.flickr.com/help/terms/api",
        licenses="license and owner of each photo; without --licenses also photos with all rights reserved",
        caveat=f"{DEPTH:,} results a search, so a keyword is asked year by year; words match titles and tags that owners wrote",
        keys=(KEY,),
        most_results=DEPTH,
        limit=HostLimit(concurrency=1, per_minute=60),
        families=CREATIVE_COMMONS,
    )

    def facets(self, keyword: str) -> Sequence[Mapping[str, str]]:
        """All, then the photos uploaded in each year, newest first."""
        return [{}, *({"uploaded": str(year)} for year in range(LAST_YEAR, FIRST_YEAR - 1, -1))]

    def request(self, query: Query, cursor: str | None, keys: Mapping[str, str]) -> Request:
        """One page of the search: photos only, safe ones, most relevant first."""
        params = {
            "method": "flickr.photos.search",
            "api_key": key_of(keys, KEY),
            "text": query.keyword,
            "media": "photos",
            "content_types": "0",
            "safe_search": "1",
            "sort": "relevance",
            "extras": ",".join(["license", "owner_name", "date_upload", *(f"url_{size}" for size in SIZES)]),
            "per_page": str(PER_PAGE),
            "page": str(json_fields.place_of(cursor)),
            "format": "json",
            "nojsoncallback": "1",
        }
        if "uploaded" in query.facet:
            year = json_fields.place_of(query.facet["uploaded"])
            params["min_upload_date"], params["max_upload_date"] = str(_start_of(year)), str(_start_of(year + 1) - 1)
        if query.licenses:
            numbers = [str(index) for index, license in enumerate(LICENSES) if family_of(license) in query.licenses]
            params["license"] = ",".join(numbers)
        return Request(url=ENDPOINT, params=params)

    def parse(self, body: bytes, query: Query, cursor: str | None) -> ResultPage:
        """The offers of one page; see :meth:`Source.parse`."""
        document = json_fields.document(body)
        if json_fields.text(document.get("stat")) != "ok" or not isinstance(document.get("photos"), dict):
            message = json_fields.text(document.get("message")) or json_fields.excerpt(body)
            raise SourceError(f"Flickr says: {message}" + (f" (code {code})" if (code := json_fields.text(document.get("code"))) else ""))
        page = json_fields.place_of(cursor)
        photos = list(json_fields.objects(document["photos"].get("photo")))
        pages = json_fields.number(document["photos"].get("pages")) or 0
        is_more = bool(photos) and page < pages and page * PER_PAGE < DEPTH
        return ResultPage(
            offers=usable((_offer(photo, query.side) for photo in photos), query.licenses),
            cursor=str(page + 1) if is_more else None,
            total=json_fields.number(document["photos"].get("total")),
        )


def _start_of(year: int) -> int:
    try:
        return int(datetime(year, 1, 1, tzinfo=UTC).timestamp())
    except ValueError:
        raise SourceError(f"there is no year {year}") from None


def _offer(photo: Mapping[str, Any], side: int) -> Offer:
    url, width, height = _copy(photo, side)
    owner, number, title = (json_fields.text(photo.get(name)) for name in ("owner", "id", "title"))
    index = json_fields.number(photo.get("license"))
    license = LICENSES[index] if index is not None and index < len(LICENSES) else ""
    creator = json_fields.text(photo.get("ownername"))
    return Offer(
        url=url if photo.get("ispublic", 1) else "",
        page=json_fields.address(f"https://www.flickr.com/photos/{owner}/{number}") if owner and number else "",
        license=license,
        license_url=address_of(license),
        creator=creator,
        creator_url=json_fields.address(f"https://www.flickr.com/people/{owner}/") if owner else "",
        title=title,
        attribution=attribution_of(title=title, creator=creator, license=license, via="Flickr"),
        group=_upload(owner, photo.get("dateupload")),
        width=width,
        height=height,
    )


def _copy(photo: Mapping[str, Any], side: int) -> tuple[str, int | None, int | None]:
    """Address, width and height of the smallest copy whose longer side is at least ``side``, else of the largest there is."""
    best: tuple[str, int | None, int | None] = ("", None, None)
    for size in SIZES:
        if url := json_fields.address(photo.get(f"url_{size}")):
            best = (url, json_fields.pixels(photo.get(f"width_{size}")), json_fields.pixels(photo.get(f"height_{size}")))
            if max(best[1] or 0, best[2] or 0) >= side:
                break
    return best


def _upload(owner: str, seconds: object) -> str:
    """What one owner put there on one day."""
    when = json_fields.number(seconds)
    if not owner or when is None or when > _start_of(9999):
        return ""
    return f"flickr:{owner}:{datetime.fromtimestamp(when, UTC):%Y-%m-%d}"
