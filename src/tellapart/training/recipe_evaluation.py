"""A fitted classifier and its evaluation: what every recipe gives, and what a run folder is written from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tellapart.array_types import FloatArray
from tellapart.dataset.file_rows import FileRow
from tellapart.models.saved_model import Classifier
from tellapart.predictions import Predictions
from tellapart.run_metrics import EvaluationMetrics


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A fitted classifier and its evaluation.

    Attributes:
        recipe: name of the recipe.
        backbone: name of the backbone.
        classifier: the model to save.
        predictions: of every reported image.
        below: by reported part, predictions of the baselines for the same images.
        out_of_fold: predictions of training images by members that were not trained on them; temperature and clip were chosen on them.
        rows: one row per file, with coordinates on the map and nearest training images.
        metrics: what was measured.
        history: events of the training.
        familiarity: of the images of ``predictions``, float64 (n,); None where the classifier does not know it.
    """

    recipe: str
    backbone: str
    classifier: Classifier
    predictions: Predictions
    below: dict[str, list[Predictions]]
    out_of_fold: Predictions
    rows: list[FileRow]
    metrics: EvaluationMetrics
    history: list[dict[str, Any]]
    familiarity: FloatArray | None = None
