"""tellapart cluster: group images that look alike, with labels or without, and report what the clusters follow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tellapart.counts import count
from tellapart.dataset.options import DatasetOptions
from tellapart.models.precision import precision_option
from tellapart.options import dataclass, given, option, when, when_not, with_options
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

if TYPE_CHECKING:
    from tellapart.exploration.cluster_associations import Agreement, ClusterAssociations
    from tellapart.exploration.num_clusters import NumClustersChoice
    from tellapart.workflows.decision_writing import DecisionResult
    from tellapart.workflows.folder_clustering import ClusteringConfig, FolderClustering

METHODS = ("kmeans", "minibatch", "affinity", "hdbscan", "agglomerative")
TABLE, DETAILS, FIGURE, INDEX = "clusters.csv", "clusters.json", "choice-of-k.svg", "index.html"
COLUMNS = ("path", "image_id", "cluster", "name", "distance", "label")
OUTLIERS = 20
"""Images that are listed as outliers."""


def _names_complaint(text: str) -> str | None:
    from tellapart.errors import OptionError
    from tellapart.workflows.folder_clustering import parse_cluster_names

    try:
        parse_cluster_names(text)
    except OptionError as error:
        return str(error)
    return None


@dataclass(frozen=True, kw_only=True)
class ClusterOptions(DatasetOptions):
    """How to cluster."""

    k: int = option(
        0, "Number of clusters; 0 chooses it, or reports that no number is clear.", minimum=0, only_for=when_not("method", "hdbscan")
    )
    method: str = option("kmeans", "Clustering method.", choices=METHODS)
    features: str = features_option()
    layer: str | None = layer_option()
    weights: Path | None = weights_option()
    image_size: int | None = image_size_option()
    pca: int = option(50, "PCA components to keep; 0 uses the features as they are.", minimum=0, maximum=10_000)
    n_init: int = option(10, "K-means restarts; the best is used.", minimum=1, maximum=1000, only_for=when("method", "kmeans", "minibatch"))
    max_k: int = option(
        12,
        "Largest number of clusters to try, where it is chosen.",
        minimum=2,
        maximum=200,
        only_for=(when("k", 0), when_not("method", "affinity", "hdbscan")),
    )
    vocabulary: str = option("imagenet", "Words to describe clusters with: imagenet, none, or your own: cheetah,lion,fox.", metavar="WORDS")
    name: str | None = option(None, "Names for clusters, by number: 0=cheetah,1=lion.", metavar="N=NAME,...", check=_names_complaint)
    apply: bool = option(False, "Relabel the images by cluster from now on: the named clusters, or all by number if none has a name.")
    folders: Path | None = option(None, "Also copy the images into a new folder, one folder per cluster.", metavar="DIR")
    links: bool = option(False, "With --folders: links to the photos instead of copies.", only_for=given("folders"))
    out: Path = option(Path("clusters"), "Folder for the table, the contact sheets and the figure.", metavar="DIR")
    seed: int = seed_option()
    state: Path | None = state_option()
    device: str = device_option()
    precision: str = precision_option()
    num_workers: int | None = num_workers_option()


@dataclass(frozen=True)
class ClusterSummary(Result):
    """One cluster; images by their paths.

    Attributes:
        number: from 0, the largest cluster first.
        name: the one given, or the word that most of its images are called; None without.
        size: number of images.
        medoid: the most typical image.
        nearest: the images nearest to it.
        farthest: those farthest from it.
        classes: number of images of each label, the most frequent first.
        words: what it looks like.
        sheet: name of its contact sheet.
    """

    number: int
    name: str | None
    size: int
    medoid: str
    nearest: tuple[str, ...]
    farthest: tuple[str, ...]
    classes: dict[str, int]
    words: tuple[str, ...]
    sheet: str


@dataclass(frozen=True)
class ClusterResult(Result):
    """A folder in clusters.

    Attributes:
        out: folder with the table, the contact sheets and the figure.
        sentence: how many clusters of what, found how.
        method: of clustering.
        k: number of clusters.
        images: number of images.
        clusters: one record per cluster.
        scores: agreement with the labels; None without labels.
        choice: how k was chosen; None where it was given or the method finds it.
        encoding: what the clusters follow.
        outliers: paths of the images farthest from their cluster, the farthest first.
        applied: the new labels; None without ``apply``.
        folders: the copies, one folder per cluster; None without ``folders``.
        left_out: reason by path.
        notes: sentences for the user.
    """

    out: Path
    sentence: str
    method: str
    k: int
    images: int
    clusters: tuple[ClusterSummary, ...]
    scores: Agreement | None
    choice: NumClustersChoice | None
    encoding: ClusterAssociations
    outliers: tuple[str, ...]
    applied: DecisionResult | None
    folders: Path | None
    left_out: dict[str, str]
    notes: tuple[str, ...]

    @property
    def index(self) -> Path:
        """The page of all contact sheets."""
        return self.out / INDEX


@with_options(ClusterOptions)
def cluster(folder: str | Path, *, options: ClusterOptions, progress: Progress = AUTO) -> ClusterResult:
    """Group images that look alike, with a contact sheet per cluster, and report what the clusters follow.

    Labels are not needed and never used for clustering; if there are some, the clusters are compared with them.
    The photos are only read.

    Args:
        folder: class folders, unsorted images, a manifest or a bucket.
        progress: progress receiver.
        options: as keywords; see :class:`ClusterOptions`.

    Returns:
        The clusters, and how far they agree with the labels.

    Raises:
        OptionError: an option's name or value is wrong, or the result would be written among the photos or over other files.
        DataError: no image can be used, or there are fewer different images than clusters.
        StorageError: the disk is full or cannot be written.
    """
    from dataclasses import replace

    from tellapart.feature_spec import spec_of
    from tellapart.workflows.explorable_images import explorable_images
    from tellapart.workflows.folder_clustering import cluster_folder

    spec = spec_of(options.features, layer=options.layer, weights=options.weights, image_size=options.image_size)
    spec = spec.computed(options.device, options.precision)
    images = explorable_images(
        folder,
        spec,
        places=_places(options),
        words=options.vocabulary,
        reading=options,
        state=options.state,
        num_workers=options.num_workers,
        progress=progress,
    )
    clustering = cluster_folder(images, _config(options), progress)
    result = _result(clustering, options.out.expanduser())
    _write(clustering, result, options, progress)
    if options.folders is not None:
        _copy(clustering, options.folders.expanduser(), options.links, progress)
        result = replace(result, folders=options.folders)
    if options.apply:
        result = replace(result, applied=_relabel(clustering))
    for note in result.notes:
        progress.note(note)
    return result


def _config(options: ClusterOptions) -> ClusteringConfig:
    from tellapart.workflows.folder_clustering import ClusteringConfig, parse_cluster_names

    return ClusteringConfig(
        k=options.k,
        method=options.method,
        pca=options.pca,
        n_init=options.n_init,
        max_k=options.max_k,
        seed=options.seed,
        names=parse_cluster_names(options.name),
    )


def _places(chosen: ClusterOptions) -> dict[str, Path]:
    """Where results go: nothing is written over other things; an earlier result of this command is replaced."""
    from tellapart.output_guards import check_new_folder

    out = chosen.out.expanduser()
    if not _is_ours(out):
        check_new_folder(out)
    if chosen.folders is None:
        return {"--out": out}
    check_new_folder(chosen.folders.expanduser())
    return {"--out": out, "--folders": chosen.folders.expanduser()}


def _is_ours(out: Path) -> bool:
    """Whether a folder holds nothing but an earlier result."""
    import re

    ours = re.compile(rf"{re.escape(TABLE)}|{re.escape(DETAILS)}|{re.escape(FIGURE)}|{re.escape(INDEX)}|cluster-\d+\.jpg")
    return out.is_dir() and (out / DETAILS).is_file() and all(ours.fullmatch(one.name) for one in out.iterdir())


def _result(clustered: FolderClustering, out: Path) -> ClusterResult:
    paths, k = [row.path for row in clustered.subjects.rows], clustered.clustering.k
    clusters = tuple(
        ClusterSummary(
            number=members.number,
            name=clustered.names.get(members.number),
            size=members.size,
            medoid=paths[members.medoid],
            nearest=tuple(paths[i] for i in members.nearest),
            farthest=tuple(paths[i] for i in members.farthest),
            classes=classes,
            words=tuple(words),
            sheet=_sheet_name(members.number, k),
        )
        for members, classes, words in zip(clustered.members, clustered.classes, clustered.words, strict=True)
    )
    return ClusterResult(
        out=out,
        sentence=clustered.sentence,
        method=clustered.config.method,
        k=k,
        images=len(paths),
        clusters=clusters,
        scores=clustered.scores,
        choice=clustered.choice,
        encoding=clustered.encoding,
        outliers=tuple(paths[i] for i in clustered.outliers[:OUTLIERS]),
        applied=None,
        folders=None,
        left_out=clustered.subjects.left_out,
        notes=(*clustered.subjects.analyzed.notes, *clustered.clustering.notes),
    )


def _sheet_name(number: int, count: int) -> str:
    return f"cluster-{number:0{len(str(max(0, count - 1)))}}.jpg"


def _write(clustered: FolderClustering, result: ClusterResult, chosen: ClusterOptions, progress: Progress) -> None:
    from tellapart.atomic_files import replacing_folder, write_json, write_text
    from tellapart.output_guards import noting_unchanged
    from tellapart.reports.figures.num_clusters import choice_figure
    from tellapart.results import plain

    written = [result.out / name for name in (INDEX, TABLE, DETAILS, *(one.sheet for one in result.clusters))]
    with noting_unchanged(written, progress, says="the clusters"), replacing_folder(result.out) as partial:
        _write_table(clustered, partial / TABLE)
        with progress.stage("drawing contact sheets", total=clustered.clustering.k, unit="clusters") as advance:
            for number, one in enumerate(result.clusters):
                _write_sheet(clustered, number, partial / one.sheet)
                advance(1)
        write_text(partial / INDEX, _index(clustered, result))
        figure = choice_figure(plain(result.choice)) if result.choice else None
        if figure is not None:
            write_text(partial / FIGURE, figure.standalone())
        write_json(partial / DETAILS, {**result.as_dict(), "options": chosen.as_dict()})


def _index(clustered: FolderClustering, result: ClusterResult) -> str:
    """The page of all contact sheets."""
    from tellapart.reports.cluster_sheets import class_mix, cluster_index

    clusters = []
    for number, one in enumerate(result.clusters):
        name = clustered.names.get(number)
        heading = f"Cluster {number}{f', {name}' if name else ''}: {count(clustered.members[number].size, 'image')}"
        words = "; ".join(part for part in (", ".join(clustered.words[number]), class_mix(clustered.classes[number])) if part)
        clusters.append((heading, words, one.sheet))
    return cluster_index(result.sentence, clusters)


def _write_table(clustered: FolderClustering, path: Path) -> None:
    """One row per file, also of an image that is in several parts."""
    from tellapart.csv_writer import csv_file

    clustering, number_of = clustered.clustering, clustered.subjects.number_of
    with csv_file(path, COLUMNS) as writer:
        for row in clustered.subjects.analyzed.rows:
            if row.is_used and row.image_id in number_of:
                i = number_of[row.image_id]
                number = int(clustering.assigned[i])
                name = clustered.names.get(number, "")
                writer.write([row.path, row.image_id, number, name, f"{clustering.distances[i]:.5f}", row.label or ""])


def _write_sheet(clustered: FolderClustering, number: int, path: Path) -> None:
    from tellapart.reports.cluster_sheets import ClusterImage, cluster_sheet

    subjects, members = clustered.subjects, clustered.members[number]
    shown = [(members.medoid, "medoid"), *((i, "") for i in members.nearest), *((i, "farthest") for i in members.farthest)]
    jpegs = subjects.analyzed.thumbnails([subjects.rows[i].image_id or "" for i, _ in shown])
    images = [
        ClusterImage(jpegs.get(subjects.rows[i].image_id or ""), subjects.rows[i].path, float(clustered.clustering.distances[i]), role)
        for i, role in shown
    ]
    name = clustered.names.get(number)
    title = f"Cluster {number}{f', {name}' if name else ''}: {count(members.size, 'image')}"
    sheet = cluster_sheet(title, images, words=clustered.words[number], classes=clustered.classes[number])
    sheet.save(path, "JPEG", quality=90)


def _copy(clustered: FolderClustering, folder: Path, is_linked: bool, progress: Progress) -> None:
    from dataclasses import replace

    from tellapart.dataset_export.decided_copy import Exported, write_copy

    analyzed = clustered.subjects.analyzed
    number_of, assigned = clustered.subjects.number_of, clustered.clustering.assigned
    images = []
    for entry, row in zip(analyzed.dataset.entries, analyzed.rows, strict=True):
        if row.is_used and row.image_id in number_of:
            number = int(assigned[number_of[row.image_id]])
            label = clustered.label(number) if number >= 0 else "in no cluster"
            images.append(Exported(analyzed.dataset.file(entry), replace(row, label=label, part=None)))
    write_copy(images, folder, is_linked=is_linked, progress=progress)


def _relabel(clustered: FolderClustering) -> DecisionResult:
    """Label by cluster, as one batch that can be undone: the named clusters, or all by number where none has a name."""
    from tellapart.dataset.decisions import RELABEL
    from tellapart.workflows.decision_writing import decision_about, write_changes

    subjects, names = clustered.subjects, clustered.names
    decisions = []
    for row in subjects.analyzed.rows:
        if not row.is_used or row.image_id not in subjects.number_of:
            continue
        number = int(clustered.clustering.assigned[subjects.number_of[row.image_id]])
        is_meant = number in names if names else number >= 0
        if is_meant and clustered.label(number) != row.label:
            decisions.append(decision_about(row, subjects.analyzed, RELABEL, clustered.label(number)))
    return write_changes(subjects.analyzed, decisions, f"tellapart cluster, {clustered.sentence}")
