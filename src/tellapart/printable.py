"""File and folder names that can be stored and shown."""

from __future__ import annotations

import os
import re
from pathlib import Path

_UNSTORABLE = re.compile(r"[\ud800-\udfff]|\\(?=x[0-9a-f]{2}|u[0-9a-f]{4})")


def printable(name: str) -> str:
    r"""``name`` with bytes that are not UTF-8 (and lone surrogates) written as escapes, so that it can be stored and shown.

    Different names give different results: a backslash that only looks like the start of such an escape is escaped itself.

    >>> printable("caf\udce9"), printable(r"caf\xe9")
    ('caf\\xe9', 'caf\\x5cxe9')
    """
    return _UNSTORABLE.sub(lambda match: _escape(ord(match[0])), name)


def _escape(code: int) -> str:
    if 0xDC80 <= code <= 0xDCFF:
        code -= 0xDC00
    return f"\\u{code:04x}" if code > 0xFF else f"\\x{code:02x}"


def name_complaint(name: str) -> str | None:
    """Why ``name`` cannot be the name of a visible folder; None if it can."""
    if "/" in name or "\0" in name:
        return "it contains a character not allowed in file names"
    return "it begins with a dot" if name.startswith(".") else None


def place_of(folder: str | Path) -> str:
    """A folder, or the address of a bucket, as a command takes it from any working directory."""
    return str(folder) if "://" in str(folder) else str(Path(folder).expanduser().absolute())


def folder_name(folder: Path) -> str:
    """The folder's name without leading dots, to name outputs after it; ``photos`` if it has no name."""
    return os.path.basename(os.path.normpath(folder)).lstrip(".") or "photos"  # noqa: PTH119
