from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tellapart
from tellapart.cli.output.ladder import ladder_output
from tellapart.curation.near_duplicates import compare_pairs
from tellapart.errors import ModelError, OptionError
from tellapart.features import FeatureMatrix
from tellapart.predictions import Predictions
from tellapart.run_folder import Run
from tellapart.run_metrics import SavedStep
from tests import folders

SMALL: dict[str, Any] = {"backbone": "lite0", "architecture": "tiny", "scratch_size": 32, "scratch_epochs": 2}
OF_RUNGS = {"backbone": ("probe", "finetune", "folds"), **dict.fromkeys(("architecture", "scratch_size", "scratch_epochs"), ("scratch",))}


def climb(folder: Path, tmp_path: Path, **options: Any) -> Run:
    rungs = [rung.strip() for rung in str(options["steps"]).split(",")]
    small = {name: value for name, value in SMALL.items() if any(rung in rungs for rung in OF_RUNGS[name])}
    return tellapart.ladder(folder, out=tmp_path / "runs", state=tmp_path / "state", **{**small, **options})


@pytest.fixture(scope="module")
def climbed(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Scratch, probe, views and calibration."""
    return climb(photos, tmp_path_factory.mktemp("climbed"), steps="scratch,probe,tta,calibration", tta=3)


def test_rungs_stand_in_their_order_whatever_the_order_asked_for(climbed: Run, photos: Path, tmp_path: Path) -> None:
    names = ["majority class", "5 nearest neighbors", "scratch, tiny", "probe on lite0", "probe on lite0, 3 views"]
    assert [rung.name for rung in climbed.metrics.parts["test"].rungs] == [*names, "probe on lite0, 3 views, calibrated"]
    turned = climb(folders.some_of(photos, tmp_path / "photos", each=8), tmp_path, steps=" calibration, probe")
    assert [rung.name for rung in turned.metrics.parts["test"].rungs] == [*names[:2], "probe on lite0", "probe on lite0, calibrated"]


def test_a_network_that_knows_words_stands_above_those_that_learn_nothing(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tellapart.models.zero_shot.check_knows_words", lambda *_: None)
    monkeypatch.setattr("tellapart.models.zero_shot.is_clip", lambda backbone: True)
    places = np.eye(3, 1280, dtype=np.float32)
    monkeypatch.setattr("tellapart.models.clip.word_features", lambda backbone, words: (places[: len(words)], 1.0))
    run = climb(photos, tmp_path, steps="probe", zero_shot="lite0")
    rungs = run.metrics.parts["test"].rungs
    assert [rung.name for rung in rungs][:3] == ["majority class", "5 nearest neighbors", "zero-shot, lite0"]
    assert 0 <= rungs[2].accuracy.value <= 1
    assert rungs[2].gain is not None


def test_the_packaged_classifier_is_asked_for_names_it_knows(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OptionError, match="the packaged network has no class"):
        climb(photos, tmp_path, steps="probe", zero_shot="imagenet")
    monkeypatch.setattr("tellapart.models.imagenet_classes.imagenet_classes", lambda word: (len(word),))
    rungs = climb(photos, tmp_path, steps="probe", zero_shot="imagenet").metrics.parts["test"].rungs
    assert rungs[2].name.startswith("zero-shot, lite2")


def test_a_network_that_knows_no_words_is_said_before_any_work(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="lite0 has no text encoder"):
        climb(photos, tmp_path, steps="probe", zero_shot="lite0")


@pytest.mark.parametrize(("rungs", "has_features"), [("scratch,probe", True), ("scratch", False)])
def test_near_duplicates_are_told_by_features_where_a_rung_has_them(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rungs: str, has_features: bool
) -> None:
    widths = []

    def spied(hashes: Any, mirrored: Any, features: FeatureMatrix, *more: Any, **options: Any) -> Any:
        widths.append(features.values.shape[1])
        return compare_pairs(hashes, mirrored, features, *more, **options)

    monkeypatch.setattr("tellapart.analyzed_folder.compare_pairs", spied)
    monkeypatch.setattr("tellapart.analyzed_folder.cached_pairs", lambda features, find: find())
    climb(folders.some_of(photos, tmp_path / "photos", each=8), tmp_path, steps=rungs)
    assert [width > 0 for width in widths] == [has_features]


def test_gains_are_paired_on_the_same_images(climbed: Run) -> None:
    part = climbed.metrics.parts["test"]
    known = set(climbed.predictions.paths)
    for lower, rung in zip(part.rungs[:-1], part.rungs[1:], strict=True):
        difference = rung.accuracy.value - lower.accuracy.value
        assert rung.gain.accuracy.value == pytest.approx(difference)
        assert rung.gain.log_loss.value == pytest.approx(rung.log_loss.value - lower.log_loss.value)
        assert rung.fixed.n - rung.broke.n == round(difference * part.n)
        assert {*rung.fixed.paths, *rung.broke.paths} <= known
        assert len(rung.fixed.paths) == min(24, rung.fixed.n)
    assert part.rungs[0].gain is None and part.rungs[0].fixed is None


def test_calibration_changes_no_answer(climbed: Run) -> None:
    views, calibrated = climbed.metrics.parts["test"].rungs[-2:]
    assert calibrated.accuracy == views.accuracy
    assert calibrated.fixed.n == calibrated.broke.n == 0
    assert calibrated.log_loss != views.log_loss


def test_each_rung_says_what_it_took(climbed: Run) -> None:
    rungs = {rung.name: rung for rung in climbed.metrics.parts["test"].rungs}
    assert rungs["majority class"].seconds == 0
    assert rungs["scratch, tiny"].seconds > 0 and rungs["scratch, tiny"].images_per_s > 0
    assert rungs["probe on lite0"].images_per_s is None


def test_the_saved_model_is_the_best_out_of_fold_and_predicts_what_the_run_says(climbed: Run, photos: Path) -> None:
    assert climbed.metrics.ladder == SavedStep("probe on lite0")
    assert climbed.metrics.recipe == "probe"
    again = tellapart.predict(climbed.folder, [photos / path for path in climbed.predictions.paths]).predictions
    by_id = {image_id: row for row, image_id in enumerate(again.image_ids)}
    order = [by_id[image_id] for image_id in climbed.predictions.image_ids]
    assert np.abs(again.probabilities[order] - climbed.predictions.probabilities).max() < 0.02
    assert climbed.metrics.parts["test"].accuracy.value == pytest.approx(climbed.predictions.is_right.mean())


def test_the_run_folder_is_a_run_folder(climbed: Run) -> None:
    assert climbed.name == "photos-ladder-1"
    assert json.loads((climbed.folder / "report.json").read_text())["rungs"][0]["saved"] == "probe on lite0"
    out_of_fold = Predictions.load(climbed.folder / "out_of_fold.parquet")
    assert len(out_of_fold) == 72 and set(out_of_fold.parts) == {"train"}
    assert not set(out_of_fold.image_ids) & set(climbed.predictions.image_ids)
    assert climbed.options.verb == "ladder"


def test_the_split_is_that_of_train(climbed: Run, trained: Run) -> None:
    assert climbed.predictions.image_ids == trained.predictions.image_ids
    assert climbed.metrics.parts["test"].log_loss == trained.metrics.parts["test"].log_loss


def test_the_answer_is_a_table(climbed: Run) -> None:
    said, content = ladder_output(climbed)
    lines = [str(line) for line in said]
    assert lines[0] == "18 test images, never seen in training"
    assert lines[1].split("  ")[-1] == "broke" and "images/s" in lines[1] and "gain" in lines[1]
    assert lines[2].startswith("  majority class  ") and " points" not in lines[2]
    assert all(" points" in line for line in lines[3:8])
    assert any(line.startswith("saved: probe on lite0, by its out-of-fold log loss") for line in lines)
    assert content["ladder"] == {"saved": "probe on lite0"}


@pytest.mark.parametrize(
    ("rungs", "said"),
    [
        ("scratch,prob", "there is no step 'prob'.*did you mean 'probe'"),
        ("", "there is no step ''"),
        ("tta,calibration", "at least one of scratch, probe, finetune and folds"),
    ],
)
def test_wrong_rungs_are_a_clear_error_before_any_work(photos: Path, tmp_path: Path, rungs: str, said: str) -> None:
    with pytest.raises(OptionError, match=said):
        climb(photos, tmp_path, steps=rungs)
    assert not (tmp_path / "runs").exists()


def counted_trainings(monkeypatch: pytest.MonkeyPatch, stop_at: int | None = None) -> list[str]:
    """The titles of the members trained from now on; the ``stop_at``-th is interrupted before it begins."""
    from tellapart.training import fold_training

    titles: list[str] = []
    train = fold_training._train

    def counted(*arguments: Any) -> None:
        if len(titles) == stop_at:
            raise KeyboardInterrupt
        titles.append(next(argument.title for argument in arguments if isinstance(argument, fold_training.Listeners)))
        train(*arguments)

    monkeypatch.setattr(fold_training, "_train", counted)
    return titles


def test_an_interrupted_ladder_does_not_train_finished_members_again(
    photos: Path, tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = folders.some_of(photos, tmp_path / "photos", each=7)
    options = {"steps": "scratch,folds", "folds": 2, "epochs": 1}
    with monkeypatch.context() as patch:
        titles = counted_trainings(patch, stop_at=2)
        with pytest.raises(KeyboardInterrupt):
            climb(small, tmp_path, **options)
    assert titles == ["scratch", "fold 1 of 2"]
    assert not list((tmp_path / "runs").glob("*"))
    with monkeypatch.context() as patch:
        titles = counted_trainings(patch)
        run = climb(small, tmp_path, **options)
    assert titles == ["fold 2 of 2"]
    rungs = {rung.name: rung for rung in run.metrics.parts["test"].rungs}
    assert list(rungs) == ["majority class", "5 nearest neighbors", "scratch, tiny", "probe on lite0", "finetune, lite0, 2 folds"]
    assert not list((own_cache / "trainings").glob("*"))


def test_fine_tuning_folds_and_all_refinements(photos: Path, tmp_path: Path) -> None:
    small = folders.some_of(photos, tmp_path / "photos", each=7)
    run = climb(small, tmp_path, steps="probe,finetune,folds,tta,calibration", folds=2, epochs=1, tta=2)
    tuned, several = "finetune, lite0", "finetune, lite0, 2 folds"
    names = [rung.name for rung in run.metrics.parts["test"].rungs][2:]
    assert names == ["probe on lite0", tuned, several, f"{several}, 2 views", f"{several}, 2 views, calibrated"]
    assert run.metrics.ladder.saved in names[:3]
    found = tellapart.predict(run.folder, small / "dots")
    assert len(found.predictions) == 7
