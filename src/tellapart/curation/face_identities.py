"""Who is on the photos of a class: faces clustered by their descriptors, the main people kept, strangers set aside.

Faces of one class are clustered by average linkage. The largest cluster is the class's main person, if it holds a good
share of the faces; otherwise the class is not about one person ("smiling", "a crowd"), and nobody is a stranger in it.
The threshold was set on the people of docs/log.md (2026-11-21, faces).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tellapart.array_types import FloatArray, IntArray

SAME_PERSON = 0.3
"""Mean cosine of two clusters of descriptors from which on they are one person."""
MAIN_SHARE = 0.3
"""The main person has at least this share of the faces of a class."""
ALSO_MAIN = 0.25
"""Another person belongs to a class who has this share of the main person's faces."""
MOST_FACES = 4_000
"""Of a class are clustered with each other; further ones go to the nearest cluster."""


@dataclass(frozen=True)
class Identity:
    """Whose face it is, as far as the others tell.

    Attributes:
        cluster: number of the person within the class, 0 for the one with most faces.
        size: number of faces of that person in the class.
        is_main: whether the class is about that person, or about nobody in particular.
        also_in: classes of which the same person is a main one, though not of this.
    """

    cluster: int
    size: int
    is_main: bool
    also_in: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class People:
    """The main people of each class.

    Attributes:
        centers: by class, float32 (people, d) of length 1; no row where a class is about nobody in particular.
    """

    centers: Mapping[str, FloatArray]

    def likest(self, descriptors: FloatArray) -> FloatArray:
        """Cosine of each descriptor (m, d) with the main person it is most like, of whatever class; -1 where there is none."""
        rows = [centers for centers in self.centers.values() if len(centers)]
        if not rows or not len(descriptors):
            return np.full(len(descriptors), -1.0)
        return np.asarray((descriptors @ np.concatenate(rows).T).max(axis=1))

    def classes_of(self, center: FloatArray, *, threshold: float = SAME_PERSON) -> tuple[str, ...]:
        """Classes with a main person whom a center (d,) is."""
        return tuple(name for name, centers in self.centers.items() if len(centers) and float((centers @ center).max()) >= threshold)


def clusters(descriptors: FloatArray, *, threshold: float = SAME_PERSON) -> IntArray:
    """The number of the person of each face, 0 for the one with most faces.

    Args:
        descriptors: float32 (n, d), each of length 1.
        threshold: mean cosine from which on two clusters are one person.
    """
    n = len(descriptors)
    if n < 2:
        return np.zeros(n, dtype=np.int64)
    from sklearn.cluster import AgglomerativeClustering

    first = np.sort(np.random.default_rng(0).choice(n, MOST_FACES, replace=False)) if n > MOST_FACES else np.arange(n)
    distances = 1.0 - descriptors[first] @ descriptors[first].T
    model = AgglomerativeClustering(n_clusters=None, metric="precomputed", linkage="average", distance_threshold=1.0 - threshold)
    found = np.full(n, -1, dtype=np.int64)
    found[first] = model.fit_predict(np.maximum(distances, 0.0))
    if len(first) < n:
        _join(descriptors, found, threshold)
    by_size = sorted(Counter(found.tolist()).items(), key=lambda pair: (-pair[1], pair[0]))
    rank = {number: place for place, (number, _) in enumerate(by_size)}
    return np.array([rank[number] for number in found.tolist()], dtype=np.int64)


def _join(descriptors: FloatArray, found: IntArray, threshold: float) -> None:
    """Give the faces without a cluster (-1) that of the nearest center, or one of their own."""
    centers = np.stack([_center(descriptors[found == number]) for number in range(int(found.max()) + 1)])
    rest = np.flatnonzero(found < 0)
    likeness = descriptors[rest] @ centers.T
    nearest = likeness.argmax(axis=1)
    is_near = likeness.max(axis=1) >= threshold
    found[rest] = np.where(is_near, nearest, len(centers) + np.arange(len(rest)))


def identities(descriptors: FloatArray, labels: Sequence[str], *, threshold: float = SAME_PERSON) -> tuple[list[Identity], People]:
    """Whose faces they are, and the main people of each class.

    Args:
        descriptors: float32 (n, d), each of length 1; one face a photo.
        labels: the class of each photo (n,).
        threshold: mean cosine from which on two clusters are one person.
    """
    of_class: dict[str, list[int]] = defaultdict(list)
    for place, label in enumerate(labels):
        of_class[label].append(place)
    numbers = np.zeros(len(labels), dtype=np.int64)
    centers: dict[str, FloatArray] = {}
    sizes: dict[str, Counter[int]] = {}
    for label, places in sorted(of_class.items()):
        found = clusters(descriptors[places], threshold=threshold)
        numbers[places] = found
        sizes[label] = Counter(found.tolist())
        main = _main_people(sizes[label], len(places))
        rows = [_center(descriptors[places][found == number]) for number in main]
        centers[label] = np.stack(rows) if rows else np.zeros((0, descriptors.shape[1]), np.float32)
    people = People(centers)
    told: dict[tuple[str, int], Identity] = {}
    for label, places in of_class.items():
        for number, size in sizes[label].items():
            is_main = not len(centers[label]) or number < len(centers[label])
            members = [place for place in places if numbers[place] == number]
            others = () if is_main else people.classes_of(_center(descriptors[members]), threshold=threshold)
            told[label, number] = Identity(number, size, is_main, tuple(name for name in others if name != label))
    return [told[label, int(number)] for label, number in zip(labels, numbers, strict=True)], people


def _main_people(sizes: Counter[int], faces: int) -> list[int]:
    """Clusters a class is about, the largest first; none where no one has a good share."""
    largest = sizes[0]
    if faces < 3 or largest < 2 or largest < MAIN_SHARE * faces:
        return []
    return [number for number in sorted(sizes) if sizes[number] >= max(2.0, ALSO_MAIN * largest)]


def _center(descriptors: FloatArray) -> FloatArray:
    center = descriptors.mean(axis=0)
    return np.asarray(center / max(float(np.linalg.norm(center)), 1e-12), dtype=np.float32)
