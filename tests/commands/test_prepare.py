from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import tellapart
from tellapart.cli.app import tellapart as door
from tellapart.dataset_export import preparation
from tellapart.errors import DataError, OptionError, StorageError
from tellapart.images import decode, resize
from tellapart.progress import NoProgress
from tests import folders, sample_images
from tests.memory import PEAK_MEMORY


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two classes in two parts: cats 0-7 and dogs 100-107, the last two of each for the test."""
    files = {
        f"{'train' if i < 6 else 'test'}/{label}/{label} {i}.jpg": sample_images.photo(start + i, 80 + i, 60)
        for label, start in (("cats", 0), ("dogs", 100))
        for i in range(8)
    }
    return folders.write(tmp_path / "photos", files)


def whole(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def rows_of(folder: Path) -> list[dict[str, Any]]:
    prepared = tellapart.open_prepared(folder)
    return [row for part in prepared.parts.values() for row in part.table]


def test_every_image_lies_in_its_row_in_every_size(root: Path, tmp_path: Path) -> None:
    before = folders.contents(root)
    found = tellapart.prepare(root, size=[32, 48], out=tmp_path / "new")
    assert (found.format, found.sizes, found.class_names, found.left_out) == ("npy", ["32", "48"], ["cats", "dogs"], {})
    assert {part: (one.images, one.classes) for part, one in found.parts.items()} == {
        "train": (12, {"cats": 6, "dogs": 6}),
        "test": (4, {"cats": 2, "dogs": 2}),
    }
    prepared = tellapart.open_prepared(tmp_path / "new")
    for name, part in prepared.parts.items():
        assert isinstance(part.images(), np.memmap)
        assert part.images(48).shape == (len(part), 48, 48, 3)
        for row, known in enumerate(part.table):
            pixels = decode((root / known["path"]).read_bytes(), min_size=128).pixels
            assert np.array_equal(part.images(32)[row], resize(pixels, 32))
            assert np.array_equal(part.images(48)[row], resize(pixels, 48))
            assert known["label"] == prepared.class_names[part.labels[row]] == known["path"].split("/")[1]
            assert (known["row"], known["part"]) == (row, name)
    mean = prepared["train"].images(32).reshape(-1, 3).mean(axis=0) / 255
    assert prepared.mean is not None
    assert prepared.mean == pytest.approx(mean, abs=1e-5)
    assert found.size_bytes == sum(len(data) for data in whole(tmp_path / "new").values())
    assert folders.contents(root) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["new", "photos"]


def test_options_change_what_they_say(root: Path, tmp_path: Path) -> None:
    tellapart.prepare(root, size=32, out=tmp_path / "plain", shuffle=False)
    tellapart.prepare(root, size=32, out=tmp_path / "other", shuffle=False, channels="first", dtype="float32", gray=True, resize="squash")
    plain, other = (tellapart.open_prepared(tmp_path / name)["train"] for name in ("plain", "other"))
    assert other.images().shape == (12, 1, 32, 32)
    assert other.images().dtype == np.float32
    assert 0 < float(other.images().max()) <= 1
    assert [row["path"] for row in plain.table] == [f"train/{label}/{label} {i}.jpg" for label in ("cats", "dogs") for i in range(6)]
    squashed = decode((root / "train/cats/cats 0.jpg").read_bytes(), min_size=128).pixels
    gray = resize(squashed, 32, "squash") @ np.array([0.299, 0.587, 0.114])
    assert np.abs(other.images()[0, 0] * 255 - gray).max() <= 1


def test_the_order_is_drawn_and_the_same_again(root: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        tellapart.prepare(root, size=16, out=tmp_path / name, seed=seed)
    a, b, c = (whole(tmp_path / name) for name in "abc")
    assert a == b
    assert a["train_16.npy"] != c["train_16.npy"]
    labels = tellapart.open_prepared(tmp_path / "a")["train"].labels.tolist()
    assert labels not in ([0] * 6 + [1] * 6, sorted(labels))


@pytest.mark.parametrize("form", ["tar", "parquet"])
def test_shards_hold_the_same_images(root: Path, tmp_path: Path, form: str) -> None:
    found = tellapart.prepare(root, size=["32", "original"], format=form, out=tmp_path / "new")
    assert found.sizes == ["32", "original"]
    part = tellapart.open_prepared(tmp_path / "new")["train"]
    assert [path.is_file() for path in [*part.files(32), *part.files("original")]] == [True, True]
    with pytest.raises(DataError, match=f"holds {form} shards, not arrays"):
        part.images()
    assert len(rows_of(tmp_path / "new")) == 16


def test_decisions_hold_and_what_is_left_out_is_said(root: Path, tmp_path: Path) -> None:
    copy = (root / "train/cats/cats 1.jpg").read_bytes()
    extra = {
        "train/cats/copy.jpg": copy,
        "train/cats/page.jpg": sample_images.HTML,
        "train/dogs/half.jpg": sample_images.cut(sample_images.photo(9), 0.6),
    }
    leak = {"train/dogs/leak.jpg": (root / "test/dogs/dogs 7.jpg").read_bytes()}
    folders.write(root, {**extra, **leak, "train/cats/both.jpg": sample_images.photo(50), "train/dogs/both.jpg": sample_images.photo(50)})
    tellapart.exclude(root, ["train/cats/cats 0.jpg"], reason="a drawing")
    tellapart.relabel(root, ["train/dogs/dogs 5.jpg"], to="cats")
    found = tellapart.prepare(root, size=16, out=tmp_path / "new")
    left_out = found.left_out
    assert {path: reason.split(":")[0] for path, reason in left_out.items()} == {
        "train/cats/cats 0.jpg": "excluded",
        "train/cats/copy.jpg": "exact copy of train/cats/cats 1.jpg",
        "train/cats/page.jpg": "not an image (looks like HTML)",
        "train/dogs/half.jpg": "cut off",
        "train/dogs/leak.jpg": "exact copy of test/dogs/dogs 7.jpg of the test part",
        "train/cats/both.jpg": "the same image stands under cats and dogs",
        "train/dogs/both.jpg": "the same image stands under cats and dogs",
    }
    with (tmp_path / "new/left_out.csv").open(newline="", encoding="utf-8") as file:
        assert {row["path"]: row["reason"] for row in csv.DictReader(file)} == left_out
    assert found.parts["train"].classes == {"cats": 6, "dogs": 5}
    assert next(row["label"] for row in rows_of(tmp_path / "new") if row["path"] == "train/dogs/dogs 5.jpg") == "cats"
    assert any("1 excluded and 1 relabeled" in note for note in found.notes)


def test_groups_and_parts_of_a_manifest_are_kept(root: Path, tmp_path: Path) -> None:
    table = "path,label,part,group\ntrain/cats/cats 0.jpg,cats,train,rex\ntrain/dogs/dogs 0.jpg,dogs,val,\n"
    (root / "list.csv").write_text(table)
    found = tellapart.prepare(root / "list.csv", size=16, out=tmp_path / "new")
    assert {part: one.images for part, one in found.parts.items()} == {"train": 1}
    assert found.left_out == {"train/dogs/dogs 0.jpg": "its class has no training image"}
    assert rows_of(tmp_path / "new")[0]["group"] == "rex"


def test_photos_without_labels_or_parts_are_prepared_and_it_is_said(tmp_path: Path) -> None:
    root = folders.write(tmp_path / "loose", {f"{i}.jpg": sample_images.photo(i) for i in range(3)})
    found = tellapart.prepare(root, size=16, out=tmp_path / "new")
    assert (found.class_names, found.parts["train"].images) == ([], 3)
    assert tellapart.open_prepared(tmp_path / "new")["train"].labels.tolist() == [-1, -1, -1]
    assert "no photo was set aside for a test" in found.notes[1]


def test_odd_names_are_no_hindrance(tmp_path: Path) -> None:
    names = ["with space.jpg", "new\nline.jpg", "ünïcode 猫.jpg", os.fsdecode(b"not utf-8 \xff.jpg")]
    root = folders.write(tmp_path / "odd", {f"a, b/{name}": sample_images.photo(i) for i, name in enumerate(names)})
    folders.write(root, {"c/1.jpg": sample_images.photo(77)})
    tellapart.prepare(root, size=16, out=tmp_path / "new")
    for form in ("tar", "parquet"):
        tellapart.prepare(root, size=16, out=tmp_path / form, format=form)
    paths = {row["path"] for row in rows_of(tmp_path / "new")}
    assert paths == {"c/1.jpg", "a, b/not utf-8 \\xff.jpg", *(f"a, b/{name}" for name in names[:3])}
    assert paths == {row["path"] for row in rows_of(tmp_path / "tar")} == {row["path"] for row in rows_of(tmp_path / "parquet")}


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "a size that is no number": ({"size": "big"}, "'big' is not a side in pixels"),
    "no size": ({"size": ()}, "give at least one"),
    "a size twice": ({"size": [32, 32]}, "each only once"),
    "too small": ({"size": 4}, "'4' is not a side"),
    "originals in an array": ({"size": "original"}, "do not fit into one array"),
    "channels of a shard": ({"format": "tar", "channels": "first"}, "channels has no effect with --format tar; it goes with --format npy"),
    "among the photos": ({"out": "photos/new"}, "is inside the image folder"),
    "a typo": ({"sizes": 5}, "there is no option 'sizes'"),
}


@pytest.mark.parametrize("case", BAD)
def test_wrong_options_are_told(root: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    options, said = BAD[case]
    monkeypatch.chdir(root.parent)
    with pytest.raises(OptionError, match=said):
        tellapart.prepare(root, **{"size": 16, "out": "new", **options})
    assert not (root.parent / "new").exists()


def test_nothing_readable_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    root = folders.write(tmp_path / "photos", {f"a/{i}.jpg": sample_images.cut(sample_images.photo(i), 0.5) for i in range(3)})
    with pytest.raises(DataError, match=r"none of the 3 files could be read: cut off"):
        tellapart.prepare(root, size=16, out=tmp_path / "new")
    folders.write(root, {f"a/{i}.jpg": sample_images.HTML for i in range(3)})
    with pytest.raises(DataError, match=r"none of the 3 files can be prepared: not an image"):
        tellapart.prepare(root, size=16, out=tmp_path / "new")
    assert [p.name for p in tmp_path.iterdir()] == ["photos"]


def test_a_result_is_never_written_over_something_else(root: Path, tmp_path: Path) -> None:
    tellapart.prepare(root, size=16, out=tmp_path / "new")
    before = folders.contents(tmp_path / "new")
    again = tellapart.prepare(root, size=16, out=tmp_path / "new")
    assert "nothing was done" in again.notes[-1]
    assert again.parts["train"].images == 12
    with pytest.raises(OptionError, match="prepared from other images or with other options"):
        tellapart.prepare(root, size=24, out=tmp_path / "new")
    assert folders.contents(tmp_path / "new") == before
    folders.write(tmp_path / "full", {"letter.txt": b"dear"})
    with pytest.raises(OptionError, match="is not empty"):
        tellapart.prepare(root, size=16, out=tmp_path / "full")
    with pytest.raises(OptionError, match="is a file"):
        tellapart.prepare(root, size=16, out=tmp_path / "full/letter.txt")
    (tmp_path / "empty").mkdir()
    assert tellapart.prepare(root, size=16, out=tmp_path / "empty").out == tmp_path / "empty"


@pytest.mark.parametrize("form", ["npy", "tar", "parquet"])
def test_an_interrupted_run_goes_on_and_ends_the_same(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    folders.write(root, {"train/cats/half.jpg": sample_images.cut(sample_images.photo(9), 0.6)})
    options = {"size": [64, 32], "format": form, "num_workers": 1}
    with monkeypatch.context() as patch:
        patch.setattr(preparation.Form, "__repr__", lambda self: form)
        patch.setattr(preparation.ArrayStore, "saves_every_s", 0.0)
        plain = preparation.prepare_samples
        small = lambda samples, wanted, *a, **k: plain(samples, preparation.Form(form, wanted.square, 3000), *a, **k)  # noqa: E731
        patch.setattr(preparation, "prepare_samples", small)
        tellapart.prepare(root, **options, out=tmp_path / "whole")
        seen = []
        square = preparation.Square.pixels

        def torn(self: Any, data: bytes) -> Any:
            seen.append(1)
            if len(seen) == 11:
                raise KeyboardInterrupt
            return square(self, data)

        patch.setattr(preparation.Square, "pixels", torn)
        with pytest.raises(KeyboardInterrupt):
            tellapart.prepare(root, **options, out=tmp_path / "cut")
        assert not (tmp_path / "cut").exists()
        begun = len(seen)
        found = tellapart.prepare(root, **options, out=tmp_path / "cut")
        assert 0 < found.resumed_at <= 10
        assert len(seen) - begun == 17 - found.resumed_at, "what was done is not done again"
        assert "resumed after the first" in found.notes[-1]
    assert whole(tmp_path / "cut") == whole(tmp_path / "whole")
    assert found.left_out == {"train/cats/half.jpg": found.left_out["train/cats/half.jpg"]}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cut", "photos", "whole"]


@pytest.mark.parametrize("damage", ["form", "parts", "sizes", "fingerprint"])
def test_a_damaged_card_is_refused_and_not_taken_for_a_finished_set(root: Path, tmp_path: Path, damage: str) -> None:
    tellapart.prepare(root, size=16, out=tmp_path / "new")
    card = json.loads((tmp_path / "new/prepared.json").read_text())
    del card[damage]
    (tmp_path / "new/prepared.json").write_text(json.dumps(card))
    with pytest.raises(OptionError, match=r"is not empty, and its prepared\.json is damaged"):
        tellapart.prepare(root, size=16, out=tmp_path / "new")


def test_a_damaged_state_of_an_unfinished_set_is_begun_anew(root: Path, tmp_path: Path) -> None:
    tellapart.prepare(root, size=16, out=tmp_path / "whole")
    fingerprint = json.loads((tmp_path / "whole/prepared.json").read_text())["fingerprint"]
    folders.write(tmp_path / ".new.unfinished", {"progress.json": json.dumps({"fingerprint": fingerprint, "done": "x"}).encode()})
    assert tellapart.prepare(root, size=16, out=tmp_path / "new").resumed_at == 0
    assert whole(tmp_path / "new") == whole(tmp_path / "whole")


def test_other_photos_begin_anew(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notes: list[str] = []

    class Heard(NoProgress):
        def note(self, message: str) -> None:
            notes.append(message)

    unfinished = tmp_path / ".new.unfinished"
    unfinished.mkdir()
    (unfinished / "train_16.npy").write_bytes(b"old")
    (unfinished / "progress.json").write_text(json.dumps({"fingerprint": "another", "done": 5}))
    found = tellapart.prepare(root, size=16, out=tmp_path / "new", progress=Heard())
    assert found.resumed_at == 0
    assert any("was thrown away" in note for note in notes)
    assert tellapart.open_prepared(tmp_path / "new")["train"].images().shape == (12, 16, 16, 3)


KILLED = """
import sys, time, tellapart
from tellapart.dataset_export import preparation as preparing
preparing.ArrayStore.saves_every_s = 0.0
square = preparing.Square.pixels
def slow(self, data):
    time.sleep(0.02)
    return square(self, data)
