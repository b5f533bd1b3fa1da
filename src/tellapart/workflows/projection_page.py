"""The map of ``tellapart explore``: 2-D coordinates of the images of a folder, how far to trust them, and their view for the page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NotRequired, Protocol, TypedDict

import numpy as np

from tellapart.array_types import BoolArray, FloatArray, IntArray
from tellapart.dataset.groups import groups_together
from tellapart.evaluation.intervals import effective_sample_size, wilson
from tellapart.exploration.projection import (
    NEIGHBORS,
    TRIED,
    Projection,
    neighbor_label_accuracy,
    neighbor_preservation,
    project,
    sample_rows,
)
from tellapart.interval import Interval
from tellapart.printable import printable
from tellapart.progress import Progress
from tellapart.results import Result
from tellapart.version import __version__
from tellapart.workflows.explorable_images import NOT_FINITE, ExplorableImages

NAMED = 3


class ProjectionConfig(Protocol):
    """The options that name the features."""

    @property
    def features(self) -> str:
        """Which features."""

    @property
    def layer(self) -> str | None:
        """Which layer of their network."""

    @property
    def state(self) -> Path | None:
        """Where decisions lie."""


@dataclass(frozen=True)
class MapTrust(Result):
    """How far a map is to be trusted.

    Attributes:
        k: how many nearest neighbors are compared.
        neighbors_kept: share of an image's k nearest that are among its k nearest on the map; None for one or two images.
        knn_2d: accuracy of the class of the nearest image on the map: value, low, high; None without labels.
        knn_full: the same in the whole feature space.
    """

    k: int
    neighbors_kept: float | None
    knn_2d: Interval | None
    knn_full: Interval | None


class MapColumns(TypedDict):
    """The map: a column for each thing known of the images, coordinates and trust."""

    method: str
    software: str
    x: list[float]
    y: list[float]
    label: list[int | None]
    cluster: list[int | None]
    image_id: list[str | None]
    path: list[str]
    trust: dict[str, Any]
    score: NotRequired[list[float]]


class ExploreHeader(TypedDict):
    """The header of the explore page: the folder, and what the images were compared by."""

    folder: str
    root: str
    state: str | None
    images: int
    features: str
    layer: str | None
    class_names: list[str]
    tellapart: str
    made: str


@dataclass(frozen=True, eq=False)
class FolderProjection:
    """A folder on a map.

    Attributes:
        subjects: its n images.
        class_names: sorted.
        labels: the number of each image's class (n,), -1 for none.
        made: their places.
        trust: how far the places are to be trusted.
    """

    subjects: ExplorableImages
    class_names: list[str]
    labels: IntArray
    made: Projection
    trust: MapTrust

    @property
    def notes(self) -> list[str]:
        """Sentences worth knowing."""
        return [*self.subjects.analyzed.notes, *left_out_notes(self.subjects), *self.made.notes]

    def view(self) -> MapColumns:
        """``map`` of the explore page's view: a column for each thing known of the images."""
        rows, coordinates = self.subjects.rows, np.round(self.made.places.astype(np.float64), 4)
        return {
            "method": self.made.method,
            "software": self.made.software,
            "x": coordinates[:, 0].tolist(),
            "y": coordinates[:, 1].tolist(),
            "label": [None if label < 0 else int(label) for label in self.labels],
            "cluster": [None] * len(rows),
            "image_id": [row.image_id for row in rows],
            "path": [row.path for row in rows],
            "trust": self.trust.as_dict(),
        }


def project_folder(subjects: ExplorableImages, *, method: str, perplexity: float, seed: int, progress: Progress) -> FolderProjection:
    """Project the images to two dimensions, with a measure of trust; see :func:`tellapart.exploration.projection.project`."""
    class_names = sorted({label for label in subjects.labels if label is not None})
    number = {name: k for k, name in enumerate(class_names)}
    labels = np.array([-1 if label is None else number[label] for label in subjects.labels], dtype=np.int64)
    made = project(subjects.features, method=method, perplexity=perplexity, seed=seed, progress=progress)
    return FolderProjection(subjects, class_names, labels, made, _trust(subjects, labels, made.places, seed, progress))


def header_view(projection: FolderProjection, seeing: ProjectionConfig, folder: str | Path) -> ExploreHeader:
    """``header`` of the explore page's view."""
    path = Path(folder).expanduser()
    return {
        "folder": printable(str(path.resolve() if path.exists() else folder)),
        "root": printable(str(projection.subjects.analyzed.dataset.root)),
        "state": None if seeing.state is None else printable(str(seeing.state.expanduser().resolve())),
        "images": len(projection.subjects),
        "features": seeing.features,
        "layer": seeing.layer,
        "class_names": projection.class_names,
        "tellapart": __version__,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def left_out_notes(subjects: ExplorableImages) -> list[str]:
    """What is not on the map, in sentences; images with features that are not finite come first."""
    broken = [path for path, reason in subjects.left_out.items() if reason == NOT_FINITE]
    others = len(subjects.left_out) - len(broken)
    more = f" and {len(broken) - NAMED:,} more" if len(broken) > NAMED else ""
    sentences = [f"the features of {', '.join(broken[:NAMED])}{more} are not finite numbers, so they are left out"] if broken else []
    counted = f"{others:,} {'file is' if others == 1 else 'files are'} not on the map: unreadable, copies, or excluded by you"
    return sentences + ([counted] if others else [])


def _trust(subjects: ExplorableImages, labels: IntArray, coordinates: FloatArray, seed: int, progress: Progress) -> MapTrust:
    known = np.flatnonzero(labels >= 0)
    has_classes = len(np.unique(labels[known])) > 1
    groups = _groups(subjects) if has_classes else np.arange(len(labels))
    with progress.stage("checking the map", total=3, unit="checks") as advance:
        preserved = neighbor_preservation(subjects.features, coordinates, seed=seed)
        knn_2d = knn_full = None
        advance(1)
        if has_classes:
            sample = known[sample_rows(len(known), TRIED, seed)]
            knn_2d = _share(neighbor_label_accuracy(coordinates, labels, groups, sample), groups[sample])
            advance(1)
            knn_full = _share(neighbor_label_accuracy(subjects.features, labels, groups, sample, is_cosine=True), groups[sample])
            advance(1)
    return MapTrust(NEIGHBORS, preserved, knn_2d, knn_full)


def _groups(subjects: ExplorableImages) -> IntArray:
    """Near-duplicates and the images of one group of the user's have the same number (n,)."""
    names = [str(number) for number in range(len(subjects))]
    pairs = [(names[int(first)], name) for first, name in zip(subjects.originals, names, strict=True)]
    group_of = groups_together(names, pairs, [row.group for row in subjects.rows])
    return np.unique([group_of[name] for name in names], return_inverse=True)[1]


def _share(is_right: BoolArray, groups: IntArray) -> Interval:
    right = is_right.astype(np.float64)
    index = np.unique(groups, return_inverse=True)[1]
    return wilson(float(right.sum()), len(right), effective_n=effective_sample_size(right, index))
