from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import tellapart
from tellapart.analyzed_folder import AnalyzedFolder
from tellapart.cli.app import tellapart as door
from tellapart.dataset.decisions import Decision
from tellapart.errors import DataError, OptionError
from tellapart.workflows import decision_writing
from tellapart.workflows.decision_writing import DecidedImage
from tests import folders


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Two classes of three, and a copy of dots/0.jpg among the stripes."""
    files = {f"{kind}/{i}.jpg": folders.class_photo(kind, i, 60) for kind in ("dots", "stripes") for i in range(3)}
    return folders.write(tmp_path / "photos", {**files, "stripes/copy.jpg": files["dots/0.jpg"], "stripes/bad.jpg": b"no image"})


def paths(found: Sequence[Decision | DecidedImage]) -> list[str]:
    return [one.path for one in found]


def test_excluding_leaves_the_file_and_is_undone(mixed: Path) -> None:
    before = folders.contents(mixed)
    found = tellapart.exclude(mixed, ["dots/1.jpg", mixed / "stripes/2.jpg"], reason="not sharp")
    assert paths(found.changed) == ["dots/1.jpg", "stripes/2.jpg"]
    assert found.left == {"dots": 1, "stripes": 2}
    again = tellapart.exclude(mixed, "dots/1.jpg")
    assert again.batch is None
    assert again.unchanged == ("dots/1.jpg",)
    assert tellapart.undo(mixed).undone == 1
    assert tellapart.decisions(mixed).decisions == ()
    assert folders.contents(mixed) == before


def test_what_another_command_has_excluded_meanwhile_is_not_excluded_twice(mixed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both read the folder before either writes."""
    analyze = decision_writing.analyze_folder

    def overtaken(*args: Any, **options: Any) -> AnalyzedFolder:
        analyzed = analyze(*args, **options)
        monkeypatch.setattr(decision_writing, "analyze_folder", analyze)
        tellapart.exclude(mixed, "dots/1.jpg")
        return analyzed

    monkeypatch.setattr(decision_writing, "analyze_folder", overtaken)
    second = tellapart.exclude(mixed, ["dots/1.jpg", "dots/2.jpg"])
    assert paths(second.changed) == ["dots/2.jpg"]
    assert second.unchanged == ("dots/1.jpg",)
    assert paths(tellapart.decisions(mixed).decisions) == ["dots/1.jpg", "dots/2.jpg"]


def test_relabeling_settles_a_contradiction(mixed: Path, tmp_path: Path) -> None:
    contradicted = tellapart.export_dataset(mixed, tmp_path / "before.csv", format="csv")
    assert {"dots/0.jpg", "stripes/copy.jpg"} <= set(contradicted.left_out)
    tellapart.relabel(mixed, "stripes/copy.jpg", to="dots")
    assert tellapart.export_dataset(mixed, tmp_path / "after.csv", format="csv").classes == {"dots": 3, "stripes": 3}


def test_excluding_one_copy_keeps_the_other(mixed: Path, tmp_path: Path) -> None:
    tellapart.exclude(mixed, "stripes/copy.jpg")
    found = tellapart.export_dataset(mixed, tmp_path / "after.csv", format="csv")
    assert found.classes == {"dots": 3, "stripes": 3}
    assert found.left_out["stripes/copy.jpg"] == "excluded by you"


def test_a_label_that_no_image_has_must_be_meant(mixed: Path) -> None:
    with pytest.raises(OptionError, match="no image has the label 'dot'") as error:
        tellapart.relabel(mixed, "dots/1.jpg", to="dot")
    assert "'dots'" in str(error.value.hint)
    assert tellapart.relabel(mixed, "dots/1.jpg", to="rings", allow_new=True).left["rings"] == 1
    with pytest.raises(OptionError, match="no label"):
        tellapart.relabel(mixed, "dots/1.jpg")


def test_restoring_and_a_class_that_empties(mixed: Path) -> None:
    found = tellapart.exclude(mixed, "dots")
    assert len(found.changed) == 3
    assert found.notes == ("'dots' has no image left",)
    restored = tellapart.restore(mixed, ["dots/1.jpg", "stripes/1.jpg"])
    assert paths(restored.changed) == ["dots/1.jpg"]
    assert restored.unchanged == ("stripes/1.jpg",)
    assert restored.left["dots"] == 1


def test_a_name_that_fits_nothing_is_said_with_the_closest(mixed: Path) -> None:
    with pytest.raises(DataError, match=r"there is no image 'dots/11\.jpg'") as error:
        tellapart.exclude(mixed, ["dots/1.jpg", "dots/11.jpg"])
    assert "dots/1.jpg" in str(error.value.hint)
    assert tellapart.decisions(mixed).decisions == ()
    with pytest.raises(DataError, match="no file was named"):
        tellapart.exclude(mixed, [])