preparing.Square.pixels = slow
tellapart.prepare(sys.argv[1], size=16, out=sys.argv[2], num_workers=1)
"""


def test_a_killed_run_leaves_nothing_half_under_the_final_name(tmp_path: Path) -> None:
    root = folders.write(tmp_path / "photos", {f"{'ab'[i % 2]}/{i}.jpg": sample_images.photo(i, 60, 60) for i in range(40)})
    tellapart.prepare(root, size=16, out=tmp_path / "whole")
    with subprocess.Popen([sys.executable, "-c", KILLED, str(root), str(tmp_path / "new")]) as process:
        state = tmp_path / ".new.unfinished/progress.json"
        while not state.exists() or json.loads(state.read_text())["content"]["done"] < 10:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert not (tmp_path / "new").exists()
    found = tellapart.prepare(root, size=16, out=tmp_path / "new")
    assert 10 <= found.resumed_at < 40
    assert whole(tmp_path / "new") == whole(tmp_path / "whole")


@pytest.mark.parametrize("form", ["npy", "tar", "parquet"])
def test_a_full_disk_is_a_clear_sentence_and_work_is_kept(
    tmp_path: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    root = folders.write(tmp_path / "photos", {f"{'ab'[i % 2]}/{i}.jpg": sample_images.photo(i, 200, 200) for i in range(40)})
    monkeypatch.setattr(preparation, "SPARE_BYTES", -(1 << 30))
    monkeypatch.setattr(preparation.ArrayStore, "saves_every_s", 0.0)
    with pytest.raises(StorageError, match="no space left on the disk"):
        tellapart.prepare(
            root, size=250 if form == "npy" else 1000, out=small_disk / "new", format=form, **({} if form == "npy" else {"shard_mb": 1})
        )
    assert not (small_disk / "new").exists()
    if form == "npy":
        shutil.copytree(small_disk / ".new.unfinished", tmp_path / ".new.unfinished")
        assert tellapart.prepare(root, size=250, out=tmp_path / "new").resumed_at > 5


def test_what_cannot_fit_is_refused_before_anything_is_decoded(root: Path, small_disk: Path) -> None:
    with pytest.raises(StorageError, match=r"are needed"):
        tellapart.prepare(root, size=2000, out=small_disk / "new")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_closed_folder_is_a_clear_sentence(root: Path, tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(StorageError, match="cannot be written"):
        tellapart.prepare(root, size=16, out=tmp_path / "closed/new")


MEMORY = (
    PEAK_MEMORY
    + """
