from __future__ import annotations

import csv
import json
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import tellapart
from tellapart.cli.app import tellapart as door
from tellapart.dataset import open_dataset
from tellapart.errors import DataError, OptionError, StorageError
from tellapart.images import decode
from tests import folders, sample_images


@pytest.fixture
def root(photos: Path, tmp_path: Path) -> Path:
    return folders.some_of(photos, tmp_path / "photos", each=3)


def manifest(folder: Path) -> list[dict[str, str]]:
    with (folder / "metadata.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def pixels(path: Path) -> Any:
    return decode(path.read_bytes()).pixels.astype(int)


@pytest.mark.parametrize("name", ["sheet.png", "sheet.jpg"])
def test_a_contact_sheet_shows_every_class(root: Path, tmp_path: Path, name: str) -> None:
    before = folders.contents(root)
    found = tellapart.augment(root, out=tmp_path / name)
    assert (found.originals, found.copies, found.left_out, found.notes[1:]) == (9, 63, {}, [])
    assert found.augment["rotation"] == 10
    with Image.open(tmp_path / name) as sheet:
        assert sheet.width > 1000
        assert sheet.height > 12 * 136
    assert folders.contents(root) == before
    assert not list(tmp_path.glob(".*partial"))


def test_the_same_seed_gives_the_same_sheet_and_another_another(root: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        tellapart.augment(root, out=tmp_path / f"{name}.png", seed=seed)
    first, same, other = ((tmp_path / f"{name}.png").read_bytes() for name in "abc")
    assert first == same != other


@pytest.mark.parametrize("words", ["none", "flip", "strong", "noise=0.1,fill=nearest", "vertical_flip"])
def test_any_augmentation_has_a_sheet(root: Path, tmp_path: Path, words: str) -> None:
    assert tellapart.augment(root, out=tmp_path / "sheet.png", augment=words).originals == 9


def test_the_sheet_lies_here_by_default(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert tellapart.augment("photos").out == Path("augment.jpg")
    assert (tmp_path / "augment.jpg").is_file()


def test_a_sheet_does_not_grow_with_the_number_of_classes(tmp_path: Path) -> None:
    root = folders.write(tmp_path / "many", {f"class {number:02}/1.jpg": sample_images.photo(number) for number in range(30)})
    found = tellapart.augment(root, out=tmp_path / "sheet.jpg")
    assert (found.originals, found.notes[1:]) == (12, ["18 more classes are not shown"])


def test_photos_without_labels_have_a_sheet_and_copies_too(tmp_path: Path) -> None:
    root = folders.write(tmp_path / "loose", {f"{number}.jpg": sample_images.photo(number) for number in range(3)})
    assert tellapart.augment(root, out=tmp_path / "sheet.jpg").originals == 3
    assert tellapart.augment(root, out=tmp_path / "new", copies=1).copies == 3


def test_copies_stand_beside_originals_that_are_byte_for_byte_the_same(root: Path, tmp_path: Path) -> None:
    before = folders.contents(root)
    found = tellapart.augment(root, out=tmp_path / "new", copies=2)
    assert (found.originals, found.copies, found.left_out) == (9, 18, {})
    assert len(found.notes) == 2
    rows = manifest(tmp_path / "new")
    assert list(rows[0]) == ["path", "label", "part", "group", "parent"]
    assert {row["path"] for row in rows} == {str(p.relative_to(tmp_path / "new")) for p in (tmp_path / "new").rglob("*.jpg")}
    groups = defaultdict(list)
    for row in rows:
        groups[row["group"]].append(row)
        if not row["parent"]:
            assert (tmp_path / "new" / row["path"]).read_bytes() == (root / row["path"]).read_bytes()
        assert row["label"] == row["path"].split("/")[0]
    assert len(groups) == 9
    for members in groups.values():
        original, *copies = members
        assert [copy["parent"] for copy in copies] == [original["path"]] * 2
        one, other = (pixels(tmp_path / "new" / row["path"]) for row in copies)
        assert one.shape == other.shape == pixels(root / original["path"]).shape
        assert abs(one - other).mean() > 1
    assert folders.contents(root) == before


def test_doubling_by_mirror_mirrors_every_photo(root: Path, tmp_path: Path) -> None:
    tellapart.augment(root, out=tmp_path / "new", copies=1, augment="flip")
    copies = [row for row in manifest(tmp_path / "new") if row["parent"]]
    assert len(copies) == 9
    for row in copies:
        difference = pixels(tmp_path / "new" / row["path"]) - pixels(root / row["parent"])[:, ::-1]
        assert abs(difference).mean() < 4


def test_flips_have_no_more_copies_than_they_make(root: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="flip alone makes only 1 different copy of an image, not 2"):
        tellapart.augment(root, out=tmp_path / "new", copies=2, augment="flip")
    assert tellapart.augment(root, out=tmp_path / "new", copies=3, augment="flip,vertical_flip").copies == 27
    both = next(row for row in manifest(tmp_path / "new") if row["path"].endswith("augmented-3.jpg"))
    assert abs(pixels(tmp_path / "new" / both["path"]) - pixels(root / both["parent"])[::-1, ::-1]).mean() < 4


def test_the_same_command_writes_the_same_files(root: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        tellapart.augment(root, out=tmp_path / name, copies=1, augment="strong,noise=0.02", seed=3)
    one, two = ({p.relative_to(tmp_path / n): p.read_bytes() for p in (tmp_path / n).rglob("*") if p.is_file()} for n in ("one", "two"))
    assert one == two


def test_reported_parts_are_copied_and_never_varied(tmp_path: Path) -> None:
    files = {
        f"{part}/{kind}/{kind}{part}{n}.jpg": folders.class_photo(kind, n + 10 * i)
        for i, part in enumerate(("train", "val", "test"))
        for kind in folders.KINDS
        for n in range(2)
    }
    root = folders.write(tmp_path / "parts", files)
    found = tellapart.augment(root, out=tmp_path / "new", copies=1)
    assert (found.originals, found.copies, found.notes[1:]) == (18, 6, [])
    assert {row["part"] for row in manifest(tmp_path / "new") if row["parent"]} == {"train"}
    again = open_dataset(tmp_path / "new")
    assert again.counts()[("train", "dots")] == 4
    assert again.counts()[("test", "dots")] == 2


def test_training_on_the_enlarged_copy_keeps_every_group_on_one_side(photos: Path, tmp_path: Path) -> None:
    root = folders.some_of(photos, tmp_path / "photos", each=8)
    tellapart.augment(root, out=tmp_path / "new", copies=2, augment="strong")
    run = tellapart.train(tmp_path / "new", backbone="lite0", out=tmp_path / "runs", n_splits=0, learning_curve=False)
    group = {row["path"]: row["group"] for row in manifest(tmp_path / "new")}
    parts = defaultdict(set)
    for row in run.rows:
        assert row.is_used, row.reason
        parts[group[row.path]].add(row.part)
    assert len(run.rows) == 72
    assert all(len(found) == 1 for found in parts.values())
    assert set.union(*parts.values()) == {"train", "test"}


def test_the_users_groups_are_kept(tmp_path: Path) -> None:
    root = folders.write(
        tmp_path / "photos", {"a.jpg": sample_images.photo(1), "b.jpg": sample_images.photo(2), "c.jpg": sample_images.photo(3)}
    )
    (root / "metadata.csv").write_text("path,label,group\na.jpg,x,day 1\nb.jpg,y,day 1\nc.jpg,y,\n")
    tellapart.augment(root, out=tmp_path / "new", copies=1)
    rows = manifest(tmp_path / "new")
    assert [row["group"] for row in rows[:4]] == ["day 1"] * 4
    assert rows[4]["group"] == rows[5]["group"] != "day 1"
    assert len(rows[4]["group"]) == 64


def test_files_that_cannot_be_read_are_left_out_with_a_reason(root: Path, tmp_path: Path) -> None:
    bad = sample_images.bad_files()
    folders.write(root / "dots", {name: data for name, (data, _) in bad.items()})
    found = tellapart.augment(root, out=tmp_path / "new", copies=1)
    assert (found.originals, found.copies) == (9, 9)
    assert found.left_out.keys() == {f"dots/{name}" for name in bad}
    for name, (_, reason) in bad.items():
        assert found.left_out[f"dots/{name}"].startswith(reason)
    sheet = tellapart.augment(root, out=tmp_path / "sheet.png")
    assert sheet.originals == 9
    assert sheet.left_out.items() <= found.left_out.items()


def test_missing_files_and_what_is_no_file_are_left_out(root: Path, tmp_path: Path) -> None:
    (root / "metadata.csv").write_text(
        "path,label\nnowhere.jpg,spots\ndots,spots\n" + f"{next((root / 'dots').iterdir()).relative_to(root)},spots\n"
    )
    found = tellapart.augment(root, out=tmp_path / "new", copies=1)
    assert found.left_out == {"nowhere.jpg": "there is no such file", "dots": "cannot be read: not a regular file"}
    assert found.originals == 1


def test_nothing_readable_is_a_clear_error_and_leaves_nothing(tmp_path: Path) -> None:
    root = folders.write(tmp_path / "bad", {"a/1.jpg": b"", "b/2.jpg": sample_images.HTML})
    with pytest.raises(DataError, match="none of the 2 files could be read: empty file"):
        tellapart.augment(root, out=tmp_path / "new", copies=1)
    with pytest.raises(DataError, match="no image could be read: empty file"):
        tellapart.augment(root, out=tmp_path / "sheet.png")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad"]


WRONG: dict[str, tuple[dict[str, object], str]] = {
    "a sheet among the photos": ({"out": "photos/sheet.jpg"}, "is inside the image folder"),
    "copies among the photos": ({"out": "photos/new", "copies": 1}, "is inside the image folder"),
    "copies instead of the photos": ({"out": "photos", "copies": 1}, "is inside the image folder"),
    "copies above the photos": ({"out": ".", "copies": 1}, "is not empty"),
    "copies over a file": ({"out": "file.txt", "copies": 1}, "is a file"),
    "copies nowhere": ({"copies": 1}, "copies need a folder"),
    "copies of nothing": ({"copies": 1, "augment": "none", "out": "new"}, "would equal the originals"),
    "a sheet that is a folder": ({"out": "new"}, r"must be a file that ends in \.jpg"),
    "unknown words": ({"augment": "lihgt"}, "there is no augmentation 'lihgt'"),
    "too many copies": ({"copies": 101}, "copies must be at most 100"),
    "an unknown option": ({"copys": 1}, "there is no option 'copys'"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_wrong_wishes_are_clear_errors_and_write_nothing(root: Path, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file.txt").write_text("mine")
    before = folders.contents(tmp_path)
    options, said = WRONG[kind]
    with pytest.raises(OptionError, match=said):
        tellapart.augment("photos", **options)
    assert folders.contents(tmp_path) == before


def test_a_link_to_the_photos_is_the_photos(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    with pytest.raises(OptionError, match="is inside the image folder"):
        tellapart.augment(root, out=tmp_path / "link/new", copies=1)


def test_an_empty_folder_may_be_filled(root: Path, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    assert tellapart.augment(root, out=tmp_path / "new", copies=1).originals == 9


def test_names_that_clash_or_are_odd_find_a_place(tmp_path: Path) -> None:
    odd, long = os.fsdecode(b"a/\xff.jpg"), f"b/{'x' * 250}.jpg"
    names = ["a/1.jpg", "a/1.png", "a/1-augmented-1.jpg", 'b/ß, "1"\n.jpg', odd, long]
    root = folders.write(tmp_path / "photos", {name: sample_images.photo(seed) for seed, name in enumerate(names)})
    found = tellapart.augment(root, out=tmp_path / "new", copies=2)
    assert (found.originals, found.copies) == (6, 12)
    again = open_dataset(tmp_path / "new")
    assert len({entry.path for entry in again.entries}) == 18
    assert all(again.file(entry).is_file() for entry in again.entries)
    assert {entry.label for entry in again.entries} == {"a", "b"}


def test_a_manifest_that_points_elsewhere_is_copied_inside(tmp_path: Path) -> None:
    elsewhere = folders.write(tmp_path / "elsewhere", {"1.jpg": sample_images.photo(1), "2.jpg": sample_images.photo(2)})
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists/list.csv").write_text(f"path,label\n{elsewhere}/1.jpg,x\n../elsewhere/2.jpg,y\n")
    tellapart.augment(tmp_path / "lists/list.csv", out=tmp_path / "new", copies=1)
    assert all(not row["path"].startswith(("/", "..")) for row in manifest(tmp_path / "new"))
    assert all((tmp_path / "new" / row["path"]).is_file() for row in manifest(tmp_path / "new"))
    with pytest.raises(OptionError, match="is inside the image folder"):
        tellapart.augment(tmp_path / "lists/list.csv", out=elsewhere / "new", copies=1)


def test_a_full_disk_is_a_clear_error_and_leaves_nothing(root: Path, small_disk: Path) -> None:
    large = np.random.default_rng(0).integers(0, 256, (1500, 1500, 3), np.uint8)
    folders.write(root, {"dots/large.png": sample_images.encoded(large, "PNG")})
    with pytest.raises(StorageError, match="no space left"):
        tellapart.augment(root, out=small_disk / "new", copies=1)
    assert list(small_disk.iterdir()) == []


def test_an_interrupted_enlargement_leaves_nothing(root: Path, tmp_path: Path) -> None:
    class Interrupts:
        def stage(self, *words: Any, **more: Any) -> Any:
            raise KeyboardInterrupt

        def note(self, message: str) -> None: ...

    before = folders.contents(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        tellapart.augment(root, out=tmp_path / "new", copies=1, progress=Interrupts())
    assert folders.contents(tmp_path) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["photos"]


def test_from_the_command_line(root: Path, tmp_path: Path) -> None:
    folders.write(root, {"dots/broken.jpg": b""})

    def called(*words: object) -> Any:
        return CliRunner().invoke(door, ["augment", str(root), *map(str, words)], catch_exceptions=False)

    plain = called("--out", tmp_path / "sheet.jpg", "--augment", "strong")
    assert plain.exit_code == 0, plain.output
    assert str(tmp_path / "sheet.jpg") in plain.stdout
    copied = called("--out", tmp_path / "new", "--copies", 1)
    assert "9 images, 9 augmented copies" in copied.stdout
    assert "dots/broken.jpg  (empty file)" in copied.stdout
    spoken = called("--out", tmp_path / "newer", "--copies", 1, "--json", "--quiet")
    assert json.loads(spoken.stdout)["left_out"] == {"dots/broken.jpg": "empty file"}
    wrong = called("--augment", "rotaton=20")
    assert wrong.exit_code == 2
    assert "did you mean 'rotation'?" in wrong.stderr
