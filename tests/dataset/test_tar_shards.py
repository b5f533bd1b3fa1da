from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path

import pytest

import tellapart
from tellapart.cache_dir import cache_root
from tellapart.collection.storage.shards import pack
from tellapart.collection.storage.stores import Folder
from tellapart.dataset import open_dataset
from tellapart.dataset.dataset import Dataset
from tellapart.dataset.options import DatasetOptions
from tellapart.errors import DataError, OptionError
from tellapart.json_files import checked_record
from tests import folders, sample_images


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
    files = {f"{label}/{i}.jpg": sample_images.photo(10 * i + len(label), 40, 30) for label in ("cat", "tiger") for i in range(3)}
    source = folders.write(tmp_path / "spool", files)
    rows = [{"file_name": name, "label": name.split("/")[0], "license": "cc0", "page": None} for name in files]
    (tmp_path / "photos").mkdir()
    done = list(pack(rows, Folder(source), Folder(tmp_path / "photos"), most_images=4))
    assert len(done) == 2
    dataset = open_dataset(tmp_path / "photos")
    assert read(dataset) == {data: (name.split("/")[0], None, None) for name, data in files.items()}
    assert sorted("/".join(entry.path.split("/")[1:]) for entry in dataset.entries) == sorted(files)
    assert dataset.root.name == "photos"


def test_what_prepare_packed_is_read_with_parts_labels_and_groups(tmp_path: Path) -> None:
    table = "path,label,part,group\n" + "".join(f"{i}.jpg,{'ab'[i % 2]},{'train' if i < 6 else 'test'},{i // 2}\n" for i in range(8))
    root = folders.write(tmp_path / "photos", {f"{i}.jpg": sample_images.photo(i, 40, 40) for i in range(8)})
    (root / "metadata.csv").write_text(table)
    tellapart.prepare(root, size="original", format="tar", out=tmp_path / "packed")
    own, packed = open_dataset(root), open_dataset(tmp_path / "packed")
    assert read(packed) == read(own)
    assert read(open_dataset(tmp_path / "packed/original")) == read(own)
    assert len(read(open_dataset(tmp_path / "packed/original/test-000000.tar"))) == 2


def test_shards_of_others_are_read_by_number_or_folder(tmp_path: Path) -> None:
    one, two, three, four = (sample_images.photo(i, 30, 30) for i in range(4))
    members = {"0001.cls": b"7", "0001.jpg": one, "0002.jpg": two, "0002.cls": b"-1", "cats/x.y.png": three, "cats/x.y.txt": b"a cat"}
    card = json.dumps({"caption": "no label", "split": "validation"}).encode()
    write_tar(tmp_path / "shards/a.tar", {**members, "dogs/z.jpg": four, "dogs/z.json": card, "readme.txt": b"hello"})
    assert read(open_dataset(tmp_path / "shards")) == {
        one: ("7", None, None),
        two: (None, None, None),
        three: ("cats", None, None),
        four: ("dogs", "val", None),
    }


@pytest.mark.parametrize("option", [{"label_folder": "top"}, {"label_column": "breed"}, {"path_column": "file"}])
def test_options_on_folders_and_columns_are_refused_for_shards(tmp_path: Path, option: dict[str, str]) -> None:
    write_tar(tmp_path / "a.tar", {"cats/x.jpg": sample_images.photo(1, 30, 30), "cats/x.cls": b"1"})
    with pytest.raises(OptionError, match=f"{next(iter(option))} has no effect on tar shards"):
        open_dataset(tmp_path / "a.tar", DatasetOptions(**option))


def test_a_member_never_leaves_the_folder_or_meets_another(tmp_path: Path) -> None:
    names = ["../../out.jpg", "/etc/out.jpg", ".hidden.jpg", "a/b.jpg", "a.jpg", f"{'x' * 300}.jpg", "rows.json.jpg"]
    data = [sample_images.photo(i, 30, 30) for i in range(len(names) + 2)]
    members = dict(zip(names, data, strict=False))
    cards = {"k1.jpg": data[-2], "k1.json": b'{"path": "a"}', "k2.jpg": data[-1], "k2.json": b'{"path": "a/b.jpg/c.jpg"}'}
    write_tar(tmp_path / "shards/a.tar", {**members, **cards})
    before = set(tmp_path.rglob("*"))
    dataset = open_dataset(tmp_path / "shards")
    assert set(read(dataset)) == set(data)
    assert all(dataset.file(entry).resolve().is_relative_to(cache_root().resolve()) for entry in dataset.entries)
    assert set(tmp_path.rglob("*")) - before == {tmp_path / "shards/.tellapart"}


