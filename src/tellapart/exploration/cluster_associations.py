"""What do clusters follow: the classes, the color, the shape of the images, or where they came from?"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from tellapart.array_types import FloatArray, IntArray

PERMUTATIONS = 20
WEAK, CLEARLY = 0.05, 0.02
FEWEST_BINS, MOST_BINS = 2, 12


@dataclass(frozen=True)
class Agreement:
    """How far clusters agree with labels.

    Attributes:
        accuracy: share of images right when each class is matched with one cluster as well as can be; the rest is wrong.
        nmi: normalized mutual information, 0 to 1.
        ari: adjusted Rand index, 0 by chance and 1 if they are the same.
        images: how many labeled ones were counted.
    """

    accuracy: float
    nmi: float
    ari: float
    images: int


@dataclass(frozen=True)
class ClusterAssociations:
    """What clusters follow.

    Attributes:
        nmi: by name (``class``, ``color``, ...): normalized mutual information above chance, 1 for the same; None if not known.
        chance: by name: what permuted values have, the level that ``nmi`` is above.
        sentence: the same in words.
    """

    nmi: dict[str, float | None]
    chance: dict[str, float | None]
    sentence: str


def agreement(assigned: IntArray, labels: Sequence[str | None]) -> Agreement | None:
    """How far clusters (n,) agree with labels; images without a label do not count. None with fewer than two labels.

    Images in no cluster (-1) are wrong for the accuracy and one cluster more for the other two.
    """
    from scipy.optimize import linear_sum_assignment
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    kept = [i for i, label in enumerate(labels) if label is not None]
    names, truth = np.unique([labels[i] for i in kept] or [""], return_inverse=True)
    if len(names) < 2:
        return None
    found = assigned[kept]
    counts = np.zeros((max(1, int(found.max(initial=0)) + 1), len(names)), np.int64)
    inside = found >= 0
    np.add.at(counts, (found[inside], truth[inside]), 1)
    rows, columns = linear_sum_assignment(-counts)
    return Agreement(
        accuracy=float(counts[rows, columns].sum() / len(kept)),
        nmi=float(normalized_mutual_info_score(truth, found)),
        ari=float(adjusted_rand_score(truth, found)),
        images=len(kept),
    )


def cluster_associations(
    assigned: IntArray, factors: Mapping[str, Sequence[object] | None], *, subject: str = "clusters", seed: int = 0
) -> ClusterAssociations:
    """What clusters (n,) follow, of several factors.

    Args:
        assigned: a cluster for each image; images in none (-1) do not count.
        factors: by name a value for each image, from few different ones (:func:`quantile_bins` makes them of numbers); None as a
            value leaves the image out, None as a factor is one that is not known.
        subject: what the sentence is about.
        seed: of the permutations.
    """
    nmi: dict[str, float | None] = {}
    chance: dict[str, float | None] = {}
    for name, values in factors.items():
        nmi[name], chance[name] = (None, None) if values is None else _above_chance(assigned, values, seed)
    return ClusterAssociations(nmi, chance, _sentence(nmi, subject))


def quantile_bins(values: FloatArray, bins: int, *, seed: int = 0) -> IntArray:
    """Numbers as few groups (n,): (n,) numbers in groups of equal size, (n, d) ones, such as colors, by k-means."""
    wanted = min(MOST_BINS, max(FEWEST_BINS, bins))
    if values.ndim == 1:
        edges = np.unique(np.quantile(values, np.linspace(0, 1, wanted + 1)[1:-1]))
        return np.searchsorted(edges, values, side="right")
    from sklearn.cluster import KMeans

    different = len(np.unique(values, axis=0))
    if different <= wanted:
        return np.unique(values, axis=0, return_inverse=True)[1].ravel()
    return np.asarray(KMeans(wanted, n_init=4, random_state=seed).fit(values).labels_, np.int64)


def sources_of(paths: Sequence[str]) -> list[str] | None:
    """Where images came from, by what their file names begin with, up to the first number; None where that says nothing.

    >>> sources_of(["flickr_1.jpg", "flickr_2.jpg", "bing_1.jpg", "bing_2.jpg"])
    ['flickr', 'flickr', 'bing', 'bing']
    """
    prefixes = [re.split(r"[\d\s._-]*\d", PurePosixPath(path).stem, maxsplit=1)[0] for path in paths]
    counts = Counter(prefixes)
    return prefixes if 2 <= len(counts) <= max(2, len(paths) // 10) else None


def _above_chance(assigned: IntArray, values: Sequence[object], seed: int) -> tuple[float | None, float | None]:
    """NMI above that of permuted values, and that level; None where there is nothing to compare."""
    from sklearn.metrics import normalized_mutual_info_score

    kept = [i for i, value in enumerate(values) if value is not None and assigned[i] >= 0]
    if len(kept) < 2:
        return None, None
    _, coded = np.unique(np.array([str(values[i]) for i in kept]), return_inverse=True)
    own = assigned[kept]
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
