"""Candidates of ``--recipe auto``: classifiers of the same training part, chosen and averaged by out-of-fold predictions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce

import numpy as np

from tellapart import calibration
from tellapart.array_types import FloatArray, IntArray
from tellapart.dataset.splits import assign_folds
from tellapart.evaluation.greedy_ensemble import greedy_weights, mean_gain, scaled_losses
from tellapart.evaluation.metrics import log_loss, losses
from tellapart.models.saved_model import Classifier, Member
from tellapart.run_metrics import CandidateWeight
from tellapart.training.ensemble import fit_weights
from tellapart.training.linear_probe import LabeledFeatures, Probe

Weigh = Callable[[Sequence[FloatArray], IntArray, IntArray], FloatArray]
CROSS_FITS = 5
NEGLIGIBLE = 0.02
"""A model that weighs less is left out: it would cost its whole time and change nothing."""
FEWEST = 20
"""Images without which nothing is chosen, and the first candidate stays."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A classifier, and its out-of-fold predictions.

    Attributes:
        name: what the report calls it.
        classifier: with its own temperature and clip.
        rows: rows of the training images with a prediction, int64 (m,), sorted.
        logits: out-of-fold logits of these rows, float64 (m, k), as :meth:`Classifier.logits` gives them.
    """

    name: str
    classifier: Classifier
    rows: IntArray
    logits: FloatArray

    def log_odds(self, rows: IntArray) -> FloatArray:
        """Calibrated log-odds, float64 (r, k), of some of its rows."""
        return self.logits[np.searchsorted(self.rows, rows)] / self.classifier.temperature


@dataclass(frozen=True, eq=False)
class Choice:
    """What was chosen among candidates.

    Attributes:
        candidate: the classifier to save: one of the candidates, or their weighted average.
        names: of the candidates.
        weights: of the candidates, float64 (c,), 1 in sum.
        shares: of the candidates' logits in those of what was chosen, float64 (c,), 1 in sum.
        rows: rows that all candidates have a prediction for, int64 (m,).
        candidate_losses: log loss of each candidate on these rows, each with its own temperature; None where there are none.
        log_loss: of the way of choosing, cross-fitted: each fold is judged by weights that the other folds have chosen.
        gain: by how much the log loss of what was chosen is lower than that of the best candidate without weight, with its
            standard error; None where every candidate has weight.
    """

    candidate: Candidate
    names: tuple[str, ...]
    weights: FloatArray
    shares: FloatArray
    rows: IntArray
    candidate_losses: tuple[float | None, ...]
    log_loss: float | None
    gain: tuple[float, float] | None

    def logits(self, of_candidates: Sequence[FloatArray | None]) -> FloatArray:
        """The logits of what was chosen, float64 (n, k), from those of each candidate (n, k); None where it has no weight."""
        return np.asarray(sum(share * each for share, each in zip(self.shares, of_candidates, strict=True) if each is not None and share))

    def candidate_weights(self) -> list[CandidateWeight]:
        """Name, weight and out-of-fold log loss of each candidate."""
        candidates = zip(self.names, self.weights.tolist(), self.candidate_losses, strict=True)
        return [CandidateWeight(name, weight, loss) for name, weight, loss in candidates]


def probe_candidate(probe: Probe, member: Member, class_names: Sequence[str], name: str) -> Candidate:
    """A fitted probe as a candidate; ``member`` says which features its heads take."""
    rows, logits = probe.out_of_fold
    member = replace(member, heads=probe.heads)
    return Candidate(name, Classifier(tuple(class_names), (member,), probe.temperature, probe.clip), rows, logits)


def probe_and_network_weights(log_odds: Sequence[FloatArray], targets: IntArray, groups: IntArray, *, networks: int = 1) -> FloatArray:
    """Weights (c,): of probes, each taken only if it lowers the loss, and of a network, averaged with them unless that raises it.

    Args:
        log_odds: of the probes, then of the network if there is one; float64 (n, k) each, calibrated.
        targets: integer labels (n,).
        groups: int (n,), the group of each image.
        networks: 1, or 0 where there are only probes.
    """
    probes = log_odds[: len(log_odds) - networks]
    weights = greedy_weights(probes, targets, groups) if probes else np.ones(0)
    if not networks or not probes:
        return np.concatenate([weights, np.ones(networks)])
    mean = np.tensordot(weights, np.stack(probes), axes=1)
    temperature = calibration.fit_temperature(mean, targets) if np.count_nonzero(weights) > 1 else 1.0
    beside = guarded_weights([mean / temperature, log_odds[-1]], targets, groups)
    all_weights = np.concatenate([weights * beside[0] / temperature, beside[1:]])
    return np.asarray(all_weights / all_weights.sum())


def guarded_weights(log_odds: Sequence[FloatArray], targets: IntArray, groups: IntArray) -> FloatArray:
    """Weights (2,) of a first model and a network beside it, or of the first alone where the average is worse by a standard error.

    They are drawn towards equal ones (:func:`fit_weights`), not towards the first: predictions out of fold speak against a network, as
    each is made by one of several that learned from fewer images, and the mean of two good models is hardly ever worse than the first
    (docs/log.md, 2026-11-29).

    Args:
        log_odds: two arrays, float64 (n, k), of the same images, each calibrated.
        targets: integer labels (n,).
        groups: int (n,), the group of each image.
    """
    alone = np.array([1.0, 0.0])
    if not len(targets):
        return alone
    weights = fit_weights(log_odds, targets)
    weights = np.where(weights < NEGLIGIBLE, 0.0, weights)
    weights /= weights.sum()
    index = np.unique(groups, return_inverse=True)[1]
    average = np.tensordot(weights, np.stack(log_odds), axes=1)
    harm, error = mean_gain(scaled_losses(average, targets), scaled_losses(log_odds[0], targets), index)
    return alone if harm > 0 and harm >= error else weights


def choose(candidates: Sequence[Candidate], train: LabeledFeatures, *, networks: int, seed: int) -> Choice:
    """Choose an average of candidates by :func:`probe_and_network_weights`; with too few images the first candidate is taken.

    Args:
        candidates: probes, the usual one first, then a network if there is one.
        train: the training images that the candidates' rows count.
        networks: 1 if the last candidate is a network, else 0.
        seed: of the folds of the cross-fitted log loss.
    """
    weigh = partial(probe_and_network_weights, networks=networks)
    rows = reduce(np.intersect1d, [each.rows for each in candidates])
    targets = train.targets[rows]
    groups = np.unique(np.array(train.groups, dtype=object)[rows].astype(str), return_inverse=True)[1]
    log_odds = [each.log_odds(rows) for each in candidates]
    weights: FloatArray = np.zeros(len(candidates))
    weights[0] = 1.0
    if len(candidates) > 1 and len(rows) >= FEWEST:
        weights = weigh(log_odds, targets, groups)
    chosen = average(candidates, weights, rows, targets)
    own = tuple(log_loss(calibration.softmax(each), targets) if len(rows) else None for each in log_odds)
    shares = weights / np.array([each.classifier.temperature for each in candidates])
    return Choice(
        candidate=chosen,
        names=tuple(each.name for each in candidates),
        weights=weights,
        shares=shares / shares.sum(),
        rows=rows,
        candidate_losses=own,
        log_loss=_cross_fitted(weigh, log_odds, train.rows(rows), groups, seed),
        gain=_lead(log_odds, weights, targets, groups),
    )


def average(candidates: Sequence[Candidate], weights: FloatArray, rows: IntArray, targets: IntArray) -> Candidate:
    """The weighted average of candidates' log-odds as one candidate; a candidate that weighs everything is returned as it is.

    Args:
        candidates: what is averaged.
        weights: float64 (c,), 1 in sum; those without weight are left out.
        rows: rows that all have predictions for, int64 (m,); temperature and clip are fitted on them.
        targets: of these rows, int64 (m,).
    """
    weighted = [(float(weight), each) for weight, each in zip(weights, candidates, strict=True) if weight > 0]
    parts = sorted(weighted, key=lambda part: -part[0])  # what looks at one member alone, as Grad-CAM does, looks at the first
    if len(parts) == 1:
        return parts[0][1]
    scale = sum(weight / each.classifier.temperature for weight, each in parts)
    mean = np.sum([weight * each.log_odds(rows) for weight, each in parts], axis=0)
    temperature = calibration.fit_temperature(mean, targets)
    clip = calibration.fit_clip(calibration.softmax(mean, temperature), targets)
    members = [member for weight, each in parts for member in weighted_members(each.classifier, weight)]
    classifier = Classifier(parts[0][1].classifier.class_names, tuple(members), temperature / scale, clip)
    name = " + ".join(each.name for _, each in parts)
    return Candidate(name, classifier, rows, mean / scale)


def weighted_members(classifier: Classifier, weight: float) -> list[Member]:
    """Its members with weights that make the sum of their logits ``weight`` times the classifier's calibrated log-odds."""
    total = sum(member.weight for member in classifier.members)
    share = weight / (classifier.temperature * total)
    return [replace(member, weight=share * member.weight) for member in classifier.members]