import sys, tellapart
tellapart.prepare(sys.argv[1], size=[8, 16], out=sys.argv[2])
print(peak_memory())
"""
)


def test_memory_does_not_grow_with_the_pixels(tmp_path: Path) -> None:
    """The arrays of 600 images fill 118 MB; what is held is a fraction of it."""
    program = MEMORY.replace("[8, 16]", "256")
    peaks = []
    for name, count in (("few", 20), ("many", 600)):
        root = folders.write(tmp_path / name, {f"{'ab'[i % 2]}/{i}.png": tiny(i) for i in range(count)})
        done = subprocess.run(
            [sys.executable, "-c", program, str(root), str(tmp_path / f"{name} out")], capture_output=True, text=True, check=True
        )
        peaks.append(int(done.stdout))
    assert peaks[1] - peaks[0] < 25e6


def tiny(number: int) -> bytes:
    return sample_images.encoded(np.full((4, 4, 3), [number % 256, number // 256, 7], np.uint8), "PNG")


def test_the_command_says_what_it_made(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folders.write(root, {"train/cats/page.jpg": sample_images.HTML})
    told = CliRunner().invoke(door, ["prepare", "photos", "--size", "16", "--size", "24", "--out", "new"], catch_exceptions=False)
    assert told.exit_code == 0
    assert "train  12      cats 6, dogs 6  train_16.npy, train_24.npy" in told.stdout
    assert "1 left out (left_out.csv):\n  train/cats/page.jpg  (not an image (looks like HTML))" in told.stdout
    assert json.loads(CliRunner().invoke(door, ["prepare", "photos", "--size", "16", "--size", "24", "--out", "new", "--json"]).stdout)[
        "sizes"
    ] == ["16", "24"]
