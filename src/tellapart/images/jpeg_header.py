"""Reading the header of a JPEG up to its first scan, in a few microseconds and without a decoder."""

from __future__ import annotations

from dataclasses import dataclass

from tellapart.errors import ImageError
from tellapart.images.orientation import exif_orientation, xmp_orientation

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_BARE = frozenset(range(0xD0, 0xD9)) | {0x01}
_END, _SCAN, _APP1, _ICC = 0xD9, 0xDA, 0xE1, 0xE2
_XMP = b"http://ns.adobe.com/xap/1.0/\x00"
_MAX_SCANS = 500
_MAX_MARKERS = 50_000


@dataclass(frozen=True)
class JpegHeader:
    """The size of a JPEG in pixels as stored (before its orientation is applied), and what decoding it needs."""

    width: int
    height: int
    components: int
    bits: int
    orientation: int
    icc_profile: bytes
    coefficient_bytes: int
    """Bytes the decoder needs for coefficients: 0 for ordinary one-scan files."""


def read_jpeg_header(data: bytes) -> JpegHeader:
    """Read the markers of ``data`` up to its first scan.

    Raises:
        ImageError: the markers end early ("cut off: ..."), are invalid, or the size is zero.
    """
    by_exif: int | None = None
    by_xmp, frame, frame_kind = 1, b"", 0
    profile: dict[int, bytes] = {}
    for kind, start, end in _segments(data):
        if kind == _APP1 and data.startswith(b"Exif\x00", start):
            by_exif = exif_orientation(data[start + 6 : end])
        elif kind == _APP1 and data.startswith(_XMP, start):
            by_xmp = xmp_orientation(data[start + len(_XMP) : end])
        elif kind == _ICC and data.startswith(b"ICC_PROFILE\x00", start) and start + 14 < min(end, len(data)):
            profile[data[start + 12]] = data[start + 14 : end]
        elif kind in _FRAMES and not frame:
            frame, frame_kind = data[start:end], kind
        elif kind == _SCAN:
            many_scans = frame_kind in _PROGRESSIVE or (frame[5:6] != data[start : start + 1])
            orientation = by_xmp if by_exif is None else by_exif
            return _header(data, frame, many_scans, orientation, b"".join(profile[part] for part in sorted(profile)))
    raise ImageError("cut off: the file ends within the JPEG header")


def _segments(data: bytes) -> list[tuple[int, int, int]]:
    """(marker, first byte, end) of every segment up to and with the first scan's header."""
    segments = []
    at, size = 2, len(data)
    for _ in range(_MAX_MARKERS):
        if at + 4 > size:
            break
        if data[at] != 0xFF:
            at = data.find(b"\xff", at)
            if at < 0:
                break
            continue
        kind = data[at + 1]
        if kind in (0x00, 0xFF) or kind in _BARE:
            at += 1 if kind == 0xFF else 2
            continue
        if kind == _END:
            raise ImageError("damaged: a JPEG without an image in it")
        end = at + 2 + (data[at + 2] << 8 | data[at + 3])
        segments.append((kind, at + 4, end))
        if kind == _SCAN or end > size:
            break
        at = end
    return segments


def _header(data: bytes, frame: bytes, many_scans: bool, orientation: int, icc_profile: bytes) -> JpegHeader:
    """Check the frame segment and count the memory for its coefficients."""
    if len(frame) < 6 or len(frame) < 6 + 3 * frame[5]:
        raise ImageError("damaged: a JPEG without a valid frame header")
    bits, height, width, components = frame[0], frame[1] << 8 | frame[2], frame[3] << 8 | frame[4], frame[5]
    if not width or not height:
        raise ImageError(f"damaged: the header says {width} x {height} pixels")
    coefficient_bytes = 0
    if many_scans:
        if data.count(b"\xff\xda") > _MAX_SCANS:
            raise ImageError(f"damaged: more than {_MAX_SCANS} scans in one JPEG")
        coefficient_bytes = 2 * _coefficients(frame, width, height, components)
    return JpegHeader(width, height, components, bits, orientation, icc_profile, coefficient_bytes)


def _coefficients(frame: bytes, width: int, height: int, components: int) -> int:
    """Number of DCT coefficients of all components, edges padded to whole blocks."""
    factors = [(frame[7 + 3 * part] >> 4 or 1, frame[7 + 3 * part] & 15 or 1) for part in range(components)]
    widest, tallest = max((across for across, _ in factors), default=1), max((down for _, down in factors), default=1)
    columns, rows = -(-width // (8 * widest)), -(-height // (8 * tallest))
    return sum(64 * columns * across * rows * down for across, down in factors)