def test_decisions_are_replayed_on_a_newer_download(mixed: Path, tmp_path: Path) -> None:
    tellapart.exclude(mixed, ["dots/1.jpg", "stripes/bad.jpg"], reason="bad")
    tellapart.relabel(mixed, "stripes/1.jpg", to="dots")
    tellapart.exclude(mixed, "dots/2.jpg")
    log = tellapart.undo(mixed).log
    newer = folders.write(
        tmp_path / "newer",
        {
            "dots/other-name.jpg": (mixed / "dots/1.jpg").read_bytes(),
            "dots/2.jpg": (mixed / "dots/2.jpg").read_bytes(),
            "stripes/1.jpg": folders.class_photo("stripes", 50, 60),
        },
    )
    found = tellapart.decisions(newer, apply=log)
    assert found.applied == 1
    assert [(one.action, one.path, one.why) for one in found.decisions] == [("exclude", "dots/1.jpg", "bad")]
    assert sorted(paths(found.unmet)) == ["stripes/1.jpg", "stripes/bad.jpg"]
    assert tellapart.decisions(newer, apply=log).applied == 0
    assert tellapart.export_dataset(newer, tmp_path / "newer.csv", format="csv").left_out == {"dots/other-name.jpg": "excluded: bad"}


def test_decisions_of_a_page_that_says_the_ends_of_whole_paths_find_their_files(mixed: Path, tmp_path: Path) -> None:
    manifest = folders.write(tmp_path / "elsewhere", {"list.csv": b""}) / "list.csv"
    names = [f"{kind}/{i}.jpg" for kind in ("dots", "stripes") for i in range(3)]
    manifest.write_text("path,label\n" + "".join(f"{mixed / name},{name.split('/')[0]}\n" for name in [*names, "stripes/bad.jpg"]))
    file = tmp_path / "decisions.jsonl"
    lines = [{"action": "exclude", "path": f"stripes/{name}", "image_id": None, "why": "bad"} for name in ("bad.jpg", "gone.jpg")]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = tellapart.decisions(manifest, apply=file)
    assert found.applied == 1 and [one.path for one in found.decisions] == [str(mixed / "stripes/bad.jpg")]
    assert [one.path for one in found.unmet] == ["stripes/gone.jpg"]


def test_decisions_that_name_vanished_files_are_told(mixed: Path) -> None:
    tellapart.exclude(mixed, "dots/1.jpg")
    (mixed / "dots/1.jpg").unlink()
    assert paths(tellapart.decisions(mixed).unmet) == ["dots/1.jpg"]


def test_a_file_of_decisions_that_is_none(mixed: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no file"):
        tellapart.decisions(mixed, apply=tmp_path / "none.jsonl")


def test_training_follows_decisions(photos: Path, tmp_path: Path) -> None:
    own = folders.some_of(photos, tmp_path / "photos", 12, ("dots", "plain"))
    names = [f"dots/{path.name}" for path in sorted((own / "dots").iterdir())]
    tellapart.exclude(own, names[0], reason="no dots")
    tellapart.relabel(own, names[1], to="plain")
    run = tellapart.train(own, backbone="lite0", out=tmp_path / "runs", n_splits=0, learning_curve=False)
    rows = {row.path: row for row in run.rows}
    assert rows[names[0]].reason == "excluded: no dots"
    assert rows[names[1]].label == "plain"
    assert any("1 excluded and 1 relabeled" in note for note in run.metrics.notes)


def test_the_command_line_says_what_was_done_and_how_to_take_it_back(mixed: Path) -> None:
    runner = CliRunner()
    said = runner.invoke(door, ["relabel", str(mixed), "stripes/1.jpg", "--to", "dots", "--reason", "looks so"])
    assert said.exit_code == 0
    assert "1 relabeled" in said.output
    assert "stripes/1.jpg  stripes -> dots" in said.output
    assert "--batch 1" in said.output
    listed = runner.invoke(door, ["decisions", str(mixed)])
    assert "looks so" in listed.output
    undone = runner.invoke(door, ["undo", str(mixed), "--json", "-q"])
    assert json.loads(undone.stdout)["undone"] == 1
    assert "there are no decisions" in runner.invoke(door, ["decisions", str(mixed), "-q"]).output
    assert "undo" in runner.invoke(door, ["decisions", str(mixed), "--all", "-q"]).output


def test_a_wrong_label_names_only_some_of_many_and_paths_may_begin_with_a_dot(tmp_path: Path) -> None:
    root = folders.write(tmp_path / "photos", {f"c{number:02}/1.jpg": folders.class_photo("plain", number, 64) for number in range(25)})
    with pytest.raises(OptionError, match=r"c18, c19 and 5 more$"):
        tellapart.relabel(root, ["./c00/1.jpg"], to="zebra")
    assert paths(tellapart.exclude(root, ["./c00/1.jpg", "c01/../c02/1.jpg"]).changed) == ["c00/1.jpg", "c02/1.jpg"]
