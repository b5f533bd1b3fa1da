"""tellapart cluster: sort images into groups that look alike, labels or not, and say what the groups follow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart.dataset.options import DatasetOptions
from tellapart.models.precision import precision_option
from tellapart.options import dataclass, given, option, when, when_not, with_options
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

METHODS = ("kmeans", "minibatch", "affinity", "hdbscan", "agglomerative")
TABLE, DETAILS, FIGURE = "clusters.csv", "clusters.json", "choice-of-k.svg"
COLUMNS = ("path", "image_id", "cluster", "name", "distance", "label")
STRANGEST = 20


def _is_named(text: str) -> str | None:
    from tellapart.errors import OptionError
    from tellapart.workflows.folder_clustering import names_of

    try:
        names_of(text)
    except OptionError as error:
        return str(error)
    return None


@dataclass(frozen=True, kw_only=True)
class ClusterOptions(DatasetOptions):
    """How to cluster."""

    k: int = option(0, "How many clusters; 0 chooses, or says that no number is clear.", minimum=0, only_for=when_not("method", "hdbscan"))
    method: str = option("kmeans", "How clusters are found.", choices=METHODS)
    features: str = features_option()
    layer: str | None = layer_option()
    weights: Path | None = weights_option()
    image_size: int | None = image_size_option()
    pca: int = option(50, "Strongest directions that are kept; 0 keeps the features as they are.", minimum=0, maximum=10_000)
    restarts: int = option(
        10, "Times k-means begins anew; the best is kept.", minimum=1, maximum=1000, only_for=when("method", "kmeans", "minibatch")
    )
    most: int = option(
        12,
        "The largest number of clusters tried where it is chosen.",
        minimum=2,
        maximum=200,
        only_for=(when("k", 0), when_not("method", "affinity", "hdbscan")),
    )
    words: str = option("imagenet", "What clusters may be called: imagenet, none, or words of yours: cheetah,lion,fox.", metavar="WORDS")
    name: str | None = option(None, "Names for clusters, by number: 0=cheetah,1=lion.", metavar="N=NAME,...", check=_is_named)
    apply: bool = option(False, "Label the images by their clusters from now on: those with names, or else all by number.")
    folders: Path | None = option(None, "Also copy the images into a new folder, one folder a cluster.", metavar="DIR")
    links: bool = option(False, "With --folders: links to the photos in place of copies.", only_for=given("folders"))
    out: Path = option(Path("clusters"), "Folder for the table, the contact sheets and the figure.", metavar="DIR")
    seed: int = seed_option()
    state: Path | None = state_option()
    device: str = device_option()
    precision: str = precision_option()
    num_workers: int | None = num_workers_option()


@with_options(ClusterOptions)
def cluster(folder: str | Path, *, options: ClusterOptions, progress: Progress = AUTO) -> dict[str, Any]:
    """Sort images into clusters that look alike, with a contact sheet of each, and say what the clusters follow.

    Labels are not needed and never used to cluster; where there are some, the clusters are compared with them. The photos are only read.

    Args:
        folder: class folders, unsorted images, a manifest or a bucket.
        progress: hears of every image.
        options: as keywords; see :class:`ClusterOptions`.

    Returns:
        ``out``, ``sentence``, ``method``, ``k``, ``images``, ``clusters`` (number, name, size, words, classes, medoid, nearest, farthest,
        sheet), ``scores`` against the labels or None, ``choice`` of k or None, ``encoding``, ``outliers`` (the strangest images),
        ``applied`` (see :func:`tellapart.relabel`) or None, ``folders``, ``left_out`` (path: reason), ``notes``.

    Raises:
        OptionError: an option's name or value is wrong, or the result would lie among the photos or over other things.
        DataError: no image can be used, or fewer differ than clusters are wanted.
        StorageError: the disk is full or cannot be written.
    """
    from tellapart.feature_spec import spec_of
    from tellapart.workflows.explorable_images import explorable_images
    from tellapart.workflows.folder_clustering import ClusteringConfig, cluster_folder, names_of

    spec = spec_of(options.features, layer=options.layer, weights=options.weights, image_size=options.image_size)
    spec = spec.computed(options.device, options.precision)
    _check_folders(options)
    subjects = explorable_images(
        folder,
        spec,
        words=options.words,
        reading=options,
        state=options.state,
        device=options.device,
        num_workers=options.num_workers,
        progress=progress,
    )
    _check_places(options, subjects)
    wanted = ClusteringConfig(
        k=options.k,
        method=options.method,
        pca=options.pca,
        restarts=options.restarts,
        most=options.most,
        seed=options.seed,
        names=names_of(options.name),
    )
    found = cluster_folder(subjects, wanted, progress)
    told = _told(found, options.out.expanduser())
    _write(found, told, options, progress)
    if options.folders is not None:
        _copy(found, options.folders.expanduser(), options.links, progress)
        told["folders"] = str(options.folders)
    if options.apply:
        told["applied"] = _applied(found)
    for note in told["notes"]:
        progress.note(note)
    return told


def _check_folders(chosen: ClusterOptions) -> None:
    from tellapart.output_guards import check_new_folder

    if chosen.folders is not None:
        check_new_folder(chosen.folders.expanduser())


def _check_places(chosen: ClusterOptions, subjects: ExplorableImages) -> None:
    """Nothing is written among the photos or over other things; an earlier result of this verb is replaced."""
    from tellapart.output_guards import check_new_folder, check_outside

    for place in (chosen.out, chosen.folders):
        if place is not None:
            check_outside(place.expanduser(), subjects.looked.dataset)
    out = chosen.out.expanduser()
    if not _is_ours(out):
        check_new_folder(out)


def _is_ours(out: Path) -> bool:
    """Whether a folder holds nothing but an earlier result."""
    import re

    ours = re.compile(rf"{re.escape(TABLE)}|{re.escape(DETAILS)}|{re.escape(FIGURE)}|cluster-\d+\.jpg")
    return out.is_dir() and (out / DETAILS).is_file() and all(ours.fullmatch(one.name) for one in out.iterdir())


def _told(found: FolderClustering, out: Path) -> dict[str, Any]:
    """The result with paths for images."""
    paths = [row.path for row in found.subjects.rows]
    view = found.view()
    listed = [
        {
            **one,
            "medoid": paths[one["medoid"]],
            "nearest": [paths[i] for i in one["nearest"]],
            "farthest": [paths[i] for i in one["farthest"]],
            "sheet": _sheet_name(one["number"], found.clustering.k),
        }
        for one in view["clusters"]["clusters"]
    ]
    return {
        "out": str(out),
        "sentence": found.sentence,
        "method": found.wanted.method,
        "k": found.clustering.k,
        "images": len(paths),
        "clusters": listed,
        "scores": view["clusters"]["scores"],
        "choice": view["choice"],
        "encoding": view["encoding"],
        "outliers": [paths[i] for i in view["outliers"][:STRANGEST]],
        "applied": None,
        "folders": None,
        "left_out": found.subjects.left_out,
        "notes": [*found.subjects.looked.notes, *found.clustering.notes],
    }


def _sheet_name(number: int, count: int) -> str:
    return f"cluster-{number:0{len(str(max(0, count - 1)))}}.jpg"


def _write(found: FolderClustering, told: dict[str, Any], chosen: ClusterOptions, progress: Progress) -> None:
    from tellapart.atomic_files import replacing_folder, write_json, write_text
    from tellapart.reports.figures.num_clusters import choice_figure

    with replacing_folder(Path(told["out"])) as partial:
        _write_table(found, partial / TABLE)
        with progress.stage("drawing contact sheets", total=found.clustering.k, unit="clusters") as advance:
            for number, one in enumerate(told["clusters"]):
                _write_sheet(found, number, partial / one["sheet"])
                advance(1)
        figure = choice_figure(told["choice"]) if told["choice"] else None
        if figure is not None:
            write_text(partial / FIGURE, figure.standalone())
        write_json(partial / DETAILS, {**told, "options": chosen.as_dict()})


def _write_table(found: FolderClustering, path: Path) -> None:
    """A line a file, also of an image that stands in several parts."""
    from tellapart.csv_writer import csv_file

    clustering, number_of = found.clustering, found.subjects.number_of
    with csv_file(path, COLUMNS) as writer:
        for row in found.subjects.looked.rows:
            if row.is_used and row.image_id in number_of:
                i = number_of[row.image_id]
                number = int(clustering.assigned[i])
                name = found.names.get(number, "")
                writer.write([row.path, row.image_id, number, name, f"{clustering.distances[i]:.5f}", row.label or ""])


def _write_sheet(found: FolderClustering, number: int, path: Path) -> None:
    from tellapart.reports.cluster_sheets import ClusterImage, cluster_sheet

    subjects, members = found.subjects, found.members[number]
    shown = [(members.medoid, "medoid"), *((i, "") for i in members.nearest), *((i, "farthest") for i in members.farthest)]
    jpegs = subjects.looked.thumbnails([subjects.rows[i].image_id or "" for i, _ in shown])
    images = [
        ClusterImage(jpegs.get(subjects.rows[i].image_id or ""), subjects.rows[i].path, float(found.clustering.distances[i]), place)
        for i, place in shown
    ]
    name = found.names.get(number)
    title = f"Cluster {number}{f', {name}' if name else ''}: {members.size:,} images"
    sheet = cluster_sheet(title, images, words=found.words[number], classes=found.classes[number])
    sheet.save(path, "JPEG", quality=90)


def _copy(found: FolderClustering, folder: Path, is_linked: bool, progress: Progress) -> None:
    from dataclasses import replace

    from tellapart.dataset_export.decided_copy import Exported, write_copy

    looked = found.subjects.looked
    number_of, assigned = found.subjects.number_of, found.clustering.assigned
    images = []
    for entry, row in zip(looked.dataset.entries, looked.rows, strict=True):
        if row.is_used and row.image_id in number_of:
            number = int(assigned[number_of[row.image_id]])
            label = found.label(number) if number >= 0 else "in no cluster"
            images.append(Exported(looked.dataset.file(entry), replace(row, label=label, part=None)))
    write_copy(images, folder, is_linked=is_linked, progress=progress)


def _applied(found: FolderClustering) -> dict[str, Any]:
    """Label by cluster, as one batch that can be undone: the named clusters, or all by number where none has a name."""
    from tellapart.dataset.decisions import RELABEL
    from tellapart.workflows.decision_writing import decision_about, write_changes

    subjects, names = found.subjects, found.names
    decisions = []
    for row in subjects.looked.rows:
        if not row.is_used or row.image_id not in subjects.number_of:
            continue
        number = int(found.clustering.assigned[subjects.number_of[row.image_id]])
        is_meant = number in names if names else number >= 0
        if is_meant and found.label(number) != row.label:
            decisions.append(decision_about(row, subjects.looked, RELABEL, found.label(number)))
    return write_changes(subjects.looked, decisions, f"tellapart cluster, {found.sentence}").as_dict()
