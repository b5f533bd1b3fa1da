"""What is shown of a cluster: its most typical images, its least typical ones; and the strangest images of all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tellapart.array_types import IntArray
from tellapart.exploration.clustering import Clustering

NEAR, FAR = 15, 8


@dataclass(frozen=True)
class Members:
    """The images of one cluster that are worth seeing; all are numbers of images.

    Attributes:
        number: of the cluster.
        size: how many images are in it.
        medoid: the image with the least squared distances to all others: the one nearest the center.
        nearest: the next ones, the nearest first.
        farthest: the farthest first; none that is among ``nearest``.
    """

    number: int
    size: int
    medoid: int
    nearest: tuple[int, ...]
    farthest: tuple[int, ...]


def members_of(clustering: Clustering, *, near: int = NEAR, far: int = FAR) -> list[Members]:
    """The images to show of every cluster, the medoid and at most so many near the center and far from it."""
    found = []
    for number in range(clustering.k):
        inside = np.flatnonzero(clustering.assigned == number)
        order = [int(i) for i in inside[np.argsort(clustering.distances[inside], kind="stable")]]
        rest = order[near + 1 :]
        found.append(Members(number, len(order), order[0], tuple(order[1 : near + 1]), tuple(rest[: -far - 1 : -1])))
    return found


def rank_by_distance(clustering: Clustering) -> IntArray:
    """All images, the strangest first: those in no cluster, then by distance beside what is usual in their cluster (n,)."""
    strangeness = clustering.distances.astype(np.float64)
    for number in range(clustering.k):
        inside = clustering.assigned == number
        strangeness[inside] /= max(float(np.median(clustering.distances[inside])), 1e-9)
    strangeness[clustering.assigned < 0] += strangeness.max(initial=0.0)
    return np.argsort(-strangeness, kind="stable")
