"""Labels, parts and groups of the images of a folder, from its layout and the tables in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tellapart.counts import count
from tellapart.dataset.delimited_files import TABLE_SUFFIXES, named_rows
from tellapart.dataset.entry import Entry
from tellapart.dataset.folder_names import part_of
from tellapart.dataset.layouts import CLASSES_NAMED, Layout, read_layout
from tellapart.dataset.manifest import Manifest, read_manifest
from tellapart.dataset.options import AUTO, NONE, DatasetOptions
from tellapart.dataset.table_columns import Columns, columns_of
from tellapart.dataset.table_paths import ListedFiles
from tellapart.errors import DataError, OptionError
from tellapart.printable import printable

MANIFEST_NAMES = tuple(f"{stem}{suffix}" for stem in ("metadata", "manifest") for suffix in (".csv", ".parquet", ".tsv", ".jsonl"))
"""Names of tables that describe their folder."""
ATTRIBUTION = "ATTRIBUTION.csv"
"""Written by ``tellapart collect`` beside the images."""


def folder_entries(root: Path, files: Sequence[str], reading: DatasetOptions) -> tuple[list[Entry], list[str]]:
    """The images of a folder with their labels, parts and groups from its layout and tables, and notes.

    Args:
        root: the folder.
        files: the image files below it, sorted.
        reading: the user's options on folders and columns.

    Raises:
        DataError: folders or tables can be read in more than one way, a table cannot be read at all, or none has the columns named.
        OptionError: columns are named where tables are not read.
    """
    if reading.label_folder != AUTO:
        if reading.path_column is not None:
            raise OptionError(
                f"path_column has no effect with --label-folder {reading.label_folder}, as no table was given",
                hint="leave it out, or give the table in place of the folder",
            )
        layout = read_layout(str(root), files, reading.label_folder)
        return layout.entries, [layout.sentence, *layout.notes]
    return _Folder(root, files, reading).entries()


def manifest_in(folder: Path) -> Path | None:
    """The table with the labels of a folder, if there is one."""
    return next((folder / name for name in MANIFEST_NAMES if (folder / name).is_file()), None)


@dataclass
class _Folder:
    """A folder as it is being read."""

    root: Path
    files: Sequence[str]
    reading: DatasetOptions
    notes: list[str] = field(default_factory=list)
    read: set[Path] = field(default_factory=set)

    def entries(self) -> tuple[list[Entry], list[str]]:
        own = self._manifest("")
        try:
            layout = read_layout(str(self.root), self.files)
        except DataError:
            if own is None or own.label_column is None:
                raise
            layout = read_layout(str(self.root), self.files, NONE)
        entries = layout.entries
        used = 0
        for folder in dict.fromkeys(layout.folders):
            table = own if folder == "" else self._manifest(folder)
            if table is not None:
                used += 1
                entries = self._with_table(entries, folder, table)
        is_told = self.reading.path_column is not None or self.reading.label_column is not None
        if not used and (is_told or len({entry.label for entry in entries if entry.label is not None}) < 2):
            entries = self._with_other_tables(entries, layout)
        self._note_unread_tables(layout)
        return entries, [layout.sentence, *layout.notes, *self.notes]

    def _manifest(self, folder: str) -> Manifest | None:
        """The table that speaks for a folder; one that cannot be used is only noted where folders name classes."""
        file = manifest_in(self.root / folder)
        if file is None:
            return None
        try:
            return self._read(file, folder)
        except DataError as error:
            if self.reading.path_column or self.reading.label_column or not self._has_class_folders():
                raise
            self.notes.append(f"{error}; it is not used")
            return None

    def _read(self, file: Path, folder: str) -> Manifest:
        self.read.add(file)
        return read_manifest(file, ListedFiles(self.root, folder, lambda: self.files), self.reading)

    def _has_class_folders(self) -> bool:
        try:
            return read_layout(str(self.root), self.files).is_labeled
        except DataError:
            return False

    def _other_tables(self, layout: Layout) -> list[tuple[str, Manifest]]:
        """The tables that give several labels, each with its folder; of the others it is noted why they are not used."""
        tables: list[tuple[str, Manifest]] = []
        for folder in dict.fromkeys(layout.folders):
            for file in (file for file in _tables_in(self.root / folder) if file not in self.read):
                try:
                    table = self._read(file, folder)
                except DataError as error:
                    self.notes.append(f"{error}; it is not used")
                    continue
                labels = sorted({entry.label for entry in table.entries if entry.label is not None})
                if len(labels) > 1 or self.reading.label_column:
                    tables.append((folder, table))
                    continue
                self.notes += table.all_notes
                if labels:
                    one = f"its column {table.label_column!r} holds one label alone, {printable(labels[0])!r}"
                    self.notes.append(f"{printable(file.name)} is not used: {one}")
        return tables

    def _check_columns_are_used(self) -> None:
        """Refuse the name of a column where no table has it.

        Raises:
            DataError: the user names a column.
        """
        for option, column in (("path", self.reading.path_column), ("label", self.reading.label_column)):
            if column is not None:
                layout = f" ({'; '.join(self.notes)})" if self.notes else ""
                raise DataError(
                    f"there is no table in {self.root} whose images are labeled by the columns that are named{layout}",
                    hint=f"leave --{option}-column {column} out, or give the table in place of the folder",
                )

    def _note_unread_tables(self, layout: Layout) -> None:
        """Notes on tables that list images with labels, parts or groups and are not read, as the folders or another table speak."""
        for folder in dict.fromkeys(layout.folders):
            for file in (file for file in _tables_in(self.root / folder) if file not in self.read):
                if columns := _telling_columns(file):
                    name = printable(f"{folder}/{file.name}" if folder else file.name)
                    self.notes.append(
                        f"{name} is not read, though it has {'a column' if len(columns) == 1 else 'columns'} "
                        f"{' and '.join(map(repr, map(printable, columns)))}: give it in place of the folder to use it"
                    )

    def _with_table(self, entries: list[Entry], folder: str, table: Manifest) -> list[Entry]:
        """The entries as a table of a folder has them; those outside that folder stay as they are."""
        name = printable(f"{folder}/{table.file.name}" if folder else table.file.name)
        inside = {entry.path: entry for entry in entries if _is_below(entry.path, folder)}
        outside = [entry for entry in entries if not _is_below(entry.path, folder)]
        has_folders = any(entry.label is not None for entry in inside.values())
        takes_labels = table.label_column is not None and not (table.is_guess and has_folders)
        self.notes += [*table.notes, *(table.label_notes if takes_labels else [])]
        if not takes_labels:
            reason = "has no column known to hold labels"
            source = "labels come from the folders" if has_folders else "its images have no label; --label-column names the column"
            self._note_unlisted(f"{name} {reason}, so {source}", folder, table)
            listed = self._joined_entries(inside, table)
        elif has_folders and _is_about_the_folders(inside, table):
            listed = self._completed_by_folders(inside, folder, table, name)
        else:
            where = f"labels come from the column {table.label_column!r} of {name} ({_shown(table)})"
            self.notes.append(where + (", not from the folders" if has_folders and _differing(inside, table) else ""))
            if unlisted := self._unlisted(folder, table):
                rest = f"{len(unlisted):,} of {count(len(self._below(folder)), 'image')} are not listed in it"
                self.notes.append(f"{rest} and are passed over, such as {printable(unlisted[0])}")
            listed = [replace(one, part=one.part or self._part_by_layout(inside, one)) for one in table.entries]
            if not folder:
                return listed
        return sorted(outside + listed, key=lambda entry: entry.path)

    def _completed_by_folders(self, inside: dict[str, Entry], folder: str, table: Manifest, name: str) -> list[Entry]:
        """The labels of a table that speaks of the classes of the folders, and those of the folders where it says nothing."""
        differing = _differing(inside, table)
        empty = [one.path for one in table.entries if one.label is None and one.path in inside and inside[one.path].label is not None]
        unlisted = self._unlisted(folder, table)
        if differing:
            first = differing[0]
            self.notes.append(
                f"labels come from the column {table.label_column!r} of {name}, and from the folders where it says nothing; it says other "
                f"than the folders of {count(len(differing), 'image')}, such as {printable(first.path)}: {printable(first.label or '')}"
            )
        elif unlisted or empty:
            self._note_unlisted(f"{name} says the same of labels as the folders, so labels come from the folders", folder, table)
        else:
            self.notes.append(f"labels come from the column {table.label_column!r} of {name} ({_shown(table)})")
        if empty:
            self.notes.append(
                f"{count(len(empty), 'image')} without a label in {name} {'has' if len(empty) == 1 else 'have'} that of the folder"
            )
        by_folders = {path: entry for path, entry in inside.items() if entry.label is not None}
        listed = {one.path for one in table.entries}
        used = {path: entry for path, entry in inside.items() if path in listed or path in by_folders}
        if passed_over := [file for file in unlisted if file not in by_folders]:
            counted = f"{len(passed_over):,} of {count(len(self._below(folder)), 'image')} are not listed in it and are passed over"
            self.notes.append(f"{counted}, such as {printable(passed_over[0])}")
        return self._joined_entries(used, table, is_labeled=True)

    def _joined_entries(self, inside: dict[str, Entry], table: Manifest, *, is_labeled: bool = False) -> list[Entry]:
        """The entries of the layout with what a table adds; with ``is_labeled`` its labels, and its rows for files of no folder, too."""
        rows_of = _rows_by_path(table.entries)
        joined = [
            _joined(entry, row, is_labeled=is_labeled and row is not None and row.label is not None)
            for path, entry in inside.items()
            for row in rows_of.get(path, (None,))
        ]
        return joined + [one for one in table.entries if is_labeled and one.path not in inside]

    def _note_unlisted(self, note: str, folder: str, table: Manifest) -> None:
        unlisted = self._unlisted(folder, table)
        rest = f"; {len(unlisted):,} of {count(len(self._below(folder)), 'image')} are not listed in it" if unlisted else ""
        self.notes.append(note + rest)

    def _unlisted(self, folder: str, table: Manifest) -> list[str]:
        listed = {one.path for one in table.entries}
        return [file for file in self._below(folder) if file not in listed]

    def _part_by_layout(self, by_layout: dict[str, Entry], entry: Entry) -> str | None:
        return by_layout[entry.path].part if entry.path in by_layout else None

    def _below(self, folder: str) -> list[str]:
        return [file for file in self.files if _is_below(file, folder)]

    def _with_other_tables(self, entries: list[Entry], layout: Layout) -> list[Entry]:
        """Labels from a table of any name, where neither folders nor a manifest give any: Kaggle's ``labels.csv`` beside the images."""
        tables = self._other_tables(layout)
        named = [(folder, table, {entry.path for entry in table.entries}) for folder, table in tables]
        for number, (_, table, paths) in enumerate(named):
            for _, other, others in named[:number]:
                if paths & others:
                    raise DataError(
                        f"{self.root} has no class folders, and several tables give labels: {other.file.name} and {table.file.name}",
                        hint=f"give the one that is meant: {other.file}",
                    )
        rows_of: dict[str, Sequence[Entry]] = {}
        has_parts = any(entry.part for entry in entries)
        for folder, table, _ in named:
            part = part_of(table.file.stem) if len(named) > 1 and not has_parts else None
            name = printable(f"{folder}/{table.file.name}" if folder else table.file.name)
            listed = {entry.path for entry in table.entries}
            self.notes += table.all_notes
            self.notes.append(
                f"labels come from the column {table.label_column!r} of {name} ({_shown(table)}), paths from {table.path_column!r}; "
                f"it lists {sum(entry.path in listed for entry in entries):,} of {count(len(entries), 'image')}"
            )
            rows_of |= _rows_by_path([replace(entry, part=entry.part or part) for entry in table.entries])
        if not rows_of:
            self._check_columns_are_used()
            return entries
        unlabeled = [replace(entry, label=None) for entry in entries]
        return [_joined(entry, row, is_labeled=True) for entry in unlabeled for row in rows_of.get(entry.path, (None,))]


