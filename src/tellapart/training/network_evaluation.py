"""The evaluation of a trained network: calibrated and averaged with its probe on held-out images, and evaluated like a probe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tellapart import calibration
from tellapart.array_types import FloatArray, IntArray
from tellapart.counts import count
from tellapart.dataset.parts import Assignment
from tellapart.evaluation.metrics import accuracy, log_loss
from tellapart.features import FeatureMatrix
from tellapart.models.saved_model import Classifier, Member
from tellapart.predictions import Predictions
from tellapart.run_metrics import BeforeAfter, EvaluationMetrics, FoldScores, Selection, TrainingCost
from tellapart.training.candidates import Candidate, Choice, choose
from tellapart.training.conformal_evaluation import with_familiarity
from tellapart.training.fold_training import FoldMember
from tellapart.training.network_recipe import NetworkRecipe
from tellapart.training.part_evaluation import LabeledSet, baseline_predictions, evaluate_part
from tellapart.training.probe_evaluation import PartSets, concatenate_predictions, data_card, rows_with_neighbors
from tellapart.training.recipe_evaluation import Evaluation

FeaturesOf = Callable[[Sequence[Member]], Sequence[FeatureMatrix]]
"""The features of every image from the backbone of each member."""


@dataclass(frozen=True, eq=False)
class NetworkAnswers:
    """The predictions of the members of a trained network.

    Attributes:
        candidate: the network, with its logits for the training images that its members held out.
        held_out: of each member the rows held out, and its own logits for them.
        reported: by reported part, the network's logits float64 (n, k).
        features: of the first member.
    """

    candidate: Candidate
    held_out: list[tuple[IntArray, FloatArray]]
    reported: dict[str, FloatArray]
    features: FeatureMatrix


def network_answers(sets: PartSets, recipe: NetworkRecipe, folds: Sequence[FoldMember], features_of: FeaturesOf) -> NetworkAnswers:
    """Calibrate a trained network on the images that its members held out, and let it predict the reported parts."""
    train = sets.train
    of_members: dict[str, list[FloatArray]] = {part: [] for part in sets.reported}
    held_out = []
    features_by_member = features_of([fold.member for fold in folds])
    for fold, features in zip(folds, features_by_member, strict=True):
        for part, images in sets.reported.items():
            of_members[part].append(fold.member.logits(features.of([row.image_id or "" for row in images.rows])))
        held_out.append((fold.held_out, fold.member.logits(features.of([train.rows[i].image_id or "" for i in fold.held_out]))))
    rows, logits = np.concatenate([rows for rows, _ in held_out]), np.concatenate([logits for _, logits in held_out])
    order = np.argsort(rows)
    rows, logits, targets = rows[order], logits[order], train.data.targets[rows[order]]
    lowest = 1.0 if recipe.plan.selects_epoch else 0.0  # images that chose the epoch flatter, they never sharpen
    temperature = max(lowest, calibration.fit_temperature(logits, targets))
    clip = calibration.fit_clip(calibration.softmax(logits, temperature), targets)
    classifier = Classifier(sets.class_names, tuple(fold.member for fold in folds), temperature, clip)
    candidate = Candidate(recipe.title, classifier, rows, logits)
    by_part = {part: classifier.logits(each) for part, each in of_members.items()}
    return NetworkAnswers(candidate, held_out, by_part, features_by_member[0])


def evaluate_network(
    assignment: Assignment,
    base: FeatureMatrix,
    recipe: NetworkRecipe,
    folds: Sequence[FoldMember],
    features_of: FeaturesOf,
    probe: Candidate | None,
) -> Evaluation:
    """Average a trained network with the probe it started from as held-out images say, and evaluate it on the reported parts.

    Args:
        assignment: the parts.
        base: features of the pretrained backbone; width 0 from scratch.
        recipe: the network and how it was trained.
        folds: the members.
        features_of: computes features with the members' backbones.
        probe: linear probe on the pretrained backbone, a baseline of fine-tuning and what is saved where that does not help.
    """
    sets = PartSets.of(assignment, base)
    train, reported = sets.train, sets.reported
    network = network_answers(sets, recipe, folds, features_of)
    choice = choose([*([probe] if probe else []), network.candidate], train.data, networks=1, seed=recipe.plan.seed)
    chosen = choice.candidate
    predictions, below = _reported(sets, choice, network, probe)
    parts = {part: evaluate_part(predictions[part], below[part]) for part in reported}
    last = PartSets.of(assignment, network.features)
    evaluation = Evaluation(
        recipe=recipe.name,
        backbone=recipe.card.name,
        classifier=chosen.classifier,
        predictions=concatenate_predictions(list(predictions.values())),
        below=below,
        out_of_fold=train.taken(chosen.rows).predictions(chosen.classifier.probabilities(chosen.logits), chosen.logits, recipe.title),
        rows=rows_with_neighbors(assignment.rows, network.features, last.train, last.reported),
        metrics=EvaluationMetrics(
            test=parts.get("test"),
            val=parts.get("val"),
            selection=_selection(choice, network, train, len(folds)),
            training=_training(recipe, folds),
            split_sensitivity=None,
            split_sensitivity_reason="Other splits were not tried: every one would mean training the network again.",
            learning_curve=None,
            learning_curve_reason=f"No learning curve was made: it would mean training the {recipe.name} recipe again and again;"
            " tellapart learning-curve does so when asked.",
            leak=None,
            data=data_card(assignment.rows, sets.class_names, assignment.duplicate_groups),
        ),
        history=[{"event": "epoch", "fold": number, **event} for number, fold in enumerate(folds, 1) for event in fold.facts["history"]],
    )
    is_network = chosen.classifier.members[0].backbones == folds[0].member.backbones
    return with_familiarity(
        evaluation,
        train.rows,
        network.features if is_network else base,
        held_out=folds[0].held_out if is_network else None,
        is_average_of_folds=len(folds) > 1 and bool(choice.weights[-1]),
    )


def _reported(
    sets: PartSets, choice: Choice, network: NetworkAnswers, probe: Candidate | None
) -> tuple[dict[str, Predictions], dict[str, list[Predictions]]]:
    """By reported part, the predictions of what was chosen, and those of the baselines and the probe."""
    predictions, below = {}, {}
    for part, images in sets.reported.items():
        of_probe = [_logits(probe, images)] if probe else []
        logits = choice.logits([*of_probe, network.reported[part]])
        predictions[part] = images.predictions(choice.candidate.classifier.probabilities(logits), logits, network.candidate.name)
        below[part] = baseline_predictions(sets.train, images)
        below[part] += [images.predictions(probe.classifier.probabilities(each), each, probe.name) for each in of_probe if probe]
    return predictions, below


def choice_note(selection: Selection | None) -> list[str]:
    """What became of a fine-tuning beside the probe it started from, as a sentence; none from scratch."""
    if selection is None or len(selection.candidates) < 2:
        return []
    probe, network = selection.candidates[:2]
    judged = f"on {count(selection.n, 'training image')} that it did not learn from"
    if not network.weight:
        return [f"fine-tuning harms, {judged}: the {probe.name} is saved"]
    if not probe.weight:
        return []
    return [f"the model is an average: {network.weight:.0%} fine-tuned network, {probe.weight:.0%} {probe.name}, chosen {judged}"]


def _logits(probe: Candidate, images: LabeledSet) -> FloatArray:
    """The probe's logits float64 (n, k) for a set with the backbone's features."""
    return probe.classifier.logits([member.logits(images.data.features) for member in probe.classifier.members])


def _selection(choice: Choice, network: NetworkAnswers, train: LabeledSet, folds: int) -> Selection:
    chosen, targets = choice.candidate, train.data.targets[choice.candidate.rows]
    classifier = chosen.classifier
    losses = None
    if len(targets):
        before, after = calibration.softmax(chosen.logits), classifier.probabilities(chosen.logits)
        losses = BeforeAfter(log_loss(before, targets), log_loss(after, targets))
    own = network.candidate.classifier
    held = enumerate(network.held_out, 1)
    return Selection(
        folds=folds,
        n=len(network.candidate.rows),
        temperature=classifier.temperature,
        clip=classifier.clip,
        log_loss=losses,
        cross_fitted_log_loss=choice.log_loss,
        candidates=choice.candidate_weights(),
        members=[_score(number, rows, logits, train, own) for number, (rows, logits) in held if len(rows)],
    )


def _score(number: int, rows: IntArray, logits: FloatArray, train: LabeledSet, classifier: Classifier) -> FoldScores:
    """A member's own score on the fold it did not see."""
    probabilities, targets = classifier.probabilities(logits), train.data.targets[rows]
    return FoldScores(number, len(rows), accuracy(probabilities, targets), log_loss(probabilities, targets))


def _training(recipe: NetworkRecipe, folds: Sequence[FoldMember]) -> TrainingCost:
    """What it cost."""
    seconds = sum(fold.facts["seconds"] for fold in folds)
    images = sum(fold.facts["images"] for fold in folds)
    return TrainingCost(
        seconds=seconds,
        images=images,
        images_per_s=images / max(seconds, 1e-9),
        epochs=recipe.plan.epochs,
        image_size=recipe.card.image_size,
        precision=folds[0].facts["precision"],
        replicas=folds[0].facts.get("replicas", 1),
        augmentation=str(recipe.augmentation),
    )
