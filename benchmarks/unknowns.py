"""Does the model know what it does not know? AUROC of distances and answers, false alarms, and coverage of prediction sets.

    python benchmarks/unknowns.py PHOTOS... --state FOLDER [--backbone lite2] [--seeds 3] [--most 1500]

Near unknowns: each class of a set is held out in turn; its images against test images of the others. Far unknowns: images of the
other sets against test images of this one. AUROC 0.5 is chance. A classifier of two classes that loses one has no answers to compare
by, only distances. False alarms and coverage: on the test part of another split for each seed, nothing of which chose anything.
"""

from __future__ import annotations

import argparse
import os
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from labeled_folders import labeled_features
from tellapart import calibration
from tellapart.concurrency import one_blas_thread
from tellapart.conformal import prediction_sets, true_class_scale
from tellapart.dataset.splits import assign_stratified_parts
from tellapart.feature_spec import spec_of
from tellapart.features.matrix import unit_rows
from tellapart.models.heads import mean_logits
from tellapart.models.out_of_distribution import NEIGHBORS, Unlearned, distances, energies, fit_familiarity
from tellapart.training.linear_probe import LabeledFeatures, Probe, fit_probe

Scorer = Callable[[np.ndarray], dict[str, np.ndarray]]
FAR = 300
"""Images of each other set."""
SHRINKAGE = 0.3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("--backbone", default="lite2")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--most", type=int, default=1500, help="images of a set for the AUROCs")
    parser.add_argument("--state", type=Path, required=True)
    chosen = parser.parse_args()
    spec = spec_of(chosen.backbone)
    sets = {f"{photos.parent.name}/{photos.name}": labeled_features(photos, spec, states=chosen.state) for photos in chosen.photos}
    with one_blas_thread():
        rates(sets, chosen.seeds)
        areas(sets, chosen.most)
    print(f"load {os.getloadavg()[0]:.0f}")


def rates(sets: dict[str, LabeledFeatures], seeds: int) -> None:
    print("set | n | false alarms at 1 % | at 5 % | coverage at 95 % | classes in a set")
    means = []
    for name, data in sets.items():
        found = np.array([_rates(data, seed) for seed in range(seeds)])
        means.append(found.mean(axis=0))
        alarms1, alarms5, coverage, size = means[-1]
        print(f"{name} | {len(data.targets)} | {alarms1:.2f} % | {alarms5:.2f} % | {coverage:.1f} % | {size:.2f}", flush=True)
    alarms1, alarms5, coverage, size = np.mean(means, axis=0)
    print(f"mean | | {alarms1:.2f} % | {alarms5:.2f} % | {coverage:.1f} % | {size:.2f}\n", flush=True)


def _rates(data: LabeledFeatures, seed: int) -> list[float]:
    train, test = parts(data, seed)
    probe = fit_probe(train, seed=seed)
    rows, held = probe.out_of_fold
    familiarity = fit_familiarity(train.features, train.groups, Unlearned(rows, held))
    assert familiarity is not None
    logits = mean_logits(probe.heads, test.features)
    strange = familiarity.p_values(test.features, logits)
    scale = true_class_scale(probe.probabilities(held), train.targets[rows], [train.groups[i] for i in rows])
    chosen = prediction_sets(probe.probabilities(logits), scale, 0.95)
    is_covered = chosen[np.arange(len(chosen)), test.targets]
    return [100 * (strange <= 0.01).mean(), 100 * (strange <= 0.05).mean(), 100 * is_covered.mean(), chosen.sum(axis=1).mean()]


