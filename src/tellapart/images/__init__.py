"""Images: decoding, resizing, hashing, statistics and thumbnails. Light to import: torch and simplejpeg load on first use."""

from tellapart.images.decoding import Image, decode
from tellapart.images.formats import IMAGE_SUFFIXES
from tellapart.images.hamming_search import hamming_pairs
from tellapart.images.image_statistics import ImageStatistics, image_statistics
from tellapart.images.perceptual_hash import correlation, difference_hash, difference_hashes, mirrored_signature, signature
from tellapart.images.resizing import ResizePolicy, resize, shrink, thumbnail

__all__ = [
    "IMAGE_SUFFIXES",
    "Image",
    "ImageStatistics",
    "ResizePolicy",
    "correlation",
    "decode",
    "difference_hash",
    "difference_hashes",
    "hamming_pairs",
    "image_statistics",
    "mirrored_signature",
    "resize",
    "shrink",
    "signature",
    "thumbnail",
]
