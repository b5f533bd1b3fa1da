"""iNaturalist: photos of living things whose species several people agree on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tellapart.collection.candidates import Offer, Query, Request, ResultPage
from tellapart.collection.sources import json_fields
from tellapart.collection.sources.licenses import CREATIVE_COMMONS, address_of, attribution_of, license_of, usable
from tellapart.collection.sources.protocol import HostLimit, SourceCard, SourceError

ENDPOINT = "https://api.inaturalist.org/v1/observations"
PER_PAGE = 200
SIZES = {"small": 240, "medium": 500, "large": 1024, "original": 2048}
"""Longer side in pixels of each copy that is kept."""
CODES = tuple(family for family in CREATIVE_COMMONS if family != "pdm")
VERSION = "4.0"
_PHOTO = re.compile(r"(/photos/[0-9]+/)(?:square|thumb|small|medium|large|original)(\.[A-Za-z]+)(?:\?.*)?$")


class INaturalist:
    """Observations of research grade: date, place, and a species name that others confirmed."""

    name = "inaturalist"
    card = SourceCard(
        title="iNaturalist",
        home="https://www.inaturalist.org",
        terms="https://www.inaturalist.org/pages/terms",
        licenses="license and credit line of each photo; photos without a license are all rights reserved",
        caveat="keywords are names of living things, as iNaturalist has them (Panthera leo, lion, domestic dog; not dog);"
        " for tens of thousands of photos its open data bucket is the better way",
        limit=HostLimit(concurrency=1, per_minute=60, per_day=10_000),
        image_hosts={
            host: HostLimit(concurrency=4, per_minute=150) for host in ("inaturalist-open-data.s3.amazonaws.com", "static.inaturalist.org")
        },
        asks="taxon",
        families=CODES,
    )

    def facets(self, keyword: str) -> Sequence[Mapping[str, str]]:
        """All: observations are paged by their number, so every one can be reached."""
        return [{}]

    def request(self, query: Query, cursor: str | None, keys: Mapping[str, str]) -> Request:
        """One page of observations with numbers above the cursor."""
        params = {
            "taxon_name": query.keyword,
            "quality_grade": "research",
            "photos": "true",
            "per_page": str(PER_PAGE),
            "order_by": "id",
            "order": "asc",
            "locale": "en",
        }
        if query.licenses:
            params["photo_license"] = ",".join(family for family in query.licenses if family in CODES)
        if cursor is not None:
            params["id_above"] = str(json_fields.place_of(cursor))
        return Request(url=ENDPOINT, params=params)

    def parse(self, body: bytes, query: Query, cursor: str | None) -> ResultPage:
        """The photos of one page of observations; see :meth:`Source.parse`."""
        document = json_fields.document(body)
        if not isinstance(document.get("results"), list):
            message = json_fields.text(document.get("error")) or json_fields.text(json_fields.within(document, "errors", 0, "message"))
            raise SourceError(f"iNaturalist says: {message or json_fields.excerpt(body)}")
        observations = list(json_fields.objects(document["results"]))
        numbers = [one for observation in observations if (one := json_fields.number(observation.get("id"))) is not None]
        observations = _of_that_name(observations, query.keyword, is_first=cursor is None)
        return ResultPage(
            offers=usable((offer for observation in observations for offer in _offers(observation, query.side)), query.licenses),
            cursor=str(max(numbers)) if numbers and len(document["results"]) >= _page_size(document) else None,
            total=json_fields.number(document.get("total_results")) if cursor is None else None,
        )


def _of_that_name(observations: list[Mapping[str, Any]], keyword: str, *, is_first: bool) -> list[Mapping[str, Any]]:
    """Those whose taxon, or the species or genus it belongs to, has the name asked for: the search also finds parts of names.

    Raises:
        SourceError: nothing on the first page has; the message tells names that are near.
    """
    name_wanted = " ".join(keyword.casefold().split())
    matching = [
        observation
        for observation in observations
        if any(f"{name.casefold()} ".startswith(f"{name_wanted} ") for name in _names(observation)[:1])
        or name_wanted in (name.casefold() for name in _names(observation)[1:])
    ]
    if observations and not matching and is_first:
        near = dict.fromkeys(name for observation in observations for name in (*reversed(_names(observation)),) if name)
        raise SourceError(f"iNaturalist has no living thing of exactly the name {keyword!r}; it has {', '.join([*near][:6])}")
    return matching


def _names(observation: Mapping[str, Any]) -> tuple[str, ...]:
    """The scientific name of the observed organism, then its common names; empty if there is none."""
    names = ("name", "preferred_common_name", "english_common_name")
    return tuple(json_fields.text(json_fields.within(observation, "taxon", name)) for name in names)


def _page_size(document: Mapping[str, Any]) -> int:
    """Number of observations on a full page: fewer than requested if the server allows fewer."""
    return min(json_fields.pixels(document.get("per_page")) or PER_PAGE, PER_PAGE)


def sized(url: str, side: int) -> str:
    """The address of the smallest copy of a photo with a longer side of at least ``side`` pixels; other addresses stay as they are."""
    size = next((name for name, pixels in SIZES.items() if pixels >= side), "original")
    return _PHOTO.sub(rf"\g<1>{size}\g<2>", url)


def _offers(observation: Mapping[str, Any], side: int) -> Iterator[Offer]:
    names = [*_names(observation)[1:], *_names(observation)[:1]]
    page = json_fields.address(observation.get("uri"))
    user = [json_fields.text(json_fields.within(observation, "user", name)) for name in ("name", "login")]
    for photo in json_fields.objects(observation.get("photos")):
        if photo.get("flags"):
            continue
        license = license_of(json_fields.text(photo.get("license_code")), VERSION)
        title, creator = next(filter(None, names), ""), next(filter(None, user), "")
        size = [json_fields.pixels(json_fields.within(photo, "original_dimensions", name)) for name in ("width", "height")]
        scale = min(1.0, _longest(side) / max(size[0], size[1])) if size[0] and size[1] else 1.0
        yield Offer(
            url=sized(json_fields.address(photo.get("url")), side),
            page=page,
            license=license,
            license_url=address_of(license),
            creator=creator,
            creator_url=json_fields.address(f"https://www.inaturalist.org/people/{user[1]}") if user[1] else "",
            title=title,
            attribution=json_fields.text(photo.get("attribution"))
            or attribution_of(title=title, creator=creator, license=license, via="iNaturalist"),
            group=page,
            width=round(size[0] * scale) if size[0] else None,
            height=round(size[1] * scale) if size[1] else None,
        )


def _longest(side: int) -> int:
    return next((pixels for pixels in SIZES.values() if pixels >= side), SIZES["original"])
