from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tellapart
from tellapart.models.saved_model import load_model
from tellapart.run_folder import Run


def test_a_run_reports_false_alarms_coverage_and_the_strangest_images(trained: Run) -> None:
    part = trained.metrics.parts["test"]
    n, found, sets = part.n, part.familiarity, part.prediction_sets
    assert found is not None and sets is not None
    assert [alarm.unknown for alarm in found.false_alarms] == [0.01, 0.05]
    assert all(alarm.measured.low <= alarm.measured.value <= alarm.measured.high for alarm in found.false_alarms)
    strangest = [image.familiarity for image in found.strangest]
    assert strangest == sorted(strangest) and len(strangest) == min(12, n)
    assert (sets.n, sets.coverage) == (n, 0.95)
    assert 1 <= sets.mean_size <= 3


def test_predict_says_the_same_familiarity_as_the_report(trained: Run, photos: Path) -> None:
    known = trained.metrics.parts["test"].familiarity
    assert known is not None
    found = tellapart.predict(trained.folder, [photos / image.path for image in known.strangest])
    assert found.familiarity == pytest.approx([image.familiarity for image in known.strangest], abs=0.03)


def test_the_scale_holds_every_training_image_out_of_fold(trained: Run) -> None:
    model = load_model(trained.model_folder)
    n = sum(row.is_used and row.part == "train" for row in trained.rows)
    assert model.familiarity is not None and model.true_classes is not None
    assert (len(model.familiarity.units), len(model.familiarity.scale), len(model.true_classes)) == (n, n, n)


def test_evaluate_reports_both_and_what_becomes_of_classes_that_the_run_does_not_know(trained: Run, photos: Path, tmp_path: Path) -> None:
    for row in trained.rows:
        if row.part == "test":
            (tmp_path / "new" / str(row.label)).mkdir(parents=True, exist_ok=True)
            shutil.copy2(photos / row.path, tmp_path / "new" / row.path)
    (tmp_path / "new" / "noise").mkdir()
    for seed in range(6):
        pixels = np.random.default_rng(seed).integers(0, 256, (150, 150, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "new" / "noise" / f"{seed}.png")
    found = tellapart.evaluate(trained.folder, tmp_path / "new", report=tmp_path / "report")
    assert found.familiarity is not None and found.familiarity.n == found.n
    assert found.prediction_sets is not None and found.prediction_sets.n == found.n
    assert found.unknown_classes is not None and found.unknown_classes.n == 6
    assert found.unknown_classes.false_alarms[1].measured.value > 0.9
    assert "The least familiar images" in (tmp_path / "report" / "report.html").read_text()
