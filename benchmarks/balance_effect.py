"""What `--balance weights` and an undersampled list change for a probe: accuracy, macro F1, log loss, recall of the rarest class.

    python benchmarks/balance_effect.py PHOTOS [--backbone lite2] [--draws 5] [--caps 300] [--state DIR]

PHOTOS has parts; val and test are judged together, the same images each time. Undersampling is drawn with several seeds: their
probabilities are judged one by one and their differences averaged. Intervals: bootstrap over groups of near-duplicates.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tellapart.analyzed_folder import AnalyzedFolder, analyze_folder
from tellapart.commands.balance import copy_ranks
from tellapart.curation.class_balance import training_counts, undersample
from tellapart.dataset.file_rows import FileRow
from tellapart.evaluation.bootstrap import group_index, resampled_sums
from tellapart.evaluation.metrics import f1_scores, losses
from tellapart.feature_spec import FeatureSpec
from tellapart.models.backbones import find_backbones
from tellapart.training.linear_probe import fit_probe
from tellapart.training.part_evaluation import probe_predictions
from tellapart.training.probe_evaluation import PartSets, concatenate_predictions

Found = dict[str, Any]


def judged(analyzed: AnalyzedFolder, rows: Sequence[FileRow], balance: str = "none") -> Found:
    """A probe learns from the training rows; targets, probabilities and groups of the images of val and test."""
    sets = PartSets.of(replace(analyzed.assignment(test_share=0.2, seed=0), rows=list(rows)), analyzed.features)
    probe = fit_probe(sets.train.data, class_weight="balanced" if balance == "weights" else "none")
    found = concatenate_predictions([probe_predictions(probe, part, "probe") for part in sets.reported.values()])
    return {
        "ids": found.image_ids,
        "targets": found.targets,
        "probabilities": found.probabilities,
        "groups": found.groups,
        "names": sets.class_names,
    }


def columns(found: Found) -> Any:
    """For each image (n, 3 k + 2): whether right, loss, and by class: true positive, support, predicted."""
    k = len(found["names"])
    targets, predicted = found["targets"], found["probabilities"].argmax(axis=1)
    one = np.eye(k)
    right = (targets == predicted).astype(float)
    parts = [right[:, None], losses(found["probabilities"], targets)[:, None], one[targets] * right[:, None], one[targets], one[predicted]]
    return np.hstack(parts)


def numbers(sums: Any, n: Any, k: int, rare: int) -> Any:
    """(..., 4): accuracy, macro F1, log loss, recall of the rarest class; from sums (..., 3 k + 2) over n images."""
    positives, support, predicted = (sums[..., 2 + i * k : 2 + (i + 1) * k] for i in range(3))
    f1 = np.nanmean(f1_scores(positives, support, predicted), axis=-1)
    recall = positives[..., rare] / np.maximum(support[..., rare], 1e-9)
    return np.stack([sums[..., 0] / n, f1, sums[..., 1] / n, recall], axis=-1)


def differences(first: Found, others: list[Found], rare: int) -> tuple[Any, Any]:
    """Mean numbers of the others, and value, low and high of their mean difference from the first: (4,), (3, 4)."""
    k = len(first["names"])
    for other in others:
        assert first["ids"] == other["ids"]
    index, count = group_index(first["groups"])
    tables = [columns(found) for found in (first, *others)]
    ones = np.ones((len(index), 1))
    sums = np.stack(
        [np.bincount(index, weights=column, minlength=count) for table in tables for column in np.hstack([table, ones]).T], axis=1
    )
    width = 3 * k + 3

    def found(totals: Any) -> Any:
        shaped = totals.reshape(*totals.shape[:-1], len(tables), width)
        return numbers(shaped[..., :-1], shaped[..., -1], k, rare)

    value, draws = found(sums.sum(axis=0)), found(resampled_sums(sums))
    change = value[1:].mean(axis=0) - value[0]
    drawn = draws[:, 1:].mean(axis=1) - draws[:, 0]
    return value[1:].mean(axis=0), np.stack([change, *np.percentile(drawn, [2.5, 97.5], axis=0)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--backbone", default="lite2")
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--caps", type=int, nargs="*", default=[])
    parser.add_argument("--state", type=Path, help="folder of the catalog, to be kept")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        analyzed = analyze_folder(chosen.photos, FeatureSpec(find_backbones(chosen.backbone)), state=chosen.state or Path(folder))
        rows, better = analyzed.assignment(test_share=0.2, seed=0).rows, copy_ranks(analyzed)
        counts = training_counts(rows)
        smallest = min(counts, key=lambda label: counts[label])
        print(f"{chosen.photos}: {counts}, rarest {smallest}", flush=True)
        none = judged(analyzed, rows)
        rare = none["names"].index(smallest)
        ways = {"weights": [judged(analyzed, rows, "weights")]}
        for most in [*chosen.caps, counts[smallest]]:
            lists = [undersample(rows, most, better=better, seed=seed) for seed in range(chosen.draws)]
            ways["undersample" if most == counts[smallest] else f"cap {most}"] = [judged(analyzed, one) for one in lists]
    value, _ = differences(none, [none], rare)
    heads = ("accuracy, %", "macro F1, %", "log loss", "recall of the rarest, %")
    scale = np.array([100, 100, 1, 100])
    print(f"{len(none['ids'])} images judged; none: " + ", ".join(f"{h} {v:.3f}" for h, v in zip(heads, value * scale, strict=True)))
    for name, others in ways.items():
        value, change = differences(none, others, rare)
        cells = [
            f"{h} {v:.3f} ({c:+.3f}: {a:+.3f} to {b:+.3f})"
            for h, v, (c, a, b) in zip(heads, value * scale, (change * scale).T, strict=True)
        ]
        print(f"{name} (mean of {len(others)}): " + ", ".join(cells), flush=True)


if __name__ == "__main__":
    main()