def test_a_shard_is_unpacked_once_and_again_when_it_has_changed(tmp_path: Path) -> None:
    photos = [sample_images.photo(i, 30, 30) for i in range(3)]
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
    whole = write_tar(tmp_path / "shards/a.tar", {f"a/{i}.jpg": sample_images.photo(i, 60, 60) for i in range(5)})
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    dataset = open_dataset(tmp_path / "shards")
    assert 0 < len(dataset) < 5
    assert set(read(dataset)) < {sample_images.photo(i, 60, 60) for i in range(5)}
    assert dataset.notes[0].startswith("a.tar is damaged (")
    assert dataset.notes[0].endswith(f"the {len(dataset)} images before that are used")


@pytest.mark.parametrize("data", [b"", b"no tar at all" * 100])
def test_what_is_no_shard_is_said(tmp_path: Path, data: bytes) -> None:
    folders.write(tmp_path / "shards", {"a.tar": data})
    with pytest.raises(DataError, match="there are no images in the tar files"):
        open_dataset(tmp_path / "shards")
    write_tar(tmp_path / "text/a.tar", {"a.txt": b"x"})
    with pytest.raises(DataError, match="there are no images in the tar files"):
        open_dataset(tmp_path / "text")


def test_decisions_about_packed_images_lie_beside_the_shards(tmp_path: Path) -> None:
    write_tar(tmp_path / "shards/a.tar", {f"{'ab'[i % 2]}/{i}.jpg": sample_images.photo(i, 60, 60) for i in range(6)})
    path = open_dataset(tmp_path / "shards").entries[0].path
    tellapart.exclude(tmp_path / "shards", [path], reason="a drawing")
    assert (tmp_path / "shards/.tellapart/decisions.jsonl").is_file()
    found = tellapart.prepare(tmp_path / "shards", size=16, out=tmp_path / "new")
    assert found.left_out == {path: "excluded: a drawing"}


def test_prepared_arrays_are_no_photos_and_it_is_said(tmp_path: Path) -> None:
    root = folders.write(tmp_path / "photos", {"a/1.jpg": sample_images.photo(1)})
    tellapart.prepare(root, size=16, out=tmp_path / "new")
    with pytest.raises(DataError, match="no images") as caught:
        open_dataset(tmp_path / "new")
    assert caught.value.hint == "arrays are for other programs: give the photos themselves"


