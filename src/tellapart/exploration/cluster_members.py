"""The images to show of each cluster: the most and the least typical ones; and the least typical images of all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tellapart.array_types import IntArray
from tellapart.exploration.clustering import Clustering

NEAR, FAR = 15, 8


@dataclass(frozen=True)
class Members:
    """The images to show of one cluster, as row indices.

    Attributes:
        number: of the cluster, from 0.
        size: number of images in it.
        medoid: the image nearest to the center.
        nearest: the next nearest, nearest first.
        farthest: the farthest, farthest first; disjoint from ``nearest``.
    """

    number: int
    size: int
    medoid: int
    nearest: tuple[int, ...]
    farthest: tuple[int, ...]


def list_members(clustering: Clustering, *, near: int = NEAR, far: int = FAR) -> list[Members]:
    """The images to show of every cluster: the medoid, and at most ``near`` nearest to and ``far`` farthest from the center."""
    members = []
    for number in range(clustering.k):
        inside = np.flatnonzero(clustering.assigned == number)
        order = [int(i) for i in inside[np.argsort(clustering.distances[inside], kind="stable")]]
        rest = order[near + 1 :]
        members.append(Members(number, len(order), order[0], tuple(order[1 : near + 1]), tuple(rest[: -far - 1 : -1])))
    return members


def rank_by_distance(clustering: Clustering) -> IntArray:
    """Rank all images, the least typical first: those in no cluster, then by distance over the median distance of their cluster.

    Returns:
        int (n,), row indices.
    """
    strangeness = clustering.distances.astype(np.float64)
    for number in range(clustering.k):
        inside = clustering.assigned == number
        strangeness[inside] /= max(float(np.median(clustering.distances[inside])), 1e-9)
    strangeness[clustering.assigned < 0] += strangeness.max(initial=0.0)
    return np.argsort(-strangeness, kind="stable")
