"""The thumbnail store: small JPEGs by image id, in one SQLite file in the cache."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tellapart.cache_dir import cache_root
from tellapart.dataset.catalog import FileState
from tellapart.dataset.content_hashes import unchanged_bytes
from tellapart.dataset.dataset import Dataset
from tellapart.dataset.file_rows import FileRow
from tellapart.dataset.image_analysis import thumbnail_of
from tellapart.errors import ImageError, StorageError, reason_of
from tellapart.sqlite import is_damage, write_ahead

CHUNK = 500
CHECKSUM = 4
VERSION = 1
"""Of how thumbnails are made; those of older versions are forgotten."""

Thumbnails = Callable[[Sequence[str]], Mapping[str, bytes]]
"""Gives JPEG thumbnails by image id, without those that cannot be had."""


class ThumbnailStore:
    """JPEG thumbnails by image id; a damaged store is replaced by an empty one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = self._opened()
        except (OSError, sqlite3.DatabaseError) as error:
            raise StorageError(
                f"the thumbnails {path} cannot be opened: {reason_of(error)}", hint="choose another cache folder with TELLAPART_CACHE"
            ) from error

    def read(self, image_ids: Sequence[str]) -> dict[str, bytes]:
        """Read the stored thumbnails of these images."""
        jpegs: dict[str, bytes] = {}
        try:
            for start in range(0, len(image_ids), CHUNK):
                chunk = image_ids[start : start + CHUNK]
                marks = ", ".join("?" * len(chunk))
                rows = self._db.execute(f"SELECT image_id, jpeg FROM thumbnails WHERE image_id IN ({marks})", chunk)  # noqa: S608
                jpegs.update((image_id, sealed[:-CHECKSUM]) for image_id, sealed in rows if _sealed(sealed[:-CHECKSUM]) == sealed)
        except (sqlite3.DatabaseError, TypeError):
            return jpegs
        return jpegs

    def write(self, thumbnails: Mapping[str, bytes]) -> None:
        """Add thumbnails, in one transaction."""
        rows = [(image_id, _sealed(jpeg)) for image_id, jpeg in thumbnails.items()]
        try:
            try:
                self._insert(rows)
            except sqlite3.DatabaseError as error:
                if not is_damage(error):
                    raise
                self._db.close()
                self._db = self._renewed()
                self._insert(rows)
        except sqlite3.DatabaseError as error:
            raise StorageError(
                f"the thumbnails {self.path} cannot be written: {error}", hint="free some space: finished work is kept"
            ) from error

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _insert(self, rows: Sequence[tuple[str, bytes]]) -> None:
        with self._db:
            self._db.executemany("INSERT OR REPLACE INTO thumbnails VALUES (?, ?)", rows)

    def _opened(self) -> sqlite3.Connection:
        try:
            return self._connected()
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            return self._renewed()

    def _renewed(self) -> sqlite3.Connection:
        """Replace a damaged store by an empty one."""
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        return self._connected()

    def _connected(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=30)
        try:
            write_ahead(db)
            db.execute("PRAGMA synchronous = OFF")
            if db.execute("PRAGMA user_version").fetchone()[0] < VERSION:
                with db:
                    db.execute("DROP TABLE IF EXISTS thumbnails")
                    db.execute(f"PRAGMA user_version = {VERSION}")
            db.execute("CREATE TABLE IF NOT EXISTS thumbnails (image_id TEXT PRIMARY KEY, jpeg BLOB) WITHOUT ROWID")
        except BaseException:
            db.close()
            raise
        return db


def _sealed(jpeg: bytes) -> bytes:
    """A thumbnail followed by its checksum."""
    return jpeg + zlib.crc32(jpeg).to_bytes(CHECKSUM, "big")


def thumbnail_loader(dataset: Dataset, files: Sequence[FileState]) -> Thumbnails:
    """A function from image ids to thumbnails: from the cache, else made from those files that still have this content."""
    path_of = {file.image_id: dataset.root / file.path for file in files if file.image_id}

    def load(image_ids: Sequence[str]) -> Mapping[str, bytes]:
        unique_ids = list(dict.fromkeys(image_ids))
        store = ThumbnailStore(cache_root() / "thumbnails.sqlite")
        try:
            cached = store.read(unique_ids)
            made = {}
            for image_id in unique_ids:
                if image_id not in cached and image_id in path_of:
                    try:
                        data = unchanged_bytes(path_of[image_id], image_id)
                        if data is not None:
                            made[image_id] = thumbnail_of(data)
                    except (OSError, ImageError):
                        continue
            store.write(made)
        finally:
            store.close()
        return {**cached, **made}

    return load


def run_thumbnail_loader(root: Path, rows: Sequence[FileRow]) -> Thumbnails:
    """A function from image ids to thumbnails of a run: from the cache, or from the images if they still exist."""
    files = [FileState(row.path, row.size_bytes, 0, row.image_id, row.reason) for row in rows]
    return thumbnail_loader(Dataset(root, ()), files)
