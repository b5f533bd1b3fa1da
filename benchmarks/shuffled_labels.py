"""Where labels mean nothing, the probe and the nearest neighbors must find nothing: many draws of shuffled labels.

    python benchmarks/shuffled_labels.py PHOTOS [--draws 60] [--backbone lite0] [--within-parts]

Each draw shuffles the labels over all used photos, fits a probe and judges it. Printed: the mean accuracy with its
standard error, the share of draws whose 95 % interval holds chance (what answers so distributed get right if they have
nothing to do with the labels), and the excess log loss over that of the majority
class. A shuffle over all photos makes the training part's more frequent class the judged part's rarer one, which costs
a little accuracy by itself; ``--within-parts`` shuffles each part for itself.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from tellapart.analyzed_folder import analyze_folder
from tellapart.evaluation import accuracy_interval, log_loss_interval
from tellapart.feature_spec import FeatureSpec
from tellapart.models.backbones import find_backbones
from tellapart.training.linear_probe import fit_probe
from tellapart.training.part_evaluation import LabeledSet, baseline_predictions, probe_predictions
from tellapart.training.probe_evaluation import PartSets


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--draws", type=int, default=60)
    parser.add_argument("--backbone", default="lite0")
    parser.add_argument("--within-parts", action="store_true")
    chosen = parser.parse_args()
    sets = sets_of(chosen.photos, chosen.backbone)
    found: dict[str, list[tuple[float, bool, float]]] = {}
    for draw in range(chosen.draws):
        rng = np.random.default_rng(draw)
        train, judged = shuffled(sets, rng, within_parts=chosen.within_parts)
        majority, neighbors = baseline_predictions(train, judged)
        probe = probe_predictions(fit_probe(train.data, seed=draw), judged, "probe")
        for predictions in (neighbors, probe):
            right = accuracy_interval(predictions)
            excess = log_loss_interval(predictions, draws=1).value - log_loss_interval(majority, draws=1).value
            chance = sum(float((predictions.predicted == k).mean() * (judged.data.targets == k).mean()) for k in set(predictions.predicted))
            found.setdefault(predictions.source, []).append((right.value, right.low <= chance <= right.high, excess))
    print(f"{chosen.photos.name}: {chosen.draws} draws, {len(sets[0].rows)} + {len(sets[1].rows)} photos")
    for name, rows in found.items():
        accuracy, holds, excess = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
        error = accuracy.std(ddof=1) / math.sqrt(len(rows))
        print(
            f"  {name}: accuracy {100 * accuracy.mean():.2f} % +- {100 * error:.2f}"
            f" ({100 * accuracy.min():.1f} to {100 * accuracy.max():.1f}),"
            f" interval holds chance in {100 * holds.mean():.0f} % of the draws,"
            f" log loss over the majority's {excess.mean():+.4f} ({excess.min():+.4f} to {excess.max():+.4f})",
            flush=True,
        )


def sets_of(photos: Path, backbone: str) -> tuple[LabeledSet, LabeledSet]:
    """The training photos and those judged, with features."""
    with tempfile.TemporaryDirectory() as state:
        analyzed = analyze_folder(photos, FeatureSpec(find_backbones(backbone)), state=Path(state))
        sets = PartSets.of(analyzed.assignment(test_share=0.2, seed=0), analyzed.features)
    return sets.train, next(iter(sets.reported.values()))


def shuffled(sets: tuple[LabeledSet, LabeledSet], rng: np.random.Generator, *, within_parts: bool) -> tuple[LabeledSet, LabeledSet]:
    """Both sets with their labels shuffled."""
    sizes = [len(each.rows) for each in sets]
    targets = [each.data.targets for each in sets]
    mixed = [rng.permutation(each) for each in targets] if within_parts else np.split(rng.permutation(np.concatenate(targets)), [sizes[0]])
    names = sets[0].data.class_names
    changed = []
    for each, new in zip(sets, mixed, strict=True):
        rows = [replace(row, label=names[target]) for row, target in zip(each.rows, new.tolist(), strict=True)]
        changed.append(LabeledSet(rows, replace(each.data, targets=new)))
    return changed[0], changed[1]


if __name__ == "__main__":
    main()
