"""Images a page shows (``img``, ``image``), links to, or names in its head, one offer each; of a ``srcset`` the best size."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from tellapart.collection.sources.json_fields import pixels, text
from tellapart.collection.web_pages.pagination import joined
from tellapart.images.formats import READ_SUFFIXES

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode


LEAST_SIDE = 64
"""Pixels; what a page declares to be smaller is an icon."""
LATE_SRC = ("data-src", "data-original", "data-lazy-src")
LATE_SRCSET = ("data-srcset", "data-lazy-srcset")
_NO_PHOTO = frozenset({".svg", ".svgz", ".ico", ".cur"})
_PLACEHOLDER = re.compile(
    r"(spacer|blank|pixel|transparent|clear|1x1|sprites?|loading|placeholder)([-_.]?\w{1,8})?\.(gif|png|svg)", re.IGNORECASE
)
_STYLE_SIZE = re.compile(r"(?:^|;)\s*(?:max-)?(?:width|height)\s*:\s*([0-9.]+)px", re.IGNORECASE)
_TYPES = frozenset(
    {"", "image/jpeg", "image/jpg", "image/pjpeg", "image/png", "image/webp", "image/avif", "image/gif", "image/bmp", "image/tiff"}
)
_HEAD = (
    'meta[property^="og:image"], meta[name^="og:image"], meta[name^="twitter:image"], meta[property^="twitter:image"],'
    ' link[rel~="image_src" i], meta[itemprop="image"], link[itemprop="image"]'
)
_CLIMB = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One image as a page shows it."""

    url: str
    aliases: tuple[str, ...] = ()
    """Addresses of the same image in other sizes."""
    title: str = ""
    width: int | None = None
    height: int | None = None
    node: LexborNode | None = None
    """Its node in the page, to find the credit next to it."""


def shown_images(tree: LexborHTMLParser, base: str, side: int) -> Iterator[Shown]:
    """The images in the body, in the order of the page; of each the size that suits ``side`` pixels best."""
    for node in tree.css("picture, img"):
        if node.tag == "picture" or _above(node, "picture") is None:
            yield from _shown(node, base, side)


def linked_images(tree: LexborHTMLParser, base: str) -> Iterator[Shown]:
    """Links to image files, as in the listing of a folder."""
    for node in tree.css("a[href]"):
        if url := _file_link(node, base):
            yield Shown(url=url, node=node)


def head_images(tree: LexborHTMLParser, base: str) -> Iterator[Shown]:
    """What a page names for others to show: ``og:image``, ``twitter:image``, ``image_src``, microdata."""
    images: list[dict[str, str]] = []
    for node in tree.css(_HEAD):
        attributes = node.attributes
        name = (attributes.get("property") or attributes.get("name") or "image").lower()
        value = attributes.get("content") or attributes.get("href") or ""
        detail = name.removeprefix("og:").removeprefix("twitter:").removeprefix("image").lstrip(":")
        if detail in ("", "url", "secure_url", "src"):
            images.append({"url": joined(base, value)})
        elif images and detail in ("width", "height", "alt"):
            images[-1].setdefault(detail, value)
    for image in images:
        width, height = pixels(image.get("width", "").strip()), pixels(image.get("height", "").strip())
        if is_photo_address(image["url"]) and not is_icon(width, height):
            yield Shown(url=image["url"], title=text(image.get("alt")), width=width, height=height)


def is_photo_address(url: str) -> bool:
    """Whether an address may be a photo's: not empty, no drawing, no placeholder by its name."""
    name = unquote(urlsplit(url).path.rpartition("/")[2]).lower()
    return bool(url) and not any(name.endswith(suffix) for suffix in _NO_PHOTO) and not _PLACEHOLDER.fullmatch(name)


def is_icon(*sizes: float | None) -> bool:
    """Whether one of some lengths in pixels says that an image is too small to be a photo; unknown ones say nothing."""
    return any(size is not None and size < LEAST_SIDE for size in sizes)


def _shown(node: LexborNode, base: str, side: int) -> Iterator[Shown]:
    """The one image of an ``img`` or ``image``, if it is a photo."""
    images = [node] if node.tag == "img" else node.css("img")
    layout, declared = _layout(images)
    sizes = [c for image in images for c in _sizes(image, base)]
    sizes += [c for source in (node.css("source") if node.tag == "picture" else []) if _is_readable(source) for c in _srcsets(source, base)]
    chosen = best_of(sizes, 2 * side, layout)
    title = next((words for image in images for key in ("alt", "title") if (words := text(image.attributes.get(key)))), "")
    others = tuple(size.url for size in sizes)
    link = _above(node, "a")
    original = _file_link(link, base) if link is not None else ""
    if original and (chosen is None or (chosen.width or 0) < side):
        yield Shown(url=original, aliases=others, title=title, node=node)
    elif chosen is not None and not is_icon(*declared):
        width = round(chosen.width) if chosen.width else None
        yield Shown(url=chosen.url, aliases=(*others, *filter(None, [original])), title=title, width=width, node=node)


def _sizes(image: LexborNode, base: str) -> list[Candidate]:
    """The sizes of an ``img``, its own address being one where it stands for the image and not for a wait."""
    sizes = _srcsets(image, base)
    late = _usable([Candidate(image.attributes.get(key) or "") for key in LATE_SRC], base)
    plain = _usable([Candidate(image.attributes.get("src") or "", density=1.0)], base)
    return [*sizes, *(late[:1] or plain)] if not any(size.width for size in sizes) else sizes


