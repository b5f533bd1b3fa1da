"""Records exchanged with a source of images: a query, its HTTP request, and the candidate images found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

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
class Found:
    """One page of results of a source."""

    offers: tuple[Offer, ...] = ()
    cursor: str | None = None
    """To be handed back for the next page; None where there is none."""
    total: int | None = None
    """Total number of results, according to the source."""
