"""Everything tellapart raises on purpose.

    TellapartError            something the user can mend; carries a hint: the next thing to do
    ├── OptionError           an option's name or value is wrong (lists every problem at once)
    ├── DataError             the photos, labels or manifest cannot be used as they are
    │   └── ImageError        one file is not a usable image (always ends as a row with a reason)
    ├── ModelError            weights or a saved model are missing, damaged or of another kind
    ├── StorageError          a disk is full, read-only, or a file of ours is damaged
    ├── TimeLimitError        the time limit was over before there was a result
    └── MissingExtra          an optional package is needed and not installed

Anything else that escapes is a bug and shows its traceback.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class TellapartError(Exception):
    """A problem the user can mend: what, where and which value; ``hint`` is the next thing to do."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class OptionError(TellapartError):
    """One or more options have a wrong name or value."""


class DataError(TellapartError):
    """The photos, labels or manifest cannot be used as they are."""


class ImageError(DataError):
    """One file is not a usable image; the message is the reason shown in its row."""


class ModelError(TellapartError):
    """Weights or a saved model are missing, damaged or of another kind."""


class StorageError(TellapartError):
    """Something could not be written or read back: full or read-only disk, damaged file."""


class TimeLimitError(TellapartError):
    """The time limit was over before there was a result; what was done is kept."""


class MissingExtra(TellapartError):
    """An optional package is needed and is not installed."""


def closest_name(name: str, names: Iterable[str]) -> str | None:
    """A hint naming the closest of ``names``, or None when none is close."""
    close = get_close_matches(name, list(names), n=1)
    return f"did you mean {close[0]!r}?" if close else None


def reason_of(error: BaseException) -> str:
    """What an exception says, without the number and the path that an ``OSError`` puts around it.

    >>> reason_of(FileNotFoundError(2, "No such file or directory", "/photos/list.csv"))
    'no such file or directory'
    """
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[0].lower() + error.strerror[1:]
    return str(error) or type(error).__name__
