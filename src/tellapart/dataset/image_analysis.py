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
from tellapart.images.pillow_decoder import scale_factor
from tellapart.images.resizing import thumbnail

SMALLEST_LOOK = 128
LOOK_SIDE = 224
"""Facts, hashes and thumbnails are of the image as decoded for a square of this side, the commonest one, whatever else is asked for."""


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


def decode_for_each(data: bytes, sizes: Sequence[int]) -> list[Image]:
    """The image as decoded for each of these sides.

    What is decoded for a side does not depend on the other sides asked for: a cached square is the same whichever command made it.

    Raises:
        ImageError: the bytes are not a usable image; the message is the reason.
    """
    finest = decode_for(data, sizes)

    def factor(size: int) -> int:
        return scale_factor(finest.width, finest.height, max(SMALLEST_LOOK, size))

    by_factor = {factor(max(sizes, default=0)): finest}
    for size in sizes:
        if factor(size) not in by_factor:
            by_factor[factor(size)] = decode_for(data, [size])
    return [by_factor[factor(size)] for size in sizes]


def thumbnail_of(data: bytes) -> bytes:
    """The thumbnail of a file's bytes, the same as of :func:`analyze_image`.

    Raises:
        ImageError: the bytes are not a usable image; the message is the reason.
    """
    return thumbnail(decode_for(data, [LOOK_SIDE]).pixels)


def analyze_image(data: bytes, image_id: str, sizes: Sequence[int], policy: str | Sequence[str]) -> ImageAnalysis:
    """Decode a file's bytes, once where one scale fits all sizes, and take everything from it.

    ``policy`` is one way to become a square, or one for each size.

    Raises:
        ImageError: the bytes are not a usable image; the message is the reason.
    """
    image, *decoded = decode_for_each(data, [LOOK_SIDE, *sizes])
    policies = [policy] * len(sizes) if isinstance(policy, str) else policy
    pixels = tuple(
        resize(own.pixels, size, cast(ResizePolicy, own_policy)) for own, size, own_policy in zip(decoded, sizes, policies, strict=True)
    )
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
