"""Pages as a source: the images of a page, its credit for them, and the pages after it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tellapart.collection.candidates import Fetched, Offer, Query, Request, ResultPage
from tellapart.collection.network.robots import TOKEN
from tellapart.collection.network.urls import canonical_url
from tellapart.collection.sources.json_fields import html_tree
from tellapart.collection.sources.licenses import family_of, license_of, usable
from tellapart.collection.sources.protocol import HostLimit, SourceCard, SourceError
from tellapart.collection.web_pages.html_decoding import page_text
from tellapart.collection.web_pages.image_links import head_images, is_icon, is_photo_address, linked_images, shown_images
from tellapart.collection.web_pages.json_ld import NamedImage, named_images
from tellapart.collection.web_pages.license_markup import Credit
from tellapart.collection.web_pages.pagination import NUMBER, base_of, joined, next_in, next_page, rule_complaint
from tellapart.errors import ImageError
from tellapart.images.formats import sniff_format

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser

__all__ = ["Pages", "next_page", "page_offers", "rule_complaint"]

MOST_PAGES = 50
OPT_OUTS = frozenset({"noai", "noimageai", "noimageindex", "noml"})
"""Words of ``meta name=robots`` by which a page keeps its images to itself."""
_DETAILS = ("license", "license_url", "creator", "creator_url", "title", "attribution", "width", "height")


def page_offers(html: bytes | str, page_url: str, *, side: int) -> list[Offer]:
    """The images of a page, each once: those it shows in their order, those it links to, those it names in its head.

    Icons, drawings, placeholders and what is not a web address are not among them. Credit is taken from JSON-LD, else from
    ``rel=license``. All have the page as their group.

    Args:
        html: the page; bytes in any encoding.
        page_url: its URL after redirects.
        side: pixels wanted; of several sizes the largest that is not wider than twice this is taken, else the smallest.
    """
    return _offers(html_tree(page_text(html)), page_url, side)


def _offers(tree: LexborHTMLParser, page_url: str, side: int) -> list[Offer]:
    base = base_of(tree, page_url)
    offers, credit = _OfferList(), Credit(tree, base)
    for shown in (*shown_images(tree, base, side), *linked_images(tree, base), *head_images(tree, base)):
        credit_fields = credit.beside(shown.node)
        offer = Offer(url=shown.url, page=page_url, group=page_url, title=shown.title, width=shown.width, height=shown.height)
        offers.add(replace(offer, **credit_fields), shown.aliases)
    for named in named_images(script.text() for script in tree.css('script[type^="application/ld+json" i]')):
        url = joined(base, named.url)
        if is_photo_address(url) and not is_icon(named.width, named.height):
            offer = Offer(url=url, page=page_url, group=page_url, **credit.beside(None))
            offers.add(replace(offer, **_details(named, base)), (), is_better=True)
    return offers.offers


def _details(named: NamedImage, base: str) -> dict[str, Any]:
    """The fields of an image in JSON-LD, if any."""
    license_url = joined(base, named.license_url) if named.license_url else ""
    license = license_of(named.license_url)
    details = {
        "license": license if family_of(license) else "",
        "license_url": license_url or (joined(base, named.acquire_url) if named.acquire_url else ""),
        "creator": named.creator,
        "creator_url": joined(base, named.creator_url) if named.creator_url else "",
        "title": named.title,
        "attribution": named.credit,
        "width": named.width,
        "height": named.height,
    }
    return {name: value for name, value in details.items() if value}


class _OfferList:
    """Offers of a page, each image once."""

    def __init__(self) -> None:
        self.offers: list[Offer] = []
        self._places: dict[str, int] = {}
        self._aliases: dict[str, int] = {}

    def add(self, offer: Offer, aliases: Sequence[str], *, is_better: bool = False) -> None:
        """Add an offer; of an image that is there already only fill in what was not known, or, if ``is_better``, all that is said."""
        key = _key(offer.url)
        index = self._places.get(key, self._aliases.get(key))
        if index is None:
            index = self._places[key] = len(self.offers)
            self.offers.append(offer)
        else:
            before = self.offers[index]
            sizes = () if before.url == offer.url else ("width", "height")
            details = {name: getattr(offer, name) for name in _DETAILS if name not in sizes and getattr(offer, name)}
            self.offers[index] = replace(
                before, **{name: value for name, value in details.items() if is_better or not getattr(before, name)}
            )
        for alias in aliases:
            self._aliases.setdefault(_key(alias), index)


def _key(url: str) -> str:
    """One spelling of an address; with and without TLS it is the same image."""
    return canonical_url(url)[0].partition("://")[2] or url


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """The position in a walk from page to page, complete in the cursor, so that another process can continue."""

    url: str
    number: int = 1
    seen: str = ""
    """Eight letters for each visited page, so that a cycle of pages ends."""
    last: str = ""
    """Of the images of the page before: a site that has run out may show its last page again and again."""

    @classmethod
    def of(cls, query: Query, cursor: str | None) -> _Place:
        if cursor is None:
            return cls(url=query.keyword.replace(NUMBER, "1"))
        try:
            content = json.loads(cursor)
            return cls(url=str(content["url"]), number=int(content["number"]), seen=str(content["seen"]), last=str(content["last"]))
        except (ValueError, KeyError, TypeError) as error:
            raise SourceError(f"the place {cursor[:80]!r} is not one of this source") from error

    def has_seen(self, url: str) -> bool:
        return _short(url) in {self.seen[at : at + 8] for at in range(0, len(self.seen), 8)}

    def cursor(self) -> str:
        return json.dumps({"url": self.url, "number": self.number, "seen": self.seen, "last": self.last})


def _short(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:8]


class Pages:
    """Pages somebody names, and those after them; a keyword is the address of the first, ``{page}`` in it standing for a number.

    Args:
        rule: how the next page is found (:func:`next_page`); None for that page only.
        pages: how many are read from one address on, at most.
    """

    name = "pages"
    card = SourceCard(
        title="Pages you name",
        home="",
        terms="",
        licenses="what a page says itself: JSON-LD, rel=license",
        caveat="whether you may use the images is between you and the site; robots.txt and opt-outs are kept",
        is_default=False,
        limit=HostLimit(concurrency=1, per_minute=60),
        asks="page",
    )

    def __init__(self, rule: str | None = None, pages: int = MOST_PAGES) -> None:
        self.rule, self.pages = rule, pages

    def facets(self, keyword: str) -> Sequence[Mapping[str, str]]:
        """A page has no slices."""
        return ({},)

    def request(self, query: Query, cursor: str | None, keys: Mapping[str, str]) -> Request:
        """The page itself."""
        return Request(url=_Place.of(query, cursor).url, headers={"Accept": "text/html,application/xhtml+xml"})

    def parse(self, body: bytes, query: Query, cursor: str | None) -> ResultPage:
        """As :meth:`read`, where nothing is known but the body."""
        return self.read(Fetched(url="", verdict="ok", body=body), query, cursor)

    def read(self, fetched: Fetched, query: Query, cursor: str | None) -> ResultPage:
        """The images of a page as it was fetched: redirects and the headers' encoding count.

        Raises:
            SourceError: it is not a page, or forbids collecting its images.
        """
        place = _Place.of(query, cursor)
        page_url = fetched.final_url or place.url
        _check_kind(fetched.body)
        tree = html_tree(page_text(fetched.body, fetched.headers.get("content-type", "")))
        if reason := _opt_out(tree, fetched.headers):
            raise SourceError(f"the page asks that its images be left alone ({reason})")
        offers = _offers(tree, page_url, query.side)
        following = self._following(tree, page_url, place, offers, query)
        return ResultPage(offers=usable(offers, query.licenses), cursor=following.cursor() if following else None)

    def _following(self, tree: LexborHTMLParser, page_url: str, place: _Place, offers: Sequence[Offer], query: Query) -> _Place | None:
        """The next position, unless the walk is at its end or in a cycle."""
        rule = query.keyword if NUMBER in query.keyword else self.rule
        if rule is None or place.number >= self.pages:
            return None
        shown = _short("\n".join(offer.url for offer in offers)) if offers else ""
        if (shown and shown == place.last) or (NUMBER in rule and not offers):
            return None
        here = replace(place, seen=place.seen + "".join(_short(url) for url in dict.fromkeys((place.url, page_url))))
        url = next_in(tree, page_url, rule, place.number)
        return _Place(url=url, number=place.number + 1, seen=here.seen, last=shown) if url and not here.has_seen(url) else None


def _check_kind(body: bytes) -> None:
    """Refuse what is not a page.

    Raises:
        SourceError: it is an image, or a file of another kind.
    """
    try:
        kind = sniff_format(body[:4096])
    except ImageError as error:
        kind = str(error).removeprefix("unsupported: ") if str(error).startswith("unsupported: ") and "SVG" not in str(error) else ""
    if kind:
        raise SourceError(f"the address leads to a file ({kind}), not to a page; list files with --urls")


def _opt_out(tree: LexborHTMLParser, headers: Mapping[str, str]) -> str | None:
    """The directive by which a page or its headers forbids collecting its images; None if there is none."""
    for name, content in (("X-Robots-Tag", headers.get("x-robots-tag", "").lower()), *_metas(tree)):
        if name in ("X-Robots-Tag", "robots", TOKEN):
            directives = {word.rpartition(":")[2].strip() for word in content.split(",")} & OPT_OUTS
            if directives:
                return f"{name}: {', '.join(sorted(directives))}"
    reserved = (headers.get("tdm-reservation", ""), *(content for name, content in _metas(tree) if name == "tdm-reservation"))
    return "tdm-reservation: 1" if "1" in reserved else None


def _metas(tree: LexborHTMLParser) -> Iterator[tuple[str, str]]:
    for node in tree.css("meta[name][content]"):
        yield (node.attributes.get("name") or "").strip().lower(), (node.attributes.get("content") or "").strip().lower()
