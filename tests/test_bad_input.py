"""Every bad input ends as a clear error or as a row with a reason; never as a traceback, never silently."""

from __future__ import annotations

import os
import random
import shutil
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Timer

import numpy as np
import pytest
from PIL import Image

import tellapart
from tellapart.errors import DataError, OptionError, StorageError, TellapartError
from tellapart.run_folder import Run
from tests import folders, sample_images


def quick(folder: Path, place: Path, **options: object) -> Run:
    return tellapart.train(folder, **{"backbone": "lite0", "out": place / "runs", "n_splits": 3, "again": True, **options})


@pytest.fixture
def root(trained: Run, photos: Path, tmp_path: Path) -> Path:
    """Ten images of each class, their features in the cache, for the test to spoil."""
    return folders.some_of(photos, tmp_path / "photos", each=10)


def reasons(run: Run) -> dict[str, str | None]:
    return {row.path: row.reason for row in run.rows if not row.is_used}


NOT_ENOUGH: dict[str, tuple[Callable[[Path], object], str]] = {
    "an empty folder": (lambda p: p.mkdir(), "there are no images"),
    "empty class folders": (lambda p: (p / "a").mkdir(parents=True), "there are no images"),
    "no folder": (lambda p: None, "there is no folder"),
    "a file": (lambda p: p.write_text("x"), "is not a folder"),
    "one class": (lambda p: many(p / "a", 5), "only one class, 'a'"),
    "one image": (lambda p: many(p / "a", 1), "only one class, 'a'"),
    "no classes": (lambda p: many(p, 5), "has a label"),
    "one image a class": (lambda p: [many(p / name, 1, seed) for seed, name in enumerate("ab")], "too few different images"),
    "one image many times": (lambda p: [same(p / name, 5, seed) for seed, name in enumerate("ab")], "too few different images"),
    "only broken files": (lambda p: [broken(p / name, 3) for name in "ab"], r"none of the 6 files.* could be read: not an image"),
    "one class of text": (lambda p: (many(p / "a", 5), broken(p / "b", 3)), r"those of 'b' are left out: not an image \(looks like text\)"),
    "both classes alike": (lambda p: [many(p / name, 5) for name in "ab"], "stands under a and b"),
}


def many(folder: Path, n: int, seed: int = 0) -> None:
    folders.write(folder, {f"{i}.jpg": sample_images.photo(800 + 10 * seed + i, 64, 64) for i in range(n)})


def same(folder: Path, n: int, seed: int) -> None:
    folders.write(folder, {f"{i}.jpg": sample_images.photo(860 + seed, 64, 64) for i in range(n)})


def broken(folder: Path, n: int) -> None:
    folders.write(folder, {f"{i}.jpg": sample_images.TEXT for i in range(n)})


@pytest.mark.parametrize("case", NOT_ENOUGH)
def test_what_cannot_be_learnt_from_is_a_clear_error(tmp_path: Path, trained: Run, case: str) -> None:
    make, said = NOT_ENOUGH[case]
    make(tmp_path / "photos")
    with pytest.raises(DataError, match=said):
        quick(tmp_path / "photos", tmp_path)
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").iterdir())


def test_a_class_with_one_image_trains_and_is_said(root: Path, tmp_path: Path) -> None:
    many(root / "rare", 1)
    run = quick(root, tmp_path)
    assert run.class_names == ("dots", "plain", "rare", "stripes")
    assert "'rare' has only 1 image; its numbers mean little" in run.metrics.notes
    assert run.metrics.split_sensitivity_reason == "a class has fewer than 4 images"
    rare = next(row for row in run.metrics.parts["test"].per_class if row.name == "rare")
    assert (rare.recall, rare.support) == (None, 0)
    assert tellapart.predict(run.folder, root).predictions.probabilities.shape == (31, 4)


@pytest.mark.parametrize("each", [2, 3, 4])
def test_very_few_images_give_a_run_with_wide_intervals(root: Path, tmp_path: Path, each: int) -> None:
    run = quick(folders.some_of(root, tmp_path / "few", each=each, kinds=("dots", "stripes")), tmp_path)
    accuracy = run.metrics.parts["test"].accuracy
    assert run.metrics.parts["test"].n == 2
    assert accuracy.high - accuracy.low > 0.5
    assert len(run.metrics.notes) == 3
    assert run.report.is_file()


