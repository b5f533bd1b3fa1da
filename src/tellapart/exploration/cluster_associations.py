"""What clusters are associated with: the classes, the color, the shape or the source of the images."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeAlias

import numpy as np

from tellapart.array_types import FloatArray, IntArray

PERMUTATIONS = 20
WEAK, CLEARLY = 0.05, 0.02
FEWEST_BINS, MOST_BINS = 2, 12


Factor: TypeAlias = Sequence[object] | IntArray | None
"""A value for each image; None if unknown."""


@dataclass(frozen=True)
class Agreement:
    """Agreement between clusters and labels.

    Attributes:
        accuracy: share of images that are right under the best one-to-one matching of classes and clusters.
        nmi: normalized mutual information, 0 to 1.
        ari: adjusted Rand index, 0 by chance and 1 for identical partitions.
        images: number of labeled images.
    """

    accuracy: float
    nmi: float
    ari: float
    images: int


@dataclass(frozen=True)
class ClusterAssociations:
    """What clusters are associated with.

    Attributes:
        nmi: by factor (``class``, ``color``, ...), normalized mutual information adjusted for chance, at most 1; None if unknown.
        chance: by factor, the mean NMI of permuted values.
        sentence: the same in words.
    """

    nmi: dict[str, float | None]
    chance: dict[str, float | None]
    sentence: str


def agreement(assigned: IntArray, labels: Sequence[str | None]) -> Agreement | None:
    """Agreement of clusters, int (n,), with n labels; unlabeled images are ignored. None with fewer than two different labels.

    Images in no cluster (-1) count as wrong for the accuracy and as one more cluster for NMI and ARI.
    """
    from scipy.optimize import linear_sum_assignment
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    rows_used = [i for i, label in enumerate(labels) if label is not None]
    names, truth = np.unique([labels[i] for i in rows_used] or [""], return_inverse=True)
    if len(names) < 2:
        return None
    clusters = assigned[rows_used]
    counts = np.zeros((max(1, int(clusters.max(initial=0)) + 1), len(names)), np.int64)
    inside = clusters >= 0
    np.add.at(counts, (clusters[inside], truth[inside]), 1)
    matched, columns = linear_sum_assignment(-counts)
    return Agreement(
        accuracy=float(counts[matched, columns].sum() / len(rows_used)),
        nmi=float(normalized_mutual_info_score(truth, clusters)),
        ari=float(adjusted_rand_score(truth, clusters)),
        images=len(rows_used),
    )


def cluster_associations(
    assigned: IntArray, factors: Mapping[str, Factor], *, subject: str = "clusters", seed: int = 0
) -> ClusterAssociations:
    """Measure the association of clusters with several factors.

    Args:
        assigned: int (n,), the cluster of each image; images in none (-1) are ignored.
        factors: by name, a value per image out of few different ones (use :func:`quantile_bins` for numbers). Images with the
            value None are ignored; a factor None is unknown.
        subject: what the sentence is about.
        seed: of the permutations.
    """
    nmi: dict[str, float | None] = {}
    chance: dict[str, float | None] = {}
    for name, values in factors.items():
        nmi[name], chance[name] = (None, None) if values is None else _above_chance(assigned, values, seed)
    return ClusterAssociations(nmi, chance, _sentence(nmi, subject))


def quantile_bins(values: FloatArray, bins: int, *, seed: int = 0) -> IntArray:
    """Discretize numbers into a few bins: int (n,).

    Args:
        values: float (n,), binned by quantiles, or (n, d), such as colors, binned by k-means.
        bins: number of bins, clipped to 2 to 12.
        seed: of k-means.
    """
    num_bins = min(MOST_BINS, max(FEWEST_BINS, bins))
    if values.ndim == 1:
        edges = np.unique(np.quantile(values, np.linspace(0, 1, num_bins + 1)[1:-1]))
        return np.searchsorted(edges, values, side="right")
    from sklearn.cluster import KMeans

    different = len(np.unique(values, axis=0))
    if different <= num_bins:
        return np.unique(values, axis=0, return_inverse=True)[1].ravel()
    return np.asarray(KMeans(num_bins, n_init=4, random_state=seed).fit(values).labels_, np.int64)


def sources_of(paths: Sequence[str]) -> list[str] | None:
    """The source of each image: the start of its file name up to the first number; None if that does not group the images.

    >>> sources_of(["flickr_1.jpg", "flickr_2.jpg", "bing_1.jpg", "bing_2.jpg"])
    ['flickr', 'flickr', 'bing', 'bing']
    """
    prefixes = [re.split(r"[\d\s._-]*\d", PurePosixPath(path).stem, maxsplit=1)[0] for path in paths]
    counts = Counter(prefixes)
    return prefixes if 2 <= len(counts) <= max(2, len(paths) // 10) else None


def _above_chance(assigned: IntArray, values: Sequence[object] | IntArray, seed: int) -> tuple[float | None, float | None]:
    """NMI adjusted by that of permuted values, and the latter; None with fewer than two images."""
    from sklearn.metrics import normalized_mutual_info_score

    rows_used = [i for i, value in enumerate(values) if value is not None and assigned[i] >= 0]
    if len(rows_used) < 2:
        return None, None
    _, coded = np.unique(np.array([str(values[i]) for i in rows_used]), return_inverse=True)
    own = assigned[rows_used]
    if len(np.unique(coded)) < 2 or len(np.unique(own)) < 2:
        return 0.0, 0.0
    rng = np.random.default_rng(seed)
    level = float(np.mean([normalized_mutual_info_score(rng.permutation(coded), own) for _ in range(PERMUTATIONS)]))
    value = float(normalized_mutual_info_score(coded, own))
    return (value - level) / max(1 - level, 1e-9), level


def _sentence(nmi: Mapping[str, float | None], subject: str) -> str:
    known = sorted(((value, name) for name, value in nmi.items() if value is not None), key=lambda one: -one[0])
    if not known:
        return f"Nothing is known that these {subject} could be compared with."
    best, name = known[0]
    others = ", ".join(f"{other} ({value:.2f})" for value, other in known[1:])
    if best < WEAK:
        return f"These {subject} follow none of what is known: " + ", ".join(f"{other} (NMI {value:.2f})" for value, other in known) + "."
    if not others:
        return f"These {subject} follow {name} (NMI {best:.2f})."
    if best - known[1][0] < CLEARLY:
        return f"These {subject} follow {name} (NMI {best:.2f}) about as much as {others}."
    return f"These {subject} follow {name} (NMI {best:.2f}) more than {others}."
