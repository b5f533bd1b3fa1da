"""Cluster the images of a folder: members, names, associations with other properties, and the number of clusters."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, TypedDict

import numpy as np

from tellapart.array_types import FloatArray
from tellapart.counts import count, is_whole_number
from tellapart.errors import OptionError
from tellapart.exploration.cluster_associations import (
    Agreement,
    ClusterAssociations,
    Factor,
    agreement,
    cluster_associations,
    quantile_bins,
    sources_of,
)
from tellapart.exploration.clustering import (
    N_INIT,
    NEEDS_K,
    Clustering,
    Members,
    cluster_points,
    count_distinct,
    list_members,
    rank_by_distance,
)
from tellapart.exploration.num_clusters import MAX_K, NumClustersChoice, choose_num_clusters
from tellapart.exploration.pca import DIRECTIONS, pca_coordinates
from tellapart.models.imagenet_classes import imagenet_names, likely_words
from tellapart.progress import SILENT, Progress
from tellapart.workflows.explorable_images import ExplorableImages

FOR_LOOKING = 5
"""Clusters that are shown where no number is clear."""
METHOD_WORDS = {
    "kmeans": "k-means",
    "minibatch": "mini-batch k-means",
    "affinity": "affinity propagation",
    "hdbscan": "HDBSCAN",
    "agglomerative": "agglomerative clustering",
}


@dataclass(frozen=True, kw_only=True)
class ClusteringConfig:
    """How to cluster; see the options of ``tellapart cluster``. A ``k`` of 0 chooses one."""

    k: int = 0
    method: str = "kmeans"
    pca: int = DIRECTIONS
    n_init: int = N_INIT
    max_k: int = MAX_K
    seed: int = 0
    names: dict[int, str] = field(default_factory=dict)


class ClusterView(TypedDict):
    """A cluster; images by their number."""

    number: int
    name: str | None
    size: int
    medoid: int
    nearest: list[int]
    farthest: list[int]
    classes: dict[str, int]
    words: list[str]


class ClustersView(TypedDict):
    """The clusters, how they were found, and their agreement with the labels."""

    method: str
    k: int
    sentence: str
    clusters: list[ClusterView]
    scores: dict[str, Any] | None


class ClusteringSections(TypedDict):
    """The sections of the explore page on clusters; ``outliers`` are all images, those farthest from their cluster first."""

    clusters: ClustersView
    choice: dict[str, object] | None
    encoding: dict[str, Any]
    outliers: list[int]


@dataclass(frozen=True, eq=False)
class FolderClustering:
    """A folder in clusters.

    Attributes:
        subjects: the images that are clustered.
        config: how they were clustered.
        places: float32 (n, p), where clusters were sought.
        clustering: which image is in which.
        choice: how their number was chosen; None where it was given or the method finds it.
    """

    subjects: ExplorableImages
    config: ClusteringConfig
    places: FloatArray
    clustering: Clustering
    choice: NumClustersChoice | None

    @cached_property
    def members(self) -> list[Members]:
        """The images to show of each cluster."""
        return list_members(self.clustering)

    @cached_property
    def words(self) -> list[list[str]]:
        """What each cluster looks like, by mean probability: the words that were asked for, or ImageNet classes; none without either."""
        probabilities = self.subjects.probabilities
        if probabilities is None:
            return [[] for _ in self.members]
        means = [probabilities[self.clustering.assigned == one.number].mean(axis=0) for one in self.members]
        words = self.subjects.words or imagenet_names()
        return [likely_words(mean[: len(words)], words) for mean in means]

    @cached_property
    def names(self) -> dict[int, str]:
        """Clusters that have a name: the one given, or of the words asked for the one that more than half of its images are called."""
        given, words = self.config.names, self.subjects.words
        if not words or self.subjects.probabilities is None:
            return given
        likeliest = self.subjects.probabilities.argmax(axis=1)
        most_probable = {}
        for one in self.members:
            votes = np.bincount(likeliest[self.clustering.assigned == one.number], minlength=len(words) + 1)
            best = int(votes.argmax())
            if best < len(words) and votes[best] > one.size / 2:
                most_probable[one.number] = words[best]
        return most_probable | given

    @cached_property
    def classes(self) -> list[dict[str, int]]:
        """How many images of each label are in each cluster, the most frequent first."""
        labels, assigned = self.subjects.labels, self.clustering.assigned
        counts: list[Counter[str]] = [Counter() for _ in self.members]
        for label, number in zip(labels, assigned, strict=True):
            if label is not None and number >= 0:
                counts[number][label] += 1
        return [dict(sorted(one.items(), key=lambda item: (-item[1], item[0]))) for one in counts]

    @cached_property
    def scores(self) -> Agreement | None:
        """How far the clusters agree with the labels; None without any."""
        return agreement(self.clustering.assigned, self.subjects.labels)

    @cached_property
    def encoding(self) -> ClusterAssociations:
        """What the clusters follow."""
        return cluster_associations(
            self.clustering.assigned, factors_of(self.subjects, self.clustering.k, self.config.seed), seed=self.config.seed
        )

    @cached_property
    def outliers(self) -> list[int]:
        """All images, those farthest from their cluster first."""
        return [int(i) for i in rank_by_distance(self.clustering)]

    @property
    def sentence(self) -> str:
        """How many clusters of what, found how."""
        clustering, method = self.clustering, METHOD_WORDS[self.config.method]
        directions = f" on {self.places.shape[1]} directions" if self.config.pca else ""
        outside = int((clustering.assigned < 0).sum())
        rest = f"; {outside:,} are in none" if outside else ""
        named = count(clustering.k, "cluster")
        return f"{named} of {count(len(self.subjects), 'image')} by {method} of {self.subjects.name}{directions}{rest}"

    def label(self, number: int) -> str:
        """What a cluster is called: its name, or its number."""
        return self.names.get(number, str(number))

    def view(self) -> ClusteringSections:
        """``clusters``, ``choice``, ``encoding`` and ``outliers`` of the explore page's view; images by their number."""
        scores = self.scores
        listed: list[ClusterView] = [
            {
                "number": one.number,
                "name": self.names.get(one.number),
                "size": one.size,
                "medoid": one.medoid,
                "nearest": list(one.nearest),
                "farthest": list(one.farthest),
                "classes": classes,
                "words": words,
            }
            for one, classes, words in zip(self.members, self.classes, self.words, strict=True)
        ]
        return {
            "clusters": {
                "method": METHOD_WORDS[self.config.method],
                "k": self.clustering.k,
                "sentence": self.sentence,
                "clusters": listed,
                "scores": asdict(scores) if scores else None,
            },
            "choice": num_clusters_view(self.choice),
            "encoding": asdict(self.encoding),
            "outliers": self.outliers,
        }