def test_every_bad_file_is_a_row_with_a_reason_and_the_rest_is_used(root: Path, tmp_path: Path) -> None:
    bad = sample_images.bad_files()
    folders.write(root / "dots", {name: data for name, (data, _) in bad.items()})
    before = folders.contents(root)
    run = quick(root, tmp_path)
    told = reasons(run)
    assert set(told) == {f"dots/{name}" for name in bad}
    for name, (_, reason) in bad.items():
        assert str(told[f"dots/{name}"]).startswith(reason), name
    assert (run.metrics.data.used, run.metrics.data.unreadable) == (30, len(bad))
    assert folders.contents(root) == before


def test_every_odd_but_sound_file_is_used(root: Path, tmp_path: Path) -> None:
    image = Image.fromarray(sample_images.photo_pixels(5, 120, 90))
    deep = (np.arange(64 * 64).reshape(64, 64) * 16).astype(np.uint16)
    odd = {
        "cmyk.jpg": sample_images.cmyk_photo(1),
        "deep gray.png": sample_images.deep_gray_png(deep),
        "deep color.png": sample_images.deep_rgb_png(np.stack([deep, deep.T, deep[::-1]], axis=2)),
        "palette.png": sample_images.palette_png(2),
        "clear palette.png": sample_images.palette_png(3, see_through=True),
        "half clear.png": sample_images.half_clear_png(),
        "turned.jpg": sample_images.oriented_photo(6, 4),
        "moving.gif": sample_images.animated_gif(),
        "modern.webp": sample_images.encoded(image, "WEBP"),
        "scan.tiff": sample_images.encoded(image, "TIFF"),
        "old.bmp": sample_images.encoded(image.rotate(90), "BMP"),
        "gray.jpg": sample_images.encoded(Image.fromarray(sample_images.photo_pixels(6)).convert("L"), quality=90),
        "wide.jpg": sample_images.photo(7, 900, 30),
        "tiny.png": sample_images.photo(8, 3, 2, name="PNG"),
        "one pixel.png": sample_images.photo(9, 1, 1, name="PNG"),
        "WRONG SUFFIX.PNG": sample_images.photo(10),
    }
    folders.write(root / "odd", odd)
    run = quick(root, tmp_path)
    assert reasons(run) == {}
    sizes = {Path(row.path).name: (row.width, row.height) for row in run.rows if row.label == "odd"}
    assert len(sizes) == len(odd)
    assert sizes["turned.jpg"] == (200, 150)
    assert sizes["wide.jpg"] == (900, 30)


def test_flipped_bits_end_as_pixels_or_as_a_reason(root: Path, tmp_path: Path) -> None:
    sound = folders.class_photo("dots", 90)
    for seed in range(40):
        folders.write(root / "dots", {f"flipped {seed}.jpg": sample_images.flipped(sound, seed, count=1 + seed % 5)})
        folders.write(root / "dots", {f"cut {seed}.jpg": sample_images.cut(sound, (seed + 0.5) / 40)})
    run = quick(root, tmp_path, learning_curve=False, n_splits=0)
    assert len(run.rows) == 110
    assert all(row.is_used or row.reason for row in run.rows)
    assert sum(row.status == "unreadable" for row in run.rows) >= 20


NAMES = [
    "with space",
    "new\nline",
    "tab\t",
    "Ünïcödé 猫 🦊",
    "quote'\"s",
    "a,b;c",
    "-rf",
    "<script>alert(1)</script>",
    "{{ 7*7 }}",
    "%s%n",
    "x" * 150,
]


