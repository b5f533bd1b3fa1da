"""Evaluation of a trained network: the features and logits of its members, calibrated out of fold, evaluated like a probe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
    logits = _fold_logits(folds, features_of, train, reported)
    members = [fold.member for fold in folds]
    held_out, targets = np.concatenate(logits.held_out), train.data.targets[logits.rows]
    classifier, selection = _calibrate(sets.class_names, members, held_out, targets, len(folds))
    selection["members"] = _member_scores(folds, logits, train, classifier)
    predictions = {}
    for part, labeled in reported.items():
        mean = classifier.logits(logits.reported[part])
        predictions[part] = labeled.predictions(classifier.probabilities(mean), mean, recipe.title)
    last = PartSets.of(assignment, logits.features)
    below = {part: _baselines(train, labeled, probe, base) for part, labeled in reported.items()}
    return Evaluation(
        recipe=recipe.name,
        backbone=recipe.card.name,
        classifier=classifier,
        predictions=concatenate_predictions(list(predictions.values())),
        below=below,
        out_of_fold=train.taken(logits.rows).predictions(classifier.probabilities(held_out), held_out, recipe.title),
        rows=rows_with_neighbors(assignment.rows, logits.features, last.train, last.reported),
        metrics={
            **{part: evaluate_part(predictions[part], below[part]) for part in reported},
            "selection": selection,
            **_not_measured(recipe),
            "training": _training(recipe, folds),
            "data": data_card(assignment.rows, sets.class_names, assignment.duplicate_groups),
        },
        history=[{"event": "epoch", "fold": number, **event} for number, fold in enumerate(folds, 1) for event in fold.facts["history"]],
    )


@dataclass(frozen=True, eq=False)
class _FoldLogits:
    """The logits of every member.

    Attributes:
        reported: by part, one array (n, k) for each member.
        held_out: for each member, the logits (m, k) of the training images that it was not trained on.
        rows: int, the numbers of those training images, all members after one another.
        features: of every image, by the first member.
    """

    reported: dict[str, list[FloatArray]]
    held_out: list[FloatArray]
    rows: IntArray
    features: FeatureMatrix


def _fold_logits(folds: Sequence[FoldMember], features_of: FeaturesOf, train: LabeledSet, reported: dict[str, LabeledSet]) -> _FoldLogits:
    of_parts: dict[str, list[FloatArray]] = {part: [] for part in reported}
    held_out: list[FloatArray] = []
    first: FeatureMatrix | None = None
    for fold in folds:
        features = features_of(fold.member)
        first = first or features
        for part, labeled in reported.items():
            of_parts[part].append(fold.member.logits(features.of([row.image_id or "" for row in labeled.rows])))
        held_out.append(fold.member.logits(features.of([train.rows[i].image_id or "" for i in fold.held_out])))
    assert first is not None  # noqa: S101
    return _FoldLogits(of_parts, held_out, np.concatenate([fold.held_out for fold in folds]), first)


def _not_measured(recipe: NetworkRecipe) -> dict[str, Any]:
    """The entries of metrics.json that would take other trainings, with the reasons."""
    why = f"it would mean training the {recipe.name} recipe again and again; tellapart learning-curve does so when asked"
    return {
        "split_sensitivity": None,
        "split_sensitivity_reason": "Other splits were not tried: every one would mean training the network again.",
        "learning_curve": None,
        "learning_curve_reason": f"No learning curve was made: {why}.",
        "leak": None,
    }


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


def _member_scores(folds: Sequence[FoldMember], logits: _FoldLogits, train: LabeledSet, classifier: Classifier) -> list[dict[str, Any]]:
    """Each member's own score on the fold it was not trained on."""
    scores = []
    for number, (fold, held_out) in enumerate(zip(folds, logits.held_out, strict=True), 1):
        if n := len(fold.held_out):
            probabilities, targets = classifier.probabilities(held_out), train.data.targets[fold.held_out]
            loss = log_loss(probabilities, targets)
            scores.append({"fold": number, "n": n, "accuracy": accuracy(probabilities, targets), "log_loss": loss})
    return scores


def _baselines(train: LabeledSet, reported: LabeledSet, probe: Probe | None, base: FeatureMatrix) -> list[Predictions]:
    baselines = baseline_predictions(train, reported)
    return baselines if probe is None else [*baselines, probe_predictions(probe, reported, f"probe on {base.provenance['backbone']}")]


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
