"""The people in the photos of a class: faces clustered by their descriptors, and the main people of each class.

Faces of one class are clustered by average linkage. The largest cluster is the main person of the class if it has a sufficient
share of the faces; otherwise the class is not about one person ("smiling", "a crowd"), and every face belongs to it.
The threshold was set on the people in docs/log.md (2026-11-21, faces).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tellapart.array_types import FloatArray, IntArray

SAME_PERSON = 0.3
"""Mean cosine from which two clusters of descriptors are one person."""
MAIN_SHARE = 0.3
"""Minimum share of the faces of a class that the main person has."""
ALSO_MAIN = 0.25
"""Another person with this share of the main person's number of faces is a main person too."""
MOST_FACES = 4_000
"""Maximum number of faces of a class that are clustered; further ones join the nearest cluster."""


@dataclass(frozen=True)
class Identity:
    """The person a face belongs to.

    Attributes:
        cluster: number of the person within the class, 0 for the one with most faces.
        size: number of faces of that person in the class.
        is_main: whether the person is a main person of the class, or the class has none.
        also_in: other classes of which this person is a main person, if not of this one.
    """

    cluster: int
    size: int
    is_main: bool
    also_in: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class People:
    """The main people of each class.

    Attributes:
        centers: by class, float32 (people, d), rows of unit length; no rows if the class has no main person.
    """

    centers: Mapping[str, FloatArray]

    def likest(self, descriptors: FloatArray) -> FloatArray:
        """The highest cosine of each descriptor, float32 (m, d), with any main person: float (m,); -1 if there is none."""
        rows = [centers for centers in self.centers.values() if len(centers)]
        if not rows or not len(descriptors):
            return np.full(len(descriptors), -1.0)
        return np.asarray((descriptors @ np.concatenate(rows).T).max(axis=1))

    def classes_of(self, center: FloatArray, *, threshold: float = SAME_PERSON) -> tuple[str, ...]:
        """Classes with a main person that matches ``center``, float32 (d,)."""
        return tuple(name for name, centers in self.centers.items() if len(centers) and float((centers @ center).max()) >= threshold)


def clusters(descriptors: FloatArray, *, threshold: float = SAME_PERSON) -> IntArray:
    """Cluster faces into people: int64 (n,), 0 for the person with the most faces.

    Args:
        descriptors: float32 (n, d), rows of unit length.
        threshold: mean cosine from which two clusters are one person.
    """
    n = len(descriptors)
    if n < 2:
        return np.zeros(n, dtype=np.int64)
    from sklearn.cluster import AgglomerativeClustering

    first = np.sort(np.random.default_rng(0).choice(n, MOST_FACES, replace=False)) if n > MOST_FACES else np.arange(n)
    distances = 1.0 - descriptors[first] @ descriptors[first].T
    model = AgglomerativeClustering(n_clusters=None, metric="precomputed", linkage="average", distance_threshold=1.0 - threshold)
    labels_found = np.full(n, -1, dtype=np.int64)
    labels_found[first] = model.fit_predict(np.maximum(distances, 0.0))
    if len(first) < n:
        _join(descriptors, labels_found, threshold)
    by_size = sorted(Counter(labels_found.tolist()).items(), key=lambda pair: (-pair[1], pair[0]))
    rank = {number: index for index, (number, _) in enumerate(by_size)}
    return np.array([rank[number] for number in labels_found.tolist()], dtype=np.int64)


def _join(descriptors: FloatArray, labels_found: IntArray, threshold: float) -> None:
    """Assign the faces without a cluster (-1) to the nearest center or to a new cluster, in place."""
    centers = np.stack([_center(descriptors[labels_found == number]) for number in range(int(labels_found.max()) + 1)])
    rest = np.flatnonzero(labels_found < 0)
    likeness = descriptors[rest] @ centers.T
    nearest = likeness.argmax(axis=1)
    is_near = likeness.max(axis=1) >= threshold
    labels_found[rest] = np.where(is_near, nearest, len(centers) + np.arange(len(rest)))


def identities(descriptors: FloatArray, labels: Sequence[str], *, threshold: float = SAME_PERSON) -> tuple[list[Identity], People]:
    """Identify the people, and the main people of each class.

    Args:
        descriptors: float32 (n, d), rows of unit length; one face per photo.
        labels: the class of each photo, n names.
        threshold: mean cosine from which two clusters are one person.
    """
    of_class: dict[str, list[int]] = defaultdict(list)
    for index, label in enumerate(labels):
        of_class[label].append(index)
    numbers = np.zeros(len(labels), dtype=np.int64)
    centers: dict[str, FloatArray] = {}
    sizes: dict[str, Counter[int]] = {}
    for label, members_of_class in sorted(of_class.items()):
        labels_found = clusters(descriptors[members_of_class], threshold=threshold)
        numbers[members_of_class] = labels_found
        sizes[label] = Counter(labels_found.tolist())
        main = _main_people(sizes[label], len(members_of_class))
        rows = [_center(descriptors[members_of_class][labels_found == number]) for number in main]
        centers[label] = np.stack(rows) if rows else np.zeros((0, descriptors.shape[1]), np.float32)
    people = People(centers)
    identity_of: dict[tuple[str, int], Identity] = {}
    for label, members_of_class in of_class.items():
        for number, size in sizes[label].items():
            is_main = not len(centers[label]) or number < len(centers[label])
            members = [index for index in members_of_class if numbers[index] == number]
            others = () if is_main else people.classes_of(_center(descriptors[members]), threshold=threshold)
            identity_of[label, number] = Identity(number, size, is_main, tuple(name for name in others if name != label))
    return [identity_of[label, int(number)] for label, number in zip(labels, numbers, strict=True)], people


def _main_people(sizes: Counter[int], faces: int) -> list[int]:
    """The clusters of the main people of a class, the largest first; empty if no one has a sufficient share."""
    largest = sizes[0]
    if faces < 3 or largest < 2 or largest < MAIN_SHARE * faces:
        return []
    return [number for number in sorted(sizes) if sizes[number] >= max(2.0, ALSO_MAIN * largest)]


def _center(descriptors: FloatArray) -> FloatArray:
    center = descriptors.mean(axis=0)
    return np.asarray(center / max(float(np.linalg.norm(center)), 1e-12), dtype=np.float32)
