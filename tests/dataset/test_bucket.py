from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tellapart.dataset import dataset as dataset_module
from tellapart.dataset import open_dataset
from tellapart.dataset.bucket import address_of_copy, copy_bucket, obstore_for
from tellapart.errors import DataError, MissingExtra
from tests import folders, sample_images

FILES = {
    "cats/a b.jpg": sample_images.photo(1),
    "cats/ü.jpg": sample_images.photo(2),
    "dogs/1.jpg": sample_images.photo(3),
    "readme.txt": b"no",
    ".x/h.jpg": b"no",
}


class Listener:
    def __init__(self) -> None:
        self.copied = 0

    @contextmanager
    def stage(self, title: str, total: int | None = None, unit: str = "images") -> Iterator[Callable[[int], None]]:
        def advance(count: int) -> None:
            self.copied += count

        yield advance

    def note(self, message: str) -> None: ...


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "cache"))
    return folders.write(tmp_path / "bucket" / "photos", FILES)


def copies(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_images_are_copied_once_and_kept_up_to_date(bucket: Path) -> None:
    wanted = {name: data for name, data in FILES.items() if name.endswith(".jpg") and not name.startswith(".")}
    first, second, third = Listener(), Listener(), Listener()
    folder = copy_bucket(bucket.as_uri(), progress=first)
    assert copies(folder) == wanted
    assert copy_bucket(bucket.as_uri() + "/", progress=second) == folder
    (bucket / "dogs/1.jpg").write_bytes(sample_images.photo(9))
    os.utime(bucket / "dogs/1.jpg", (1e9, 1e9))
    (bucket / "cats/a b.jpg").unlink()
    copy_bucket(bucket.as_uri(), progress=third)
    assert copies(folder) == {"cats/ü.jpg": FILES["cats/ü.jpg"], "dogs/1.jpg": sample_images.photo(9)}
    assert (first.copied, second.copied, third.copied) == (3, 0, 1)


def test_a_data_set_is_opened_from_the_copy(bucket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset_module, "SCHEME", "file://")
    found = open_dataset(bucket.as_uri())
    assert found.class_names == ("cats", "dogs")
    assert found.root.name == "photos"


def test_a_copy_knows_its_address_and_nothing_else_does(bucket: Path, tmp_path: Path) -> None:
    folder = copy_bucket(bucket.as_uri() + "/")
    assert address_of_copy(folder) == address_of_copy(str(folder)) == bucket.as_uri()
    assert [address_of_copy(place) for place in (folder.parent, bucket, tmp_path / "cache/buckets/x/photos", "/")] == [None] * 4
    assert copies(folder).keys() == {name for name in FILES if name.endswith(".jpg") and not name.startswith(".")}


def test_what_obstore_says_has_no_dump_for_programmers(bucket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(store: object) -> None:
        raise OSError("Generic S3 error: 403 Forbidden\n\nDebug source:\nGeneric {\n    store")

    monkeypatch.setattr("tellapart.dataset.bucket._opened", lambda url: (None, None, refuse))
    with pytest.raises(DataError) as caught:
        copy_bucket("s3://pets/photos")
    assert str(caught.value) == "s3://pets/photos cannot be listed: Generic S3 error: 403 Forbidden"


def test_a_bucket_without_images_is_a_clear_error(bucket: Path) -> None:
    (bucket / "nothing").mkdir()
    with pytest.raises(DataError, match="no images in"):
        copy_bucket((bucket / "nothing").as_uri())


def test_an_address_that_cannot_be_understood_is_a_clear_error() -> None:
    with pytest.raises(DataError, match="cannot be opened"):
        copy_bucket("nonsense://bucket")


def test_without_obstore_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(MissingExtra, match="not installed, and reading a bucket needs it") as caught:
        open_dataset("s3://bucket/photos")
    assert "tellapart[s3]" in str(caught.value.hint)


def test_a_broken_obstore_is_not_called_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "obstore"]:
        monkeypatch.delitem(sys.modules, name)
    (tmp_path / "obstore.py").write_text("import no_such_package")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        obstore_for("a test")
