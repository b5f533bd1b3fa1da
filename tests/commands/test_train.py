from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import tellapart
from tellapart.errors import DataError, ModelError, OptionError, StorageError
from tellapart.progress import NoProgress
from tellapart.run_folder import Run
from tests import folders, sample_images

FILES = {
    "options.json",
    "history.jsonl",
    "images.parquet",
    "predictions.parquet",
    "out_of_fold.parquet",
    "metrics.json",
    "model",
    "report.html",
    "report.json",
    "figures",
}
INTERVAL = {"value", "low", "high"}
PART = {
    "n",
    "groups",
    "accuracy",
    "log_loss",
    "macro_f1",
    "auc",
    "ece",
    "per_class",
    "confusion_matrix",
    "reliability",
    "coverage",
    "familiarity",
    "prediction_sets",
    "rungs",
}


def quick(folder: Path, out: Path, **options: Any) -> Run:
    """A run without what takes time; the catalog beside it."""
    return tellapart.train(folder, **{"backbone": "lite0", "out": out, "n_splits": 0, "learning_curve": False, **options})


def test_the_run_folder_holds_what_the_reference_says(trained: Run) -> None:
    assert {p.name for p in trained.folder.iterdir()} == FILES
    assert {p.name for p in trained.model_folder.iterdir()} == {"conformal.safetensors", "member-1.safetensors", "model.json"}
    assert [p.name for p in trained.folder.parent.iterdir()] == ["photos-1"]
    events = [json.loads(line) for line in (trained.folder / "history.jsonl").read_text().splitlines()]
    assert {event["event"] for event in events} == {"strength", "chosen"}


def test_metrics_have_the_form_of_the_reference(trained: Run, photos: Path) -> None:
    metrics = json.loads((trained.folder / "metrics.json").read_text())
    assert set(metrics) == {
        *("run", "folder", "created", "seconds", "tellapart", "recipe", "backbone", "precision", "class_names", "test"),
        *("selection", "split_sensitivity", "learning_curve", "leak", "data", "notes"),
    }
    assert (metrics["run"], metrics["folder"], metrics["recipe"], metrics["backbone"]) == ("photos-1", str(photos), "probe", "lite0")
    assert metrics["class_names"] == ["dots", "plain", "stripes"]
    part = metrics["test"]
    assert set(part) == PART
    assert part["n"] == part["groups"] == 18
    for name in ("accuracy", "log_loss", "macro_f1", "auc"):
        assert set(part[name]) == INTERVAL
        assert part[name]["low"] <= part[name]["value"] <= part[name]["high"]
    assert [row["name"] for row in part["per_class"]] == metrics["class_names"]
    assert [sum(row) for row in part["confusion_matrix"]] == [6, 6, 6]
    assert set(part["rungs"][-1]["gain"]) == {"accuracy", "log_loss", "p_value"}
    assert set(metrics["selection"]) == {"folds", "n", "strengths", "chosen", "temperature", "clip", "log_loss"}
    assert metrics["selection"]["n"] == 72
    assert len(metrics["split_sensitivity"]["splits"]) == 20
    assert set(metrics["split_sensitivity"]["first"]) == {"per_class", "n", "accuracy", "log_loss"}
    assert set(metrics["learning_curve"]) == {"points", "fit", "twice"}
    assert metrics["leak"] is None
    assert [note.partition(",")[0] for note in metrics["notes"]] == ["layout: class folders"]
    assert metrics["data"] == {
        "files": 90,
        "used": 90,
        "unreadable": 0,
        "set_aside": 0,
        "classes": [{"name": kind, "train": 24, "val": 0, "test": 6} for kind in folders.KINDS],
        "duplicates": {"exact_groups": 0, "near_groups": 0, "images": 0, "groups": []},
    }


def test_a_small_network_tells_the_classes_apart(trained: Run) -> None:
    assert trained.metrics.parts["test"].accuracy.value > 0.85
    assert trained.metrics.parts["test"].rungs[0].accuracy.value == pytest.approx(1 / 3)


