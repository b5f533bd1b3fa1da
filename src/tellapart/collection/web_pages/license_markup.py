"""Creator and license of the images of a page, from ``rel=license`` and the markup near it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from tellapart.collection.sources.json_fields import text
from tellapart.collection.sources.licenses import family_of, license_of
from tellapart.collection.web_pages.pagination import joined

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

_LICENSE = '[rel~="license" i][href]'
_CREATOR = (
    '[property~="cc:attributionName" i], [rel~="cc:attributionURL" i], [rel~="author" i], [itemprop~="author" i], [itemprop~="creator" i]'
)
_CLIMB = 5


class CreditFields(TypedDict, total=False):
    """The fields of a candidate that credit its author."""

    license: str
    license_url: str
    creator: str
    creator_url: str


class Credit:
    """The credit on a page: one for the whole page, or one for each image."""

    def __init__(self, tree: LexborHTMLParser, base: str) -> None:
        self._base = base
        nodes = tree.css(_LICENSE)
        self._is_varied = len({_href(node) for node in nodes}) > 1
        self._whole = self._said(nodes, tree.css(_CREATOR)) if nodes and not self._is_varied else {}

    def beside(self, node: LexborNode | None) -> CreditFields:
        """The credit for the image at a node, by the field names of a candidate; empty if it is not clear."""
        if not self._is_varied or node is None:
            return self._whole
        around = node.parent
        for _ in range(_CLIMB):
            if around is None or around.tag in ("body", "html"):
                break
            if nodes := around.css(_LICENSE):
                return self._said(nodes, around.css(_CREATOR))
            around = around.parent
        return {}

    def _said(self, licenses: list[LexborNode], creators: list[LexborNode]) -> CreditFields:
        addresses = {_href(node) for node in licenses}
        names = dict.fromkeys(text(node.text(strip=True) or node.attributes.get("content")) for node in creators)
        names.pop("", None)
        if len(addresses) != 1:
            return {}
        href = addresses.pop()
        license = license_of(href)
        credit: CreditFields = {"license": license if family_of(license) else "", "license_url": joined(self._base, href)}
        if len(names) == 1:
            links = [link for node in creators if (link := _href(node))]
            credit["creator"], credit["creator_url"] = next(iter(names)), joined(self._base, links[0]) if links else ""
        return credit


def _href(node: LexborNode) -> str:
    return (node.attributes.get("href") or "").strip()
