"""The text of a page whose bytes may be in any of the encodings of the web."""

from __future__ import annotations

import codecs
import re

_LOOKED_AT = 4096
_META = re.compile(rb"""<meta[^>]{0,400}?charset\s*=\s*["']?\s*([a-zA-Z0-9_:.\-]+)""", re.IGNORECASE)
_HTTP = re.compile(r"""charset\s*=\s*["']?\s*([a-zA-Z0-9_:.\-]+)""", re.IGNORECASE)
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_MEANT = {
    "iso8859-1": "cp1252",
    "ascii": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
}
"""The encoding that a label means in WHATWG's encoding standard; by Python's names of codecs."""


def page_text(page: bytes | str, content_type: str = "") -> str:
    """The text of a page, by its byte order mark, else ``content_type`` (the header), else its own ``meta``, else UTF-8 or Windows-1252.

    Nothing is refused: bytes that do not fit become U+FFFD.
    """
    if isinstance(page, str):
        return page.removeprefix("\ufeff")
    for mark, encoding in _MARKS:
        if page.startswith(mark):
            return page[len(mark) :].decode(encoding, errors="replace")
    declared = _HTTP.search(content_type)
    encoding = _codec(declared[1]) if declared else ""
    if not encoding and (meta := _META.search(page[:_LOOKED_AT])):
        encoding = _codec(meta[1].decode("ascii"))
        encoding = "utf-8" if encoding.startswith("utf-16") else encoding
    if encoding:
        return page.decode(encoding, errors="replace")
    try:
        return page.decode("utf-8")
    except UnicodeDecodeError:
        return page.decode("cp1252", errors="replace")


def _codec(label: str) -> str:
    """Python's codec for what a page calls an encoding; empty where it is none for text."""
    try:
        codec = codecs.lookup(label)
    except (LookupError, ValueError):
        return ""
    is_text = getattr(codec, "_is_text_encoding", True) and codec.name not in (
        "idna",
        "punycode",
        "unicode_escape",
        "raw_unicode_escape",
        "undefined",
    )
    return _MEANT.get(codec.name, codec.name) if is_text else ""