def test_tables_have_the_columns_of_the_reference(trained: Run) -> None:
    images = pq.read_table(trained.folder / "images.parquet")
    assert images.column_names == [
        *("path", "image_id", "label", "part", "group", "status", "reason", "width", "height"),
        *("size_bytes", "x", "y", "neighbors", "similarities", "user_group", "hash", "mirror_hash"),
    ]
    predictions = pq.read_table(trained.folder / "predictions.parquet")
    assert predictions.column_names == ["image_id", "path", "label", "part", "group", "predicted", "probability", "probabilities", "logits"]
    assert json.loads(predictions.schema.metadata[b"class_names"]) == ["dots", "plain", "stripes"]
    assert predictions.schema.metadata[b"source"] == b"probe on lite0"


def test_reported_images_know_their_nearest_training_images(trained: Run) -> None:
    train = {row.image_id for row in trained.rows if row.part == "train"}
    for row in trained.rows:
        assert len(row.neighbors) == len(row.similarities) == (3 if row.part == "test" else 0)
        assert set(row.neighbors) <= train
        assert list(row.similarities) == sorted(row.similarities, reverse=True)
        assert row.x is not None
        assert (row.width, row.height) == (144, 108)


def comparable(run: Run) -> dict[str, Any]:
    return {key: value for key, value in run.metrics.as_dict().items() if key not in ("run", "created", "seconds")}


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(trained: Run, photos: Path, tmp_path: Path) -> None:
    again, other = (
        tellapart.train(photos, backbone="lite0", out=tmp_path / "runs", state=tmp_path / "state", seed=seed) for seed in (0, 1)
    )
    assert comparable(again) == comparable(trained)
    assert again.predictions.image_ids == trained.predictions.image_ids
    assert (again.predictions.probabilities == trained.predictions.probabilities).all()
    assert set(other.predictions.image_ids) != set(trained.predictions.image_ids)
    assert comparable(other) != comparable(trained)
    assert [p.name for p in sorted((tmp_path / "runs").iterdir())] == ["photos-1", "photos-2"]


def test_nothing_of_the_users_is_touched(photos: Path, tmp_path: Path) -> None:
    folder = folders.some_of(photos, tmp_path / "photos", each=6)
    before = folders.contents(folder)
    quick(folder, tmp_path / "runs")
    assert folders.contents(folder) == before
    assert {p.name for p in folder.iterdir()} == {*folders.KINDS, ".tellapart"}
    (tmp_path / "state").mkdir()
    other = folders.some_of(photos, tmp_path / "other", each=6)
    quick(other, tmp_path / "runs", state=tmp_path / "state")
    assert {p.name for p in other.iterdir()} == set(folders.KINDS)
    assert (tmp_path / "state/catalog.sqlite").is_file()


def arranged(photos: Path, to: Path, parts: dict[str, int]) -> Path:
    """Parts with so many images of each class, no image twice."""
    start = 0
    for part, each in parts.items():
        folders.some_of(photos, to / part, each=each, start=start)
        start += each
    return to


@pytest.mark.parametrize(
    ("layout", "reported"),
    [
        ({"train": 12, "val": 5}, {"val": 15}),
        ({"train": 12, "valid": 5}, {"val": 15}),
        ({"training": 12, "validation": 5}, {"val": 15}),
        ({"train": 12, "test": 4}, {"test": 12}),
        ({"train": 12, "testing": 4}, {"test": 12}),
        ({"train": 12, "val": 5, "test": 4}, {"val": 15, "test": 12}),
        ({"train": 15}, {"test": 9}),
        ({"wrapped/around": 15}, {"test": 9}),
    ],
)
def test_the_users_folders_are_reported_under_their_names(
    photos: Path, tmp_path: Path, layout: dict[str, int], reported: dict[str, int]
) -> None:
    metrics = quick(arranged(photos, tmp_path / "photos", layout), tmp_path / "runs").metrics
    assert {name: part.n for name, part in metrics.parts.items()} == reported


