from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tellapart
from tellapart.decision_rule import recall_rule
from tellapart.errors import OptionError
from tellapart.models.saved_model import load_model
from tellapart.predictions import Predictions
from tellapart.run_folder import Run
from tellapart.training.operating_point import recall_factors
from tests import folders


def held(n: int, seed: int = 0) -> Predictions:
    """Calibrated predictions of two classes that overlap."""
    rng = np.random.default_rng(seed)
    p = rng.beta(1.2, 1.2, size=n)
    labels = tuple("dogs" if u < q else "cats" for u, q in zip(rng.random(n), p, strict=True))
    ids = tuple(f"{seed}-{i}" for i in range(n))
    probabilities = np.stack([1 - p, p], axis=1)
    return Predictions(ids, ids, labels, probabilities, np.log(probabilities), ("cats", "dogs"), ("test",) * n, ids, "toy")


def recall(rule_on: Predictions, factors: np.ndarray, name: str) -> float:
    chosen = recall_rule(rule_on.class_names, factors, "recall").chosen(rule_on.probabilities)
    place = rule_on.class_names.index(name)
    return float((chosen[rule_on.targets == place] == place).mean())


def test_new_images_reach_the_recall_on_average() -> None:
    found = [recall(held(2000, 1000 + seed), recall_factors(held(120, seed), {"dogs": 0.9}), "dogs") for seed in range(60)]
    assert np.mean(found) == pytest.approx(0.9, abs=0.02)


def test_a_recall_that_is_reached_anyway_changes_nothing() -> None:
    assert recall_factors(held(500), {"dogs": 0.05}).tolist() == [1, 1]


def test_recalls_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(OptionError, match="cannot be reached together"):
        recall_factors(held(2000), {"dogs": 0.98, "cats": 0.98})


def test_a_recall_needs_enough_images() -> None:
    with pytest.raises(OptionError, match="needs 999 different images of it out of fold"):
        recall_factors(held(500), {"dogs": 0.999})


def quick(photos: Path, to: Path, **options: object) -> Run:
    return tellapart.train(photos, **{"backbone": "lite0", "out": to / "runs", "n_splits": 0, "learning_curve": False, **options})


def test_costs_are_saved_reported_and_followed_by_predict_and_evaluate(trained: Run, photos: Path, tmp_path: Path) -> None:
    table = tmp_path / "costs.csv"
    table.write_text("truth,dots,plain,stripes,abstain\ndots,0,1,1,1e-9\nplain,1,0,1,1e-9\nstripes,1,1,0,1e-9\n")
    run = quick(photos, tmp_path, costs=table)
    found = run.metrics.parts["test"].decision
    assert found is not None and found.source == "costs costs.csv"
    assert found.unanswered.value > 0.5 and found.cost.value < found.usual_cost.value + 1e-6
    assert load_model(run.model_folder).decision is not None
    new = folders.write(tmp_path / "new", {"dots/1.jpg": folders.class_photo("dots", 500)})
    predicted = tellapart.predict(run.folder, new)
    assert predicted.answered == ("abstain",) and predicted.records()[0]["predicted"] == "abstain"
    assert tellapart.evaluate(run.folder, new).decision.unanswered.value == 1.0
    table.write_text(table.read_text().replace("1e-9", "0.9"))
    assert quick(photos, tmp_path, costs=table).folder != run.folder, "another table under the same name is another run"
    assert "Answers by costs costs.csv" in run.report.read_text()


def test_names_are_checked_before_anything_is_trained(trained: Run, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError) as error:
        quick(photos, tmp_path, recall="dotz=0.9")
    assert error.value.hint == "did you mean 'dots'?"
    assert not (tmp_path / "runs").exists()
    with pytest.raises(OptionError, match="recall has no effect"):
        quick(photos, tmp_path, recall="dots=0.9", costs=tmp_path / "costs.csv")
