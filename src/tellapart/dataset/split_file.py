"""Split files: a manifest with the part, group and fold of every image, which is identified by its content."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tellapart.counts import is_whole_number
from tellapart.csv_writer import csv_file
from tellapart.dataset.delimited_files import columns_found, named_rows
from tellapart.dataset.entry import PARTS
from tellapart.errors import DataError

COLUMNS = ("path", "label", "part", "group", "fold", "sha256", "strategy")
HINT = "name another file with --out, or start over with --reset"


@dataclass(frozen=True)
class SplitRow:
    """One image of a split.

    Attributes:
        file: where it lies.
        label: None where it has none.
        part: ``train``, ``val`` or ``test``.
        group: images with the same stay together.
        fold: from 0; None for images of no fold.
        image_id: sha256 of its bytes.
    """

    file: Path
    label: str | None
    part: str
    group: str
    fold: int | None
    image_id: str


@dataclass(frozen=True)
class Known:
    """The part and fold of one image in an earlier split."""

    part: str
    group: str
    fold: int | None


@dataclass(frozen=True)
class KnownSplit:
    """An earlier split.

    Attributes:
        by_path: the part and fold of a file, by absolute path.
        by_content: the same by sha256; a content that it puts into several parts is left out.
        folds: how many folds it has; 0 for none.
    """

    by_path: dict[Path, tuple[str, Known]] = field(default_factory=dict)
    by_content: dict[str, Known] = field(default_factory=dict)
    folds: int = 0

    def of(self, file: Path, image_id: str) -> Known | None:
        """The part and fold of an image: by its content, or by its path if the content is unknown or ambiguous."""
        content, known = self.by_path.get(file, ("", None))
        if known is not None and content == image_id:
            return known
        return self.by_content.get(image_id) or known


def write_split(rows: Sequence[SplitRow], path: Path, strategy: str) -> None:
    """Write the manifest atomically; paths are relative to its folder.

    Raises:
        StorageError: the disk is full or cannot be written.
    """
    here = path.absolute().parent
    with csv_file(path, COLUMNS) as writer:
        for row in rows:
            path_in_list = Path(os.path.relpath(row.file, here)).as_posix()
            fold = "" if row.fold is None else row.fold
            writer.write((path_in_list, row.label or "", row.part, row.group, fold, row.image_id, strategy))


def read_split(path: Path) -> KnownSplit:
    """Read what :func:`write_split` wrote; any manifest with path and part is accepted.

    Raises:
        DataError: it cannot be read, or is not a split.
    """

    def choice(header: Sequence[str]) -> dict[str, int]:
        columns = columns_found(header, {name: (name,) for name in COLUMNS} | {"path": ("path", "file_name")})
        if not {"path", "part"} <= columns.keys():
            raise DataError(f"{path} is no split: it has no columns path and part", hint=HINT)
        return columns

    here = path.absolute().parent
    known = KnownSplit()
    ambiguous: set[str] = set()
    folds = 0
    for line, row in named_rows(path, choice):
        part, fold, content = row.get("part", ""), row.get("fold", ""), row.get("sha256", "")
        if part not in PARTS or (fold and not is_whole_number(fold)):
            raise DataError(f"{path}, line {line}: part {part!r}, fold {fold!r}", hint=f"a part is one of {', '.join(PARTS)}; {HINT}")
        one = Known(part, row.get("group", ""), int(fold) if fold else None)
        folds = max(folds, int(fold) + 1 if fold else 0)
        known.by_path[Path(os.path.normpath(here / row["path"]))] = (content, one)
        if content:
            before = known.by_content.setdefault(content, one)
            ambiguous |= {content} if before.part != one.part else set()
    by_content = {content: one for content, one in known.by_content.items() if content not in ambiguous}
    return KnownSplit(known.by_path, by_content, folds)
