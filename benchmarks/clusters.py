"""Clusters without labels: how far they are the classes, what they follow, how many are suggested; and how fast they are found.

    python benchmarks/clusters.py PHOTOS [PHOTOS ...] [--features pixels,lite0,lite2,imagenet,run:FOLDER] [--seeds 3] [--state DIR]
    python benchmarks/clusters.py --speed [--images 100000] [--rounds 3]

The first clusters every folder of class folders as if it had no labels and compares the clusters with them, ours beside
plain scikit-learn k-means on the same features; PHOTOS in a name stands for the name of each folder (run:runs/PHOTOS).
The second makes clustered features up and times k-means with k = 50 beside scikit-learn and FAISS (where it is installed),
and the search for similar images beside both.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from tellapart.array_types import FloatArray, IntArray
from tellapart.exploration.cluster_associations import Agreement, agreement, cluster_associations
from tellapart.exploration.clustering import cluster_points
from tellapart.exploration.neighbors import neighbors
from tellapart.exploration.num_clusters import choose_num_clusters
from tellapart.exploration.pca import pca_coordinates
from tellapart.features.matrix import unit_rows


def judged(assigned: Iterable[IntArray], labels: list[str | None]) -> str:
    """Mean accuracy, NMI and ARI, and the range of the accuracy."""
    found = [one for one in (agreement(each, labels) for each in assigned) if isinstance(one, Agreement)]
    accuracies = [one.accuracy for one in found]
    nmi, ari = np.mean([one.nmi for one in found]), np.mean([one.ari for one in found])
    return f"{np.mean(accuracies):.3f} ({min(accuracies):.3f} to {max(accuracies):.3f}), {nmi:.3f}, {ari:.3f}"


def on_photos(photos: list[Path], features: list[str], seeds: int, state: Path | None) -> None:
    from sklearn.cluster import KMeans

    from tellapart.feature_spec import spec_of
    from tellapart.workflows.explorable_images import explorable_images
    from tellapart.workflows.folder_clustering import factors_of

    print("| photos | features | ours: accuracy, NMI, ARI | plain scikit-learn | k suggested (true) | NMI with class, color | seconds |")
    print("|---|---|---|---|---|---|---|")
    for folder in photos:
        for name in features:
            subjects = explorable_images(folder, spec_of(name.replace("PHOTOS", folder.name)), state=state / folder.name if state else None)
            k = len({label for label in subjects.labels if label is not None})
            start = time.perf_counter()
            ours = [cluster_points(pca_coordinates(subjects.features, seed=seed), k, seed=seed) for seed in range(seeds)]
            seconds = (time.perf_counter() - start) / seeds
            plain = [KMeans(k, n_init=10, random_state=seed).fit(subjects.features).labels_ for seed in range(seeds)]
            choice = choose_num_clusters(pca_coordinates(subjects.features))
            follows = cluster_associations(ours[0].assigned, factors_of(subjects, k)).nmi
            print(
                f"| {folder.name} | {name} | {judged([one.assigned for one in ours], subjects.labels)} | {judged(plain, subjects.labels)}"
                f" | {choice.suggested or 'none'} ({k}) | {follows['class'] or 0:.2f}, {follows['color'] or 0:.2f} | {seconds:.1f} |",
                flush=True,
            )


def made_up(images: int, width: int = 1280, groups: int = 200, seed: int = 0) -> FloatArray:
    """Clustered features at length 1, in a few strong directions and many weak ones, as networks give them."""
    rng = np.random.default_rng(seed)
    spread = (1 / np.sqrt(1 + np.arange(width))).astype(np.float32)
    centers = rng.standard_normal((groups, width), np.float32) * spread
    values = np.empty((images, width), np.float32)
    for first in range(0, images, 10_000):
        count = min(10_000, images - first)
        noise = rng.standard_normal((count, width), np.float32) * spread
        values[first : first + count] = centers[rng.integers(groups, size=count)] + 0.7 * noise
    return unit_rows(values)


def inertia(values: FloatArray, assigned: IntArray, k: int) -> float:
    """Sum of squared distances to the centers, in the whole space."""
    total = 0.0
    for j in range(k):
        inside = values[assigned == j]
        total += float(np.square(inside - inside.mean(axis=0), dtype=np.float32).sum(dtype=np.float64)) if len(inside) else 0.0
    return total


def timed(work: Callable[[], IntArray], rounds: int) -> tuple[float, IntArray]:
    """The shortest of some rounds, and the answer."""
    best, answer = np.inf, np.empty(0, np.int64)
    for _ in range(rounds):
        start = time.perf_counter()
        answer = work()
        best = min(best, time.perf_counter() - start)
    return best, answer


def on_speed(images: int, rounds: int) -> None:
    from sklearn.cluster import KMeans

    values, k = made_up(images), 50
    ways: dict[str, Callable[[], IntArray]] = {
        "ours, 10 restarts": lambda: cluster_points(pca_coordinates(values), k).assigned,
        "ours, 1 restart": lambda: cluster_points(pca_coordinates(values), k, n_init=1).assigned,
        "ours, mini-batch": lambda: cluster_points(pca_coordinates(values), k, method="minibatch", n_init=3).assigned,
        "scikit-learn, 1 start": lambda: np.asarray(KMeans(k, n_init=1, random_state=0).fit(values).labels_),
    }
    try:
        import faiss
    except ModuleNotFoundError:
        faiss = None
        print("FAISS is not installed: pip install faiss-cpu")
    if faiss is not None:

        def by_faiss(sample: int) -> IntArray:
            model = faiss.Kmeans(values.shape[1], k, niter=20, seed=1, max_points_per_centroid=sample)
            model.train(values)
            return np.asarray(model.index.search(values, 1)[1][:, 0])

        ways["FAISS, 256 a cluster"] = lambda: by_faiss(256)
        ways["FAISS, all"] = lambda: by_faiss(images)
    print(f"k-means, k = {k}, {images:,} x {values.shape[1]}: seconds, inertia in the whole space")
    for name, work in ways.items():
        seconds, assigned = timed(work, rounds)
        print(f"  {name:<22} {seconds:7.2f} s  {inertia(values, assigned, k):,.0f}", flush=True)
    _search(values, rounds, faiss)


def _search(values: FloatArray, rounds: int, faiss: object) -> None:
    asked, k = values[:: max(1, len(values) // 1000)][:1000], 10
    truth = np.argsort(-(asked.astype(np.float64) @ values.T.astype(np.float64)), axis=1)[:, :k] if len(values) <= 20_000 else None
    seconds, found = timed(lambda: neighbors(values, asked, k).indices, rounds)
    print(f"similar, {len(values):,} images, {k} of each of 1,000: milliseconds a question")
    alone, _ = timed(lambda: neighbors(values, asked[:1], k).indices, 9)
    print(f"  {'ours':<22} {seconds * 1000 / len(asked):7.2f} ms together, {1000 * alone:.1f} ms alone")
    if truth is not None:
        print(f"  recall {np.mean([len(set(a) & set(b)) / k for a, b in zip(found.tolist(), truth.tolist(), strict=True)]):.4f}")
    if faiss is not None:
        index = faiss.IndexFlatIP(values.shape[1])  # type: ignore[attr-defined]
        index.add(values)
        seconds, peer = timed(lambda: index.search(asked, k)[1], rounds)
        same = np.mean([len(set(a) & set(b)) / k for a, b in zip(found.tolist(), peer.tolist(), strict=True)])
        print(f"  {'FAISS, flat':<22} {seconds * 1000 / len(asked):7.2f} ms together; of its answers ours has {same:.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="*")
    parser.add_argument("--features", default="pixels,lite0,lite2,imagenet")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--state", type=Path, help="a folder for catalogs, where the photos' own cannot be written")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=2)
    chosen = parser.parse_args()
    if chosen.photos:
        on_photos(chosen.photos, chosen.features.split(","), chosen.seeds, chosen.state)
    if chosen.speed:
        on_speed(chosen.images, chosen.rounds)


if __name__ == "__main__":
    main()
