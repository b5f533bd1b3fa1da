from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import tellapart
from tellapart.dataset.file_rows import USED, FileRow
from tellapart.errors import OptionError
from tellapart.evaluation.metrics import log_loss
from tellapart.progress import SILENT, NoProgress
from tellapart.run_folder import Run
from tellapart.training import probe_search, trials
from tellapart.training.auto_recipe import AutoRunner
from tellapart.training.options import TrainOptions
from tellapart.training.time_budget import OutOfTime, TimeBudget, TimedProgress
from tellapart.training.trials import are_square, network_seconds, other_size
from tests import folders

SMALL = {"backbone": "lite0", "image_size": 64, "recipe": "auto"}


@pytest.fixture(scope="module")
def searched(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A search over probes on lite0 alone, and no fine-tuning."""
    where = tmp_path_factory.mktemp("searched")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(probe_search, "packaged_names", lambda base: [])
        patch.setattr(AutoRunner, "_fine_tuned", lambda self, search, progress: None)
        return tellapart.train(photos, **SMALL, out=where / "runs", state=where / "state")


def test_everything_tried_is_in_the_run_with_its_weight(searched: Run) -> None:
    found = searched.metrics.search
    assert [row.name for row in found.trials] == [
        "probe on lite0, crop",
        "probe on lite0, squash",
        "probe on lite0, pad",
        *(row.name for row in found.trials[3:]),
    ]
    assert found.trials[-1].name.endswith("not mirrored")
    assert sum(row.weight for row in found.trials) == pytest.approx(1)
    assert all(row.log_loss is not None and not row.reason for row in found.trials)
    assert found.findings and found.time_limit is None


def test_the_saved_model_says_what_was_reported(searched: Run, photos: Path) -> None:
    reported = searched.predictions
    found = tellapart.predict(searched.folder, [photos / path for path in reported.paths]).predictions
    order = [found.image_ids.index(image_id) for image_id in reported.image_ids]
    assert np.allclose(found.probabilities[order], reported.probabilities, atol=1e-5)


def test_what_is_claimed_out_of_fold_is_near_what_was_chosen_on(searched: Run) -> None:
    """Near, and not lower than the log loss that the choice has seen."""
    own, claimed = searched.out_of_fold, searched.metrics.selection.cross_fitted_log_loss
    assert own is not None
    assert claimed >= log_loss(own.probabilities, own.targets) - 1e-6


def test_the_report_and_its_twin_show_the_search(searched: Run) -> None:
    page = searched.report.read_text(encoding="utf-8")
    assert "What was tried" in page and "probe on lite0, squash" in page


def test_a_time_too_short_for_anything_still_gives_the_probe(photos: Path, trained: Run, tmp_path: Path) -> None:
    few = folders.some_of(photos, tmp_path / "few", 12)
    run = tellapart.train(few, recipe="auto", backbone="lite0", time_limit="1s", out=tmp_path / "runs", state=tmp_path / "state")
    first, *others = run.metrics.search.trials
    assert first.weight == 1 and not first.reason
    assert others and all(row.log_loss is None and row.reason for row in others)
    probe = tellapart.train(few, backbone="lite0", n_splits=0, learning_curve=False, out=tmp_path / "runs", state=tmp_path / "state")
    assert np.array_equal(probe.predictions.probabilities, run.predictions.probabilities)


def test_the_probe_says_what_auto_would_cost(photos: Path, tmp_path: Path) -> None:
    said: list[str] = []
    progress = NoProgress()
    progress.note = said.append  # type: ignore[method-assign]
    few = folders.some_of(photos, tmp_path / "few", 12)
    shutil.rmtree(few / "plain")
    tellapart.train(few, backbone="lite0", out=tmp_path / "runs", state=tmp_path / "state", progress=progress)
    assert any(note.startswith("--recipe auto would try ") for note in said)


def test_sampling_classes_is_refused_as_by_the_probe() -> None:
    with pytest.raises(OptionError, match="auto cannot oversample"):
        AutoRunner(TrainOptions.of(recipe="auto", balance="oversample"))


def row(width: int, height: int) -> FileRow:
    return FileRow("a.jpg", "0", "a", "train", "g", USED, None, width, height, 1)


def test_square_images_are_not_cropped_padded_and_squashed() -> None:
    assert are_square([row(100, 100)] * 99 + [row(100, 300)])
    assert not are_square([row(100, 100)] * 80 + [row(100, 300)] * 20)


@pytest.mark.parametrize(("side", "native", "size"), [(500, 260, 320), (64, 260, 96), (150, 260, 160), (255, 260, None), (300, 224, 288)])
def test_the_other_size_is_that_of_small_images_or_larger(side: int, native: int, size: int | None) -> None:
    assert other_size([row(side, side + 40)] * 3, native) == size


def test_more_folds_cost_more_and_the_network_more_than_the_probe() -> None:
    costs = [network_seconds(1000, 1250, 4, folds, 0.02) for folds in (1, 3, 5)]
    assert costs == sorted(costs) and costs[0] > 1250 * 0.02


def test_rates_of_another_size_are_scaled(monkeypatch: pytest.MonkeyPatch) -> None:
    from tellapart.models.backbones import find_backbones

    monkeypatch.setattr(trials, "known_rate", lambda name, size, device, *, mirror: 50.0 if (name, size) == ("lite0", 224) else None)
    (backbone,) = find_backbones("lite0", image_size=112)
    assert trials.image_seconds(backbone, "cpu") == pytest.approx(0.25 / 50)


def test_a_budget_ends_a_stage_and_parts_are_of_the_limit() -> None:
    budget = TimeBudget(1000.0, reserve_s=10.0)
    assert budget.part_s(0.0) == 875.0 and budget.part_s(500.0) == 375.0
    assert TimeBudget(None).left_s == np.inf and TimeBudget(None).part_s(0.0) is None
    with pytest.raises(OutOfTime), TimedProgress(SILENT, TimeBudget(0.0)).stage("computing") as advance:
        advance(1)
