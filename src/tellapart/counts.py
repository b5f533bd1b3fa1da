"""Counts with their noun, for messages."""

from __future__ import annotations


def count(number: int, noun: str, plural: str | None = None) -> str:
    """A number and its noun.

    >>> count(1, "image"), count(3000, "image"), count(0, "class", "classes"), count(1, "file is", "files are")
    ('1 image', '3,000 images', '0 classes', '1 file is')
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def is_whole_number(text: str) -> bool:
    """Whether ``text`` is a whole number of at most nine ASCII digits, which ``int`` reads without surprise.

    >>> [is_whole_number(text) for text in ("12", "", "²", "1" * 5000)]
    [True, False, False, False]
    """
    return text.isascii() and text.isdigit() and len(text) < 10