def _differing(inside: dict[str, Entry], table: Manifest) -> list[Entry]:
    """The rows that give a file another label than its folder."""
    return [one for one in table.entries if one.label is not None and one.path in inside and inside[one.path].label != one.label]


def _is_about_the_folders(inside: dict[str, Entry], table: Manifest) -> bool:
    """Whether a table names the classes of the folders: all its labels are theirs, or it agrees with them for most files."""
    labeled = [one for one in table.entries if one.label is not None and one.path in inside]
    classes = {entry.label for entry in inside.values()}
    differing = len(_differing(inside, table))
    return all(one.label in classes for one in labeled) or 2 * differing < len(labeled)


def _rows_by_path(rows: Sequence[Entry]) -> dict[str, Sequence[Entry]]:
    """The rows for each file, without those that say nothing new; several where they differ, so that a contradiction is seen."""
    rows_of: dict[str, dict[Entry, None]] = {}
    for row in rows:
        rows_of.setdefault(row.path, {})[row] = None
    return {path: tuple(own) for path, own in rows_of.items()}


def _joined(entry: Entry, row: Entry | None, *, is_labeled: bool = False) -> Entry:
    """An entry of the folders with what a row of a table adds: part and group, and its label where it has one to give."""
    if row is None:
        return entry
    label = row.label if is_labeled else entry.label
    return Entry(entry.path, label, row.part or entry.part, row.group or entry.group)


