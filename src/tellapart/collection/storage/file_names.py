"""Names at the destination: the folder of a class, the file of an image."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable

from tellapart.dataset.folder_names import is_class
from tellapart.errors import OptionError
from tellapart.images.formats import SUFFIXES

NAME_DIGITS = 32
"""Hexadecimal digits of the content's hash in a file's name."""
_LONGEST_BYTES = 180
_FORBIDDEN = re.compile(r'[/\\:*?"<>|\x00-\x1f\x7f\ud800-\udfff]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def image_name(folder: str, image_id: str, image_format: str) -> str:
    """``<folder>/<32 digits>.<suffix>``: named by its content, so that the same image is never stored twice in a folder.

    Args:
        folder: of its class.
        image_id: sha256 of the file as kept, hexadecimal.
        image_format: from the bytes of the file, not from its name or Content-Type.
    """
    return f"{folder}/{image_id[:NAME_DIGITS]}.{SUFFIXES[image_format][0]}"


def class_folder(label: str) -> str:
    """The folder of a class: its label wherever a folder may be called so on every system, else the nearest to it.

    ``AC/DC`` becomes ``AC-DC``, ``.net`` ``_.net``, ``con`` ``con_``, and ``train`` ``train_``: a folder ``train``
    would be read as a part of a split, not as a class. Letters of all languages stay.

    Raises:
        OptionError: the label is empty.
    """
    name = _FORBIDDEN.sub("-", unicodedata.normalize("NFC", label).strip()).rstrip(". ")
    if not name.strip("-"):
        raise OptionError(f"{label!r} cannot be the name of a class", hint="give it a name with letters or digits")
    if name.startswith((".", "__MACOSX")):
        name = f"_{name}"
    if _RESERVED.fullmatch(name) or not is_class(name):
        name = f"{name}_"
    return name if len(name.encode()) <= _LONGEST_BYTES else _cut(name)


def class_folders(labels: Iterable[str]) -> dict[str, str]:
    """The folder of each class; no two share one, also where ``Cat`` and ``cat`` are the same to the system.

    Raises:
        OptionError: two labels would; says all such pairs.
    """
    folders: dict[str, str] = {}
    owners: dict[str, str] = {}
    problems = []
    for label in labels:
        folders[label] = class_folder(label)
        owner = owners.setdefault(unicodedata.normalize("NFKC", folders[label]).casefold(), label)
        if owner != label:
            problems.append(f"the classes {owner!r} and {label!r} would share the folder {folders[label]!r}")
    if problems:
        raise OptionError("; ".join(problems), hint="give one of them another name, or collect them as one class")
    return folders


def _cut(name: str) -> str:
    """The beginning of a name that is too long for a file system, with a hash to keep it unique."""
    mark = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name.encode()[: _LONGEST_BYTES - 9].decode('utf-8', 'ignore').rstrip('. ')}-{mark}"
