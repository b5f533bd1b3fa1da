"""The result of decoding a downloaded image."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected:
    """One image as decoded in a worker process, or the reason why it is none."""

    reason: str | None = None
    """None for a good image; else as :class:`tellapart.errors.ImageError` words it."""
    format: str = ""
    width: int = 0
    height: int = 0
    """Pixels of what will be kept, upright."""
    hash: bytes = b""
    """The 16-byte difference hash (``tellapart.images.perceptual_hash``)."""
    mirror_hash: bytes = b""
    signature: bytes = b""
    """float16 (768,) as bytes."""
    body: bytes | None = None
    """The file to store if it is not the one downloaded: resized or cropped."""
