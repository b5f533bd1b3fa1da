"""Pictures: decoding, resizing, hashing, quality and thumbnails. Light to import: torch and simplejpeg load on first use."""

from tellapart.images.decoding import Picture, decode
from tellapart.images.formats import IMAGE_SUFFIXES
from tellapart.images.resizing import ResizePolicy, resize, shrink

__all__ = ["IMAGE_SUFFIXES", "Picture", "ResizePolicy", "decode", "resize", "shrink"]
