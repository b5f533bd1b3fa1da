from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path

import pytest

import tellapart
from tellapart.collection.storage.destinations import Folder
from tellapart.collection.storage.shards import pack
from tellapart.dataset import open_dataset
from tellapart.dataset.dataset import Dataset
from tellapart.errors import DataError
from tellapart.paths import cache_root
from tests import folders, pictures


def write_tar(path: Path, members: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def read(dataset: Dataset) -> dict[bytes, tuple[str | None, str | None, str | None]]:
    """Label, part and group by content."""
    return {dataset.file(entry).read_bytes(): (entry.label, entry.part, entry.group) for entry in dataset.entries}


def test_what_collect_packed_is_read(tmp_path: Path) -> None:
    files = {f"{label}/{i}.jpg": pictures.photo(10 * i + len(label), 40, 30) for label in ("cat", "tiger") for i in range(3)}
    source = folders.write(tmp_path / "spool", files)
    rows = [{"file_name": name, "label": name.split("/")[0], "licence": "cc0", "page": None} for name in files]
    (tmp_path / "photos").mkdir()
    done = list(pack(rows, Folder(source), Folder(tmp_path / "photos"), most_pictures=4))
    assert len(done) == 2
    dataset = open_dataset(tmp_path / "photos")
    assert read(dataset) == {data: (name.split("/")[0], None, None) for name, data in files.items()}
    assert sorted("/".join(entry.path.split("/")[1:]) for entry in dataset.entries) == sorted(files)
    assert dataset.root.name == "photos"


def test_what_prepare_packed_is_read_with_parts_labels_and_groups(tmp_path: Path) -> None:
    table = "path,label,part,group\n" + "".join(f"{i}.jpg,{'ab'[i % 2]},{'train' if i < 6 else 'test'},{i // 2}\n" for i in range(8))
    root = folders.write(tmp_path / "photos", {f"{i}.jpg": pictures.photo(i, 40, 40) for i in range(8)})
    (root / "metadata.csv").write_text(table)
    tellapart.prepare(root, size="original", form="tar", out=tmp_path / "packed")
    own, packed = open_dataset(root), open_dataset(tmp_path / "packed")
    assert read(packed) == read(own)
    assert read(open_dataset(tmp_path / "packed/original")) == read(own)
    assert len(read(open_dataset(tmp_path / "packed/original/test-000000.tar"))) == 2


def test_shards_of_others_are_read_by_number_or_folder(tmp_path: Path) -> None:
    one, two, three, four = (pictures.photo(i, 30, 30) for i in range(4))
    members = {"0001.cls": b"7", "0001.jpg": one, "0002.jpg": two, "0002.cls": b"-1", "cats/x.y.png": three, "cats/x.y.txt": b"a cat"}
    card = json.dumps({"caption": "no label", "split": "validation"}).encode()
    write_tar(tmp_path / "shards/a.tar", {**members, "dogs/z.jpg": four, "dogs/z.json": card, "readme.txt": b"hello"})
    assert read(open_dataset(tmp_path / "shards")) == {
        one: ("7", None, None),
        two: (None, None, None),
        three: ("cats", None, None),
        four: ("dogs", "val", None),
    }


def test_a_member_never_leaves_the_folder_or_meets_another(tmp_path: Path) -> None:
    names = ["../../out.jpg", "/etc/out.jpg", ".hidden.jpg", "a/b.jpg", "a.jpg", f"{'x' * 300}.jpg", "rows.json.jpg"]
    data = [pictures.photo(i, 30, 30) for i in range(len(names) + 2)]
    members = dict(zip(names, data, strict=False))
    cards = {"k1.jpg": data[-2], "k1.json": b'{"path": "a"}', "k2.jpg": data[-1], "k2.json": b'{"path": "a/b.jpg/c.jpg"}'}
    write_tar(tmp_path / "shards/a.tar", {**members, **cards})
    before = set(tmp_path.rglob("*"))
    dataset = open_dataset(tmp_path / "shards")
    assert set(read(dataset)) == set(data)
    assert all(dataset.file(entry).resolve().is_relative_to(cache_root().resolve()) for entry in dataset.entries)
    assert set(tmp_path.rglob("*")) - before == {tmp_path / "shards/.tellapart"}


def test_a_shard_is_unpacked_once_and_again_when_it_has_changed(tmp_path: Path) -> None:
    photos = [pictures.photo(i, 30, 30) for i in range(3)]
    write_tar(tmp_path / "shards/a.tar", {"a/1.jpg": photos[0]})
    write_tar(tmp_path / "shards/b.tar", {"b/1.jpg": photos[1]})
    first = open_dataset(tmp_path / "shards")
    times = {entry.path: os.stat(first.file(entry)).st_mtime_ns for entry in first.entries}
    write_tar(tmp_path / "shards/b.tar", {"b/1.jpg": photos[2], "b/2.jpg": photos[1]})
    second = open_dataset(tmp_path / "shards")
    assert set(read(second)) == set(photos)
    kept = next(entry for entry in second.entries if entry.label == "a")
    assert os.stat(second.file(kept)).st_mtime_ns == times[kept.path]
    (tmp_path / "shards/a.tar").unlink()
    assert set(read(open_dataset(tmp_path / "shards"))) == {photos[2], photos[1]}
    assert not first.file(kept).exists()


def test_a_torn_shard_gives_what_came_before_and_says_so(tmp_path: Path) -> None:
    whole = write_tar(tmp_path / "shards/a.tar", {f"a/{i}.jpg": pictures.photo(i, 60, 60) for i in range(5)})
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    dataset = open_dataset(tmp_path / "shards")
    assert 0 < len(dataset) < 5
    assert set(read(dataset)) < {pictures.photo(i, 60, 60) for i in range(5)}
    assert dataset.notes[0].startswith("a.tar is damaged (")
    assert dataset.notes[0].endswith(f"the {len(dataset)} pictures before that are used")


@pytest.mark.parametrize("data", [b"", b"no tar at all" * 100])
def test_what_is_no_shard_is_said(tmp_path: Path, data: bytes) -> None:
    folders.write(tmp_path / "shards", {"a.tar": data})
    with pytest.raises(DataError, match="there are no pictures in the tar files"):
        open_dataset(tmp_path / "shards")
    write_tar(tmp_path / "text/a.tar", {"a.txt": b"x"})
    with pytest.raises(DataError, match="there are no pictures in the tar files"):
        open_dataset(tmp_path / "text")


def test_decisions_about_packed_pictures_lie_beside_the_shards(tmp_path: Path) -> None:
    write_tar(tmp_path / "shards/a.tar", {f"{'ab'[i % 2]}/{i}.jpg": pictures.photo(i, 60, 60) for i in range(6)})
    path = open_dataset(tmp_path / "shards").entries[0].path
    tellapart.exclude(tmp_path / "shards", [path], why="a drawing")
    assert (tmp_path / "shards/.tellapart/decisions.jsonl").is_file()
    found = tellapart.prepare(tmp_path / "shards", size=16, out=tmp_path / "new")
    assert found["left_out"] == {path: "excluded: a drawing"}


def test_prepared_arrays_are_no_photos_and_it_is_said(tmp_path: Path) -> None:
    root = folders.write(tmp_path / "photos", {"a/1.jpg": pictures.photo(1)})
    tellapart.prepare(root, size=16, out=tmp_path / "new")
    with pytest.raises(DataError, match="no pictures") as caught:
        open_dataset(tmp_path / "new")
    assert caught.value.hint == "prepared arrays are for other programs: give the photos themselves"
