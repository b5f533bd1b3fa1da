"""The outcome of one request for a URL."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

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
