from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import tellapart
from tellapart import calibration
from tellapart.cli.app import tellapart as door
from tellapart.dataset.file_rows import load_rows, save_rows
from tellapart.errors import DataError, OptionError, StorageError
from tellapart.models.model_card import sealed_card
from tellapart.models.saved_model import load_model
from tellapart.predictions import Predictions
from tellapart.run_folder import Run, open_run
from tests import folders


def run_on(folder: Path, out: Path, **options: object) -> Run:
    return tellapart.train(
        folder, out=out / "runs", state=out / "state", n_splits=0, learning_curve=False, **{"backbone": "lite0", **options}
    )


@pytest.fixture(scope="module")
def second(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Like ``trained``, with squashed and smaller images."""
    return run_on(photos, tmp_path_factory.mktemp("second"), resize="squash", image_size=96, name="small")


@pytest.fixture(scope="module")
def combined(trained: Run, second: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return tellapart.ensemble([trained.folder, second.folder], out=tmp_path_factory.mktemp("combined"))


def log_odds(run: Run, predictions: Predictions) -> np.ndarray:
    return predictions.logits / load_model(run.model_folder).temperature


def test_an_ensemble_is_a_run_like_any_other(combined: Run, trained: Run, second: Run) -> None:
    assert combined.name == "photos-ensemble-1"
    assert {p.name for p in combined.folder.iterdir()} == {p.name for p in trained.folder.iterdir()}
    assert combined.metrics.recipe == "ensemble"
    assert combined.metrics.backbone == "lite0"
    assert combined.options.verb == "ensemble"
    assert combined.options.options["runs"] == [str(trained.folder), str(second.folder)]
    rungs = combined.metrics.parts["test"].rungs
    assert [rung.name for rung in rungs] == ["photos-1: probe on lite0", "small: probe on lite0", "ensemble of 2 runs"]
    assert [rung.gain is None for rung in rungs] == [True, False, False]
    assert rungs[0].accuracy == trained.metrics.parts["test"].accuracy
    assert rungs[0].log_loss == trained.metrics.parts["test"].log_loss
    assert rungs[1].log_loss == second.metrics.parts["test"].log_loss
    assert rungs[2].log_loss == combined.metrics.parts["test"].log_loss
    assert combined.metrics.data == trained.metrics.data
    assert [row.part for row in combined.rows] == [row.part for row in trained.rows]
    assert combined.metrics.notes == []
    events = [json.loads(line) for line in (combined.folder / "history.jsonl").read_text().splitlines()]
    assert [(event["event"], event["name"]) for event in events] == [("run", "photos-1"), ("run", "small")]
    page = combined.report.read_text()
    assert "The predictions of finished runs (lite0) were averaged; nothing new was trained." in page
    assert "that each run predicted without being trained on them" in page


def test_the_answer_is_the_mean_of_the_runs_calibrated_log_odds(combined: Run, trained: Run, second: Run) -> None:
    selection = combined.metrics.selection
    first, other = (run.weight for run in selection.runs)
    assert first + other == pytest.approx(1)
    assert 0 < other < first, "96 squashed pixels see less"
    assert trained.predictions.image_ids == second.predictions.image_ids == combined.predictions.image_ids
    mean = first * log_odds(trained, trained.predictions) + other * log_odds(second, second.predictions)
    expected = calibration.apply(mean, selection.temperature, selection.clip)
    assert np.allclose(combined.predictions.probabilities, expected, atol=1e-12)
    model = load_model(combined.model_folder)
    assert np.allclose(model.probabilities(combined.predictions.logits), expected, atol=1e-12)
    factor = combined.predictions.logits / mean
    assert np.allclose(factor, factor[0, 0]), "one common factor, which the temperature takes back"
    assert model.temperature / selection.temperature == pytest.approx(factor[0, 0])


def test_weights_temperature_and_clip_come_from_out_of_fold_images_alone(combined: Run, trained: Run, second: Run) -> None:
    selection, found = combined.metrics.selection, combined.out_of_fold
    assert found is not None
    assert trained.out_of_fold is not None
    assert second.out_of_fold is not None
    assert set(found.parts) == {"train"}
    assert (selection.weights, selection.n, selection.is_fitted) == ("out-of-fold", len(found), True)
    mean = sum(
        weight.weight * log_odds(run, run.out_of_fold)
        for weight, run in zip(selection.runs, (trained, second), strict=True)
        if run.out_of_fold
    )
    assert selection.temperature == pytest.approx(calibration.fit_temperature(mean, found.targets))
    assert selection.clip == calibration.fit_clip(calibration.softmax(mean, selection.temperature), found.targets)
    assert selection.log_loss.after <= min(run.log_loss for run in selection.runs) + 0.01


def test_the_saved_model_says_what_the_run_reports(combined: Run, trained: Run, tmp_path: Path) -> None:
    shutil.copytree(combined.model_folder, tmp_path / "model")
    model = load_model(tmp_path / "model")
    assert [(member.resize, member.backbones[0].card.image_size) for member in model.members] == [("crop", 224), ("squash", 96)]
    reported = combined.predictions
    found = tellapart.predict(tmp_path / "model", [Path(combined.metrics.folder) / path for path in reported.paths]).predictions
    assert found.image_ids == reported.image_ids
    assert np.abs(found.probabilities - reported.probabilities).max() < 0.02


def test_an_ensemble_is_evaluated_compared_submitted_and_reported(combined: Run, trained: Run, tmp_path: Path) -> None:
    new = folders.write(
        tmp_path / "new", {f"{kind}/{i}.jpg": folders.class_photo(kind, 600 + i) for kind in folders.KINDS for i in range(2)}
    )
    assert tellapart.evaluate(combined.folder, new, tta=2).n == 6
    found = tellapart.compare(trained.folder, combined.folder)
    assert found.n == len(combined.predictions)
    assert found.log_loss.value == pytest.approx(
        combined.metrics.parts["test"].log_loss.value - trained.metrics.parts["test"].log_loss.value
    )
    (tmp_path / "sample.csv").write_text(
        "id,dots,plain,stripes\n" + "".join(f"{kind}/{i}.jpg,0,0,1\n" for kind in folders.KINDS for i in range(2))
    )
    assert tellapart.submit(combined.folder, new, sample=tmp_path / "sample.csv", out=tmp_path / "out.csv").rows == 6
    before = combined.report.read_text()
    copy = Path(shutil.copytree(combined.folder, tmp_path / combined.name))
    assert tellapart.report(copy).read_text() == before


def test_an_ensemble_of_an_ensemble_is_one(combined: Run, trained: Run, tmp_path: Path) -> None:
    again = tellapart.ensemble([combined.folder, trained.folder], out=tmp_path, weights="equal")
    mean = (log_odds(combined, combined.predictions) + log_odds(trained, trained.predictions)) / 2
    selection = again.metrics.selection
    assert np.allclose(again.predictions.probabilities, calibration.apply(mean, selection.temperature, selection.clip))
    assert len(load_model(again.model_folder).members) == 3


def test_equal_weights_are_equal(trained: Run, second: Run, tmp_path: Path) -> None:
    found = tellapart.ensemble([trained.folder, second.folder], out=tmp_path, weights="equal", name="both")
    assert found.folder == tmp_path / "both"
    assert [run.weight for run in found.metrics.selection.runs] == [0.5, 0.5]
    assert found.metrics.selection.is_fitted
    assert "All 2 runs have the same weight." in found.report.read_text()


def test_columns_follow_the_first_runs_classes(trained: Run, second: Run, combined: Run, tmp_path: Path) -> None:
    """A run that keeps its classes in another order is understood."""
    turned = Path(shutil.copytree(second.folder, tmp_path / second.name))
    order = [2, 0, 1]
    names = [second.class_names[i] for i in order]
    for path in (turned / "metrics.json", turned / "model/model.json"):
        path.write_text(json.dumps({**json.loads(path.read_text()), "class_names": names}))
    for name in ("predictions.parquet", "out_of_fold.parquet"):
        old = Predictions.load(turned / name)
        replace(old, class_names=tuple(names), probabilities=old.probabilities[:, order], logits=old.logits[:, order]).save(turned / name)
    turn_heads(turned / "model/member-1.safetensors", order)
    card = json.loads((turned / "model/model.json").read_text())
    (turned / "model/model.json").write_text(sealed_card({k: v for k, v in card.items() if k != "sha256"}, turned / "model"))
    found = tellapart.ensemble([trained.folder, turned], out=tmp_path)
    assert np.allclose(found.predictions.probabilities, combined.predictions.probabilities)
    image = Path(combined.metrics.folder) / combined.predictions.paths[0]
    both = [tellapart.predict(run.folder, image).predictions.probabilities for run in (found, combined)]
    assert np.allclose(*both)


def turn_heads(path: Path, order: list[int]) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(path)
    for name in tensors:
        if name.startswith("head.") and name.endswith((".weight", ".bias")):
            tensors[name] = tensors[name][..., order].contiguous()
    save_file(tensors, path)


def test_a_run_without_out_of_fold_predictions_makes_weights_equal(trained: Run, second: Run, tmp_path: Path) -> None:
    older = Path(shutil.copytree(second.folder, tmp_path / second.name))
    (older / "out_of_fold.parquet").unlink()
    found = tellapart.ensemble([trained.folder, older], out=tmp_path)
    selection = found.metrics.selection
    assert [run.weight for run in selection.runs] == [0.5, 0.5]
    assert (selection.n, selection.temperature, selection.is_fitted) == (0, 1.0, False)
    assert selection.clip == max(load_model(run.model_folder).clip for run in (trained, second))
    assert [run.log_loss for run in selection.runs] == [None, None]
    notes = found.metrics.notes
    assert "small keeps no out-of-fold predictions" in notes[0]
    assert "0 out-of-fold images in common" in notes[1]
    assert found.out_of_fold is not None
    assert len(found.out_of_fold) == 0
    assert "Both were found on" not in found.report.read_text()


def test_what_any_run_trained_on_is_not_reported(trained: Run, photos: Path, tmp_path: Path) -> None:
    other = run_on(photos, tmp_path, seed=1, name="other")
    found = tellapart.ensemble([trained.folder, other.folder], out=tmp_path)
    trained_on = {row.image_id for run in (trained, other) for row in run.rows if row.part == "train"}
    in_both = set(trained.predictions.image_ids) & set(other.predictions.image_ids)
    assert set(found.predictions.image_ids) == in_both
    assert 0 < len(in_both) < 18
    parts = {row.image_id: row.part for row in found.rows if row.is_used}
    assert {image_id for image_id, part in parts.items() if part == "train"} == trained_on
    assert {image_id for image_id, part in parts.items() if part == "test"} == in_both
    assert sum(c.test for c in found.metrics.data.classes) == found.metrics.parts["test"].n == len(in_both)
    assert sum(c.train for c in found.metrics.data.classes) == len(trained_on)
    assert any(f"{18 - len(in_both)} of the 18 images" in note for note in found.metrics.notes)
    numbers = tellapart.evaluate(found.folder, photos)
    assert numbers.seen_in_training == len(trained_on)


def test_images_that_only_another_folder_trained_on_count_as_seen(trained: Run, photos: Path, tmp_path: Path) -> None:
    """A second folder with the same test, and training images of its own."""
    tests = [row for row in trained.rows if row.part == "test"]
    files = {f"test/{row.label}/{Path(row.path).name}": (photos / row.path).read_bytes() for row in tests}
    files |= {f"train/{kind}/{seed}.jpg": folders.class_photo(kind, 700 + seed) for kind in folders.KINDS for seed in range(8)}
    other = run_on(folders.write(tmp_path / "others", files), tmp_path)
    found = tellapart.ensemble([trained.folder, other.folder], out=tmp_path)
    assert found.metrics.parts["test"].n == 18
    own = [row for row in found.rows if row.path.startswith(str(tmp_path / "others"))]
    assert len(own) == 24
    assert {(row.part, row.status) for row in own} == {("train", "used")}
    numbers = tellapart.evaluate(found.folder, tmp_path / "others")
    assert (numbers.n, numbers.seen_in_training) == (18, 24)


def test_a_near_duplicate_in_anyones_training_keeps_an_image_out(trained: Run, second: Run, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(second.folder, tmp_path / second.name))
    rows = load_rows(copy / "images.parquet")
    test_row = next(row for row in rows if row.part == "test")
    learned = next(number for number, row in enumerate(rows) if row.part == "train")
    rows[learned] = replace(rows[learned], group=test_row.group)
    save_rows(rows, copy / "images.parquet")
    found = tellapart.ensemble([trained.folder, copy], out=tmp_path)
    assert len(found.predictions) == 17
    assert test_row.image_id not in found.predictions.image_ids
    (left,) = [row for row in found.rows if row.image_id == test_row.image_id]
    assert (left.status, left.part) == ("set aside", None)
    assert "near-duplicate" in str(left.reason)


def test_too_few_runs_or_one_twice_is_a_clear_error(trained: Run, tmp_path: Path) -> None:
    for runs in ([trained.folder], trained.folder, []):
        with pytest.raises(DataError, match="at least two runs"):
            tellapart.ensemble(runs)
    with pytest.raises(DataError, match="given twice"):
        tellapart.ensemble([trained.folder, trained.folder / ".." / trained.name])
    with pytest.raises(DataError, match="no finished run"):
        tellapart.ensemble([trained.folder, tmp_path])
    with pytest.raises(OptionError, match="weights must be one of"):
        tellapart.ensemble([trained.folder, trained.folder], weights="best")


def test_other_classes_are_named(trained: Run, photos: Path, tmp_path: Path) -> None:
    two = run_on(folders.some_of(photos, tmp_path / "two", each=10, kinds=("dots", "plain")), tmp_path)
    with pytest.raises(DataError, match=r"two-1 are not those of .*: it does not know 'stripes'"):
        tellapart.ensemble([trained.folder, two.folder], out=tmp_path)
    with pytest.raises(DataError, match="it knows 'stripes' besides"):
        tellapart.ensemble([two.folder, trained.folder], out=tmp_path)


def test_runs_that_report_nothing_in_common_are_a_clear_error(trained: Run, tmp_path: Path) -> None:
    files = {f"{kind}/{seed}.jpg": folders.class_photo(kind, 300 + seed) for kind in folders.KINDS for seed in range(5)}
    other = run_on(folders.write(tmp_path / "others", files), tmp_path)
    with pytest.raises(DataError, match="no image that all of these runs report") as caught:
        tellapart.ensemble([trained.folder, other.folder], out=tmp_path / "out")
    assert "--seed" in str(caught.value.hint)
    assert not (tmp_path / "out").exists()


def test_a_damaged_run_writes_nothing(trained: Run, second: Run, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(second.folder, tmp_path / second.name))
    (copy / "out_of_fold.parquet").write_bytes(b"damaged")
    with pytest.raises(StorageError, match=r"out_of_fold\.parquet"):
        tellapart.ensemble([trained.folder, copy], out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_command_says_the_weights_and_the_rungs(trained: Run, second: Run, tmp_path: Path) -> None:
    words = ["ensemble", str(trained.folder), str(second.folder), "--out", str(tmp_path / "runs"), "--weights", "equal", "-q"]
    result = CliRunner().invoke(door, words)
    assert result.exit_code == 0
    assert result.stdout.startswith("weights: photos-1 50.0 %, small 50.0 %\n18 test images")
    assert "ensemble of 2 runs" in result.stdout
    content = json.loads(CliRunner().invoke(door, [*words, "--json"]).stdout)
    assert open_run(content["path"]).name == "photos-ensemble-1"
    assert CliRunner().invoke(door, ["ensemble", str(trained.folder)]).exit_code == 1
