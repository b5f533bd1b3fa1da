from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from tellapart.analyzed_folder import thumbnail_loader
from tellapart.dataset.catalog import FileState
from tellapart.dataset.dataset import Dataset
from tests import folders, sample_images


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
