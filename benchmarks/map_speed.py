"""How long a map takes and how good it is: ours with each software, beside scikit-learn's t-SNE on the same directions.

    python benchmarks/map_speed.py [--images 30000] [--features FILE.npz] [--methods openTSNE,sampled,scikit-learn,umap,pca]

Features are made up (50 islands that overlap, 1,280 values) unless a file with X (n, d) and y (n,) is given. "sampled" is what
happens without openTSNE: scikit-learn places 10,000, the others come beside them.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from tellapart.array_types import FloatArray, IntArray
from tellapart.exploration import projection
from tellapart.exploration.projection import neighbor_label_accuracy, neighbor_preservation, project, sample_rows

KINDS = 50


def made_up(n: int, width: int = 1280, seed: int = 0) -> tuple[FloatArray, IntArray]:
    """Overlapping islands, each longer in some directions than in others, and which is whose."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, KINDS, n)
    centers = rng.standard_normal((KINDS, 40)) * 1.1
    inner = centers[kind] + rng.standard_normal((n, 40)) * rng.uniform(0.4, 1.4, (KINDS, 40))[kind]
    out = np.maximum(inner @ rng.standard_normal((40, width)) * 0.3 + rng.standard_normal((n, width)) * 0.5, 0)
    return out.astype(np.float32), kind


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=30_000)
    parser.add_argument("--features", type=Path)
    parser.add_argument("--methods", default="openTSNE,sampled,scikit-learn,pca")
    chosen = parser.parse_args()
    if chosen.features:
        with np.load(chosen.features) as held:
            features, labels = held["X"], held["y"]
    else:
        features, labels = made_up(chosen.images)
    alone = np.arange(len(labels))
    asked = sample_rows(len(labels), 2000, 0)
    full = neighbor_label_accuracy(features, labels, alone, asked, is_cosine=True).mean()
    print(f"{len(features):,} x {features.shape[1]:,}: class by the 10 nearest in the whole space {full:.3f}", flush=True)
    find, most = projection.find_spec, dict(projection.MAX_TSNE_IMAGES)
    for name in chosen.methods.split(","):
        projection.find_spec = find if name == "openTSNE" else lambda _: None  # type: ignore[assignment]
        projection.MAX_TSNE_IMAGES["scikit-learn"] = sys.maxsize if name == "scikit-learn" else most["scikit-learn"]
        start, before = time.perf_counter(), time.process_time()
        made = project(features, method=name if name in ("umap", "pca") else "tsne")
        took, worked = time.perf_counter() - start, time.process_time() - before
        kept, right = neighbor_preservation(features, made.places), neighbor_label_accuracy(made.places, labels, alone, asked).mean()
        print(
            f"{name:<13} {took:7.1f} s ({worked:.1f} s of processor), neighbors kept {kept:.3f}, class by the nearest {right:.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
