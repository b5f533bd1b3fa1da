"""Image formats: by file name, and by the first bytes of a file (which decide, as names may be wrong)."""

from __future__ import annotations

import os
import re
from functools import cache
from importlib.util import find_spec

from tellapart.errors import ImageError

SUFFIXES = {
    "JPEG": ("jpg", "jpeg", "jpe", "jfif", "jfi", "jif", "pjpeg", "pjpg", "mpo"),
    "PNG": ("png", "apng"),
    "WEBP": ("webp",),
    "GIF": ("gif",),
    "BMP": ("bmp", "dib"),
    "TIFF": ("tif", "tiff"),
    "AVIF": ("avif", "avifs"),
    "HEIC": ("heic", "heif", "heics", "heifs", "hif"),
    "JPEG2000": ("jp2", "j2k", "j2c", "jpc", "jpf", "jpx"),
    "TGA": ("tga", "icb", "vda", "vst"),
    "PPM": ("ppm", "pgm", "pbm", "pnm", "pfm"),
    "PSD": ("psd",),
    "ICO": ("ico",),
    "PCX": ("pcx",),
    "QOI": ("qoi",),
    "SGI": ("sgi", "rgb", "rgba", "bw"),
    "SUN": ("ras",),
    "DDS": ("dds",),
}
"""File suffixes (lower case, without the dot) of each supported format, the usual one first."""

_UNREAD_SUFFIXES = [
    "jxl",
    "jxr",
    "wdp",
    "hdp",
    "jpm",
    "psb",
    "xcf",
    "kra",
    "clip",
    "ora",
    "cur",
    "icns",
    "svg",
    "svgz",
    "eps",
    "exr",
    "hdr",
    "pam",
    "xbm",
    "xpm",
    "bpg",
    "webp2",
    "flif",
    "cr2",
    "cr3",
    "crw",
    "nef",
    "nrw",
    "arw",
    "sr2",
    "srf",
    "dng",
    "orf",
    "rw2",
    "raf",
    "pef",
    "srw",
    "x3f",
    "raw",
    "rwl",
    "mrw",
    "erf",
    "kdc",
    "dcr",
    "3fr",
    "fff",
    "iiq",
    "mef",
    "mos",
    "dcm",
    "dicom",
    "fits",
    "fit",
    "fts",
    "djvu",
    "emf",
    "wmf",
]

READ_SUFFIXES = frozenset(f".{suffix}" for suffixes in SUFFIXES.values() for suffix in suffixes)
"""File suffixes (lower case, with the dot) of supported image formats."""

READS = "tellapart reads JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, JPEG 2000, TGA, PPM and PSD images, and HEIC with the extra heic"
"""The formats, for hints."""
IMAGE_SUFFIXES = READ_SUFFIXES | {f".{suffix}" for suffix in _UNREAD_SUFFIXES}
"""File suffixes (lower case, with the dot) that are listed as images, supported or not: one row per file."""

OTHER_SUFFIXES = frozenset(
    f".{suffix}"
    for suffix in [
        "txt",
        "md",
        "rst",
        "log",
        "csv",
        "tsv",
        "json",
        "jsonl",
        "ndjson",
        "xml",
        "xmp",
        "yaml",
        "yml",
        "toml",
        "ini",
        "cfg",
        "conf",
        "html",
        "htm",
        "css",
        "js",
        "ts",
        "py",
        "ipynb",
        "c",
        "h",
        "cpp",
        "java",
        "sh",
        "bat",
        "pdf",
        "doc",
        "docx",
        "xls",
        "xlsx",
        "ppt",
        "pptx",
        "odt",
        "ods",
        "rtf",
        "zip",
        "tar",
        "gz",
        "tgz",
        "bz2",
        "xz",
        "7z",
        "rar",
        "zst",
        "mp4",
        "m4v",
        "mov",
        "avi",
        "mkv",
        "webm",
        "mpg",
        "mpeg",
        "wmv",
        "flv",
        "3gp",
        "mts",
        "m2ts",
        "mp3",
        "wav",
        "flac",
        "m4a",
        "aac",
        "ogg",
        "npy",
        "npz",
        "h5",
        "hdf5",
        "pkl",
        "pt",
        "pth",
        "onnx",
        "safetensors",
        "parquet",
        "arrow",
        "feather",
        "sqlite",
        "db",
        "lmdb",
        "mdb",
        "tfrecord",
        "idx",
        "md5",
        "sha1",
        "sha256",
        "asc",
        "sig",
        "aae",
        "thm",
        "ovr",
        "url",
        "lnk",
        "exe",
        "dll",
        "so",
    ]
)
"""File suffixes (lower case, with the dot) of files that are certainly not images: they are not opened."""

