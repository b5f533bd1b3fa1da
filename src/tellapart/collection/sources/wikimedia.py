"""Wikimedia Commons: free media with descriptions and categories maintained by volunteers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tellapart.collection.candidates import Offer, Query, Request, ResultPage
from tellapart.collection.sources import json_fields
from tellapart.collection.sources.licenses import CREATIVE_COMMONS, address_of, attribution_of, family_of, license_of, usable
from tellapart.collection.sources.protocol import HostLimit, SourceCard, SourceError

ENDPOINT = "https://commons.wikimedia.org/w/api.php"
WIDTHS = (20, 40, 60, 120, 250, 330, 500, 960, 1280, 1920, 3840)
"""The widths in which smaller copies are made; others are refused."""
PER_PAGE = 50
"""Smaller copies are made for so many files a request."""
MOST = 10_000
KINDS = ("image/jpeg", "image/png", "image/webp", "image/gif", "image/tiff")
SAID = "LicenseShortName|License|LicenseUrl|UsageTerms|Artist|Credit|ObjectName|Attribution|AttributionRequired|Restrictions"


class Wikimedia:
    """The media of Wikipedia and its sisters, found by words or by category."""

    name = "wikimedia"
    card = SourceCard(
        title="Wikimedia Commons",
        home="https://commons.wikimedia.org",
        terms="https://foundation.wikimedia.org/wiki/Policy:Terms_of_Use",
        licenses="license with version, author and credit line; some files also say which personality or trademark rights remain",
        caveat="a free license does not cover the rights of people shown: files with such a restriction say so on their page",
        most_results=MOST,
        limit=HostLimit(concurrency=2, per_minute=200),
        image_hosts={host: HostLimit(concurrency=2) for host in ("upload.wikimedia.org", "thumb.wikimedia.org")},
        needs_contact=True,
        families=CREATIVE_COMMONS,
    )

    def facets(self, keyword: str) -> Sequence[Mapping[str, str]]:
        """By words; the category of that name; that category with those under it; by words, newest first, and by format."""
        return [
            {},
            {"in": "category"},
            {"in": "deepcategory"},
            {"sort": "create_timestamp_desc"},
            {"sort": "create_timestamp_asc"},
            *({"mime": kind} for kind in ("image/png", "image/tiff", "image/webp")),
        ]

    def request(self, query: Query, cursor: str | None, keys: Mapping[str, str]) -> Request:
        """One page of the search or of a category, with a smaller copy of each file where one is large enough."""
        params = {
            "action": "query",
            "format": "json",
            "formatversion": "2",
            **_generator(query),
            "prop": "imageinfo",
            "iiprop": "url|size|mime|extmetadata",
            "iiextmetadatafilter": SAID,
            "iiextmetadatalanguage": "en",
        }
        if width := _width(query.side):
            params["iiurlwidth"] = str(width)
        return Request(url=ENDPOINT, params=_continued(cursor) | params)

    def parse(self, body: bytes, query: Query, cursor: str | None) -> ResultPage:
        """The offers of one page; see :meth:`Source.parse`."""
        document = json_fields.document(body)
        if "error" in document:
            error = document["error"]
            words = [json_fields.plain(json_fields.within(error, name)) for name in ("code", "info")]
            raise SourceError(f"Wikimedia Commons says: {': '.join(filter(None, words)) or json_fields.excerpt(body)}")
        if not document.keys() & {"query", "batchcomplete", "continue"}:
            raise SourceError(f"the answer of Wikimedia Commons holds no results: {json_fields.excerpt(body)}")
        pages = sorted(
            json_fields.objects(json_fields.within(document, "query", "pages")), key=lambda page: json_fields.number(page.get("index")) or 0
        )
        return ResultPage(
            offers=usable((_offer(page, query.side) for page in pages), query.licenses),
            cursor=_cursor(document.get("continue")),
            total=json_fields.number(json_fields.within(document, "query", "searchinfo", "totalhits")),
        )


def _generator(query: Query) -> dict[str, str]:
    keyword = query.keyword.strip()
    if query.facet.get("in") == "category":
        title = f"Category:{keyword[:1].upper()}{keyword[1:]}"
        return {"generator": "categorymembers", "gcmtitle": title, "gcmtype": "file", "gcmlimit": str(PER_PAGE)}
    quoted = keyword.replace('"', " ")
    words = f'deepcat:"{quoted}"' if query.facet.get("in") == "deepcategory" else keyword
    kind = f"filemime:{query.facet['mime']} " if "mime" in query.facet else ""
    parameters = {"generator": "search", "gsrnamespace": "6", "gsrsearch": f"filetype:bitmap {kind}{words}", "gsrlimit": str(PER_PAGE)}
    return parameters | ({"gsrsort": query.facet["sort"]} if "sort" in query.facet else {})


def _width(side: int) -> int | None:
    """The smallest width that is made and large enough; None: only the original is."""
    return next((width for width in WIDTHS if width >= side), None)


def _cursor(continued: object) -> str | None:
    """The ``continue`` object of an answer as text; None where there is none, or where no search goes on beyond it."""
    if not isinstance(continued, dict):
        return None
    values = {json_fields.text(name): json_fields.text(value) for name, value in continued.items() if json_fields.text(value)}
    is_beyond = (json_fields.number(values.get("gsroffset", "0")) or 0) + PER_PAGE > MOST
    return json.dumps(values, sort_keys=True, separators=(",", ":")) if values and not is_beyond else None


def _continued(cursor: str | None) -> dict[str, str]:
    try:
        content = json.loads(cursor or "{}")
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise SourceError(f"the place {cursor!r} in the results is not one of Wikimedia Commons")
    return {name: value for name, value in content.items() if isinstance(value, str)}


def _offer(page: Mapping[str, Any], side: int) -> Offer:
    info = json_fields.within(page, "imageinfo", 0)
    if not isinstance(info, dict) or json_fields.text(info.get("mime")) not in KINDS:
        return Offer(url="")
    thumb = json_fields.address(info.get("thumburl"))
    is_smaller = bool(thumb) and _width(side) is not None
    metadata = {name: json_fields.plain(json_fields.within(info, "extmetadata", name, "value")) for name in SAID.split("|")}
    named = [license_of(metadata[name]) for name in ("License", "LicenseShortName", "LicenseUrl", "UsageTerms")]
    license = next((one for one in named if family_of(one)), next(filter(None, named), ""))
    title = metadata["ObjectName"] or json_fields.text(page.get("title")).removeprefix("File:").rpartition(".")[0]
    credit = metadata["Attribution"] or attribution_of(title=title, creator=metadata["Artist"], license=license, via="Wikimedia Commons")
    return Offer(
        url=thumb if is_smaller else json_fields.address(info.get("url")),
        page=json_fields.address(info.get("descriptionurl")),
        license=license,
        license_url=json_fields.address(metadata["LicenseUrl"]) or address_of(license),
        creator=metadata["Artist"],
        title=title,
        attribution=credit,
        width=json_fields.pixels(info.get("thumbwidth" if is_smaller else "width")),
        height=json_fields.pixels(info.get("thumbheight" if is_smaller else "height")),
    )
