"""The catalog: what is known of each file and each image, kept in SQLite beside the photos.

A file is known by path, size and time of change; an image by the sha256 of its bytes. Nothing here is the
user's own word: the catalog can be thrown away and is then made again from the files.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from types import TracebackType

from tellapart.databases import bring_up_to_date, is_damage
from tellapart.errors import StorageError
from tellapart.paths import beside, cache_root, printable

STATE_FOLDER = ".tellapart"


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What one look at an image tells; the columns of the table ``images``.

    Attributes:
        image_id: sha256 of the file's bytes, hexadecimal.
        width, height: pixels as shown, after EXIF orientation.
        format: ``JPEG``, ``PNG``, ...
        hash, mirror_hash: 16-byte difference hashes of the image and of its mirror image.
        brightness, contrast, sharpness, red, green, blue, darkest, brightest, entropy, chroma, acutance: see
            ``tellapart.images.quality``.
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
    """What is known of one file: its size and time of change when last read, and what came of it."""

    path: str
    size_bytes: int
    mtime_ns: int
    image_id: str | None
    reason: str | None


def _create_tables(db: sqlite3.Connection) -> None:
    db.execute("CREATE TABLE files (path BLOB PRIMARY KEY, size_bytes INTEGER, mtime_ns INTEGER, image_id TEXT, reason TEXT) WITHOUT ROWID")
    db.execute(
        "CREATE TABLE images (image_id TEXT PRIMARY KEY, width INTEGER, height INTEGER, format TEXT, hash BLOB, mirror_hash BLOB,"
        " brightness REAL, contrast REAL, sharpness REAL, red REAL, green REAL, blue REAL) WITHOUT ROWID"
    )


def _forget_shorter_facts(db: sqlite3.Connection) -> None:
    """More facts belong to an image now; those of old catalogs are measured again at the next look."""
    db.execute("DELETE FROM images")
    for column in ("darkest", "brightest", "entropy", "chroma", "acutance"):
        db.execute(f"ALTER TABLE images ADD COLUMN {column} REAL")


MIGRATIONS = (_create_tables, _forget_shorter_facts)


class Catalog:
    """The catalog of one data set; a context manager.

    Raises:
        StorageError: the place cannot be written, or the disk is full.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = _opened(path)
        except (OSError, sqlite3.DatabaseError) as error:
            raise StorageError(f"the catalog {path} cannot be opened: {error}", hint="choose a place for it with --state DIR") from error

    def __enter__(self) -> Catalog:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._db.close()

    def files(self) -> dict[str, FileState]:
        """Everything known of files, by path."""
        rows = self._db.execute("SELECT path, size_bytes, mtime_ns, image_id, reason FROM files")
        return {state.path: state for state in (FileState(os.fsdecode(row[0]), *row[1:]) for row in rows)}

    def facts(self, image_ids: Iterable[str]) -> dict[str, ImageFacts]:
        """The facts of those images that are known, by image_id."""
        wanted = set(image_ids)
        rows = self._db.execute(f"SELECT {', '.join(_FACT_COLUMNS)} FROM images")  # noqa: S608  (names of our own fields)
        return {row[0]: ImageFacts(*row) for row in rows if row[0] in wanted}

    def image_ids(self) -> set[str]:
        """Ids of all images whose facts are known."""
        return {row[0] for row in self._db.execute("SELECT image_id FROM images")}

    def record(self, files: Sequence[FileState], facts: Sequence[ImageFacts]) -> None:
        """Write what has been learnt, in one transaction."""
        marks = ", ".join("?" * len(_FACT_COLUMNS))
        columns = ", ".join(_FACT_COLUMNS)
        try:
            with self._db:
                self._db.executemany(f"INSERT OR REPLACE INTO images ({columns}) VALUES ({marks})", [astuple(f) for f in facts])  # noqa: S608
                self._db.executemany(
                    "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)",
                    [(os.fsencode(f.path), f.size_bytes, f.mtime_ns, f.image_id, f.reason) for f in files],
                )
        except sqlite3.DatabaseError as error:
            raise StorageError(
                f"the catalog {self.path} cannot be written: {error}", hint="free some space, or choose another place with --state DIR"
            ) from error


_FACT_COLUMNS = tuple(f.name for f in fields(ImageFacts))


def state_folder(root: Path, chosen: Path | None) -> tuple[Path, str | None]:
    """Where the state of the data set at ``root`` lies, and a note when that is not beside the photos.

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


def _opened(path: Path) -> sqlite3.Connection:
    """A migrated connection; a damaged catalog is set aside under another name and made anew."""
    try:
        return _migrated(path)
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        os.replace(path, path.with_suffix(".damaged"))
        for companion in ("-wal", "-shm"):
            path.with_name(path.name + companion).unlink(missing_ok=True)
        return _migrated(path)


def _migrated(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=30)
    try:
        bring_up_to_date(db, MIGRATIONS)
    except BaseException:
        db.close()
        raise
    return db