def _srcsets(node: LexborNode, base: str) -> list[Candidate]:
    for keys in (LATE_SRCSET, ("srcset",)):
        usable = _usable([c for key in keys for c in candidates_of(node.attributes.get(key) or "")], base)
        if usable:
            return usable
    return []


def _usable(sizes: Sequence[Candidate], base: str) -> list[Candidate]:
    whole = [Candidate(joined(base, size.url), size.width, size.density) for size in sizes if size.url.strip()]
    return [size for size in whole if is_photo_address(size.url)]


def _layout(images: Sequence[LexborNode]) -> tuple[float | None, list[float]]:
    """The layout width in pixels of an image, and all lengths that the page declares."""
    width, declared = None, []
    for image in images:
        for key in ("width", "height"):
            length = (image.attributes.get(key) or "").strip().lower().removesuffix("px")
            if length.replace(".", "", 1).isdecimal() and len(length) < 9:
                declared.append(float(length))
                width = float(length) if key == "width" and width is None else width
        declared += [
            float(length) for length in _STYLE_SIZE.findall(image.attributes.get("style") or "") if length.count(".") < 2 and length != "."
        ]
    return width or None, declared


def _is_readable(source: LexborNode) -> bool:
    return (source.attributes.get("type") or "").partition(";")[0].strip().lower() in _TYPES


def _file_link(node: LexborNode, base: str) -> str:
    """Where a link leads if that is an image file by its name; wikis call pages about images ``File:name.jpg``."""
    href = node.attributes.get("href") or ""
    name = unquote(href.partition("?")[0].partition("#")[0].rpartition("/")[2]).lower()
    if not name.endswith(tuple(READ_SUFFIXES)) or ":" in name or "/blob/" in href:
        return ""
    url = joined(base, href)
    return url if is_photo_address(url) else ""


def _above(node: LexborNode, tag: str) -> LexborNode | None:
    """The nearest element of a kind around another."""
    parent = node.parent
    for _ in range(_CLIMB):
        if parent is None or parent.tag == tag:
            return parent
        parent = parent.parent
    return None


MOST = 1_000_000
"""Maximum width or height in pixels that a page may declare."""
_BLANKS = " \t\n\r\f"
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,2})?")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One size of an image."""

    url: str
    """As the page writes it."""
    width: float | None = None
    """Pixels."""
    density: float | None = None
    """Its pixels for each of the layout's."""


def candidates_of(srcset: str) -> Iterator[Candidate]:
    """The candidates of a ``srcset``, as WHATWG's HTML standard parses it: an address may hold commas, but neither begin nor end with one.

    A candidate whose descriptors cannot be understood is passed over.
    """
    at = 0
    while True:
        while at < len(srcset) and srcset[at] in _BLANKS + ",":
            at += 1
        if at == len(srcset):
            return
        end = next((position for position in range(at, len(srcset)) if srcset[position] in _BLANKS), len(srcset))
        url, at = srcset[at:end], end
        described = ""
        if url.endswith(","):
            url = url.rstrip(",")
        else:
            end = _end_of_descriptors(srcset, at)
            described, at = srcset[at:end], end
        candidate = _described(url, described.split())
        if candidate is not None:
            yield candidate


def _end_of_descriptors(srcset: str, at: int) -> int:
    depth = 0
    for position in range(at, len(srcset)):
        depth += (srcset[position] == "(") - (srcset[position] == ")" and depth > 0)
        if srcset[position] == "," and not depth:
            return position
    return len(srcset)


def _described(url: str, descriptors: Sequence[str]) -> Candidate | None:
    width = density = None
    for descriptor in descriptors:
        number, kind = descriptor[:-1], descriptor[-1:]
        if kind not in "wxh" or not _NUMBER.fullmatch(number):
            return None
        if float(number) > MOST:
            return None
        if kind == "w":
            width = float(number)
        elif kind == "x":
            density = float(number)
    is_odd = width == 0 or (width is not None and density is not None)
    return None if is_odd else Candidate(url, width, density)


def best_of(candidates: Sequence[Candidate], cap: float, layout_width: float | None = None) -> Candidate | None:
    """The largest candidate not wider than ``cap`` pixels, else the smallest that is wider; None where there is none.

    Where widths are known only of some, the others do not count; where of none, the greatest density wins, and the first
    of equals.

    Args:
        candidates: of one image.
        cap: pixels.
        layout_width: layout width in pixels, to convert densities to widths.
    """
    sized = [(candidate, _width(candidate, layout_width)) for candidate in candidates]
    known = [(candidate, width) for candidate, width in sized if width is not None]
    if not known:
        return max(candidates, key=lambda candidate: candidate.density or 1.0, default=None)
    fitting = [pair for pair in known if pair[1] <= cap]
    chosen = max(fitting, key=lambda pair: pair[1]) if fitting else min(known, key=lambda pair: pair[1])
    return Candidate(chosen[0].url, chosen[1], chosen[0].density)


def _width(candidate: Candidate, layout_width: float | None) -> float | None:
    if candidate.width is not None:
        return candidate.width
    return candidate.density * layout_width if candidate.density is not None and layout_width else None
