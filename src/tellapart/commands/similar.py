"""tellapart similar: the images most similar to one, or to each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tellapart.counts import count
from tellapart.dataset.options import DatasetOptions
from tellapart.models.precision import precision_option
from tellapart.options import dataclass, option, with_options
from tellapart.progress import AUTO, Progress
from tellapart.results import Result
from tellapart.shared_options import (
    device_option,
    features_option,
    image_size_option,
    layer_option,
    num_workers_option,
    state_option,
    weights_option,
)

if TYPE_CHECKING:
    from tellapart.analyzed_folder import AnalyzedFolder
    from tellapart.array_types import FloatArray, IntArray
    from tellapart.feature_spec import FeatureSpec
    from tellapart.workflows.explorable_images import ExplorableImages

SHEET, TABLE = Path("similar.jpg"), Path("similar.csv")
SHEETS = (".jpg", ".jpeg", ".png")
COLUMNS = ("path", "rank", "similar", "cosine", "label", "similar_label")
MAX_K = 1000


@dataclass(frozen=True, kw_only=True)
class SimilarOptions(DatasetOptions):
    """What to search for, and how."""

    all_: bool = option(False, "Search for every image of the folder, and write a table.")
    k: int = option(10, "Number of similar images.", minimum=1, maximum=MAX_K)
    skip_duplicates: bool = option(False, "Leave out near-duplicates of the query image, and show only one of each other group.")
    features: str = features_option()
    layer: str | None = layer_option()
    weights: Path | None = weights_option()
    image_size: int | None = image_size_option()
    out: Path | None = option(None, "The contact sheet, by default similar.jpg; the table with --all or for .csv.", metavar="FILE")
    state: Path | None = state_option()
    device: str = device_option()
    precision: str = precision_option()
    num_workers: int | None = num_workers_option()


@dataclass(frozen=True)
class SimilarImage(Result):
    """An image of the folder, and its cosine similarity to the query image."""

    path: str
    label: str | None
    cosine: float


@dataclass(frozen=True)
class SimilarResult(Result):
    """What was found.

    Attributes:
        out: the contact sheet, or the table.
        features: what the images were compared by.
        image: the query image; None for all.
        similar: the most similar first; none for all.
        same_label: share of the images whose most similar one has their label; None without labels or for one image.
        images: number of images searched.
        left_out: reason by path.
        notes: sentences for the user.
    """

    out: Path
    features: str
    image: str | None
    similar: tuple[SimilarImage, ...]
    same_label: float | None
    images: int
    left_out: dict[str, str]
    notes: tuple[str, ...]


@with_options(SimilarOptions)
def similar(folder: str | Path, image: str | Path | None = None, *, options: SimilarOptions, progress: Progress = AUTO) -> SimilarResult:
    """Find the images of a folder that are most similar to one, or to each of them, by the exact cosine of their features.

    The query image may be one of the folder or any other file. The photos are only read.

    Args:
        folder: class folders, unsorted images, a manifest or a bucket.
        image: a path in the folder, or of another file; None with ``all_``.
        progress: progress receiver.
        options: as keywords; see :class:`SimilarOptions`.

    Returns:
        The similar images, or for all how often the most similar one has the same label.

    Raises:
        OptionError: an option is wrong, or the result would be written among the photos.
        DataError: the query image does not exist or cannot be read, or none of the folder's can.
        StorageError: the disk is full or cannot be written.
    """
    from tellapart.feature_spec import spec_of
    from tellapart.output_guards import noting_unchanged
    from tellapart.workflows.explorable_images import explorable_images

    out = _place(options, image)
    spec = spec_of(options.features, layer=options.layer, weights=options.weights, image_size=options.image_size)
    spec = spec.computed(options.device, options.precision)
    images = explorable_images(
        folder,
        spec,
        places={"--out": out},
        reading=options,
        state=options.state,
        num_workers=options.num_workers,
        progress=progress,
    )
    query, neighbors_of_query, same_label = None, [], None
    with noting_unchanged([out], progress):
        if image is None:
            same_label = _search_all(images, options, out, progress)
        else:
            query = _query(images, str(image), spec, options, progress)
            neighbors_of_query = _search(images, query, options, out)
    for note in images.analyzed.notes:
        progress.note(note)
    return SimilarResult(
        out=out,
        features=images.name,
        image=query.path if query else None,
        similar=tuple(neighbors_of_query),
        same_label=same_label,
        images=len(images),
        left_out=images.left_out,
        notes=tuple(images.analyzed.notes),
    )


def _place(chosen: SimilarOptions, image: str | Path | None) -> Path:
    from tellapart.errors import OptionError

    if (image is None) != chosen.all_:
        wrong = "an image was named together with --all" if image is not None else "no image was named"
        raise OptionError(wrong, hint="name one image, or search for all with --all")
    out = (chosen.out or (TABLE if chosen.all_ else SHEET)).expanduser()
    fitting = (".csv",) if chosen.all_ else (*SHEETS, ".csv")
    if out.is_dir() or out.suffix.lower() not in fitting:
        raise OptionError(f"{out} cannot be the result: it must be a file that ends in {', '.join(fitting)}", hint="name a file with --out")
    return out


def _candidates(subjects: ExplorableImages, chosen: SimilarOptions) -> IntArray:
    """Numbers of the images that may be answers: all, or one of each group of near-duplicates."""
    import numpy as np

    if not chosen.skip_duplicates:
        return np.arange(len(subjects))
    return np.unique(subjects.originals)


def _search_all(subjects: ExplorableImages, chosen: SimilarOptions, out: Path, progress: Progress) -> float | None:
    """Write the table; the share of images whose most similar one has their label."""
    import numpy as np

    from tellapart.exploration.neighbors import neighbors
    from tellapart.features.matrix import unit_rows
    from tellapart.large_arrays import take_rows

    units = unit_rows(subjects.features)
    answers = _candidates(subjects, chosen)
    own = np.searchsorted(answers, subjects.originals) if chosen.skip_duplicates else np.arange(len(subjects))
    with progress.stage("comparing", total=len(subjects)) as advance:
        nearest = neighbors(take_rows(units, answers), units, chosen.k, without=own, advance=advance)
    indices = answers[nearest.indices]
    _write_table(out, [(subjects.rows[i].path, subjects.labels[i]) for i in range(len(subjects))], subjects, indices, nearest.similarities)
    labels = subjects.labels
    known = [i for i in range(len(subjects)) if labels[i] is not None and indices.shape[1] and labels[indices[i, 0]] is not None]
    return sum(labels[i] == labels[indices[i, 0]] for i in known) / len(known) if known else None


def _search(subjects: ExplorableImages, query: _Query, chosen: SimilarOptions, out: Path) -> list[SimilarImage]:
    """Write the sheet or the table of one query; the images found."""
    import numpy as np

    from tellapart.exploration.neighbors import neighbors
    from tellapart.features.matrix import unit_rows
    from tellapart.large_arrays import take_rows

    answers = np.array([i for i in _candidates(subjects, chosen) if int(i) not in query.same], np.int64)
    nearest = neighbors(unit_rows(take_rows(subjects.features, answers)), unit_rows(query.features), chosen.k)
    indices, cosines = answers[nearest.indices[0]], nearest.similarities[0]
    if out.suffix.lower() == ".csv":
        _write_table(out, [(query.path, query.label)], subjects, indices[None], cosines[None])
    else:
        _write_sheet(out, query, subjects, indices, cosines)
    return [
        SimilarImage(subjects.rows[i].path, subjects.labels[i], round(float(cosine), 5)) for i, cosine in zip(indices, cosines, strict=True)
    ]


@dataclass(frozen=True, eq=False)
class _Query:
    """The query image: its path, label and features (1, d), and the images of the folder that are not answers to it."""

    path: str
    label: str | None
    features: FloatArray
    same: frozenset[int]
    jpeg: bytes | None


def _query(subjects: ExplorableImages, image: str, spec: FeatureSpec, chosen: SimilarOptions, progress: Progress) -> _Query:
    import numpy as np

    from tellapart.errors import DataError
    from tellapart.workflows.decision_writing import named_rows

    analyzed = subjects.analyzed
    try:
        rows = named_rows(analyzed, [image])
    except DataError:
        if not Path(image).expanduser().is_file():
            raise
        return _from_outside(subjects, Path(image).expanduser(), spec, chosen, progress)
    if len(rows) > 1:
        raise DataError(f"{image} is a folder of {count(len(rows), 'image')}", hint="name one image, or search for all with --all")
    row = rows[0]
    if row.image_id is None:
        raise DataError(f"{row.path} cannot be read: {row.reason}")
    features = analyzed.features.of([row.image_id])
    if not np.isfinite(features).all():
        raise DataError(f"{row.path} cannot be compared: its features are not finite numbers")
    number = subjects.number_of.get(row.image_id)
    same = {number} if number is not None else set()
    if chosen.skip_duplicates and number is not None:
        same |= {int(i) for i in np.flatnonzero(subjects.originals == subjects.originals[number])}
    return _Query(row.path, row.label, features, frozenset(same), analyzed.thumbnails([row.image_id]).get(row.image_id))


def _from_outside(subjects: ExplorableImages, file: Path, spec: FeatureSpec, chosen: SimilarOptions, progress: Progress) -> _Query:
    from tellapart.analyzed_folder import analyze_files
    from tellapart.dataset.image_analysis import thumbnail_of
    from tellapart.errors import DataError
    from tellapart.printable import printable

    try:
        outside = analyze_files([file], spec, num_workers=1, progress=progress)
    except DataError as error:
        raise DataError(f"{file} cannot be compared: {error}", hint=error.hint) from error
    same = _copies(subjects, outside) if chosen.skip_duplicates else frozenset()
    return _Query(printable(str(file)), None, outside.features.values, same, thumbnail_of(file.read_bytes()))


def _copies(subjects: ExplorableImages, outside: AnalyzedFolder) -> frozenset[int]:
    """Images of the folder that show the same photo as one from outside."""
    (own,) = outside.features.image_ids
    same = {own} if own in subjects.number_of else subjects.analyzed.duplicates_of(outside, list(subjects.number_of))
    groups = {int(subjects.originals[subjects.number_of[image_id]]) for image_id in same}
    return frozenset(i for i in range(len(subjects)) if int(subjects.originals[i]) in groups)


def _write_table(
    out: Path, queries: list[tuple[str, str | None]], subjects: ExplorableImages, indices: IntArray, cosines: FloatArray
) -> None:
    from tellapart.csv_writer import csv_file

    with csv_file(out, COLUMNS) as writer:
        for (path, label), row, values in zip(queries, indices.tolist(), cosines.tolist(), strict=True):
            for rank, (i, cosine) in enumerate(zip(row, values, strict=True), start=1):
                writer.write([path, rank, subjects.rows[i].path, f"{cosine:.5f}", label or "", subjects.labels[i] or ""])


def _write_sheet(out: Path, query: _Query, subjects: ExplorableImages, indices: IntArray, cosines: FloatArray) -> None:
    from tellapart.atomic_files import replacing
    from tellapart.reports.contact_sheet import Tile, contact_sheet

    ids = [subjects.rows[i].image_id or "" for i in indices]
    jpegs = subjects.analyzed.thumbnails(ids)
    name = query.path.rpartition("/")[2]
    tiles = [Tile(query.jpeg, f"{name}\nquery", "kept")]
    tiles += [
        Tile(
            jpegs.get(image_id),
            f"{subjects.rows[i].path.rpartition('/')[2]}\n{cosine:.3f} {subjects.labels[i] or ''}",
        )
        for i, image_id, cosine in zip(indices, ids, cosines, strict=True)
    ]
    sheet = contact_sheet(tiles, title=f"Most similar to {name}, by the cosine of {subjects.name}", has_key=False)
    with replacing(out) as partial, partial.open("wb") as file:
        if out.suffix.lower() == ".png":
            sheet.save(file, "PNG")
        else:
            sheet.save(file, "JPEG", quality=92)