DECODABLE = frozenset(SUFFIXES)
"""Formats that :func:`tellapart.images.decode` reads, by Pillow's names; MPO counts as JPEG, HEIF as HEIC (needs the extra ``heic``)."""

_COMMON = [suffix for name in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIC") for suffix in SUFFIXES[name]]
_IMAGE_NAME = re.compile(rf"\.(?:{'|'.join(_COMMON)})(?![a-z0-9])", re.IGNORECASE)
_MAGIC = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\x00\x10\x00\x00\x00CR", "raw photo"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"II+\x00", "TIFF"),
    (b"MM\x00+", "TIFF"),
    (b"8BPS\x00\x01", "PSD"),
    (b"8BPS", "large PSD"),
    (b"qoif", "QOI"),
    (b"DDS ", "DDS"),
    (b"\x59\xa6\x6a\x95", "SUN"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG2000"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"SIMPLE  =", "FITS"),
    (b"v/1\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"gimp xcf", "XCF"),
    (b"icns", "ICNS"),
    (b"/* XPM */", "XPM"),
    (b"IIRO", "raw photo"),
    (b"IIRS", "raw photo"),
    (b"MMOR", "raw photo"),
    (b"IIU\x00", "raw photo"),
    (b"FUJIFILMCCD-RAW", "raw photo"),
    (b"FOVb", "raw photo"),
    (b"\x00MRM", "raw photo"),
    (b"II\xbc\x01", "JPEG XR"),
    (b"AT&TFORM", "DjVu"),
    (b"%PDF", "PDF"),
    (b"%!PS", "PostScript"),
    (b"\xc5\xd0\xd3\xc6", "PostScript"),
    (b"PK\x03\x04", "ZIP archive"),
    (b"\x1f\x8b", "gzip file"),
    (b"Rar!", "RAR archive"),
    (b"\x1aE\xdf\xa3", "video"),
)
_NO_IMAGES = frozenset({"PDF", "PostScript", "ZIP archive", "gzip file", "RAR archive", "video", "video or ISO media file", "RIFF file"})
_WEAK = frozenset({"TGA", "PCX"})
"""Formats recognized by so few bytes that the file name must agree."""
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1", b"heif"})
_HINTS = {
    "HEIC": "pip install 'tellapart[heic]'",
    "raw photo": "export it as JPEG or TIFF",
    "JPEG XL": "save it as PNG or JPEG",
    "SVG": "save it as PNG",
    "DICOM": "export it as PNG",
    "FITS": "save it as PNG or TIFF",
}
_HEAD_BYTES = 512
_PATTERNS = (
    (re.compile(rb"BM.{4}\x00{4}.{4}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\x00\x00\x00", re.DOTALL), "BMP"),
    (re.compile(rb"\x00\x00\x01\x00[\x01-\xff]\x00.{3}\x00", re.DOTALL), "ICO"),
    (re.compile(rb"\x00\x00\x02\x00[\x01-\xff]\x00.{3}\x00", re.DOTALL), "CUR"),
    (re.compile(rb"P[1-6](?:\s+#[^\n]*)*\s+\d|Pf\s+\d"), "PPM"),
    (re.compile(rb"P7\nWIDTH|PF\s+\d"), "PAM or color PFM"),
    (re.compile(rb"\x01\xda[\x00\x01][\x01\x02]\x00[\x01-\x03]", re.DOTALL), "SGI"),
    (re.compile(rb"\x0a[\x00\x02-\x05]\x01[\x01\x02\x04\x08].{61}[\x01\x03\x04]", re.DOTALL), "PCX"),
    (
        re.compile(
            rb".(?:\x00[\x02\x03\x0a\x0b].{5}|\x01[\x01\x09].{4}[\x0f\x10\x18\x20]).{8}[\x01\x08\x0f\x10\x18\x20][\x00-\x3f]", re.DOTALL
        ),
        "TGA",
    ),
)
"""Formats without a signature, recognized by their first fields; checked after :data:`_MAGIC`, in this order."""
_HTML = re.compile(rb"<(!doctype\s+html|html|head|body|script|title|meta|div)\b", re.IGNORECASE)
_SVG = re.compile(rb"<svg\b", re.IGNORECASE)
_TEXT = re.compile(rb"[\t\n\f\r\x1b\x20-\x7e\x80-\xff]*\Z")


def sniff_format(data: bytes) -> str:
    """Detect the format of a file by its first bytes: one of :data:`DECODABLE`.

    Raises:
        ImageError: "empty file", "not an image (looks like HTML)", "unsupported: JPEG XL (save it as PNG or JPEG)" and the like.
    """
    if not data:
        raise ImageError("empty file")
    name = _known_format(data[:_HEAD_BYTES])
    if name in DECODABLE and (name != "HEIC" or reads_heic()):
        return name
    if name:
        raise _unsupported(name)
    raise _no_image_error(data[:1024])


def is_named_like_image(name: str) -> bool | None:
    """Whether a file is an image by its name alone; None if its first bytes have to decide.

    ``cat.jpg``, and also ``cat.jpg_large``, ``cat.jpg.1``, ``cat.JPG.download`` and ``cat.jpg~``; not ``cat.jpg.json``.
    """
    suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122  (fast on long lists)
    if suffix in IMAGE_SUFFIXES:
        return True
    if suffix in OTHER_SUFFIXES:
        return False
    return True if _IMAGE_NAME.search(name) else None


def begins_like_image(head: bytes) -> bool:
    """Whether the first 512 bytes of a file are those of an image format, supported or not."""
    name = _known_format(head[:_HEAD_BYTES])
    return bool(name) and name not in _NO_IMAGES and name not in _WEAK


@cache
def reads_heic() -> bool:
    """Whether the package that decodes HEIC is installed (the extra ``heic``)."""
    return find_spec("pi_heif") is not None


def _unsupported(name: str) -> ImageError:
    return ImageError(f"unsupported: {name} ({_HINTS[name]})" if name in _HINTS else f"unsupported: {name}")


def _known_format(head: bytes) -> str:
    """The format whose signature ``head`` starts with, or "" if unknown."""
    if head[:4] == b"RIFF":
        return "WEBP" if head[8:12] == b"WEBP" else "RIFF file"
    if head[4:8] == b"ftyp":
        return _brand(head)
    if head[128:132] == b"DICM":
        return "DICOM"
    by_magic = next((name for magic, name in _MAGIC if head.startswith(magic)), "")
    return by_magic or next((name for pattern, name in _PATTERNS if pattern.match(head)), "")


def _brand(head: bytes) -> str:
    """The format named by the brands of an ISO media file (AVIF, HEIC, MP4 ...)."""
    length = int.from_bytes(head[:4], "big")
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, min(length, len(head)), 4))}
    if brands & _AVIF_BRANDS:
        return "AVIF"
    if b"crx " in brands:
        return "raw photo"
    return "HEIC" if brands & _HEIC_BRANDS else "video or ISO media file"


def _no_image_error(head: bytes) -> ImageError:
    """The error for a file of no known format, with a guess at what it is."""
    body = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if body[:1] == b"<" and _SVG.search(body):
        return _unsupported("SVG")
    if _HTML.match(body) or (body[:1] == b"<" and _HTML.search(body)):
        return ImageError("not an image (looks like HTML)")
    if not head.strip(b"\x00"):
        return ImageError("not an image (only zero bytes)")
    if len(head) >= 4 and _TEXT.match(head) and sum(byte < 0x80 for byte in head) >= 0.7 * len(head):
        return ImageError("not an image (looks like text)")
    return ImageError("not an image (unknown kind of file)")
