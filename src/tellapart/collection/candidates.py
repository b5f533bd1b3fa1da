"""Records exchanged with a source of images: a query, its HTTP request, what was fetched, and the candidate images in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

DEFAULT_SIDE = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One candidate image: its URL and metadata as a source gives them, unchecked."""

    url: str
    """URL of the image; http or https."""
    page: str = ""
    """URL of the page with the image; attribution needs it with ``creator`` and ``license``."""
    license: str = ""
    """In lower case with its version where known: ``cc-by-sa-4.0``, ``cc0-1.0``, ``pdm-1.0``, ``pexels``; empty if unknown."""
    license_url: str = ""
    creator: str = ""
    creator_url: str = ""
    title: str = ""
    attribution: str = ""
    """The sentence the source asks to be shown, as plain text."""
    group: str = ""
    """Images of one observation, upload or page: they must not be parted by a split."""
    width: int | None = None
    """Pixels, according to the source."""
    height: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A search at a source."""

    keyword: str
    facet: Mapping[str, str] = field(default_factory=dict)
    """One of the slices that :meth:`Source.facets` names, or nothing for all."""
    licenses: tuple[str, ...] = ()
    """Families wanted (``cc0``, ``pdm``, ``cc-by``, ``cc-by-sa``, ``cc-by-nc``, ...); empty for any."""
    side: int = DEFAULT_SIDE
    """Longer side in pixels of the image wanted, where the source keeps several sizes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request, as plain values."""

    url: str
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultPage:
    """One page of results of a source."""

    offers: tuple[Offer, ...] = ()
    cursor: str | None = None
    """To be handed back for the next page; None where there is none."""
    total: int | None = None
    """Total number of results, according to the source."""


Verdict = Literal["ok", "passing", "permanent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """The outcome of one attempt; a failure is an outcome, not an exception."""

    url: str
    verdict: Verdict
    """``passing``: a later attempt may succeed; ``permanent``: it will not."""
    reason: str = ""
    """Why not, as a short phrase without the address: ``404 not found``, ``timed out after 30 s``, ``address 10.0.0.1 is private``."""
    http_code: int | None = None
    retry_after_s: float | None = None
    """The server's Retry-After, in seconds."""
    body: bytes = b""
    sha256: str = ""
    """Of the body, hexadecimal."""
    final_url: str = ""
    """After redirects."""
    headers: dict[str, str] = field(default_factory=dict)
    """Of the last answer, names in lower case."""