def _cross_fitted(weigh: Weigh, log_odds: Sequence[FloatArray], data: LabeledFeatures, groups: IntArray, seed: int) -> float | None:
    """The log loss of the way of choosing: weights, temperature and clip of each fold come from the other folds."""
    if len(data.targets) < FEWEST:
        return None
    folds = assign_folds(data.labels, data.groups, folds=CROSS_FITS, seed=seed + 1)
    lost = np.zeros(len(folds))
    for fold in np.unique(folds):
        is_in, is_out = folds != fold, folds == fold
        weights = weigh([each[is_in] for each in log_odds], data.targets[is_in], groups[is_in])
        mean = np.tensordot(weights, np.stack(log_odds), axes=1)
        temperature = calibration.fit_temperature(mean[is_in], data.targets[is_in])
        clip = calibration.fit_clip(calibration.softmax(mean[is_in], temperature), data.targets[is_in])
        lost[is_out] = losses(calibration.apply(mean[is_out], temperature, clip), data.targets[is_out])
    return float(lost.mean())


def _lead(log_odds: Sequence[FloatArray], weights: FloatArray, targets: IntArray, groups: IntArray) -> tuple[float, float] | None:
    """By how much the average's loss is lower than that of the best candidate left out, and the standard error of that."""
    others = [scaled_losses(each, targets) for each, weight in zip(log_odds, weights, strict=True) if weight == 0]
    if not others or not len(targets):
        return None
    second = min(others, key=lambda each: float(each.mean()))
    chosen = scaled_losses(np.tensordot(weights, np.stack(log_odds), axes=1), targets)
    return mean_gain(second, chosen, groups)