def _shown(table: Manifest) -> str:
    """The labels of a table, of many the first."""
    labels = sorted({entry.label for entry in table.entries if entry.label is not None})
    return ", ".join(printable(label) for label in labels[:CLASSES_NAMED]) + (", ..." if len(labels) > CLASSES_NAMED else "")


def _is_below(path: str, folder: str) -> bool:
    return not folder or path.startswith(f"{folder}/")


def _telling_columns(file: Path) -> list[str]:
    """The columns of a table that say something of images: their labels, parts and groups; none where no column names images."""
    known: list[Columns] = []

    def choice(header: Sequence[str]) -> dict[str, int]:
        known.append(columns_of(file, header))
        return known[0].read

    try:
        next(named_rows(file, choice), None)
    except DataError:
        return []
    columns = known[0]
    indices = [*columns.labels, columns.part, columns.group, *(index for _, index in columns.part_flags)]
    return [columns.header[index] for index in dict.fromkeys(indices) if index is not None]


def _tables_in(folder: Path) -> list[Path]:
    """The tables in a folder that may hold labels: none of ours, and no sample of a submission."""
    try:
        files = sorted(file for file in folder.iterdir() if file.suffix.lower() in TABLE_SUFFIXES and file.is_file())
    except OSError:
        return []
    return [
        file for file in files if not file.name.startswith(".") and file.name != ATTRIBUTION and "submission" not in file.name.casefold()
    ]
