"""Wrong labels planted in clean sets: what `check` finds of them, beside cleanlab on the same probabilities.

    python benchmarks/label_noise.py PHOTOS... [--backbone lite2] [--seeds 3] [--most 2000] [--peer PYTHON]

A share of the labels becomes another class, drawn evenly (``--pairs``: always the next class by name). Printed are the average
precision of the order, precision and recall of the cut, each a mean over seeds. cleanlab gets the softmax of the very logits that
`check` judges by, at the temperature with the least log loss; PYTHON is the interpreter of an environment that has it.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from labeled_folders import labeled_features
from tellapart import calibration
from tellapart.curation.label_errors import find_label_errors
from tellapart.feature_spec import FeatureSpec
from tellapart.models.backbones import find_backbones
from tellapart.training.linear_probe import LabeledFeatures
from tellapart.training.out_of_fold_logits import held_out_logits

PEER = Path(__file__).parent / "peers" / "cleanlab_scores.py"


def flipped(targets: np.ndarray, k: int, share: float, seed: int, *, are_pairs: bool) -> np.ndarray:
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(targets), round(share * len(targets)), replace=False)
    labels = targets.copy()
    labels[chosen] = (targets[chosen] + (1 if are_pairs else rng.integers(1, k, len(chosen)))) % k
    return labels


def numbers(is_wrong: np.ndarray, score: np.ndarray, cut: np.ndarray) -> tuple[float, float, float, float]:
    from sklearn.metrics import average_precision_score

    order = average_precision_score(is_wrong, -score) if is_wrong.any() else float("nan")
    return order, is_wrong[cut].mean() if cut.any() else float("nan"), cut[is_wrong].mean() if is_wrong.any() else float("nan"), cut.mean()


def peer_scores(python: str, labels: np.ndarray, logits: np.ndarray) -> dict[str, np.ndarray]:
    with tempfile.TemporaryDirectory() as folder:
        given, answer = Path(folder, "given.npz"), Path(folder, "answer.npz")
        np.savez(given, labels=labels, probabilities=calibration.softmax(logits, calibration.fit_temperature(logits, labels)))
        subprocess.run([python, str(PEER), str(given), str(answer)], check=True)
        with np.load(answer) as found:
            return dict(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--backbone", default="lite2")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--most", type=int, default=2000)
    parser.add_argument("--shares", type=float, nargs="+", default=[0.0, 0.05, 0.1, 0.2])
    parser.add_argument("--pairs", action="store_true")
    parser.add_argument("--peer", help="python of an environment with cleanlab")
    chosen = parser.parse_args()
    print(f"{'':<12} wrong  {'who':<34} AP      precision  recall  flagged")
    for photos in chosen.photos:
        with tempfile.TemporaryDirectory() as state:
            data = labeled_features(photos, FeatureSpec(find_backbones(chosen.backbone)), states=Path(state), most=chosen.most)
        for share in chosen.shares:
            found: dict[str, list[tuple[float, ...]]] = {}
            began = time.perf_counter()
            for seed in range(chosen.seeds):
                labels = flipped(data.targets, len(data.class_names), share, seed, are_pairs=chosen.pairs)
                is_wrong = labels != data.targets
                logits = held_out_logits(LabeledFeatures(data.features, labels, data.groups, data.class_names), seed=seed)
                doubts = find_label_errors(logits, labels)
                found.setdefault("tellapart", []).append(numbers(is_wrong, doubts.right, doubts.right < 0.5))
                if chosen.peer:
                    peer = peer_scores(chosen.peer, labels, logits)
                    for cut, score in (
                        ("prune_by_noise_rate", "self_confidence"),
                        ("confident_learning", "self_confidence"),
                        ("prune_by_noise_rate", "normalized_margin"),
                    ):
                        row = numbers(is_wrong, peer[score], peer[cut].astype(bool))
                        found.setdefault(f"cleanlab {cut[:10]}, {score}", []).append(row)
            for who, rows in found.items():
                ap, precision, recall, flagged = np.mean(rows, axis=0)
                print(f"{photos.name:<12} {share:5.2f}  {who:<34} {ap:.4f}  {precision:9.3f}  {recall:6.3f}  {flagged:7.4f}", flush=True)
            print(f"{'':<12} {(time.perf_counter() - began) / chosen.seeds:.1f} s a seed")


if __name__ == "__main__":
    main()
