"""From one page to the next of the same site."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urldefrag, urljoin, urlsplit

from tellapart.collection.sources.json_fields import html_tree
from tellapart.collection.web_pages.html_decoding import page_text

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

AUTO = "auto"
NUMBER = "{page}"
_REL_NEXT = 'link[rel~="next" i][href], a[rel~="next" i][href], area[rel~="next" i][href]'
_PORTS = {"http": 80, "https": 443}
_CLIMB = 4


def next_page(html: bytes | str, page_url: str, rule: str, number: int) -> str | None:
    """The address of the page after this one, on the same site; None where there is none.

    Args:
        html: the page.
        page_url: its URL.
        rule: ``auto`` (what the page itself calls ``rel=next``), a pattern of addresses with ``{page}`` for a number, or a
            CSS selector of the link.
        number: of this page, the first being 1; a pattern gets one more.

    Raises:
        ValueError: the rule is no CSS selector.
    """
    tree = html_tree("" if NUMBER in rule else page_text(html))
    return next_in(tree, page_url, rule, number)


def next_in(tree: LexborHTMLParser, page_url: str, rule: str, number: int) -> str | None:
    """As :func:`next_page`, of a page that is parsed already."""
    if NUMBER in rule:
        return _reachable(rule.replace(NUMBER, str(number + 1)), page_url, page_url)
    base = base_of(tree, page_url)
    for node in _selected(tree, _REL_NEXT if rule == AUTO else rule):
        if (href := _link(node)) and (url := _reachable(href, base, page_url)):
            return url
    return None


def rule_complaint(rule: str) -> str | None:
    """What is wrong with a rule for the next page, or None."""
    try:
        next_page("", "http://localhost/", rule, 1)
    except ValueError as error:
        return str(error)
    return None


def base_of(tree: LexborHTMLParser, page_url: str) -> str:
    """What relative addresses of a page are relative to."""
    node = tree.css_first("base[href]")
    base = joined(page_url, (node.attributes.get("href") or "") if node else "")
    return base or page_url


def joined(base: str, address: str) -> str:
    """A page's address as a whole one, without fragment; empty where it is not http or https."""
    clean = "".join(address.split("\n")).replace("\r", "").replace("\t", "").strip()
    try:
        url = urldefrag(urljoin(base, clean)).url
        parts = urlsplit(url)
        is_usable = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return ""
    return url.replace(" ", "%20") if is_usable else ""


def is_same_site(url: str, other: str) -> bool:
    """Whether two addresses are of one host, with or without ``www.`` and TLS."""
    return _site(url) == _site(other)


def _site(url: str) -> tuple[str, int | None]:
    parts = urlsplit(url)
    port = None if parts.port == _PORTS.get(parts.scheme) else parts.port
    return (parts.hostname or "").removeprefix("www."), port


def _selected(tree: LexborHTMLParser, selector: str) -> list[LexborNode]:
    from selectolax.lexbor import SelectolaxError

    try:
        return tree.css(selector)
    except SelectolaxError as error:
        raise ValueError(f"{selector!r} is neither auto, nor a pattern with {NUMBER}, nor a CSS selector") from error


def _link(node: LexborNode) -> str:
    """The target of a selected element: its own link, or one inside or around it."""
    inner = node.css_first("a[href]")
    link: LexborNode | None = inner if inner is not None and "href" not in node.attributes else node
    for _ in range(_CLIMB):
        if link is not None and link.attributes.get("href"):
            return link.attributes["href"] or ""
        link = link.parent if link is not None else None
    return ""


def _reachable(href: str, base: str, page_url: str) -> str | None:
    """The address a link means, unless it leads to another site or to the page itself."""
    url = joined(base, href) if not href.strip().startswith("#") else ""
    return url if url and is_same_site(url, page_url) and url != urldefrag(page_url).url else None
