"""tellapart similar: the images most like one, or like each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart.counts import count
from tellapart.dataset.options import DatasetOptions
from tellapart.models.precision import precision_option
from tellapart.options import dataclass, option, with_options
from tellapart.progress import AUTO, Progress
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
    from tellapart.array_types import FloatArray, IntArray
    from tellapart.feature_extraction import Extraction, FeatureSpec
    from tellapart.workflows.explorable_images import ExplorableImages

SHEET, TABLE = Path("similar.jpg"), Path("similar.csv")
SHEETS = (".jpg", ".jpeg", ".png")
COLUMNS = ("path", "rank", "similar", "cosine", "label", "similar_label")
MOST = 1000


@dataclass(frozen=True, kw_only=True)
class SimilarOptions(DatasetOptions):
    """What to look for, and how."""

    all_: bool = option(False, "Ask about every image of the folder, and write a table.")
    k: int = option(10, "How many similar images.", minimum=1, maximum=MOST)
    skip_duplicates: bool = option(False, "Leave out near-duplicates of the image asked about, and show of any others one.")
    features: str = features_option()
    layer: str | None = layer_option()
    weights: Path | None = weights_option()
    image_size: int | None = image_size_option()
    out: Path | None = option(None, "The contact sheet, by default similar.jpg; with --all or for .csv the table.", metavar="FILE")
    state: Path | None = state_option()
    device: str = device_option()
    precision: str = precision_option()
    num_workers: int | None = num_workers_option()


@with_options(SimilarOptions)
def similar(folder: str | Path, image: str | Path | None = None, *, options: SimilarOptions, progress: Progress = AUTO) -> dict[str, Any]:
    """Find the images of a folder that are most like one, or like each of them: exact cosines of what a network sees.

    The image may be one of the folder's or any other file. The photos are only read.

    Args:
        folder: class folders, unsorted images, a manifest or a bucket.
        image: a path in the folder, or of another file; None with ``all_``.
        progress: hears of every image.
        options: as keywords; see :class:`SimilarOptions`.

    Returns:
        ``out``, ``features``, ``image`` (None for all), ``similar`` (path, label, cosine; the most similar first), ``images`` (how many
        could have been found), ``same_label`` (share of the images whose most similar one has their label; None without labels or
        for one image), ``left_out`` (path: reason), ``notes``.

    Raises:
        OptionError: an option is wrong, or the result would lie among the photos.
        DataError: the image asked about is not there or cannot be read, or none of the folder's can.
        StorageError: the disk is full or cannot be written.
    """
    from tellapart.feature_spec import spec_of
    from tellapart.output_guards import check_outside
    from tellapart.workflows.explorable_images import explorable_images

    out = _place(options, image)
    spec = spec_of(options.features, layer=options.layer, weights=options.weights, image_size=options.image_size)
    spec = spec.computed(options.device, options.precision)
    looking: dict[str, Any] = {"device": options.device, "num_workers": options.num_workers, "progress": progress}
    subjects = explorable_images(folder, spec, reading=options, state=options.state, **looking)
    check_outside(out, subjects.looked.dataset)
    found = _of_all(subjects, options, out, progress) if image is None else _of_one(subjects, str(image), spec, options, out, progress)
    for note in subjects.looked.notes:
        progress.note(note)
    return {
        "out": str(out),
        "features": subjects.name,
        "images": len(subjects),
        **found,
        "left_out": subjects.left_out,
        "notes": subjects.looked.notes,
    }


def _place(chosen: SimilarOptions, image: str | Path | None) -> Path:
    from tellapart.errors import OptionError

    if (image is None) != chosen.all_:
        wrong = "an image was named together with --all" if image is not None else "no image was named"
        raise OptionError(wrong, hint="name one image, or ask about every one with --all")
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


def _of_all(subjects: ExplorableImages, chosen: SimilarOptions, out: Path, progress: Progress) -> dict[str, Any]:
    import numpy as np

    from tellapart.exploration.neighbors import neighbors
    from tellapart.features.matrix import unit_rows

    units = unit_rows(subjects.features)
    answers = _candidates(subjects, chosen)
    own = np.searchsorted(answers, subjects.originals) if chosen.skip_duplicates else np.arange(len(subjects))
    with progress.stage("comparing", total=len(subjects)) as advance:
        found = neighbors(units[answers], units, chosen.k, without=own, advance=advance)
    indices = answers[found.indices]
    _write_table(out, [(subjects.rows[i].path, subjects.labels[i]) for i in range(len(subjects))], subjects, indices, found.similarities)
    labels = subjects.labels
    known = [i for i in range(len(subjects)) if labels[i] is not None and indices.shape[1] and labels[indices[i, 0]] is not None]
    same = sum(labels[i] == labels[indices[i, 0]] for i in known) / len(known) if known else None
    return {"image": None, "similar": [], "same_label": same}


def _of_one(
    subjects: ExplorableImages, image: str, spec: FeatureSpec, chosen: SimilarOptions, out: Path, progress: Progress
) -> dict[str, Any]:
    import numpy as np

    from tellapart.exploration.neighbors import neighbors
    from tellapart.features.matrix import unit_rows

    asked = _asked(subjects, image, spec, chosen, progress)
    answers = np.array([i for i in _candidates(subjects, chosen) if int(i) not in asked.same], np.int64)
    found = neighbors(unit_rows(subjects.features[answers]), unit_rows(asked.features), chosen.k)
    indices, cosines = answers[found.indices[0]], found.similarities[0]
    told = [
        {"path": subjects.rows[i].path, "label": subjects.labels[i], "cosine": round(float(c), 5)}
        for i, c in zip(indices, cosines, strict=True)
    ]
    if out.suffix.lower() == ".csv":
        _write_table(out, [(asked.path, asked.label)], subjects, indices[None], cosines[None])
    else:
        _write_sheet(out, asked, subjects, indices, cosines)
    return {"image": asked.path, "similar": told, "same_label": None}


@dataclass(frozen=True, eq=False)
class _Asked:
    """The image asked about: its path, label and features (1, d), and the images of the folder that are no answers to it."""

    path: str
    label: str | None
    features: FloatArray
    same: frozenset[int]
    jpeg: bytes | None


def _asked(subjects: ExplorableImages, image: str, spec: FeatureSpec, chosen: SimilarOptions, progress: Progress) -> _Asked:
    import numpy as np

    from tellapart.errors import DataError
    from tellapart.workflows.decision_writing import named_rows

    looked = subjects.looked
    try:
        rows = named_rows(looked, [image])
    except DataError:
        if not Path(image).expanduser().is_file():
            raise
        return _from_outside(subjects, Path(image).expanduser(), spec, chosen, progress)
    if len(rows) > 1:
        raise DataError(f"{image} is a folder of {count(len(rows), 'image')}", hint="name one image, or ask about every one with --all")
    row = rows[0]
    if row.image_id is None:
        raise DataError(f"{row.path} cannot be read: {row.reason}")
    features = looked.extraction.features.of([row.image_id])
    if not np.isfinite(features).all():
        raise DataError(f"{row.path} cannot be compared: its features are not finite numbers")
    number = subjects.number_of.get(row.image_id)
    same = {number} if number is not None else set()
    if chosen.skip_duplicates and number is not None:
        same |= {int(i) for i in np.flatnonzero(subjects.originals == subjects.originals[number])}
    return _Asked(row.path, row.label, features, frozenset(same), looked.thumbnails([row.image_id]).get(row.image_id))


def _from_outside(subjects: ExplorableImages, file: Path, spec: FeatureSpec, chosen: SimilarOptions, progress: Progress) -> _Asked:
    import tempfile

    from tellapart.dataset import Catalog
    from tellapart.dataset.dataset import files_dataset
    from tellapart.errors import DataError
    from tellapart.feature_extraction import extract
    from tellapart.images import decode
    from tellapart.images.thumbnails import thumbnail
    from tellapart.printable import printable

    try:
        with tempfile.TemporaryDirectory() as place, Catalog(Path(place) / "catalog.sqlite") as catalog:
            seen = extract(files_dataset([file]), spec, catalog=catalog, num_workers=1, progress=progress)
    except DataError as error:
        raise DataError(f"{file} cannot be asked about: {error}", hint=error.hint) from error
    same = _copies(subjects, seen) if chosen.skip_duplicates else frozenset()
    return _Asked(printable(str(file)), None, seen.features.values, same, thumbnail(decode(file.read_bytes(), min_size=128).pixels))


def _copies(subjects: ExplorableImages, seen: Extraction) -> frozenset[int]:
    """Images of the folder that show the same photo as one from outside."""
    from dataclasses import replace

    import numpy as np

    from tellapart.analyzed_folder import near_duplicate_pairs
    from tellapart.dataset.dataset import files_dataset
    from tellapart.feature_extraction import Extraction
    from tellapart.features import FeatureMatrix

    own = seen.features.image_ids[0]
    if own in subjects.number_of:
        return frozenset(np.flatnonzero(subjects.originals == subjects.originals[subjects.number_of[own]]).tolist())
    inside, root = subjects.looked.extraction, subjects.looked.dataset.root
    files = (*seen.files, *(replace(file, path=str(root / file.path)) for file in inside.files))
    features = FeatureMatrix((own, *subjects.number_of), np.vstack([seen.features.values, subjects.features]), inside.features.provenance)
    both = Extraction(files, {**inside.facts, **seen.facts}, features)
    pairs = near_duplicate_pairs(files_dataset([file.path for file in files]), both)
    copies = {subjects.number_of[one] for pair in pairs if own in pair for one in pair if one != own}
    groups = {int(subjects.originals[number]) for number in copies}
    return frozenset(i for i in range(len(subjects)) if int(subjects.originals[i]) in groups)


def _write_table(
    out: Path, asked: list[tuple[str, str | None]], subjects: ExplorableImages, indices: IntArray, cosines: FloatArray
) -> None:
    from tellapart.csv_writer import csv_file

    with csv_file(out, COLUMNS) as writer:
        for (path, label), row, values in zip(asked, indices.tolist(), cosines.tolist(), strict=True):
            for rank, (i, cosine) in enumerate(zip(row, values, strict=True), start=1):
                writer.write([path, rank, subjects.rows[i].path, f"{cosine:.5f}", label or "", subjects.labels[i] or ""])


def _write_sheet(out: Path, asked: _Asked, subjects: ExplorableImages, indices: IntArray, cosines: FloatArray) -> None:
    from tellapart.atomic_files import replacing
    from tellapart.reports.contact_sheet import Tile, contact_sheet

    ids = [subjects.rows[i].image_id or "" for i in indices]
    jpegs = subjects.looked.thumbnails(ids)
    name = asked.path.rpartition("/")[2]
    tiles = [Tile(asked.jpeg, f"{name}\nasked about", "kept")]
    tiles += [
        Tile(jpegs.get(image_id), f"{subjects.rows[i].path.rpartition('/')[2]}\n{cosine:.3f} {subjects.labels[i] or ''}")
        for i, image_id, cosine in zip(indices, ids, cosines, strict=True)
    ]
    sheet = contact_sheet(tiles, title=f"Most like {name}, by {subjects.name}")
    with replacing(out) as partial, partial.open("wb") as file:
        if out.suffix.lower() == ".png":
            sheet.save(file, "PNG")
        else:
            sheet.save(file, "JPEG", quality=92)
