from __future__ import annotations

import csv
import importlib.util
from pathlib import Path

import pytest

import tellapart
from tellapart.commands import demo as module
from tellapart.errors import MissingExtra
from tests import folders


class Listener:
    """Progress that remembers what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def stage(self, title: str, total: int | None = None, unit: str = "images"):
        from tellapart.progress import SILENT

        return SILENT.stage(title)

    def note(self, message: str) -> None:
        self.said.append(message)


def package(photos: Path, to: Path) -> Path:
    """Something like the package's data: dots are working cells, stripes defective ones, plain ones nobody is sure of."""
    folders.some_of(photos, to / "images", each=20)
    lines = []
    for kind, probability in (("dots", "0.0"), ("plain", "0.333"), ("stripes", "1.0")):
        for number, path in enumerate(sorted((to / "images" / kind).iterdir())):
            path.rename(path.with_name(f"{number}.jpg"))
            lines.append(f"images/{kind}/{number}.jpg   {probability}  {'mono' if number < 10 else 'poly'}")
    (to / "labels.csv").write_text("\n".join(lines) + "\n")
    return to


def test_the_manifest_lists_certain_labels_and_keeps_modules_together(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CELLS_OF_A_MODULE", 4)
    data = package(photos, tmp_path / "data")
    manifest = module.write_manifest(data, tmp_path / "demo")
    with manifest.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 40
    assert {(Path(row["path"]).parent.name, row["label"]) for row in rows} == {("dots", "working"), ("stripes", "defective")}
    assert all(Path(row["path"]).is_file() for row in rows)
    groups: dict[str, list[int]] = {}
    for number, row in enumerate(rows):
        groups.setdefault(row["group"], []).append(number)
    assert all(members == list(range(members[0], members[0] + len(members))) and len(members) <= 4 for members in groups.values())
    assert len(groups) == 12


def test_the_demo_goes_the_whole_way_and_names_the_license(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CELLS_OF_A_MODULE", 2)
    data = package(photos, tmp_path / "data")
    before = folders.contents(data)
    monkeypatch.setattr(module, "photo_folder", lambda: data)
    listener = Listener()
    run = tellapart.demo(out=tmp_path / "demo", progress=listener)
    assert run.folder == tmp_path / "demo/runs/solar-cells"
    assert run.class_names == ("defective", "working")
    assert run.report.is_file()
    assert "CC BY-NC-SA" in listener.said[0]
    test = run.metrics.parts["test"]
    assert f"The {test.n} test photos are cells of {test.groups} modules" in listener.said[-1]
    low, high = (f"{100 * end:.1f}" for end in (test.accuracy.low, test.accuracy.high))
    assert "independent photos" in listener.said[-1] and f"({low} to {high})" in listener.said[-1]
    assert folders.contents(data) == before
    assert not (data / ".tellapart").exists()


def test_without_the_photos_the_cure_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PACKAGE", "no_such_dataset")
    with pytest.raises(MissingExtra) as caught:
        tellapart.demo(out=tmp_path)
    assert "tellapart[demo]" in str(caught.value.hint)


@pytest.mark.skipif(importlib.util.find_spec("elpv_dataset") is None, reason="the package elpv-dataset is not installed")
def test_the_real_package_is_understood(tmp_path: Path) -> None:
    manifest = module.write_manifest(module.photo_folder(), tmp_path)
    with manifest.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert 2000 < len(rows) < 2624
    assert {row["label"] for row in rows} == {"working", "defective"}
    assert all(Path(row["path"]).is_file() for row in rows)