def sparse_header(name: bytes, size: int) -> bytes:
    """A member of old GNU tar that claims ``size`` bytes and stores none."""
    header = bytearray(512)
    header[: len(name)] = name
    header[100:108], header[124:136], header[136:148] = b"0000644\0", b"00000000000\0", b"00000000000\0"
    header[156:157], header[257:265], header[483:495] = b"S", b"ustar  \0", b"%011o\0" % size
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def test_a_image_of_holes_does_not_fill_the_disk_and_is_said(tmp_path: Path) -> None:
    photo = sample_images.photo(1, 30, 30)
    whole = write_tar(tmp_path / "shards/a.tar", {"cats/1.jpg": photo}).read_bytes()
    (tmp_path / "shards/a.tar").write_bytes(sparse_header(b"cats/0.jpg", 0o77777777777) + whole)
    before = sum(file.stat().st_size for file in cache_root().rglob("*") if file.is_file())
    dataset = open_dataset(tmp_path / "shards")
    assert [dataset.file(entry).read_bytes() for entry in dataset.entries] == [photo]
    assert dataset.notes[0] == "a.tar: files stored with holes (sparse, as tar -S does) are passed over: 1; pack them without -S"
    assert sum(file.stat().st_size for file in cache_root().rglob("*") if file.is_file()) - before < 1_000_000
    (tmp_path / "bomb").mkdir()
    (tmp_path / "bomb/b.tar").write_bytes(sparse_header(b"b.jpg", 0o77777777777) + bytes(1024))
    with pytest.raises(DataError, match=r"no images in the tar files .* stored with holes"):
        open_dataset(tmp_path / "bomb")


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.GNUTYPE_SPARSE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_member_that_claims_more_than_there_is_ends_at_once(tmp_path: Path, kind: bytes) -> None:
    members = {"cats/a.jpg": sample_images.photo(1, 30, 30), "dogs/b.jpg": sample_images.photo(2, 30, 30)}
    path = write_tar(tmp_path / "a.tar", members)
    whole = path.read_bytes()
    bomb = tarfile.TarInfo("c.jpg")
    bomb.type, bomb.size = kind, 2**62
    path.write_bytes(whole[: len(whole.rstrip(b"\0")) // 512 * 512 + 512] + bomb.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    opened = open_dataset(path)
    assert 1 <= len(opened.entries) <= 2
    assert any("a.tar is damaged" in note for note in opened.notes)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
def test_a_name_of_gigabytes_is_not_read_into_memory(tmp_path: Path, kind: bytes) -> None:
    members = {f"cats/{name}.jpg": sample_images.photo(ord(name), 30, 30) for name in "ab"}
    path = write_tar(tmp_path / "a.tar", members)
    bomb = tarfile.TarInfo("c")
    bomb.type, bomb.size = kind, 1 << 31
    with path.open("r+b") as file:
        file.seek(len(path.read_bytes().rstrip(b"\0")) // 512 * 512 + 512)
        file.write(bomb.tobuf(tarfile.GNU_FORMAT))
        file.truncate((1 << 31) + 4096)  # of holes, which take no room on the disk
    opened = open_dataset(path)
    assert 1 <= len(opened.entries) <= 2
    assert any("a name or further fields of 2,147,483,648 bytes" in note for note in opened.notes)


def test_an_image_of_gigabytes_of_holes_is_passed_over_and_said(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", {"cats/a.jpg": sample_images.photo(1, 30, 30)})
    bomb = tarfile.TarInfo("cats/b.jpg")
    bomb.size = 1 << 30
    with path.open("r+b") as file:
        file.seek(len(path.read_bytes().rstrip(b"\0")) // 512 * 512 + 512)
        file.write(bomb.tobuf(tarfile.GNU_FORMAT))
        file.truncate(file.tell() + (1 << 30) + 1024)
    opened = open_dataset(path)
    assert len(opened.entries) == 1
    assert any("images of more than 537 MB are passed over: 1" in note for note in opened.notes)


def test_a_path_of_very_many_folders_is_shortened_at_once(tmp_path: Path) -> None:
    members = {f"cats/{'a/' * 200_000}{number}.jpg": sample_images.photo(number, 30, 30) for number in (1, 2)}
    opened = open_dataset(write_tar(tmp_path / "a.tar", members))
    assert len({entry.path for entry in opened.entries}) == 2
    assert all(len(entry.path) < 300 and opened.file(entry).is_file() for entry in opened.entries)


def test_a_damaged_header_in_the_middle_is_not_taken_for_the_end(tmp_path: Path) -> None:
    photos = {f"a/{i}.jpg": sample_images.photo(i, 30, 30) for i in range(4)}
    whole = bytearray(write_tar(tmp_path / "shards/a.tar", photos).read_bytes())
    place = whole.index(b"a/2.jpg")
    whole[place] ^= 1
    (tmp_path / "shards/a.tar").write_bytes(whole)
    dataset = open_dataset(tmp_path / "shards")
    assert len(dataset) == 2
    assert dataset.notes[0] == f"a.tar is damaged (what stands at byte {place:,} is no header); the 2 images before that are used"


@pytest.mark.parametrize("card", [b"{", b"[" * 50_000, b"[]", b"\xff", b'{"label": ["red"]}', b'{"label": {"a": 1}}', b'{"path": [1]}'])
def test_a_image_whose_card_is_damaged_is_not_given_another_label(tmp_path: Path, card: bytes) -> None:
    members = {
        "a/1.jpg": sample_images.photo(1, 30, 30),
        "a/1.json": card,
        "a/2.jpg": sample_images.photo(2, 30, 30),
        "a/2.json": b'{"score": NaN}',
    }
    write_tar(tmp_path / "shards/a.tar", members)
    dataset = open_dataset(tmp_path / "shards")
    assert [(entry.path.rpartition("/")[2], entry.label) for entry in dataset.entries] == [("2.jpg", "a")]
    assert dataset.notes[0].endswith(": 1, the first beside a/1.jpg")


def test_labels_that_disagree_with_their_numbers_are_said(tmp_path: Path) -> None:
    members = {}
    for number in range(3):
        label = b"cat" if number else b"cau"
        image = sample_images.photo(number, 30, 30)
        members |= {f"{number}.jpg": image, f"{number}.cls": b"0", f"{number}.json": b'{"label": "%s"}' % label}
    write_tar(tmp_path / "shards/a.tar", members)
    assert open_dataset(tmp_path / "shards").notes == ("a.tar: class 0 has the labels cat and cau: is a .json or .cls damaged?",)


@pytest.mark.parametrize("text", [r"\ud800", r"\udcff", r"\u0000"])
def test_names_that_are_no_text_do_no_harm(tmp_path: Path, text: str) -> None:
    card = b'{"label": "a%s", "path": "x%s/1.jpg", "group": "g%s"}' % ((text.encode(),) * 3)
    write_tar(tmp_path / "shards/a.tar", {"1.jpg": sample_images.photo(1, 30, 30), "1.json": card})
    (entry,) = open_dataset(tmp_path / "shards").entries
    assert (entry.label or "").encode("utf-8").startswith(b"a")


def test_a_damaged_copy_is_unpacked_again(tmp_path: Path) -> None:
    photo = sample_images.photo(1, 30, 30)
    write_tar(tmp_path / "shards/a.tar", {"cats/1.jpg": photo})
    dataset = open_dataset(tmp_path / "shards")
    (known,) = dataset.root.glob("*/rows.json")
    for content in ("", "{", '{"rows": [{"path": 1}], "damage": null, "notes": []}', '{"rows": 7}'):
        known.write_text(content)
        assert read(open_dataset(tmp_path / "shards")) == {photo: ("cats", None, None)}


def test_a_changed_letter_in_a_card_of_ours_is_damage(tmp_path: Path) -> None:
    cards = [json.dumps(checked_record({"path": f"cats/{i}.jpg", "label": "cat", "group": "album"})).encode() for i in range(3)]
    members = {f"{i}.jpg": sample_images.photo(i, 30, 30) for i in range(3)}
    members |= {f"{i}.json": card for i, card in enumerate(cards)}
    members["1.json"] = cards[1].replace(b"album", b"alcum")
    write_tar(tmp_path / "shards/a.tar", dict(sorted(members.items())))
    dataset = open_dataset(tmp_path / "shards")
    assert [entry.path.partition("/")[2] for entry in dataset.entries] == ["cats/0.jpg", "cats/2.jpg"]
    assert any("whose .json is damaged" in note and "1, the first beside 1.jpg" in note for note in dataset.notes)


def packed(tmp_path: Path, *names: str, **cards: bytes) -> Path:
    """A shard with an image for each name that ends like one, in this order; of other names the content is ``cards``'."""
    photos = {name: sample_images.photo(number, 30, 30) for number, name in enumerate(names) if name.endswith((".jpg", ".png"))}
    return write_tar(tmp_path / "a.tar", {name: photos.get(name) or cards[name.rpartition(".")[2]] for name in names})


def labels_of(dataset: Dataset) -> dict[str, str | None]:
    return {entry.path.partition("/")[2]: entry.label for entry in dataset.entries}


def test_folders_in_a_shard_are_read_like_any_folders(tmp_path: Path) -> None:
    """Parts were ignored, so that a test part was trained on."""
    shard = packed(tmp_path, *(f"pets/{part}/{label}/{i}.jpg" for part in ("train", "test") for label in ("cat", "dog") for i in range(2)))
    dataset = open_dataset(shard)
    assert dataset.counts() == {("train", "cat"): 2, ("train", "dog"): 2, ("test", "cat"): 2, ("test", "dog"): 2}
    assert dataset.notes == ("layout: train/ and test/ under pets/, 2 classes (cat, dog)",)


def test_folders_in_a_shard_that_could_be_read_in_two_ways_are_refused(tmp_path: Path) -> None:
    shard = packed(tmp_path, *(f"{site}/{label}/1.jpg" for site in ("east", "west") for label in ("cat", "dog")))
    with pytest.raises(DataError, match="more than one way: east/ and west/ hold the same folders"):
        open_dataset(shard)
    assert open_dataset(shard, DatasetOptions(label_folder="bottom")).class_names == ("cat", "dog")


def test_what_operating_systems_add_is_no_image(tmp_path: Path) -> None:
    dataset = open_dataset(packed(tmp_path, "cat/._1.jpg", "cat/1.jpg", "__MACOSX/cat/1.jpg", "dog/._2.jpg", "dog/2.jpg"))
    assert labels_of(dataset) == {"cat/1.jpg": "cat", "dog/2.jpg": "dog"}
    assert dataset.notes[0] == "a.tar: files that operating systems add are passed over: 3"


def test_what_is_not_read_is_said(tmp_path: Path) -> None:
    shard = packed(tmp_path, "labels.csv", "1.jpg", "1.png", "1.txt", "2.jpg", "2.txt", csv=b"path,label", txt=b"a cat")
    assert open_dataset(shard).notes[:2] == (
        "a.tar: 3 files are passed over that are no images: 2 .txt, 1 .csv",
        "a.tar: images beside another of the same name are passed over: 1.png",
    )


@pytest.mark.parametrize(
    "names",
    [
        ("1.jpg", "2.jpg", "1.cls", "2.cls"),
        ("1.cls", "2.cls", "1.jpg", "2.jpg"),
        ("2.jpg", "1.cls", "1.meta.txt", "1.jpg", "2.cls"),
    ],
)
def test_a_card_may_stand_anywhere_in_the_shard(tmp_path: Path, names: tuple[str, ...]) -> None:
    """Packed by tar in the order of the disk, not by name, images had lost their labels without a word."""
    dataset = open_dataset(packed(tmp_path, *names, cls=b"7", txt=b"x"))
    assert labels_of(dataset) == {"1.jpg": "7", "2.jpg": "7"}


def test_several_images_of_a_sample_have_its_label(tmp_path: Path) -> None:
    dataset = open_dataset(packed(tmp_path, "a/1.left.jpg", "a/1.right.jpg", "a/1.cls", cls=b"7"))
    assert labels_of(dataset) == {"a/1.left.jpg": "7", "a/1.right.jpg": "7"}
    assert dataset.notes == ("a.tar: 2 images have the .json or .cls of a shorter name, such as a/1.left.jpg",)


def test_a_mask_beside_an_image_has_not_its_label(tmp_path: Path) -> None:
    dataset = open_dataset(packed(tmp_path, "1.cls", "1.jpg", "1.seg.png", "2.jpg", "2.seg.png", "2.cls", cls=b"7"))
    assert labels_of(dataset) == {"1.jpg": "7", "1.seg.png": None, "2.jpg": "7", "2.seg.png": None}


def test_cards_of_a_name_that_occurs_twice_are_not_mixed_up(tmp_path: Path) -> None:
    """Two shards in one file, each numbered from 1."""
    members = [
        ("1.jpg", b"a"),
        ("1.cls", b"3"),
        ("2.jpg", b"b"),
        ("1.jpg", b"c"),
        ("1.cls", b"4"),
        ("2.cls", b"5"),
        ("0.cls", b"8"),
        ("2.cls", b"6"),
    ]
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    dataset = open_dataset(tmp_path / "a.tar")
    assert {data: label for data, (label, _, _) in read(dataset).items()} == {b"a": "3", b"b": None, b"c": "4"}
    assert any("beside which of several is not clear: 3, the first 2" in note for note in dataset.notes)


def test_a_damaged_card_elsewhere_in_the_shard_leaves_its_image_out(tmp_path: Path) -> None:
    dataset = open_dataset(packed(tmp_path, "1.jpg", "2.jpg", "1.json", "2.cls", json=b"{", cls=b"7"))
    assert labels_of(dataset) == {"2.jpg": "7"}
    assert not (dataset.root / dataset.entries[0].path.replace("2.jpg", "1.jpg")).exists()
    assert "whose .json is damaged" in dataset.notes[0]


@pytest.mark.parametrize(
    ("label", "expected"), [(b"1.0", "1"), (b"1", "1"), (b'"1"', "1"), (b"1.5", "1.5"), (b"null", None), (b'" a "', "a")]
)
def test_a_number_as_label_is_one_label_however_it_is_written(tmp_path: Path, label: bytes, expected: str | None) -> None:
    shard = packed(tmp_path, "cat/1.jpg", "cat/1.json", json=b'{"label": %s}' % label)
    assert labels_of(open_dataset(shard)) == {"cat/1.jpg": expected}