def num_clusters_view(choice: NumClustersChoice | None) -> dict[str, object] | None:
    """A choice as plain data."""
    return None if choice is None else {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(choice).items()}


def cluster_folder(subjects: ExplorableImages, config: ClusteringConfig, progress: Progress = SILENT) -> FolderClustering:
    """Cluster a folder's images.

    Where ``k`` is 0 and the method needs a number, it is chosen; where none is clear, five clusters are shown, and the
    choice says so.

    Raises:
        DataError: there are fewer different images than clusters.
        OptionError: a name is given to a cluster that does not exist.
    """
    coordinates = pca_coordinates(subjects.features, directions=config.pca, seed=config.seed)
    k: int | None = config.k or None
    choice = None
    if k is None and config.method in NEEDS_K:
        with progress.stage("choosing a number of clusters", total=2 * config.max_k, unit="clusterings") as advance:
            choice = choose_num_clusters(coordinates, max_k=config.max_k, seed=config.seed, advance=advance)
        k = choice.suggested or min(FOR_LOOKING, count_distinct(coordinates))
    with progress.stage("clustering", total=len(subjects)) as advance:
        clustering = cluster_points(coordinates, k, method=config.method, n_init=config.n_init, seed=config.seed)
        advance(len(subjects))
    strange = sorted(number for number in config.names if number >= clustering.k)
    if strange:
        raise OptionError(
            f"there is no cluster {strange[0]}; the clusters are 0 to {clustering.k - 1}",
            hint="look at their sheets first, then name them with the same options",
        )
    return FolderClustering(subjects, config, coordinates, clustering, choice)


def factors_of(subjects: ExplorableImages, k: int, seed: int = 0) -> dict[str, Factor]:
    """What clusters may follow, by name: class, mean color, shape and size of the images (in as many groups as clusters), source."""
    facts = [subjects.analyzed.facts[row.image_id or ""] for row in subjects.rows]
    colors = np.array([(one.red, one.green, one.blue) for one in facts], np.float32)
    sides = np.log(np.array([(max(1, one.width), max(1, one.height)) for one in facts]))
    labels = subjects.labels
    source = sources_of([row.path for row in subjects.rows])
    if source is not None and len(set(zip(source, labels, strict=True))) == len(set(labels)):
        source = None
    return {
        "class": labels if any(label is not None for label in labels) else None,
        "color": quantile_bins(colors, k, seed=seed),
        "aspect": quantile_bins(sides[:, 0] - sides[:, 1], k),
        "size": quantile_bins(sides.sum(axis=1), k),
        "source": source,
    }


def parse_cluster_names(text: str | None) -> dict[int, str]:
    """Names by cluster from ``0=cheetah,1=lion``.

    Raises:
        OptionError: a part is not a number, ``=`` and a name, or a cluster is named twice.
    """
    name_of: dict[int, str] = {}
    for part in (text or "").split(",") if text else ():
        number, _, name = part.partition("=")
        if not is_whole_number(number.strip()) or not name.strip():
            raise OptionError(f"{part.strip()!r} does not name a cluster", hint="write numbers and names: 0=cheetah,1=lion")
        if int(number) in name_of:
            raise OptionError(f"cluster {int(number)} is named twice", hint="give each cluster one name")
        name_of[int(number)] = name.strip()
    return name_of
