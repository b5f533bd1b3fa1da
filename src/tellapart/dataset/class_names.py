"""Class names that are one name to a person: alike but for capitals, blanks, hyphens, a plural s or Unicode form."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable

from tellapart.printable import printable

ALIKE = "alike but for capitals, blanks, hyphens, a plural s or Unicode form"
_BETWEEN_WORDS = re.compile(r"\s+|(?<=[^\W_])[\s_-]+(?=[^\W_])")
_LEAST_PLURAL = 2


def alike_names(names: Iterable[str]) -> list[list[str]]:
    """The groups of two or more names that are ``ALIKE``, in the order given."""
    alike: dict[str, list[str]] = defaultdict(list)
    for name in dict.fromkeys(names):
        alike[_folded(name)].append(name)
    for plural in [name for name in alike if len(name) > _LEAST_PLURAL and name.removesuffix("s") != name]:
        alike[plural.removesuffix("s")] += alike.pop(plural)
    return [group for group in alike.values() if len(group) > 1]


def spelled(name: str) -> str:
    """A name in quotation marks, with code points for letters that look like others."""
    return repr(name) if name.isascii() else f"{printable(name)!r} ({name!a})"


def _folded(name: str) -> str:
    """A name without capitals and marks that are not seen, its words parted by single blanks."""
    visible = "".join(letter for letter in unicodedata.normalize("NFKC", name).casefold() if unicodedata.category(letter) != "Cf")
    return _BETWEEN_WORDS.sub(" ", visible).strip() or name
