"""One file of a dataset, with the user's label, part and group."""

from __future__ import annotations

from dataclasses import dataclass

PARTS = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class Entry:
    """One file: its path relative to the data set's root, and its label, part and group.

    Attributes:
        path: relative, with ``/``; may hold any character a file name may.
        label: the class, or None where unknown.
        part: ``train``, ``val`` or ``test`` where the user chose it, else None.
        group: files with the same group must stay together; None if the user gave none.
    """

    path: str
    label: str | None = None
    part: str | None = None
    group: str | None = None