@pytest.mark.parametrize("place", ["test", "test/test"])
def test_a_flat_test_folder_is_not_reported_on(photos: Path, tmp_path: Path, place: str) -> None:
    root = arranged(photos, tmp_path / "photos", {"train": 15})
    for source in sorted((photos / "dots").iterdir())[20:24]:
        folders.write(root, {f"{place}/{source.name}": source.read_bytes()})
    run = quick(root, tmp_path / "runs")
    assert run.metrics.parts["test"].n == 9
    assert [row.reason for row in run.rows if row.path.startswith("test/")] == ["no label"] * 4


def test_a_manifest_brings_labels_parts_and_groups(photos: Path, tmp_path: Path) -> None:
    lines = ["file_name,label,split,group"]
    for kind in folders.KINDS:
        for number, path in enumerate(sorted((photos / kind).iterdir())[:14]):
            lines.append(f"{path},{kind.upper()},{'test' if number < 4 else 'train'},{kind}{number // 2}")
    (tmp_path / "metadata.csv").write_text("\n".join([*lines, "gone.jpg,DOTS,train,x"]))
    run = quick(tmp_path, tmp_path / "runs")
    assert run.class_names == ("DOTS", "PLAIN", "STRIPES")
    assert (run.metrics.parts["test"].n, run.metrics.parts["test"].groups) == (12, 6)
    assert [(row.path, row.reason) for row in run.rows if not row.is_used] == [("gone.jpg", "there is no such file")]


def test_a_leak_between_the_users_folders_is_taken_out_and_told(photos: Path, tmp_path: Path) -> None:
    root = arranged(photos, tmp_path / "photos", {"train": 12, "val": 5})
    for path in sorted((root / "val/dots").iterdir())[:3]:
        (root / "train/dots" / f"copy of {path.name}").write_bytes(path.read_bytes())
    metrics = quick(root, tmp_path / "runs").metrics
    assert (metrics.leak.images, metrics.leak.groups, metrics.leak.part) == (3, 3, "val")
    assert metrics.leak.honest.accuracy == metrics.val.accuracy
    assert metrics.data.duplicates.exact_groups == 3
    assert metrics.val.n == 15


def test_one_image_in_two_classes_is_set_aside_and_said(photos: Path, tmp_path: Path) -> None:
    root = folders.some_of(photos, tmp_path / "photos", each=8)
    first = sorted((root / "dots").iterdir())[0]
    (root / "plain/the same.jpg").write_bytes(first.read_bytes())
    run = quick(root, tmp_path / "runs")
    told = {row.path: row.reason for row in run.rows if not row.is_used}
    assert told == dict.fromkeys([f"dots/{first.name}", "plain/the same.jpg"], "the same image stands under dots and plain")
    assert run.metrics.data.set_aside == 2


def test_options_change_what_they_say(photos: Path, tmp_path: Path) -> None:
    root = folders.some_of(photos, tmp_path / "photos", each=10)
    run = quick(
        root, tmp_path / "runs", name="mine", test_share=0.5, image_size=64, resize="pad", flip_average=False, balance="weights", seed=3
    )
    assert run.name == "mine"
    assert run.metrics.parts["test"].n == 15
    card = json.loads((run.model_folder / "model.json").read_text())
    [member] = card["members"]
    assert (member["backbones"][0]["image_size"], member["preprocessing"]["resize"], member["preprocessing"]["mirror"]) == (
        64,
        "pad",
        False,
    )
    options = run.options.options
    assert (options["seed"], options["balance"], options["out"]) == (3, "weights", str(tmp_path / "runs"))
    assert run.metrics.split_sensitivity is None
    assert "n_splits = 0" in run.metrics.split_sensitivity_reason
    assert run.metrics.learning_curve is None
    assert "no-learning-curve" in run.metrics.learning_curve_reason


