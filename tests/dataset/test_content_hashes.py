from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from tellapart.dataset import open_dataset
from tellapart.dataset.catalog import FileState
from tellapart.dataset.content_hashes import file_states, read_entry
from tests import folders, sample_images


@pytest.mark.parametrize("num_workers", [0, 3])
def test_files_are_known_by_their_bytes_and_refused_by_their_first(tmp_path: Path, num_workers: int) -> None:
    good = {f"a/{i:03}.jpg": sample_images.photo(i, 40, 30) for i in range(70)}
    bad = {
        "b/empty.jpg": b"",
        "b/page.jpg": sample_images.HTML,
        "b/text.jpg": sample_images.TEXT,
        "b/half.jpg": sample_images.cut(sample_images.photo(0), 0.5),
    }
    root = folders.write(tmp_path / "photos", {**good, **bad})
    (root / "b/gone.jpg").symlink_to(root / "nowhere")
    dataset = open_dataset(root)
    found = {state.path: state for state in file_states(dataset, {}, num_workers)}
    assert list(found) == [entry.path for entry in dataset.entries]
    for path, data in good.items():
        assert (found[path].image_id, found[path].reason, found[path].size_bytes) == (hashlib.sha256(data).hexdigest(), None, len(data))
    reasons = {path: found[f"b/{path}"].reason for path in ("empty.jpg", "page.jpg", "text.jpg", "gone.jpg", "half.jpg")}
    assert reasons == {
        "empty.jpg": "empty file",
        "page.jpg": "not an image (looks like HTML)",
        "text.jpg": "not an image (looks like text)",
        "gone.jpg": "there is no such file",
        "half.jpg": None,
    }


def test_a_known_file_is_read_again_only_when_it_has_changed(tmp_path: Path) -> None:
    root = folders.write(
        tmp_path / "photos", {"a/1.jpg": sample_images.photo(1), "a/2.jpg": sample_images.photo(2), "a/3.jpg": sample_images.photo(3)}
    )
    status = {name: os.stat(root / name) for name in ("a/1.jpg", "a/2.jpg", "a/3.jpg")}
    known = {name: FileState.of(name, s, f"known {name}", None) for name, s in status.items()}
    known["a/2.jpg"] = replace(FileState.of("a/2.jpg", status["a/2.jpg"], "old", None), size_bytes=1)
    known["a/3.jpg"] = FileState.of("a/3.jpg", status["a/3.jpg"], None, "cut off")
    found = [state.image_id for state in file_states(open_dataset(root), known, 1)]
    assert found == ["known a/1.jpg", *(hashlib.sha256(sample_images.photo(i)).hexdigest() for i in (2, 3))]


@pytest.mark.parametrize("how", ["renamed over", "written over"])
def test_a_file_replaced_with_equal_size_and_time_is_read_again(tmp_path: Path, how: str) -> None:
    root = folders.write(tmp_path / "photos", {"a/1.jpg": sample_images.photo(1)})
    file = root / "a/1.jpg"
    known = {state.path: state for state in file_states(open_dataset(root), {}, 1)}
    before = file.stat()
    other = bytes([*sample_images.photo(1)[:-3], 7, *sample_images.photo(1)[-2:]])
    place = file if how == "written over" else root / "new"
    place.write_bytes(other)
    os.replace(place, file)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    (found,) = file_states(open_dataset(root), known, 1)
    assert found.image_id == hashlib.sha256(other).hexdigest()
    assert file_states(open_dataset(root), {found.path: replace(found, image_id="not read again")}, 1)[0].image_id == "not read again"


def test_a_file_of_gigabytes_is_a_row_with_a_reason_and_is_not_read(tmp_path: Path) -> None:
    root = folders.write(tmp_path / "photos", {"a/1.jpg": sample_images.photo(1, 40, 30)})
    with (root / "a/2.jpg").open("wb") as file:
        file.write(sample_images.photo(2, 40, 30))
        file.truncate(3_000_000_000)
    dataset = open_dataset(root)
    entry = dataset.entries[1]
    for state in (file_states(dataset, {}, 0)[1], read_entry(dataset, entry)[0]):
        assert (state.image_id, state.reason) == (None, "a file of 3,000 MB is too large to read (limit 537 MB)")
