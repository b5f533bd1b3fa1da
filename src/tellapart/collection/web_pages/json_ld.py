"""Images named in a page's JSON-LD (schema.org), with their credit."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tellapart.collection.sources.json_fields import number, text

IMAGE_TYPES = frozenset({"imageobject", "photograph", "barcode"})
IMAGE_KEYS = ("image", "photo", "photos", "primaryImageOfPage", "associatedMedia")
NOT_CONTENT = frozenset(
    {"logo", "author", "publisher", "creator", "sponsor", "copyrightHolder", "provider", "thumbnail", "potentialAction"}
)
"""Below these keys images are portraits and emblems."""
_OPENED = re.compile(r"<!--|(?://|/\*)?\s{0,80}<!\[CDATA\[(?:\s{0,80}\*/)?")
_CLOSED = re.compile(r"(?:-->|(?://|/\*)?\s{0,80}\]\]>(?:\s{0,80}\*/)?)$")
_LONGEST_WRAPPING = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedImage:
    """One image as JSON-LD names it; addresses as written there."""

    url: str
    license_url: str = ""
    acquire_url: str = ""
    """Page on which a license can be acquired."""
    creator: str = ""
    creator_url: str = ""
    title: str = ""
    credit: str = ""
    width: int | None = None
    height: int | None = None


def named_images(scripts: Iterable[str]) -> Iterator[NamedImage]:
    """The images of the texts of ``application/ld+json`` scripts; what is not JSON is passed over."""
    for script in scripts:
        try:
            content = json.loads(_unwrapped(script.strip()), strict=False)
        except (ValueError, RecursionError):
            continue
        yield from _within(content)


def _unwrapped(script: str) -> str:
    """A script without the comment that hides it from old browsers."""
    opened = _OPENED.match(script)
    script = script[opened.end() :] if opened else script
    closed = _CLOSED.search(script[-_LONGEST_WRAPPING:])
    return (script[: len(script) - len(closed[0])] if closed else script).strip().rstrip(";")


def _within(content: Any) -> Iterator[NamedImage]:
    """Every image of nested objects, in their order; a stack instead of calls, as anything may be nested deeply."""
    left = [(content, False)]
    while left:
        value, is_image = left.pop()
        if isinstance(value, list):
            left += [(item, is_image) for item in reversed(value)]
        elif isinstance(value, str) and is_image:
            yield NamedImage(url=value.strip())
        elif isinstance(value, Mapping):
            if is_image or _is_image_object(value):
                yield from _image(value)
            left += [(item, key in IMAGE_KEYS) for key, item in reversed(list(value.items())) if key not in NOT_CONTENT]


def _is_image_object(value: Mapping[str, Any]) -> bool:
    kinds = value.get("@type")
    names = kinds if isinstance(kinds, list) else [kinds]
    return any(isinstance(name, str) and name.rpartition("/")[2].rpartition(":")[2].lower() in IMAGE_TYPES for name in names)


def _image(value: Mapping[str, Any]) -> Iterator[NamedImage]:
    for key in ("contentUrl", "url"):
        listed = value.get(key)
        for url in listed if isinstance(listed, list) else [listed]:
            if isinstance(url, str) and url.strip():
                yield NamedImage(url=url.strip(), **_credit(value), width=_pixels(value.get("width")), height=_pixels(value.get("height")))
                return


def _credit(value: Mapping[str, Any]) -> dict[str, str]:
    creators = [item for key in ("creator", "author", "copyrightHolder") for item in _listed(value.get(key))]
    names = [text(item.get("name") if isinstance(item, Mapping) else item) for item in creators]
    addresses = [text(item.get("url") or item.get("@id")) for item in creators if isinstance(item, Mapping)]
    return {
        "license_url": next((_address(item) for item in _listed(value.get("license")) if _address(item)), ""),
        "acquire_url": next((_address(item) for item in _listed(value.get("acquireLicensePage")) if _address(item)), ""),
        "creator": ", ".join(dict.fromkeys(name for name in names if name)),
        "creator_url": next((address for address in addresses if address.startswith(("http:", "https:", "/"))), ""),
        "title": text(value.get("name")) or text(value.get("caption")),
        "credit": text(value.get("creditText")) or text(value.get("copyrightNotice")),
    }


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _address(value: Any) -> str:
    return text(value.get("url") or value.get("@id")) if isinstance(value, Mapping) else text(value)


def _pixels(value: Any) -> int | None:
    if isinstance(value, Mapping):
        value = value.get("value")
    return number(value.lower().removesuffix("px").strip() if isinstance(value, str) else value)