def test_two_backbones_see_more_together(photos: Path, tmp_path: Path) -> None:
    root = folders.some_of(photos, tmp_path / "photos", each=8)
    run = quick(root, tmp_path / "runs", backbone="lite0+lite1")
    assert run.metrics.backbone == "lite0+lite1"
    found = tellapart.predict(run.folder, [root / path for path in run.predictions.paths]).predictions
    assert abs(found.probabilities - run.predictions.probabilities).max() < 0.02


@pytest.mark.parametrize("name", ["a/b", ".hidden", ".."])
def test_a_name_no_run_can_have_is_refused_before_any_work(
    photos: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tellapart.feature_extraction.extract", lambda *_, **__: pytest.fail("worked first"))
    with pytest.raises((DataError, OptionError), match="name"):
        quick(photos, tmp_path / "runs", name=name, state=tmp_path / "state")


def test_a_folder_with_an_odd_name_can_be_trained_on(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = folders.some_of(photos, tmp_path / ".my pets/inner", each=5).parent
    assert quick(root, tmp_path / "runs").folder.parent == tmp_path / "runs"
    monkeypatch.chdir(root / "inner/dots")
    assert quick(Path("../.."), tmp_path / "runs").metrics.data.used == 15


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"backbone": "lite9"}, ModelError, "no backbone 'lite9'"),
        ({"resize": "corp"}, OptionError, "did you mean 'crop'"),
        ({"test_share": 2.0, "seed": -1}, OptionError, "seed must be at least 0"),
        ({"sed": 1}, OptionError, "no option 'sed'"),
        ({"weights": "nowhere.pth", "backbone": "resnet18"}, ModelError, "there is no weights file nowhere.pth"),
        ({"weights": "nowhere.pth"}, OptionError, "weights has no effect on lite0, which brings its own weights"),
        ({"device": "mps"}, ModelError, "no device 'mps'"),
        ({"out": "/proc/runs"}, StorageError, "/proc"),
    ],
)
def test_wrong_options_are_clear_errors(photos: Path, tmp_path: Path, options: dict[str, Any], error: type, said: str) -> None:
    if options.get("device"):
        folders.write(tmp_path / "photos", {"a/1.jpg": sample_images.photo(901), "b/2.jpg": sample_images.photo(902)})
        photos = tmp_path / "photos"
    with pytest.raises(error, match=said):
        quick(photos, options.pop("out", tmp_path / "runs"), state=tmp_path / "state", **options)


def test_a_run_that_exists_is_not_trained_again_unless_asked_to(photos: Path, tmp_path: Path) -> None:
    root = folders.some_of(photos, tmp_path / "photos", 8)
    notes: list[str] = []
    heard = NoProgress()
    heard.note = notes.append  # type: ignore[method-assign]
    first = quick(root, tmp_path / "runs")
    assert quick(root, tmp_path / "runs", num_workers=1, progress=heard).folder == first.folder
    assert any("the run photos-1 has the same options and images" in note and "--again" in note for note in notes)
    assert quick(root, tmp_path / "runs", again=True).name == "photos-2"
    assert quick(root, tmp_path / "runs", seed=1).name == "photos-3"
    assert quick(root, tmp_path / "runs", name="mine").name == "mine"
    tellapart.exclude(root, "dots/dots 00.jpg")
    assert quick(root, tmp_path / "runs").name == "photos-4"
    tellapart.undo(root)
    assert quick(root, tmp_path / "runs").name == "mine", "the newest of those that are equal"
    (root / "dots/new.jpg").write_bytes(b"no image")
    assert quick(root, tmp_path / "runs").name == "photos-5"


def test_two_runs_at_once_do_not_take_each_others_name(trained: Run, photos: Path, tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(3) as pool:
        runs = list(pool.map(lambda seed: quick(photos, tmp_path / "runs", seed=seed, state=tmp_path / f"state{seed}"), range(3)))
    assert sorted(run.name for run in runs) == ["photos-1", "photos-2", "photos-3"]
    assert {run.options.options["seed"] for run in runs} == {0, 1, 2}
    assert {p.name for p in (tmp_path / "runs").iterdir()} == {"photos-1", "photos-2", "photos-3"}
