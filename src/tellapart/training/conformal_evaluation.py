"""Fit familiarity and prediction sets (both conformal) to a trained classifier, and evaluate both on the reported images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tellapart.array_types import FloatArray, IntArray
from tellapart.conformal import prediction_sets, true_class_scale
from tellapart.dataset.file_rows import FileRow
from tellapart.evaluation.conformal_scores import COVERAGE, familiarity_scores, set_scores
from tellapart.features import FeatureMatrix
from tellapart.models.out_of_distribution import Unlearned, fit_familiarity
from tellapart.models.saved_model import Classifier
from tellapart.part_metrics import FamiliarityScores, SetScores
from tellapart.predictions import Predictions

if TYPE_CHECKING:
    from tellapart.training.recipe_evaluation import Evaluation


def with_familiarity(
    evaluation: Evaluation,
    train: Sequence[FileRow],
    features: FeatureMatrix,
    *,
    held_out: IntArray | None = None,
    is_average_of_folds: bool = False,
) -> Evaluation:
    """The evaluation with the familiarity of images, and that of every reported image.

    Args:
        evaluation: of a classifier without familiarity.
        train: the training images.
        features: of all images, from the classifier's first member.
        held_out: rows, int64 (m,), of the training images that the first member was not trained on; None where it saw none of them.
        is_average_of_folds: whether the classifier averages several networks, of which each predicted other images out of fold.
    """
    row_of = {image_id: row for row, image_id in enumerate(row.image_id for row in train)}
    out_of_fold = evaluation.out_of_fold
    rows = np.array([row_of[image_id] for image_id in out_of_fold.image_ids], dtype=np.int64)
    unlearned = Unlearned(rows, None if is_average_of_folds else out_of_fold.logits, held_out)
    own = features.of([row.image_id or "" for row in train])
    fitted = fit_familiarity(own, [row.group or "" for row in train], unlearned)
    if fitted is None:
        return evaluation
    reported = evaluation.predictions
    p_values = fitted.p_values(features.of(reported.image_ids), reported.logits)
    return replace(evaluation, classifier=replace(evaluation.classifier, familiarity=fitted), familiarity=p_values)


def with_unknown_scores(evaluation: Evaluation) -> Evaluation:
    """The evaluation with the scale of its prediction sets, and in its metrics what sets and familiarity do on each reported part."""
    held, reported = evaluation.out_of_fold, evaluation.predictions
    scale = true_class_scale(held.probabilities, held.targets, held.groups)
    classifier = replace(evaluation.classifier, true_classes=scale if len(scale) else None)
    parts = evaluation.metrics.parts
    for part in parts:
        rows = np.flatnonzero(np.array([each == part for each in reported.parts], dtype=bool) & (reported.targets >= 0))
        if len(rows):
            familiarity = None if evaluation.familiarity is None else evaluation.familiarity[rows]
            familiarity_of_part, sets = unknown_scores(classifier, reported.where(rows), familiarity)
            parts[part] = replace(parts[part], familiarity=familiarity_of_part, prediction_sets=sets)
    metrics = replace(evaluation.metrics, test=parts.get("test"), val=parts.get("val"))
    return replace(evaluation, classifier=classifier, metrics=metrics)


def unknown_scores(
    classifier: Classifier, labeled: Predictions, familiarity: FloatArray | None
) -> tuple[FamiliarityScores | None, SetScores | None]:
    """Scores of the familiarity and of the prediction sets of a part; None where the classifier has no such thing.

    Args:
        classifier: with its scales.
        labeled: images of the part, all of known class.
        familiarity: of these images, float (n,); None where the classifier does not know it.
    """
    scale, sets = classifier.true_classes, None
    if scale is not None and scale.smallest <= 1 - COVERAGE:
        sets = set_scores(prediction_sets(labeled.probabilities, scale, COVERAGE), labeled)
    scores = None if familiarity is None else familiarity_scores(familiarity, labeled)
    return scores, sets
