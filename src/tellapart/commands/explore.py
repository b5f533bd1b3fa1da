"""tellapart explore: what is in a folder, on one page: the map, the clusters, similar images, and what stands apart."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart.commands.cluster import METHODS as WAYS
from tellapart.counts import count
from tellapart.dataset.options import DatasetOptions
from tellapart.exploration.projection import METHODS, PERPLEXITY
from tellapart.models.precision import precision_option
from tellapart.options import dataclass, option, when, when_not, with_options, without
from tellapart.progress import AUTO, Progress
from tellapart.shared_options import (
    device_option,
    features_option,
    image_size_option,
    layer_option,
    num_workers_option,
    seed_option,
    state_option,
    weights_option,
)

if TYPE_CHECKING:
    from tellapart.workflows.explorable_images import ExplorableImages
    from tellapart.workflows.folder_clustering import FolderClustering
    from tellapart.workflows.projection_page import FolderProjection

MAP = "map"
PAGE, DETAILS = "explore.html", "explore.json"
MAP_PAGE, MAP_TABLE = "map.html", "map.csv"
NEIGHBORS = 8
ASKED_OF_ALL, ASKED = 12_000, 4_000
"""Up to how many images all are asked for their neighbors; of more, as many drawn at random and those that sections show."""
OUTLIERS = 1_000


@dataclass(frozen=True, kw_only=True)
class ExploreOptions(DatasetOptions):
    """What is looked at, and how."""

    only: str | None = option(None, "Only the map, with a table of its coordinates.", choices=(MAP,))
    k: int = option(
        0,
        "How many clusters; 0 chooses, or says that no number is clear.",
        minimum=0,
        only_for=(without("only"), when_not("method", "hdbscan")),
    )
    method: str = option("kmeans", "How clusters are found.", choices=WAYS, only_for=without("only"))
    map: str = option("tsne", "How images are placed on the map; umap needs the extra maps.", choices=METHODS)
    features: str = features_option()
    layer: str | None = layer_option()
    weights: Path | None = weights_option()
    image_size: int | None = image_size_option()
    words: str = option(
        "imagenet",
        "What clusters may be called: imagenet, none, or words of yours: cheetah,lion,fox.",
        metavar="WORDS",
        only_for=without("only"),
    )
    name: str | None = option(None, "Names for clusters, by number: 0=cheetah,1=lion.", metavar="N=NAME,...", only_for=without("only"))
    perplexity: float = option(
        PERPLEXITY,
        "For tsne: how many neighbors of an image are kept near it.",
        minimum=2.0,
        maximum=500.0,
        only_for=when("map", "tsne"),
    )
    out: Path = option(Path("explore"), "Folder for the page and its numbers.", metavar="DIR")
    seed: int = seed_option()
    state: Path | None = state_option()
    device: str = device_option()
    precision: str = precision_option()
    num_workers: int | None = num_workers_option()


@with_options(ExploreOptions)
def explore(folder: str | Path, *, options: ExploreOptions, progress: Progress = AUTO) -> dict[str, Any]:
    """Say what is in a folder: a page with a map of all images, clusters and what they follow, similar images and outliers.

    With ``--only map`` the page holds the map alone, and a table of its coordinates lies beside it.

    Labels are not needed; where there are some, the map and the clusters are compared with them. On the page, images can
    be chosen by drawing around them, and left out or relabeled; that is saved as a file of decisions. Photos are only read.

    Args:
        folder: class folders, unsorted images, a manifest or a bucket.
        progress: hears of every image.
        options: as keywords; see :class:`ExploreOptions`.

    Returns:
        ``out`` (the page), ``details`` (the same as JSON), ``images``, ``map`` and ``software`` (what placed them), ``trust``,
        ``clusters`` (sentence, number, and for each a line), ``k``, ``scores``, ``choice`` and ``encoding`` (sentences, or None),
        ``outliers`` (paths, the strangest first), ``left_out`` (path: reason), ``notes``. With ``only="map"``: ``out``, ``table``,
        ``images``, ``map``, ``software``, ``trust`` and ``notes``.

    Raises:
        OptionError: an option's name or value is wrong, or the result would lie among the photos.
        DataError: no image can be used, or fewer differ than clusters are wanted.
        ModelError: no such network, layer or weights.
        MissingExtra: UMAP is asked for and not installed.
        StorageError: the page cannot be written.
    """
    from tellapart.feature_spec import spec_of
    from tellapart.output_guards import check_outside
    from tellapart.reports.explore_page import write_exploration
    from tellapart.workflows.explorable_images import explorable_images
    from tellapart.workflows.folder_clustering import ClusteringConfig, cluster_folder, names_of
    from tellapart.workflows.projection_page import header_view, project_folder

    names = names_of(options.name)
    spec = spec_of(options.features, layer=options.layer, weights=options.weights, image_size=options.image_size)
    spec = spec.computed(options.device, options.precision)
    looking: dict[str, Any] = {
        "reading": options,
        "state": options.state,
        "device": options.device,
        "num_workers": options.num_workers,
        "progress": progress,
    }
    words = "none" if options.only == MAP else options.words
    subjects = explorable_images(folder, spec, words=words, **looking)
    out = options.out.expanduser()
    check_outside(out, subjects.looked.dataset)
    found = project_folder(subjects, method=options.map, perplexity=options.perplexity, seed=options.seed, progress=progress)
    if options.only == MAP:
        return _map_alone(found, out, {"header": header_view(found, options, folder), "map": found.view()}, progress)
    grouping = cluster_folder(subjects, ClusteringConfig(k=options.k, method=options.method, seed=options.seed, names=names), progress)
    notes = [*found.notes, *grouping.clustering.notes]
    view = {"header": header_view(found, options, folder), **_sections(found, grouping, options.seed, progress), "notes": notes}
    with progress.stage("writing the page", total=1, unit="pages") as advance:
        page = write_exploration(out, view, subjects.looked.thumbnails)
        advance(1)
    for note in notes:
        progress.note(note)
    return {"out": str(page), "details": str(out / DETAILS), **_told(found, grouping, view), "notes": notes}


def _map_alone(found: FolderProjection, out: Path, view: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Write the page of the map, and the table of its coordinates."""
    from tellapart.reports.explore_page import write_map

    with progress.stage("writing the page", total=1, unit="pages") as advance:
        _write_table(found, out / MAP_TABLE)
        write_map(out / MAP_PAGE, {**view, "notes": found.notes}, found.subjects.looked.thumbnails)
        advance(1)
    for note in found.notes:
        progress.note(note)
    return {
        "out": str(out / MAP_PAGE),
        "table": str(out / MAP_TABLE),
        "images": len(found.subjects),
        "map": found.made.method,
        "software": found.made.software,
        "trust": found.trust,
        "notes": found.notes,
    }


