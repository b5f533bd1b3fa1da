"""Counts with their noun, for messages."""

from __future__ import annotations


def count(number: int, noun: str, plural: str | None = None) -> str:
    """A number and its noun.

    >>> count(1, "image"), count(3000, "image"), count(0, "class", "classes"), count(1, "file is", "files are")
    ('1 image', '3,000 images', '0 classes', '1 file is')
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def data_size(size_bytes: float) -> str:
    """Bytes in a readable unit.

    >>> data_size(999), data_size(81_400), data_size(2_345_000_000)
    ('999 bytes', '81 kB', '2.3 GB')
    """
    for unit in ("bytes", "kB", "MB"):
        if size_bytes < 1000:
            return f"{size_bytes:.{1 if unit == 'MB' and size_bytes < 100 else 0}f} {unit}"
        size_bytes /= 1000
    return f"{size_bytes:.{1 if size_bytes < 100 else 0}f} GB"


def is_whole_number(text: str) -> bool:
    """Whether ``text`` is a whole number of at most nine ASCII digits, which ``int`` reads without surprise.

    >>> [is_whole_number(text) for text in ("12", "", "²", "1" * 5000)]
    [True, False, False, False]
    """
    return text.isascii() and text.isdigit() and len(text) < 10