def test_any_name_goes_the_whole_way(trained: Run, photos: Path, tmp_path: Path) -> None:
    root = tmp_path / "my\nphotos <b>"
    for number, name in enumerate([name.replace("/", "∕") for name in NAMES] + [os.fsdecode(b"caf\xe9")]):
        kind = folders.KINDS[number % 3]
        for place, path in enumerate(sorted((photos / kind).iterdir())[5 * (number // 3) : 5 * (number // 3) + 5]):
            folders.write(root / name, {f"{name[:100]} {place}.jpg": path.read_bytes()})
    before = folders.contents(root)
    run = quick(root, tmp_path, learning_curve=False, n_splits=0)
    assert run.metrics.data.used == 60
    assert {"new\nline", "Ünïcödé 猫 🦊", "caf\\xe9"} <= set(run.class_names)
    assert tellapart.open_run(run.folder).predictions.class_names == run.class_names
    assert len(tellapart.predict(run.folder, root, out=tmp_path / "answers.csv").predictions) == 60
    assert "<script>alert(1)" not in run.report.read_text(encoding="utf-8")
    assert folders.contents(root) == before


def test_loops_of_links_end(root: Path, tmp_path: Path) -> None:
    (root / "dots/around").symlink_to(root, target_is_directory=True)
    (root / "self.jpg").symlink_to("self.jpg")
    (root / "dots/nowhere.jpg").symlink_to("gone.jpg")
    run = quick(root, tmp_path, learning_curve=False, n_splits=0)
    assert reasons(run) == {"self.jpg": "cannot be read: Too many levels of symbolic links", "dots/nowhere.jpg": "there is no such file"}
    assert run.metrics.data.used == 30


def test_a_folder_that_cannot_be_written_is_trained_on_and_said(
    root: Path, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import subprocess

    mounted = subprocess.run(["mount", "--bind", "-o", "ro", str(root), str(root)], capture_output=True, check=False)
    subprocess.run(["mount", "-o", "remount,ro,bind", str(root)], capture_output=True, check=False)
    is_read_only = False
    try:
        (root / "probe").touch()
        (root / "probe").unlink()
    except OSError:
        is_read_only = True
    if not is_read_only:
        original = Path.mkdir

        def mkdir(path: Path, *arguments: object, **options: object) -> None:
            if path == root / ".tellapart":
                raise PermissionError(13, "Permission denied")
            original(path, *arguments, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(Path, "mkdir", mkdir)
    try:
        run = quick(root, tmp_path, learning_curve=False, n_splits=0)
        assert run.metrics.data.used == 30
        assert len(run.metrics.notes) == 2
        assert f"{root} cannot be written" in run.metrics.notes[1]
        assert not (root / ".tellapart").exists()
        assert list((cache / "state").rglob("catalog.sqlite"))
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", str(root)], check=True)


@pytest.mark.parametrize("kind", ["garbage", "cut", "empty", "pages"])
def test_a_corrupt_catalog_is_made_anew(root: Path, tmp_path: Path, kind: str) -> None:
    first = quick(root, tmp_path, learning_curve=False, n_splits=0)
    path = root / ".tellapart/catalog.sqlite"
    data = path.read_bytes()
    spoilt = {"garbage": b"\xa5" * 20_000, "cut": data[: len(data) // 2], "empty": b"", "pages": data[:4096] + b"\xa5" * (len(data) - 4096)}
    path.write_bytes(spoilt[kind])
    second = quick(root, tmp_path, learning_curve=False, n_splits=0)
    assert second.metrics.parts["test"] == first.metrics.parts["test"]


@pytest.mark.parametrize("kind", ["garbage", "cut", "pages"])
def test_corrupt_thumbnails_are_made_anew(root: Path, tmp_path: Path, own_cache: Path, kind: str) -> None:
    first = quick(root, tmp_path, learning_curve=False, n_splits=0)
    path = own_cache / "thumbnails.sqlite"
    data = path.read_bytes()
    spoilt = {"garbage": b"\xa5" * 20_000, "cut": data[: len(data) // 2], "pages": data[:8192] + b"\xa5" * 30_000 + data[38_192:]}
    path.write_bytes(spoilt[kind])
    second = quick(root, tmp_path, learning_curve=False, n_splits=0)
    assert second.metrics.parts["test"] == first.metrics.parts["test"]
    assert (second.folder / "report.json").read_text().count('"src"') == (first.folder / "report.json").read_text().count('"src"')
    assert len(second.report.read_bytes()) == pytest.approx(len(first.report.read_bytes()), rel=0.01)


@pytest.mark.parametrize("kind", ["flipped", "cut"])
def test_a_corrupt_feature_cache_is_computed_again(root: Path, tmp_path: Path, own_cache: Path, kind: str) -> None:
    first = quick(root, tmp_path, learning_curve=False, n_splits=0)
    for path in (own_cache / "features").rglob("*.npy"):
        data = path.read_bytes()
        path.write_bytes(data[:-100] if kind == "cut" else data[:-100] + bytes(100))
    second = quick(root, tmp_path, learning_curve=False, n_splits=0)
    assert second.metrics.parts["test"].accuracy == first.metrics.parts["test"].accuracy
    assert second.metrics.parts["test"].log_loss.value == pytest.approx(first.metrics.parts["test"].log_loss.value, abs=0.02)


def test_a_cut_off_backbone_is_converted_again(root: Path, tmp_path: Path, own_cache: Path) -> None:
    tensors = next((own_cache / "backbones").glob("*.safetensors"))
    whole = tensors.read_bytes()
    tensors.write_bytes(whole[: len(whole) // 2])
    run = quick(root, tmp_path, learning_curve=False, n_splits=0)
    assert tensors.read_bytes() == whole
    assert run.metrics.parts["test"].n == 6


def test_a_backbone_damaged_within_is_converted_again(root: Path, tmp_path: Path, own_cache: Path) -> None:
    tensors = next((own_cache / "backbones").glob("*.safetensors"))
    whole = tensors.read_bytes()
    tensors.write_bytes(b"\xff" * len(whole))
    run = quick(root, tmp_path, learning_curve=False, n_splits=0)
    assert tensors.read_bytes() == whole
    assert run.metrics.parts["test"].n == 6


def test_a_full_disk_for_the_run_leaves_no_run(root: Path, tmp_path: Path, small_disk: Path) -> None:
    with pytest.raises(StorageError, match="no space left") as caught:
        quick(root, tmp_path, out=small_disk, learning_curve=False, n_splits=0)
    assert "run the same command again" in str(caught.value.hint)
    assert list(small_disk.iterdir()) == []
    assert quick(root, tmp_path, learning_curve=False, n_splits=0).report.is_file()


@pytest.mark.parametrize("free", [0, 8, 64, 160])
def test_a_full_disk_for_the_cache_is_a_clear_error_and_nothing_broken_stays(
    root: Path, tmp_path: Path, small_disk: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch, free: int
) -> None:
    monkeypatch.setenv("TELLAPART_CACHE", str(small_disk))
    (small_disk / "backbones").symlink_to(own_cache / "backbones", target_is_directory=True)
    with (small_disk / "filler").open("wb") as file:
        file.write(bytes((4000 - free) * 1024))
    with pytest.raises(TellapartError) as caught:
        quick(root, tmp_path, learning_curve=False, n_splits=0)
    assert isinstance(caught.value, StorageError), caught.value
    assert not list(small_disk.rglob("*.partial"))
    assert not (tmp_path / "runs").exists()
    (small_disk / "filler").unlink()
    assert quick(root, tmp_path, learning_curve=False, n_splits=0).metrics.data.used == 30


def test_a_full_disk_for_the_backbone_is_a_clear_error(
    root: Path, tmp_path: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TELLAPART_CACHE", str(small_disk))
    with pytest.raises(StorageError, match=r"no space left on the disk while writing .*lite0.*\.safetensors"):
        quick(root, tmp_path)
    assert list((small_disk / "backbones").iterdir()) == []


def test_a_place_for_the_run_that_cannot_be_written_is_a_clear_error(root: Path, tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    for out in (tmp_path / "a file", Path("/proc/runs"), Path("/sys/runs")):
        with pytest.raises(StorageError, match=str(out)):
            quick(root, tmp_path, out=out, learning_curve=False, n_splits=0)


@pytest.mark.parametrize("variable", ["/proc/cache", "/dev/null/cache"])
def test_a_cache_that_cannot_be_written_is_a_clear_error(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv("TELLAPART_CACHE", variable)
    with pytest.raises(StorageError, match=variable):
        quick(root, tmp_path)


def test_files_that_change_between_two_runs_are_seen(root: Path, tmp_path: Path) -> None:
    first = quick(root, tmp_path, learning_curve=False, n_splits=0)
    chosen = random.Random(0).choice(sorted((root / "dots").iterdir()))
    chosen.unlink()
    (root / "plain/new.jpg").write_bytes(folders.class_photo("plain", 95))
    shutil.move(root / "stripes", root / "lines")
    second = quick(root, tmp_path, learning_curve=False, n_splits=0)
    assert second.class_names == ("dots", "lines", "plain")
    assert {c.name: c.train + c.test for c in second.metrics.data.classes} == {"dots": 9, "lines": 10, "plain": 11}
    assert first.class_names == ("dots", "plain", "stripes")


READERS: dict[str, Callable[[Path, Path], object]] = {
    "check": lambda root, out: tellapart.check(root, backbone="none", out=out / "check"),
    "augment": lambda root, out: tellapart.augment(root, out=out / "sheet.jpg"),
    "augment --copies": lambda root, out: tellapart.augment(root, copies=1, out=out / "more"),
    "crop": lambda root, out: tellapart.crop(root, target="subject", measure_benefit=False, out=out / "crops"),
    "prepare": lambda root, out: tellapart.prepare(root, size=[16], out=out / "arrays"),
    "export-dataset": lambda root, out: tellapart.export_dataset(root, out / "clean"),
    "a list": lambda root, out: tellapart.check(root / "metadata.csv", backbone="none", out=out / "check"),
}


@pytest.mark.parametrize("name", READERS)
def test_a_pipe_among_the_photos_is_never_waited_for(photos: Path, tmp_path: Path, name: str) -> None:
    root = folders.some_of(photos, tmp_path / "photos", each=2, kinds=("dots", "plain"))
    pipes = [root / "dots" / "0.jpg", root / "metadata.csv"]
    for pipe in pipes:
        os.mkfifo(pipe)
    ends = [os.open(pipe, os.O_RDWR) for pipe in pipes]

    def release() -> None:
        for pipe, end in zip(pipes, ends, strict=True):
            pipe.unlink()
            os.close(end)

    timer = Timer(20, release)
    timer.start()
    with suppress(DataError):
        READERS[name](root, tmp_path)
    was_waited_for = not timer.is_alive()
    timer.cancel()
    timer.join()
    if not was_waited_for:
        release()
    assert not was_waited_for


def test_no_command_lets_a_library_warn_of_a_damaged_file(tmp_path: Path) -> None:
    many(tmp_path / "photos" / "a", 2)
    (tmp_path / "photos/a/raw.nef").write_bytes(b"MM\0*" + bytes(200))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = tellapart.check(tmp_path / "photos", backbone="none", out=tmp_path / "check")
    assert "damaged: the TIFF header makes no sense" in (tmp_path / "check/issues.csv").read_text()
    assert found.files == 3


WRITERS: dict[str, Callable[[Path], object]] = {
    "train": lambda root: tellapart.train(root, out=root / "runs"),
    "ladder": lambda root: tellapart.ladder(root, out=root / "runs"),
    "autoencode": lambda root: tellapart.autoencode(root, out=root / "a" / "runs"),
    "balance": lambda root: tellapart.balance(root, strategy="undersample", out=root / "metadata.csv"),
    "learning-curve": lambda root: tellapart.learning_curve(root, out=root / "curve.svg"),
}


@pytest.mark.parametrize("name", WRITERS)
def test_nothing_is_written_among_the_photos_and_no_image_is_read_before_that_is_said(tmp_path: Path, name: str) -> None:
    root = folders.write(tmp_path / "photos", {f"{kind}/{i}.jpg": b"never read" for kind in "ab" for i in range(3)})
    before = folders.contents(root)
    with pytest.raises(OptionError, match="is inside the image folder, which is only read"):
        WRITERS[name](root)
    assert folders.contents(root) == before


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "the name of the folder is empty; the current folder is ."),
        ("file:///home/me/photos", "file:///home/me/photos is an address, not a folder; give the path alone, without file://"),
        ("https://example.org/photos", "https://example.org/photos is an address, not a folder; download it first"),
        ("photos.zip", "photos.zip is not a folder; unpack it, and give the folder"),
        ("photos.tar.gz", "photos.tar.gz is not a folder; unpack it, and give the folder"),
        ("photos.h5", "photos.h5 is not a folder; arrays are for other programs: give the photos themselves"),
        ("list.txt", "list.txt is not a folder; save the list as CSV with the columns path and label"),
        ("one.jpg", "one.jpg is not a folder; that is one image: give the folder that holds one folder for each class"),
        ("nowhere", "there is no folder nowhere; give the folder"),
    ],
)
def test_what_is_no_folder_is_told_what_to_do_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, said: str) -> None:
    monkeypatch.chdir(tmp_path)
    if "." in name and "/" not in name:
        (tmp_path / name).write_bytes(b"x")
    for command in (tellapart.train, tellapart.check):
        with pytest.raises(DataError) as caught:
            command(name)
        assert f"{caught.value}; {caught.value.hint}".startswith(said)