def _write_table(found: FolderProjection, table: Path) -> None:
    from tellapart.csv_writer import csv_file

    with csv_file(table, ("path", "image_id", "label", "x", "y")) as writer:
        for row, (x, y) in zip(found.subjects.rows, found.made.places, strict=True):
            writer.write([row.path, row.image_id, row.label or "", f"{x:.4f}", f"{y:.4f}"])


def _sections(found: FolderProjection, grouping: FolderClustering, seed: int, progress: Progress) -> dict[str, Any]:
    """All of the view but the header and the notes."""
    sections = grouping.view()
    order = sections["outliers"]
    strangeness = [0.0] * len(order)
    for place, point in enumerate(reversed(order)):
        strangeness[point] = place / max(1, len(order) - 1)
    points = {**found.view(), "score": strangeness}
    points["cluster"] = [None if number < 0 else int(number) for number in grouping.clustering.assigned]
    told = [one.medoid for one in grouping.members]
    near = _neighbors(found.subjects, [*told, *order[:OUTLIERS]], seed, progress)
    return {"map": points, **sections, "outliers": order[:OUTLIERS], "neighbors": near}


def _neighbors(subjects: ExplorableImages, told: list[int], seed: int, progress: Progress) -> dict[int, list[list[float]]]:
    """The most similar images of each, or in large sets of some, near-duplicates included: numbers and cosines."""
    import numpy as np

    from tellapart.exploration.neighbors import neighbors
    from tellapart.exploration.pca import sample_rows
    from tellapart.features.matrix import unit_rows

    n = len(subjects)
    asked = np.arange(n) if n <= ASKED_OF_ALL else np.union1d(sample_rows(n, ASKED, seed), np.array(told, np.int64))
    units = unit_rows(subjects.features)
    with progress.stage("looking for similar images", total=len(asked)) as advance:
        near = neighbors(units, units[asked], NEIGHBORS, without=asked)
        advance(len(asked))
    return {
        int(one): [[int(other), round(float(cosine), 4)] for other, cosine in zip(others, cosines, strict=True)]
        for one, others, cosines in zip(asked, near.indices, near.similarities, strict=True)
    }


def _told(found: FolderProjection, grouping: FolderClustering, view: dict[str, Any]) -> dict[str, Any]:
    paths = view["map"]["path"]
    return {
        "images": len(paths),
        "map": found.made.method,
        "software": found.made.software,
        "trust": found.trust,
        "k": grouping.clustering.k,
        "clusters": {"sentence": grouping.sentence, "lines": [_line(one) for one in view["clusters"]["clusters"]]},
        "scores": view["clusters"]["scores"],
        "choice": view["choice"]["reason"] if view["choice"] else None,
        "encoding": view["encoding"]["sentence"],
        "outliers": [paths[point] for point in view["outliers"][:20]],
        "left_out": grouping.subjects.left_out,
    }


def _line(cluster: dict[str, Any]) -> str:
    called = cluster["name"] or f"cluster {cluster['number']}"
    classes = ", ".join(f"{name} {count:,}" for name, count in list(cluster["classes"].items())[:3])
    words = f"  looks like {', '.join(cluster['words'])}" if cluster["words"] else ""
    return f"{called}: {count(cluster['size'], 'image')}" + (f" ({classes})" if classes else "") + words
