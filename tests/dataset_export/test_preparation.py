"""Preparing a data set: interruptions, files that change meanwhile, folders that hold something, and the statistics."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tellapart.dataset import Dataset, Entry
from tellapart.dataset.file_rows import USED, FileRow
from tellapart.dataset_export import preparation
from tellapart.dataset_export.preparation import Form, Preparation, prepare_samples
from tellapart.dataset_export.rendering import Square
from tellapart.dataset_export.samples import Samples
from tellapart.errors import DataError, OptionError, StorageError
from tellapart.progress import NoProgress, Progress
from tests import folders, sample_images
from tests.listeners import Heard

SIDE = 16
ARRAYS = Form("npy", Square((SIDE,)), 1 << 20)
PARTS = {"train": 4, "val": 2, "test": 2}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Flat images, whose value is ten times their number; those of training come first."""
    values = [(part, 10 * number) for number, part in enumerate(part for part, count in PARTS.items() for _ in range(count))]
    files = {f"{part}/{value}.png": sample_images.encoded(np.full((32, 32, 3), value, np.uint8), "PNG") for part, value in values}
    return folders.write(tmp_path / "photos", files)


def samples_of(photos: Path) -> Samples:
    files = sorted(photos.rglob("*.png"), key=lambda file: int(file.stem))
    entries = tuple(Entry(file.relative_to(photos).as_posix(), "a", file.parent.name) for file in files)
    ids = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    rows = [FileRow(one.path, id_, one.label, one.part, None, USED, None, 32, 32, 9) for one, id_ in zip(entries, ids, strict=True)]
    return Samples(Dataset(photos, entries), rows, seed=0, is_shuffled=False)


def prepared(samples: Samples, out: Path, form: Form = ARRAYS, progress: Progress | None = None) -> Preparation:
    return prepare_samples(samples, form, out, num_workers=1, progress=progress or NoProgress())


class Interrupting(NoProgress):
    """Ctrl-C after so many images."""

    def __init__(self, after: int) -> None:
        self.after = after

    @contextmanager
    def stage(self, title: str, total: int | None = None, unit: str = "images") -> Iterator[Callable[[int], None]]:
        def advance(count: int) -> None:
            self.after -= count
            if self.after < 0:
                raise KeyboardInterrupt

        yield advance


def bytes_below(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def test_pixels_and_statistics_are_those_of_the_training_part(photos: Path, tmp_path: Path) -> None:
    done = prepared(samples_of(photos), tmp_path / "out")
    assert np.load(tmp_path / "out" / f"train_{SIDE}.npy")[:, 0, 0, 0].tolist() == [0, 10, 20, 30]
    assert {part: done.card["parts"][part]["images"] for part in PARTS} == PARTS
    assert done.card["mean"] == pytest.approx([15 / 255] * 3, abs=1e-6)
    assert done.card["std"] == pytest.approx([np.std([0, 10, 20, 30]) / 255] * 3, abs=1e-6)


@pytest.mark.parametrize("kind", ["npy", "tar"])
def test_an_interrupted_preparation_goes_on_and_ends_with_the_same_bytes(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    form = Form(kind, Square((SIDE,)), 2 * 3 * SIDE * SIDE)
    monkeypatch.setattr(preparation.ArrayStore, "saves_every_s", 0.0)
    whole, out = tmp_path / "whole", tmp_path / "out"
    prepared(samples_of(photos), whole, form)
    with pytest.raises(KeyboardInterrupt):
        prepared(samples_of(photos), out, form, Interrupting(5))
    assert not out.exists(), "a folder that is there is complete"
    done = prepared(samples_of(photos), out, form)
    assert 0 < done.resumed_at < len(samples_of(photos))
    assert bytes_below(out) == bytes_below(whole)


def test_the_unfinished_work_of_other_options_is_thrown_away_with_a_note(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        prepared(samples_of(photos), tmp_path / "out", progress=Interrupting(3))
    heard = Heard()
    done = prepared(samples_of(photos), tmp_path / "out", Form("npy", Square((8,)), 1 << 20), heard)
    assert done.resumed_at == 0 and any("thrown away" in note for note in heard.notes)
    assert done.card["sizes"] == ["8"]


def test_the_same_call_again_leaves_the_folder_as_it_is_and_another_is_refused(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    prepared(samples_of(photos), out)
    before = bytes_below(out)
    assert prepared(samples_of(photos), out).was_there and bytes_below(out) == before
    with pytest.raises(OptionError, match="was prepared from other images or with other options"):
        prepared(samples_of(photos), out, Form("npy", Square((8,)), 1 << 20))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(OptionError, match="is not empty"):
        prepared(samples_of(photos), tmp_path / "mine")
    with pytest.raises(OptionError, match="is a file"):
        prepared(samples_of(photos), tmp_path / "mine" / "notes.txt")
    assert bytes_below(tmp_path / "mine") == {"notes.txt": b"mine"}


def test_a_file_that_changed_or_is_gone_is_left_out_with_the_reason(photos: Path, tmp_path: Path) -> None:
    samples = samples_of(photos)
    (photos / "train/10.png").write_bytes((photos / "train/20.png").read_bytes())
    (photos / "val/40.png").unlink()
    done = prepared(samples, tmp_path / "out")
    assert done.left_out == {"train/10.png": "has changed while the images were prepared", "val/40.png": "there is no such file"}
    assert np.load(tmp_path / "out" / f"train_{SIDE}.npy")[:, 0, 0, 0].tolist() == [0, 20, 30]
    assert done.card["left_out"] == 2 and done.card["parts"]["val"]["images"] == 1


def test_where_nothing_can_be_read_nothing_is_left(photos: Path, tmp_path: Path) -> None:
    samples = samples_of(photos)
    for file in photos.rglob("*.png"):
        file.unlink()
    with pytest.raises(DataError, match="none of the 8 files could be read: there is no such file"):
        prepared(samples, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_what_cannot_fit_on_the_disk_is_refused_before_an_image_is_read(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no space left on the disk"):
        prepared(samples_of(photos), tmp_path / "out", Form("npy", Square((1 << 22,)), 1 << 20))
