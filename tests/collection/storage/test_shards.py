from __future__ import annotations

import errno
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tellapart.collection.storage import stores
from tellapart.collection.storage.shards import pack
from tellapart.collection.storage.stores import Destination, Folder, open_destination
from tellapart.dataset import open_dataset
from tellapart.errors import StorageError
from tellapart.json_files import is_intact
from tests import sample_images

LABELS = ("St. Bernard", "ü 猫 " + "very " * 20 + "long")


@pytest.fixture
def rows(tmp_path: Path) -> list[dict[str, Any]]:
    source = Folder(tmp_path / "photos")
    rows = []
    for number in range(10):
        name = f"{LABELS[number % 2]}/{number:032x}.jpg"
        source.put(name, sample_images.photo(number, 50, 40))
        rows.append({"file_name": name, "label": LABELS[number % 2], "license": "cc0-1.0", "page": None, "signature": b"left out"})
    return rows


def members(body: bytes | None) -> dict[str, bytes]:
    assert body is not None
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]


@pytest.fixture(params=["folder", "bucket"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Destination:
    return open_destination(str(tmp_path / "shards") if request.param == "folder" else request.getfixturevalue("s3"))


def test_images_and_what_is_known_of_them_are_read_back(rows: list[dict[str, Any]], target: Destination, tmp_path: Path) -> None:
    shards = list(pack(rows, Folder(tmp_path / "photos"), target, 7, most_images=4))
    assert [shard.name for shard in shards] == ["shard-000007.tar", "shard-000008.tar", "shard-000009.tar"]
    assert [len(shard.files) for shard in shards] == [4, 4, 2]
    assert list(target.listed()) == [shard.name for shard in shards]
    found: dict[str, bytes] = {}
    for shard in shards:
        assert target.size(shard.name) == shard.size_bytes
        found |= members(target.get(shard.name))
    for number, row in enumerate(rows):
        assert found[row["file_name"]] == sample_images.photo(number, 50, 40)
        card = json.loads(found[row["file_name"].replace(".jpg", ".json")])
        assert is_intact(card) and card.pop("crc32")
        assert card == {"file_name": row["file_name"], "label": row["label"], "license": "cc0-1.0", "page": None}
    assert len(found) == 20


def test_the_same_rows_give_the_same_bytes(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    source, first, second = Folder(tmp_path / "photos"), Folder(tmp_path / "1"), Folder(tmp_path / "2")
    list(pack(rows, source, first))
    list(pack([dict(reversed(row.items())) for row in reversed(rows)], source, second))
    body = first.get("shard-000000.tar")
    assert body == second.get("shard-000000.tar")
    with tarfile.open(fileobj=io.BytesIO(body or b"")) as tar:
        assert {(member.mtime, member.uid, member.gid, member.uname, member.mode) for member in tar} == {(0, 0, 0, "", 0o644)}
        assert tar.getnames() == sorted(tar.getnames())


def test_a_shard_unpacked_is_a_folder_of_classes_again(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    list(pack(rows, Folder(tmp_path / "photos"), Folder(tmp_path / "shards")))
    with tarfile.open(tmp_path / "shards" / "shard-000000.tar") as tar:
        safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}  # from Python 3.11.4 on
        tar.extractall(tmp_path / "again", **safely)  # noqa: S202  (our own archive)
    assert set(open_dataset(tmp_path / "again").class_names) == set(LABELS)


def test_a_shard_is_full_by_bytes_too(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    sized = [{**row, "size_bytes": 100} for row in rows]
    shards = list(pack(sized, Folder(tmp_path / "photos"), Folder(tmp_path / "shards"), most_bytes=250))
    assert [len(shard.files) for shard in shards] == [3, 3, 3, 1]
    assert len(list(pack(rows, Folder(tmp_path / "photos"), Folder(tmp_path / "shards"), most_bytes=1))) == 10


def test_a_image_that_is_gone_is_named_and_the_rest_is_packed(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    source, target = Folder(tmp_path / "photos"), Folder(tmp_path / "shards")
    source.remove(rows[3]["file_name"])
    (shard,) = pack(rows, source, target)
    assert shard.missing == (rows[3]["file_name"],)
    assert len(shard.files) == 9
    assert rows[3]["file_name"].replace(".jpg", ".json") not in members(target.get(shard.name))
    (nothing,) = pack(rows[3:4], source, target, 5)
    assert (nothing.files, nothing.size_bytes) == ((), 0)
    assert list(target.listed()) == [shard.name]


def test_a_shard_that_cannot_be_written_is_absent(rows: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = Folder(tmp_path / "photos"), Folder(tmp_path / "shards")
    shards = pack(rows, source, target, most_images=5)
    assert next(shards).name == "shard-000000.tar"

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(stores.os, "fsync", full)
    with pytest.raises(StorageError, match="no space left"):
        next(shards)
    assert [path.name for path in (tmp_path / "shards").iterdir()] == ["shard-000000.tar"]


def test_nothing_makes_no_shard(tmp_path: Path) -> None:
    assert list(pack([], Folder(tmp_path), Folder(tmp_path))) == []
