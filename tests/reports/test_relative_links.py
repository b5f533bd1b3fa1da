from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tellapart.reports import write_report
from tellapart.reports.explore_page import write_exploration, write_map
from tellapart.reports.relative_links import place_name, way_to, without_absolute_paths, without_places

from .synthetic import thumbnails_of, write_run
from .synthetic_exploration import exploration_view


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of photos in somebody's home."""
    home = tmp_path / "home" / "alice"
    (home / "pets" / "wild").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    return home / "pets" / "wild"


def no_images(ids: Any) -> dict[str, bytes]:
    return {}


def test_texts_call_the_folder_and_the_home_by_their_names(photos: Path) -> None:
    content = {
        "a": [f"{photos} is full", f"{photos}/cats/1.jpg, {photos}.", {"b": f"({photos})"}],
        "c": 3,
        "d": f"{photos.parents[1]}/.cache/x",
    }
    assert without_places(content, [str(photos)]) == {
        "a": ["wild is full", "wild/cats/1.jpg, wild.", {"b": "(wild)"}], "c": 3, "d": "~/.cache/x"}  # fmt: skip
    assert without_places([f"{photos}-2", f"x{photos}", f"{photos}.old/1"], [str(photos)])[1:] == [f"x{photos}", "~/pets/wild.old/1"]


def test_a_bucket_and_the_root_keep_their_names() -> None:
    assert [place_name(place) for place in ("s3://bucket/photos", "/", "photos/", "/data", "lists/all.csv")] == [
        "s3://bucket/photos", "/", "photos", "data", "all.csv"]  # fmt: skip
    assert without_places(["s3://bucket/photos/1.jpg", "/etc"], ["s3://bucket/photos", "/"]) == ["s3://bucket/photos/1.jpg", "/etc"]


def test_the_way_names_no_folder_above_ones_own(photos: Path, tmp_path: Path) -> None:
    home = photos.parents[1]
    assert way_to(str(photos), home / "check") == "../pets/wild"
    assert way_to(str(photos), photos.parent) == "wild"
    assert way_to(str(photos), tmp_path / "home" / "bob") is None
    assert way_to(str(photos), Path("/usr/check")) is None
    assert way_to(str(photos / "gone"), home) is None and way_to("s3://bucket/photos", home) is None


def test_what_whole_paths_have_in_common_is_cut_off_and_labels_are_left_alone() -> None:
    view = {
        "header": {"folder": "list.csv"},
        "class_names": ["/m/0k4j", "/m/01g3"],
        "rows": [{"path": "/disk/a/1.jpg", "label": "/m/0k4j"}],
        "map": {"path": ["/disk/b/2.jpg", "c/3.jpg"]},
        "options": {"out": "/disk/runs", "classes": "a,b"},
    }
    public = without_absolute_paths(view, Path("/nowhere"))
    assert public["class_names"] == view["class_names"]
    assert public["rows"] == [{"path": "a/1.jpg", "label": "/m/0k4j"}] and public["map"]["path"] == ["b/2.jpg", "c/3.jpg"]
    assert public["options"] == {"out": "runs", "classes": "a,b"}


def test_a_report_and_its_twin_name_no_folder_of_this_machine(photos: Path) -> None:
    folder = write_run(photos.parent / "runs" / "one", n_test=30, n_train=40)
    metrics, options = (json.loads((folder / name).read_text()) for name in ("metrics.json", "options.json"))
    metrics["folder"] = options["folder"] = str(photos)
    metrics["notes"] = [f"{photos} cannot be written"]
    metrics["data"]["duplicates"]["groups"] = [[f"{photos}/a.jpg", f"{photos}/b.jpg"]]
    options["options"] |= {"out": str(folder.parent), "weights": "/opt/secret/net.pth"}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    (folder / "options.json").write_text(json.dumps(options))
    write_report(folder, thumbnails_of(folder))
    written = "".join(path.read_text(encoding="utf-8") for path in [*folder.glob("report.*"), *folder.glob("figures/*")])
    assert "alice" not in written and "/opt" not in written and "net.pth" in written
    header = json.loads((folder / "report.json").read_text())["header"]
    assert header["folder"] == "wild" and header["ways"]["root"] == "../../wild"


def test_the_explore_page_its_twin_and_a_map_name_no_folder_of_this_machine(photos: Path) -> None:
    view = exploration_view(n=40, folder=str(photos))
    view["header"] |= {"root": str(photos), "state": str(photos.parents[1] / "state")}
    view["notes"] = [f"{photos} cannot be written"]
    write_exploration(photos.parent / "out", view, no_images)
    write_map(photos.parent / "out" / "map.html", view, no_images)
    for path in (photos.parent / "out").iterdir():
        text = path.read_text(encoding="utf-8")
        assert "alice" not in text and "wild cannot be written" in text
