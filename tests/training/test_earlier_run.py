from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

import tellapart
from tellapart.run_folder import Run
from tests import folders


def quick(folder: Path, place: Path, **options: object) -> Run:
    return tellapart.train(folder, **{"backbone": "lite0", "out": place / "runs", "n_splits": 0, "learning_curve": False, **options})


def parts(run: Run) -> dict[str | None, str | None]:
    return {row.image_id: row.part for row in run.rows if row.is_used}


@pytest.fixture(scope="module")
def grown(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run, Path]:
    """A run on 10 photos of each class, and one after 12 more came and one went."""
    place = tmp_path_factory.mktemp("grown")
    folder = folders.some_of(photos, place / "photos", each=10)
    first = quick(folder, place)
    for kind in folders.KINDS:
        for file in sorted((photos / kind).iterdir())[10:14]:
            shutil.copy2(file, folder / kind)
    gone = next(row for row in first.rows if row.part == "train")
    (folder / gone.path).unlink()
    return first, quick(folder, place), folder


def test_test_photos_stay_test_photos_and_training_photos_stay_where_they_are(grown: tuple[Run, Run, Path]) -> None:
    first, second, _ = grown
    before, after = parts(first), parts(second)
    assert len(after) == len(before) + 12 - 1
    assert all(after[image_id] == part for image_id, part in before.items() if image_id in after)
    new = [part for image_id, part in after.items() if image_id not in before]
    assert new.count("test") >= 1 and new.count("train") > new.count("test")


def test_the_new_run_says_what_changed_on_the_photos_that_both_were_tested_on(grown: tuple[Run, Run, Path]) -> None:
    first, second, _ = grown
    assert first.metrics.since is None
    since = second.metrics.since
    assert since is not None
    assert (since.run, since.new, since.gone, since.relabeled, since.n) == (first.name, 12, 1, 0, len(first.predictions))
    assert since.gain.accuracy.low <= since.gain.accuracy.value <= since.gain.accuracy.high
    (said,) = [note for note in second.metrics.notes if "new photos" in note]
    assert said.startswith("12 new photos, 1 gone since photos-1: accuracy ") and "points (" in said


def test_the_same_photos_train_nothing_anew(grown: tuple[Run, Run, Path]) -> None:
    first, second, folder = grown
    assert quick(folder, first.folder.parent.parent).folder == second.folder


def test_another_seed_is_another_split_and_other_options_are_not_compared(grown: tuple[Run, Run, Path], tmp_path: Path) -> None:
    first, second, folder = grown
    copy = shutil.copytree(first.folder.parent, tmp_path / "runs")
    os.utime(copy / "photos-1" / "options.json", (1, 1))
    other = quick(folder, tmp_path, seed=1)
    assert other.metrics.since is None and parts(other) != parts(second)
    balanced = quick(folder, tmp_path, balance="weights")
    assert balanced.metrics.since is None and parts(balanced) == parts(second)


def test_an_earlier_run_that_is_damaged_is_passed_over(grown: tuple[Run, Run, Path], tmp_path: Path) -> None:
    first, _, folder = grown
    copy = shutil.copytree(first.folder.parent, tmp_path / "runs")
    for run in copy.iterdir():
        (run / "images.parquet").write_bytes(b"damaged")
    assert quick(folder, tmp_path, again=True).metrics.since is None