def areas(sets: dict[str, LabeledFeatures], most: int) -> None:
    near: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    far: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for name, whole in sets.items():
        data = sample(whole, most)
        train, test = parts(data, 0)
        for k, held_out in enumerate(data.class_names):
            unknown = data.features[data.targets == k]
            for method, area in compare(without(train, held_out), without(test, held_out).features, [unknown])[0].items():
                near[method][name].append(area)
        others = [sample(other, FAR).features for other_name, other in sets.items() if other_name != name]
        for found in compare(train, test.features, others):
            for method, area in found.items():
                far[method][name].append(area)
        print(f"  {name} compared", flush=True)
    print("AUROC | " + " | ".join(f"near, {name} | far, {name}" for name in sets) + " | mean near | mean far")
    for method in far:
        pairs = [(near[method].get(name), far[method].get(name)) for name in sets]
        cells = [f"{np.mean(value):.3f}" if value else "-" for pair in pairs for value in pair]
        means = [np.mean([np.mean(pair[place]) for pair in pairs if pair[place]]) for place in (0, 1)]
        print(f"{method} | " + " | ".join([*cells, *(f"{mean:.3f}" for mean in means)]))


def compare(train: LabeledFeatures, test: np.ndarray, unknown: list[np.ndarray]) -> list[dict[str, float]]:
    """By method the AUROC of each of several sets of unknown images against test images."""
    score = scorer(train)
    known = score(test)
    found = []
    for features in unknown:
        strange = score(features)
        truth = np.r_[np.zeros(len(test)), np.ones(len(features))]
        found.append({name: float(roc_auc_score(truth, np.r_[known[name], strange[name]])) for name in known})
    return found


def scorer(train: LabeledFeatures) -> Scorer:
    """A function from features to how strange each method finds them; higher is stranger."""
    units = unit_rows(train.features)
    means = np.stack([units[train.targets == k].mean(axis=0) for k in range(len(train.class_names))])
    whitening = mahalanobis(units - means[train.targets])
    white_means = means @ whitening
    probe: Probe | None = fit_probe(train) if len(train.class_names) > 1 else None
    rows, held = (np.arange(len(train.targets)), None) if probe is None else probe.out_of_fold
    familiarity = fit_familiarity(train.features, train.groups, Unlearned(rows, held))
    assert familiarity is not None

    def score(features: np.ndarray) -> dict[str, np.ndarray]:
        white = unit_rows(features) @ whitening
        squares = (white**2).sum(axis=1)[:, None] - 2 * white @ white_means.T + (white_means**2).sum(axis=1)
        found = {"Mahalanobis, shared covariance": squares.min(axis=1), f"{NEIGHBORS} nearest": distances(features, familiarity.units)}
        if probe is not None:
            logits = mean_logits(probe.heads, features)
            found["energy"] = energies(logits)
            found["maximum softmax"] = 1 - calibration.softmax(logits, probe.temperature).max(axis=1)
            found["familiarity (nearest and energy)"] = familiarity.strangeness(features, logits)
        return found

    return score


def mahalanobis(centered: np.ndarray) -> np.ndarray:
    """A matrix (d, d) that whitens by the covariance within the classes, shrunk towards equal variances."""
    variances, directions = np.linalg.eigh(centered.T @ centered / len(centered))
    variances = np.maximum(variances, 0)
    shrunk = (1 - SHRINKAGE) * variances + SHRINKAGE * variances.mean()
    return np.asarray(directions / np.sqrt(shrunk), dtype=np.float32)


def parts(data: LabeledFeatures, seed: int) -> tuple[LabeledFeatures, LabeledFeatures]:
    is_train = np.array([part == "train" for part in assign_stratified_parts(data.labels, data.groups, seed=seed)])
    return data.rows(np.flatnonzero(is_train)), data.rows(np.flatnonzero(~is_train))


def sample(data: LabeledFeatures, most: int) -> LabeledFeatures:
    return data.rows(np.sort(np.random.default_rng(0).permutation(len(data.targets))[:most]))


def without(data: LabeledFeatures, name: str) -> LabeledFeatures:
    k = list(data.class_names).index(name)
    kept = data.rows(np.flatnonzero(data.targets != k))
    names = [each for each in data.class_names if each != name]
    return LabeledFeatures(kept.features, kept.targets - (kept.targets > k), kept.groups, names)


if __name__ == "__main__":
    main()
