from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import tellapart
from tellapart.dataset import Dataset, Entry, open_dataset
from tellapart.dataset.dataset import files_dataset
from tellapart.errors import OptionError
from tellapart.output_guards import check_new_folder, check_no_manifest, check_outside, check_table
from tests import folders

if TYPE_CHECKING:
    from tellapart.run_folder import Run


@pytest.fixture
def album(tmp_path: Path) -> Dataset:
    (tmp_path / "photos/cats").mkdir(parents=True)
    return Dataset(tmp_path / "photos", (Entry("cats/1.jpg"),))


@pytest.mark.parametrize("place", ["photos", "photos/out", "photos/cats/../new", "link/out"])
def test_nothing_is_written_among_the_photos_by_whatever_path(album: Dataset, tmp_path: Path, place: str) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "photos")
    with pytest.raises(OptionError, match="which is only read"):
        check_outside(tmp_path / place, album)


@pytest.mark.parametrize(
    ("here", "suggested"),
    [("photos", "such as --out ../runs,"), ("photos/cats", "such as --out ../../runs,"), (".", "such as --out runs,")],
)
def test_the_hint_names_a_place_that_is_accepted(
    album: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: str, suggested: str
) -> None:
    monkeypatch.chdir(tmp_path / here)
    with pytest.raises(OptionError) as refused:
        check_outside(album.root / "runs", album)
    assert suggested in (refused.value.hint or "")
    check_outside(Path(suggested.removeprefix("such as --out ").rstrip(",")), album)


COMMANDS: dict[str, tuple[Callable[..., object], dict[str, object]]] = {
    "train": (tellapart.train, {}),
    "ladder": (tellapart.ladder, {}),
    "autoencode": (tellapart.autoencode, {}),
    "learning_curve": (tellapart.learning_curve, {"out": Path("curve.svg")}),
    "check": (tellapart.check, {}),
    "cluster": (tellapart.cluster, {}),
    "cluster into folders": (tellapart.cluster, {"out": Path("../clusters"), "folders": Path("sorted")}),
    "explore": (tellapart.explore, {}),
    "similar": (tellapart.similar, {"all_": True}),
    "suggest": (tellapart.suggest, {}),
    "crop": (tellapart.crop, {}),
    "export_dataset": (tellapart.export_dataset, {"out": "clean"}),
    "prepare": (tellapart.prepare, {}),
    "augment": (tellapart.augment, {}),
    "augmented copies": (tellapart.augment, {"copies": 2, "out": Path("copies")}),
    "balance": (tellapart.balance, {"strategy": "undersample", "out": Path("list.csv")}),
    "split": (tellapart.split, {"out": Path("list.csv")}),
}
OF_A_RUN: dict[str, tuple[Callable[..., object], dict[str, object]]] = {
    "explain": (tellapart.explain, {"out": Path("maps.jpg")}),
    "predict with a sheet": (tellapart.predict, {"sheet": Path("sheet.jpg")}),
    "predict into folders": (tellapart.predict, {"sort_into": Path("sorted")}),
    "evaluate with a report": (tellapart.evaluate, {"report": Path("report")}),
}
_OPENED: list[str] = []
sys.addaudithook(lambda event, given: _OPENED.append(str(given[0])) if event == "open" and str(given[0]).endswith(".jpg") else None)


def in_unreadable_photos(album: Dataset, classes: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Fill a folder with files that reading would tell from photos, and work in it, with no file noted as opened."""
    for kind in classes:
        folders.write(album.root, {f"{kind}/{number}.jpg": b"no photo, which reading would tell" for number in range(3)})
    monkeypatch.chdir(album.root)
    _OPENED.clear()


@pytest.mark.parametrize("name", COMMANDS)
def test_what_would_be_written_among_the_photos_is_refused_before_a_photo_is_read(
    name: str, album: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_unreadable_photos(album, ("cats", "dogs"), monkeypatch)
    command, options = COMMANDS[name]
    with pytest.raises(OptionError, match=r"(is inside the image folder.*|is in the folder of the images)") as refused:
        command(".", **options)
    assert _OPENED == []
    option = {"cluster into folders": "--folders ", "export_dataset": ""}.get(name, "--out ")
    assert f"such as {option}../" in (refused.value.hint or "") or name == "split"


@pytest.mark.parametrize("name", OF_A_RUN)
def test_what_a_run_would_write_among_the_photos_is_refused_before_a_photo_is_read(
    name: str, trained: Run, album: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_unreadable_photos(album, ("dots", "stripes"), monkeypatch)
    command, options = OF_A_RUN[name]
    with pytest.raises(OptionError, match="is inside the image folder"):
        command(trained.folder, ".", **options)
    assert _OPENED == []


def test_a_folder_beside_the_photos_is_no_place_among_them(album: Dataset, tmp_path: Path) -> None:
    check_outside(tmp_path / "photos-out", album)
    with pytest.raises(OptionError):
        check_outside(tmp_path / "other/out", album, tmp_path / "other")


def test_the_folder_of_a_table_is_no_folder_of_photos_unless_they_lie_in_it(tmp_path: Path) -> None:
    for name in ("photos/cats/1.jpg", "photos/dogs/2.jpg", "1.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    table = tmp_path / "list.csv"
    table.write_text("path,label\nphotos/cats/1.jpg,cats\nphotos/dogs/2.jpg,dogs\ngone.jpg,cats\n")
    listed = open_dataset(table)
    check_outside(tmp_path / "runs", listed)
    for place in ("photos/runs", "photos/cats/runs"):
        with pytest.raises(OptionError, match="which is only read"):
            check_outside(tmp_path / place, listed)
    table.write_text("path,label\n1.jpg,cats\nphotos/dogs/2.jpg,dogs\n")
    with pytest.raises(OptionError, match="which is only read"):
        check_outside(tmp_path / "runs", open_dataset(table))


def test_the_root_of_the_disk_is_not_the_folder_of_single_files(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    single = files_dataset([tmp_path / "a/1.jpg"])
    check_outside(tmp_path / "b/out", single)
    with pytest.raises(OptionError):
        check_outside(tmp_path / "a/out", single)


def test_a_table_must_not_be_read_as_the_manifest_of_the_photos(album: Dataset, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="as the manifest"):
        check_no_manifest(tmp_path / "photos/Manifest.csv", album)
    check_no_manifest(tmp_path / "photos/answers.csv", album)
    check_no_manifest(tmp_path / "manifest.csv", album)


def test_nothing_that_exists_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/a.csv").write_text("mine")
    (tmp_path / "empty").mkdir()
    check_new_folder(tmp_path / "empty")
    check_table(tmp_path / "empty/new.csv")
    for check, place in (
        (check_new_folder, "full"),
        (check_new_folder, "full/a.csv"),
        (check_table, "full/a.csv"),
        (check_table, "full"),
        (check_table, "b.txt"),
    ):
        with pytest.raises(OptionError):
            check(tmp_path / place)
