"""Analysis of one image: everything that needs its pixels, from a single decoding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import cast

from tellapart.array_types import ByteArray
from tellapart.dataset import ImageFacts
from tellapart.images import Image, ResizePolicy, decode, resize, shrink
from tellapart.images.image_statistics import image_statistics as quality_facts
from tellapart.images.perceptual_hash import difference_hashes
from tellapart.images.thumbnails import thumbnail

SMALLEST_LOOK = 128


@dataclass(frozen=True, eq=False)
class ImageAnalysis:
    """The result of one decoding: facts for the catalog, a thumbnail, and uint8 (size, size, 3) pixels for each requested size."""

    facts: ImageFacts
    thumbnail: bytes
    pixels: tuple[ByteArray, ...]


def decode_for(data: bytes, sizes: Sequence[int]) -> Image:
    """Decode a file's bytes as for squares of these sides, in pixels: every command decodes an image for a network in this way.

    Raises:
        ImageError: the bytes are not a usable image; the message is the reason.
    """
    return decode(data, min_size=max(SMALLEST_LOOK, *sizes) if sizes else SMALLEST_LOOK)


def analyze_image(data: bytes, image_id: str, sizes: Sequence[int], policy: str | Sequence[str]) -> ImageAnalysis:
    """Decode a file's bytes once and take everything from it; ``policy`` is one way to become a square, or one for each size.

    Raises:
        ImageError: the bytes are not a usable image; the message is the reason.
    """
    image = decode_for(data, sizes)
    policies = [policy] * len(sizes) if isinstance(policy, str) else policy
    pixels = tuple(resize(image.pixels, size, cast(ResizePolicy, way)) for size, way in zip(sizes, policies, strict=True))
    small = shrink(image.pixels, SMALLEST_LOOK)
    quality = quality_facts(small)
    own_hash, mirror_hash = difference_hashes(small)
    facts = ImageFacts(
        image_id=image_id,
        width=image.width,
        height=image.height,
        format=image.format,
        hash=own_hash,
        mirror_hash=mirror_hash,
        **asdict(quality),
    )
    return ImageAnalysis(facts, thumbnail(small), pixels)
