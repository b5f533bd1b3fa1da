"""tellapart explore: what is in a folder, on one page: a map, clusters, similar images and outliers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart.commands.cluster import METHODS as CLUSTERING_METHODS
from tellapart.counts import count
from tellapart.dataset.options import DatasetOptions
from tellapart.exploration.projection import METHODS, PERPLEXITY
from tellapart.models.precision import precision_option
from tellapart.options import dataclass, option, when, when_not, with_options, without
from tellapart.progress import AUTO, Progress
from tellapart.results import Result
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
from tellapart.workflows.projection_page import ExploreHeader

if TYPE_CHECKING:
    from tellapart.exploration.cluster_associations import Agreement
    from tellapart.workflows.explorable_images import ExplorableImages
    from tellapart.workflows.folder_clustering import FolderClustering
    from tellapart.workflows.projection_page import FolderProjection, MapTrust

MAP = "map"
PAGE, DETAILS = "explore.html", "explore.json"
MAP_PAGE, MAP_TABLE = "map.html", "map.csv"
NEIGHBORS = 8
MAX_ALL_QUERIES, SAMPLED_QUERIES = 12_000, 4_000
"""Up to this many images, neighbors are looked up for all; of more, for a random sample and for those that sections show."""
OUTLIERS, LISTED_OUTLIERS = 1_000, 20
"""How many the page shows, and how many the result lists."""


@dataclass(frozen=True, kw_only=True)
class ExploreOptions(DatasetOptions):
    """What to show, and how to compute it."""

    only: str | None = option(None, "Write only the map, with a table of its coordinates.", choices=(MAP,))
    k: int = option(
        0,
        "Number of clusters; 0 chooses it, or reports that no number is clear.",
        minimum=0,
        only_for=(without("only"), when_not("method", "hdbscan")),
    )
    method: str = option("kmeans", "Clustering method.", choices=CLUSTERING_METHODS, only_for=without("only"))
    map: str = option("tsne", "Projection of the map; umap needs the extra maps.", choices=METHODS)
    features: str = features_option()
    layer: str | None = layer_option()
    weights: Path | None = weights_option()
    image_size: int | None = image_size_option()
    vocabulary: str = option(
        "imagenet",
        "Words to describe clusters with: imagenet, none, or your own: cheetah,lion,fox.",
        metavar="WORDS",
        only_for=without("only"),
    )
    name: str | None = option(None, "Names for clusters, by number: 0=cheetah,1=lion.", metavar="N=NAME,...", only_for=without("only"))
    perplexity: float = option(
        PERPLEXITY,
        "Perplexity of t-SNE: about how many neighbors of an image stay near it.",
        minimum=2.0,
        maximum=500.0,
        only_for=when("map", "tsne"),
    )
    out: Path = option(Path("explore"), "Folder for the page and its data.", metavar="DIR")
    seed: int = seed_option()
    state: Path | None = state_option()
    device: str = device_option()
    precision: str = precision_option()
    num_workers: int | None = num_workers_option()


@dataclass(frozen=True)
class ExploredClusters(Result):
    """The clusters in words.

    Attributes:
        sentence: how many clusters of what, found how.
        lines: one per cluster: its name, size, labels and what it looks like.
    """

    sentence: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class ExploreResult(Result):
    """The page of a folder.

    Attributes:
        out: the page.
        details: the same as JSON; None with ``only="map"``, as all that follows ``notes``.
        table: the coordinates of the map; only with ``only="map"``.
        images: number of images.
        map: the projection.
        software: what computed it.
        trust: how far the map is to be trusted.
        notes: sentences for the user.
        k: number of clusters.
        clusters: in words.
        scores: agreement of the clusters with the labels; None without labels.
        choice: how k was chosen, as a sentence; None where it was given.
        encoding: what the clusters follow, as a sentence.
        outliers: paths of the images farthest from their cluster, the farthest first.
        left_out: reason by path.
    """

    out: Path
    details: Path | None
    table: Path | None
    images: int
    map: str
    software: str
    trust: MapTrust
    notes: tuple[str, ...]
    k: int | None = None
    clusters: ExploredClusters | None = None
    scores: Agreement | None = None
    choice: str | None = None
    encoding: str | None = None
    outliers: tuple[str, ...] = ()
    left_out: dict[str, str] | None = None


@with_options(ExploreOptions)
def explore(folder: str | Path, *, options: ExploreOptions, progress: Progress = AUTO) -> ExploreResult:
    """Write a page about a folder: a map of all images, clusters and what they follow, similar images and outliers.

    With ``--only map`` the page holds only the map, and a table of its coordinates is written beside it.

    Labels are not needed; where there are some, the map and the clusters are compared with them. On the page, images can
    be selected with a lasso, and excluded or relabeled; that is saved as a file of decisions. The photos are only read.

    Args:
        folder: class folders, unsorted images, a manifest or a bucket.
        progress: progress receiver.
        options: as keywords; see :class:`ExploreOptions`.

    Returns:
        Where the page is, and its main results.

    Raises:
        OptionError: an option's name or value is wrong, or the result would be written among the photos.
        DataError: no image can be used, or there are fewer different images than clusters.
        ModelError: no such network, layer or weights.
        MissingExtra: UMAP is asked for and not installed.
        StorageError: the page cannot be written.
    """
    from tellapart.feature_spec import spec_of
    from tellapart.workflows.explorable_images import explorable_images
    from tellapart.workflows.folder_clustering import ClusteringConfig, cluster_folder, parse_cluster_names
    from tellapart.workflows.projection_page import header_view, project_folder

    names = parse_cluster_names(options.name)
    spec = spec_of(options.features, layer=options.layer, weights=options.weights, image_size=options.image_size)
    out = options.out.expanduser()
    images = explorable_images(
        folder,
        spec.computed(options.device, options.precision),
        places={"--out": out},
        words="none" if options.only == MAP else options.vocabulary,
        reading=options,
        state=options.state,
        num_workers=options.num_workers,
        progress=progress,
    )
    projection = project_folder(images, method=options.map, perplexity=options.perplexity, seed=options.seed, progress=progress)
    header = header_view(projection, options, folder)
    if options.only == MAP:
        return _write_map(projection, out, header, progress)
    clustering = cluster_folder(images, ClusteringConfig(k=options.k, method=options.method, seed=options.seed, names=names), progress)
    sections = _sections(projection, clustering, options.seed, progress)
    return _write_page(projection, clustering, out, {"header": header, **sections}, progress)


def _write_page(
    projection: FolderProjection, clustering: FolderClustering, out: Path, view: dict[str, Any], progress: Progress
) -> ExploreResult:
    from tellapart.output_guards import noting_unchanged
    from tellapart.reports.explore_page import PAGE, VIEW, write_exploration

    notes = [*projection.notes, *clustering.clustering.notes]
    written = [out / PAGE, out / VIEW]
    with noting_unchanged(written, progress), progress.stage("writing the page", total=1, unit="pages") as advance:
        page = write_exploration(out, {**view, "notes": notes}, clustering.subjects.analyzed.thumbnails)
        advance(1)
    for note in notes:
        progress.note(note)
    paths = view["map"]["path"]
    return ExploreResult(
        out=page,
        details=out / DETAILS,
        table=None,
        images=len(paths),
        map=projection.made.method,
        software=projection.made.software,
        trust=projection.trust,
        notes=tuple(notes),
        k=clustering.clustering.k,
        clusters=ExploredClusters(clustering.sentence, tuple(_line(one) for one in view["clusters"]["clusters"])),
        scores=clustering.scores,
        choice=clustering.choice.reason if clustering.choice else None,
        encoding=clustering.encoding.sentence,
        outliers=tuple(paths[point] for point in view["outliers"][:LISTED_OUTLIERS]),
        left_out=clustering.subjects.left_out,
    )


def _write_map(projection: FolderProjection, out: Path, header: ExploreHeader, progress: Progress) -> ExploreResult:
    """Write the page of the map, and the table of its coordinates."""
    from tellapart.output_guards import noting_unchanged
    from tellapart.reports.explore_page import write_map

    notes = projection.notes
    written = [out / MAP_PAGE, out / MAP_TABLE]
    with noting_unchanged(written, progress), progress.stage("writing the page", total=1, unit="pages") as advance:
        _write_table(projection, out / MAP_TABLE)
        view = {"header": header, "map": projection.view(), "notes": notes}
        write_map(out / MAP_PAGE, view, projection.subjects.analyzed.thumbnails)
        advance(1)
    for note in notes:
        progress.note(note)
    return ExploreResult(
        out=out / MAP_PAGE,
        details=None,
        table=out / MAP_TABLE,
        images=len(projection.subjects),
        map=projection.made.method,
        software=projection.made.software,
        trust=projection.trust,
        notes=tuple(notes),
    )


def _write_table(projection: FolderProjection, table: Path) -> None:
    from tellapart.csv_writer import csv_file

    with csv_file(table, ("path", "image_id", "label", "x", "y")) as writer:
        for row, (x, y) in zip(projection.subjects.rows, projection.made.places, strict=True):
            writer.write([row.path, row.image_id, row.label or "", f"{x:.4f}", f"{y:.4f}"])


def _sections(projection: FolderProjection, clustering: FolderClustering, seed: int, progress: Progress) -> dict[str, Any]:
    """All of the view but the header and the notes."""
    sections = clustering.view()
    order = sections["outliers"]
    score = [0.0] * len(order)
    for rank, point in enumerate(reversed(order)):
        score[point] = rank / max(1, len(order) - 1)
    points = projection.view()
    points["score"] = score
    points["cluster"] = [None if number < 0 else int(number) for number in clustering.clustering.assigned]
    medoids = [one.medoid for one in clustering.members]
    near = _neighbors(projection.subjects, [*medoids, *order[:OUTLIERS]], seed, progress)
    return {"map": points, **sections, "outliers": order[:OUTLIERS], "neighbors": near}


def _neighbors(images: ExplorableImages, shown: list[int], seed: int, progress: Progress) -> dict[int, list[list[float]]]:
    """The most similar images of each, or in large sets of some, near-duplicates included: numbers and cosines."""
    import numpy as np

    from tellapart.exploration.neighbors import neighbors
    from tellapart.exploration.pca import sample_rows
    from tellapart.features.matrix import unit_rows

    n = len(images)
    queries = np.arange(n) if n <= MAX_ALL_QUERIES else np.union1d(sample_rows(n, SAMPLED_QUERIES, seed), np.array(shown, np.int64))
    units = unit_rows(images.features)
    with progress.stage("looking for similar images", total=len(queries)) as advance:
        near = neighbors(units, units[queries], NEIGHBORS, without=queries)
        advance(len(queries))
    return {
        int(one): [[int(other), round(float(cosine), 4)] for other, cosine in zip(others, cosines, strict=True)]
        for one, others, cosines in zip(queries, near.indices, near.similarities, strict=True)
    }


def _line(cluster: dict[str, Any]) -> str:
    name = cluster["name"] or f"cluster {cluster['number']}"
    classes = ", ".join(f"{label} {n:,}" for label, n in list(cluster["classes"].items())[:3])
    words = f"  looks like {', '.join(cluster['words'])}" if cluster["words"] else ""
    return f"{name}: {count(cluster['size'], 'image')}" + (f" ({classes})" if classes else "") + words
