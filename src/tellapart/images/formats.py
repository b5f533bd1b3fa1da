"""Which files are looked at, and what a file is by its first bytes (a name proves nothing)."""

from __future__ import annotations

import re
from typing import Literal

from tellapart.errors import ImageError

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff", ".avif"}
)
"""File suffixes (lower case, with the dot) that are listed as pictures."""

DECODABLE = frozenset({"JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"})
"""Formats :func:`tellapart.images.decode` reads, under Pillow's names; MPO counts as JPEG."""

_MAGIC = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"II+\x00", "TIFF"),
    (b"MM\x00+", "TIFF"),
    (b"8BPS", "PSD"),
    (b"%PDF", "PDF"),
    (b"%!PS", "PostScript"),
    (b"\xc5\xd0\xd3\xc6", "PostScript"),
    (b"\x00\x00\x01\x00", "ICO"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"SIMPLE  =", "FITS"),
    (b"PK\x03\x04", "ZIP archive"),
    (b"\x1f\x8b", "gzip file"),
    (b"Rar!", "RAR archive"),
    (b"\x1aE\xdf\xa3", "video"),
)
_BRANDS = {b"avif": "AVIF", b"avis": "AVIF", b"heic": "HEIC", b"heix": "HEIC", b"hevc": "HEIC", b"heim": "HEIC", b"crx ": "raw photo"}
_HTML = re.compile(rb"<(!doctype\s+html|html|head|body|script|title|meta|div)\b", re.IGNORECASE)
_SVG = re.compile(rb"<svg\b", re.IGNORECASE)
_TEXT = re.compile(rb"[\t\n\f\r\x1b\x20-\x7e\x80-\xff]*\Z")


def sniffed_format(data: bytes) -> str:
    """The format of a file by its first bytes, one of :data:`DECODABLE`.

    Raises:
        ImageError: "empty file", "not an image (looks like HTML)", "unsupported: PSD" and the like.
    """
    if not data:
        raise ImageError("empty file")
    name = _known_format(data[:64])
    if name in DECODABLE:
        return name
    if name:
        raise ImageError(f"unsupported: {name}")
    raise ImageError(_described(data[:1024]))


def _known_format(head: bytes) -> str:
    """The name of the format ``head`` begins like, or "" when unknown."""
    if head[:4] == b"RIFF":
        return "WEBP" if head[8:12] == b"WEBP" else "RIFF file"
    if head[4:8] == b"ftyp":
        return _brand(head)
    return next((name for magic, name in _MAGIC if head.startswith(magic)), "")


def _brand(head: bytes) -> str:
    """The format named by the brands of an ISO media file (AVIF, HEIC, MP4 ...)."""
    length = int.from_bytes(head[:4], "big")
    brands = [head[8:12]] + [head[at : at + 4] for at in range(16, min(length, len(head)), 4)]
    return next((_BRANDS[brand] for brand in brands if brand in _BRANDS), "video or ISO media file")


def _described(head: bytes) -> str:
    """A short guess at what a file that is no known picture is."""
    body = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if body[:1] == b"<" and _SVG.search(body):
        return "unsupported: SVG"
    if _HTML.match(body) or (body[:1] == b"<" and _HTML.search(body)):
        return "not an image (looks like HTML)"
    if not head.strip(b"\x00"):
        return "not an image (only zero bytes)"
    if len(head) >= 4 and _TEXT.match(head) and sum(byte < 0x80 for byte in head) >= 0.7 * len(head):
        return "not an image (looks like text)"
    return "not an image (unknown kind of file)"


def declared_size(data: bytes, name: str) -> tuple[int, int] | None:
    """Width and height in pixels as the header of a PNG, GIF, BMP or WebP file says, or None where it is not that simple."""
    if name == "PNG" and data[12:16] == b"IHDR":
        return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    if name == "GIF":
        return int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")
    if name == "BMP" and int.from_bytes(data[14:18], "little") >= 40:
        return abs(int.from_bytes(data[18:22], "little", signed=True)), abs(int.from_bytes(data[22:26], "little", signed=True))
    return _webp_size(data) if name == "WEBP" else None


def _webp_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a WebP file: extended, lossless or lossy."""
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        return int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF
    return None


def ends_early(data: bytes, name: str) -> bool:
    """Whether a WebP, TIFF or AVIF file is shorter than its own header says."""
    if name == "WEBP":
        return int.from_bytes(data[4:8], "little") + 8 > len(data)
    if name == "TIFF":
        order: Literal["little", "big"] = "little" if data[:2] == b"II" else "big"
        return len(data) < 10 or int.from_bytes(data[4:8], order) + 2 > len(data)
    at = 0
    while name == "AVIF" and at < len(data):
        at += max(8, int.from_bytes(data[at : at + 4], "big"))
    return at > len(data)
