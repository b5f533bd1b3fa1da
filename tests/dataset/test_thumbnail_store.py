from __future__ import annotations

import hashlib
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tellapart.dataset.catalog import FileState
from tellapart.dataset.dataset import Dataset
from tellapart.dataset.thumbnail_store import ThumbnailStore, thumbnail_loader
from tellapart.errors import StorageError
from tests import folders, sample_images

IMAGES = {f"id{i:04}": bytes([i % 256]) * 300 for i in range(1200)}


def filled(path: Path) -> Path:
    store = ThumbnailStore(path)
    store.write(IMAGES)
    store.close()
    return path


def test_what_is_written_is_read_back_in_any_number(tmp_path: Path) -> None:
    store = ThumbnailStore(filled(tmp_path / "deep/thumbnails.sqlite"))
    assert store.read([*IMAGES, "unknown"]) == IMAGES
    assert store.read([]) == {}
    store.close()


def test_a_flipped_bit_is_a_missing_image(tmp_path: Path) -> None:
    path = filled(tmp_path / "thumbnails.sqlite")
    data = path.read_bytes()
    at = data.index(IMAGES["id0007"]) + 100
    path.write_bytes(data[:at] + b"\xff" + data[at + 1 :])
    store = ThumbnailStore(path)
    assert IMAGES.keys() - store.read(list(IMAGES)).keys() == {"id0007"}
    store.close()


@pytest.mark.parametrize("kind", ["garbage", "cut", "pages"])
def test_a_damaged_store_begins_anew_and_never_gives_a_wrong_image(tmp_path: Path, kind: str) -> None:
    path = filled(tmp_path / "thumbnails.sqlite")
    data = bytearray(path.read_bytes())
    if kind == "garbage":
        data[:] = os.urandom(5000)
    elif kind == "cut":
        del data[len(data) // 2 :]
    else:
        data[4096 : 4096 * 8] = os.urandom(4096 * 7)
    path.write_bytes(data)
    store = ThumbnailStore(path)
    assert store.read(list(IMAGES)).items() <= IMAGES.items()
    store.write({"new": b"image"})
    assert store.read(["new"]) == {"new": b"image"}
    store.close()


def test_a_place_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="thumbnails") as caught:
        ThumbnailStore(tmp_path / "file/thumbnails.sqlite")
    assert "TELLAPART_CACHE" in str(caught.value.hint)


def test_a_full_disk_is_a_storage_error(tmp_path: Path) -> None:
    store = ThumbnailStore(tmp_path / "thumbnails.sqlite")
    store._db.execute("PRAGMA max_page_count = 4")
    with pytest.raises(StorageError, match="cannot be written"):
        store.write(IMAGES)
    store.close()


def test_a_thumbnail_is_made_only_of_the_bytes_its_id_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "cache"))
    first, other = sample_images.photo(1), sample_images.photo(2)
    root = folders.write(tmp_path / "photos", {"a/1.jpg": other})
    image_id = hashlib.sha256(first).hexdigest()
    small = thumbnail_loader(Dataset(root, ()), [FileState.of("a/1.jpg", os.stat(root / "a/1.jpg"), image_id, None)])
    assert small([image_id]) == {}, "another image lies there now"
    (root / "a/1.jpg").write_bytes(first)
    assert set(small([image_id])) == {image_id}
    (root / "a/1.jpg").write_bytes(other)
    assert set(small([image_id])) == {image_id}, "from the cache"


def test_thumbnails_of_an_older_version_are_forgotten(tmp_path: Path) -> None:
    path = filled(tmp_path / "thumbnails.sqlite")
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 0")
    store = ThumbnailStore(path)
    assert store.read(list(IMAGES)) == {}
    store.close()
    store = ThumbnailStore(filled(path))
    assert store.read(list(IMAGES)) == IMAGES
    store.close()
