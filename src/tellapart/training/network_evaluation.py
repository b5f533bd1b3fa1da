"""The examination of a trained network: its members' features and logits, calibrated out of fold, judged like a probe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tellapart import calibration
from tellapart.array_types import FloatArray, IntArray
from tellapart.dataset.parts import Assignment
from tellapart.evaluation.metrics import accuracy, log_loss
from tellapart.features import FeatureMatrix
from tellapart.models.saved_model import Classifier, Member
from tellapart.predictions import Predictions
from tellapart.training.fold_training import FoldMember
from tellapart.training.linear_probe import Probe
from tellapart.training.network_recipe import NetworkRecipe
from tellapart.training.part_evaluation import LabeledSet, baseline_predictions, evaluate_part, probe_predictions
from tellapart.training.probe_evaluation import Evaluation, PartSets, concatenate_predictions, data_card, rows_with_neighbors

FeaturesOf = Callable[[Member], FeatureMatrix]
"""The features of every image, from a member's backbone."""


def evaluate_network(
    assignment: Assignment,
    base: FeatureMatrix,
    recipe: NetworkRecipe,
    folds: Sequence[FoldMember],
    features_of: FeaturesOf,
    probe: Probe | None,
) -> Evaluation:
    """Calibrate a trained network on held-out images, and evaluate it on the reported parts.

    Args:
        assignment: the parts.
        base: features of the pretrained backbone; width 0 from scratch.
        recipe: the network and how it was trained.
        folds: the members.
        features_of: computes features with a member's backbone.
        probe: linear probe on the pretrained backbone, a baseline of fine-tuning.
    """
    sets = PartSets.of(assignment, base)
    train, reported = sets.train, sets.reported
    member_logits: dict[str, list[FloatArray]] = {part: [] for part in reported}
    held_rows: list[IntArray] = []
    held_logits: list[FloatArray] = []
    first: FeatureMatrix | None = None
    for fold in folds:
        features = features_of(fold.member)
        first = first or features
        for part, found in reported.items():
            member_logits[part].append(fold.member.logits(features.of([row.image_id or "" for row in found.rows])))
        held_rows.append(fold.held_out)
        held_logits.append(fold.member.logits(features.of([train.rows[i].image_id or "" for i in fold.held_out])))
    rows, logits = np.concatenate(held_rows), np.concatenate(held_logits)
    classifier, selection = _calibrate(sets.class_names, [fold.member for fold in folds], logits, train.data.targets[rows], len(folds))
    selection["members"] = [
        _score(number, held, found, train, classifier)
        for number, (held, found) in enumerate(zip(held_rows, held_logits, strict=True), 1)
        if len(held)
    ]
    predictions = {
        part: found.predictions(
            classifier.probabilities(classifier.logits(member_logits[part])), classifier.logits(member_logits[part]), recipe.title
        )
        for part, found in reported.items()
    }
    assert first is not None  # noqa: S101
    last = PartSets.of(assignment, first)
    rungs_below = {part: _rungs_below(train, found, probe, base) for part, found in reported.items()}
    metrics: dict[str, Any] = {part: evaluate_part(predictions[part], rungs_below[part]) for part in reported}
    why = f"it would mean training the {recipe.name} recipe again and again; tellapart learning-curve does so when asked"
    metrics |= {
        "selection": selection,
        "split_sensitivity": None,
        "split_sensitivity_reason": "Other splits were not tried: every one would mean training the network again.",
        "learning_curve": None,
        "learning_curve_reason": f"No learning curve was made: {why}.",
        "leak": None,
        "training": _training(recipe, folds),
        "data": data_card(assignment.rows, sets.class_names, assignment.duplicate_groups),
    }
    return Evaluation(
        recipe=recipe.name,
        backbone=recipe.card.name,
        classifier=classifier,
        predictions=concatenate_predictions(list(predictions.values())),
        below=rungs_below,
        out_of_fold=train.taken(rows).predictions(classifier.probabilities(logits), logits, recipe.title),
        rows=rows_with_neighbors(assignment.rows, first, last.train, last.reported),
        metrics=metrics,
        history=[{"event": "epoch", "fold": number, **event} for number, fold in enumerate(folds, 1) for event in fold.facts["history"]],
    )


def _calibrate(
    class_names: tuple[str, ...], members: Sequence[Member], logits: FloatArray, targets: IntArray, folds: int
) -> tuple[Classifier, dict[str, Any]]:
    """The classifier with temperature and clip chosen on held-out logits, and the ``selection`` of metrics.json."""
    temperature = max(1.0, calibration.fit_temperature(logits, targets))  # these images chose the epoch: they flatter, never sharpen
    clip = calibration.fit_clip(calibration.softmax(logits, temperature), targets)
    losses = None
    if len(targets):
        before, after = calibration.softmax(logits), calibration.apply(logits, temperature, clip)
        losses = {"before": log_loss(before, targets), "after": log_loss(after, targets)}
    selection = {"folds": folds, "n": len(targets), "temperature": temperature, "clip": clip, "log_loss": losses}
    return Classifier(class_names, tuple(members), temperature, clip), selection


def _score(number: int, rows: IntArray, logits: FloatArray, train: LabeledSet, classifier: Classifier) -> dict[str, Any]:
    """A member's own score on the fold it did not see."""
    probabilities, targets = classifier.probabilities(logits), train.data.targets[rows]
    return {"fold": number, "n": len(rows), "accuracy": accuracy(probabilities, targets), "log_loss": log_loss(probabilities, targets)}


def _rungs_below(train: LabeledSet, reported: LabeledSet, probe: Probe | None, base: FeatureMatrix) -> list[Predictions]:
    rungs = baseline_predictions(train, reported)
    return rungs if probe is None else [*rungs, probe_predictions(probe, reported, f"probe on {base.provenance['backbone']}")]


def _training(recipe: NetworkRecipe, folds: Sequence[FoldMember]) -> dict[str, Any]:
    """``training`` of metrics.json: what it cost."""
    seconds = sum(fold.facts["seconds"] for fold in folds)
    images = sum(fold.facts["images"] for fold in folds)
    return {
        "seconds": seconds,
        "images": images,
        "images_per_s": images / max(seconds, 1e-9),
        "epochs": recipe.plan.epochs,
        "image_size": recipe.card.image_size,
        "precision": folds[0].facts["precision"],
        "augmentation": str(recipe.augmentation),
    }
