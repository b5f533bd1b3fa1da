"""Limits of one fetch: time, memory, and what the body may be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchLimits:
    """How much time and memory one attempt may take."""

    max_bytes: int = 20_000_000
    """Of an image."""
    max_page_bytes: int = 8_000_000
    """Of a page or an answer of a source, unpacked."""
    timeout_s: float = 60.0
    """Timeout of one attempt, redirects included."""
    connect_timeout_s: float = 10.0
    """For one connection; the name's lookup and the answer's headers may take ``window_s`` more."""
    min_bytes_per_s: float = 1000.0
    window_s: float = 15.0
    """A body slower than ``min_bytes_per_s`` over this time is given up, and so is one of which nothing comes for as long."""
    redirects: int = 5
    concurrency: int = 64
    """Maximum number of concurrent attempts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyRules:
    """What a body may be."""

    max_bytes: int
    is_image: bool = False
    """Look at the first bytes, and stop where they are no image's."""
    may_be_packed: bool = False
    """Accept gzip; ``max_bytes`` then holds for what comes out."""
    is_cut_at_cap: bool = False
    """End at ``max_bytes`` instead of failing."""
    min_bytes_per_s: float = 1000.0
    window_s: float = 15.0
    """Over which the pace is measured."""
