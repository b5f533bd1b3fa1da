"""The catalog: the state of each file and the facts about each image, in SQLite next to the photos.

A file is known by path, size, times of change and inode; an image by the sha256 of its bytes. Nothing here comes
from the user: the catalog can be deleted, and is then made again from the files.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Any

from tellapart.atomic_files import beside
from tellapart.cache_dir import cache_root
from tellapart.errors import StorageError, reason_of
from tellapart.printable import printable
from tellapart.sqlite import NewerVersionError, bring_up_to_date, is_damage

CATALOG = "catalog.sqlite"
STATE_FOLDER = ".tellapart"


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """Facts measured when an image is read; the columns of the table ``images``.

    Attributes:
        image_id: sha256 of the file's bytes, hexadecimal.
        width, height: pixels as shown, after EXIF orientation.
        format: ``JPEG``, ``PNG``, ...
        hash, mirror_hash: 16-byte difference hashes of the image and of its mirror image.
        brightness, contrast, sharpness, red, green, blue, darkest, brightest, entropy, chroma, acutance: see
            ``tellapart.images.image_statistics``.
    """

    image_id: str
    width: int
    height: int
    format: str
    hash: bytes
    mirror_hash: bytes
    brightness: float
    contrast: float
    sharpness: float
    red: float
    green: float
    blue: float
    darkest: float
    brightest: float
    entropy: float
    chroma: float
    acutance: float


@dataclass(frozen=True, slots=True)
class FileState:
    """The state of one file when it was last read: size, times, and the image id or the reason why there is none.

    Attributes:
        path: below the data set's root.
        size_bytes, mtime_ns: its size and the time its bytes were changed.
        image_id, reason: the sha256 of its bytes, or why there is none.
        ctime_ns, inode: the time anything about it was changed, and its number on the disk: a file put in its place with
            the same size and time of change differs in one of them.
    """

    path: str
    size_bytes: int
    mtime_ns: int
    image_id: str | None
    reason: str | None
    ctime_ns: int = 0
    inode: int = 0

    @classmethod
    def of(cls, path: str, status: os.stat_result, image_id: str | None, reason: str | None) -> FileState:
        """The state of a file from ``os.stat``."""
        inode = status.st_ino - (1 << 64) if status.st_ino >= 1 << 63 else status.st_ino  # SQLite's numbers have a sign
        return cls(path, status.st_size, status.st_mtime_ns, image_id, reason, status.st_ctime_ns, inode)

    def is_same_file(self, other: FileState) -> bool:
        """Whether size and times are the same, so that the file need not be read again."""
        stamps = [(f.size_bytes, f.mtime_ns, f.ctime_ns, f.inode) for f in (self, other)]
        return stamps[0] == stamps[1]


def _create_tables(db: sqlite3.Connection) -> None:
    db.execute("CREATE TABLE files (path BLOB PRIMARY KEY, size_bytes INTEGER, mtime_ns INTEGER, image_id TEXT, reason TEXT) WITHOUT ROWID")
    db.execute(
        "CREATE TABLE images (image_id TEXT PRIMARY KEY, width INTEGER, height INTEGER, format TEXT, hash BLOB, mirror_hash BLOB,"
        " brightness REAL, contrast REAL, sharpness REAL, red REAL, green REAL, blue REAL) WITHOUT ROWID"
    )


def _forget_shorter_facts(db: sqlite3.Connection) -> None:
    """There are more facts about an image now; those of old catalogs are measured again."""
    db.execute("DELETE FROM images")
    for column in ("darkest", "brightest", "entropy", "chroma", "acutance"):
        db.execute(f"ALTER TABLE images ADD COLUMN {column} REAL")


def _seal_rows(db: sqlite3.Connection) -> None:
    """Each row ends with a checksum of the others of its values."""
    for table in ("files", "images"):
        db.execute(f"ALTER TABLE {table} ADD COLUMN checksum INTEGER")
        for row in db.execute(f"SELECT * FROM {table}").fetchall():  # noqa: S608
            key = "path" if table == "files" else "image_id"
            db.execute(f"UPDATE {table} SET checksum = ? WHERE {key} = ?", (_checksum(row[:-1]), row[0]))  # noqa: S608


def _know_files_better(db: sqlite3.Connection) -> None:
    """A file is known by more than size and time of change now; those of old catalogs are read once more."""
    db.execute("DELETE FROM files")
    for column in ("ctime_ns", "inode"):
        db.execute(f"ALTER TABLE files ADD COLUMN {column} INTEGER")


def _forget_facts_of_any_scale(db: sqlite3.Connection) -> None:
    """Facts are measured at one scale now; those of old catalogs depend on the command that read the image first."""
    db.execute("DELETE FROM images")


MIGRATIONS = (_create_tables, _forget_shorter_facts, _seal_rows, _know_files_better, _forget_facts_of_any_scale)


class Catalog:
    """The catalog of one data set; a context manager.

    A damaged row is as if it had never been written, and a damaged catalog is kept under another name and made again; ``notes``
    says so.

    Raises:
        StorageError: the place cannot be written, or the disk is full.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notes: list[str] = []
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = self._opened()
        except (OSError, sqlite3.DatabaseError) as error:
            raise StorageError(
                f"the catalog {path} cannot be opened: {reason_of(error)}", hint="choose a place for it with --state DIR"
            ) from error

    def __enter__(self) -> Catalog:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._db.close()

    def files(self) -> dict[str, FileState]:
        """Everything known of files, by path."""
        states = (FileState(os.fsdecode(row[0]), *row[1:]) for row in self._sound_rows("files", _FILE_COLUMNS))
        return {state.path: state for state in states}

    def facts(self, image_ids: Iterable[str]) -> dict[str, ImageFacts]:
        """The facts of those images that are known, by image_id."""
        id_of, known = {image_id: image_id for image_id in image_ids}, {}
        for image_id, width, height, kind, *rest in self._sound_rows("images", _FACT_COLUMNS):
            if image_id in id_of:
                own = id_of[image_id]
                known[own] = ImageFacts(own, width, height, sys.intern(kind), *rest)
        return known

    def image_ids(self) -> set[str]:
        """Ids of all images whose facts are known."""
        return {row[0] for row in self._sound_rows("images", _FACT_COLUMNS)}

    def record(self, files: Sequence[FileState], facts: Sequence[ImageFacts]) -> None:
        """Write what has been learned, in one transaction."""
        try:
            with self._db:
                self._insert("images", _FACT_COLUMNS, [_stored(one) for one in facts])
                self._insert("files", _FILE_COLUMNS, [(os.fsencode(one.path), *_stored(one)[1:]) for one in files])
        except sqlite3.DatabaseError as error:
            raise StorageError(
                f"the catalog {self.path} cannot be written: {error}", hint="free some space, or choose another place with --state DIR"
            ) from error

    def _insert(self, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        marks = ", ".join("?" * (len(columns) + 1))
        statement = f"INSERT OR REPLACE INTO {table} ({', '.join(columns)}, checksum) VALUES ({marks})"  # noqa: S608
        self._db.executemany(statement, [(*row, _checksum(row)) for row in rows])

    def _sound_rows(self, table: str, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a table that are as they were written; a table of 400,000 rows is never in memory at once."""
        damaged = 0
        try:
            for row in self._db.execute(f"SELECT {', '.join(columns)}, checksum FROM {table}"):  # noqa: S608
                if row[-1] == _checksum(row[:-1]):
                    yield row[:-1]
                else:
                    damaged += 1
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            raise StorageError(f"the catalog {self.path} cannot be read: {error}", hint="remove it: it is made anew") from error
        note = f"rows of the catalog's table {table} that are damaged and are made anew: {damaged:,}"
        if damaged and note not in self.notes:
            self.notes.append(note)

    def _opened(self) -> sqlite3.Connection:
        """A migrated connection; a damaged catalog is set aside under another name and made again."""
        try:
            return _migrated(self.path)
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            aside = self.path.with_suffix(".damaged")
            os.replace(self.path, aside)
            for companion in ("-wal", "-shm"):
                self.path.with_name(self.path.name + companion).unlink(missing_ok=True)
            what = "of a newer version" if isinstance(error, NewerVersionError) else "damaged"
            self.notes.append(f"the catalog {self.path} was {what} and is made anew; the old one is kept as {aside.name}")
            return _migrated(self.path)


_FILE_COLUMNS = tuple(f.name for f in fields(FileState))
_FACT_COLUMNS = tuple(f.name for f in fields(ImageFacts))


def _stored(one: FileState | ImageFacts) -> tuple[Any, ...]:
    """The values as SQLite gives them back: whole numbers as real ones where the column is real."""
    return tuple(float(getattr(one, f.name)) if f.type == "float" else getattr(one, f.name) for f in fields(one))


def _checksum(row: tuple[Any, ...]) -> int:
    return zlib.crc32(repr(row).encode("utf-8", "surrogatepass"))


def state_folder(root: Path, chosen: Path | None) -> tuple[Path, str | None]:
    """The folder with the state of the data set at ``root``, and a note if it is not in that folder.

    The user's choice; else ``<root>/.tellapart``; else, where the folder cannot be written, a folder in the cache.
    """
    if chosen is not None:
        return chosen, None
    own = root / STATE_FOLDER
    try:
        own.mkdir(exist_ok=True)
        probe = beside(own / "probe")
        probe.touch()
        probe.unlink(missing_ok=True)
    except OSError as error:
        key = hashlib.sha256(os.fsencode(root.absolute())).hexdigest()[:16]
        elsewhere = cache_root() / "state" / key
        return elsewhere, f"{printable(str(root))} cannot be written ({error.strerror}); its catalog lies in {elsewhere}"
    return own, None


def _migrated(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=30)
    db.text_factory = lambda data: data.decode("utf-8", "replace")
    try:
        bring_up_to_date(db, MIGRATIONS)
    except BaseException:
        db.close()
        raise
    return db
