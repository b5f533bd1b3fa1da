"""Pictures: decoding, resizing, hashing, quality and thumbnails. Light to import: torch and simplejpeg load on first use."""

from tellapart.images.decoding import Picture, decode
from tellapart.images.formats import IMAGE_SUFFIXES
from tellapart.images.hash_pairs import hamming_pairs
from tellapart.images.hashing import correlation, difference_hash, difference_hashes, mirrored_signature, signature
from tellapart.images.quality import Facts, facts
from tellapart.images.resizing import ResizePolicy, resize, shrink
from tellapart.images.thumbnails import thumbnail

__all__ = [
    "IMAGE_SUFFIXES",
    "Facts",
    "Picture",
    "ResizePolicy",
    "correlation",
    "decode",
    "difference_hash",
    "difference_hashes",
    "facts",
    "hamming_pairs",
    "mirrored_signature",
    "resize",
    "shrink",
    "signature",
    "thumbnail",
]
